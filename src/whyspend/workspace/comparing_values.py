"""Which values a comparison tells apart, so that it stays small: decided from a sample, and from the whole.

Many combinations of values explain nothing and cost time, so there are at most about MOST rows of Usage:

1. A column (a dimension, the call site) with more than FEW values in a sample is *wide*. Its values are taken in the
   order of what they cost in the dearer window plus what they moved, at one price of each model, as long as the
   combinations that they can make (never more than a value has calls, nor than the other columns make) fit. All
   others are one value, OTHERS. The first dimension keeps OWNERS values in any case, a key that was asked for ASKED.
2. Where the whole is still too large, the column with the most values is halved again and again: first those that
   nobody asked for (of more than a DOZEN values, then the call site, then the others), then those that were asked for
   (down to ASKED), then the first dimension (down to OWNERS).
3. A dimension whose values come and go (most calls that have one carry a value that occurs in one window only: a
   release) is none, unless it was asked for: every change would be "another release".
4. Metadata keys are searched for such as separate the change: see comparing_keys.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec
from arro3.core import Array, DataType, Table

from whyspend.model import Engine
from whyspend.pricing.plan import REPORTED, Plan
from whyspend.spelling import OTHERS
from whyspend.workspace.comparing_rows import Column, Kept
from whyspend.workspace.data import Data
from whyspend.workspace.windows import micros

MOST = 18_000
"""Rows of Usage. Each costs 40 microseconds in all until it is explained."""
KINDS_OF_A_CELL = 4
"""Rows of Usage that a row of Calls has, about."""
FEW = 1_000
OWNERS = 200
ASKED = 20
WORTH_IT = 8
"""Of a wide column that nobody asked for: where not even so many values fit, none is told apart."""
DOZEN = 12
SAMPLE, SMALL_SAMPLE = 12_000, 2_500
"""Calls of each window that are looked at, with and without a search for metadata keys."""
FEW_TO_KNOW_KEYS = 10
"""One in so many is enough to know which metadata keys there are, where they are not searched."""
DAYS = 4
"""From so many UTC days of each window."""

MOST_CALLS_READ_TWICE = 2_000_000
"""Beyond, no metadata key is searched for: reading JSON of each call would be most of the work."""

SEEN = """
SELECT {values}, {day}, price_key, status, coalesce(reported_cost, 0), metadata, {units} FROM ({calls}) seen
WHERE ({started} % 9999991) * 7919 % 1000003 < {share}
"""
"""Times in microseconds, scattered: whole seconds and regular pauses are as good as any."""

MARGINAL = """
SELECT value, count(*), CAST(sum(CAST(least(cost, 9e18) AS BIGINT)) AS VARCHAR) FROM (
  SELECT {value} AS value, {cost} AS cost
  FROM (SELECT * FROM {calls}) c LEFT JOIN price_weights w ON w.weight_key = c.price_key
) GROUP BY value
"""

KEPT_COST = """
SELECT {value}, later, sum(CAST({cost} AS DOUBLE))
FROM {whole} LEFT JOIN price_weights w ON w.weight_key = price_key GROUP BY 1, 2
"""
"""About: at one price of each model."""

WEIGHTS = "price_weights"


class Seen(NamedTuple):
    """A call of the sample."""

    later: int
    day: int
    """UTC, days since 1970-01-01."""
    values: tuple[str | None, ...]
    """One for each column."""
    price_key: str
    status: str
    cost: float
    """Pico-dollars, about: at one price of the model."""
    metadata: Mapping[str, str]

    @property
    def cell(self) -> tuple[Any, ...]:
        """What it would be told apart by."""
        return (*self.values, self.status, self.price_key)


def sample(windows: Sequence[Data], columns: Sequence[Column], *, searched: bool) -> list[Seen]:
    """Some calls of some days of each window; fewer where no metadata key is searched for."""
    size = SAMPLE if searched else SMALL_SAMPLE
    return [seen for later, data in enumerate(windows) for seen in _seen(later, data, columns, size)]


def _seen(later: int, data: Data, columns: Sequence[Column], size: int) -> Iterator[Seen]:
    days = data.days()
    # The first and the last among them: between these a version has changed.
    chosen = [days[at * (len(days) - 1) // (DAYS - 1)] for at in range(DAYS)] if len(days) > DAYS else days
    total = sum(file.rows for day in chosen if day.only for file in day.only.files)
    if not total:
        return
    plan = data.used_up({}, {})[0]
    weights = _weights(plan)
    names = list(plan.buckets)
    sql = SEEN.format(
        values=", ".join(column.sql(data.engine) for column in columns),
        day=data.engine.day_number("day"),
        units=", ".join(f"coalesce({name}, 0)" for name in names) or "0",
        calls=" UNION ALL ".join(f"SELECT * FROM {day.calls()} d" for day in chosen),
        started=data.engine.micros("started_at"),
        share=max(1, min(1_000_003, size * 1_000_003 // total)),
    )
    width, told_of = len(columns), 1 if size == SAMPLE else FEW_TO_KNOW_KEYS
    for at, row in enumerate(data.rows(sql)):
        day, price_key, status, reported, metadata, *units = row[width:]
        rates = weights.get(price_key, {})
        cost = sum(rates.get(name, 0.0) * float(count) for name, count in zip(names, units, strict=False))
        yield Seen(
            later,
            day,
            row[:width],
            price_key,
            status,
            float(reported) if price_key == REPORTED else cost,
            _told(metadata) if at % told_of == 0 else {},
        )


def _told(metadata: str | None) -> Mapping[str, str]:
    """The keys of a call's metadata with their values, as a question groups by them."""
    if not metadata:
        return {}
    try:
        held = msgspec.json.decode(metadata)
    except msgspec.DecodeError:
        return {}
    if not isinstance(held, dict):
        return {}
    told = {key: _text(value) for key, value in held.items()}
    return {key: value for key, value in told.items() if value}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""


