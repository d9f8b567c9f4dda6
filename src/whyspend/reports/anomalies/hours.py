"""Which hours of the last days cost far more than the same hour of the days before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from whyspend.money import usd
from whyspend.reports.anomalies.series import Days
from whyspend.trends.anomalies import HOUR_DAYS, dear_hour

HOURLY = """
SELECT {value}, {hour}, CAST(CAST(sum(cost) AS DECIMAL(38, 0)) AS VARCHAR) FROM answer
WHERE cost IS NOT NULL {only} GROUP BY 1, 2
"""

MOST_DAYS = 8
"""So many of the last days are looked at by the hour: a week, and today."""

SMALL_PART = 0.1
"""Of the floor: a day that is told already began with an hour that need not be worth a word itself."""

_DAY = timedelta(days=1)
_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Hours:
    """Some hours in a row that cost too much."""

    began: int
    """The instant, in microseconds UTC."""
    day: date
    """The local day of that hour."""
    units: int
    """1e-24 dollars."""
    usual: float
    """Dollars."""
    count: int


@dataclass(frozen=True)
class Dear:
    """The dear hours of a value."""

    runs: Sequence[Hours]
    """Of hours that are worth a word each."""
    first: Mapping[date, int]
    """By day, the first hour that was dear at all: in microseconds UTC."""


def dear_hours(data: Any, key: Any, days: Days, values: Sequence[Any], floor: float) -> dict[Any, Dear]:
    """By value; of all calls together under no key.

    Args:
        data: the ledger's view.
        key: of the values; None: all calls together, whose one value is None.
        days: what is looked at, and how far back the ledger is known.
        values: whose hours.
        floor: dollars in an hour.
    """
    judged = max(days.since, days.last - (MOST_DAYS - 1) * _DAY)
    first = max(days.first, judged - HOUR_DAYS * _DAY)
    if not values:
        return {}
    wide = data.watch.between(data, first, days.last)
    hour = wide.key("hour")
    wide.added_up([*([wide.key(key.name)] if key else []), hour])
    seen: dict[Any, dict[int, int]] = {}
    rows = wide.rows(
        HOURLY.format(
            value=key.column if key else "NULL",
            hour=hour.column,
            only=f"AND {_among(data, key, values)}" if key else "",
        )
    )
    for value, number, cost in rows:
        seen.setdefault(value, {})[number] = int(cost)
    clock = _clock(data, first, judged, days.last)
    return {value: _of(own, clock, floor) for value, own in seen.items()}


def _of(seen: Mapping[int, int], clock: Sequence[tuple[date, Sequence[int]]], floor: float) -> Dear:
    first: dict[date, int] = {}
    for hour in _dear(seen, clock, floor * SMALL_PART):
        first.setdefault(hour.day, hour.began)
    return Dear(list(_runs(_dear(seen, clock, floor))), first)


def _among(data: Any, key: Any, values: Sequence[Any]) -> str:
    named = ", ".join(data.engine.literal(str(value)) for value in values if value is not None) or "NULL"
    none = f" OR {key.column} IS NULL" if None in values else ""
    return f"({key.column} IN ({named}){none})"


def _clock(data: Any, first: date, judged: date, last: date) -> list[tuple[date, list[int]]]:
    """(day, the same hour of the clock on the days before and on this one), in the order of time."""
    found: dict[int, tuple[date, list[int]]] = {}
    for number in range((last - judged).days + 1):
        day = judged + number * _DAY
        count = min(HOUR_DAYS, (day - first).days) + 1
        for hour in range(24):
            hours = data.watch.hours(data, day, hour, count)
            found.setdefault(hours[-1], (day, hours))  # an hour that the clock skips is the next one
    return list(found.values())


def _dear(
    seen: Mapping[int, int], clock: Sequence[tuple[date, Sequence[int]]], floor: float
) -> Iterator[Hours]:
    for day, hours in clock:
        units = seen.get(hours[-1], 0)
        spent = float(usd(units))
        if spent < floor:
            continue
        history = [float(usd(seen.get(hour, 0))) for hour in hours[:-1]]
        if found := dear_hour(history, spent, floor):
            yield Hours(hours[-1], day, units, found.usual, 1)


def _runs(hours: Iterator[Hours]) -> Iterator[Hours]:
    """Hours of one day in a row as one."""
    run: Hours | None = None
    for hour in hours:
        follows = run is not None and hour.day == run.day
        if run is not None and follows and hour.began - run.began == run.count * _HOUR:
            run = Hours(run.began, run.day, run.units + hour.units, run.usual + hour.usual, run.count + 1)
            continue
        if run is not None:
            yield run
        run = hour
    if run is not None:
        yield run
