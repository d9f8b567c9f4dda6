"""The web application that endpoints make together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whyspend.errors import UsageError, WhyspendError
from whyspend.serving.answers import Answers
from whyspend.serving.describing import description
from whyspend.serving.endpoints import JSON, Door, Endpoint, Reply
from whyspend.serving.guard import Guard, is_of_another_site, wants_page
from whyspend.serving.refusing import RefusedError, followed, missing, said

AT_ONCE = 1_000
"""Requests that are answered at once; beyond it senders are told to come back later."""


def application(
    endpoints: Sequence[Endpoint], guard: Guard, answers: Answers, *, sign_in: str = ""
) -> ASGIApp:
    """The web application of some endpoints, and of `GET /openapi.json`, which describes them all.

    Args:
        endpoints: what it answers.
        guard: who may speak.
        answers: where answers are counted.
        sign_in: the path of a page where a browser can sign in; "": there is none.
    """
    doors = [
        (Route(prefix + endpoint.path, endpoint.answer, methods=[endpoint.method]), endpoint.door)
        for endpoint in described(endpoints)
        for prefix in endpoint.prefixes
    ]
    routes = [route for route, _ in doors]
    handlers = {
        RefusedError: _refused,
        WhyspendError: _failed,
        HTTPException: _not_there,
        ClientDisconnect: _gone,
    }
    inner = Starlette(routes=routes, exception_handlers=handlers)
    return _Guarded(inner, guard, answers, tuple(doors), sign_in)


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
    doors: tuple[tuple[Route, Door], ...]
    sign_in: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        answer: ASGIApp = self.inner
        door = self._door(scope)
        if refusal := self.guard.refusal(headers, door):
            answer = self._instead(scope, headers, door, *refusal)
        elif self.answers.open >= AT_ONCE:
            answer = said(503, "Too many requests at once. Send it again in a second.")
        with self.answers.one():
            await answer(scope, receive, self.answers.counting(send))

    def _door(self, scope: Scope) -> Door:
        """Whose door a request is at; where there is nothing, a browser that signed in may be told so."""
        matches = [(route.matches(scope)[0], door) for route, door in self.doors]
        found = (door for match, door in matches if match is Match.FULL)
        return next(found, "key" if any(match is Match.PARTIAL for match, _ in matches) else "session")

    def _instead(
        self, scope: Scope, headers: Mapping[str, str], door: Door, status: int, why: str
    ) -> Response:
        """The refusal; a person in a browser is told how to go on instead."""
        if door != "key" and wants_page(scope["method"], headers):
            address = quote(scope["path"]) + (
                f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            )
            if status == 401 and self.sign_in:
                return RedirectResponse(f"{self.sign_in}?next={quote(address, safe='')}", 303)
            if status == 403 and is_of_another_site(headers, headers.get("host", "")):
                return followed(address)
        return said(status, why)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return said(error.status, error.why)


async def _failed(_: Request, error: Exception) -> Response:
    """A question that cannot be answered: as it was asked, or because of the ledger or the configuration."""
    return said(400 if isinstance(error, UsageError) else 500, str(error))


async def _not_there(request: Request, error: Exception) -> Response:
    """No such path, or no such method of it: `Allow` says which there are."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and wants_page(request.method, request.headers):
        return missing()
    answer = said(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
