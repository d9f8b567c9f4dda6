"""How a segment went by day or by hour, and how busy its weekdays are."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from whyspend.errors import UsageError
from whyspend.model import Window
from whyspend.pricing.plan import REPORTED, split
from whyspend.workspace.comparing_rows import Kept, Row, named
from whyspend.workspace.windows import micros, of_days

MODEL = "model"
"""In the terms of a segment: `provider|model`."""

ROUNDS = 50
"""Of fitting weekdays; it settles within ten."""

_HOUR = 3_600_000_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Series:
    """A segment over time."""

    times: tuple[int, ...]
    """When each day, or hour, begins: microseconds UTC, in order. Of both windows, not of what lies between."""
    amounts: Mapping[str, list[int]]
    """calls, ok, failed, requests, priced, cost and listed (1e-24 dollars), `units:<kind>`, `model:<provider|model>`
    (calls that did not fail), `tier:<n>` and `service:<name>` (tokens): one figure for each time."""


COUNTS = {
    "calls": "calls",
    "ok": "CASE WHEN failed = 0 THEN calls END",
    "failed": "CASE WHEN failed = 1 THEN calls END",
    "requests": "requests",
    "priced": "priced",
}


def series(
    kept: Kept,
    terms: Mapping[str, str | None],
    hours: bool,
    between: tuple[int, int] | None,
    names: Collection[str] = (),
) -> Series:
    """See Comparison.series."""
    where: list[str] = []
    if hours or not kept.is_kept:
        grain = "hour" if hours else "day"
        relation = f"({kept.relation(grain, conditions(kept, terms), between, told_apart=False)})"
    else:
        relation, where = kept.days, conditions(kept, terms, over_table=True)
    wanted = _columns(kept, names)
    found: Iterable[tuple[int, Iterable[tuple[str, int]]]]
    if wanted:
        tiers = any(name.startswith(("tier:", "service:")) for name in wanted)
        rows = kept.priced(relation, list(wanted.values()), where, tiers=tiers)
        found = [(time, zip(wanted, map(int, sums), strict=True)) for time, *sums in rows]
    else:
        found = [(row.keys[0], _amounts(row)) for row in kept.rows(["time", "failed"], relation, where)]
    if hours:
        # Where clocks change by half an hour, hours begin elsewhere from then on.
        times = sorted({*_hours(kept, between), *(time for time, _ in found)})
        place = {time: at for at, time in enumerate(times)}
    else:
        days = [day for day in _days(kept) if between is None or _overlaps(kept, day, between)]
        times = [_begin(kept, day) for day in days]
        place = {(day - _EPOCH).days: at for at, day in enumerate(days)}
    amounts: dict[str, list[int]] = {
        name: [0] * len(times) for name in ("calls", "ok", "failed", "requests", "priced", "cost", "listed")
    }
    for time, figures in found:
        at = place.get(time)
        if at is not None:
            for name, amount in figures:
                if name not in amounts:
                    amounts[name] = [0] * len(times)
                amounts[name][at] += amount
    return Series(tuple(times), amounts)


def _columns(kept: Kept, names: Collection[str]) -> dict[str, str]:
    """What to add up for each name, as SQL over a row of Kept.priced; none where one must be told by its price."""
    found: dict[str, str] = {}
    tokens = " + ".join(f"q_{bucket}" for bucket in kept.buckets if bucket.endswith("_tokens")) or "0"
    for name in names:
        prefix, _, own = name.partition(":")
        if name == "days":
            continue
        if name in COUNTS:
            found[name] = COUNTS[name]
        elif prefix == "units" and own.endswith("_tokens"):
            if own in kept.buckets:
                found[name] = _priced("true", f"q_{own}")
        elif prefix == "model":
            found[name] = f"CASE WHEN failed = 0 AND {_model_test(kept, own)} THEN calls END"
        elif name == "tier:":
            found |= {f"tier:{tier}": _priced(f"tier = {tier}", tokens) for tier in range(kept.tiers)}
        elif prefix == "service":
            found[name] = _priced(f"service = {kept.engine.literal(own)}", tokens)
        else:
            return {}
    return found


def _priced(test: str, units: str) -> str:
    return f"CASE WHEN priced > 0 AND price_key <> '{REPORTED}' AND {test} THEN {units} END"


def _amounts(row: Row) -> Iterable[tuple[str, int]]:
    failed = row.keys[1]
    yield "calls", row.calls
    yield ("failed" if failed else "ok"), row.calls
    yield "requests", row.requests
    yield "priced", row.priced
    if not failed:
        yield f"model:{row.model}", row.calls
    for part in row.parts:
        yield "cost", part.cost
        yield "listed", part.listed
        yield f"units:{part.kind}", part.units
        if part.kind.endswith("_tokens"):
            yield f"tier:{row.tier}", part.units
            yield f"service:{row.service}", part.units


def conditions(kept: Kept, terms: Mapping[str, str | None], *, over_table: bool = False) -> list[str]:
    """A segment as conditions on a ledger row, or on a row of the kept table."""
    tests = []
    for name, value in terms.items():
        at = _place(kept, name)
        if at is None:
            tests.append(_model_test(kept, value))
        else:
            column = kept.folded[at]
            tests.append(column.test(kept.engine, value, f"c{at}" if over_table else column.expression))
    return tests


def _place(kept: Kept, name: str) -> int | None:
    """Which column a term speaks of; None: the model.

    Raises:
        UsageError: there is none of that name.
    """
    names = {kept.folded[at].name: at for at in reversed(kept.places)}
    if name in names:
        return names[name]
    if name == MODEL:
        return None
    raise UsageError(f"Calls are not told apart by '{name}' here. There is: {', '.join([*names, MODEL])}.")


def _model_test(kept: Kept, value: str | None) -> str:
    wanted = []
    for price_key in kept.price_keys:
        provider, model, _ = split(price_key)
        if named(provider, model) == value:
            wanted.append(kept.engine.literal(price_key))
    return f"price_key IN ({', '.join(wanted)})" if wanted else "false"


def _windows(kept: Kept) -> list[Window]:
    return sorted((data.window for data in kept.windows), key=lambda window: window.start)


def _days(kept: Kept) -> list[date]:
    return [
        window.since + timedelta(days=at)
        for window in _windows(kept)
        for at in range((window.until - window.since).days + 1)
    ]


def _begin(kept: Kept, day: date) -> int:
    return micros(of_days(day, day, kept.windows[-1].window.timezone).start)


def _overlaps(kept: Kept, day: date, between: tuple[int, int]) -> bool:
    own = of_days(day, day, kept.windows[-1].window.timezone)
    return micros(own.start) < between[1] and micros(own.end) > between[0]


def _hours(kept: Kept, between: tuple[int, int] | None) -> list[int]:
    """The hours of both windows; local hours begin where those of the zone do (India: at half past, UTC)."""
    found: set[int] = set()
    for window in _windows(kept):
        start, end = micros(window.start), micros(window.end)
        if between is not None:
            start, end = max(start, start + (between[0] - start) // _HOUR * _HOUR), min(end, between[1])
        found.update(range(start, end, _HOUR))
    return sorted(found)


def busyness(kept: Kept) -> dict[str | None, tuple[float, float]]:
    """How busy the weekdays of each window are, by owner (see Cells.busyness).

    Daily requests are taken as the level of their window times the weight of their weekday, fitted to the sums of both
    (Poisson, most likely), so that growth between the windows is not taken for a busy weekday. Known where each weekday
    occurs at least twice in both windows together, and the owner has requests on some day of each.
    """
    before, after = (Counter(_weekdays(data.window)) for data in kept.windows)
    days, later_days = before.total(), after.total()
    requests = _daily(kept)
    if all(before[day] * later_days == after[day] * days for day in range(7)):
        return dict.fromkeys(requests, (1.0, 1.0))
    if any(before[day] + after[day] < 2 for day in range(7)):
        return {}
    found = {}
    for owner, sums in requests.items():
        weights = _fitted((before, after), sums)
        if weights:
            first, last = (
                sum(weights[day] * times for day, times in window.items()) / window.total()
                for window in (before, after)
            )
            found[owner] = first, last
    return found


def _fitted(days: Sequence[Counter[int]], requests: Sequence[Counter[int]]) -> list[float]:
    """The weight of each weekday, 1 on average; none where a window has no requests."""
    totals = [own.total() for own in requests]
    if not all(totals):
        return []
    weights = [1.0] * 7
    for _ in range(ROUNDS):
        levels = [
            total / sum(weights[day] * times for day, times in own.items())
            for total, own in zip(totals, days, strict=True)
        ]
        expected = [
            sum(level * own[day] for level, own in zip(levels, days, strict=True)) for day in range(7)
        ]
        weights = [sum(own[day] for own in requests) / expected[day] for day in range(7)]
        mean = sum(weights) / 7
        weights = [weight / mean for weight in weights]
    return weights


def _weekdays(window: Window) -> Iterable[int]:
    days = (window.until - window.since).days + 1
    return ((window.since.weekday() + at) % 7 for at in range(days))


def _daily(kept: Kept) -> dict[str | None, tuple[Counter[int], Counter[int]]]:
    """Requests by owner, window and weekday."""
    found: dict[str | None, tuple[Counter[int], Counter[int]]] = defaultdict(lambda: (Counter(), Counter()))
    owner = kept.folded[0].sql(kept.engine, "c0")
    sql = (
        f"SELECT {owner} AS owner, later, (time + 3) % 7, CAST(sum(requests) AS BIGINT) "
        f"FROM {kept.days} GROUP BY 1, 2, 3"
    )
    for value, later, weekday, requests in kept.engine.rows(sql):
        found[value][later][weekday] += requests
    return dict(found)
