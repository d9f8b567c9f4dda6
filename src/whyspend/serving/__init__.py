"""One local port: who may speak, what is refused, and the endpoints that others declare.

reply = Reply("What an SDK must know.", {JSON: {"type": "object"}})
endpoints = [Endpoint("GET", "/info", answer, replies={200: reply}), ...]
serve(application(endpoints, Guard(key, is_local=True), Answers()), bind, port, started=..., look=...)
An endpoint that needs the ledger asks: `await asking.ask(lambda place: ...)`.
"""

from whyspend.serving.answers import Answers
from whyspend.serving.app import application
from whyspend.serving.asking import Asking
from whyspend.serving.bodies import Room
from whyspend.serving.endpoints import (
    ASKING_REFUSALS,
    BODY_REFUSALS,
    JSON,
    Endpoint,
    Parameter,
    Reply,
    Schema,
)
from whyspend.serving.guard import Guard, is_loopback
from whyspend.serving.port import serve
from whyspend.serving.refusing import RefusedError

__all__ = [
    "ASKING_REFUSALS",
    "BODY_REFUSALS",
    "JSON",
    "Answers",
    "Asking",
    "Endpoint",
    "Guard",
    "Parameter",
    "RefusedError",
    "Reply",
    "Room",
    "Schema",
    "application",
    "is_loopback",
    "serve",
]
