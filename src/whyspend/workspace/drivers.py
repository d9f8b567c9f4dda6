"""The largest parts of a spend and how they moved, a sentence each: what an alert can say of causes today."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from whyspend.model import Window
from whyspend.pricing.view import usd
from whyspend.workspace.adjusting import dollars
from whyspend.workspace.data import Data

PARTS = """
SELECT {owner}, model, CAST(sum(cost) FILTER (WHERE period = 0) AS VARCHAR),
  CAST(sum(cost) FILTER (WHERE period = 1) AS VARCHAR)
FROM answer GROUP BY 1, 2
"""

MOST = 3
SMALLEST_PART = Decimal("0.01")
"""Of the whole: what grew by less is no cause."""


def drivers(data: Data, days: Window, condition: str = "") -> tuple[str, ...]:
    """The owners and models that cost more than in as many days before, the largest change first; at most 3.

    Where the ledger does not hold the days before, or nothing grew, the dearest.

    Args:
        data: the view of the ledger.
        days: which days.
        condition: SQL over a ledger row; empty for all calls.
    """
    asked = replace(data, window=days, where=())
    part = asked.narrowed(condition) if condition else asked
    owner = part.key(data.dimensions[0])
    held = data.held_since
    compared = held is not None and held <= part.earlier.start
    part.added_up([owner], compare=compared)
    found = [
        (f"{part.label(owner, name)}, {model or 'no model name'}", _usd(now), _usd(then))
        for name, model, now, then in part.rows(PARTS.format(owner=owner.column))
    ]
    return _said(found, part.earlier if compared else None)


def _said(found: Sequence[tuple[str, Decimal, Decimal]], earlier: Window | None) -> tuple[str, ...]:
    least = SMALLEST_PART * sum(now for _, now, _ in found)
    grown = sorted(
        (each for each in found if each[1] - each[2] > least), key=lambda each: (each[2] - each[1], each[0])
    )
    if earlier is None or not grown:
        dearest = sorted((each for each in found if each[1]), key=lambda each: (-each[1], each[0]))
        return tuple(f"{name}: {dollars(now)}" for name, now, _ in dearest[:MOST])
    before = f"{earlier.since}" if earlier.since == earlier.until else f"{earlier.since} to {earlier.until}"
    return tuple(
        f"{name}: {dollars(now)}, {dollars(now - then, signed=True)} against {before}"
        for name, now, then in grown[:MOST]
    )


def _usd(units: Any) -> Decimal:
    return (usd(int(units)) if units is not None else None) or Decimal(0)
