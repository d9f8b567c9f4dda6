"""Prices in words: dates, tiers, hours, rates."""

from decimal import Decimal

from whyspend.pricing.book import ALL_DAYS, NO_TIER, TOP_TIER, Rate
from whyspend.pricing.quote import dollars, instant, unit_of
from whyspend.workspace.changes import WEEK, clock


def quoted_rate(cell: Rate, bucket: str) -> Decimal | None:
    """The rate of a bucket as people quote it: of a million tokens, of one search, of a second."""
    pico = cell.rates.get(bucket)
    return None if pico is None else dollars(pico * unit_of(bucket)[1])


def validity(valid_from: int, valid_to: int) -> str:
    """The days of a price: `since 2026-03-13`, `2026-03-13 until 2026-10-12`, `always`."""
    start, end = day(valid_from), day(valid_to)
    if start is None:
        return "always" if end is None else f"until {end}"
    return f"since {start}" if end is None else f"{start} until {end}"


def day(micros: int) -> str | None:
    """A day, or a time where it is not midnight UTC; None for an open end."""
    moment = instant(micros)
    if moment is None:
        return None
    return f"{moment:%Y-%m-%d}" if micros % 86_400_000_000 == 0 else f"{moment:%Y-%m-%d %H:%M} UTC"


def tier(over: int | None, upto: int | None) -> str:
    """The lengths of a tier: `input over 200,000 tokens`."""
    if over is None:
        return "any input" if upto is None else f"input up to {upto:,} tokens"
    return f"input over {over:,} tokens" + ("" if upto is None else f", up to {upto:,}")


def tier_of(cell: Rate) -> tuple[int | None, int | None]:
    """The bounds of a cell's tier; None is open."""
    return (
        None if cell.tier_over == NO_TIER else cell.tier_over,
        None if cell.tier_upto == TOP_TIER else cell.tier_upto,
    )


def hours(cell: Rate) -> str | None:
    """When in the week a cell holds: `01:00-04:00 Mon-Fri`; None for always."""
    parts = []
    if (cell.minute_from, cell.minute_to) != (0, 1440):
        parts.append(f"{clock(cell.minute_from)}-{clock(cell.minute_to)}")
    if cell.weekdays != ALL_DAYS:
        parts.append(_weekdays(cell.weekdays))
    return " ".join(parts) or None


def _weekdays(mask: int) -> str:
    held = [name for bit, name in enumerate(WEEK) if mask >> bit & 1]
    return {31: "Mon-Fri", 96: "Sat-Sun"}.get(mask, " ".join(held))
