"""What is out of the ordinary without a budget: one rule on a series of days, quiet by default."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev

THRESHOLD = 3.5
"""Scales above the level. On spend-like series about one false alarm a feature and year, before the dollar gate."""

FEWEST_DAYS, WEEKDAY_DAYS = 7, 14
"""Days of history below which nothing is said, and from which weekdays are told apart."""

SMALLEST_SCALE = math.log(1.05)
"""A series that never moved has a scale of 0, and any cent would be a spike: 5 % at least."""

PAR_DAYS = 7


@dataclass(frozen=True)
class Expected:
    """What a day was expected to cost, at most, and what it did. Dollars; estimates, so floats."""

    usual: float
    highest: float
    """From here on it is a spike."""


def expected(history: Sequence[float]) -> Expected | None:
    """What the day after a history of whole days should cost; None with less than a week.

    On the log scale: the factor of each weekday is taken out (from two weeks on), the level is the median of the
    last 7 days, the scale is the root mean square of the steps from that level to the next day, at least 5 %. In 1
    to 2 weeks it is mean and 3 standard deviations. RMS and not MAD: at equal false alarms it finds more.

    Args:
        history: dollars a day without gaps, the oldest first; the day in question follows the last.
    """
    if len(history) < FEWEST_DAYS:
        return None
    if len(history) < WEEKDAY_DAYS:
        usual = fmean(history)
        return Expected(usual, usual + 3 * max(pstdev(history), 0.05 * usual))
    # Days of nothing have no logarithm: 1 % of an average day stands for them.
    least = max(0.01 * fmean(history), 1e-9)
    logs = [math.log(max(amount, least)) for amount in history]
    factors = _weekday_factors(logs)
    plain = [value - factors[place % 7] for place, value in enumerate(logs)]
    steps = [plain[at] - median(plain[at - PAR_DAYS : at]) for at in range(PAR_DAYS, len(plain))]
    scale = max(math.sqrt(fmean(step * step for step in steps)), SMALLEST_SCALE)
    level = median(plain[-PAR_DAYS:]) + factors[len(history) % 7]
    return Expected(math.exp(level), math.exp(level + THRESHOLD * scale))


def _weekday_factors(logs: Sequence[float]) -> list[float]:
    """How far each place of the week is from the middle, on the log scale."""
    middle = median(logs)
    return [median(logs[place::7]) - middle for place in range(7)]
