"""One local port: who may speak, what is refused, and the endpoints that others declare.

endpoints = [Endpoint("GET", "/info", answer), ...]
serve(application(endpoints, Guard(key, is_local=True), Answers()), bind, port, started=..., look=...)
"""

from whyspend.serving.answers import Answers
from whyspend.serving.bodies import Room
from whyspend.serving.endpoints import Endpoint, application
from whyspend.serving.guard import Guard, is_loopback
from whyspend.serving.port import serve
from whyspend.serving.refusing import RefusedError

__all__ = ["Answers", "Endpoint", "Guard", "RefusedError", "Room", "application", "is_loopback", "serve"]
