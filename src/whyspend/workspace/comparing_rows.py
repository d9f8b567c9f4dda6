"""Both windows of a comparison, added up once by day and all that is told apart: a kept table, and its priced rows."""

import weakref
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from arro3.core import Array, DataType, Table

from whyspend.ledger import Extent
from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.pricing import view
from whyspend.pricing.kinds import Group, Kinds, Part
from whyspend.pricing.plan import REPORTED, Plan, split
from whyspend.pricing.slots import LATENCY
from whyspend.spelling import OTHERS
from whyspend.workspace.data import ANSWER, Data
from whyspend.workspace.windows import micros, of_days

"""The value that stands for all those of a column that are not told apart."""

SITE = "call_site"
"""Where in the code: a column of every comparison, though no dimension."""

ONE_WINDOW = """
SELECT {later} AS later, time, {names}failed, price_key, slot, calls, {counts}, {own} AS own, {units},
  CAST(CASE WHEN price_key = '{reported}' THEN {own_calls} WHEN counted IS NULL THEN 0
    ELSE calls - {uncounted} * by_count END AS BIGINT) AS priced
FROM ({added}) added LEFT JOIN {says} ON of_later = {later} AND of_key = price_key AND of_slot = slot
"""

WITHOUT_DAYS = """
SELECT later, {names}, failed, price_key, coalesce(same_slot, slot) AS slot, {sums}
FROM {kept} LEFT JOIN compared_slots ON of_later = later AND of_key = price_key AND of_slot = slot
GROUP BY later, {names}, failed, price_key, coalesce(same_slot, slot)
"""
"""Slots that are priced the same are one here: most tell apart days on which another model's price changed."""

SLOTS = "compared_slots"

SAYS = ("of_later", "of_key", "of_slot", "tier", "service", "counted", "by_count")
"""What the price of a window says of its calls with a price key and slot. counted: 1, or NULL: it has no rates."""

SAID = "LEFT JOIN {says} ON of_later = later AND of_key = price_key AND of_slot = slot"
"""Tier and service of rows."""

SIZE = """
SELECT coalesce(sum(kinds), 0) FROM (
  SELECT {kinds} AS kinds FROM {whole} GROUP BY {groups}
)
"""
"""How many pairs of a cell and a kind of usage there are."""

ROWS = """
SELECT {keys} later, price_key, slot, CAST(sum(calls) AS BIGINT), CAST(sum(requests) AS BIGINT),
  CAST(sum(thinned) AS BIGINT), CAST(sum(uncounted) AS BIGINT), CAST(sum(own_calls) AS BIGINT),
  CAST(sum(own) AS VARCHAR), {units}
FROM {relation} added WHERE {where} GROUP BY {groups} ORDER BY {groups}
"""
"""Integers of more than 18 digits come as text."""

OWNED = """
SELECT CASE WHEN c0 IS NULL THEN 0 ELSE 1 END AS tagged, price_key, slot, {sums}
FROM {whole} WHERE later = {later} GROUP BY 1, price_key, slot
"""

ANSWERED = """
SELECT {period} AS period, tagged, provider, model, calls, requests, requests AS begun, estimated, sampled,
  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost,
  {list_cost} AS list_cost, priced_calls, reason
FROM ({priced}) priced
"""
"""What Data keeps as its answer: trust and notes speak of it."""

SUMS = ("calls", "requests", "estimated", "sampled", "thinned", "uncounted", "own_calls", "own")

PARTS_OF_A_REQUEST = 1_000_000
"""Requests that were not sent are added up as whole millionths, so that their sum does not depend on its order."""

THINNED = (
    "CASE WHEN request_root = 1 AND sample_rate > 0 AND sample_rate < 1 "
    f"THEN CAST(round(least(1 / sample_rate - 1, 1e9) * {PARTS_OF_A_REQUEST}) AS BIGINT) ELSE 0 END"
)

_numbers = count()


@dataclass(frozen=True)
class Column:
    """What calls are told apart by: a dimension, or the call site."""

    name: str
    expression: str
    """Over a ledger row."""
    kept: frozenset[str] | None = None
    """The values that are told apart, the others being OTHERS; None: all of them."""

    def sql(self, engine: Engine, expression: str = "") -> str:
        """Its value over a ledger row, or over another expression."""
        own = expression or self.expression
        if self.kept is None:
            return own
        said = ", ".join(map(engine.literal, sorted(self.kept)))
        kept = f"WHEN ({own}) IN ({said}) THEN ({own}) " if said else ""
        return f"CASE {kept}WHEN ({own}) IS NOT NULL THEN '{OTHERS}' END"

    def test(self, engine: Engine, value: str | None, expression: str = "") -> str:
        """The condition of having a value, which may be OTHERS."""
        own = expression or self.expression
        if value is None:
            return f"({own}) IS NULL"
        if value == OTHERS and self.kept is not None:
            return f"({self.sql(engine, own)}) IS NOT DISTINCT FROM '{OTHERS}'"
        return f"({own}) IS NOT DISTINCT FROM {engine.literal(value)}"


