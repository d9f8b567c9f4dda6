"""What a report asks of the ledger: calls with owner and price, added up by keys, for one window."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

from whyspend.errors import UsageError
from whyspend.ledger import Extent, Snapshot
from whyspend.ledger.prices import Closed
from whyspend.model import USAGE_COLUMNS, Cell, Engine, Trust, Window
from whyspend.pricing import view
from whyspend.pricing.book import Book
from whyspend.pricing.plan import REPORTED, Basis, Plan, Prices, plan, span_of
from whyspend.workspace import coloring, notes
from whyspend.workspace.adjusting import Adjusted, Adjustment, rows_of
from whyspend.workspace.free import Quotas, adjustments
from whyspend.workspace.keys import FIGURES, METADATA, MODEL, PROVIDER, Cuts, Key, Keys, shown
from whyspend.workspace.missing import DataEnd, Reached, data_end
from whyspend.workspace.prices import as_closed, is_closed, quotas_as_closed
from whyspend.workspace.ruling import Rules
from whyspend.workspace.spending import calls_between, owners
from whyspend.workspace.trusting import trusted
from whyspend.workspace.windows import before, micros

ANSWER = "answer"
"""The kept table of calls added up for the question at hand."""

DISTINCT_REQUESTS = """
SELECT {keys}, count(DISTINCT trace_id) FROM (SELECT {expressions}, trace_id FROM {calls} WHERE {where}) GROUP BY ALL
"""


@dataclass
class Data:
    """One question's view of the ledger. Reports get it as their first argument."""

    engine: Engine
    window: Window
    snapshot: Snapshot
    attribution: Mapping[str, str]
    """dimension -> SQL of its value over a ledger row, rules and aliases included."""
    prices: Prices
    basis: Basis
    where: tuple[str, ...] = ()
    for_terminal: bool = False
    """A person looks at it: worth a sparkline."""
    pictures: bool = False
    """Charts will be drawn: worth more queries."""
    closed: tuple[Closed, ...] = ()
    """The months whose prices are frozen."""
    booked: tuple[Adjustment, ...] = ()
    """What is booked beside the calls."""
    quotas: Quotas = ()
    """What is free, and when."""
    newer: Callable[[], Book | None] = lambda: None
    """The price book of the package, where it is not the one in use."""
    rules: Rules | None = None
    """The rules behind `attribution`, for questions about themselves."""
    others: Any = None
    """Whose figures to compare with (others.Others); None: only those that came with the calls."""
    guards: Any = None
    """The configured budgets (guarding.Guards)."""
    watch: Any = None
    """Planned changes, and what is worth a word (watching.Watch)."""
    comparing: Any = None
    """Compares it with another window (comparing.asked)."""
    repricing: Any = None
    """Prices it in another way (whatif.asked)."""
    reached: Reached = field(default_factory=Reached)
    """Up to when all calls are here."""
    only: Extent | None = None
    """One UTC day of the window (see `days`)."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The configured dimensions; the first is the owner that trust speaks of."""
        return tuple(self.attribution)

    def key(self, name: str) -> Key:
        """What a name groups by.

        Raises:
            UsageError: nothing, or something that has the name of another column of the answer.
        """
        if name.casefold() in FIGURES and not self._keys.is_known(name):
            raise UsageError(
                f"Cannot group by '{name}': the answer has a column of that name. "
                f"If it is a metadata key, write {METADATA}{name}."
            )
        return self._keys.key(name)

    def label(self, key: Key, value: object) -> Cell:
        """The value of a key as people read it."""
        return shown(key, value, self.window.timezone, self.dimensions)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL over what this object keeps."""
        return self.engine.rows(sql)

    def colors(self, by: Sequence[Key]) -> Mapping[tuple[Any, ...], int]:
        """The number of the colour that values of keys have in every picture of this ledger, whatever is asked.

        The busiest have one each; charts.palette has a rule for all others. No single request or call is busy.
        """
        if any(key.name in ("trace_id", "call_id", "parent_id") for key in by):
            return {}
        return coloring.numbers(self.snapshot, self.engine, self.dimensions, [_direct(key) for key in by])

    # Added up

    def added_up(self, by: Sequence[Key], *, compare: bool = False, over: Key | None = None) -> str:
        """Keep the calls of the window added up by keys and price; returns the table's name.

        With `compare`, the same number of days before are there too, as period = 1. With `over`, a part of the
        calendar, the window is told apart by it as well: one more column, NULL in the days before.
        Columns: one for each key (see Key.column), period, provider, model, calls, requests (see
        `distinct_requests`), begun (requests that began in the row), tokens as in view.SHOWN, cost (1e-24 dollars,
        NULL where unknown), priced_calls, reason, estimated, sampled, and tagged unless the owner is a key.
        """
        extent = self._extent(compare)
        keys = {key.column: key.expression for key in by if key.expression}
        keys["period"] = self._period() if compare else "0"
        if over:
            keys[over.column] = f"CASE WHEN ({keys['period']}) = 0 THEN {over.expression} END"
        owner = self.key(self.dimensions[0])
        if owner.column not in keys:
            keys["tagged"] = f"CASE WHEN {owner.expression} IS NULL THEN 0 ELSE 1 END"
        relation = view.spend(
            self._plan,
            self.engine,
            extent.relation(self.engine, self.dimensions),
            keys,
            where=self._where,
            measures=self._measures(by, extent),
        )
        self.engine.keep(ANSWER, relation)
        return ANSWER

    def distinct_requests(self, by: Sequence[Key]) -> dict[tuple[Any, ...], int]:
        """How many requests each row of the kept answer has beyond its sum of `requests`, by the row's keys.

        Empty where the keys do not cut through requests. Where they cut by model only, the sum counts all but the
        traces whose calls disagree on an owner; these are counted here. Where they cut in any other way (by name,
        by a metadata key), the sum is 0 and all are counted here.
        """
        cuts = self._cuts(by)
        extent = self._extent(compare=False)
        if cuts == "no" or (cuts == "by model" and "request_mixed" not in extent.used):
            return {}
        where = [test for test, _ in self._conditions]
        if cuts == "by model":
            where.append("request_mixed <> 0")
        names = [key.column for key in by] or ["everything"]
        expressions = [_direct(key) for key in by] or ["1"]
        found = self.engine.rows(
            DISTINCT_REQUESTS.format(
                keys=", ".join(names),
                expressions=", ".join(f"{e} AS {name}" for e, name in zip(expressions, names, strict=True)),
                calls=extent.relation(self.engine, self.dimensions),
                where=" AND ".join(where) or "true",
            )
        )
        return {tuple(row[: len(by)]): row[-1] for row in found}

    def overlap(self, by: Sequence[Key]) -> bool:
        """Whether one request can count in several rows."""
        return any(key.cuts in ("by model", "yes") for key in by)

    def days(self) -> "list[Data]":
        """The same question for each UTC day that has calls, in order: for work that must not hold all at once."""
        self._plan, self._conditions  # noqa: B018  made once, before the copies
        parts = []
        for extent in self._extent(compare=False).days():
            part = copy(self)  # with the plan and the conditions, which are the same for every day
            part.only = extent
            parts.append(part)
        return parts

    def narrowed(self, condition: str) -> "Data":
        """The same question of those calls only for which an SQL condition over a ledger row holds."""
        self._plan  # noqa: B018  made once, before the copy
        part = copy(self)
        part._conditions = [*self._conditions, (f"({condition})", "no")]
        return part

    def added_up_apart(self, keys: Mapping[str, str], measures: Mapping[str, str]) -> Plan:
        """As `added_up`, by any expressions and `price_slot`, with more measures and `u_<quantity>`; their prices."""
        owner, extent, made = self.key(self.dimensions[0]), self._extent(compare=False), self._plan
        tagged = f"CASE WHEN {owner.expression} IS NULL THEN 0 ELSE 1 END"
        keys = {**keys, "period": "0", "tagged": tagged, "price_slot": made.slot_by_place}
        quantities = {f"u_{name}": name for name in USAGE_COLUMNS if name in made.buckets}
        measures = {**self._measures((), extent), **quantities, **measures}
        calls = self.traces()
        self.engine.keep(
            ANSWER, view.spend(made, self.engine, calls, keys, where=self._where, measures=measures)
        )
        return made

    def used_up(self, keys: Mapping[str, str], measures: Mapping[str, str]) -> tuple[Plan, str]:
        """The prices of the window, and SQL of what its calls used, added up by any expressions (view.added_up)."""
        sql = view.added_up(
            self._plan, self.engine, self.traces(), keys, where=self._where, measures=measures
        )
        return self._plan, sql

    def of(self, days: Window) -> "Data":
        """The same question of other days."""
        other = replace(self, window=days, only=None)
        narrower = self._conditions[len(self.where) :]
        if narrower:
            other._conditions = [*other._conditions, *narrower]
        return other

    def comparison(
        self, against: str = "", by: Sequence[str] = (), *, held: Callable[[Window], str] | None = None
    ) -> Any:
        """What the window and another one used and cost (comparing.Comparison); arguments as of comparing.asked."""
        return self.comparing(self, against, tuple(by), held=held)

    def calls(self) -> str:
        """SQL of the single calls that the question is about, as the ledger has them."""
        return f"(SELECT * FROM {self.traces()} WHERE {self._where})"

    def traces(self) -> str:
        """SQL of all calls of the days, whatever the filter: for the traces that they belong to."""
        return self._extent(compare=False).relation(self.engine, self.dimensions)

    def expression(self, key: Key) -> str:
        """The SQL of a key over a single call."""
        return _direct(key)

    def link(self, source: str, project: str, trace: str) -> str | None:
        """Where LangSmith shows a trace; None where the source did not say."""
        prefix = self.snapshot.manifest.links.get(source, {}).get(project)
        return f"{prefix}/r/{quote(trace)}?trace_id={quote(trace)}" if prefix else None

    def priced_calls(
        self, columns: Mapping[str, str], parts: Mapping[str, Sequence[str]] | None = None
    ) -> str:
        """SQL of single calls with their cost, and what some quantities of it cost (view.priced_calls)."""
        return view.priced_calls(
            self._plan, self.engine, self.traces(), columns, where=self._where, parts=parts
        )

    # Trust

    def trust(self) -> Trust:
        """How far the figures of the kept answer can be trusted."""
        names = {name for name, _ in self.engine.columns(f"SELECT * FROM {ANSWER}")}
        tagged = "tagged = 1" if "tagged" in names else f"{self.key(self.dimensions[0]).column} IS NOT NULL"
        return trusted(self.engine, tagged, self.reached.until, self._price_book())

    def unpriced_notes(self) -> tuple[str, ...]:
        """One line for each cause of unpriced calls in the kept answer, most calls first."""
        return tuple(notes.of_unpriced(self.engine))

    def change_notes(self) -> tuple[str, ...]:
        """What the kept answer's comparison leaves out."""
        is_open = self.basis.kind == "then" and self._is_settled and not self._is_closed(self.earlier)
        return tuple(notes.of_change(self.engine, self.earlier, is_open))

    def adjusted(self, by: Sequence[Key], *, compare: bool = False) -> list[Adjusted]:
        """What the answer holds beside calls, by these keys: corrections of closed months, free quotas."""
        return rows_of(self._adjustments, by, (self.window, self.earlier) if compare else (self.window,))

    @cached_property
    def _adjustments(self) -> list[Adjustment]:
        """Those that the question is about: none where it asks for what they do not have."""
        if self.basis.kind != "then":
            return []
        free = adjustments(
            self.earlier.since,
            self.window.until,
            quotas_as_closed(self.quotas, self.closed, micros(self.window.start), micros(self.window.end)),
            self.snapshot,
            self.prices,
            self.engine,
            self.attribution,
        )
        return [
            each
            for each in (*self.booked, *free)
            if all(self._keys.holds(text, each.provider, each.model) for text in self.where)
        ]

    @cached_property
    def discounted(self) -> bool:
        """Whether some call of the kept answer costs more or less than its list price."""
        return self._plan.discounted and notes.is_discounted(self.engine)

    def price_notes(self) -> tuple[str, ...]:
        """What must be known of the prices of the kept answer: adjustments, discounts, closed months, newer prices."""
        lacking = {row.price_key for row in self._plan.rows if row.rates is None} - {REPORTED}
        newer = self.newer() if lacking and not self._is_settled else None
        return (
            *notes.of_adjustments(self._adjustments, self.window),
            *(notes.of_discounts(self.engine) if self.discounted else ()),
            *(self._late_notes() if self.basis.kind == "then" else ()),
            *(notes.of_newer(newer, self.prices.current.book, lacking) if newer else ()),
        )

    @property
    def _is_settled(self) -> bool:
        """Whether no newer price list changes the answer."""
        return self.basis.kind == "recorded" or (self.basis.kind == "then" and self._is_closed(self.window))

    def _is_closed(self, days: Window) -> bool:
        return is_closed(self.prices, self.closed, micros(days.start), micros(days.end))

    def _late_notes(self) -> Iterator[str]:
        start, end = micros(self.window.start), micros(self.window.end)
        for month in self.closed:
            if month.start < end and month.end > start:
                now = calls_between(self.snapshot, month.start, month.end, self.engine, self.dimensions)
                yield from notes.of_late(month, now)

    def empty_notes(self, calls: int) -> tuple[str, ...]:
        """Why there is nothing to see, and what to do."""
        if calls:
            return ()
        span = self.snapshot.span
        if span is None:
            return (notes.EMPTY,)
        first, last = (instant.date() for instant in span)
        if self.where and self._extent(compare=False).files:
            names = [re.split("!?=", text)[0].strip() for text in self.where]
            hints = [self._keys.nearest(name) for name in names if not self._keys.is_known(name)]
            return (f"No call of these days matches {' and '.join(self.where)}.{''.join(hints)}",)
        week = f"--since {max(first, last - timedelta(6))} --until {last}"
        return (f"No calls in these days. The ledger holds {first} to {last}: {week}.",)

    def data_end(self, end: datetime | None = None) -> DataEnd | None:
        """Where the data ends, if calls before the end of the window may be missing (or before another end)."""
        if self.snapshot.span is None:
            return None
        asked = min(end or self.window.end, self.watch.now)
        return data_end(self.reached.until, self.snapshot.span[1], asked)

    def missing_notes(self) -> tuple[str, ...]:
        """What must be said before figures of days that the ledger may not hold all of, or the days before."""
        found = self.data_end()
        return (*((found.said(),) if found else ()), *self.reached.said(self.earlier.start, self.window.end))

    @property
    def held_since(self) -> datetime | None:
        """How far back the ledger reaches, UTC: the earliest `from:` watermark, else the first call."""
        sources = self.snapshot.manifest.watermarks.values()
        if marks := [mark for held in sources for key, mark in held.items() if key.startswith("from:")]:
            return datetime.fromtimestamp(min(marks) / 1_000_000, UTC)
        return self.snapshot.span[0] if self.snapshot.span else None

    @property
    def earlier(self) -> Window:
        """The window of the same length just before."""
        return before(self.window)

    def absent_notes(self, key: Key) -> tuple[str, ...]:
        """What to say of a key that no call has: a metadata key may be misspelled."""
        if self._keys.is_known(key.name):
            return ()
        return (
            f"No call of these days carries the metadata key '{key.name}'.{self._keys.nearest(key.name)}",
        )

    def day_number(self, day: date) -> int:
        """Days since 1970-01-01: the value of the key `day`."""
        return (day - date(1970, 1, 1)).days

    def _price_book(self) -> str:
        if self.basis.kind == "recorded":
            return "as recorded by the source"
        if self.basis.kind == "at":
            day = datetime.fromtimestamp(self.basis.at // 1_000_000, UTC).date()
            return f"{Prices((self.prices.current,)).id} as of {day}"
        # Only of the eras that are asked about: the label of a closed month does not move either.
        start, end = (micros(instant) for instant in (self.window.start, self.window.end))
        return Prices(tuple(era for era in self.prices.eras if era.start < end and era.end > start)).id

    # Parts of the question

    @cached_property
    def _keys(self) -> Keys:
        return Keys(self.engine, self.attribution, self.window)

    @cached_property
    def _whole(self) -> Extent:
        return self.snapshot.between(before(self.window).start, self.window.end)

    def _extent(self, compare: bool) -> Extent:
        if self.only is not None:
            return self.only
        return self._whole if compare else self.snapshot.between(self.window.start, self.window.end)

    @cached_property
    def _conditions(self) -> list[tuple[str, Cuts]]:
        return [self._keys.condition(text, self._whole.price_keys) for text in self.where]

    @property
    def _where(self) -> str:
        return " AND ".join(f"({test})" for test, _ in self._conditions) or "true"

    @cached_property
    def _plan(self) -> Plan:
        """Prices for the window and the days before it, offered to the engine."""
        asked = as_closed(self.prices, self.closed, micros(self.window.start), micros(self.window.end))
        known = owners(asked, self.attribution, self.engine)
        made = plan(asked, span_of(self._whole), self.basis, self.engine, known)
        view.offer(made, self.engine)
        return made

    def _period(self) -> str:
        start = self.window.start
        if start == start.replace(hour=0, minute=0, second=0, microsecond=0):
            day = (start - datetime(1970, 1, 1, tzinfo=UTC)).days
            return f"CASE WHEN {self.engine.day_number('day')} < {day} THEN 1 ELSE 0 END"
        instant = int(start.timestamp()) * 1_000_000
        return f"CASE WHEN {self.engine.micros('started_at')} < {instant} THEN 1 ELSE 0 END"

    def _measures(self, by: Sequence[Key], extent: Extent) -> dict[str, str]:
        mixed = "request_mixed" in extent.used
        requests = {
            "no": "request_root",
            "by model": "model_root * (1 - request_mixed)" if mixed else "model_root",
            "yes": "0",
        }[self._cuts(by)]
        return {
            "requests": requests,
            "begun": "request_root",
            "estimated": "usage_estimated" if "usage_estimated" in extent.used else "0",
            "sampled": "CASE WHEN sample_rate < 1 THEN 1 ELSE 0 END" if "sampled" in extent.used else "0",
        }

    def _cuts(self, by: Sequence[Key]) -> Cuts:
        every = {key.cuts for key in by} | {cuts for _, cuts in self._conditions}
        # A filter by one model is as a row by model; a pattern may take several models together.
        if any(cuts == "by model" for _, cuts in self._conditions):
            every.add("yes")
        if "yes" in every or {"by model", "by rule"} <= every:
            return "yes"
        return "by model" if "by model" in every else "no"


def _direct(key: Key) -> str:
    return {"model": MODEL, "provider": PROVIDER}.get(key.name, key.expression)
