"""How many of a cause's dollars an explanation puts on the right driver, in the right place."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.worlds.product import Floats
from bench.worlds.rivals import RIVALS, Split
from bench.worlds.truth import Truth
from whyspend.causes.cells import Cells
from whyspend.causes.decompose import Changes
from whyspend.causes.drivers import DRIVERS, FACTORS, OF_FACTOR, family
from whyspend.causes.quantities import MODEL, SITE, Terms, holds

OURS = "Shapley"
METHODS = (OURS, *RIVALS)
COLUMN: dict[str, int] = {driver: column for column, driver in enumerate(DRIVERS)}


class Told(NamedTuple):
    """A cause, and what an explanation put on its driver and segment. In dollars."""

    kind: str
    truth: float
    attributed: float


def told(
    changes: Changes, truth: Truth, parts: Mapping[str, Floats], renamed: Mapping[str, str] | None = None
) -> dict[str, list[Told]]:
    """By method: what its parts (leaves x DRIVERS, in dollars) say of each cause.

    `renamed` drivers are looked up as another.
    """
    rows = np.array([leaf.at for leaf in changes.leaves], np.int64)
    found: dict[str, list[Told]] = {method: [] for method in parts}
    for moved in truth.moved:
        leaves = within(moved.segment, changes.cells)[rows]
        column = COLUMN[(renamed or {}).get(moved.driver, moved.driver)]
        for method, amounts in parts.items():
            attributed = float(amounts[leaves, column].sum())
            found[method].append(Told(moved.kind, float(moved.amount) / 1e12, attributed))
    return found


def right(found: list[Told]) -> float:
    """1 - sum |attributed - truth| / sum |truth|."""
    wrong = sum(abs(each.attributed - each.truth) for each in found)
    return 1 - wrong / (sum(abs(each.truth) for each in found) or 1.0)


def parts_of(changes: Changes, rivals: bool = True) -> dict[str, Floats]:
    """What each method says that each driver moved in each leaf, in dollars: leaves x DRIVERS."""
    if not rivals:
        return {OURS: _own(changes)}
    return {OURS: _own(changes), **{name: _of_rival(changes, split) for name, split in RIVALS.items()}}


def within(segment: Terms, cells: Cells) -> NDArray[np.bool_]:
    """Which rows of calls a segment holds; what the cells' grain does not know is not asked for."""
    sites = any(row.site is not None for row in cells.calls)
    known = {*cells.dimensions, MODEL, *([SITE] if sites else [])}
    terms = {name: value for name, value in segment.items() if name in known}
    return np.array([holds(terms, cells.dimensions, row) for row in cells.calls], bool)


def _own(changes: Changes) -> Floats:
    parts = np.zeros((len(changes.leaves), len(DRIVERS)))
    for row, leaf in enumerate(changes.leaves):
        for driver, amount in leaf.amounts.items():
            parts[row, COLUMN[driver]] = amount / 1e24
    return parts


def _of_rival(changes: Changes, split: Split) -> Floats:
    """A rival's factors, as drivers; of what is new or retired as a whole all say the same."""
    parts = _own(changes)
    by_factor = split(changes.factors.before, changes.factors.after)
    whole = parts[: len(by_factor), [COLUMN["new_feature"], COLUMN["retired_feature"]]].any(axis=1)
    owns = np.array([COLUMN[family(leaf.kind).driver] for leaf in changes.leaves[: len(by_factor)]], np.int64)
    for units in np.unique(owns):
        rows = np.flatnonzero((owns == units) & ~whole)
        parts[rows] = 0
        for column, name in enumerate(FACTORS):
            driver = OF_FACTOR.get(name)
            parts[rows, COLUMN[driver] if driver else units] += by_factor[rows, column]
    return parts
