"""The compiled table gives the answers of the rules it was compiled from."""

from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from genai_prices.data import providers
from tests.pricing.usages import cost, rate_at, total

from whyspend.pricing.book import DATA, Rate, load
from whyspend.pricing.compile import main


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
        # corrected: an AWS invoice of a long prompt, twice the input price
        ("aws/openai.gpt-5.5", "2026-11-01", {"input_tokens": 272_001}, "2.992011"),
        # a batch before the source dates it: half, from the day on which batches began
        ("openai/gpt-4o;processing=batch", "2025-03-01", {"input_tokens": 1_000_000}, "1.25"),
        ("anthropic/claude-sonnet-4-5;processing=batch", "2025-12-01", {"output_tokens": 1_000_000}, "7.50"),
        # a search costs the same in a batch
        ("anthropic/claude-sonnet-4-5;processing=batch", "2025-12-01", {"web_searches": 100}, "1"),
        # contexts combine: half for the batch, 1.1 for where it ran
        (
            "anthropic/claude-opus-4-6;inference_geo=us;processing=batch",
            "2026-11-01",
            {"input_tokens": 1_000_000},
            "2.75",
        ),
        # recorded by another list, for a model that the source does not have
        ("alibaba/qwen3-max", "2026-11-01", {"input_tokens": 10_000}, "0.012"),
    ],
)
def test_a_call_costs(price: str, moment: str, usage: dict[str, int], dollars: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    rate = rate_at(load(), price, at, total(usage))
    assert rate is not None
    assert usage.keys() <= rate.rates.keys()
    assert Decimal(cost(rate, usage)) / 10**12 == Decimal(dollars)


@pytest.mark.parametrize(
    ("price", "moment"),
    [
        # before the Batch API, and before flex processing
        ("openai/gpt-4o;processing=batch", "2024-04-14T23:59"),
        ("openai/gpt-5;service_tier=flex", "2025-08-06T23:59"),
        # before anybody recorded a price, and after the name was switched off
        ("deepseek/deepseek-chat", "2024-07-01T12:00"),
        ("deepseek/deepseek-chat", "2026-08-01T12:00"),
    ],
)
def test_a_price_that_is_not_known_at_the_time_is_not_made_up(price: str, moment: str) -> None:
    rate = rate_at(load(), price, datetime.fromisoformat(moment).replace(tzinfo=UTC), 1000)
    assert rate is None or rate.rates == {}


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
    rates = (DATA / "rates.csv").read_bytes().count(b"\n") - 1
    assert capsys.readouterr().out.startswith(f"{load().id.partition('/')[0]}: {rates:,} rates of ")
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
