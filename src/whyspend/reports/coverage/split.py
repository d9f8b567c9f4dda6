"""How the calls of each dimension came by their owner, from one scan."""

from collections.abc import Mapping
from typing import Any

from whyspend.reports.coverage.amounts import Amount, sums

OWNERS: Mapping[str | None, str] = {
    "call": "tagged",
    "ancestor": "inherited",
    "root": "inherited",
    "environment": "environment",
    "rule": "by rule",
    None: "untagged",
}
"""What a row is called, by where the value was found."""

BY_RULE, UNTAGGED = OWNERS["rule"], OWNERS[None]

ADJUSTMENT = "(adjustment)"
"""Money that is no call (corrections of closed months, free quotas): it has no owner, nor lacks one."""

ORDER = tuple(dict.fromkeys(OWNERS.values()))

Split = Mapping[str, Mapping[str, Amount]]
"""dimension -> row -> its calls; each dimension adds up to all calls and adjustments."""


def split(data: Any) -> Split:
    """All calls of the question, once for each dimension. Keeps an answer of which trust can be asked."""
    found = [(data.rules.origins_of(own), each) for (own,), each in sums(data, [data.rules.origins]).items()]
    # Without keys, so that the same amount stands in each dimension.
    booked = sum(each.units for each in data.adjusted([]))
    parts: dict[str, dict[str, Amount]] = {}
    for at, dimension in enumerate(data.dimensions):
        rows: dict[str, Amount] = {}
        for own, amount in found:
            name = OWNERS[own[at]]
            rows[name] = rows.get(name, Amount()) + amount
        if booked:
            rows[ADJUSTMENT] = Amount(cost=booked)
        parts[dimension] = rows
    return parts
