"""One call priced by itself costs what a report says it costs, and says why."""

import random
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.pricing.calls import Calls, at, book, rate

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.errors import InputError
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, load
from whyspend.pricing.discounts import Discount
from whyspend.pricing.entries import UserPrice
from whyspend.pricing.overrides import overridden
from whyspend.pricing.plan import Era, Prices, of
from whyspend.pricing.quote import Asked, Part, Quotes, Tier, quantities, quote

NOV = at("2026-11-10")

COUNTS = {
    "input_tokens": "input",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "input_audio_tokens": "audio_in",
    "input_image_tokens": "image_in",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
    "output_audio_tokens": "audio_out",
    "web_searches": "web_searches",
}
"""The quantities of the ledger, and what a quote calls them."""


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


def asked(call: dict[str, Any]) -> Asked:
    """A row of the ledger, as its provider would show it."""
    provider, model, context = call["key"].split("|")
    used = {name: call.get(bucket, 0) for bucket, name in COUNTS.items()}
    used["input"] = sum(call.get(name, 0) for name in COUNTS if name.startswith(("input", "cache")))
    used["output"] = sum(call.get(name, 0) for name in COUNTS if name.startswith(("output", "reason")))
    said = dict(part.split("=") for part in context.split(";") if part)
    if call.get("feature"):
        said["dimension.feature"] = call["feature"]
    seconds = Decimal(call["latency_ms"]) / 1000 if "latency_ms" in call else None
    return Asked(
        provider=provider or None, model=model, at=at(call["when"]), context=said, seconds=seconds, **used
    )


def some_call(chance: random.Random, keys: list[str]) -> dict[str, Any]:
    used = {name: chance.choice((0, 1, 999, 100_001)) for name in chance.sample(list(COUNTS), 4)}
    if chance.random() < 0.8:
        used["latency_ms"] = chance.randint(0, 9_000)
    return {
        **used,
        "key": chance.choice(keys),
        "when": f"2026-11-{chance.randint(1, 29):02}T{chance.randint(0, 23):02}:{chance.randint(0, 59):02}",
        "feature": chance.choice(("rag", "chat")),
    }


def assert_a_report_agrees(engine: DuckDB, prices: Prices, calls: list[dict[str, Any]]) -> int:
    """Price calls one by one in both ways; how many have a price."""
    quotes = Quotes(prices)
    priced = 0
    for call in calls:
        quoted = quotes.quote(asked(call))
        cost, known, reasons = Calls(engine, call).cost(prices)
        assert (quoted.cost_usd, [quoted.reason] if quoted.reason else []) == (cost, reasons), call
        priced += known
    return priced


def test_a_quote_is_what_a_report_says_through_all_layers(engine: DuckDB, tmp_path: Path) -> None:
    listed = book(
        tmp_path,
        rate("m", 3_000_000, tier_upto=200_000, cache_read_tokens=300_000, to="2026-11-10T16:30"),
        rate("m", 6_000_000, tier_over=200_000, cache_read_tokens=600_000, to="2026-11-10T16:30"),
        rate("m", 2_000_001, calls=7, **{"from": "2026-11-10T16:30"}),
        rate("clock", 1_000_000, minute_to=720),
        rate("clock", 2_000_000, minute_from=720, weekdays=31),
        rate("mute", input_audio_tokens="-", web_searches=10**10),
        rate("m;service_tier=flex", 1_500_000, 5_000_000),
    )
    mine = (
        UserPrice(provider="self", model="llama-*", per_second=Decimal("0.000123")),
        UserPrice(provider="acme", model="mine", same_as="acme/m", start=date(2026, 11, 5)),
    )
    cheap = Discount(name="all", provider="acme", percent=Decimal("12.5"), start=date(2026, 11, 8))
    rag = Discount(model="m", percent=Decimal("-3.1"), where={"feature": "rag"})
    whole = overridden(listed, mine)
    eras = Prices(
        (
            Era(FAR_PAST, at("2026-11-07"), listed, (rag,)),
            Era(at("2026-11-07"), FAR_FUTURE, whole, (cheap, rag)),
        )
    )
    chance = random.Random(7)
    keys = [
        "acme|m|",
        "acme|clock|",
        "acme|mute|",
        "acme|m|service_tier=flex",
        "acme|mine|",
        "self|llama-3|",
        "x|y|",
    ]
    calls = [some_call(chance, keys) for _ in range(150)]
    assert 50 < assert_a_report_agrees(engine, eras, calls) < 150


def test_a_quote_is_what_a_report_says_with_the_real_book(engine: DuckDB) -> None:
    prices = of(load())
    chance = random.Random(11)
    keys = [
        f"{provider}|{model.partition(';')[0]}|{model.partition(';')[2]}"
        for provider, _, model in (price.partition("/") for price in prices.current.book.prices())
    ]
    calls = [some_call(chance, keys) for _ in range(100)]
    assert assert_a_report_agrees(engine, prices, calls) > 30


