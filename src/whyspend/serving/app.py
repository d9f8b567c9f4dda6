"""The web application that endpoints make together."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whyspend.errors import UsageError, WhyspendError
from whyspend.serving.answers import Answers
from whyspend.serving.describing import description
from whyspend.serving.endpoints import JSON, Endpoint, Reply
from whyspend.serving.guard import Guard
from whyspend.serving.refusing import RefusedError, said

AT_ONCE = 1_000
"""Requests that are answered at once; beyond it senders are told to come back later."""


def application(endpoints: Sequence[Endpoint], guard: Guard, answers: Answers) -> ASGIApp:
    """The web application of some endpoints, and of `GET /openapi.json`, which describes them all."""
    routes = [
        Route(prefix + endpoint.path, endpoint.answer, methods=[endpoint.method])
        for endpoint in described(endpoints)
        for prefix in endpoint.prefixes
    ]
    handlers = {
        RefusedError: _refused,
        WhyspendError: _failed,
        HTTPException: _not_there,
        ClientDisconnect: _gone,
    }
    return _Guarded(Starlette(routes=routes, exception_handlers=handlers), guard, answers)


def described(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """The endpoints, and the one that describes them and itself."""

    async def describe(_: Request) -> Response:
        """What this address answers, as OpenAPI 3.1."""
        return JSONResponse(description(every))

    page = Reply("The description.", {JSON: {"type": "object"}})
    every = [*endpoints, Endpoint("GET", "/openapi.json", describe, replies={200: page})]
    return every


@dataclass(frozen=True)
class _Guarded:
    """Lets in who may speak, before anything of a body is read; counts the answers."""

    inner: ASGIApp
    guard: Guard
    answers: Answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        answer = self.inner
        if refusal := self.guard.refusal(headers):
            answer = said(*refusal)
        elif self.answers.open >= AT_ONCE:
            answer = said(503, "Too many requests at once. Send it again in a second.")
        with self.answers.one():
            await answer(scope, receive, self.answers.counting(send))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return said(error.status, error.why)


async def _failed(_: Request, error: Exception) -> Response:
    """A question that cannot be answered: as it was asked, or because of the ledger or the configuration."""
    return said(400 if isinstance(error, UsageError) else 500, str(error))


async def _not_there(_: Request, error: Exception) -> Response:
    """No such path, or no such method of it: `Allow` says which there are."""
    assert isinstance(error, HTTPException)
    answer = said(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
