"""What some calls come to: added up exactly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from whyspend.model import Cell, TableColumn
from whyspend.money import usd
from whyspend.spelling import money

SUMS = """
SELECT {keys} CAST(sum(calls) AS BIGINT), CAST(sum(input_tokens + output_tokens) AS VARCHAR),
  CAST(CAST(sum(cost) AS DECIMAL(38, 0)) AS VARCHAR), CAST(sum(calls - priced_calls) AS BIGINT)
FROM answer GROUP BY {group}
"""
"""Of the kept answer. Integers of more than 18 digits come as text."""

COLUMNS = (
    TableColumn("calls", "calls"),
    TableColumn("tokens", "tokens"),
    TableColumn("cost_usd", "usd"),
    TableColumn("share", "share", derived=True),
    TableColumn("unpriced_calls", "calls"),
)
"""What every answer of this report says of some calls."""

_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Amount:
    """Some calls."""

    calls: int = 0
    tokens: int = 0
    """Input and output, all kinds."""
    cost: int | None = 0
    """Whole 1e-24 dollars of the calls that have a price; None: there are calls and none has one."""
    unpriced: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        known = [each.cost for each in (self, other) if each.cost is not None and (each.calls or each.cost)]
        calls = self.calls + other.calls
        return Amount(
            calls,
            self.tokens + other.tokens,
            sum(known) if known or not calls else None,
            self.unpriced + other.unpriced,
        )

    @property
    def dearness(self) -> tuple[bool, int, int]:
        """Sorts the dearest first."""
        return self.cost is None, -(self.cost or 0), -self.calls

    def cells(self, whole: "Amount") -> dict[str, Cell]:
        """By COLUMNS; the share is that of the whole's dollars."""
        return {
            "calls": self.calls,
            "tokens": self.tokens,
            "cost_usd": usd(self.cost),
            "share": None if self.cost is None or not whole.cost else ratio(self.cost, whole.cost),
            "unpriced_calls": self.unpriced,
        }


def total(amounts: Iterable[Amount]) -> Amount:
    """All of them together."""
    return sum(amounts, Amount())


def sums(data: Any, keys: Sequence[Any]) -> dict[tuple[Any, ...], Amount]:
    """The calls of the question, added up by keys (see workspace.data.Data.added_up)."""
    data.added_up(keys)
    names = [key.column for key in keys]
    found = data.rows(
        SUMS.format(keys="".join(f"{name}, " for name in names), group=", ".join(names) or "1 = 1")
    )
    return {
        tuple(own): Amount(calls, int(tokens), None if cost is None else int(cost), unpriced)
        for *own, calls, tokens, cost, unpriced in found
    }


def ratio(part: int, whole: int) -> Decimal:
    """A share of the whole, to 12 decimals."""
    return Decimal((part * 10**12 * 2 + whole) // (2 * whole)).scaleb(-12)


def dollars(units: int | None) -> str:
    """For a sentence, as in a cell."""
    return "an unknown amount" if units is None else money(usd(units))


def percent(part: int, whole: int) -> str:
    """For a sentence: one decimal, and only all of it is 100 %."""
    if part == whole:
        return "100 %"
    return f"{min(ratio(part, whole) * 100, Decimal('99.9')):.1f} %"


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,200 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
