"""What a page asks every few seconds: has anything changed? It costs a few looks at the disk, and no query."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.markup import PAGE_HEADERS
from whyspend.serving import JSON, Endpoint, Reply


@dataclass(frozen=True)
class Counts:
    """What a collector has done."""

    calls: int
    """Published since it started; again where one changed."""
    open: int
    """Runs that go on."""


@dataclass(frozen=True)
class Live:
    """Tells pages when to look again."""

    desk: Desk
    counts: Callable[[], Counts]

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        state = {200: Reply("The state, and what was collected.", {JSON: {"type": "object"}})}
        return [Endpoint("GET", "/live", self.state, replies=state, door="session")]

    async def state(self, _: Request) -> Response:
        """A token that changes with the ledger, its prices and the configuration; and what was collected."""
        counts = self.counts()
        found = {"state": token(self.desk), "calls": counts.calls, "open": counts.open}
        return JSONResponse(found, headers=PAGE_HEADERS)


def token(desk: Desk) -> str:
    """Another one whenever anything changed that answers rest on."""
    return hashlib.sha256(repr(desk.state()).encode()).hexdigest()[:16]
