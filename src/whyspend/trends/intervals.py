"""How far a forecast of days to come may be off: what weeks do, and what the rule itself did on this series."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import NormalDist, fmean, stdev

from whyspend.trends.forecast import MEDIAN_FROM, WEEK, Ahead, Days, Outlook, forecast

LEVELS = (0.80, 0.95)
"""The shares of months that shall end inside."""

WEEKS = 12
"""Weeks whose ups and downs count."""

TRIES = 16
"""Past days from which the rule is tried."""

WIDTHS = {0.80: 0.86, 0.95: 1.05}
LAST_WEEK = 1.1
"""By so much a blend is made wider, by level, and in the last week, where errors of single days do not average out:
with these, as many months of the tuning seeds of bench/forecasting.py ended inside as the level says."""

SMALLEST = 0.02
"""Of the rest: nobody knows days to come better, however regular the past."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Interval:
    """Between these the rest will end, in so many of a hundred cases."""

    level: float
    low: float
    high: float


def intervals(held: Days, ahead: Ahead, outlook: Outlook) -> tuple[Interval, ...]:
    """One for each of LEVELS; none below four weeks of history, where nothing that was measured held.

    The geometric mean of two half widths: Student's t times the deviation of week on week, growing with the days
    ahead, and the quantile of the errors that the same rule made on the last weeks of this series.
    """
    rest = outlook.rest
    span = math.fsum(share for _, share in ahead)
    if rest is None or outlook.method in ("nothing", "ended") or outlook.history < MEDIAN_FROM or not span:
        return ()
    usual = 0.5 * span * fmean(map(abs, held.amounts[-MEDIAN_FROM:]))
    scale = max(abs(rest), usual)
    weekly = _weekly(held.amounts)
    errors = _errors(held, span)
    found = []
    for level in LEVELS:
        by_weeks = _student(level, max(len(weekly) - 1, 3)) * _deviation(weekly) * math.sqrt(0.5 + span / 21)
        by_tries = _quantile(errors, level) if errors else by_weeks
        half = math.sqrt(max(by_weeks, SMALLEST) * max(by_tries, SMALLEST))
        half *= WIDTHS[level] * (LAST_WEEK if span <= WEEK else 1.0)
        lowest = 0.0 if min(held.amounts) >= 0 else -math.inf
        found.append(
            Interval(level, max(rest - scale * half, min(lowest, rest)), rest + scale * half + outlook.maybe)
        )
    return tuple(found)


def _weekly(amounts: Sequence[float]) -> list[float]:
    """The logarithms of each week over the week before."""
    ends = range(len(amounts), WEEK - 1, -WEEK)
    weeks = [math.fsum(amounts[end - WEEK : end]) for end in ends][: WEEKS + 1]
    least = 0.05 * fmean(map(abs, weeks)) or 1.0
    logs = [math.log(max(week, least)) for week in weeks]
    return [later - earlier for later, earlier in pairwise(logs)]


def _deviation(steps: Sequence[float]) -> float:
    return stdev(steps) if len(steps) > 1 else 0.0


def _errors(held: Days, span: float) -> list[float]:
    """Relative errors of the rule from past days, over as many days ahead as the history allows, none of them now.

    Where it allows fewer days ahead than are asked for, the errors are scaled up as those of weeks are.
    """
    room = len(held.amounts) - MEDIAN_FROM
    length = min(max(round(span), 1), max(room // 2, 1))
    if room < length:
        return []
    wider = math.sqrt((0.5 + span / 21) / (0.5 + length / 21))
    starts = range(len(held.amounts) - length, MEDIAN_FROM - 1, -1)
    step = max(1, min(len(starts), 8 * WEEK) // TRIES)
    found = []
    for start in list(starts)[: TRIES * step : step]:
        past = held.until(start)
        told = forecast(past, [(past.last + n * _DAY, 1.0) for n in range(1, length + 1)]).rest
        actual = math.fsum(held.amounts[start : start + length])
        usual = 0.5 * length * fmean(map(abs, held.amounts[max(start - MEDIAN_FROM, 0) : start]))
        if told is not None and max(abs(told), usual) > 0:
            found.append(wider * abs(actual - told) / max(abs(told), usual))
    return found


def _quantile(errors: Sequence[float], level: float) -> float:
    """The conformal quantile: of k errors the one at level x (k + 1), at most the largest."""
    ordered = sorted(errors)
    place = level * (len(ordered) + 1) - 1
    low = min(max(math.floor(place), 0), len(ordered) - 1)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * min(max(place - low, 0.0), 1.0)


def _student(level: float, freedom: int) -> float:
    """The two-sided quantile of Student's t, by the first terms of its expansion about the normal one."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    first = (z**3 + z) / (4 * freedom)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return z + first + second
