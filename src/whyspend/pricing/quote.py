"""What does one call cost? Priced as the ledger's view prices it: the same names, cells, tier and discounts.

A provider shows totals and parts of them; what is billed are disjoint quantities:

    input 100,000 of which read from a cache 80,000 and written to it 10,000; output 2,000 of which reasoning 1,500
    = 10,000 input + 80,000 cache read + 10,000 cache write, 500 output + 1,500 reasoning.

The tier is decided by the total, 100,000, and prices every part of the call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Struct

from whyspend.errors import InputError
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, NO_TIER, TOP_TIER, Rate
from whyspend.pricing.discounts import Discount, concerns, factor, holds
from whyspend.pricing.names import Match
from whyspend.pricing.plan import CALLS, DAY, Era, Prices, no_price_at
from whyspend.pricing.slots import LATENCY

MINUTE = 60_000_000
"""Microseconds."""

LARGEST = 2**53
"""No call has nine quadrillion tokens."""

DIMENSION = "dimension."
"""Before a key of the context that is a dimension: some discounts hold for one feature only."""

_EXACT = Context(prec=100)
_MILLISECOND = Decimal("0.001")

Count = Annotated[int, Meta(ge=0, le=LARGEST)]


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A call to be priced. `input` and `output` are the totals that a provider shows, the others parts of them.

    A provider that shows its input without the cached tokens (Anthropic's own API) must be added up first.
    """

    model: str
    provider: str | None = None
    at: int | None = None
    """When the call began, in microseconds UTC; none: now."""
    context: Mapping[str, str] = {}
    """What else decides the price: `service_tier`, `processing`, `speed`, ...; `dimension.KEY` for discounts."""
    input: Count = 0
    """All input tokens; decides the context tier."""
    output: Count = 0
    """All output tokens."""
    cache_read: Count = 0
    """Input that was read from a cache."""
    cache_write: Count = 0
    """Input that was written to a cache of the default lifetime."""
    cache_write_1h: Count = 0
    """Input that was written to a cache of one hour, beside `cache_write`."""
    audio_in: Count = 0
    image_in: Count = 0
    video_in: Count = 0
    """Input that is not text."""
    cache_read_audio: Count = 0
    cache_read_image: Count = 0
    """Part of `cache_read`, and of `audio_in` or `image_in` too."""
    reasoning: Count = 0
    """Output that nobody saw."""
    audio_out: Count = 0
    image_out: Count = 0
    video_out: Count = 0
    citation: Count = 0
    """Output that is not text."""
    web_searches: Count = 0
    file_searches: Count = 0
    seconds: Decimal | None = None
    """How long it took, for prices by the second; to the millisecond."""


class Part(Struct, frozen=True, gc=False):
    """What one quantity of a call costs."""

    bucket: str
    quantity: int
    unit: str
    """tokens, searches, calls, ms."""
    rate_usd: Decimal | None
    """Of so many units as `per` says; None: no price is known."""
    per: int
    cost_usd: Decimal | None
    """quantity x rate_usd / per, before any discount."""


class Tier(Struct, frozen=True, gc=False):
    """The part of a price that holds for prompts of some length."""

    over: int | None
    upto: int | None
    """`over < input <= upto`; None is open."""


class Quoted(Struct, frozen=True, gc=False):
    """A priced call, and why it costs that."""

    provider: str | None
    model: str
    price: str | None
    """The price that the names mean: `openai/gpt-4o;service_tier=flex`."""
    match: str
    """How it was found; see Match.kind."""
    at: int
    context: str
    tier: Tier | None
    """None where length does not matter."""
    parts: tuple[Part, ...]
    cell: Rate | None
    """Where the rates stand: with source, reference and validity."""
    discounts: tuple[str, ...]
    """Each discount that was taken, in words."""
    list_cost_usd: Decimal | None
    """Before discounts: the sum of the parts."""
    cost_usd: Decimal | None
    """None: not known, and `reason` says why."""
    reason: str


@dataclass(frozen=True)
class _Price:
    """What a name means at one time, worked out once for all calls of that name."""

    match: Match
    cells: Sequence[Rate]
    """Those that hold a rate."""
    listed: Sequence[Rate]
    discounts: tuple[Discount, ...]
    """Those for calls of this name."""


