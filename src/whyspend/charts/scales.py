"""From amounts to places, and the round numbers at which an axis has words."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from whyspend.spelling import about, exact, money, rate, short_count

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_SPELLED: Mapping[str, Callable[[Decimal], str]] = {"usd": money, "rate": rate, "about": about}
"""What is dollars, by its unit; everything else is counted."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """Places of amounts between two ends."""

    low: float
    high: float
    start: float
    """The place of the low end."""
    end: float

    def at(self, amount: float) -> float:
        """The place of an amount."""
        return self.start + (amount - self.low) / (self.high - self.low) * (self.end - self.start)


def rounded_out(low: float, high: float, wanted: int = 5) -> tuple[list[float], float, float]:
    """Round ticks about so many, and the ends, which are ticks: 0 and 33 become 0, 10, 20, 30, 40."""
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough * 0.9999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [float(f"{step * number:.10g}") for number in range(first, last + 1)]
    return ticks, ticks[0], ticks[-1]


def dollars(ticks: Sequence[float]) -> list[str]:
    """Ticks of a money axis, short and alike: `$0`, `$25`, `$1.5k`, `$0.002`."""
    highest = max((abs(tick) for tick in ticks), default=0.0)
    return [_dollars(tick, highest, ticks) for tick in ticks]


def _dollars(tick: float, highest: float, ticks: Sequence[float]) -> str:
    if not tick:
        return "$0"
    sign, size = "-" if tick < 0 else "", abs(tick)
    if highest >= 10_000:
        for limit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
            if highest >= limit:
                return f"{sign}${size / limit:g}{letter}"
    if all(each == int(each) for each in ticks):
        return f"{sign}${size:,.0f}"
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else size
    places = max(2, -math.floor(math.log10(step) + 1e-9) + (0 if _is_round(step) else 1))
    return f"{sign}${size:,.{places}f}"


def _is_round(step: float) -> bool:
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return abs(mantissa - round(mantissa)) < 1e-6


def edge(amount: Decimal) -> str:
    """A round amount as an edge of bars: `$0.005`, `$0.20`, `$5`."""
    if amount == amount.to_integral_value():
        return f"${amount:,.0f}"
    digits = exact(amount)
    return f"${digits}0" if len(digits.partition(".")[2]) == 1 else f"${digits}"


def spelled(amount: Decimal | float | None, unit: str) -> str:
    """An amount as people read it in a tip or beside a bar."""
    if amount is None:
        return "unknown"
    known = Decimal(amount)
    return _SPELLED[unit](known) if unit in _SPELLED else f"{known:,.0f}"


def axis_words(ticks: Sequence[float], unit: str) -> list[str]:
    """Ticks of an axis of dollars or of things that are counted."""
    return dollars(ticks) if unit in _SPELLED else counts(ticks)


def counts(ticks: Sequence[float]) -> list[str]:
    """Ticks of an axis of things that are counted."""
    return [short_count(Decimal(tick)) if tick >= 10_000 else f"{tick:,g}" for tick in ticks]


def day_ticks(days: Sequence[date], room: int) -> list[int]:
    """The places of the days that have a word: all where there is room, else each Monday or the first of months."""
    if len(days) <= 2 * room:
        return thinned(range(len(days)), room)
    gap = (days[1] - days[0]) if len(days) > 1 else timedelta(1)
    if gap == timedelta(1) and len(days) <= 7 * room:
        found = [at for at, day in enumerate(days) if day.weekday() == 0]
    else:
        found = [at for at, day in enumerate(days) if at and day.month != days[at - 1].month]
    return thinned(found or [0], room)


def thinned(places: Sequence[int], room: int) -> list[int]:
    """Every second, third, ... so that no more are left than there is room for."""
    step = max(1, math.ceil(len(places) / max(room, 1)))
    return list(places[::step])


def day_words(days: Sequence[date], places: Sequence[int]) -> list[str]:
    """`Nov 15`, and the year where it is another than that of the word before."""
    said, year = [], days[places[0]].year if places else 0
    for at in places:
        day = days[at]
        said.append(f"{MONTHS[day.month - 1]} {day.day}" + (f" {day.year}" if day.year != year else ""))
        year = day.year
    return said
