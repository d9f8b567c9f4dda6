"""Shares of a whole, as people write and read them: `5%`."""

from decimal import Decimal, InvalidOperation

from whyspend.errors import UsageError

_FINEST = 12
"""Decimal places of a percentage beyond which it is shown by its size only."""


def percent(text: str) -> Decimal:
    """`5%`, `5` or `0.5 %` as a share of 1.

    Raises:
        UsageError: no such percentage.
    """
    try:
        share = Decimal(text.strip().removesuffix("%").strip()) / 100
    except InvalidOperation:
        share = Decimal(-1)
    if not share.is_finite() or not 0 <= share <= 10:
        raise UsageError(f"--tolerance {text[:20]!r} is no percentage. Example: --tolerance 5%.")
    return share


def said(share: Decimal) -> str:
    """A share of 1 with all its digits, and two at least: 0.05 is `5.00%`, 0.00001 is `0.001%`."""
    percentage = (share * 100).normalize()
    places = -int(percentage.as_tuple().exponent)
    return f"{percentage:.{max(places, 2)}f}%" if places <= _FINEST else f"{percentage:.3g}%"


def about(share: Decimal) -> str:
    """A share of 1 to two places of a percentage, or to two digits where that would be nothing: `0.00042%`."""
    percentage = abs(share) * 100
    return f"{percentage:.2f}%" if not share or percentage >= Decimal("0.01") else f"{percentage:.2g}%"