@dataclass
class Quotes:
    """Prices many calls: what a name means is looked up once."""

    prices: Prices
    _known: dict[tuple[int, str | None, str, str], _Price] = field(default_factory=dict)
    _named: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def quote(self, asked: Asked) -> Quoted:
        """Price one call.

        Raises:
            InputError: parts that are more than their total, or a time that no price can hold for.
        """
        at = _now() if asked.at is None else asked.at
        number, era = self._era(at)
        context, dimensions = _split(asked.context)
        price = self._price(number, era, asked.provider, asked.model, context)
        cell = cell_at(price.cells, at, asked.input)
        amounts = _amounts(asked, cell)
        reason = _reason(price, cell, amounts, asked, at)
        parts = tuple([_part(bucket, amount, cell) for bucket, amount in amounts.items() if amount])
        total = None if reason or cell is None else dollars(_pico(amounts, cell))
        taken = [discount for discount in price.discounts if holds(discount, at, dimensions)]
        return Quoted(
            provider=asked.provider,
            model=asked.model,
            price=price.match.price,
            match=price.match.kind,
            at=at,
            context=context,
            tier=_tier(cell) if cell else None,
            parts=parts,
            cell=cell,
            discounts=() if total is None else tuple(map(_said, taken)),
            list_cost_usd=total,
            cost_usd=total if total is None or not taken else _EXACT.multiply(total, factor(taken)),
            reason=reason,
        )

    def named(self, text: str) -> tuple[str | None, str]:
        """Provider and model of `openai/gpt-4o`, split at the first slash.

        A name that only makes sense as a whole stays whole, without a provider: `models/gemini-2.5-pro`, an ARN.
        """
        if text not in self._named:
            self._named[text] = self._split_name(text)
        return self._named[text]

    def _split_name(self, text: str) -> tuple[str | None, str]:
        provider, sign, model = text.partition("/")
        if not sign or not provider or not model:
            return None, text
        book = self.prices.current.book
        if book.match(provider, model, "").price is None and book.match(None, text, "").price is not None:
            return None, text
        return provider, model

    def _era(self, at: int) -> tuple[int, Era]:
        for number, era in enumerate(self.prices.eras):
            if era.start <= at < era.end:
                return number, era
        raise InputError("A call must have begun between 1970 and 9998. Give another time as `at`.")

    def _price(self, number: int, era: Era, provider: str | None, model: str, context: str) -> _Price:
        key = (number, provider, model, context)
        if key not in self._known:
            match = era.book.match(provider, model, context)
            listed = era.book.rates(match.price) if match.price else ()
            cells = tuple(cell for cell in listed if cell.rates)
            mine = tuple(discount for discount in era.discounts if concerns(discount, provider, model))
            self._known[key] = _Price(match, cells, listed, mine)
        return self._known[key]


def quote(prices: Prices, asked: Asked) -> Quoted:
    """Price one call; for many, `Quotes(prices).quote` is faster.

    Raises:
        InputError: parts that are more than their total, or a time that no price can hold for.
    """
    return Quotes(prices).quote(asked)


def quantities(asked: Asked) -> dict[str, int]:
    """The disjoint quantities of a call, by bucket. Text is what the other parts leave of a total.

    Audio 300 and cache read 200, of which audio 50: 250 audio, 150 cached text, 50 cached audio.

    Raises:
        InputError: parts that are more than their total.
    """
    inside = {
        "cache_read_tokens": asked.cache_read - asked.cache_read_audio - asked.cache_read_image,
        "cache_write_tokens": asked.cache_write,
        "cache_write_1h_tokens": asked.cache_write_1h,
        "input_audio_tokens": asked.audio_in - asked.cache_read_audio,
        "cache_read_audio_tokens": asked.cache_read_audio,
        "input_image_tokens": asked.image_in - asked.cache_read_image,
        "cache_read_image_tokens": asked.cache_read_image,
        "input_video_tokens": asked.video_in,
    }
    made = {
        "reasoning_tokens": asked.reasoning,
        "output_audio_tokens": asked.audio_out,
        "output_image_tokens": asked.image_out,
        "output_video_tokens": asked.video_out,
        "citation_tokens": asked.citation,
    }
    found = {
        "input_tokens": asked.input - sum(inside.values()),
        **inside,
        "output_tokens": asked.output - sum(made.values()),
        **made,
        "web_searches": asked.web_searches,
        "file_searches": asked.file_searches,
    }
    if min(found.values()) < 0:
        raise InputError(_contradiction(asked, found))
    return found


def _contradiction(asked: Asked, found: Mapping[str, int]) -> str:
    if min(map(int, (getattr(asked, name) for name in _COUNTS))) < 0:
        return "A count cannot be negative. Give 0 or more."
    for whole in ("input", "output"):
        if found[f"{whole}_tokens"] < 0:
            total = getattr(asked, whole)
            parts = total - found[f"{whole}_tokens"]
            return (
                f"The parts of the {whole} add up to {parts:,} tokens, but the {whole} is {total:,}. "
                f"Give as {whole} the total of all its parts, cached tokens included."
            )
    return (
        "cache_read_audio and cache_read_image are parts of cache_read, and of audio_in and image_in: "
        "they cannot be more than these. Give the larger totals."
    )


