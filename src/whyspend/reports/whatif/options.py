"""What is to be different, as it is written on the command line."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation

from whyspend.errors import UsageError


def swaps(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """`gpt-4o=gpt-4.1-mini` as (old, new).

    Raises:
        UsageError: not of that form.
    """
    found = []
    for text in texts:
        old, sign, new = (part.strip() for part in text.rpartition("="))
        if not (old and sign and new) or re.search("[\ud800-\udfff]", text):
            raise UsageError(
                f"--swap {text[:60]!r} is not OLD=NEW. Example: --swap gpt-4o=gpt-4.1-mini; OLD may hold * and ?."
            )
        found.append((old, new))
    return tuple(found)


def share(text: str) -> Decimal | None:
    """`80%` or `80` as Decimal("80"); None for nothing.

    Raises:
        UsageError: no percentage, or one that may as well be meant as a fraction.
    """
    if not text:
        return None
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 < percent <= 100 and percent == percent.quantize(Decimal("0.01"))):
        raise UsageError(
            f"--cache-hit {text[:20]!r} is no percentage above 0 and up to 100, with at most two decimals. "
            "Example: --cache-hit 80%."
        )
    if percent <= 1 and "%" not in text:
        raise UsageError(
            f"--cache-hit {text[:20]!r} can mean {percent} % or {percent:.0%}. Write it with a percent sign."
        )
    return percent


def day(text: str) -> date | None:
    """`2026-11-01` as a date; None for nothing.

    Raises:
        UsageError: no day.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--prices-at cannot be {text[:40]!r}. Give a day, such as 2026-11-01.") from None
