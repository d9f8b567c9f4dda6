"""Cells as columns of numbers: what a row of Calls or Usage says, as its place in a list of what can be said.

Added up in columns, 45,000 rows of usage cost milliseconds. Floats are for estimates (shares, ratios, factors); the
money that an answer shows is added up from the integers of Cells.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from whyspend.causes.cells import Cells

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Coded:
    """One value for each row."""

    codes: Ints
    """The place of each row's value."""
    places: Mapping[Hashable, int]
    """Value -> place, in the order in which they come."""

    @classmethod
    def of(cls, values: Iterable[Hashable]) -> "Coded":
        """Number what is said."""
        places: dict[Hashable, int] = {}
        codes = [places.setdefault(value, len(places)) for value in values]
        return cls(np.array(codes, np.int64), places)

    def is_at(self, value: Hashable) -> Bools:
        """Which rows have a value."""
        found: Bools = self.codes == self.places.get(value, -1)
        return found


class Columns:
    """The columns of Cells, each made when it is first asked for. Pairs are arrays of rows x 2 windows."""

    def __init__(self, cells: "Cells") -> None:
        """Take the cells."""
        self._cells = cells

    # Of each row of Calls

    @cached_property
    def place(self) -> Coded:
        """All values of its place together."""
        return Coded.of(row.place for row in self._cells.calls)

    @cached_property
    def terms(self) -> Mapping[str, Coded]:
        """By dimension, call_site and model."""
        rows, names = self._cells.calls, self._cells.dimensions
        found = {name: Coded.of([row.place[at] for row in rows]) for at, name in enumerate(names)}
        return {**found, "call_site": Coded.of(row.site for row in rows), "model": self.model}

    @cached_property
    def model(self) -> Coded:
        """Its model."""
        return Coded.of(row.model for row in self._cells.calls)

    @cached_property
    def failed(self) -> Bools:
        """Whether its calls failed."""
        return np.array([row.failed for row in self._cells.calls], np.bool_)

    @cached_property
    def calls(self) -> Floats:
        """How many."""
        return pairs([row.calls for row in self._cells.calls])

    @cached_property
    def requests(self) -> Floats:
        """That began with them."""
        return pairs([row.requests for row in self._cells.calls])

    @cached_property
    def priced(self) -> Floats:
        """Of the calls."""
        return pairs([row.priced for row in self._cells.calls])

    @cached_property
    def thinned(self) -> Floats:
        """Requests that sampling left out."""
        return pairs([row.thinned for row in self._cells.calls])

    # Of each row of Usage

    @cached_property
    def at(self) -> Ints:
        """Its row of Calls."""
        return np.array([leaf.at for leaf in self._cells.usage], np.int64)

    @cached_property
    def tier(self) -> Coded:
        """Its context tier."""
        return Coded.of(leaf.tier for leaf in self._cells.usage)

    @cached_property
    def service(self) -> Coded:
        """Its service tier."""
        return Coded.of(leaf.service for leaf in self._cells.usage)

    @cached_property
    def kind(self) -> Coded:
        """Its kind."""
        return Coded.of(leaf.kind for leaf in self._cells.usage)

    @cached_property
    def units(self) -> Floats:
        """How many of the kind."""
        return pairs([leaf.units for leaf in self._cells.usage])

    @cached_property
    def listed(self) -> Floats:
        """1e-24 dollars before discounts."""
        return pairs([leaf.listed for leaf in self._cells.usage])

    @cached_property
    def cost(self) -> Floats:
        """1e-24 dollars."""
        return pairs([leaf.cost for leaf in self._cells.usage])


def pairs(values: Sequence[tuple[float, float]]) -> Floats:
    """Rows x 2 windows."""
    # One window after the other: an array of tuples is made three times as slowly.
    before, after = [pair[0] for pair in values], [pair[1] for pair in values]
    return np.array([before, after], float).T


def together(*codes: Ints) -> Ints:
    """One code for what several columns say together."""
    if not len(codes[0]):
        return codes[0]
    joined = codes[0]
    for column in codes[1:]:
        joined = joined * (int(column.max()) + 1) + column
    found: Ints = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return found


def added(codes: Ints, values: Floats) -> Floats:
    """For each row the sum over all rows of its code: rows x 2 windows."""
    return sums(codes, values)[codes]


def sums(codes: Ints, values: Floats, size: int = 0) -> Floats:
    """For each code the sum over its rows: codes x 2 windows."""
    return np.column_stack([np.bincount(codes, values[:, window], size) for window in (0, 1)])