def _weights(plan: Plan) -> dict[str, Mapping[str, float]]:
    """One price of each price key that has any: pico-dollars a unit."""
    found: dict[str, Mapping[str, float]] = {}
    for row in plan.rows:
        if row.rates is not None and row.price_key not in found:
            found[row.price_key] = {name: float(rate) for name, rate in row.rates.items()}
    return found


def narrowed(
    windows: tuple[Data, Data], columns: Sequence[Column], seen: Sequence[Seen], asked: Sequence[str]
) -> tuple[Column, ...]:
    """The columns, wide ones with the values that they keep (rule 1)."""
    wide = [at for at in range(len(columns)) if combinations([(call.values[at],) for call in seen]) > FEW]
    # The first dimension first, then what was asked for, then the call site, then as configured.
    wide.sort(key=lambda at: (at > 0, columns[at].name not in asked, at != len(columns) - 1, at))
    told = [at for at in range(len(columns)) if at not in wide]
    cells = combinations([_cell(call, told) for call in seen])
    found = list(columns)
    for at in wide:
        least = _least(at, columns, asked)
        room = most = MOST // KINDS_OF_A_CELL - cells
        shares = _shares(seen, at, told)
        some = _dearest(seen, at)[:WORTH_IT]
        if not least and sum(cells * shares[value] for value in some) > most:
            found[at] = replace(columns[at], kept=frozenset())
            continue
        ranked = _ranked(windows, columns[at])
        kept: set[str] = set()
        for value, calls in ranked:
            room -= min(calls, round(cells * shares.get(value, 1.0)))
            if room < 0 and len(kept) >= least:
                break
            kept.add(value)
        if len(kept) < len(ranked):
            found[at] = replace(columns[at], kept=frozenset(kept))
        cells += most - max(room, 0)
        told.append(at)
    return tuple(found)