class Row(NamedTuple):
    """Calls of some keys and one price."""

    keys: tuple[Any, ...]
    later: int
    """0: of the window before; 1: of the window after."""
    model: str
    """`provider|model`."""
    service: str
    tier: int
    calls: int
    requests: int
    thinned: float
    priced: int
    parts: list[Part]


class Kept:
    """Both windows, added up in a table of the engine, each with the prices that a report of it has."""

    windows: tuple[Data, ...]
    says: str
    """The table of what prices say of rows (SAYS)."""
    tiers: int
    """How many context tiers there are at most."""
    is_kept = True
    """Whether the table is there."""

    def __init__(self, windows: tuple[Data, Data], columns: Sequence[Column]) -> None:
        """Read each window once, by day, columns (the dimensions, then the call site), outcome and price.

        The table goes when nobody refers to this object any more.
        """
        self.windows = windows
        self.columns = tuple(columns)
        self.engine: Engine = windows[1].engine
        self._name = f"compared_{next(_numbers)}"
        self._split: dict[str, tuple[str, str]] = {}
        self._price(self._name)
        held = [name for name in SUMS if any(name in self._counts(data)[1] for data in windows)]
        figures = ", ".join([*held, *self._units(), "priced"])
        keys = ", ".join(["later", "time", *self.names, "failed", "price_key", "slot"])
        self.engine.keep(self._name, f"SELECT {keys}, {figures} FROM ({self.relation('day')}) days")
        self.days = _with_zeros(self._name, held)
        """SQL of the table by day ..."""
        self.whole = _with_zeros(f"{self._name}_whole", held)
        """... and of both windows, each as a whole."""
        self._keep_whole(held)
        self.places: Sequence[int] = range(len(self.columns))
        """Which columns the cells are told apart by, beside outcome and price ..."""
        self.folded = self.columns
        """... and all columns with the values that cells keep."""
        for name in (self._name, f"{self._name}_whole"):
            weakref.finalize(self, self.engine.forget, name).atexit = False

    def relation(
        self,
        time: str,
        conditions: Sequence[str] = (),
        between: tuple[int, int] | None = None,
        *,
        told_apart: bool = True,
    ) -> str:
        """SQL of the calls of both windows by `day` or `hour`; conditions are over a ledger row.

        `between`: only those that began in [from, to), microseconds UTC; other days are not read.
        `told_apart`: by the columns, too.
        """
        columns = self.columns if told_apart else ()
        return " UNION ALL ".join(
            self._window(later, time, conditions, between, columns) for later in range(len(self.windows))
        )

    def priced(
        self, relation: str, sums: Sequence[str], where: Sequence[str], *, tiers: bool
    ) -> list[tuple[Any, ...]]:
        """The rows of a relation added up by time, as text; `tiers`: context tier and service are spoken of."""
        figures = ", ".join(f"CAST(coalesce(sum({each}), 0) AS VARCHAR)" for each in sums)
        tests = " AND ".join(f"({test})" for test in where) or "true"
        said = SAID.format(says=self.says) if tiers else ""
        return self.engine.rows(
            f"SELECT time, {figures} FROM {relation} used {said} WHERE {tests} GROUP BY time"
        )

    def rows(self, keys: Sequence[str], relation: str, where: Sequence[str] = ()) -> Iterator[Row]:
        """The calls of a relation with these columns, by window, keys and price."""
        columns = [*keys, "price_key", "slot", "later"]
        units = ", ".join(f"CAST(sum(q_{name}) AS VARCHAR)" for name in self.buckets)
        found = self.engine.rows(
            ROWS.format(
                keys="".join(f"{key}, " for key in keys),
                units=units or "0",
                relation=relation,
                where=" AND ".join(f"({test})" for test in where) or "true",
                groups=", ".join(columns),
            )
        )
        width = len(keys)
        for row in found:
            later, price_key, slot, calls, requests, thinned, uncounted, own_calls, own, *units_of = row[
                width:
            ]
            counts = dict(zip(self.buckets, map(int, units_of), strict=False))
            kinds = self._kinds[later]
            priced, parts = kinds.parts(Group(price_key, slot, calls, uncounted, own_calls, int(own), counts))
            model, service = self._named(price_key)
            tier = kinds.tier(price_key, slot)
            left_out = thinned / PARTS_OF_A_REQUEST
            yield Row(row[:width], later, model, service, tier, calls, requests, left_out, priced, parts)

    def used_keys(self) -> set[str]:
        """The price keys of the calls of both windows."""
        return {key for (key,) in self.engine.rows(f"SELECT DISTINCT price_key FROM {self.whole}")}

    def size(self, columns: Sequence[Column], places: Sequence[int]) -> int:
        """How many rows of Usage there would be with so many of these columns, which are in the order of the kept."""
        kinds = [f"CASE WHEN max(q_{name}) <> 0 THEN 1 ELSE 0 END" for name in self.buckets]
        groups = [columns[at].sql(self.engine, f"c{at}") for at in places]
        sql = SIZE.format(
            kinds=" + ".join([*kinds, "CASE WHEN max(own_calls) <> 0 THEN 1 ELSE 0 END"]),
            whole=self.whole,
            groups=", ".join([*groups, "failed", "price_key"]),
        )
        ((size,),) = self.engine.rows(sql)
        return int(size)

    def keep_answer(self) -> None:
        """Keep both windows as the answer that Data's trust and notes speak of; leaves the prices of the later one."""
        for later, keep in ((0, self.engine.keep), (1, self.engine.add)):
            plan = self.plans[later]
            view.offer(plan, self.engine)
            sums = [f"CAST(sum({name}) AS BIGINT) AS {name}" for name in SUMS[:4]]
            sums += [f"CAST(sum({name}) AS DECIMAL(38, 0)) AS {own}" for name, own in _OF_VIEW.items()]
            sums += [f"CAST(sum(q_{name}) AS DECIMAL(38, 0)) AS q_{name}" for name in plan.buckets]
            cells = OWNED.format(sums=", ".join(sums), whole=self.whole, later=later)
            priced = view.at_prices(plan, cells, ["tagged"], ["requests", "estimated", "sampled"])
            list_cost = "list_cost" if plan.discounted else "cost"
            keep(ANSWER, ANSWERED.format(period=1 - later, list_cost=list_cost, priced=priced))

    def _window(
        self,
        later: int,
        time: str,
        conditions: Sequence[str],
        between: tuple[int, int] | None,
        columns: Sequence[Column],
    ) -> str:
        data = self.windows[later]
        if between is not None:
            data = _within(data, *between)
        for condition in conditions:
            data = data.narrowed(condition)
        keys = {
            "time": data.expression(data.key(time)),
            **{f"c{at}": column.sql(self.engine) for at, column in enumerate(columns)},
            "failed": "CASE WHEN status = 'error' THEN 1 ELSE 0 END",
        }
        measures, named = self._counts(data)
        plan, added = data.used_up(keys, measures)
        counts = {name: named.get(name, "0") for name in SUMS[1:7]}
        return ONE_WINDOW.format(
            later=later,
            names="".join(f"c{at}, " for at in range(len(columns))),
            # As small as they are: 128 bits are for tokens and money.
            counts=", ".join(f"CAST({sql} AS BIGINT) AS {name}" for name, sql in counts.items()),
            own=named.get("own", _ZERO),
            units=", ".join(f"{_units(name, plan)} AS q_{name}" for name in self.buckets) or "0 AS nothing",
            reported=REPORTED,
            own_calls=counts["own_calls"],
            uncounted=counts["uncounted"],
            says=self.says,
            added=added,
        )

    def _counts(self, data: Data) -> tuple[dict[str, str], dict[str, str]]:
        """What to measure beside the tokens, over a ledger row; and where SUMS come from, as far as there are any."""
        used = data.snapshot.between(data.window.start, data.window.end).used
        plan = data.used_up({}, {})[0]
        measures = {"requests": "request_root"}
        if "usage_estimated" in used:
            measures["estimated"] = "usage_estimated"
        if "sampled" in used:
            measures |= {"sampled": "CASE WHEN sample_rate < 1 THEN 1 ELSE 0 END", "thinned": THINNED}
        named = {"calls": "calls", **{name: name for name in measures}}
        if plan.no_usage:
            named["uncounted"] = "q_uncounted"
        if plan.reported:
            named |= {"own_calls": "q_is_reported", "own": "q_reported"}
        return measures, named

    @property
    def names(self) -> list[str]:
        """The table's names of the columns."""
        return [f"c{at}" for at in range(len(self.columns))]

    def in_between(self) -> "Kept | None":
        """The days from the last one of the earlier window to the first one of the later; None: they are neighbours.

        Of it only `relation` without the columns and `priced` can be asked for: it is read when it is asked for.
        """
        first, last = sorted((data.window for data in self.windows), key=lambda window: window.start)
        if first.end >= last.start:
            return None
        days = self.windows[-1].of(of_days(first.until, last.since, last.timezone))
        found = copy(self)
        found.windows, found.is_kept = (days,), False
        found._price(f"{self._name}_between")
        view.offer(self.plans[-1], self.engine)  # as it was
        return found

    def _price(self, name: str) -> None:
        """Take the prices of the windows, and keep what they say under a name."""
        self.plans = tuple(data.used_up({}, {})[0] for data in self.windows)
        self._kinds = tuple(Kinds(plan) for plan in self.plans)
        self.price_keys = sorted({row.price_key for plan in self.plans for row in plan.rows})
        used = {bucket for plan in self.plans for bucket in plan.buckets}
        self.buckets = tuple(bucket for bucket in (*USAGE_COLUMNS, LATENCY) if bucket in used)
        self.says = f"{name}_says"
        rows = [
            (
                *(later, row.price_key, row.slot, kinds.tier(row.price_key, row.slot)),
                *(self._named(row.price_key)[1], None if row.rates is None else 1, int(row.by_count)),
            )
            for later, (plan, kinds) in enumerate(zip(self.plans, self._kinds, strict=True))
            for row in plan.rows
        ]
        self.tiers = 1 + max((row[3] for row in rows), default=0)
        texts = ("of_key", "service")
        columns: dict[str, Any] = {
            name: Array([row[at] for row in rows], DataType.utf8() if name in texts else DataType.int32())
            for at, name in enumerate(SAYS)
        }
        self.engine.offer(SLOTS, Table.from_pydict(columns))
        self.engine.keep(self.says, f"SELECT * FROM {SLOTS}")
        self.engine.withdraw(SLOTS)
        weakref.finalize(self, self.engine.forget, self.says).atexit = False

    def _keep_whole(self, held: Sequence[str]) -> None:
        alike = [(later, *each) for later, kinds in enumerate(self._kinds) for each in kinds.alike()]
        laters, keys, slots, same = map(list, zip(*alike, strict=True)) if alike else ([], [], [], [])
        ints = DataType.int32()
        columns: dict[str, Any] = {
            "of_later": Array(laters, ints),
            "of_key": Array(keys, DataType.utf8()),
            "of_slot": Array(slots, ints),
            "same_slot": Array(same, ints),
        }
        self.engine.offer(SLOTS, Table.from_pydict(columns))
        sums = [f"CAST(sum({name}) AS DECIMAL(38, 0)) AS {name}" for name in (*held, *self._units())]
        self.engine.keep(
            f"{self._name}_whole",
            WITHOUT_DAYS.format(names=", ".join(self.names), sums=", ".join(sums), kept=self._name),
        )
        self.engine.withdraw(SLOTS)

    def _units(self) -> list[str]:
        return [f"q_{name}" for name in self.buckets]

    def _named(self, price_key: str) -> tuple[str, str]:
        """Model and service of a price key."""
        if price_key not in self._split:
            provider, model, context = split(price_key)
            self._split[price_key] = named(provider, model), context
        return self._split[price_key]


