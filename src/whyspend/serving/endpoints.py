"""Endpoints as data, and the web application that they make together."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whyspend.serving.answers import Answers
from whyspend.serving.guard import Guard
from whyspend.serving.refusing import RefusedError, said


@dataclass(frozen=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    """As starlette writes it: `/runs/{run_id}`."""
    answer: Callable[[Request], Awaitable[Response]]
    """May raise RefusedError. The first line of its docstring says what it is for."""
    prefixes: tuple[str, ...] = ("",)
    """What may stand before the path."""


def application(endpoints: Sequence[Endpoint], guard: Guard, answers: Answers) -> ASGIApp:
    """The web application of some endpoints."""
    routes = [
        Route(prefix + endpoint.path, endpoint.answer, methods=[endpoint.method])
        for endpoint in endpoints
        for prefix in endpoint.prefixes
    ]
    found = Starlette(routes=routes, exception_handlers={RefusedError: _refused, ClientDisconnect: _gone})
    return _Guarded(found, guard, answers)


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
        await answer(scope, receive, self.answers.counting(send))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return said(error.status, error.why)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
