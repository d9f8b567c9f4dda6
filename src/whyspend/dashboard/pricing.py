"""The pages of prices: the book and what has no price, one model over time, the closed months."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from whyspend.dashboard.answering import shown
from whyspend.dashboard.controls import controls
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.grid import Grid, Head, Link, Row, Shown, nowhere, single
from whyspend.dashboard.sheets import Leaf, leaf
from whyspend.dashboard.showing import Showing, see
from whyspend.dashboard.signing import changing_form, form_at, page_at
from whyspend.model import Cell, Table, TableColumn
from whyspend.serving import Endpoint, Guard
from whyspend.spelling import visible
from whyspend.workspace.closing import close
from whyspend.workspace.questions import THEN, of_pairs
from whyspend.workspace.sheet_questions import SheetQuestion, asked

BASES = ("recorded", THEN, "now")


@dataclass(frozen=True)
class Pricing:
    """The pages of prices, and the form that closes a month."""

    desk: Desk
    showing: Showing
    guard: Guard

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [
            page_at("/prices", self.book),
            page_at("/prices/show", self.model),
            form_at("/prices/close", self.close),
        ]

    async def book(self, request: Request) -> Response:
        """The price book: what is used, what has no price, and what each way of pricing comes to."""
        return await self.showing.page(request, "prices.html", lambda: self._book(request))

    async def model(self, request: Request) -> Response:
        """One model over time."""
        return await self.showing.page(
            request, "price.html", lambda: self._model(request.query_params.get("model", ""))
        )

    async def close(self, request: Request) -> Response:
        """Close a month: its prices do not move any more."""
        return await self.showing.done(request, lambda: self._close(request))

    async def _close(self, request: Request) -> Response:
        given = await changing_form(request, self.guard)
        month = given.get("month", "").strip()
        await self.desk.asking.ask(lambda place: close(place, month))
        return see("/prices", "closed")

    async def _book(self, request: Request) -> Mapping[str, Any]:
        pairs = [pair for pair in request.query_params.multi_items() if pair[0] != "all"]
        days = of_pairs("report", pairs).of("report")
        every = request.query_params.get("all", "") == "yes"
        at_bases = [replace(days, prices=basis).with_options(by=("model",)) for basis in BASES]
        leaves, priced = await asyncio.gather(
            asyncio.gather(
                self._leaf(asked("prices list", all_=every), _to_model),
                self._leaf(
                    asked(
                        "prices unpriced",
                        since=days.since,
                        until=days.until,
                        timezone=days.timezone,
                        where=days.where,
                    )
                ),
                self._leaf(asked("prices closed")),
            ),
            asyncio.gather(*map(self.desk.table, at_bases)),
        )
        book, unpriced, months = leaves
        answers = [
            shown(self.desk, each, answer, most=0) for each, answer in zip(at_bases, priced, strict=True)
        ]
        return {
            "question": days,
            "controls": replace(controls(days.of("report"), ()), own=()),
            "every": every,
            "book": book,
            "unpriced": unpriced,
            "months": months,
            "bases": _side_by_side(priced),
            "answers": answers,
            "days": answers[0].days,
        }

    async def _model(self, model: str) -> Mapping[str, Any]:
        question = asked("prices show", model=model)
        sheet = await self.desk.sheet(question)
        return {
            "leaf": await asyncio.to_thread(leaf, self.desk, question, sheet),
            "book": visible(str(sheet.facts["price_book"])),
        }

    async def _leaf(self, question: SheetQuestion, link: Link = nowhere) -> Leaf:
        sheet = await self.desk.sheet(question)
        return await asyncio.to_thread(leaf, self.desk, question, sheet, link)  # the whole book takes a while


def _to_model(column: TableColumn, name: Cell, row: Row) -> str:
    """To the history of a model."""
    if column.name != "model" or not name:
        return ""
    provider = row["provider"]
    return f"/prices/show?{urlencode({'model': f'{provider}/{name}' if provider else name})}"


def _side_by_side(answers: Sequence[Table]) -> Grid:
    """What each model cost at each of the bases."""
    costs: dict[str, list[Cell]] = {}
    for at, answer in enumerate(answers):
        names = [column.name for column in answer.columns]
        for row in answer.rows:
            costs.setdefault(str(row[names.index("model")]), [None] * len(answers))[at] = row[
                names.index("cost_usd")
            ]
    heads = (Head("model", "model", "text"), *(Head(basis, basis, "number") for basis in BASES))
    money = TableColumn("cost_usd", "usd")
    rows = tuple(
        (Shown(visible(name)), *(single(money, cost) for cost in own)) for name, own in costs.items()
    )
    total = (Shown("Total"), *(single(money, answer.total.get("cost_usd")) for answer in answers))
    return Grid(heads, rows, total)
