"""Endpoints as data: what each takes and answers stands beside its method and path.

`GET /openapi.json` is made of it (see describing), and so are the tests that go through all endpoints.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

Schema = Mapping[str, object]
"""A JSON Schema (draft 2020-12), as OpenAPI 3.1 has it; {} is anything."""

JSON = "application/json"

BODY_REFUSALS: Mapping[int, str] = {
    400: "The body is broken, or is not what Content-Type and Content-Encoding say.",
    408: "The body took too long to arrive.",
    413: "The body is too long.",
    415: "Content-Encoding is none that is known.",
    422: "The body is well formed, but does not say what is needed.",
    503: "There is no room for more now. Send it again after Retry-After.",
}
"""How whoever takes a body in refuses it."""

ASKING_REFUSALS: Mapping[int, str] = {
    400: "The question cannot be answered as it was asked.",
    500: "The ledger or the configuration cannot be used.",
    503: "Too many questions wait. Ask again after Retry-After.",
    504: "The answer takes too long.",
}
"""How whoever asks the ledger refuses to answer."""


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers with one status."""

    meaning: str
    contents: Mapping[str, Schema] = field(default_factory=dict)
    """By content type; none: there is no body."""


@dataclass(frozen=True)
class Parameter:
    """Something in the query."""

    name: str
    meaning: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    is_required: bool = False


Door = Literal["key", "session", "open"]
"""Who may ask where a key is demanded: who sends it; a browser that signed in with it, too; anybody."""


@dataclass(frozen=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    """As starlette writes it: `/runs/{run_id}`."""
    answer: Callable[[Request], Awaitable[Response]]
    """The first line of its docstring says what it is for. May raise RefusedError, or a WhyspendError: 400 where it is
    a UsageError, else 500."""
    prefixes: tuple[str, ...] = ("",)
    """What may stand before the path."""
    replies: Mapping[int, Reply] = field(default_factory=dict)
    """What it answers, by status."""
    refusals: Mapping[int, str] = field(default_factory=dict)
    """Why it may raise RefusedError, by status. Those of the guard need not be said."""
    body: Mapping[str, Schema] = field(default_factory=dict)
    """What it takes, by content type; none: nothing."""
    parameters: tuple[Parameter, ...] = ()
    """Of the query; those of the path are taken from there."""
    door: Door = "key"
