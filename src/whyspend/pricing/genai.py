"""The cells of genai-prices: its rules, run once for every case in which they can give another answer.

genai-prices is a list of rules that a program runs for each call. Here every rule is run for each model,
context, span of dates, span of minutes and context tier, and the answers are written down as cells. Only this
file and `listing.py`, which lists the names, need genai-prices.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import genai_prices
from genai_prices.data import providers
from genai_prices.data_units import unit_data
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import UnitDef, UnitRegistry

from whyspend.pricing.book import ALL_DAYS, BUCKETS, FAR_FUTURE, FAR_PAST, NO_TIER, TOP_TIER
from whyspend.pricing.cells import Cell, Rates, micros
from whyspend.pricing.corrections import Correction, Fixes, fixes_of
from whyspend.pricing.listing import names_of, renamed_names

SOURCE = "genai-prices"
VERSION = genai_prices.__version__
REGISTRY = UnitRegistry(unit_data)
WEEKDAYS, WEEKEND = 31, 96
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _tokens(direction: str, modality: str = "text", token_type: str = "", ttl: str = "") -> dict[str, str]:
    kind = {"token_type": token_type, "cache_ttl": ttl}
    given = {key: value for key, value in kind.items() if value}
    return {"family": "tokens", "direction": direction, "modality": modality, **given}


UNITS: Mapping[str, Mapping[str, str]] = {
    "input_tokens": _tokens("input"),
    "cache_read_tokens": _tokens("input", "text", "cache_read"),
    "cache_write_tokens": _tokens("input", "text", "cache_write", ttl="5m"),
    "cache_write_1h_tokens": _tokens("input", "text", "cache_write", ttl="1h"),
    "input_audio_tokens": _tokens("input", "audio"),
    "cache_read_audio_tokens": _tokens("input", "audio", "cache_read"),
    "input_image_tokens": _tokens("input", "image"),
    "cache_read_image_tokens": _tokens("input", "image", "cache_read"),
    "input_video_tokens": _tokens("input", "video"),
    "output_tokens": _tokens("output"),
    "reasoning_tokens": _tokens("output", "text", "reasoning"),
    "output_audio_tokens": _tokens("output", "audio"),
    "output_image_tokens": _tokens("output", "image"),
    "output_video_tokens": _tokens("output", "video"),
    "citation_tokens": _tokens("output", "text", "citation"),
    "web_searches": {"family": "tool_calls", "tool_type": "web_search"},
    "file_searches": {"family": "tool_calls", "tool_type": "storage_search"},
    "calls": {"family": "requests"},
}
"""Each bucket in the dimensions of genai-prices' units: a unit whose dimensions all agree prices it."""


class Lists(NamedTuple):
    """What genai-prices lists."""

    cells: list[Cell]
    names: list[list[str]]
    """(provider, name, model, kind)."""
    unpriced: list[list[str]]
    """(provider, model, reason)."""
    providers: list[list[str]]
    """(provider, the providers whose prices hold for what it resells)."""


def lists(fixes: Sequence[Correction]) -> Lists:
    """Evaluate the installed genai-prices, with the corrections that change how a rule is read."""
    found = Lists([], [], [], [[p.id, " ".join(p.fallback_model_providers or ())] for p in providers])
    for provider in providers:
        renamed = renamed_names(provider, fixes)
        found.names.extend([provider.id, name, name, "exact"] for name in renamed)
        found.unpriced.extend([provider.id, name, reason] for name, reason in renamed.items() if reason)
        for model in provider.models:
            priced = list(_model(provider.id, model, fixes_of(fixes, provider.id, model.id)))
            found.cells.extend(priced)
            if not priced:
                found.unpriced.append([provider.id, model.id, _why_unpriced(model)])
            found.names.extend(row for row in names_of(provider, model) if row[1] not in renamed)
    return found


def _model(provider: str, model: ModelInfo, fixes: Fixes) -> Iterator[Cell]:
    """All cells of a model: of its standard price and of each context that the source prices."""
    if provider == "openrouter" and model.id.endswith(":free"):
        # The only empty prices that mean free; elsewhere they mean that nobody wrote a price down.
        rates = tuple((bucket, Decimal(0)) for bucket in BUCKETS if bucket.endswith("_tokens"))
        yield Cell(f"{provider}/{model.id}", rates=rates, source=SOURCE, basis="free")
        return
    for context in [{}, *_contexts(model)]:
        wanted = "".join(f";{key}={value}" for key, value in sorted(context.items()))
        yield from _cells(f"{provider}/{model.id}{wanted}", model, context, fixes)


