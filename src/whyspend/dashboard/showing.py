"""What all pages share: the frame, what is said once after something was changed, and errors as a page."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.links import elsewhere, overview_address, prices_address
from whyspend.dashboard.live import token
from whyspend.dashboard.markup import page
from whyspend.dashboard.signing import Visit
from whyspend.errors import UsageError, WhyspendError
from whyspend.serving import Guard, RefusedError
from whyspend.spelling import visible
from whyspend.workspace.questions import Question

SAID = "whyspend_said"
"""The cookie that says what was just done, until the next page has told."""

DONE: Mapping[str, str] = {
    "rule": "The rule is written to whyspend.toml. It holds for the past, too: no pull is needed.",
    "closed": "The month is closed: its prices do not move any more.",
}
"""What can have been done, by the value of that cookie."""

PAGES = (
    ("Overview", "/"),
    ("Explore", "/reports/report"),
    ("Explain", "/reports/explain"),
    ("Requests", "/reports/requests"),
    ("Coverage", "/reports/coverage"),
    ("Budgets", "/reports/budgets"),
    ("Prices", "/prices"),
    ("Data", "/data"),
)

_REPORTS = "/reports/"
_EXPLORE = "/reports/report"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Showing:
    """Makes pages for one port."""

    guard: Guard
    desk: Desk

    async def page(self, request: Request, template: str, make: Callable[[], Awaitable[Values]]) -> Response:
        """A page of a template and its values, or of why there are none.

        A long one takes half a second to write, so that is done in a thread: what takes calls in shares this loop.
        """
        try:
            values = await make()
            status = values.get("status", 200)
            return await asyncio.to_thread(self._page, request, template, values, status)
        except (WhyspendError, RefusedError) as error:
            return self._failed(request, error)

    async def done(self, request: Request, act: Callable[[], Awaitable[Response]]) -> Response:
        """What a form is answered with: where to go on, or a page that says why nothing was changed."""
        try:
            return await act()
        except (WhyspendError, RefusedError) as error:
            return self._failed(request, error)

    def _failed(self, request: Request, error: WhyspendError | RefusedError) -> Response:
        if isinstance(error, RefusedError):
            return self._page(request, "error.html", {"why": visible(error.why)}, error.status)
        status = 400 if isinstance(error, UsageError) else 500
        return self._page(request, "error.html", {"why": visible(str(error))}, status)

    def _page(self, request: Request, template: str, values: Values, status: int) -> Response:
        visit = Visit.of(request)
        said = DONE.get(request.cookies.get(SAID, ""), "")
        frame = {
            "path": _page_of(request.url.path),
            "pages": self._pages(values),
            "said": said,
            "token": self.guard.sessions.token(visit.cookie),
            "can_sign_out": bool(self.guard.key),
            "live": token(self.desk),
        }
        answer = visit.with_cookie(page(template, {**frame, **values}, status))
        if said:
            answer.headers.append("Set-Cookie", say("", seconds=0))
        return answer

    def _pages(self, values: Values) -> list[tuple[str, str]]:
        """The pages, and where they are: each of the days, filters and prices of this one."""
        question = values.get("question")
        return [(name, path if question is None else _same(path, question)) for name, path in PAGES]


def _page_of(path: str) -> str:
    """The page that is marked as the current one: reports without one of their own are explored."""
    is_known = any(path == each for _, each in PAGES)
    return _EXPLORE if path.startswith(_REPORTS) and not is_known else path


def _same(path: str, question: Question) -> str:
    """Another page of the days, filters and prices of a question."""
    if path.startswith(_REPORTS):
        return elsewhere(question, path.removeprefix(_REPORTS))
    others = {"/": overview_address, "/prices": prices_address}
    return others[path](question) if path in others else path


def see(path: str, code: str) -> Response:
    """Go on to a page, which says what was done."""
    answer = RedirectResponse(path, 303)
    answer.headers["Set-Cookie"] = say(code)
    return answer


def say(code: str, *, seconds: int = 60) -> str:
    """The `Set-Cookie` of what the next page says."""
    return f"{SAID}={code}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}"
