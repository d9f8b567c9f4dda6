"""How numbers and names are spelled for people, the same in a cell, on an axis and in a sentence."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

OTHERS = "(others)"
"""What a row, a bar or a part is called that adds up those which have none of their own."""

_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)
_THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_UP)
# Letters and marks that leave no ink although Unicode calls them printable: fillers, joiners, variants.
_INKLESS = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))) | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def exact(number: int | Decimal) -> str:
    """A number with all its digits, no exponent and no idle zero: the spelling of every machine format.

    0.000000012500 is `0.0000000125`, 12.00 is `12`, 1E+3 is `1000`, -0.0 is `0`.

    Raises:
        ValueError: the number is not finite: an unknown value is None, never NaN.
    """
    if isinstance(number, Decimal) and not number.is_finite():
        raise ValueError(f"{number} is not a number that an answer may hold; unknown is None.")
    digits = format(Decimal(number), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def storable(text: str) -> str:
    r"""Text that UTF-8 can hold: half of a surrogate pair becomes its visible escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    r"""Text that reads as it is: what would act on a terminal, or leaves no ink, becomes its escape.

    ESC becomes `\x1b`, a line end `\n`, the right-to-left override `\u202e`, a zero-width joiner `\u200d`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and char not in _INKLESS else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def money(value: Decimal, *, signed: bool = False) -> str:
    """Dollars for people: cents, and below a dollar as many decimals as show two digits; halves round up.

    1234.565 is `$1,234.57`, 0.5 is `$0.50`, 0.0042 is `$0.0042`, 0.000000012345 is `$0.000000012`,
    0 is `$0.00`. So a cost is never shown as nothing. Signed: `+$0.50`, `-$0.50`.
    """
    return f"{sign(value, signed)}${cents(value.copy_abs()):,f}"


def cents(value: Decimal) -> Decimal:
    """The amount that `money` spells: an estimate need not be more exact."""
    first_digit = _TWO_DIGITS.create_decimal(value).adjusted() if value else 0
    return rounded(value, max(2, 1 - first_digit))


def rate(usd: Decimal, *, signed: bool = False) -> str:
    """An amount that must not be rounded, such as the price of a token: `$2.50`, `$0.0375`, `$1,250.00`."""
    whole, _, decimals = exact(usd.copy_abs()).partition(".")
    return f"{sign(usd, signed)}${int(whole):,}.{decimals:0<2}"


def about(usd: Decimal) -> str:
    """An estimate of dollars, marked as one: `~$0.25`."""
    return f"~{money(usd)}"


def percent(share: Decimal, *, signed: bool = False) -> str:
    """A fraction of 1 for people: one decimal, halves up; only all is `100 %` and only nothing is `0 %`.

    0.123 is `12.3 %`, 0.9996 is `>99.9 %`, 0.0004 is `<0.1 %`, -0.0004 is `>-0.1 %`.
    """
    if share in (0, 1):
        return f"{sign(share, signed)}{exact(share * 100)} %"
    size = rounded(_EXACT.multiply(share.copy_abs(), Decimal(100)), 1)
    if size == 0:
        return "<0.1 %" if share > 0 else ">-0.1 %"
    if size == 100 and share.copy_abs() < 1:
        return ">99.9 %" if share > 0 else "<-99.9 %"
    return f"{sign(share, signed)}{size:,f} %"


def rounded(number: Decimal, decimals: int) -> Decimal:
    """A number with so many decimals, halves away from zero."""
    return number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)


def rounded_together(amounts: Sequence[Any]) -> list[Any]:
    """Amounts in whole cents, or finer where a cent is too coarse, whose sum is their rounded sum.

    $0.334, $0.333 and $0.333 read $0.34, $0.33 and $0.33 (largest remainder). What is no Decimal stays as it is.
    """
    known = {at: value for at, value in enumerate(amounts) if isinstance(value, Decimal)}
    largest = max(map(abs, known.values()), default=Decimal(0))
    decimals = max(2, 1 - _TWO_DIGITS.create_decimal(largest).adjusted()) if largest else 2
    step = Decimal(1).scaleb(-decimals)
    floors = {at: value.quantize(step, ROUND_FLOOR, _EXACT) for at, value in known.items()}
    whole = rounded(sum(known.values(), Decimal(0)), decimals)
    missing = int((whole - sum(floors.values(), Decimal(0))) / step)
    for at in sorted(known, key=lambda at: (floors[at] - known[at], at))[:missing]:
        floors[at] += step
    return [floors.get(at, value) for at, value in enumerate(amounts)]


def count(size: Decimal) -> str:
    """12345 is `12,345`; an average keeps one decimal: 12.345 is `12.3`."""
    whole = size == size.to_integral_value()
    return f"{rounded(size, 0 if whole else 1):,f}"


def short_count(size: Decimal) -> str:
    """12345 is `12.3k`, 999950 is `1.00M`, 1200000000 is `1.20B`."""
    three_digits = _THREE_DIGITS.create_decimal(size)
    thousands = min(three_digits.adjusted() // 3, 4)
    return f"{three_digits.scaleb(-3 * thousands):,f}{' kMBT'[thousands]}"


def sign(value: Decimal, signed: bool) -> str:
    """`-` below 0; `+` above, where a change is shown."""
    if value < 0:
        return "-"
    return "+" if signed and value > 0 else ""
