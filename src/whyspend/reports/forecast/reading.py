"""What each local day cost, for the dearest values of the keys, for the others together, and in all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

LEADERS = """
SELECT {keys}, row_number() OVER (ORDER BY coalesce(sum(cost) FILTER (WHERE {day} >= {recent}), 0) DESC,
  coalesce(sum(cost), 0) DESC, {keys}) AS place
FROM answer GROUP BY {keys}
"""
"""The values of the keys, the dearest of the period and the four weeks before it first."""

DAILY = """
SELECT {place}, answer.{day}, CAST(sum(cost) AS VARCHAR), CAST(sum(calls) AS BIGINT),
  CAST(sum(calls - priced_calls) AS BIGINT)
FROM answer {join} GROUP BY ALL
"""

_EPOCH = date(1970, 1, 1)
_LEADERS = "leaders"


@dataclass(frozen=True)
class Daily:
    """What days cost."""

    units: Mapping[date, int] = field(default_factory=dict)
    """1e-24 dollars that are known; a day without calls is absent."""
    calls: Mapping[date, int] = field(default_factory=dict)
    unpriced: Mapping[date, int] = field(default_factory=dict)

    def spent(self, first: date, last: date) -> int | None:
        """What is known of [first, last], 1e-24 dollars; None: there are calls, and none has a price."""
        calls, unpriced = _within(self.calls, first, last), _within(self.unpriced, first, last)
        return None if calls and calls == unpriced else _within(self.units, first, last)

    def unpriced_in(self, first: date, last: date) -> int:
        """The calls of [first, last] without a price."""
        return _within(self.unpriced, first, last)

    def dollars(self) -> dict[date, float]:
        """As an estimate takes them."""
        return {day: units / 10**24 for day, units in self.units.items()}

    def less(self, others: Sequence["Daily"]) -> "Daily":
        """What is left without others."""
        return Daily(
            _less(self.units, [other.units for other in others]),
            _less(self.calls, [other.calls for other in others]),
            _less(self.unpriced, [other.unpriced for other in others]),
        )


@dataclass(frozen=True)
class Read:
    """What the ledger holds of the days asked about."""

    rows: Sequence[tuple[tuple[Any, ...], Daily]]
    """By the values of the keys, the dearest first."""
    others: Daily | None
    """The values beyond; None where all are in `rows`."""
    values: int
    whole: Daily


def read(data: Any, keys: Sequence[Any], recent: date, top: int) -> Read:
    """Add up the calls of the view's window by the keys and by local day.

    Args:
        data: the view, of the days to read.
        keys: what to group by; none: only the whole is read.
        recent: from this day on it counts what is dear.
        top: read so many values apart, and the others together; 0: all apart.
    """
    day = data.key("day")
    data.added_up([*keys, day])
    whole = _daily(data.rows(DAILY.format(place=0, day=day.column, join=""))).get(0, Daily())
    if not keys:
        return Read((), None, 0, whole)
    names = ", ".join(key.column for key in keys)
    number = data.day_number(recent)
    data.engine.keep(_LEADERS, LEADERS.format(keys=names, day=day.column, recent=number))
    last = f"WHERE place <= {top}" if top else ""
    leaders = {
        place: tuple(own) for *own, place in data.rows(f"SELECT {names}, place FROM {_LEADERS} {last}")
    }
    ((values,),) = data.rows(f"SELECT count(*) FROM {_LEADERS}")
    same = " AND ".join(f"answer.{k.column} IS NOT DISTINCT FROM {_LEADERS}.{k.column}" for k in keys)
    join = f"JOIN {_LEADERS} ON {same} {last}"
    found = _daily(data.rows(DAILY.format(place="place", day=day.column, join=join)))
    data.engine.forget(_LEADERS)
    rows = [(leaders[place], found[place]) for place in sorted(leaders)]
    others = whole.less([daily for _, daily in rows]) if values > len(rows) else None
    return Read(rows, others, values, whole)


def _daily(rows: Iterable[tuple[Any, ...]]) -> dict[int, Daily]:
    found: dict[int, tuple[dict[date, int], dict[date, int], dict[date, int]]] = {}
    for place, number, cost, calls, unpriced in rows:
        day = _EPOCH + timedelta(days=number)
        units, every, lacking = found.setdefault(place, ({}, {}, {}))
        units[day], every[day], lacking[day] = int(cost or 0), calls, unpriced
    return {place: Daily(*parts) for place, parts in found.items()}


def _within(amounts: Mapping[date, int], first: date, last: date) -> int:
    return sum(amount for day, amount in amounts.items() if first <= day <= last)


def _less(whole: Mapping[date, int], parts: Sequence[Mapping[date, int]]) -> dict[date, int]:
    return {day: amount - sum(part.get(day, 0) for part in parts) for day, amount in whole.items()}