_COUNTS = tuple(name for name in Asked.__struct_fields__ if isinstance(getattr(Asked(model=""), name), int))


def _amounts(asked: Asked, cell: Rate | None) -> dict[str, int]:
    """All quantities that a price may be for."""
    found = quantities(asked)
    spent = 0 if asked.seconds is None else _milliseconds(asked.seconds)
    if cell and CALLS in cell.rates:
        found[CALLS] = 1
    if cell and LATENCY in cell.rates:
        found[LATENCY] = spent
    return found


def _milliseconds(seconds: Decimal) -> int:
    """1.25 seconds are 1,250 ms: to the millisecond, as the ledger holds it."""
    if not seconds.is_finite() or not 0 <= seconds <= LARGEST or seconds != seconds.quantize(_MILLISECOND):
        raise InputError(
            f"seconds cannot be {str(seconds)[:40]}. Give 0 or more, with at most three decimals."
        )
    return int(seconds * 1000)


def cell_at(cells: Iterable[Rate], at: int, prompt: int) -> Rate | None:
    """The cell that prices a call; of several the last, as in the view."""
    minute, weekday = at % DAY // MINUTE, (at // DAY + 3) % 7  # 1970-01-01 was a Thursday
    found = None
    for cell in cells:
        if (
            cell.valid_from <= at < cell.valid_to
            and (cell.tier_over < prompt <= cell.tier_upto or (prompt == 0 and cell.tier_over <= 0))
            and cell.minute_from <= minute < cell.minute_to
            and cell.weekdays >> weekday & 1
        ):
            found = cell
    return found


def _reason(price: _Price, cell: Rate | None, amounts: Mapping[str, int], asked: Asked, at: int) -> str:
    """Why there is no price; empty where there is one."""
    if cell is None:
        return no_price_at(at, price.listed) if price.listed else price.match.reason
    missing = sorted(name for name, amount in amounts.items() if amount and name not in cell.rates)
    if missing:
        return f"no price is known for its {missing[0].replace('_', ' ')}"
    if LATENCY in cell.rates and asked.seconds is None:
        return "it is priced by the second, and nobody says how long it took"
    return ""


def _part(bucket: str, quantity: int, cell: Rate | None) -> Part:
    unit, per = unit_of(bucket)
    pico = cell.rates.get(bucket) if cell else None
    if pico is None:
        return Part(bucket, quantity, unit, None, per, None)
    return Part(bucket, quantity, unit, _rate(pico, per), per, dollars(pico * quantity))


@lru_cache(maxsize=4096)
def _rate(pico: int, per: int) -> Decimal:
    return dollars(pico * per)


def _pico(amounts: Mapping[str, int], cell: Rate) -> int:
    """Pico-dollars, added up as integers."""
    return sum(amount * cell.rates[bucket] for bucket, amount in amounts.items() if amount)


def _said(discount: Discount) -> str:
    """A discount in words: `15 % (contract 2026-7)`."""
    named = discount.name or f"{discount.provider}/{discount.model}"
    return f"{discount.percent.normalize():f} % ({named})"


def unit_of(bucket: str) -> tuple[str, int]:
    """What a bucket counts, and for how many of it people quote the rate: tokens by the million, ms by 1,000."""
    if bucket.endswith("_tokens"):
        return "tokens", 1_000_000
    if bucket == LATENCY:
        return "ms", 1000
    return ("calls" if bucket == CALLS else "searches"), 1


def dollars(pico: int) -> Decimal:
    """2,500,000 pico-dollars are $0.0000025."""
    return Decimal(pico).scaleb(-12, _EXACT)


def _tier(cell: Rate) -> Tier | None:
    if (cell.tier_over, cell.tier_upto) == (NO_TIER, TOP_TIER):
        return None
    return Tier(
        over=None if cell.tier_over == NO_TIER else cell.tier_over,
        upto=None if cell.tier_upto == TOP_TIER else cell.tier_upto,
    )


def _split(context: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The price context as the ledger spells it, and the dimensions."""
    if not context:
        return "", {}
    parts = []
    dimensions = {}
    for key, value in context.items():
        if key.startswith(DIMENSION):
            dimensions[key.removeprefix(DIMENSION)] = value
        elif any(sign in key + value for sign in ";|=") or not key or not value:
            raise InputError("A context is a key and a value without ; | and =. Example: service_tier=flex.")
        else:
            parts.append(f"{key}={value}")
    return ";".join(sorted(parts)), dimensions


def instant(micros: int) -> datetime | None:
    """A time of a price book as a time, UTC; None for an open end."""
    if micros in (FAR_PAST, FAR_FUTURE):
        return None
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _now() -> int:
    return int(datetime.now(UTC).timestamp()) * 1_000_000
