"""Dollars a day of every value of a key, read from the ledger once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from whyspend.money import usd

DAILY = """
SELECT {keys} day_number, CAST(cost AS VARCHAR), calls, unpriced FROM (
  SELECT daily.*, max(cost) OVER ({partition}) AS highest FROM (
    SELECT {keys} {day} AS day_number, CAST(sum(cost) AS DECIMAL(38, 0)) AS cost,
      CAST(sum(calls) AS BIGINT) AS calls, CAST(sum(calls - priced_calls) AS BIGINT) AS unpriced
    FROM answer GROUP BY {keys} {day}
  ) daily
) days WHERE {enough}
"""
"""Values that never cost the floor in a day are left out: there may be a hundred thousand of them."""

HISTORY_DAYS = 120

_EPOCH = date(1970, 1, 1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """Which days are looked at: [first, last]; what is told reaches into those from `since` on."""

    first: date
    since: date
    last: date
    is_over: bool
    """Whether the last one is."""

    def __len__(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    def place(self, day: date) -> int:
        """The place of a day, from 0."""
        return (day - self.first).days

    def day(self, place: int) -> date:
        """The day of a place."""
        return self.first + place * _DAY


@dataclass
class Series:
    """What calls cost day by day. Money is whole 1e-24 dollars; what has no price counts nothing."""

    units: list[int]
    unpriced: list[int]
    """Calls without a price."""
    begun: int
    """The first day with any call."""
    dollars: list[float] = field(default_factory=list)
    """The same from the day on that it began, as the rules want it."""


@dataclass(frozen=True)
class Held:
    """All that was read."""

    days: Days
    key: Any
    values: Mapping[Any, Series]
    whole: Series
    """All calls together."""


def read(data: Any, key: Any, days: Days) -> Held:
    """Add up the calls by value and day; one scan."""
    wide = data.watch.between(data, days.first, days.last)
    time = wide.key("day")
    wide.added_up([wide.key(key.name), time])
    floor = int(data.watch.floor_usd.scaleb(24))
    values: dict[Any, Series] = {}
    for value, *rest in _rows(wide, f"{key.column},", time.column, f"highest >= {floor}"):
        _add(values.setdefault(value, _empty(days)), days, rest)
    whole = _empty(days)
    for row in _rows(wide, "", time.column, "1 = 1"):
        _add(whole, days, row)
    for series in (*values.values(), whole):
        series.dollars = [float(usd(units)) for units in series.units[series.begun :]]
    return Held(days, key, values, whole)


def _rows(data: Any, keys: str, day: str, enough: str) -> Iterator[tuple[Any, ...]]:
    partition = f"PARTITION BY {keys.rstrip(',')}" if keys else ""
    yield from data.rows(DAILY.format(keys=keys, day=day, partition=partition, enough=enough))


def _empty(days: Days) -> Series:
    return Series([0] * len(days), [0] * len(days), len(days))


def _add(series: Series, days: Days, row: Sequence[Any]) -> None:
    number, cost, calls, unpriced = row
    place = days.place(_EPOCH + number * _DAY)
    if calls:
        series.units[place] = int(cost or 0)
        series.unpriced[place] = unpriced
        series.begun = min(series.begun, place)
