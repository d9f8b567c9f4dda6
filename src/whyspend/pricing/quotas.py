"""What a provider gives for free each day or month, from `[[free_quotas]]`: as money off a day, never off a call.

A quota is shared by a whole cloud project, so no single call is the free one. It is taken from a day's calls
together, and from the cheapest first, so that it never makes the bill look smaller than it can be:

    1,500 free searches a day; on one day 1,000 at $14 and 1,000 at $35 per thousand.
    Free are the 1,000 at $14 and 500 of those at $35: $14.00 + $17.50 = $31.50 off that day.

A quota of a month is used up day by day, the earliest first. Days and months are UTC, as providers count. What one
quota has made free, the next in the file does not make free again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from whyspend.errors import nearest
from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.globs import FROM, TO, date_faults, glob, provider_names

UNITS = (*USAGE_COLUMNS, "calls")
"""What a quota can be of."""


class FreeQuota(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[free_quotas]]` entry: so many units cost nothing."""

    provider: Annotated[
        str, Meta(description="Who gives it: a provider as runs name it, or a glob (`*`, `?`).")
    ]
    model: Annotated[
        str, Meta(description="For which models together: a name as runs carry it, or a glob.")
    ] = "*"
    unit: Annotated[
        str,
        Meta(
            description="What is free: web_searches, file_searches, calls, or a token column of the ledger.",
            extra_json_schema={"enum": list(UNITS)},
        ),
    ]
    per: Annotated[Literal["day", "month"], Meta(description="How often it is given anew (UTC).")] = "day"
    amount: Annotated[int, Meta(description="How many units.", ge=1)]
    start: Annotated[date | None, FROM] = msgspec.field(default=None, name="from")
    end: Annotated[date | None, TO] = msgspec.field(default=None, name="to")
    reason: Annotated[str, Meta(description="Why, for whoever reads this later.")] = ""

    def label(self, number: int) -> str:
        """How messages call it."""
        return f"[[free_quotas]] entry {number} ({self.provider}/{self.model})"


@dataclass(frozen=True)
class Used:
    """Units of one price on one day."""

    day: date
    """UTC."""
    provider: str | None
    model: str | None
    units: int
    rate: int
    """1e-24 dollars a unit, discounts taken off."""


@dataclass(frozen=True)
class Free:
    """What a quota takes off the cost of a day."""

    day: date
    provider: str | None
    model: str | None
    units: int
    cost: int
    """1e-24 dollars, above 0: to be taken off."""
    reason: str


def faults(entry: FreeQuota) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with an entry: the place within it, and a message."""
    yield from date_faults(entry.start, entry.end)
    if entry.unit not in UNITS:
        yield ("unit",), f"{entry.unit!r} is nothing that is counted.{nearest(entry.unit, UNITS)}"
    for place in ("provider", "model"):
        if not getattr(entry, place).strip():
            yield (place,), f"{place} is empty. Name one, or write '*' for every {place}."


def given_free(quotas: Sequence[FreeQuota], used: Iterable[tuple[str, Used]]) -> list[Free]:
    """What quotas take off, by day, provider and model.

    Args:
        quotas: in the order of the file.
        used: (unit, what was used of it), in any order. Of a month that has a quota, all of its days.
    """
    left: dict[tuple[str, Used], int] = defaultdict(int)
    for unit, each in used:
        left[unit, each] += each.units
    return [free for quota in quotas for free in _of_quota(quota, left)]


def _of_quota(quota: FreeQuota, left: dict[tuple[str, Used], int]) -> Iterator[Free]:
    mine = [
        (unit, each)
        for (unit, each), units in left.items()
        if unit == quota.unit and units > 0 and each.rate > 0 and _is_for(quota, each)
    ]
    periods: dict[date, int] = {}
    for unit, each in sorted(mine, key=lambda pair: _order(pair[1])):
        period = each.day if quota.per == "day" else each.day.replace(day=1)
        free = min(left[unit, each], periods.setdefault(period, quota.amount))
        if free:
            periods[period] -= free
            left[unit, each] -= free
            yield Free(each.day, each.provider, each.model, free, free * each.rate, _reason(quota))


def _order(used: Used) -> tuple[date, int, str, str]:
    return used.day, used.rate, used.provider or "", used.model or ""


def _is_for(quota: FreeQuota, used: Used) -> bool:
    return (
        (quota.start is None or quota.start <= used.day)
        and (quota.end is None or used.day < quota.end)
        and any(glob(quota.provider).fullmatch(name) for name in provider_names(used.provider))
        and glob(quota.model).fullmatch((used.model or "").strip().lower()) is not None
    )


def _reason(quota: FreeQuota) -> str:
    return quota.reason or f"{quota.amount:,} {quota.unit.replace('_', ' ')} a {quota.per} are free"
