"""Signing in with the key, and the tokens of forms that change something.

Where no key is demanded there is nothing to sign in for; the first form still gives the browser a cookie, so that its
token is this browser's alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whyspend.dashboard.markup import page
from whyspend.serving import (
    ASKING_REFUSALS,
    JSON,
    Answers,
    Endpoint,
    Guard,
    Parameter,
    RefusedError,
    Reply,
    Schema,
)
from whyspend.serving.sessions import cookie_of, fresh, set_cookie

PATH = "/sign-in"

FORM_BYTES = 64 << 10
"""The longest form."""

FORM_SECONDS = 10.0
"""How long it may take to arrive."""

AT_ONCE = 50
"""Forms of those who are not signed in, at once: whoever has no key must not take the places of those who have."""

WRONG_SECONDS = 1.0
"""How long a wrong key is thought about."""

TOKEN = "token"  # noqa: S105  the name of the field
NEXT = Parameter("next", "Where to go on, a path of ours.")
FORM: Mapping[str, Schema] = {"application/x-www-form-urlencoded": {"type": "object"}}
HTML: Mapping[str, Schema] = {"text/html": {"type": "string"}}
PAGE = {200: Reply("The page.", HTML)}
SEEN = {303: Reply("It is done: see the page it leads to.")}
WRONG = {401: Reply("That is not the key.", HTML)}
FORM_REFUSALS = {
    400: "The form is broken.",
    403: "The form is not of this page.",
    408: "The form took too long to arrive.",
    413: "The form is too long.",
}


Answered = Callable[[Request], Awaitable[Response]]


def page_at(path: str, answer: Answered) -> Endpoint:
    """A page for whoever has the key, or signed in with it."""
    missing = {404: "There is no such page."} if "{" in path else {}
    replies = {**PAGE, **_as_pages({**ASKING_REFUSALS, **missing})}
    return Endpoint("GET", path, answer, replies=replies, door="session")


def form_at(path: str, answer: Answered) -> Endpoint:
    """What the form of such a page is sent to."""
    replies = {**SEEN, **_as_pages({**ASKING_REFUSALS, **FORM_REFUSALS})}
    return Endpoint("POST", path, answer, replies=replies, body=FORM, door="session")


def _open_form(path: str, answer: Answered, replies: Mapping[int, Reply]) -> Endpoint:
    """A form for whoever is not signed in."""
    refusals = {**FORM_REFUSALS, 503: "Too many sign in at once. Try again after Retry-After."}
    return Endpoint("POST", path, answer, replies=replies, refusals=refusals, body=FORM, door="open")


def _as_pages(refusals: Mapping[int, str]) -> Mapping[int, Reply]:
    """Refusals that people read as a page; the guard's own are JSON."""
    return {status: Reply(why, {**HTML, JSON: {}}) for status, why in refusals.items()}


@dataclass(frozen=True)
class Signing:
    """Signs browsers in and out."""

    guard: Guard
    open: Answers = field(default_factory=Answers, compare=False)
    """Forms that are being answered."""

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [
            Endpoint("GET", PATH, self.ask, replies=PAGE, parameters=(NEXT,), door="open"),
            _open_form(PATH, self.sign_in, {**SEEN, **WRONG}),
            _open_form("/sign-out", self.sign_out, SEEN),
        ]

    async def ask(self, request: Request) -> Response:
        """The form that asks for the key."""
        return page("sign_in.html", {"next": _own_path(request.query_params.get("next", "")), "wrong": False})

    async def sign_in(self, request: Request) -> Response:
        """Take the key, and remember the browser by a cookie."""
        with self._one_of_few():
            given = await form_of(request)
            onward = _own_path(given.get("next", ""))
            if not self.guard.is_key(given.get("key", "")):
                await asyncio.sleep(WRONG_SECONDS)
                return page("sign_in.html", {"next": onward, "wrong": True}, 401)
        answer = RedirectResponse(onward, 303)
        answer.headers["Set-Cookie"] = set_cookie(self.guard.sessions.begin())
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Forget the browser."""
        with self._one_of_few():
            await form_of(request)
        self.guard.sessions.end(cookie_of(request.headers))
        answer = RedirectResponse(PATH, 303)
        answer.headers["Set-Cookie"] = set_cookie("", 0)
        return answer

    @contextmanager
    def _one_of_few(self) -> Iterator[None]:
        if self.open.open >= AT_ONCE:
            raise RefusedError(503, "Too many sign in at once. Try again in a second.")
        with self.open.one():
            yield


@dataclass(frozen=True)
class Visit:
    """A browser that looks at a page with a form: its cookie, and whether it has it already."""

    cookie: str
    is_new: bool

    @classmethod
    def of(cls, request: Request) -> "Visit":
        """The browser of a request."""
        held = cookie_of(request.headers)
        return cls(held or fresh(), not held)

    def with_cookie(self, answer: Response) -> Response:
        """The page, with the cookie where the browser has none."""
        if self.is_new:
            answer.headers["Set-Cookie"] = set_cookie(self.cookie, None)
        return answer


async def changing_form(request: Request, guard: Guard) -> dict[str, str]:
    """The fields of a form that changes something.

    Raises:
        RefusedError: 403, it does not come from a page of ours that this browser looks at.
    """
    # A browser says with every POST where it comes from; the guard has compared that with this address.
    if "origin" not in request.headers:
        raise RefusedError(403, "This is for the form on the page.")
    given = await form_of(request)
    if not guard.sessions.is_token(cookie_of(request.headers), given.get(TOKEN, "")):
        raise RefusedError(
            403, "The page was open for too long. Go back, load it again, and send the form again."
        )
    return given


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of one that comes twice, the last.

    Raises:
        RefusedError: it is too long, too slow, or no form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() not in FORM:
        raise RefusedError(400, "This takes a form.")
    body = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > FORM_BYTES:
                    raise RefusedError(413, f"The form is longer than {FORM_BYTES >> 10} KiB.")
    except TimeoutError:
        raise RefusedError(408, f"The form took longer than {FORM_SECONDS:g} s.") from None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise RefusedError(400, "The form is broken.") from None


def _own_path(text: str) -> str:
    """A path of ours; the overview where it is none: a link must not lead from here to another site."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_path else "/"
