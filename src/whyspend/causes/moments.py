"""When a quantity changed: the one moment at which its level stepped, how sure that is, and how large a step must be.

A quantity is a ratio (tokens for each call) over days or hours, so an hour with three calls counts for three.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 4
"""Points with calls below which no step is looked for."""

CLEAR = 4.0
"""Standard errors from which the difference between two windows stands out from the day-to-day changes; ..."""

CLEAR_STEP = 5.0
"""... and from which a step does whose place was searched for: of many cuts one is high by chance."""

BLOCK = 7
"""Points of which one mean is taken to see how a quantity wanders from week to week."""

NEAR = 5
MOSTLY_AT_ONCE = 0.5

SHARE_EXPLAINED = 0.5
"""Of the variance that a step must explain: a slow drift is no step."""

_TRUST_IN_REST = 0.9
"""Autocorrelation of what is left is taken to be no more than this."""


@dataclass(frozen=True)
class Step:
    """A change of level."""

    at: int
    """Where the new level begins: the place of its first point."""
    before: float
    after: float
    errors: float
    """How many standard errors the step is high, signed; what is left over is taken to be autocorrelated."""
    explained: float
    """Share of the variance that the step explains, 0 to 1."""
    at_once: float
    """Share of the difference that is there within five points on either side; a drift takes longer."""

    def stands_out(self, least: float = 0.0) -> bool:
        """Whether it is more than the day-to-day changes make by themselves, and more than so much."""
        return abs(self.errors) >= CLEAR and abs(self.after - self.before) >= least

    def is_clear(self, least: float = 0.0) -> bool:
        """Whether it stands out although its place was searched for, and is a step rather than a drift."""
        is_step = self.explained >= SHARE_EXPLAINED and self.at_once >= MOSTLY_AT_ONCE
        return is_step and abs(self.errors) >= CLEAR_STEP and self.stands_out(least)


def step(parts: Sequence[float], wholes: Sequence[float]) -> Step | None:
    """The best single step of parts/wholes, weighted by wholes; None where there is too little to tell.

    Args:
        parts: numerator of each point, in the order of time.
        wholes: denominator; 0: nothing is known at that point.
    """
    part, whole = np.array(parts, float), np.array(wholes, float)
    known = np.flatnonzero(whole > 0)
    if len(known) < FEWEST:
        return None
    weight = _weights(whole[known])
    value = part[known] / whole[known]
    before, after, squares = _split(value, weight)
    # One point on a side has no variance of its own; two do.
    squares[:1], squares[-1:] = np.inf, np.inf
    best = int(np.argmin(squares[:-1])) if len(squares) > 3 else int(np.argmin(squares))
    if not np.isfinite(squares[best]):
        return None
    cut = best + 1
    errors = _errors(value, weight, cut, before[best], after[best])
    total = float((weight * (value - np.average(value, weights=weight)) ** 2).sum())
    explained = 1 - float(squares[best]) / total if total > 0 else 0.0
    near = _at_once(value, weight, cut, float(after[best] - before[best]))
    return Step(int(known[cut]), float(before[best]), float(after[best]), errors, explained, near)


def between(parts: Sequence[float], wholes: Sequence[float], cut: int) -> Step | None:
    """The difference between the points before and from `cut` on, in standard errors; None: too little to tell."""
    part, whole = np.array(parts, float), np.array(wholes, float)
    known = np.flatnonzero(whole > 0)
    place = int(np.searchsorted(known, cut))
    if min(place, len(known) - place) < 2:
        return None
    weight, value = _weights(whole[known]), part[known] / whole[known]
    before = float(np.average(value[:place], weights=weight[:place]))
    after = float(np.average(value[place:], weights=weight[place:]))
    return Step(int(known[place]), before, after, _errors(value, weight, place, before, after), 0.0, 0.0)


def refined(parts: Sequence[float], wholes: Sequence[float], before: float, after: float) -> int | None:
    """The point at which a step between two known levels happened, on a finer grain; None: no point knows.

    Each point is taken to be on the nearer level; the cut is where most calls agree. 09:00 had 2 calls at the old
    level and 10:00 had 30 at the new one: 10:00.
    """
    part, whole = np.array(parts, float), np.array(wholes, float)
    known = np.flatnonzero(whole > 0)
    if not len(known):
        return None
    value, weight = part[known] / whole[known], whole[known]
    # Squares would let one wild call of a quiet hour decide.
    gain = weight * (np.abs(value - before) - np.abs(value - after))
    # From cut on the new level: as much of the gain as possible must lie there.
    scores = np.concatenate([np.cumsum(gain[::-1])[::-1], [0.0]])
    cut = int(np.argmax(scores))
    return int(known[cut]) if cut < len(known) else None


def _at_once(value: NDArray[np.float64], weight: NDArray[np.float64], cut: int, whole: float) -> float:
    left, right = slice(max(cut - NEAR, 0), cut), slice(cut, cut + NEAR)
    jump = np.average(value[right], weights=weight[right]) - np.average(value[left], weights=weight[left])
    return float(jump) / whole if whole else 0.0


def _weights(whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points count by their calls, but no day for more than twice a usual one: its error is not only of chance."""
    return np.minimum(whole, 2 * float(np.median(whole)))