def _shares(seen: Sequence[Seen], at: int, told: Sequence[int]) -> dict[str | None, float]:
    """What share of the cells of other columns each value of one can be in.

    A value with 50 calls in the sample, which are in 10 cells, where any 50 calls are in 40: a quarter.
    """
    own: dict[str | None, list[tuple[Any, ...]]] = defaultdict(list)
    for call in seen:
        own[call.values[at]].append(_cell(call, told))
    found = {}
    for value, cells in own.items():
        any_calls = seen[:: max(1, len(seen) // len(cells))][: len(cells)]
        found[value] = len(set(cells)) / len({_cell(call, told) for call in any_calls})
    return {value: min(1.0, share) for value, share in found.items()}


def _dearest(seen: Sequence[Seen], at: int) -> list[str]:
    """The values of a column that the sample spent most on."""
    cost: Counter[str] = Counter()
    for call in seen:
        value = call.values[at]
        if value is not None:
            cost[value] += int(call.cost)
    return [value for value, _ in cost.most_common()]


def combinations(cells: Sequence[tuple[Any, ...]]) -> int:
    """How many different cells there are in all, from a sample; at least as many as it shows.

    Chao's estimate: those that were seen, and for each pair of cells that were seen once (f1), over those seen twice
    (f2), one that was not: d + f1 (f1 - 1) / (2 (f2 + 1)).
    """
    held = Counter(cells)
    seen = Counter(held.values())
    return len(held) + seen[1] * (seen[1] - 1) // (2 * (seen[2] + 1))


def _cell(call: Seen, columns: Sequence[int]) -> tuple[Any, ...]:
    return (*(call.values[at] for at in columns), call.status, call.price_key)


def _ranked(windows: Sequence[Data], column: Column) -> list[tuple[str, int]]:
    """The values of a column with their calls, those first that cost or moved most."""
    calls: Counter[str] = Counter()
    cost: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for later, data in enumerate(windows):
        for value, count, estimate in _marginal(data, column):
            if value is not None and value != OTHERS:
                calls[value] += count
                cost[value][later] = int(estimate or 0)
    order = sorted(cost, key=lambda value: (-_importance(cost[value]), -calls[value], value))
    return [(value, calls[value]) for value in order]


def _importance(cost: Sequence[int]) -> int:
    """What a value cost in the dearer window, and what it moved."""
    return max(cost) + abs(cost[1] - cost[0])


def _marginal(data: Data, column: Column) -> list[tuple[Any, ...]]:
    plan = data.used_up({}, {})[0]
    terms = [f"coalesce({name}, 0) * w_{name}" for name in plan.buckets]
    cost = f"coalesce({' + '.join(terms) or '0'}, 0)"
    if plan.reported:
        cost += f" + CASE WHEN price_key = '{REPORTED}' THEN coalesce(reported_cost, 0) ELSE 0 END"
    with _weighed(data.engine, plan.buckets, [plan]):
        return data.rows(MARGINAL.format(value=column.expression, cost=cost, calls=data.calls()))


@contextmanager
def _weighed(engine: Engine, buckets: Sequence[str], plans: Sequence[Plan]) -> Iterator[None]:
    """One price of each price key, in a table beside the calls."""
    weights = {key: rates for plan in plans for key, rates in _weights(plan).items()}
    table: dict[str, Any] = {"weight_key": Array(list(weights), DataType.utf8())}
    for name in buckets:
        table[f"w_{name}"] = Array([rates.get(name, 0.0) for rates in weights.values()], DataType.float64())
    engine.offer(WEIGHTS, Table.from_pydict(table))
    try:
        yield
    finally:
        engine.withdraw(WEIGHTS)


def lasting(kept: Kept, asked: Sequence[str]) -> list[int]:
    """The columns whose values do not come and go (rule 3), by place; the first and the last one always."""
    found = []
    for at, column in enumerate(kept.columns):
        if 0 < at < len(kept.columns) - 1 and column.name not in asked and _comes_and_goes(kept, at):
            continue
        found.append(at)
    return found


def _comes_and_goes(kept: Kept, at: int) -> bool:
    calls: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    name = f"c{at}"
    sql = f"SELECT {name}, later, CAST(sum(calls) AS BIGINT) FROM {kept.whole} WHERE {name} IS NOT NULL GROUP BY 1, 2"
    for value, later, count in kept.engine.rows(sql):
        if value != OTHERS:
            calls[value][later] += count
    before, after = (sum(each[later] for each in calls.values()) for later in (0, 1))
    if not before or not after:
        return False  # newly tagged, or no longer
    alone = sum(sum(each) for each in calls.values() if not all(each))
    return 2 * alone > before + after


def bound(kept: Kept, asked: Sequence[str]) -> None:
    """Decide what the cells of a kept table are told apart by: rules 3, then 2."""
    places = lasting(kept, asked)
    columns = list(kept.columns)
    ranked: dict[int, list[str]] = {}
    while kept.size(columns, places) > MOST:
        ranked = ranked or {at: _ranked_of(kept, at) for at in places}
        at = _widest(columns, ranked, asked)
        if at is None:
            break
        held = _held(columns[at], ranked[at])
        half = max(len(held) // 2, _least(at, columns, asked))
        columns[at] = replace(columns[at], kept=frozenset(held[:half]))
    site = len(columns) - 1
    kept.places = [at for at in places if columns[at].kept != frozenset() or at in (0, site)]
    kept.folded = tuple(columns)


def _held(column: Column, ranked: Sequence[str]) -> list[str]:
    return [value for value in ranked if column.kept is None or value in column.kept]


def _least(at: int, columns: Sequence[Column], asked: Sequence[str]) -> int:
    return OWNERS if at == 0 else ASKED if columns[at].name in asked else 0


def _widest(columns: Sequence[Column], ranked: Mapping[int, list[str]], asked: Sequence[str]) -> int | None:
    """The column to halve next; None: all are as small as they may be."""
    places = []
    for at, own in ranked.items():
        values, site = len(_held(columns[at], own)), at == len(columns) - 1
        if values > _least(at, columns, asked):
            # Places in the code are worth more than many customers, and less than a few environments.
            turn = 1 if site else 0 if values > DOZEN else 2
            places.append(((at == 0, columns[at].name in asked, turn, -values), at))
    return min(places)[1] if places else None


def _ranked_of(kept: Kept, at: int) -> list[str]:
    """The values of a column, those first that cost or moved most."""
    cost: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    terms = [f"q_{name} * coalesce(w_{name}, 0)" for name in kept.buckets]
    with _weighed(kept.engine, kept.buckets, kept.plans):
        sql = KEPT_COST.format(value=f"c{at}", cost=" + ".join([*terms, "own"]), whole=kept.whole)
        for value, later, estimate in kept.engine.rows(sql):
            if value is not None and value != OTHERS:
                cost[value][later] = int(estimate)
    return sorted(cost, key=lambda value: (-_importance(cost[value]), value))


def calls_held(data: Data) -> int:
    """How many calls the ledger's files of a window hold, about: those of its edges are counted whole."""
    extent = data.snapshot.between(data.window.start, data.window.end)
    return sum(file.rows for file in extent.files if file.first < micros(data.window.end))
