"""The ripple fit: which cells moved together, each by about the same share of what it costs.

A cause that acts on a set of cells (longer prompts of one feature) moves each of them by about the same share of its
cost: the *pull* of the set. The pull is the weighted median of `move / base`: cells of the set that did not move drag
it towards 0, and where less than half of the cost moved it is exactly 0. What a set explains is how much smaller the
moves get when the pull is taken out of them; inside `slack` a move is no news:

    gain = sum beyond(move) - sum beyond(move - pull * base),  beyond(x) = max(|x| - slack, 0)

Worked, without slack: three cells that cost $10 moved by $5, $6 and $0. All three: the shares are 0.5, 0.6 and 0, the
pull is 0.5, the gain (5 - 0) + (6 - 1) + (0 - 5) = $5. The first two alone: pull 0.5, gain 5 + 5 = $10, so these are
named. The first one alone: gain $5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PER_TERM = 0.03
"""What each further term of a predicate costs of its gain: of two predicates that select nearly the same cells the
shorter one is named."""

SAME = 1e-9
"""Scores that differ by no more than this share are equal: adding the same floats in another order must not decide."""

ROOM = 2**40
"""How many combinations of codes are kept apart by arithmetic before they are numbered anew; int64 ends at 2**63."""


@dataclass(frozen=True)
class Moves:
    """What moved, cell by cell."""

    move: Floats
    """Signed, in dollars or whatever is measured."""
    base: Floats
    """What a cell amounts to without the move, above 0."""
    slack: Floats
    """How much of a move in either direction is no news."""

    @property
    def share(self) -> Floats:
        """The move as a share of the base."""
        return self.move / self.base

    def only(self, cells: Bools | NDArray[np.intp]) -> "Moves":
        """These cells, in this order."""
        return Moves(self.move[cells], self.base[cells], self.slack[cells])


@dataclass(frozen=True)
class Sets:
    """Sets of cells without a cell in common, such as one for each customer."""

    group: Ints
    """The number of each set, rising."""
    pull: Floats
    gain: Floats
    weight: Floats
    """How many cells of equal base would be as steady: (sum base)^2 / sum base^2, 1 for a single cell."""


def numbered(codes: Sequence[Ints], cells: int) -> tuple[Ints, Ints]:
    """Number the combinations of codes that occur, from 0, in the order of the codes.

    `codes`: for each axis one code per cell, from 0; without axes all cells are one combination. Returns the number
    of each cell's combination, and for each combination the first cell that has it.
    """
    key = np.zeros(cells, np.int64)
    room = 1
    for column in codes:
        width = int(column.max(initial=0)) + 1
        if room * width > ROOM:
            _, key = np.unique(key, return_inverse=True)
            room = cells
        key = key * width + column
        room *= width
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)


def fit(group: Ints, moves: Moves) -> Sets:
    """Fit one pull to each group of cells. `group`: a number from 0 for each cell; cells are sorted by share."""
    narrow = group.astype(
        np.min_scalar_type(int(group.max(initial=0)))
    )  # 16 bits are sorted by radix: ten times faster
    order = np.argsort(narrow, kind="stable")
    return fit_sorted(group[order], moves.only(order))


def fit_sorted(group: Ints, moves: Moves) -> Sets:
    """The same for cells that are sorted by group, and by share inside a group."""
    begin = np.flatnonzero(np.diff(group, prepend=-1))
    pull = _weighted_medians(begin, moves.share, moves.base)
    left = moves.move - np.repeat(pull, np.diff(begin, append=len(group))) * moves.base
    gain = np.add.reduceat(beyond(moves.move, moves.slack) - beyond(left, moves.slack), begin)
    weight = np.add.reduceat(moves.base, begin) ** 2 / np.add.reduceat(moves.base**2, begin)
    return Sets(group[begin], pull, gain, weight)


def beyond(move: Floats, slack: Floats) -> Floats:
    """How far each move goes beyond what is no news; 0 or more."""
    return np.maximum(np.abs(move) - slack, 0.0)


def _weighted_medians(begin: NDArray[np.intp], share: Floats, base: Floats) -> Floats:
    """Where the halves of the weight meet between two cells the lower one is taken: the gain is the same for both."""
    end = np.append(begin[1:], len(share)) - 1
    weight = np.cumsum(base)
    before = weight[begin] - base[begin]
    middle = np.searchsorted(weight, (before + weight[end]) / 2)
    medians: Floats = share[np.clip(middle, begin, end)]
    return medians
