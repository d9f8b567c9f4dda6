"""Calls that are alike, what they used, and what they would use with a larger share read from the cache.

Each call that reads less than the wanted share of its text input from the cache reads that share, as far as
its uncached input goes; the price must have a lower rate for it. A call of 10,000 input tokens, 2,000 of them read:

    wanted 80 %: 8,000 read, so 6,000 of the 8,000 uncached tokens are read instead, and 2,000 stay uncached.
    wanted 10 %: nothing changes. Writes stay what they were; at most, the 2,000 that stay uncached are written.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from whyspend.pricing.plan import Priced

CACHE = "cache_hit"
"""The option."""

TEXT_INPUT = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
"""What a cache can be said to have a share of."""


@dataclass(frozen=True)
class Group:
    """Calls that are alike in all that decides a price in any way."""

    price_key: str
    slot: int
    counted: bool
    failed: bool


@dataclass
class Used:
    """What such calls used."""

    calls: int = 0
    cost: int | None = None
    amounts: dict[str, int] = field(default_factory=dict)
    moved: int = 0
    """Uncached input that would be read from the cache."""
    raised: int = 0
    """The calls that it is of."""
    left: int = 0
    """Their uncached input that stays so."""

    def add(self, other: "Used") -> None:
        """Count others of the same group in."""
        self.calls, self.moved = self.calls + other.calls, self.moved + other.moved
        self.raised, self.left = self.raised + other.raised, self.left + other.left
        if other.cost is not None:
            self.cost = (self.cost or 0) + other.cost
        for name, amount in other.amounts.items():
            self.amounts[name] = self.amounts.get(name, 0) + amount


def measures_of(share: Decimal | None, quantities: Collection[str], *, timed: bool) -> dict[str, str]:
    """What is added up beside the quantities that occur: SQL over a ledger row, by name.

    Args:
        share: in percent, with at most two decimals; None: the cache stays as it is.
        quantities: the usage columns that are not 0 everywhere.
        timed: whether time is paid for.
    """
    time = "coalesce(latency_ms, 0)" if timed else "0"
    if share is None or "input_tokens" not in quantities:
        return {"moved": "0", "raised": "0", "uncached": "0", "time": time}
    text = f"({' + '.join(name for name in TEXT_INPUT if name in quantities)})"
    read = "cache_read_tokens" if "cache_read_tokens" in quantities else "0"
    # In two steps, so that no product is larger than a BIGINT.
    parts = int(share * 100)
    wanted = f"({text} // 10000 * {parts} + {text} % 10000 * {parts} // 10000)"
    moved = f"greatest(0, least(input_tokens, {wanted} - {read}))"
    return {
        "moved": moved,
        "raised": f"CASE WHEN {moved} > 0 THEN 1 ELSE 0 END",
        "uncached": f"CASE WHEN {moved} > 0 THEN input_tokens - {moved} ELSE 0 END",
        "time": time,
    }


def holds(priced: Priced, group: Group) -> bool:
    """Whether a price is one for these calls."""
    return priced.rates is not None and (group.counted or not priced.by_count)


def reads_cost_less(priced: Priced) -> bool:
    """Whether a price has a lower rate for input that is read from a cache."""
    rates = priced.rates or {}
    return rates.get("cache_read_tokens", rates.get("input_tokens", 0)) < rates.get("input_tokens", 0)


def cached(used: Used, priced: Priced, options: Iterable[str], *, written: bool = False) -> Mapping[str, int]:
    """What calls use with a larger share read from the cache; `written`: and all the rest of it written to it."""
    if CACHE not in options or not used.moved or not reads_cost_less(priced):
        return used.amounts
    rates = priced.rates or {}
    amounts = dict(used.amounts)
    amounts["cache_read_tokens"] = amounts.get("cache_read_tokens", 0) + used.moved
    amounts["input_tokens"] -= used.moved
    if written and rates.get("cache_write_tokens", 0) > rates["input_tokens"]:
        amounts["cache_write_tokens"] = amounts.get("cache_write_tokens", 0) + used.left
        amounts["input_tokens"] -= used.left
    return amounts
