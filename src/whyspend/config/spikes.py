"""`[spikes]`: what is told without a budget. Each kind can be switched off."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct


class Spikes(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The kinds of alerts that need no budget, and when they are worth a message."""

    spike: Annotated[
        bool, Meta(description="An owner that costs far more today, or in the last hour, than usual.")
    ] = True
    new_feature: Annotated[bool, Meta(description="An owner that was never seen before.")] = True
    new_model: Annotated[bool, Meta(description="A model that was never seen before.")] = True
    untagged: Annotated[bool, Meta(description="The share of dollars without an owner is rising.")] = True
    unpriced: Annotated[bool, Meta(description="A model without a price that was not there before.")] = True
    stale: Annotated[bool, Meta(description="The ledger is not up to date.")] = True
    floor_usd: Annotated[
        Decimal,
        Meta(description="Less than so many dollars a day is no news: for spikes, and for what is new."),
    ] = Decimal(5)
    stale_hours: Annotated[
        int, Meta(description="After so many hours without a pull that went through.", ge=1, le=10_000)
    ] = 36


def faults(entry: Spikes) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong: the place, and a message."""
    if not (entry.floor_usd.is_finite() and entry.floor_usd >= 0):
        yield ("floor_usd",), "floor_usd must be a number, 0 or more."
