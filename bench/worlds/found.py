"""Which causes are found among the lines of an explanation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.worlds.dollars import within
from bench.worlds.truth import Moved, Truth
from whyspend.causes.decompose import Changes
from whyspend.reports.explain.finding import Cause

OF_CHANGE, OF_CAUSES = 0.10, 0.05
"""The causes that count: at least a tenth of the change, and a twentieth of all causes (a change may cancel out)."""
OVERLAP, DOLLARS = 0.85, 0.15


@dataclass(frozen=True)
class Hit:
    """A cause that counts, and whether a line says it."""

    kind: str
    dollars: float
    found: bool
    nearest: str
    """The line that comes nearest, for whoever wonders why it was not found."""


@dataclass(frozen=True)
class Reading:
    """The lines of a world, held against its causes."""

    hits: tuple[Hit, ...]
    lines: int
    rest: float
    """What no line says, as a share of all that causes, calendar and drift moved."""


def read(changes: Changes, truth: Truth, lines: Sequence[Cause]) -> Reading:
    """Hold the lines of a world against its causes."""
    change = truth.change / 1e12
    injected = [moved for moved in truth.moved if moved.kind != "calendar"]
    gross = sum(abs(_dollars(moved)) for moved in truth.moved) + abs(float(truth.drifted)) / 1e12
    least = max(OF_CHANGE * abs(change), OF_CAUSES * sum(abs(_dollars(moved)) for moved in injected))
    rest = change - sum(line.units for line in lines) / 1e24
    return Reading(
        hits=tuple(_hit(changes, lines, moved) for moved in injected if abs(_dollars(moved)) >= least),
        lines=len(lines),
        rest=abs(rest) / gross if gross else 0.0,
    )


def _dollars(moved: Moved) -> float:
    return float(moved.amount) / 1e12


def _hit(changes: Changes, lines: Sequence[Cause], moved: Moved) -> Hit:
    """Found: one line of the right driver, in the right place, with the right dollars."""
    dollars = _dollars(moved)
    rows = np.array([leaf.at for leaf in changes.leaves], np.int64)
    own = within(moved.segment, changes.cells)[rows]
    best, nearest = -1.0, "no line of this driver"
    for line in lines:
        if line.driver != moved.driver:
            continue
        shared, amount = _overlap(changes, own, line), line.units / 1e24
        if shared > best:
            best, nearest = shared, f"{dict(line.terms)} {amount:+.2f}, overlap {shared:.2f}"
        if shared >= OVERLAP and abs(amount - dollars) <= DOLLARS * abs(dollars):
            return Hit(moved.kind, dollars, True, nearest)
    return Hit(moved.kind, dollars, False, f"{moved.segment}: {nearest}")


def _overlap(changes: Changes, own: NDArray[np.bool_], line: Cause) -> float:
    """Of the dollars that the driver moved, up or down, in the line's leaves or the cause's: those in both."""
    weight = np.array([abs(leaf.amounts.get(line.driver, 0)) / 1e24 for leaf in changes.leaves])
    told = np.zeros(len(weight), np.bool_)
    told[list(line.leaves)] = True
    either = float(weight[own | told].sum())
    return float(weight[own & told].sum()) / either if either else 0.0