def test_the_worked_example_of_the_totals_is_taken_apart_as_it_says() -> None:
    call = Asked(
        model="m", input=100_000, cache_read=80_000, cache_write=10_000, output=2_000, reasoning=1_500
    )
    found = {name: amount for name, amount in quantities(call).items() if amount}
    assert found == {
        "input_tokens": 10_000,
        "cache_read_tokens": 80_000,
        "cache_write_tokens": 10_000,
        "output_tokens": 500,
        "reasoning_tokens": 1_500,
    }


def test_cached_audio_is_part_of_both_and_counted_once() -> None:
    call = Asked(model="m", input=1_000, audio_in=300, cache_read=200, cache_read_audio=50)
    found = {name: amount for name, amount in quantities(call).items() if amount}
    assert found == {
        "input_tokens": 550,
        "cache_read_tokens": 150,
        "input_audio_tokens": 250,
        "cache_read_audio_tokens": 50,
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Asked(model="m", input=100, cache_read=80, cache_write_1h=21), "input add up to 101 tokens, but"),
        (
            Asked(model="m", output=1, reasoning=1, audio_out=1),
            "output add up to 2 tokens, but the output is 1",
        ),
        (Asked(model="m", input=9, cache_read=2, cache_read_audio=3, audio_in=3), "parts of cache_read"),
        (Asked(model="m", input=9, reasoning=-1), "cannot be negative"),
        (Asked(model="m", seconds=Decimal("0.0001")), "at most three decimals"),
        (Asked(model="m", seconds=Decimal(-1)), "seconds cannot be -1"),
        (Asked(model="m", at=-1), "between 1970 and 9998"),
        (Asked(model="m", context={"a;b": "c"}), "without ; | and ="),
    ],
)
def test_a_call_that_cannot_be_is_refused_and_never_bent(tmp_path: Path, call: Asked, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("|", r"\|")):
        quote(of(book(tmp_path, rate("m"))), call)


def test_a_quote_shows_each_rate_with_unit_source_and_tier(tmp_path: Path) -> None:
    listed = book(
        tmp_path,
        rate("m", 3_000_000, tier_upto=200_000, reference="https://a.example/b", web_searches=10**10),
        rate("m", 6_000_000, tier_over=200_000, web_searches=10**10),
    )
    low = quote(of(listed), Asked(provider="acme", model="m", at=NOV, input=200_000, web_searches=2))
    assert low.parts == (
        Part("input_tokens", 200_000, "tokens", Decimal(3), 1_000_000, Decimal("0.6")),
        Part("web_searches", 2, "searches", Decimal("0.01"), 1, Decimal("0.02")),
    )
    assert (low.tier, low.cost_usd, low.price, low.match) == (
        Tier(None, 200_000), Decimal("0.62"), "acme/m", "exact",
    )  # fmt: skip
    assert low.cell is not None
    assert low.cell.reference == "https://a.example/b"
    high = quote(of(listed), Asked(provider="acme", model="m", at=NOV, input=200_001))
    assert (high.tier, high.cost_usd) == (Tier(200_000, None), Decimal("1.200006"))


def test_an_unknown_rate_leaves_the_cost_unknown_and_the_known_rates_shown(tmp_path: Path) -> None:
    listed = book(tmp_path, rate("m", input_audio_tokens="-"))
    quoted = quote(of(listed), Asked(provider="acme", model="m", at=NOV, input=30, audio_in=10))
    assert [(part.bucket, part.cost_usd) for part in quoted.parts] == [
        ("input_tokens", Decimal("0.00005")),
        ("input_audio_tokens", None),
    ]
    assert (quoted.cost_usd, quoted.reason) == (None, "no price is known for its input audio tokens")


def test_a_discount_is_taken_from_the_sum_and_named(tmp_path: Path) -> None:
    contract = Discount(name="contract 7", provider="acme", percent=Decimal("12.5"))
    prices = of(book(tmp_path, rate("m")), [contract])
    quoted = quote(prices, Asked(provider="acme", model="m", at=NOV, input=1_000))
    assert (quoted.list_cost_usd, quoted.cost_usd) == (Decimal("0.0025"), Decimal("0.0021875"))
    assert quoted.discounts == ("12.5 % (contract 7)",)


def test_an_era_prices_the_calls_that_began_in_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = book(tmp_path / "old", rate("m", 1_000_000)), book(tmp_path / "new", rate("m", 2_000_000))
    prices = Prices((Era(FAR_PAST, NOV, old), Era(NOV, FAR_FUTURE, new)))
    costs = [
        quote(prices, Asked(provider="acme", model="m", at=when, input=10**6)).cost_usd
        for when in (NOV - 1, NOV)
    ]
    assert costs == [Decimal(1), Decimal(2)]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("openai/gpt-4o", ("openai", "gpt-4o")),
        ("openrouter/openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("gpt-4o", (None, "gpt-4o")),
        ("models/gemini-2.5-pro", (None, "models/gemini-2.5-pro")),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0",
            (None, "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0"),
        ),
        ("nobody/knows", ("nobody", "knows")),
        ("/x", (None, "/x")),
        ("x/", (None, "x/")),
    ],
)
def test_a_name_is_split_at_its_first_slash_unless_it_only_makes_sense_whole(
    said: str, names: tuple[str | None, str]
) -> None:
    assert Quotes(of(load())).named(said) == names
