"""Where the asked days have no calls: which days have some, and the page of the last of them."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from whyspend.dashboard.desk import Desk
from whyspend.model import Table
from whyspend.workspace import Workspace
from whyspend.workspace.questions import Question
from whyspend.workspace.windows import zone

LAST_DAYS = timedelta(days=6)
"""Before the last day that has calls: a week in all."""


@dataclass(frozen=True)
class Held:
    """The days of which the ledger has calls."""

    first: date
    last: date
    week: Question
    """The same question of the last week of them."""

    is_filtered: bool
    """These days may have calls, of which the filter leaves none."""

    @property
    def since(self) -> str:
        """The first day of that week."""
        return self.week.since


async def held(desk: Desk, asked: Question, table: Table) -> Held | None:
    """The days that have calls; None where the asked ones have some, or none has."""
    if table.trust.calls:
        return None

    def look(place: Workspace) -> tuple[date, date] | None:
        span = place.ledger.snapshot().span
        local = zone(asked.timezone or place.config.timezone)
        return (span[0].astimezone(local).date(), span[1].astimezone(local).date()) if span else None

    found = await desk.known(("held", asked.timezone), look, lambda _: 100)
    if found is None:
        return None
    first, last = found
    overlaps = table.window.since <= last and table.window.until >= first
    week = replace(asked, since=str(max(first, last - LAST_DAYS)), until=str(last))
    return Held(first, last, week, bool(asked.where) and overlaps)
