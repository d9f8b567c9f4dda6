"""Whether a budget is over, or about to be, in a sentence or two."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from whyspend.reports.budgets.standing import Projection, Standing
from whyspend.spelling import count, money

NAMED = 3
"""Budgets of a sentence that are named; the others are counted."""

Made = Sequence[tuple[Standing, Projection | None]]
"""How budgets stand, and where the period of each will probably end."""


def told(found: Made, *, are_all: bool) -> str:
    """A line for those that are over and one for those that will be; one that says so where there is neither.

    `1 budget is over: agent-copilot, $614.32 of $500.00.`
    `1 budget will probably be over: customers, $40.20 of $40.00 by 2026-11-30.`

    Args:
        found: the furthest first.
        are_all: whether these are all that there are, so that of the others something can be said.
    """
    return "\n".join(_lines(found, are_all))


def _lines(found: Made, are_all: bool) -> Iterator[str]:
    if not found:
        return
    over = [(each, each.amount or Decimal(0)) for each, _ in found if each.status == "over"]
    ahead = [
        (each, made.amount)
        for each, made in found
        if each.status != "over" and made and made.amount > each.budget.limit
    ]
    if over:
        said = "; ".join(_of(*each) for each in over[:NAMED])
        yield f"{_some(over)} {'is' if len(over) == 1 else 'are'} over: {said}{_more(over)}."
    if ahead:
        said = "; ".join(f"{_of(*each)} by {each[0].span.until}" for each in ahead[:NAMED])
        yield f"{_some(ahead)} will probably be over: {said}{_more(ahead)}."
    unknown = [each for each, made in found if each.amount is None or made is None]
    if not over and not ahead:
        later = "" if unknown or not are_all else ", and none is expected to be"
        yield f"No budget is over{later}." if len(unknown) < len(found) else "Of no budget is it known yet."


def _some(found: Sequence[object]) -> str:
    return "1 budget" if len(found) == 1 else f"{len(found):,} budgets"


def _more(found: Sequence[object]) -> str:
    return f"; and {len(found) - NAMED:,} more" if len(found) > NAMED else ""


def _of(standing: Standing, amount: Decimal) -> str:
    budget = standing.budget
    name = f"{budget.name}, {budget.each} {standing.value}" if budget.each else budget.name
    if budget.unit == "usd":
        return f"{name}, {money(amount)} of {money(budget.limit)}"
    return f"{name}, {count(amount)} of {count(budget.limit)} {budget.unit}"
