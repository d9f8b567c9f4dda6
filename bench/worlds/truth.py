"""What each cause of a world moved: its Shapley value over the causes, from simulating every subset of them.

    Two causes, a longer prompt A and a dearer model B. Cost without either $100, with A $150, with B $120, with
    both $180. A moved ((150 - 100) + (180 - 120)) / 2 = $55, B ((120 - 100) + (180 - 150)) / 2 = $25; together $80.

The calendar is one more player where the two windows hold other days. Nothing here knows any factor or driver of
the decomposition that is judged by it.

One rule is not of the simulation but of what is asked: a feature that is new or gone is a cause of its own, so all
that moved in its cells is its own. Of a feature that retired before 31 days instead of 30, or as its model became
cheaper, the subsets would give a part to the days and the price; but neither cost a cent there, and nobody would look
for them there. What is then left to the calendar and the price is what they moved in all other features.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np

from bench.worlds.causes import WHOLE, Cause, segment
from bench.worlds.product import Floats, Ints
from bench.worlds.simulate import Sums, blocks, simulate
from bench.worlds.world import World


@dataclass(frozen=True)
class Moved:
    """What a cause moved."""

    kind: str
    driver: str
    segment: dict[str, str]
    amount: Fraction
    """Pico-dollars, exact."""
    by_cell: Floats
    """Dollars of each leaf of simulate.Sums."""


@dataclass(frozen=True)
class Truth:
    """The last two windows of a world and what made the difference."""

    before: Sums
    after: Sums
    moved: tuple[Moved, ...]
    """The causes in their order; then the calendar, if it moved."""
    drifted: Fraction
    """Pico-dollars by which the last window differs without any cause: exactly 0 when drift is off."""

    @property
    def change(self) -> int:
        """Pico-dollars: all that moved, and the drift, add up to it."""
        return total(self.after.cost) - total(self.before.cost)


def truth_of(world: World) -> Truth:
    """Simulate every subset of the causes and share the change among them."""
    players = list(range(len(world.causes) + world.calendar_moved))
    last = len(world.lengths) - 1
    costs: dict[frozenset[int], Ints] = {}
    after = simulate(world, last)
    for size in range(len(players) + 1):
        for members in map(frozenset, combinations(players, size)):
            calendar = not world.calendar_moved or len(world.causes) in members
            after = simulate(world, last, members - {len(world.causes)}, calendar)
            costs[members] = after.cost
    before = simulate(world, last - 1)
    shared = [_shared(player, costs, len(players)) for player in players]
    _give_to_whole(world, shared)
    return Truth(
        before=before,
        after=after,
        moved=tuple(_moved(world, player, shared[player], len(players)) for player in players),
        drifted=Fraction(total(costs[frozenset()]) - total(before.cost)),
    )


def _shared(player: int, costs: dict[frozenset[int], Ints], players: int) -> Ints:
    """What a player moved each leaf by, times the number of orders in which all of them could have come."""
    shared = np.zeros_like(costs[frozenset()])
    for members, cost in costs.items():
        if player not in members:
            weight = factorial(len(members)) * factorial(players - len(members) - 1)
            shared += weight * (costs[members | {player}] - cost)
    return shared


def _give_to_whole(world: World, shared: list[Ints]) -> None:
    """Give all that the others moved in the cells of a feature that is new or gone to that."""
    owners = np.array([world.product.owner[block.site] for block in blocks(world)])
    for player, cause in enumerate(world.causes):
        if cause.kind in WHOLE:
            own = owners == cause.scope.feature
            for other in shared[:player] + shared[player + 1 :]:
                shared[player][own] += other[own]
                other[own] = 0


def _moved(world: World, player: int, shared: Ints, players: int) -> Moved:
    amount = Fraction(total(shared), factorial(players))
    by_cell = shared / (factorial(players) * 1e12)
    if player == len(world.causes):
        return Moved("calendar", "calendar", {}, amount, by_cell)
    cause: Cause = world.causes[player]
    return Moved(cause.kind, cause.driver, segment(cause, world.product), amount, by_cell)


def total(cost: Ints) -> int:
    """The sum, which 64 bits may not hold."""
    millions, rest = np.divmod(cost, 1_000_000)
    return int(millions.sum()) * 1_000_000 + int(rest.sum())
