"""Money in a report that is no call: corrections of closed months, and what free quotas save."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

from whyspend.ledger import prices as kept
from whyspend.model import Window
from whyspend.money import UNIT_DIGITS
from whyspend.spelling import money
from whyspend.workspace.keys import Key

ADJUSTMENT = "(adjustment)"
"""What stands in a row that is no call under every key that only calls have."""

EXACT = Context(prec=100)


@dataclass(frozen=True)
class Adjustment:
    """An amount that is booked on a day for the calls of a model."""

    on: date
    provider: str | None
    model: str | None
    usd: Decimal
    reason: str
    """In words, with the calls that it is about."""

    def said(self) -> str:
        """One line for people."""
        name = "/".join(part for part in (self.provider, self.model) if part) or "no model name"
        return f"Adjustment of {dollars(self.usd, signed=True)} on {self.on}, {name}: {self.reason}."


def of_closed(booked: Iterable[kept.Adjustment]) -> tuple[Adjustment, ...]:
    """The corrections of closed months, as the ledger keeps them."""
    return tuple(Adjustment(each.on, each.provider, each.model, each.usd, each.reason) for each in booked)


@dataclass(frozen=True)
class Adjusted:
    """A row of an answer that is no call."""

    keys: tuple[Any, ...]
    """Day, week and month as in Data's rows; provider and model; ADJUSTMENT for any other key."""
    period: int
    """0: the window; 1: the one before."""
    units: int
    """1e-24 dollars."""


def rows_of(booked: Iterable[Adjustment], by: Sequence[Key], periods: Sequence[Window]) -> list[Adjusted]:
    """Adjustments added up by keys; those of other days are left out."""
    sums: dict[tuple[tuple[Any, ...], int], int] = {}
    for each in booked:
        for period, days in enumerate(periods):
            if days.since <= each.on <= days.until:
                own = tuple(_value(key, each) for key in by), period
                sums[own] = sums.get(own, 0) + units(each.usd)
    return [Adjusted(keys, period, total) for (keys, period), total in sums.items() if total]


def units(usd: Decimal) -> int:
    """Dollars as whole 1e-24 dollars."""
    return int(usd.scaleb(UNIT_DIGITS, EXACT))


def dollars(usd: Decimal | None, *, signed: bool = False) -> str:
    """An amount for people, which may be unknown."""
    return "unknown" if usd is None else money(usd, signed=signed)


def _value(key: Key, each: Adjustment) -> Any:
    """A key of what is no call. A dimension that is called model has no value here: keys of calls come first."""
    day = (each.on - date(1970, 1, 1)).days
    match key.name:
        case "model" if not key.expression:
            return each.model
        case "provider" if not key.expression:
            return each.provider
        case "day":
            return day
        case "week":
            return day - (day + 3) % 7  # 1970-01-01 was a Thursday
        case "month":
            return (each.on.replace(day=1) - date(1970, 1, 1)).days
        case _:
            return ADJUSTMENT
