"""One `[[budgets]]` entry: whose spend, over which period, at most how much, and when to warn."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from whyspend.reports.budgets.periods import TIMES, is_period

Wanted = str | tuple[str, ...]
"""A text, a glob (`*`, `?`), or a list of these of which any may match."""

Unit = Literal["usd", "tokens", "calls"]

HIGHEST = Decimal(10) ** 15
"""A limit beyond this is a slip of the pen."""

_KEY = re.compile(r"[^\x00-\x1f,=!\ud800-\udfff]{1,128}!?")
_FULL = Decimal(1)


class Budget(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[budgets]]` entry: what some calls may cost in a period."""

    name: Annotated[str, Meta(description="What you call it; shown in answers and alerts.")]
    where: Annotated[
        Mapping[str, Wanted],
        Meta(
            description="Of which calls, as with `--where`: values by dimension, metadata key, `model`, `provider` or "
            "`project`, all of which must hold. A key that ends in `!` must not have the value. Each is a text, a "
            "glob (`*`, `?`), or a list of these of which any may match. Default: of all calls."
        ),
    ] = msgspec.field(default_factory=dict)
    period: Annotated[
        str,
        Meta(
            description='For how long: hour, day, week (from Monday), month, quarter, or "rolling 30d" for today and '
            "the 29 days before. In the configured time zone."
        ),
    ] = "month"
    limit_usd: Annotated[Decimal | None, Meta(description="At most so many US dollars.")] = None
    limit_tokens: Annotated[
        int | None, Meta(description="Or: at most so many tokens, input and output together.")
    ] = None
    limit_calls: Annotated[int | None, Meta(description="Or: at most so many calls.")] = None
    warn_at: Annotated[
        tuple[Decimal, ...],
        Meta(description="The shares of the limit at which to warn. Over the limit is always told."),
    ] = (Decimal("0.8"),)
    each: Annotated[
        str, Meta(description="One such budget for every value of this dimension or metadata key.")
    ] = ""

    @property
    def unit(self) -> Unit:
        """What the limit counts."""
        if self.limit_tokens is not None:
            return "tokens"
        return "calls" if self.limit_calls is not None else "usd"

    @property
    def limit(self) -> Decimal:
        """The limit in its unit."""
        given = (self.limit_usd, self.limit_tokens, self.limit_calls)
        return next(Decimal(limit) for limit in given if limit is not None)

    @property
    def thresholds(self) -> tuple[Decimal, ...]:
        """Shares of the limit, ascending; the last is 1."""
        return (*sorted({share for share in self.warn_at if share < _FULL}), _FULL)

    def conditions(self) -> list[tuple[str, ...]]:
        """As texts of `--where`: all of the groups must hold; of each group any, or all where it reads `key!=value`."""
        return [
            tuple(f"{key}={value}" for value in listed(wanted)) for key, wanted in sorted(self.where.items())
        ]

    def label(self, number: int) -> str:
        """How messages call it."""
        return f"[[budgets]] entry {number} ({self.name or 'no name'})"


def listed(wanted: Wanted) -> tuple[str, ...]:
    """One text or several, as several."""
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def faults(entry: Budget) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with an entry: the place within it, and a message."""
    if not entry.name.strip():
        yield ("name",), "name is empty. Name it, so that alerts can say which budget it is."
    if not is_period(entry.period):
        yield (
            ("period",),
            f'{entry.period[:40]!r} is not a period. Write hour, day, week, month, quarter or "rolling 30d".',
        )
    yield from _limit_faults(entry)
    for share in entry.warn_at:
        if not (share.is_finite() and 0 < share <= 1):
            yield ("warn_at",), "warn_at holds shares of the limit between 0 and 1: [0.5, 0.8]."
    yield from where_faults(entry.where)
    if entry.each and (message := _key_fault(entry.each) or _negated(entry.each)):
        yield ("each",), message


def where_faults(where: Mapping[str, Wanted]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with conditions on calls: the place of each within the entry, and a message."""
    for key, wanted in where.items():
        if message := _key_fault(key) or _value_fault(key, listed(wanted)):
            yield ("where", key), message


def list_faults(entries: Sequence[Budget]) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Yield what is wrong with a list of entries: the number of the entry from 1, the place in it, a message."""
    first: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        for place, message in faults(entry):
            yield number, place, message
        # Alerts know a budget by its name.
        if entry.name in first:
            yield number, ("name",), f"entry {first[entry.name]} has the same name. Give it another."
        first.setdefault(entry.name, number)


def _limit_faults(entry: Budget) -> Iterator[tuple[tuple[str, ...], str]]:
    given = {
        name: limit
        for name in ("limit_usd", "limit_tokens", "limit_calls")
        if (limit := getattr(entry, name)) is not None
    }
    if len(given) != 1:
        yield (
            (),
            f"it has {len(given) or 'no'} limits. Give exactly one of limit_usd, limit_tokens, limit_calls.",
        )
    for name, limit in given.items():
        if not (Decimal(limit).is_finite() and 0 < limit <= HIGHEST):
            yield (name,), f"{name} must be a number above 0, and at most 10^15."


def _key_fault(key: str) -> str:
    name = key.removesuffix("!")
    if not _KEY.fullmatch(key) or not name.strip():
        return f"{key[:40]!r} cannot be the name of a dimension or metadata key."
    if name in TIMES:
        return f"a condition cannot look at {name}. The dates of the entry, or its period, say when."
    return ""


def _negated(key: str) -> str:
    return f"{key!r} ends in '!'. Name a dimension or metadata key." if key.endswith("!") else ""


def _value_fault(key: str, values: Sequence[str]) -> str:
    if not values:
        return f"the condition on {key!r} is an empty list, so it could never match."
    if any(re.search("[\ud800-\udfff]", value) for value in values):
        return f"a value for {key!r} is not UTF-8."
    return ""
