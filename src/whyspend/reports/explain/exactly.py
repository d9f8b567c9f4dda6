"""Parts of a sum, rounded so that they still add up."""

from collections.abc import Sequence
from decimal import Context, Decimal

NANO = 10**15
"""1e-24 dollars in a billionth of a dollar."""

_EXACT = Context(prec=100)


def rounded_together(units: Sequence[int], step: int = NANO) -> list[Decimal]:
    """Whole 1e-24 dollars as dollars of whole steps whose sum is the rounded sum (largest remainder).

    In steps of a cent, $0.334, $0.333 and $0.333 are $0.34, $0.33 and $0.33: together $1.00.
    """
    target = (2 * sum(units) + step) // (2 * step)
    floors = [each // step for each in units]
    missing = target - sum(floors)
    # What is cut off most comes first; of equals the first.
    order = sorted(range(len(units)), key=lambda at: (-(units[at] % step), at))
    for at in order[:missing]:
        floors[at] += 1
    return [dollars(each * step) for each in floors]


def dollars(units: int) -> Decimal:
    """Whole 1e-24 dollars as dollars with all digits."""
    return Decimal(units).scaleb(-24, _EXACT).normalize(_EXACT)
