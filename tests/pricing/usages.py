"""Random calls, what our table says of them, and what genai-prices' own calculator says."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, Usage

from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.book import Book, Rate

SOURCES: dict[str, tuple[Provider, ModelInfo]] = {
    f"{provider.id}/{model.id}": (provider, model) for provider in providers for model in provider.models
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INPUT = USAGE_COLUMNS[: USAGE_COLUMNS.index("output_tokens")]
OUTPUT = USAGE_COLUMNS[USAGE_COLUMNS.index("output_tokens") : USAGE_COLUMNS.index("web_searches")]


class Compared(NamedTuple):
    """One call, priced twice, in pico-dollars."""

    price: str
    moment: datetime
    usage: dict[str, int]
    rate: Rate | None
    ours: int | None
    theirs: Decimal

    def equal(self) -> bool:
        """Whether both say the same; a rate that is no whole pico-dollar is off by half of one at most."""
        rounding = Decimal("0.5") * sum(self.usage.values())
        return self.ours is not None and (
            self.ours == self.theirs or 0 < abs(self.ours - self.theirs) <= rounding
        )

    def named(self) -> bool:
        """Whether a row of ours, with its page, says on purpose something else than the source."""
        return (
            self.rate is not None
            and self.rate.reference.startswith("https://")
            and (not self.rate.source.startswith("genai-prices@") or self.rate.basis.startswith("corrected"))
        )


def sold_by_source() -> Iterator[str]:
    """Every price of genai-prices: a model, or a model in a context that it has a variant for."""
    for price, (_, model) in SOURCES.items():
        yield price
        for variant in model.price_variants or ():
            if variant.when != {"service_tier": "default"}:
                yield price + "".join(f";{key}={value}" for key, value in sorted(variant.when.items()))


def rate_at(book: Book, price: str, moment: datetime, prompt_total: int) -> Rate | None:
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    minute = moment.hour * 60 + moment.minute
    found = [
        rate
        for rate in book.rates(price)
        if rate.valid_from <= micros < rate.valid_to
        and rate.minute_from <= minute < rate.minute_to
        and rate.weekdays >> moment.weekday() & 1
        and rate.tier_over < prompt_total <= rate.tier_upto
    ]
    assert len(found) <= 1, f"{price} has {len(found)} rates at {moment}"
    return found[0] if found else None


def cost(rate: Rate, usage: Mapping[str, int]) -> int:
    return sum(rate.rates.get(bucket, 0) * count for bucket, count in usage.items()) + rate.rates.get(
        "calls", 0
    )


def total(usage: Mapping[str, int]) -> int:
    return sum(usage.get(name, 0) for name in INPUT)


def their_usage(usage: Mapping[str, int]) -> Usage:
    """The same call in the source's words, where a total includes its parts."""
    has = usage.get
    cached = ("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens")
    return Usage(
        input_tokens=sum(has(name, 0) for name in INPUT),
        cache_read_tokens=sum(has(name, 0) for name in cached),
        cache_write_tokens=has("cache_write_tokens", 0) + has("cache_write_1h_tokens", 0),
        cache_write_1h_tokens=has("cache_write_1h_tokens", 0),
        input_audio_tokens=has("input_audio_tokens", 0) + has("cache_read_audio_tokens", 0),
        cache_audio_read_tokens=has("cache_read_audio_tokens", 0),
        input_image_tokens=has("input_image_tokens", 0) + has("cache_read_image_tokens", 0),
        cache_image_read_tokens=has("cache_read_image_tokens", 0),
        input_video_tokens=has("input_video_tokens", 0),
        output_tokens=sum(has(name, 0) for name in OUTPUT),
        output_reasoning_tokens=has("reasoning_tokens", 0),
        output_audio_tokens=has("output_audio_tokens", 0),
        output_image_tokens=has("output_image_tokens", 0),
        output_video_tokens=has("output_video_tokens", 0),
        output_citation_tokens=has("citation_tokens", 0),
        web_searches=has("web_searches", 0),
        storage_searches=has("file_searches", 0),
    )


def random_call(book: Book, dice: random.Random, price: str) -> tuple[datetime, dict[str, int]]:
    """A moment near where the price changes, or any; a prompt near the bound of a tier, or any."""
    rates = book.rates(price)
    edges = [edge for rate in rates for edge in (rate.valid_from, rate.valid_to) if 0 < edge < 2 * 10**15]
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(4 * 365 * 1440))
    if edges and dice.random() < 0.7:
        nudge = timedelta(minutes=dice.choice([-1441, -1, 0, 1, 600, 100_000]))
        moment = EPOCH + timedelta(microseconds=dice.choice(edges)) + nudge
    bounds = [rate.tier_over for rate in rates if rate.tier_over > 0]
    prompt = (
        dice.choice(bounds) + dice.choice([0, 1])
        if bounds and dice.random() < 0.7
        else dice.randrange(400_000)
    )
    usage = {name: dice.randrange(5_000) for name in dice.sample(OUTPUT, 3)}
    parts = dice.sample(INPUT, 4)
    for name in parts[1:]:
        usage[name] = dice.randrange(prompt // 4 + 1)
    usage[parts[0]] = prompt - sum(usage.get(name, 0) for name in parts[1:])
    usage |= {"web_searches": dice.randrange(3), "file_searches": dice.randrange(3)}
    return moment, usage


def compared(book: Book, price: str, moment: datetime, usage: dict[str, int]) -> Compared | None:
    """Price a call twice; none where the source has no price of its own for the context at the time."""
    base, _, context = price.partition(";")
    provider, model = SOURCES[base]
    wanted = dict(part.split("=") for part in context.split(";")) if context else {}
    if wanted and not _offered(model, wanted, moment):
        return None  # the source would answer with the standard price, which it does not know to be right
    rate = rate_at(book, price, moment, total(usage))
    usage = _without_what_the_source_guesses(usage, rate) if rate else usage
    answer = model.calc_price(
        their_usage(usage), provider, genai_request_timestamp=moment, price_context=wanted
    )
    ours = cost(rate, usage) if rate and rate.rates else None
    return Compared(price, moment, usage, rate, ours, answer.total_price * 10**12)


def _offered(model: ModelInfo, context: Mapping[str, str], moment: datetime) -> bool:
    variants = [variant for variant in model.price_variants or () if variant.when == context]
    return any(variant.constraint is None or variant.constraint.active(moment) for variant in variants)


def _without_what_the_source_guesses(usage: dict[str, int], rate: Rate) -> dict[str, int]:
    """Audio billed by the hour, and long cache writes at the price of short ones, have no rate here."""
    guessed = {"cache_write_1h_tokens", "input_audio_tokens", "cache_read_audio_tokens"} - rate.rates.keys()
    moved = sum(usage.get(name, 0) for name in guessed)
    kept = {name: count for name, count in usage.items() if name not in guessed}
    return {**kept, "input_tokens": kept.get("input_tokens", 0) + moved}
