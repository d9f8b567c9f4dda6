"""Where the level of a series of days last changed for good."""

import math
from collections.abc import Sequence
from statistics import fmean, median

WEEK = 7

LOOKED_AT = 56
"""Days that are searched; what changed before is long over for a forecast."""

SHORTEST = 5
"""Days after a change before it is believed: a spike of a few days is no shift."""

LEAST = math.log(1.35)
"""A smaller step is a drift, and the weeks tell it as well."""

SURE = 5.0
"""How many times its own uncertainty a step must be."""

PAR_WEEKS = 3


def level_since(amounts: Sequence[float]) -> int:
    """The place of the first day at the present level; 0 where the level did not change.

    On the logarithm of days, each weekday held against itself: the split at which the medians before and after
    differ most, if by a third and by five times the uncertainty of their difference.
    """
    recent = amounts[-LOOKED_AT:]
    offset = len(amounts) - len(recent)
    logs = _plain(recent)
    best, place = 0.0, 0
    for at in range(2 * WEEK, len(logs) - SHORTEST + 1):
        sureness = _sureness(logs[max(at - PAR_WEEKS * WEEK, 0) : at], logs[at : at + PAR_WEEKS * WEEK])
        if sureness > best:
            best, place = sureness, at
    return offset + place if best > SURE else 0


def _plain(amounts: Sequence[float]) -> list[float]:
    """Logarithms without the pattern of the week; a day of nothing counts as a hundredth of a usual one."""
    least = max(0.01 * fmean(map(abs, amounts)), 1e-12)
    logs = [math.log(max(amount, least)) for amount in amounts]
    # From steps within a week, so that a change of level does not look like a pattern.
    around = [fmean(_week(logs, at)) for at in range(len(logs))]
    steps = [value - middle for value, middle in zip(logs, around, strict=True)]
    factors = [median(steps[place::WEEK]) for place in range(WEEK)]
    return [value - factors[at % WEEK] for at, value in enumerate(logs)]


def _week(logs: Sequence[float], at: int) -> Sequence[float]:
    start = min(max(at - 3, 0), len(logs) - WEEK)
    return logs[start : start + WEEK]


def _sureness(before: Sequence[float], after: Sequence[float]) -> float:
    """How far two levels are apart, in units of their uncertainty; 0 for a small step."""
    old, new = median(before), median(after)
    if abs(new - old) < LEAST:
        return 0.0
    spread = fmean([*(abs(value - old) for value in before), *(abs(value - new) for value in after)])
    error = max(1.25 * spread, 0.03) * math.sqrt(1 / len(before) + 1 / len(after))
    return abs(new - old) / (1.25 * error)
