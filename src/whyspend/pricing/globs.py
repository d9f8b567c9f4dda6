"""How entries of whyspend.toml say whose calls they are for, and when: globs over names, and UTC days."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

from msgspec import Meta

from whyspend.pricing.book import FAR_FUTURE, FAR_PAST
from whyspend.pricing.names import PROVIDERS

FROM = Meta(
    description="The first day (UTC) on which it holds; always, where it is left out. For example 2026-01-01."
)
TO = Meta(description="The day (UTC) from which it no longer holds; for ever, where it is left out.")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_glob(text: str) -> bool:
    """Whether a text stands for several: `*` is any text, `?` any one character."""
    return "*" in text or "?" in text


@cache
def glob(text: str, *, case: bool = False) -> re.Pattern[str]:
    """A glob as a regular expression for `fullmatch`; for names in lower case unless `case`."""
    wanted = text if case else text.strip().lower()
    pattern = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in wanted)
    return re.compile(pattern, re.DOTALL)


@cache
def provider_names(provider: str | None) -> tuple[str, ...]:
    """The names under which an entry may mean a provider: as runs carry it, and as price lists call it.

    `ChatBedrock` runs say amazon_bedrock, the price list says aws: an entry for either is for both.
    """
    name = (provider or "").strip().lower()
    known = PROVIDERS.get(re.sub(r"[- ]", "_", name))
    spelled = (name, name.replace("_", "-"), name.replace("-", "_"), *((known,) if known else ()))
    return tuple(dict.fromkeys(spelled))


def is_same_provider(one: str | None, other: str | None) -> bool:
    """Whether two names may mean one provider."""
    return not {*provider_names(one)}.isdisjoint(provider_names(other))


def instants(start: date | None, end: date | None) -> tuple[int, int]:
    """Microseconds UTC, half open, of the days [start, end); open where they are not given."""
    return (
        FAR_PAST if start is None else _micros(start),
        FAR_FUTURE if end is None else _micros(end),
    )


def date_faults(start: date | None, end: date | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with two dates."""
    if start is not None and end is not None and end <= start:
        yield ("to",), f"'to' ({end}) must be a later day than 'from' ({start}): it is the first day after."


def _micros(day: date) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