def _contexts(model: ModelInfo) -> list[dict[str, str]]:
    """The contexts with a price of their own. That `default` is the standard price, names.STANDARD says."""
    found: list[dict[str, str]] = []
    for variant in model.price_variants or ():
        if variant.when not in found and variant.when != {"service_tier": "default"}:
            found.append(variant.when)
    return found


def _cells(price: str, model: ModelInfo, context: Mapping[str, str], fixes: Fixes) -> Iterator[Cell]:
    days, minutes = _edges(model, context, fixes)
    basis = "undated" if fixes == Fixes() else "corrected"
    for start, end in pairwise(days):
        for minute_from, minute_to in pairwise(minutes):
            moment = _EPOCH + start * _MICROSECOND + timedelta(minutes=minute_from)
            if start >= fixes.ends or (context and not _offered(model, context, moment)):
                continue
            for weekdays, valid in _by_weekday(model, fixes, start, moment):
                prices = valid.get_prices(moment, context)
                for over, upto in pairwise(_tiers(prices, fixes)):
                    unknown = over >= fixes.prompt_limit
                    rates = () if unknown else _rates(prices, over)
                    if rates or unknown:
                        # fmt: off
                        yield Cell(price, start, end, minute_from, minute_to, weekdays, over, upto,
                                   rates, SOURCE, basis, _not_covered(prices), fixes.reference)
                        # fmt: on


def _edges(model: ModelInfo, context: Mapping[str, str], fixes: Fixes) -> tuple[list[int], list[int]]:
    """Where in time another price may begin: instants, and minutes of the day."""
    days = {FAR_PAST, FAR_FUTURE, *fixes[:4]}
    minutes = {0, 1440}
    conditions = [price.constraint for price in _conditional(model)]
    conditions += [v.constraint for v in model.price_variants or () if context and v.when == context]
    for condition in conditions:
        if isinstance(condition, StartDateConstraint):
            days.add(micros(datetime.combine(condition.start_date, datetime.min.time())))
        elif isinstance(condition, TimeOfDateConstraint):
            minutes |= {_minute(condition.start_time), _minute(condition.end_time)}
    return sorted(days), sorted(minutes)


def _conditional(model: ModelInfo) -> list[ConditionalPrice]:
    return [] if isinstance(model.prices, ModelPrice) else model.prices


def _minute(moment: time) -> int:
    if moment.second or moment.microsecond or (moment.tzinfo and moment.utcoffset()):
        raise ValueError(f"genai-prices has a daily window that is not in whole UTC minutes: {moment}")
    return moment.hour * 60 + moment.minute


def _offered(model: ModelInfo, context: Mapping[str, str], moment: datetime) -> bool:
    """A context has a price from when the source dates it. Before that it is unknown, not standard."""
    variants = (variant for variant in model.price_variants or () if variant.when == context)
    return any(variant.constraint is None or variant.constraint.active(moment) for variant in variants)


def _by_weekday(
    model: ModelInfo, fixes: Fixes, start: int, moment: datetime
) -> Iterator[tuple[int, ModelInfo]]:
    """(days of the week, the model's prices that hold on them) within one cell of dates and minutes.

    DeepSeek charges double from 01:00 to 04:00 and from 06:00 to 10:00 UTC. The source's condition is a date
    or a window, never both, so its windows reach back to the beginning. With deepseek-v4-pro's corrections, a
    million input tokens at 02:00 UTC cost $0.435 on 2026-07-01 (no windows yet), $1.32 on Saturday
    2026-08-22, $0.66 on Saturday 2026-08-29 and $1.32 on Monday 2026-08-31.
    """
    windows = [c for c in _conditional(model) if isinstance(c.constraint, TimeOfDateConstraint)]
    peak = any(window.constraint and window.constraint.active(moment) for window in windows)
    flat = replace(model, prices=[c for c in _conditional(model) if c not in windows]) if windows else model
    if not peak or start < fixes.peak_since:
        yield ALL_DAYS, flat
        return
    if start >= fixes.weekdays_since:
        yield WEEKEND, flat
    if start >= fixes.peak_price_since:
        yield (WEEKDAYS if start >= fixes.weekdays_since else ALL_DAYS), model


