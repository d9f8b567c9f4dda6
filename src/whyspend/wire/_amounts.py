"""Times and money as exact integers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from operator import sub

_PICO_PER_DOLLAR = 10**12
_LARGEST_PICO = 2**63 - 1
_MICROS_PER_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)


def micros(moment: datetime | None) -> int | None:
    """Turn a time into microseconds since the epoch; v1 sends it without a zone and means UTC."""
    if moment is None:
        return None
    since = moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)
    return since.days * _MICROS_PER_DAY + since.seconds * 1_000_000 + since.microseconds


def pico(dollars: object) -> int | None:
    """Turn a cost in USD (v1: decimal text, v2: a float) into whole pico-dollars, exactly, half to even.

    "0.0006760500" and the float 0.0006760499999999999 are both 676,050,000.
    A float goes through its shortest decimal form. Below 2**43 pico (8.79 USD) the product with 1e12 is off
    by less than 0.01, so rounding it gives the same integer, unless it is near a half: there Decimal decides.
    None stays None, and so does what is no amount of money or does not fit a BIGINT.
    """
    if type(dollars) is float:
        scaled = dollars * 1e12
        if 0.0 <= scaled < 8.7e12:
            nearest = round(scaled)
            if -0.49 < scaled - nearest < 0.49:
                return nearest
    elif not isinstance(dollars, (str, int)) or isinstance(dollars, bool):
        return None
    try:
        exact = Decimal(repr(dollars) if isinstance(dollars, float) else dollars) * _PICO_PER_DOLLAR
        return int(exact.to_integral_value(ROUND_HALF_EVEN)) if abs(exact) <= _LARGEST_PICO else None
    except ArithmeticError:
        return None


def picos(dollars: Sequence[float | None]) -> list[int | None]:
    """Turn a column of costs into pico-dollars, each as `pico` does: all at once where its short way holds for all."""
    if dollars and None not in dollars:
        scaled = [dollar * 1e12 for dollar in dollars if dollar is not None]
        nearest = list(map(round, scaled))
        apart = list(map(sub, scaled, nearest))
        if min(scaled) >= 0.0 and max(scaled) < 8.7e12 and min(apart) > -0.49 and max(apart) < 0.49:
            return list(nearest)
    return list(map(pico, dollars))


def millis(start: int, end: int | None) -> int | None:
    """Give a length of time; unknown where clocks disagree, or it does not fit an INTEGER (24 days)."""
    if end is None:
        return None
    length = (end - start) // 1000
    return length if 0 <= length < 2**31 else None
