"""What two windows used and cost, added up: what a change of spend is explained from.

`before` and `after` are the two windows. Every pair holds (before, after). Money is whole 1e-24 dollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from whyspend.causes.columns import Columns

Pair = tuple[int, int]
"""The same figure in the window before and in the window after."""


class Calls(NamedTuple):
    """Calls of one place, call site, outcome and model, in both windows."""

    place: tuple[str | None, ...]
    """A value for each dimension of Cells; None: the call does not say."""
    site: str | None
    """Where in the code."""
    failed: bool
    model: str
    """`provider|model`."""
    calls: Pair
    requests: Pair
    """Requests that began with these calls: additive, so a place whose requests began elsewhere has 0."""
    priced: Pair
    """Of the calls those that have a price."""
    thinned: tuple[float, float] = (0.0, 0.0)
    """How many requests the sampling of traces has left out, as the application states its rate: 30 requests that
    were sent at a rate of 0.25 stand for 120, so 90."""


class Usage(NamedTuple):
    """What priced calls of a row of Calls used of one kind, at one context tier and service tier."""

    at: int
    """The row's place in Cells.calls."""
    tier: int
    """Of the context: 0 for prompts below every threshold, else the number of thresholds that were passed."""
    service: str
    """The service tier as the price has it, such as `processing=batch`; empty: standard."""
    kind: str
    """A usage column of the ledger (model.USAGE_COLUMNS), `calls`, `latency_ms`, or `reported` for calls that carry
    their own cost (its units are the calls)."""
    units: Pair
    listed: Pair
    """At list price."""
    cost: Pair
    """After discounts: what the bill grew by."""


@dataclass(frozen=True)
class Cells:
    """Two windows, added up."""

    dimensions: tuple[str, ...]
    """The names of the values of a place; the first one is the owner, such as feature."""
    days: Pair
    """How many days each window has."""
    calls: Sequence[Calls]
    usage: Sequence[Usage]
    busyness: Mapping[str | None, tuple[float, float]] = field(default_factory=dict)
    """By owner: how busy the weekdays of each window are, an average day of the week being 1. Seven days are always
    1; a Saturday and a Sunday alone may be 0.3. Absent where nobody knows."""

    @cached_property
    def columns(self) -> "Columns":
        """The same as columns of numbers."""
        from whyspend.causes.columns import Columns  # numpy, which a plain report does without

        return Columns(self)