def _tiers(prices: ModelPrice, fixes: Fixes) -> list[int]:
    """The bounds of the context tiers: -1, 200000, 2**63-1 for a rate up to 200,000 and another above."""
    starts = {
        tier.start
        for price in _listed(prices).values()
        if isinstance(price, TieredPrices)
        for tier in price.tiers
    }
    return sorted(
        {NO_TIER, *(start for start in starts if start < fixes.prompt_limit), fixes.prompt_limit, TOP_TIER}
    )


def _listed(prices: ModelPrice) -> dict[str, Decimal | TieredPrices]:
    return {key: price for key, price in prices.__dict__.items() if price is not None}


def _rates(prices: ModelPrice, over: int) -> Rates:
    """What one unit of each bucket costs when the prompt is longer than `over`, in pico-dollars.

    A bucket costs what the most specific priced unit that contains it costs: with input at $2.50 and cache
    reads at $1.25 per million, cached audio costs 1,250,000 and audio 2,500,000 pico-dollars per token.
    """
    units = [REGISTRY.unit_for_price_key(key) for key in _listed(prices)]
    uncovered = set(_not_covered(prices).split(", ")) - {""}
    audio_by_the_hour = "input audio seconds" in uncovered and uncovered <= {
        "audio seconds",
        "input audio seconds",
    }
    if uncovered and not audio_by_the_hour:
        return ()  # each call also costs something that a trace does not say: any figure would be too low
    rates: list[tuple[str, Decimal]] = []
    for bucket, dimensions in UNITS.items():
        unit = _most_specific(units, dimensions)
        if unit and not _says_too_little(unit, dimensions, audio_by_the_hour):
            rates.append((bucket, _at(_listed(prices)[unit.price_key], over) * 10**12 / unit.per))
    return tuple(rates)


def _says_too_little(unit: UnitDef, dimensions: Mapping[str, str], audio_by_the_hour: bool) -> bool:
    """Whether a price that contains a bucket is still known not to be the bucket's own."""
    # A write that lives longer costs more: Anthropic takes 2.0 times the input price for an hour, 1.25 for
    # five minutes. A list with one price for writes gives that of the short ones.
    short_write = "cache_ttl" not in unit.dimensions and unit.dimensions.get("token_type") == "cache_write"
    long_lived = dimensions.get("cache_ttl") == "1h"
    heard = dimensions.get("modality") == "audio" and dimensions.get("direction") == "input"
    return (short_write and long_lived) or (audio_by_the_hour and heard)


def _most_specific(units: Sequence[UnitDef], dimensions: Mapping[str, str]) -> UnitDef | None:
    containing = [unit for unit in units if unit.dimensions.items() <= dimensions.items()]
    if not containing:
        return None
    best = max(containing, key=lambda unit: len(unit.dimensions))
    if any(not unit.dimensions.items() <= best.dimensions.items() for unit in containing):
        raise ValueError(f"genai-prices prices {dimensions} twice: {[unit.price_key for unit in containing]}")
    return best


def _at(price: Decimal | TieredPrices, over: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if over >= tier.start), price.base)


def _not_covered(prices: ModelPrice) -> str:
    """The priced units that no bucket of ours is a part of: `audio seconds, input characters`."""
    units = [REGISTRY.unit_for_price_key(key) for key in _listed(prices)]
    return ", ".join(
        sorted(
            unit.usage_key.replace("_", " ")
            for unit in units
            if not any(unit.dimensions.items() <= dimensions.items() for dimensions in UNITS.values())
        )
    )


def _why_unpriced(model: ModelInfo) -> str:
    standard = model.prices if isinstance(model.prices, ModelPrice) else model.prices[-1].prices
    if not _listed(standard):
        return f"{SOURCE} lists no price"
    return f"it is billed by {_not_covered(standard).replace(', ', ' and ')}, which a trace does not carry"
