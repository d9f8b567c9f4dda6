"""When a budget would have been told of: the first hour or day of each period that reached a threshold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from whyspend.reports.budgets.entries import Budget
from whyspend.reports.budgets.periods import Span, of_days

_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Fired:
    """A threshold that was reached."""

    budget: Budget
    value: str
    span: Span
    threshold: Decimal
    at: datetime
    """The start of the hour (of day and hour budgets) or of the local day in which it was, UTC."""
    amount: Decimal
    """What the period came to."""


def fired(
    budget: Budget, value: str, periods: Sequence[Span], amounts: Sequence[tuple[datetime, Decimal]]
) -> Iterator[Fired]:
    """Go through amounts in the order of time, each at the start of its hour or day.

    Limit $2, thresholds 0.5 and 1; $0.90, $0.20, $1.00 on three days of a month: 0.5 on the second, 1 on the third.
    A rolling budget is told of again once it was below the threshold.
    """
    if periods and periods[0].is_rolling:
        yield from _rolling(budget, value, periods, amounts)
        return
    place = 0
    for held in periods:
        own = []
        while place < len(amounts) and amounts[place][0] < held.end:
            if amounts[place][0] >= held.start:
                own.append(amounts[place])
            place += 1
        whole = sum((amount for _, amount in own), Decimal(0))
        total, left = Decimal(0), list(budget.thresholds)
        for at, amount in own:
            total = _EXACT.add(total, amount)
            while left and _reached(budget, left[0], total):
                yield Fired(budget, value, held, left.pop(0), at, whole)


def _rolling(
    budget: Budget, value: str, periods: Sequence[Span], amounts: Sequence[tuple[datetime, Decimal]]
) -> Iterator[Fired]:
    above: set[Decimal] = set()
    for held in periods:
        total = sum((amount for at, amount in amounts if held.start <= at < held.end), Decimal(0))
        now = {threshold for threshold in budget.thresholds if _reached(budget, threshold, total)}
        for threshold in sorted(now - above):
            yield Fired(budget, value, held, threshold, _last_day(held), total)
        above = now


def _last_day(held: Span) -> datetime:
    return of_days(held.until, held.until, held.timezone).start


def _reached(budget: Budget, threshold: Decimal, amount: Decimal) -> bool:
    if threshold == 1:
        return amount > budget.limit
    return amount >= _EXACT.multiply(threshold, budget.limit)
