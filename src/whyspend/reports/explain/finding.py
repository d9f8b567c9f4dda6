"""Which causes a change of spend is told as: a driver, the part of the calls that carries it, and its exact dollars."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from whyspend.causes.cells import Calls
from whyspend.causes.decompose import Changes
from whyspend.causes.drivers import DRIVERS, Driver, family
from whyspend.causes.quantities import MODEL, SITE
from whyspend.causes.segments import WORTH_A_LINE, Axis, lines

MOST_LINES = 6

_DOLLARS = 1e-24

_OF_FAMILY: tuple[Driver, ...] = ("prompt_size", "output_length", "reasoning")
_WHOLE: frozenset[Driver] = frozenset({"new_feature", "retired_feature"})


@dataclass(frozen=True)
class Cause:
    """One line of the answer."""

    driver: Driver
    terms: tuple[tuple[str, str | None], ...]
    """The part of the calls: a value of each dimension that it is limited to; empty: everywhere."""
    leaves: tuple[int, ...]
    """Those of Changes that it adds up."""
    units: int
    """What it moved, in whole 1e-24 dollars."""
    is_elsewhere: bool = False
    """Other lines of its driver tell of parts of its place: it is the rest."""

    @property
    def segment(self) -> Mapping[str, str | None]:
        """The terms by dimension."""
        return dict(self.terms)


def causes(changes: Changes, most: int = MOST_LINES) -> list[Cause]:
    """The causes to tell, the largest first; those of one driver share no leaf, so they and the rest add up.

    What is no change of spend (a tag that landed: it adds up to 0) is not among them.
    """
    amounts: dict[str, NDArray[np.float64]] = {
        name: changes.dollars[name]
        for name in DRIVERS
        if name in changes.dollars and name not in ("retagged", "calendar")
    }
    axes = _axes(changes)
    found = lines(
        axes,
        _dollars(leaf.before for leaf in changes.leaves),
        _dollars(leaf.after for leaf in changes.leaves),
        amounts,
        relevant=_relevant(changes),
        across={"model_switch": (MODEL,)},
        most=most,
    )
    result = []
    for line in found:
        driver = cast("Driver", line.driver)
        own = map(int, np.flatnonzero(line.cells))
        leaves = tuple(at for at in own if driver in changes.leaves[at].amounts)
        units = sum(changes.leaves[at].amounts[driver] for at in leaves)
        elsewhere = bool((_within(axes, line.terms) & ~line.cells & (amounts[driver] != 0)).any())
        result.append(Cause(driver, _with_owner(changes, line.terms, leaves), leaves, units, elsewhere))
    if calendar := _calendar(changes):
        result.append(calendar)
    return sorted(result, key=lambda cause: (-abs(cause.units), cause.driver, repr(cause.terms)))


def _calendar(changes: Changes) -> Cause | None:
    """The days are the same for all: one cause, everywhere; none where they moved too little for a line."""
    if "calendar" not in changes.dollars:
        return None
    leaves = tuple(at for at, leaf in enumerate(changes.leaves) if "calendar" in leaf.amounts)
    units = sum(changes.leaves[at].amounts["calendar"] for at in leaves)
    gross = sum(abs(amount) for amount in rest_of(changes, []))
    return Cause("calendar", (), leaves, units) if abs(units) >= WORTH_A_LINE * gross and units else None


def _with_owner(
    changes: Changes, terms: tuple[tuple[str, str | None], ...], leaves: Sequence[int]
) -> tuple[tuple[str, str | None], ...]:
    """The terms, and the owner (such as the feature) first where all that they name belongs to one."""
    name = changes.cells.dimensions[0]
    owners = {changes.cells.calls[changes.leaves[at].at].place[0] for at in leaves}
    if not terms or len(owners) != 1 or name in dict(terms):
        return terms
    return ((name, owners.pop()), *terms)


def _dollars(units: Iterable[int]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.array([each * _DOLLARS for each in units], float)
    return found


def _axes(changes: Changes) -> list[Axis]:
    rows = [changes.cells.calls[leaf.at] for leaf in changes.leaves]
    places = [
        _axis(name, [row.place[at] for row in rows]) for at, name in enumerate(changes.cells.dimensions)
    ]
    return [*places, _axis(SITE, [row.site for row in rows]), _axis(MODEL, [row.model for row in rows])]


def _within(axes: Sequence[Axis], terms: tuple[tuple[str, str | None], ...]) -> NDArray[np.bool_]:
    codes = {axis.name: axis for axis in axes}
    inside = np.ones(len(axes[0].codes), np.bool_)
    for name, value in terms:
        inside &= codes[name].codes == codes[name].values.index(value)
    return inside


def _axis(name: str, values: Sequence[str | None]) -> Axis:
    distinct = sorted(set(values), key=lambda value: (value is None, value or ""))
    places = {value: at for at, value in enumerate(distinct)}
    return Axis(name, np.array([places[value] for value in values], np.int64), tuple(distinct))


def _relevant(changes: Changes) -> dict[str, NDArray[np.bool_]]:
    """Longer prompts move the cost of input only, and so on; and nothing else moves what is new or gone as a whole.

    A price that fell for a model moved all its calls, although a feature that used it is gone and shows nothing of it.
    """
    of = [family(leaf.kind).driver for leaf in changes.leaves]
    own = np.array([not leaf.amounts.keys() & _WHOLE for leaf in changes.leaves], np.bool_)
    masks: dict[str, NDArray[np.bool_]] = {name: own for name in DRIVERS if name not in _WHOLE}
    for name in _OF_FAMILY:
        masks[name] = own & np.array([each == name for each in of], np.bool_)
    return {**masks, "cache_share": masks["prompt_size"]}


def retagged(changes: Changes) -> list[tuple[Calls, int]]:
    """What belongs under another place than its calls said, by place: it adds up to 0."""
    return [
        (changes.cells.calls[leaf.at], leaf.amounts["retagged"])
        for leaf in changes.leaves
        if "retagged" in leaf.amounts
    ]


def rest_of(changes: Changes, told: Sequence[Cause]) -> list[int]:
    """What no cause tells, by driver and owner, in 1e-24 dollars; without causes: all that moved."""
    sums = {key: amount for key, amount in changes.by_owner.items() if key[0] != "retagged"}
    for cause in told:
        for at in cause.leaves:
            leaf = changes.leaves[at]
            sums[cause.driver, changes.cells.calls[leaf.at].place[0]] -= leaf.amounts[cause.driver]
    return [amount for amount in sums.values() if amount]
