"""What a job does that runs on the first or the last day of each month."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

MONTHS_FROM = 3
"""A monthly job is learned once it was there in so many months."""

SCALES = 4.0
LEAST = 0.25
"""What counts as there: so many usual deviations, and so much of a usual day, above the days around it."""

AROUND = 14

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Monthly:
    """What first and last days of a month bring beyond a usual day."""

    extra: dict[str, float] = field(default_factory=dict)
    """By `first` and `last`; a day that is usual is absent."""
    months: int = 0
    maybe: dict[str, float] = field(default_factory=dict)
    """What the last such day brought that is not learned yet: it may have been a job, or chance."""

    def on(self, day: date) -> float:
        """What a day brings beyond a usual one."""
        return self.extra.get(place_in_month(day), 0.0)

    def perhaps_on(self, day: date) -> float:
        """What a day may bring on top."""
        return self.maybe.get(place_in_month(day), 0.0)

    def without(self, amounts: Sequence[float], last: date) -> tuple[float, ...]:
        """A series without its monthly jobs."""
        if not self.extra:
            return tuple(amounts)
        first = last - (len(amounts) - 1) * _DAY
        return tuple(amount - self.on(first + n * _DAY) for n, amount in enumerate(amounts))


def place_in_month(day: date) -> str:
    """`first`, `last`, or nothing."""
    if day.day == 1:
        return "first"
    return "last" if (day + _DAY).day == 1 else ""


def monthly(amounts: Sequence[float], last: date) -> Monthly:
    """Learn the jobs of first and last days from a series whose last day is given.

    A day is held against the median of the same weekdays of the two weeks before and after. $40 each on Aug 31,
    Sep 30 and Oct 31 among days of $10 are an extra of $30 for a last day to come; two of them are none.
    """
    first = last - (len(amounts) - 1) * _DAY
    found: dict[str, list[tuple[float, float]]] = {"first": [], "last": []}
    for n in range(len(amounts)):
        if place := place_in_month(first + n * _DAY):
            found[place].append(_excess(amounts, n))
    extra, maybe, months = {}, {}, []
    for place, held in found.items():
        there = [excess for excess, needed in held[-4:] if excess > needed]
        if not held or held[-1][0] <= held[-1][1]:
            continue
        if len(there) >= MONTHS_FROM:
            extra[place] = median(there)
            months.append(len(there))
        elif len(held) < MONTHS_FROM:
            maybe[place] = held[-1][0]
    return Monthly(extra, min(months, default=0), maybe)


def _excess(amounts: Sequence[float], at: int) -> tuple[float, float]:
    """What a day has beyond its weekday, and how much of that would be out of the ordinary."""
    near = range(max(at - AROUND, 0), min(at + AROUND + 1, len(amounts)))
    same = [amounts[n] for n in near if n != at and (n - at) % 7 == 0]
    around = [amounts[n] for n in near if n != at]
    if not around:
        return 0.0, 0.0
    usual = median(same or around)
    steps = [abs(amounts[n] - amounts[n - 7]) for n in near if n - 7 >= 0 and at not in (n, n - 7)]
    deviation = median(steps) if steps else 0.0
    return amounts[at] - usual, max(SCALES * deviation, LEAST * abs(median(around)), 1e-12)
