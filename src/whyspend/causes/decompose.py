"""A change of spend, taken apart: for each leaf of the bill what each driver moved it by, exactly.

Once at the finest leaf, and only ever added up from there: every drill-down agrees with its parent, and all parts
together are the change to the last unit of money (1e-24 dollars).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from whyspend.causes.cells import Cells, Usage
from whyspend.causes.columns import Floats, Ints
from whyspend.causes.drivers import DRIVERS, FACTORS, OF_FACTOR, Driver, family
from whyspend.causes.factors import Factors, factors
from whyspend.causes.retag import Move, settled
from whyspend.causes.shapley import shares

_MONEY = 1e24
"""Units of money in a dollar."""


@dataclass(frozen=True)
class Leaf:
    """One leaf of the bill and how it moved. Money is whole 1e-24 dollars."""

    at: int
    """Its row in Changes.cells.calls."""
    tier: int
    service: str
    kind: str
    before: int
    after: int
    amounts: dict[Driver, int]
    """What each driver moved it by; they add up to after - before. Drivers that did nothing are absent."""


@dataclass(frozen=True)
class Changes:
    """How two windows differ, leaf by leaf."""

    cells: Cells
    """What was explained: where a tag landed late, the calls before it stand where the tag says (causes.retag)."""
    leaves: Sequence[Leaf]
    moves: int = 0
    """The last so many leaves say what was moved so: they are no usage, and add up to 0."""

    @cached_property
    def usage(self) -> tuple[Usage, ...]:
        """Of each leaf but those of moves, in their order."""
        return tuple(leaf for leaf in self.cells.usage if _counts(leaf))

    @cached_property
    def factors(self) -> Factors:
        """Of each leaf but those of moves."""
        return factors(self.cells, _counting(self.cells))

    @property
    def before(self) -> int:
        """What the window before cost."""
        return sum(leaf.before for leaf in self.leaves)

    @property
    def after(self) -> int:
        """What the window after cost."""
        return sum(leaf.after for leaf in self.leaves)

    @cached_property
    def dollars(self) -> Mapping[Driver, Floats]:
        """What each driver moved each leaf by, as floats: to search in, not to show."""
        found: dict[Driver, tuple[list[int], list[int]]] = {}
        for at, leaf in enumerate(self.leaves):
            for driver, amount in leaf.amounts.items():
                places, amounts = found.setdefault(driver, ([], []))
                places.append(at)
                amounts.append(amount)
        result = {driver: np.zeros(len(self.leaves)) for driver in found}
        for driver, (places, amounts) in found.items():
            result[driver][places] = np.array(amounts, float) / _MONEY
        return result

    @cached_property
    def by_row(self) -> Mapping[int, Mapping[Driver, int]]:
        """What each driver moved each row of calls by."""
        rows: dict[int, dict[Driver, int]] = {}
        for leaf in self.leaves:
            own = rows.setdefault(leaf.at, {})
            for driver, amount in leaf.amounts.items():
                own[driver] = own.get(driver, 0) + amount
        return rows

    @cached_property
    def by_owner(self) -> Mapping[tuple[Driver, str | None], int]:
        """What each driver moved each owner by."""
        found: dict[tuple[Driver, str | None], int] = {}
        for at, own in self.by_row.items():
            for driver, amount in own.items():
                key = driver, self.cells.calls[at].place[0]
                found[key] = found.get(key, 0) + amount
        return found

    def drivers(self, leaves: Iterable[int] | None = None) -> dict[Driver, int]:
        """What each driver moved, over some leaves or all."""
        sums: dict[Driver, int] = {}
        for leaf in self.leaves if leaves is None else (self.leaves[at] for at in leaves):
            for driver, amount in leaf.amounts.items():
                sums[driver] = sums.get(driver, 0) + amount
        return sums


def decompose(cells: Cells) -> Changes:
    """Say what moved each leaf of the bill.

    An owner (the first dimension of a place) that has calls in one window only is new or retired, whole. For all
    others the change of each leaf is split among its factors (causes.factors) by their Shapley values.
    """
    cells, moves = settled(cells)
    counting = _counting(cells)
    usage = [cells.usage[at] for at in counting.tolist()]
    whole = _whole_owners(cells)
    owners = [cells.calls[leaf.at].place[0] for leaf in usage]
    split = np.array([owner not in whole for owner in owners], np.bool_)
    amounts: list[dict[Driver, int]] = [
        {} if is_split or leaf.cost[0] == leaf.cost[1] else {whole[owner]: leaf.cost[1] - leaf.cost[0]}
        for leaf, owner, is_split in zip(usage, owners, split.tolist(), strict=True)
    ]
    if split.any():
        places = np.flatnonzero(split).tolist()
        leaves = [usage[place] for place in places]
        for place, own in zip(places, _exact(factors(cells, counting[split]), leaves), strict=True):
            amounts[place] = own
    found = (
        Leaf(leaf.at, leaf.tier, leaf.service, leaf.kind, leaf.cost[0], leaf.cost[1], own)
        for leaf, own in zip(usage, amounts, strict=True)
    )
    return Changes(cells, (*found, *map(_moved, moves)), len(moves))


def _counting(cells: Cells) -> Ints:
    """The places of the usage that is on the bill."""
    return np.array([at for at, leaf in enumerate(cells.usage) if _counts(leaf)], np.int64)


def _counts(leaf: Usage) -> bool:
    """Whether a leaf is on the bill: what was free in both windows moved nothing."""
    return leaf.cost != (0, 0) or leaf.listed != (0, 0)


def _moved(move: Move) -> Leaf:
    own: dict[Driver, int] = {"retagged": move.after - move.before}
    return Leaf(move.at, move.tier, move.service, move.kind, move.before, move.after, own)


def _whole_owners(cells: Cells) -> dict[str | None, Driver]:
    calls: dict[str | None, list[int]] = {}
    for row in cells.calls:
        own = calls.setdefault(row.place[0], [0, 0])
        own[0] += row.calls[0]
        own[1] += row.calls[1]
    return {
        owner: "retired_feature" if before else "new_feature"
        for owner, (before, after) in calls.items()
        if bool(before) != bool(after)
    }


def _exact(found: Factors, usage: Sequence[Usage]) -> list[dict[Driver, int]]:
    """The shares of each leaf's drivers as whole units of money that add up to its change.

    What floating point leaves over (1e-16 of the leaf's cost) goes to the largest share.
    """
    parts = _by_driver(shares(found.before, found.after), usage) * _MONEY
    largest = np.abs(parts).argmax(axis=1).tolist()
    result: list[dict[Driver, int]] = []
    for amounts, most, leaf in zip(parts.tolist(), largest, usage, strict=True):
        own = {driver: int(amount) for driver, amount in zip(DRIVERS, amounts, strict=True) if amount}
        rest = leaf.cost[1] - leaf.cost[0] - sum(own.values())
        if rest:
            driver: Driver = DRIVERS[most] if own else "other"
            own[driver] = own.get(driver, 0) + rest
        result.append({driver: amount for driver, amount in own.items() if amount})
    return result


def _by_driver(parts: Floats, usage: Sequence[Usage]) -> Floats:
    """Shares of FACTORS as shares of DRIVERS: leaves x DRIVERS."""
    found = np.zeros((len(usage), len(DRIVERS)))
    for column, name in enumerate(FACTORS):
        if name in OF_FACTOR:
            found[:, DRIVERS.index(OF_FACTOR[name])] += parts[:, column]
    own = np.array([DRIVERS.index(family(leaf.kind).driver) for leaf in usage], np.int64)
    found[np.arange(len(usage)), own] += parts[:, FACTORS.index("units")]
    return found