def _with_zeros(table: str, held: Sequence[str]) -> str:
    """A table with those of SUMS that nobody has."""
    zeros = [f"{_ZERO} AS {name}" for name in SUMS if name not in held]
    return f"(SELECT *, {', '.join(zeros)} FROM {table})" if zeros else table


def _within(data: Data, start: int, end: int) -> Data:
    """The same question, at the same prices, of the calls that began in [start, end)."""
    first = max(start, micros(data.window.start))
    last = max(first, min(end, micros(data.window.end)))
    data.used_up({}, {})  # its prices, made before the copy
    part = copy(data)
    files = data.snapshot.between(data.window.start, data.window.end).files if first < last else ()
    held = tuple(file for file in files if file.last >= first and file.first < last)
    part.only = Extent(data.snapshot.root, held, first, last)
    return part


def named(provider: str | None, model: str | None) -> str:
    """A model as comparisons name it."""
    return f"{provider or ''}|{model or ''}"


_OF_VIEW = {"uncounted": "q_uncounted", "own_calls": "q_is_reported", "own": "q_reported"}
_ZERO = "CAST(0 AS DECIMAL(38, 0))"


def _units(bucket: str, plan: Plan) -> str:
    return f"coalesce(q_{bucket}, 0)" if bucket in plan.buckets else _ZERO
