"""What the bills of all providers share: money, days and token counts as they are written there."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from whyspend.errors import InputError
from whyspend.model import Bill, Billed

INPUT, CACHED, CACHE_WRITE, OUTPUT = "input", "cached input", "cache write", "output"
WEB_SEARCH, OTHER = "web search", "other"

_EXACT = Context(prec=100)
_FINEST = Decimal(1).scaleb(-24)
_MOST = Decimal(10) ** 12

Row = Mapping[str, object]


def money(value: object, currency: object, line: str) -> Decimal:
    """US dollars with all digits; finer than 1e-24 dollars is rounded half to even.

    `"0.8958740000000000"`, 0.00006 and `"0E-6176"` all occur.

    Raises:
        InputError: no number, or another currency.
    """
    if str(currency).strip().upper() != "USD":
        raise InputError(
            f"{line} is in {_shown(currency)}, not in USD. Give a bill in US dollars: no rate of exchange is assumed."
        )
    return number(value, line)


def number(value: object, line: str) -> Decimal:
    """A finite number of a size that a bill can have.

    Raises:
        InputError: it is none.
    """
    try:
        found = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found.copy_abs() > _MOST:
        raise InputError(f"{line} has {_shown(value)} where a number must be. Export the bill again.")
    if not found:
        return Decimal(0)
    if int(found.as_tuple().exponent) < -24:
        return found.quantize(_FINEST, ROUND_HALF_EVEN, _EXACT)
    return found


def tokens(value: object, line: str, times: int = 1) -> int | None:
    """A count of tokens; None where there is none."""
    if value is None or value == "":
        return None
    return int((number(value, line) * times).to_integral_value(ROUND_HALF_EVEN))


def text(value: object) -> str | None:
    """A name, or None for nothing."""
    return (str(value).strip() or None) if value is not None else None


def day_of(value: object, line: str) -> date:
    """The UTC day of a Unix time in seconds, or of an ISO time or day.

    Raises:
        InputError: it is neither.
    """
    said = str(value).strip()
    try:
        if said.removesuffix(".0").isdigit():
            return datetime.fromtimestamp(int(said.removesuffix(".0")), UTC).date()
        moment = datetime.fromisoformat(said)
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except (ValueError, OverflowError, OSError):
        raise InputError(f"{line} has {_shown(value)} where a day must be. Export the bill again.") from None


def whole_day(start: object, end: object, line: str) -> date:
    """The UTC day of a bucket, which must be one day long, or less.

    Raises:
        InputError: it is longer.
    """
    first = day_of(start, line)
    if end not in (None, "") and day_of(end, line) > first + timedelta(days=1):
        raise InputError(f"{line} spans more than a day. Export the bill by day (bucket_width 1d).")
    return first


def counted(day: date, provider: str, model: str | None, counts: Mapping[str, int]) -> Iterator[Billed]:
    """Yield a line without money for each token class that has tokens."""
    for token_class, count in counts.items():
        if count:
            yield Billed(day, provider, model, token_class, None, count)


def bill(lines: Iterable[Billed], days: Iterable[date], notes: Iterable[str] = ()) -> Bill:
    """Lines and covered days as a bill."""
    listed = tuple(lines)
    covered = {*days, *(line.day for line in listed)}
    return Bill(listed, min(covered, default=None), max(covered, default=None), tuple(dict.fromkeys(notes)))


def class_of(words: str) -> str:
    """The token class that a description speaks of: `Claude Sonnet 4 Usage - Input Tokens, Cache Read` is cached."""
    said = words.lower().replace("_", " ")
    if "web search" in said:
        return WEB_SEARCH
    if "cache" in said and ("write" in said or "creation" in said):
        return CACHE_WRITE
    if "cache" in said and "uncached" not in said and "no cache" not in said:
        return CACHED
    if "input" in said or "prompt" in said:
        return INPUT
    return OUTPUT if "output" in said or "completion" in said else OTHER


def unknown_unit(unit: object, line: str, known: Iterable[str]) -> InputError:
    """A unit that nobody knows how to count in."""
    return InputError(f"{line} counts in {_shown(unit)}. Known units: {', '.join(known)}. Update whyspend.")


def _shown(value: object) -> str:
    """Something from outside, fit for a message."""
    return f"'{shown(value)}'"


def shown(value: object, most: int = 40) -> str:
    """The beginning of something from outside, in signs that can be printed."""
    return "".join(sign if sign.isprintable() else " " for sign in str(value)[:most])
