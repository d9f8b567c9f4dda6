"""What a `[[prices]]` entry of whyspend.toml may say, and what can be wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from whyspend.pricing.globs import FROM, TO, date_faults, instants
from whyspend.pricing.names import standard_context

HIGHEST = 1_000_000
"""US dollars per million tokens, request or second: more is a slip of the pen."""

Tokens = Annotated[
    Decimal | None, Meta(description="US dollars per million of these tokens, with at most 6 decimals.")
]
Each = Annotated[Decimal | None, Meta(description="US dollars for one, with at most 12 decimals.")]


class Named(NamedTuple):
    """What a rate in whyspend.toml is for."""

    bucket: str
    digits: int
    """A rate of 1 is 10 to this many pico-dollars per unit of the bucket; it can have as many decimals."""

    def units(self, value: Decimal) -> int:
        """The rate in pico-dollars: $2.50 per million tokens are 2,500,000 per token, $0.01 a call 10,000,000,000."""
        return int(value.scaleb(self.digits))


class Rates(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rates by what is counted; one name for each token column of the ledger."""

    input: Tokens = None
    cache_read: Tokens = None
    cache_write: Tokens = None
    cache_write_1h: Tokens = None
    input_audio: Tokens = None
    cache_read_audio: Tokens = None
    input_image: Tokens = None
    cache_read_image: Tokens = None
    input_video: Tokens = None
    output: Tokens = None
    reasoning: Tokens = None
    output_audio: Tokens = None
    output_image: Tokens = None
    output_video: Tokens = None
    citation: Tokens = None


