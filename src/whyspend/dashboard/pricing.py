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
from whyspend.dashboard.grid import Grid, Head, Shown, single
from whyspend.dashboard.pictures import pictures
from whyspend.dashboard.sheets import grid_of
from whyspend.dashboard.showing import Showing, see
from whyspend.dashboard.signing import changing_form, form_at, page_at
from whyspend.ledger import prices as kept
from whyspend.model import Cell, Table, TableColumn
from whyspend.serving import Endpoint, Guard
from whyspend.spelling import visible
from whyspend.workspace import Workspace
from whyspend.workspace.closing import close
from whyspend.workspace.listing import history, listed, without_price
from whyspend.workspace.price_steps import steps
from whyspend.workspace.questions import THEN, of_pairs, shell_line
from whyspend.workspace.sheets import Column, Sheet

BASES = ("recorded", THEN, "now")

CLOSED = (
    Column("month"), Column("closed_on"), Column("timezone"), Column("calls", "count"), Column("unpriced", "count"),
    Column("usd", "rate"),
)  # fmt: skip

SHEET_BYTES = 200_000
"""What a sheet takes, about."""


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
        asked = of_pairs("report", pairs).of("report")
        every = request.query_params.get("all", "") == "yes"
        book, lacking, months, *priced = await asyncio.gather(
            self._sheet(("prices", every), lambda place: listed(place, every=every)),
            self._sheet(
                ("unpriced", asked.since, asked.until, asked.timezone),
                lambda place: without_price(place, place.window(asked.since, asked.until, asked.timezone)),
            ),
            self._sheet(("months",), _months),
            *(self.desk.table(replace(asked, prices=basis).with_options(by=("model",))) for basis in BASES),
        )
        unpriced, entries = lacking
        days = replace(asked, timezone="", where=(), prices=THEN).arguments()[1:]
        return {
            "question": asked,
            "controls": replace(controls(asked.of("report"), ()), own=()),
            "every": every,
            "book": await asyncio.to_thread(grid_of, book, _to_model),
            "unpriced": grid_of(unpriced),
            "calls": priced[1].trust.calls,
            "toml": list(dict.fromkeys(filter(None, entries))),
            "months": grid_of(months),
            "bases": _side_by_side(priced),
            "days": shown(self.desk, asked, priced[1], most=0).days,
            "commands": [
                self._line("prices", "list", *(["--all"] if every else [])),
                self._line("prices", "unpriced", *days),
                *(
                    self.desk.line(replace(asked, prices=basis).with_options(by=("model",)))
                    for basis in BASES
                ),
            ],
        }

    async def _model(self, model: str) -> Mapping[str, Any]:
        found, book = await self._sheet(
            ("history", model), lambda place: (history(place, model), place.prices.id)
        )
        return {
            "model": visible(found.price),
            "match": found.match,
            "left_out": found.left_out,
            "pictures": pictures([drawn] if (drawn := steps(found)) else []),
            "rates": grid_of(found.sheet(book)),
            "book": visible(book),
            "command": self._line("prices", "show", model),
        }

    async def _sheet(self, key: tuple[Any, ...], make: Any) -> Any:
        return await self.desk.known(key, make, lambda _: SHEET_BYTES)

    def _line(self, *arguments: str) -> str:
        return shell_line(["whyspend", *arguments, *self.desk.typed])


def _months(place: Workspace) -> Sheet:
    held = kept.read(place.ledger.root)
    rows = (
        (month.month, month.on, month.timezone, month.calls, month.unpriced, month.usd)
        for month in (held.closed if held else ())
    )
    return Sheet(CLOSED, tuple(rows))


def _to_model(column: Column, row: Sequence[Cell]) -> str:
    """To the history of a model; the first two cells of a row are its provider and name."""
    provider, name = row[0], row[1]
    if column.name != "model" or not name:
        return ""
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