def _split(
    value: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each cut but the ends: the means of both sides, and the squares that are left."""
    weights, sums = np.cumsum(weight), np.cumsum(weight * value)
    left, right = sums[:-1] / weights[:-1], (sums[-1] - sums[:-1]) / (weights[-1] - weights[:-1])
    gained = weights[:-1] * left**2 + (weights[-1] - weights[:-1]) * right**2
    return left, right, float((weight * value**2).sum()) - gained


def _errors(
    value: NDArray[np.float64], weight: NDArray[np.float64], cut: int, before: float, after: float
) -> float:
    """The step in standard errors: the larger error of two ways to see how much the quantity wanders by itself."""
    rest = value - np.where(np.arange(len(value)) < cut, before, after)
    error = max(_of_neighbours(rest, weight, cut), _of_weeks(rest, weight, cut))
    # A level that never moves has an error of 0: one thousandth of it is what its own rounding may be.
    error = max(error, 1e-3 * max(abs(before), abs(after)))
    return (after - before) / error if error else 0.0


def _of_neighbours(rest: NDArray[np.float64], weight: NDArray[np.float64], cut: int) -> float:
    """The standard error of the difference, from point to point; neighbours that are alike count for less."""
    freedom = max(len(rest) - 2, 1)
    variance = float((weight * rest**2).sum() / weight.sum()) * len(rest) / freedom
    alike = _autocorrelation(rest)
    shrink = (1 - alike) / (1 + alike)
    counts = max(cut * shrink, 1.0), max((len(rest) - cut) * shrink, 1.0)
    return math.sqrt(variance * (1 / counts[0] + 1 / counts[1]))


def _of_weeks(rest: NDArray[np.float64], weight: NDArray[np.float64], cut: int) -> float:
    """The same from week to week, which sees a slow drift; 0 where there are not two weeks on each side."""
    sides = [(rest[:cut], weight[:cut]), (rest[cut:], weight[cut:])]
    blocks = [
        [
            float(np.average(own[at : at + BLOCK], weights=heavy[at : at + BLOCK]))
            for at in range(0, len(own) - BLOCK + 1, BLOCK)
        ]
        for own, heavy in sides
    ]
    if min(map(len, blocks)) < 2:
        return 0.0
    squares = sum(float(np.var(means)) * len(means) for means in blocks)
    variance = squares / (sum(map(len, blocks)) - 2)
    return math.sqrt(variance * sum(1 / len(means) for means in blocks))


def _autocorrelation(rest: NDArray[np.float64]) -> float:
    """Of neighbours, 0 to 0.9."""
    total = float((rest**2).sum())
    if len(rest) < 3 or not total:
        return 0.0
    return min(max(float((rest[1:] * rest[:-1]).sum()) / total, 0.0), _TRUST_IN_REST)
