"""Why budgets that are over, or near it, used so much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whyspend.model import Cell
from whyspend.reports.budgets.standing import Standing

SHOWN = 2
"""Drivers of each that people read; machines get all."""

MOST = 3
"""Budgets that are explained, those over and furthest first: each is compared with the days before."""


@dataclass(frozen=True)
class Why:
    """A budget that is over or near, with its drivers."""

    standing: Standing
    drivers: tuple[str, ...]
    """A sentence each, the largest first."""
    are_causes: bool
    """Of growth against as many days before; else the dearest owners and models."""

    @property
    def said(self) -> str:
        """`rag is over, 115 % of its limit: +$0.40 rag-search: more requests, from 20 to 31 a day`."""
        budget = self.standing.budget
        name = f"{budget.name}, {budget.each} {self.standing.value}," if budget.each else budget.name
        used = f"{self.standing.share or 0:.0%}".replace("%", " %")
        state = f"is over, {used}" if self.standing.status == "over" else f"has used {used}"
        if not self.drivers:
            return f"{name} {state} of its limit."
        most = ": " if self.are_causes else ", most of it "
        return f"{name} {state} of its limit{most}{'; '.join(self.drivers[:SHOWN])}."

    @property
    def rows(self) -> list[Mapping[str, Cell]]:
        """For machines, a row for each driver."""
        budget, value = self.standing.budget.name, self.standing.value
        kind = "cause" if self.are_causes else "dearest"
        return [{"budget": budget, "value": value, "kind": kind, "driver": driver} for driver in self.drivers]


def of(data: Any, found: Sequence[Standing]) -> list[Why]:
    """The budgets that are over or near, with their drivers; at most MOST."""
    firing = [standing for standing in found if standing.level]
    firing.sort(key=lambda standing: (standing.status != "over", -(standing.share or 0)))
    return [Why(standing, *data.guards.drivers(data, standing)) for standing in firing[:MOST]]
