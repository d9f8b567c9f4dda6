"""What groups of calls cost by kind of usage: the same integers as view.spend, told apart.

A price is a sum of products, so its parts are exact, too:

    2,000 calls with 3,000,000 uncached input and 400,000 output tokens in all, at $2.50 and $10 per million:
    input_tokens 3,000,000 x 2,500,000 x 1e12 = $7.50, output_tokens 400,000 x 10,000,000 x 1e12 = $4.00,
    together the $11.50 of these calls, to the last of 24 decimals.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from whyspend.pricing.plan import CALLS, REPORTED, WHOLE, Plan
from whyspend.pricing.slots import LATENCY

OWN = "reported"
"""The kind of calls that carry their own cost and are priced by it."""


class Group(NamedTuple):
    """Calls of one price key and slot, added up."""

    price_key: str
    slot: int
    calls: int
    uncounted: int
    """Calls without any counts."""
    own_calls: int
    """Calls that carry their own cost ..."""
    own: int
    """... and that cost, in pico-dollars."""
    units: Mapping[str, int]
    """By bucket of the plan; those of 0 may be absent."""


class Part(NamedTuple):
    """What one kind of usage came to."""

    kind: str
    units: int
    listed: int
    """1e-24 dollars before discounts."""
    cost: int
    """1e-24 dollars."""


class Kinds:
    """The prices of a plan (of prices then, or at one time), by kind."""

    def __init__(self, plan: Plan) -> None:
        """Take the prices."""
        self._rows = {(row.price_key, row.slot): row for row in plan.rows}
        self._width = plan.tiers
        self._tiers: dict[tuple[str, int], int] = {}

    def parts(self, group: Group) -> tuple[int, list[Part]]:
        """How many calls of a group have a price, and what each kind of usage cost; nothing where none has."""
        if group.price_key == REPORTED:
            cost = group.own * WHOLE
            return group.own_calls, [Part(OWN, group.own_calls, cost, cost)] if group.own_calls else []
        row = self._rows.get((group.price_key, group.slot))
        if row is None or row.rates is None:
            return 0, []
        counted = group.calls - (group.uncounted if row.by_count else 0)
        if counted <= 0:
            return 0, []
        rates, found = row.rates, []
        for kind, units in group.units.items():
            # Nobody is billed by the second where no price is by time.
            if units and (kind != LATENCY or kind in rates):
                pico = units * rates.get(kind, 0)
                found.append(Part(kind, units, pico * WHOLE, pico * row.factor))
        if CALLS in rates:
            pico = counted * rates[CALLS]
            found.append(Part(CALLS, counted, pico * WHOLE, pico * row.factor))
        return counted, found

    def alike(self) -> Iterator[tuple[str, int, int]]:
        """(price key, slot, a lower slot that is priced the same), for all slots that have one."""
        first: dict[object, int] = {}
        for (price_key, slot), row in sorted(self._rows.items()):
            rates = None if row.rates is None else tuple(sorted(row.rates.items()))
            says = (price_key, rates, row.reason, row.factor, row.by_count, self.tier(price_key, slot))
            if first.setdefault(says, slot) != slot:
                yield price_key, slot, first[says]

    def tier(self, price_key: str, slot: int) -> int:
        """The context tier of a slot's calls: how many thresholds of this price key their prompts passed.

        Slots tell apart the thresholds of all models; those at which nothing changes for this one are not counted.
        """
        if self._width == 1 or price_key == REPORTED:
            return 0
        held = self._tiers.get((price_key, slot))
        if held is None:
            place = slot % self._width
            held = 0 if place == 0 else self.tier(price_key, slot - 1)
            if place and self._says(price_key, slot) != self._says(price_key, slot - 1):
                held += 1
            self._tiers[price_key, slot] = held
        return held

    def _says(self, price_key: str, slot: int) -> Mapping[str, int] | None:
        row = self._rows.get((price_key, slot))
        return None if row is None else row.rates