class Tier(Rates, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rates of calls with a longer prompt."""

    over: Annotated[
        int,
        Meta(description="Calls with more input tokens than this, cached ones included, pay these rates."),
    ]


class UserPrice(Rates, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[prices]]` entry: what a model costs you."""

    model: Annotated[
        str,
        Meta(description="The model's name as runs carry it, or a glob (`*`, `?`). Case does not matter."),
    ]
    provider: Annotated[
        str, Meta(description="The provider as runs name it, or a glob; any provider, where it is left out.")
    ] = ""
    context: Annotated[
        str,
        Meta(
            description="For calls served in another way than the standard one, such as `processing=batch` or "
            "`service_tier=flex`; `*` for every way."
        ),
    ] = ""
    start: Annotated[date | None, FROM] = msgspec.field(default=None, name="from")
    end: Annotated[date | None, TO] = msgspec.field(default=None, name="to")
    same_as: Annotated[
        str,
        Meta(
            description="Instead of rates: the model whose prices these calls have, as PROVIDER/MODEL, such as "
            "openai/gpt-4o; for all of its contexts."
        ),
    ] = ""
    tiers: Annotated[
        tuple[Tier, ...], Meta(description="Other rates for calls with longer prompts, for all their tokens.")
    ] = ()
    per_request: Each = None
    per_second: Annotated[
        Decimal | None,
        Meta(
            description="US dollars for a second that a call takes, with at most 9 decimals: a rented machine."
        ),
    ] = None
    web_search: Each = None
    file_search: Each = None
    source: Annotated[str, Meta(description="Where the price is from, such as a contract or an address.")] = (
        ""
    )

    @property
    def interval(self) -> tuple[int, int]:
        """From when until when it holds: microseconds UTC, half open."""
        return instants(self.start, self.end)


PER_CALL: Mapping[str, Named] = {
    "per_request": Named("calls", 12),
    "per_second": Named("latency_ms", 9),  # $1 a second are 1e12 pico-dollars for 1,000 ms
    "web_search": Named("web_searches", 12),
    "file_search": Named("file_searches", 12),
}

NAMES: Mapping[str, Named] = {
    **{field.name: Named(f"{field.name}_tokens", 6) for field in msgspec.structs.fields(Rates)},
    **PER_CALL,
}
"""The rates of an entry by the name that they have in whyspend.toml."""


def given(rates: Rates) -> list[tuple[str, Decimal]]:
    """The rates that an entry, or a tier of one, names."""
    found = ((name, getattr(rates, name, None)) for name in NAMES)
    return [(name, value) for name, value in found if value is not None]


def label(number: int, entry: UserPrice) -> str:
    """How messages call an entry: `[[prices]] entry 3 (azure/our-gpt4o)`."""
    return f"[[prices]] entry {number} ({named(entry)})"


def named(entry: UserPrice) -> str:
    """The provider and the model of an entry."""
    return f"{entry.provider}/{entry.model}" if entry.provider else entry.model


def list_faults(entries: Sequence[UserPrice]) -> Iterator[tuple[int, tuple[str | int, ...], str]]:
    """Yield what is wrong with the entries: the number of one (from 1), the place within it, and a message."""
    for number, entry in enumerate(entries, 1):
        for place, message in entry_faults(entry):
            yield number, place, message
    for (first, one), (second, other) in combinations(enumerate(entries, 1), 2):
        if _same(one) == _same(other) and max(one.interval[0], other.interval[0]) < min(
            one.interval[1], other.interval[1]
        ):
            said = (
                f"its days overlap with those of entry {first}, which is for the same calls. Give one a 'to'."
            )
            yield second, (), said


def entry_faults(entry: UserPrice) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with one entry by itself: the place within it, and a message."""
    rates = given(entry)
    if not entry.model.strip():
        yield ("model",), "model is empty. Name one, or write '*' for every model."
    yield from date_faults(entry.start, entry.end)
    if entry.context not in ("", "*") and not all(
        all(part.partition("=")[::2]) for part in entry.context.split(";")
    ):
        yield ("context",), "context is written KEY=VALUE, such as processing=batch; or '*' for every one."
    if entry.same_as and (rates or entry.tiers):
        name = rates[0][0] if rates else "tiers"
        yield (
            (name,),
            f"it has both same_as and {name}. Take one away; a discount on a copied price is [[discounts]].",
        )
    elif not entry.same_as and not rates:
        yield (), f"it has no rate. Give one, such as input = 2.50, or same_as. Known: {', '.join(NAMES)}."
    yield from _value_faults(rates, ())
    yield from _tier_faults(entry, [name for name, _ in rates if name not in PER_CALL])


def _value_faults(
    rates: Sequence[tuple[str, Decimal]], place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, value in rates:
        digits = NAMES[name].digits
        if not value.is_finite() or value < 0:
            yield (*place, name), f"{name} = {value} is no price: it must be 0 or more."
        elif value > HIGHEST:
            yield (
                (*place, name),
                f"{name} is more than ${HIGHEST:,}. Rates of tokens are per million of them.",
            )
        elif value != value.quantize(Decimal(1).scaleb(-digits)):
            yield (*place, name), f"{name} = {value} has more than {digits} decimals. Round it."


def _tier_faults(entry: UserPrice, base: Sequence[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    overs = [tier.over for tier in entry.tiers]
    for at, tier in enumerate(entry.tiers):
        names = [name for name, _ in given(tier)]
        if tier.over <= 0 or tier.over in overs[:at]:
            yield ("tiers", at, "over"), f"over = {tier.over} must be above 0, and no other tier's."
        for name in {*names} ^ {*base}:
            # What a longer prompt pays for it must not be guessed: the base rate may be half of it.
            where = "the tier names" if name in names else "the entry names"
            yield (
                ("tiers", at),
                f"{where} {name}, and the other does not. A tier names the same token rates as its entry.",
            )
            break
        yield from _value_faults(given(tier), ("tiers", at))


def _same(entry: UserPrice) -> tuple[str, str, str]:
    context = entry.context if entry.context == "*" else standard_context(entry.context)
    return entry.provider.strip().lower(), entry.model.strip().lower(), context
