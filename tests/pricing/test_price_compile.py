"""The compiled table gives the answers of the rules it was compiled from."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, Usage

from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.book import DATA, Rate, load
from whyspend.pricing.compile import main

SOURCES = {
    f"{provider.id}/{model.id}": (provider, model) for provider in providers for model in provider.models
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INPUT = USAGE_COLUMNS[: USAGE_COLUMNS.index("output_tokens")]
OUTPUT = USAGE_COLUMNS[USAGE_COLUMNS.index("output_tokens") : USAGE_COLUMNS.index("web_searches")]

# Where the table means to differ from the source; whyspend.pricing.corrections says why.
CORRECTED = {
    "aws/openai.gpt-5.4",
    "aws/openai.gpt-5.5",
    "deepseek/deepseek-chat",
    "deepseek/deepseek-flash",
    "deepseek/deepseek-reasoner",
    "deepseek/deepseek-v4-flash",
    "deepseek/deepseek-v4-pro",
    "mistral/mistral-medium-3",
}


def rate_at(price: str, moment: datetime, prompt_total: int) -> Rate | None:
    micros = (moment - EPOCH) // timedelta(microseconds=1)
    minute = moment.hour * 60 + moment.minute
    found = [
        rate
        for rate in load().rates(price)
        if rate.valid_from <= micros < rate.valid_to
        and rate.minute_from <= minute < rate.minute_to
        and rate.weekdays >> moment.weekday() & 1
        and rate.tier_over < prompt_total <= rate.tier_upto
    ]
    assert len(found) <= 1, f"{price} has {len(found)} rates at {moment}"
    return found[0] if found else None


def cost(rate: Rate, usage: dict[str, int]) -> int:
    return sum(rate.rates.get(bucket, 0) * count for bucket, count in usage.items()) + rate.rates.get(
        "calls", 0
    )


def their_usage(usage: dict[str, int]) -> Usage:
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


def random_call(dice: random.Random, price: str) -> tuple[datetime, dict[str, int]]:
    """A moment near where the price changes, or any; a prompt near the bound of a tier, or any."""
    rates = load().rates(price)
    edges = [edge for rate in rates for edge in (rate.valid_from, rate.valid_to) if 0 < edge < 2 * 10**15]
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(4 * 365 * 1440))
    if edges and dice.random() < 0.7:
        nudge = timedelta(minutes=dice.choice([-1441, -1, 0, 1, 600, 100_000]))
        moment = EPOCH + timedelta(microseconds=dice.choice(edges)) + nudge
    bounds = [rate.tier_over for rate in rates if rate.tier_over > 0]
    total = (
        dice.choice(bounds) + dice.choice([0, 1])
        if bounds and dice.random() < 0.7
        else dice.randrange(400_000)
    )
    usage = {name: dice.randrange(5_000) for name in dice.sample(OUTPUT, 3)}
    parts = dice.sample(INPUT, 4)
    for name in parts[1:]:
        usage[name] = dice.randrange(total // 4 + 1)
    usage[parts[0]] = total - sum(usage.get(name, 0) for name in parts[1:])
    usage |= {"web_searches": dice.randrange(3), "file_searches": dice.randrange(3)}
    return moment, usage


def without_what_the_source_guesses(usage: dict[str, int], rate: Rate) -> dict[str, int]:
    """Audio billed by the hour, and long cache writes at the price of short ones, have no rate here."""
    guessed = {"cache_write_1h_tokens", "input_audio_tokens", "cache_read_audio_tokens"} - rate.rates.keys()
    moved = sum(usage.get(name, 0) for name in guessed)
    kept = {name: count for name, count in usage.items() if name not in guessed}
    return {**kept, "input_tokens": kept.get("input_tokens", 0) + moved}


def their_cost(
    provider: Provider, model: ModelInfo, moment: datetime, usage: dict[str, int], context: dict[str, str]
) -> Decimal:
    priced = model.calc_price(
        their_usage(usage), provider, genai_request_timestamp=moment, price_context=context
    )
    return priced.total_price * 10**12


def test_the_table_answers_4000_random_calls_as_the_source_does() -> None:
    dice = random.Random(20261122)
    plain = sorted(load().prices())
    special = [price for price in plain if ";" in price or len(load().rates(price)) > 1]
    seen: Counter[str] = Counter()
    for number in range(4000):
        price = dice.choice(special if number % 4 else plain)
        base, _, wanted = price.partition(";")
        if base in CORRECTED:
            continue
        provider, model = SOURCES[base]
        moment, usage = random_call(dice, price)
        rate = rate_at(price, moment, sum(usage.get(name, 0) for name in INPUT))
        if rate is None:
            # The source would price an old call in a context that it does not know yet at the standard price.
            assert wanted and not any(
                variant.constraint is None or variant.constraint.active(moment)
                for variant in model.price_variants or ()
                if variant.when == dict([wanted.split("=")])
            )
            seen["unknown context"] += 1
            continue
        usage = without_what_the_source_guesses(usage, rate)
        theirs = their_cost(provider, model, moment, usage, dict([wanted.split("=")]) if wanted else {})
        ours = cost(rate, usage)
        if ours == theirs:
            seen["equal"] += 1
        else:
            # A rate that is no whole number of pico-dollars is off by half of one at most.
            assert abs(ours - theirs) <= Decimal("0.5") * sum(usage.values()), (price, moment, usage)
            seen["rounded"] += 1
    assert seen["equal"] > 3000
    assert seen["rounded"] < 40
    assert seen["unknown context"] > 50


@pytest.mark.parametrize(
    ("price", "moment", "usage", "dollars"),
    [
        ("openai/gpt-4o", "2026-11-01", {"input_tokens": 1_000_000, "output_tokens": 100_000}, "3.50"),
        # 1,000 tokens of input, of which 800 came from a cache: 200 x $2.50 + 800 x $1.25, per million
        ("openai/gpt-4o", "2026-11-01", {"input_tokens": 200, "cache_read_tokens": 800}, "0.0015"),
        ("openai/gpt-4o;service_tier=priority", "2026-11-01", {"input_tokens": 1_000_000}, "4.25"),
        ("openai/gpt-4o;processing=batch", "2026-11-01", {"input_tokens": 1_000_000}, "1.25"),
        ("openai/gpt-4o", "2026-11-01", {"web_searches": 3, "file_searches": 2}, "0.035"),
        # a tier is a cliff: with 272,001 tokens, all of them pay the higher rate, and so does the output
        ("openai/gpt-5.4", "2026-11-01", {"input_tokens": 272_000, "output_tokens": 1_000}, "0.695"),
        ("openai/gpt-5.4", "2026-11-01", {"input_tokens": 272_001, "output_tokens": 1_000}, "1.382505"),
        ("anthropic/claude-sonnet-4-5", "2026-04-01", {"input_tokens": 200_000}, "0.60"),
        ("anthropic/claude-sonnet-4-5", "2026-04-01", {"input_tokens": 200_001}, "1.200006"),
        # all input decides the tier, from a cache or not
        (
            "anthropic/claude-sonnet-4-5",
            "2026-04-01",
            {"input_tokens": 1, "cache_read_tokens": 200_000},
            "0.120006",
        ),
        # a premium that ended on 2026-03-13
        ("anthropic/claude-opus-4-6", "2026-03-12", {"input_tokens": 200_001}, "2.00001"),
        ("anthropic/claude-opus-4-6", "2026-03-13", {"input_tokens": 200_001}, "1.000005"),
        (
            "anthropic/claude-opus-4-5",
            "2026-11-01",
            {"cache_write_tokens": 10_000, "cache_write_1h_tokens": 10_000},
            "0.1625",
        ),
        # reasoning costs what output costs, unless it has a price
        ("openai/o3", "2026-11-01", {"output_tokens": 100, "reasoning_tokens": 900}, "0.008"),
        ("perplexity/sonar-deep-research", "2026-09-01", {"reasoning_tokens": 1_000_000}, "3"),
        # a price per request beside the tokens
        ("perplexity/sonar", "2026-09-01", {"input_tokens": 1_000, "output_tokens": 1_000}, "0.014"),
        ("google/gemini-2.5-flash", "2026-11-01", {"input_audio_tokens": 1_000_000}, "1"),
        (
            "openai/gpt-realtime",
            "2026-11-01",
            {"cache_read_audio_tokens": 1_000_000, "output_audio_tokens": 1_000},
            "0.464",
        ),
        ("x-ai/grok-4.20", "2026-11-01", {"input_tokens": 199_999}, "0.24999875"),
        ("x-ai/grok-4.20", "2026-11-01", {"input_tokens": 200_000}, "0.50"),
        ("openai/text-embedding-3-small", "2026-11-01", {"input_tokens": 8_000}, "0.00016"),
        (
            "openrouter/cognitivecomputations/dolphin3.0-mistral-24b:free",
            "2026-11-01",
            {"input_tokens": 1_000_000},
            "0",
        ),
        # corrected: no peak price before 2026-08-17, none at weekends from 2026-08-23
        ("deepseek/deepseek-v4-flash", "2026-07-01T02:00", {"input_tokens": 1_000_000}, "0.14"),
        ("deepseek/deepseek-v4-flash", "2026-11-20T02:00", {"input_tokens": 1_000_000}, "0.30"),
        ("deepseek/deepseek-v4-flash", "2026-11-20T04:00", {"input_tokens": 1_000_000}, "0.15"),
        ("deepseek/deepseek-v4-flash", "2026-11-21T02:00", {"input_tokens": 1_000_000}, "0.15"),
        ("deepseek/deepseek-v4-pro", "2026-08-22T02:00", {"input_tokens": 1_000_000}, "1.32"),
        ("deepseek/deepseek-v4-pro", "2026-08-29T02:00", {"input_tokens": 1_000_000}, "0.66"),
        # corrected: the name meant Medium 3 at first, and means Medium 3.5 since 2026-08-31
        ("mistral/mistral-medium-3", "2025-09-15", {"input_tokens": 10**6, "output_tokens": 10**6}, "2.4"),
        ("mistral/mistral-medium-3", "2026-08-31", {"input_tokens": 10**6, "output_tokens": 10**6}, "9"),
        ("aws/openai.gpt-5.5", "2026-11-01", {"input_tokens": 272_000}, "1.496"),
    ],
)
def test_a_call_costs(price: str, moment: str, usage: dict[str, int], dollars: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    rate = rate_at(price, at, sum(usage.get(name, 0) for name in INPUT))
    assert rate is not None
    assert usage.keys() <= rate.rates.keys()
    assert Decimal(cost(rate, usage)) / 10**12 == Decimal(dollars)


@pytest.mark.parametrize(
    ("price", "moment"),
    [
        # the source dates these prices by the day it checked them; before, it would charge the standard price
        ("openai/gpt-4o;processing=batch", "2026-10-13T23:59"),
        ("openai/gpt-5;service_tier=flex", "2026-10-11T23:59"),
        # the source still has the price of August 2025
        ("deepseek/deepseek-chat", "2025-12-01T12:00"),
        # when the name came to mean Medium 3.5 is not certain
        ("mistral/mistral-medium-3", "2026-06-15T12:00"),
        # the peak price of these weeks is not listed
        ("deepseek/deepseek-v4-flash", "2026-09-01T02:00"),
    ],
)
def test_a_price_that_is_not_known_at_the_time_is_not_made_up(price: str, moment: str) -> None:
    assert rate_at(price, datetime.fromisoformat(moment).replace(tzinfo=UTC), 1000) is None


def test_a_tier_without_a_listed_price_has_no_rate() -> None:
    rate = rate_at("aws/openai.gpt-5.5", datetime(2026, 11, 1, tzinfo=UTC), 300_238)
    assert rate is not None
    assert rate.rates == {}


def test_a_quantity_without_a_price_has_no_rate_and_not_zero() -> None:
    (embedding,) = load().rates("openai/text-embedding-3-small")
    assert "output_tokens" not in embedding.rates
    assert "web_searches" not in embedding.rates
    (voxtral, *_) = load().rates("mistral/voxtral-small-24b-2507")
    assert "input_audio_tokens" not in voxtral.rates
    assert voxtral.rates["input_tokens"] == 100_000
    assert voxtral.basis == "undated, without audio seconds, input audio seconds"


def test_a_long_cache_write_is_not_priced_as_a_short_one() -> None:
    (rate,) = load().rates("google/claude-4-opus")
    assert rate.rates["cache_write_tokens"] == 18_750_000
    assert "cache_write_1h_tokens" not in rate.rates


def test_every_rate_is_a_whole_number_and_no_two_cells_overlap() -> None:
    for price in load().prices():
        rates = load().rates(price)
        assert all(type(rate) is int and rate >= 0 for cell in rates for rate in cell.rates.values())
        for number, one in enumerate(rates):
            assert one.valid_from < one.valid_to
            assert one.minute_from < one.minute_to
            assert one.tier_over < one.tier_upto
            assert not any(overlap(one, other) for other in rates[number + 1 :]), price


def overlap(one: Rate, other: Rate) -> bool:
    return (
        one.valid_from < other.valid_to
        and other.valid_from < one.valid_to
        and one.minute_from < other.minute_to
        and other.minute_from < one.minute_to
        and one.weekdays & other.weekdays != 0
        and one.tier_over < other.tier_upto
        and other.tier_over < one.tier_upto
    )


def test_the_files_in_the_package_are_what_the_compiler_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if load().id.partition("/")[0] != f"genai-prices@{version('genai-prices')}":
        pytest.skip("another version of genai-prices is installed than the price book was compiled from")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("genai-prices@0.2.3: 3,012 rates of 2,463 prices")
    for name in ("rates", "names", "unpriced", "providers", "sources"):
        fresh = (tmp_path / f"{name}.csv").read_bytes()
        assert fresh == (DATA / f"{name}.csv").read_bytes(), (
            f"{name}.csv: run python -m whyspend.pricing.compile"
        )


def test_every_listed_name_means_the_same_model_to_the_source() -> None:
    by_id = {provider.id: provider for provider in providers}
    for provider_id, names in load()._listed.names.items():
        for name, (model, kind) in names.items():
            if kind == "alias":
                found = by_id[provider_id].find_model(name)
                assert found is not None
                assert found.id == model, name
