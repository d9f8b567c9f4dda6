"""Contract discounts, margins and surcharges: what a price is multiplied by, from `[[discounts]]` of whyspend.toml.

Every entry that matches a call applies, and their factors multiply. 15 % off all of OpenAI and 20 % off its
gpt-4o models: a call of gpt-4o at a list price of $1.00 costs 1 x 0.85 x 0.80 = $0.68. `percent = -10` is a
surcharge: 1 x 1.10. A factor has at most 12 decimals, so that rate times factor stays a whole number of 1e-24
dollars and no cost is ever rounded.

Discounts hold for calls that are priced from a price list. What a run says about its own cost (tool runs,
`--prices recorded`) stays as it is said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct

from whyspend.errors import ConfigError
from whyspend.pricing.globs import FROM, TO, date_faults, glob, instants, is_glob, provider_names

FACTOR_DIGITS = 12
"""Decimals of a factor, at most."""

_EXACT = Context(prec=1000)

HIGHEST_SURCHARGE = 100_000
"""Percent: a thousand times the price."""

Wanted = str | tuple[str, ...]
"""A text, a glob (`*`, `?`), or a list of these of which any may match."""


class Discount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[discounts]]` entry: what calls cost less, or more, than their list price."""

    name: Annotated[
        str, Meta(description="What you call it, such as the contract's number; shown in messages.")
    ] = ""
    provider: Annotated[
        str, Meta(description="Whose calls: a provider as runs name it, or a glob (`*`, `?`).")
    ] = "*"
    model: Annotated[str, Meta(description="Of which models: a name as runs carry it, or a glob.")] = "*"
    where: Annotated[
        Mapping[str, Wanted],
        Meta(
            description="Of which owners: values by dimension, all of which must hold. Each is a text, a glob, "
            "or a list of these of which any may match."
        ),
    ] = msgspec.field(default_factory=dict)
    start: Annotated[date | None, FROM] = msgspec.field(default=None, name="from")
    end: Annotated[date | None, TO] = msgspec.field(default=None, name="to")
    percent: Annotated[
        Decimal,
        Meta(
            description="How much is taken off, in percent: 15 makes $1.00 cost $0.85. "
            "Negative for a surcharge or a margin: -10 makes it cost $1.10."
        ),
    ]
    reason: Annotated[str, Meta(description="Why, for whoever reads this later.")] = ""

    @property
    def factor(self) -> Decimal:
        """What a price is multiplied by: 0.85 for 15 percent."""
        return (100 - self.percent).scaleb(-2)

    @property
    def interval(self) -> tuple[int, int]:
        """From when until when it holds: microseconds UTC, half open."""
        return instants(self.start, self.end)

    def label(self, number: int) -> str:
        """How messages call it."""
        return f"[[discounts]] entry {number} ({self.name or f'{self.provider}/{self.model}'})"


class Words(Protocol):
    """What an engine says in its own dialect (see model.Engine)."""

    def literal(self, text: str, /) -> str:
        """Quote a text."""
        ...


def faults(entry: Discount, dimensions: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with an entry: the place within it, and a message."""
    yield from date_faults(entry.start, entry.end)
    if not entry.percent.is_finite() or not -HIGHEST_SURCHARGE <= entry.percent <= 100:
        yield ("percent",), f"percent must be a number from -{HIGHEST_SURCHARGE} (a surcharge) to 100 (free)."
    elif entry.percent != entry.percent.quantize(Decimal(1).scaleb(2 - FACTOR_DIGITS)):
        yield ("percent",), f"percent has more than {FACTOR_DIGITS - 2} decimals. Round it."
    for place in ("provider", "model"):
        if not getattr(entry, place).strip():
            yield (place,), f"{place} is empty. Leave it out, or write '*', for every {place}."
    for dimension, wanted in entry.where.items():
        if dimension not in dimensions:
            known = ", ".join(dimensions)
            yield ("where", dimension), f"{dimension!r} is not a dimension. Configured: {known}."
        elif not all(listed(wanted) or ("",)):
            yield ("where", dimension), f"the condition on {dimension!r} is empty, so it could never match."


def factor(discounts: Iterable[Discount]) -> Decimal:
    """Multiply the factors of discounts that hold together: 0.85 x 0.80 = 0.68.

    Raises:
        ConfigError: the product has more than 12 decimals.
    """
    product, held = Decimal(1), list(discounts)
    for discount in held:
        product = _EXACT.multiply(product, discount.factor)
    if product != product.quantize(Decimal(1).scaleb(-FACTOR_DIGITS), context=_EXACT):
        named = ", ".join(entry.name or f"{entry.provider}/{entry.model}" for entry in held)
        raise ConfigError(
            f"[[discounts]]: together, {named} make a factor of more than {FACTOR_DIGITS} decimals. "
            "Round their percents, or write them as one entry."
        )
    return product


def concerns(discount: Discount, provider: str | None, model: str | None) -> bool:
    """Whether a discount is for calls of these names, as runs carry them."""
    return any(glob(discount.provider).fullmatch(name) for name in provider_names(provider)) and (
        glob(discount.model).fullmatch((model or "").strip().lower()) is not None
    )


def holds(discount: Discount, at: int, values: Mapping[str, str | None]) -> bool:
    """Whether a discount holds at an instant (microseconds UTC) for a call with these values of dimensions."""
    start, end = discount.interval
    return start <= at < end and all(
        (value := values.get(dimension)) is not None
        and any(glob(text, case=True).fullmatch(value) for text in listed(wanted))
        for dimension, wanted in discount.where.items()
    )


def condition(where: "Where", dimensions: Mapping[str, str], words: Words) -> str:
    """SQL of whether a call has the values of a condition; NULL or false where it has not."""
    return " AND ".join(
        "(" + " OR ".join(_test(dimensions[dimension], wanted, words)) + ")" for dimension, wanted in where
    )


Where = tuple[tuple[str, tuple[str, ...]], ...]
"""A condition on dimensions: (dimension, texts and globs of which any may match), in the order of their names."""


def condition_of(discount: Discount) -> Where:
    """The condition of a discount in one form, so that equal ones are equal."""
    return tuple(
        sorted((dimension, tuple(sorted(listed(wanted)))) for dimension, wanted in discount.where.items())
    )


def exclusive(one: Where, other: Where) -> bool:
    """Whether no call can have both: they name different values of one dimension, and no globs."""
    wanted = dict(other)
    return any(
        dimension in wanted
        and not {*texts} & {*wanted[dimension]}
        and not any(is_glob(text) for text in (*texts, *wanted[dimension]))
        for dimension, texts in one
    )


def listed(wanted: Wanted) -> tuple[str, ...]:
    """One text or several, as several."""
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def _test(value: str, wanted: Sequence[str], words: Words) -> Iterator[str]:
    texts = [words.literal(text) for text in wanted if not is_glob(text)]
    if texts:
        yield f"{value} IN ({', '.join(texts)})"
    for text in filter(is_glob, wanted):
        like = re.sub(r"[!%_]", r"!\g<0>", text).translate({ord("*"): "%", ord("?"): "_"})
        # A backslash would escape in some engines unless another sign is named.
        escape = f" ESCAPE {words.literal('!')}" if "!" in like or "\\" in like else ""
        yield f"{value} LIKE {words.literal(like)}{escape}"
