"""The first page: what was spent, why it changed, where the month ends, the budgets, and what is not known."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whyspend.dashboard.answering import shown
from whyspend.dashboard.controls import presets
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.elsewhen import held
from whyspend.dashboard.grid import Shown, single
from whyspend.dashboard.links import address, overview_address
from whyspend.dashboard.showing import Showing
from whyspend.dashboard.signing import page_at
from whyspend.model import Cell, Table, TableColumn
from whyspend.serving import Endpoint
from whyspend.spelling import visible
from whyspend.workspace.questions import THEN, of_pairs, shell_line

ROWS = 5
"""Of each table: the page is one screen."""

CAUSES = 3

FEWER = (
    "requests", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_tokens", "output_tokens",
    "list_cost_usd",
)  # fmt: skip
"""Columns of a report that the first page leaves out."""


@dataclass(frozen=True)
class Overview:
    """The first page."""

    desk: Desk
    showing: Showing
    sending: Callable[[str], str]
    """Says how traces are sent to an address; "" where none are taken in."""

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [page_at("/", self.overview)]

    async def overview(self, request: Request) -> Response:
        """The first page."""
        return await self.showing.page(request, "overview.html", lambda: self._values(request))

    async def _values(self, request: Request) -> Mapping[str, Any]:
        asked = of_pairs("report", request.query_params.multi_items()).of("report")
        owner = self.desk.config().dimensions[0]
        spend = asked.with_options(by=(owner,))
        why = asked.of("explain")
        month = asked.of("forecast")
        limits = asked.of("budgets", where=(), prices=THEN)
        of_spend, of_why, of_month, of_limits = await asyncio.gather(
            self.desk.table(spend, pictures=True),
            self.desk.table(why),
            self.desk.table(month),
            self.desk.table(limits),
        )
        days = await held(self.desk, asked, of_spend)
        steps = () if days and days.is_filtered else ("pull",) if days else ("pull", "demo")
        spent = await asyncio.to_thread(shown, self.desk, spend, of_spend, most=ROWS, but=FEWER)
        return {
            "question": asked,
            "presets": presets(asked, "/"),
            "owner": owner,
            "coverage_address": address(asked.of("coverage")),
            "calls": of_spend.trust.calls,
            "why_empty": list(map(visible, of_spend.notes)),
            "held": days,
            "held_address": overview_address(days.week) if days else "",
            "first_steps": [shell_line(["whyspend", each, *self.desk.typed]) for each in steps],
            "sending": "" if days else self.sending(f"{request.url.scheme}://{request.url.netloc}"),
            "spend": spent,
            "spent": _total(of_spend, "cost_usd"),
            "change": _total(of_spend, "change_usd"),
            "why": shown(self.desk, why, of_why, most=CAUSES),
            "month": shown(self.desk, month, of_month),
            "end": {
                name: _total(of_month, f"{name}_usd") for name in ("forecast", "low_80", "high_80", "spent")
            },
            "budgets": shown(self.desk, limits, _worst_first(of_limits), most=ROWS, but=_BUDGETS_LESS),
            "standing": _statuses(of_limits),
            "expected_over": expected_over(of_limits),
            "tagged": _share("tagged_usd", of_spend.trust.tagged_usd),
            "priced": _share("priced", of_spend.trust.priced),
        }


STATUSES = ("over", "warn", "unpriced", "ok")
"""Of budgets, the worst first."""

_BUDGETS_LESS = ("from", "to", "pace", "left_per_day_usd", "unpriced_calls")


def _total(table: Table, name: str) -> Shown | None:
    """A total as a figure; None where the answer has none."""
    column = next((column for column in table.columns if column.name == name), None)
    return single(column, table.total.get(name)) if column and name in table.total else None


def _share(name: str, share: Decimal | None) -> Shown:
    return single(TableColumn(name, "share"), share)


def expected_over(table: Table) -> int:
    """How many budgets are not over, but will probably be at the end of their period."""
    names = [column.name for column in table.columns]
    rows = (dict(zip(names, row, strict=True)) for row in table.rows)
    return sum(row.get("status") != "over" and _ends_over(row) for row in rows)


def _ends_over(row: Mapping[str, Cell]) -> bool:
    """Whether a budget in dollars, or of another unit, is projected beyond its limit; unknown is not."""
    end, limit, share = (row.get(name) for name in ("projected_usd", "limit_usd", "projected"))
    if isinstance(end, Decimal) and isinstance(limit, Decimal):
        return end > limit
    return isinstance(share, Decimal) and share > 1


def _worst_first(table: Table) -> Table:
    """Budgets that are over before those that are near, whatever the order in which they are configured."""
    names = [column.name for column in table.columns]
    if not {"status", "share"} <= set(names):
        return table
    status, share = names.index("status"), names.index("share")

    def place(row: tuple[Cell, ...]) -> tuple[int, Decimal]:
        used = row[share]
        rank = STATUSES.index(str(row[status])) if row[status] in STATUSES else len(STATUSES)
        return rank, -used if isinstance(used, Decimal) else Decimal(0)

    return replace(table, rows=tuple(sorted(table.rows, key=place)))


def _statuses(table: Table) -> Mapping[str, int]:
    """How many budgets are over, near, and well; empty where none is configured."""
    names = [column.name for column in table.columns]
    found: Counter[Cell] = (
        Counter(row[names.index("status")] for row in table.rows) if "status" in names else Counter()
    )
    return {str(status): found[status] for status in STATUSES if found[status]}
