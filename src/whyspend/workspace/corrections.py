"""What closed months would cost at today's prices, and how much of the difference is still to be booked."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from whyspend.ledger.prices import Adjustment, Basis, Closed
from whyspend.money import usd
from whyspend.pricing.plan import CALLS, REPORTED, Era, of, split
from whyspend.pricing.slots import LATENCY
from whyspend.workspace import Workspace
from whyspend.workspace.adjusting import EXACT, units
from whyspend.workspace.changes import Change, of_names, of_prices
from whyspend.workspace.prices import frozen
from whyspend.workspace.spending import Spent, spent, together
from whyspend.workspace.windows import instant

Model = tuple[str | None, str | None]
"""Provider and model, as calls carry them."""


@dataclass(frozen=True)
class Lost:
    """Calls of a closed month that have a price there and none today: nothing is booked for their model."""

    month: str
    model: Model


@dataclass(frozen=True)
class Corrections:
    """What is still to be booked for closed months."""

    adjustments: tuple[Adjustment, ...] = ()
    lost: tuple[Lost, ...] = ()


def due(place: Workspace, held: Basis | None, today: Era, on: date) -> Corrections:
    """What is still to be booked, so that each closed month and its adjustments add up to what it costs today.

    Never twice: what is booked already for a month and model is taken off.

        October was closed at $100.00. In December its prices turn out to be 10 % higher: +$10.00 are booked.
        In January they turn out to be 15 % higher: $115.00 - $100.00 - $10.00 = +$5.00 are booked.
        Calls of October for $20.00 come late, at its closed prices: $138.00 - $120.00 - $15.00 = +$3.00.

    Args:
        place: the ledger, and whose engine to ask.
        held: what the ledger is priced with.
        today: the book and the discounts that open months are priced with.
        on: the day to book on.
    """
    found = [_of_month(place, held, month, today, on) for month in held.closed] if held else []
    return Corrections(
        tuple(each for one in found for each in one.adjustments),
        tuple(each for one in found for each in one.lost),
    )


def _of_month(place: Workspace, held: Basis, month: Closed, today: Era, on: date) -> Corrections:
    then = frozen(place.ledger.root, month)
    costs = [
        spent(
            place.ledger.snapshot(),
            of(era.book, era.discounts),
            month.start,
            month.end,
            place.engine,
            place.attribution,
        )
        for era in (then, today)
    ]
    booked: dict[Model, int] = defaultdict(int)
    for each in held.adjustments:
        if each.month == month.month:
            booked[(each.provider, each.model)] += units(each.usd)
    adjustments, lost = [], []
    for model, keys in _by_model({**costs[0], **costs[1]}).items():
        frozen_cost, cost = (together(side[key] for key in keys if key in side) for side in costs)
        if any(_of(costs[1], key).priced < _of(costs[0], key).priced for key in keys):
            lost.append(Lost(month.month, model))
        elif amount := (cost.units or 0) - (frozen_cost.units or 0) - booked[model]:
            why = _reason(place, month, then, today, keys)
            adjustments.append(
                Adjustment(
                    on=on, month=month.month, provider=model[0], model=model[1],
                    usd=usd(amount) or Decimal(0), reason=f"{month.month}: {why}",
                )
            )  # fmt: skip
    return Corrections(tuple(adjustments), tuple(lost))


def _of(costs: Mapping[str, Spent], key: str) -> Spent:
    return costs.get(key, Spent())


def _by_model(keys: Mapping[str, object]) -> dict[Model, list[str]]:
    """Price keys by provider and model, in order. Tool runs carry their own cost: no book changes it."""
    found: dict[Model, list[str]] = defaultdict(list)
    for key in sorted(keys):
        if key != REPORTED:
            provider, model, _ = split(key)
            found[(provider, model)].append(key)
    return found


def _reason(place: Workspace, month: Closed, then: Era, today: Era, keys: Sequence[str]) -> str:
    """Which rate was altered, from what to what, and who says so."""
    extent = place.ledger.snapshot().between(instant(month.start), instant(month.end))
    used = {name for key in keys if key in extent.priced for name in extent.priced[key].quantities}
    lists, renamed = of_names(then.book, today.book, keys)
    changes = [
        change
        for change in of_prices(then.book, today.book, lists)
        if change.start < month.end and change.end > month.start and change.bucket in {*used, CALLS, LATENCY}
    ]
    if changes:
        more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        return f"{_said(changes[0])}{more}"
    if renamed:
        return f"priced as {renamed[0].new}, closed as {renamed[0].old or 'without a price'}"
    if then.discounts != today.discounts:
        return "[[discounts]] of whyspend.toml are others than at closing"
    return "prices are as they were at closing again"


def _said(change: Change) -> str:
    old, new = (_rate(usd) for usd in (change.old_usd, change.new_usd))
    when = f", {change.condition}" if change.condition else ""
    return f"{change.price} {change.bucket} {old} -> {new} per {change.unit}{when} ({change.source})"


def _rate(usd: Decimal | None) -> str:
    """All digits, at least two decimals."""
    return (
        "unknown"
        if usd is None
        else f"${usd.quantize(min(Decimal('0.01'), usd.normalize()), context=EXACT):f}"
    )
