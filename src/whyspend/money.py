"""Money: whole numbers of 1e-24 dollars where it is added up, decimals with all their digits where it is shown."""

from decimal import Context, Decimal
from typing import overload

UNIT_DIGITS = 24
"""A unit is 1e-24 dollars: a rate (1e-12) times a factor (at most 12 decimals) is never rounded. A DECIMAL of 38 digits
holds up to 1e14 dollars."""

_PICO_DIGITS = 12
_FINER = 10 ** (UNIT_DIGITS - _PICO_DIGITS)

# More than any amount has: the usual 28 digits are too few for ten thousand dollars of 24 decimals.
_EXACT = Context(prec=100)


@overload
def usd(units: None) -> None: ...
@overload
def usd(units: Decimal | int) -> Decimal: ...
@overload
def usd(units: Decimal | int | None) -> Decimal | None: ...
def usd(units: Decimal | int | None) -> Decimal | None:
    """Units as dollars, with all digits: with 12 decimals where they are enough, else with 24. None stays unknown.

    12_500_000_000_000_000 is `0.000000012500`, one more is `0.000000012500000000000001`.
    """
    if units is None:
        return None
    pico, finer = divmod(int(units), _FINER)
    return (
        Decimal(int(units)).scaleb(-UNIT_DIGITS, _EXACT)
        if finer
        else Decimal(pico).scaleb(-_PICO_DIGITS, _EXACT)
    )
