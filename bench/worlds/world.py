"""A world: a product, its drift, its windows and what happened in the last of them."""

from dataclasses import dataclass

import numpy as np

from bench.worlds.causes import KINDS_OF_CAUSE, Cause, act, apart, draw
from bench.worlds.drift import Drift, drift
from bench.worlds.product import Ints, Product, product
from bench.worlds.quantities import Quantities, quantities

KINDS = tuple(KINDS_OF_CAUSE)
MOST_CAUSES = 4
SPARE = 31
"""Days of drift beyond the last window: without the calendar it is as long as the window before."""


@dataclass(frozen=True, eq=False)
class World:
    """Windows side by side, the last of which has the causes."""

    seed: int
    product: Product
    drift: Drift
    first_weekday: int
    """Of the first day of the first window, Monday being 0."""
    lengths: tuple[int, ...]
    """Days of each window, the last two being `before` and `after`; those of before them are its history."""
    causes: tuple[Cause, ...]

    def weekdays(self, window: int) -> Ints:
        """Of each day of a window."""
        start = self._start(window)
        return (self.first_weekday + np.arange(start, start + self.lengths[window])) % 7

    def quantities(self, window: int, active: frozenset[int], calendar: bool = True) -> Quantities:
        """A window, day by day, with some of the causes (places in `causes`), which act in the last one only.

        Without the calendar the last window has as many days, and the same weekdays, as the one before.
        """
        last = len(self.lengths) - 1
        days = self.weekdays(window if calendar else window - 1)
        found = quantities(self.product, self.drift.window(self._start(window), len(days)), days)
        for place, cause in enumerate(self.causes):
            begins = window == last and place in active
            if cause.kind == "new feature":
                found.requests[cause.scope.feature, ..., : cause.start if begins else None] = 0
            if begins:
                act(found, cause, self.product)
        return found

    @property
    def calendar_moved(self) -> bool:
        """Whether the last two windows differ in days or weekdays."""
        before, after = self.weekdays(len(self.lengths) - 2), self.weekdays(len(self.lengths) - 1)
        return sorted(before) != sorted(after)

    def _start(self, window: int) -> int:
        return sum(self.lengths[:window])


def world(seed: int, *, drifts: bool, lengths: tuple[int, ...] = (30, 30), causes: bool = True) -> World:
    """Make a world: with the same seed the same product and causes, whether it drifts or not."""
    made = product(np.random.default_rng((seed, 0)))
    return World(
        seed=seed,
        product=made,
        drift=drift(np.random.default_rng((seed, 1)), made, sum(lengths) + SPARE, drifts),
        first_weekday=seed % 7,
        lengths=lengths,
        causes=_causes(np.random.default_rng((seed, 2)), made, seed, lengths[-1]) if causes else (),
    )


def _causes(rng: np.random.Generator, made: Product, seed: int, days: int) -> tuple[Cause, ...]:
    """One to four causes; the first is of each kind in turn, the others of any."""
    wanted = int(rng.integers(1, MOST_CAUSES + 1))
    chosen: list[Cause] = []
    while len(chosen) < wanted:
        kind = str(rng.choice(KINDS)) if chosen else KINDS[seed % len(KINDS)]
        cause = draw(rng, made, kind, days)
        if cause and all(apart(cause, other, made) for other in chosen):
            chosen.append(cause)
    return tuple(chosen)
