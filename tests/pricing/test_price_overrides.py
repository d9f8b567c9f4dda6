"""The user's own prices: which one is for a call, when, and what it says of each quantity."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.pricing.calls import Calls, at, book, rate

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.errors import ConfigError
from whyspend.pricing.book import Book, load
from whyspend.pricing.discounts import Discount
from whyspend.pricing.entries import Tier, UserPrice
from whyspend.pricing.overrides import overridden, priced_names, unmatched
from whyspend.pricing.plan import Basis

M = 10**6
"""Tokens: a rate is for a million."""


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


@pytest.fixture
def listed(tmp_path: Path) -> Book:
    flex = rate("m", 1_000_000, 2_000_000) | {"price": "acme/m;service_tier=flex"}
    return book(tmp_path, rate("m"), flex, rate("n", 7_000_000))


def price(model: str, input: str = "1", output: str = "2", **others: Any) -> UserPrice:  # noqa: A002
    return UserPrice(model=model, input=Decimal(input), output=Decimal(output), **others)


def cost(engine: DuckDB, prices: Book, key: str, **call: Any) -> Decimal | None:
    used = {"input_tokens": M} | call
    return Calls(engine, {"key": key, **used}).cost(prices)[0]


def reason(engine: DuckDB, prices: Book, key: str, **call: Any) -> str:
    (said,) = Calls(engine, {"key": key, "input_tokens": M, **call}).cost(prices)[2]
    return said


def test_a_name_that_an_entry_names_has_its_price_whoever_sells_it(engine: DuckDB, listed: Book) -> None:
    prices = overridden(listed, [price("M", "1.25")])
    assert prices.match("acme", "m", "").kind == "user"
    for key in ("acme|m|", "ollama|m|", "nobody-knows|m|", "|m|", "litellm|m|", "acme|M|"):
        assert cost(engine, prices, key) == Decimal("1.25")
    assert cost(engine, prices, "acme|n|") == 7
    assert cost(engine, prices, "acme|m|service_tier=flex") == 1


def test_exact_names_go_before_globs_then_providers_then_the_order_of_the_file(
    engine: DuckDB, listed: Book
) -> None:
    prices = overridden(
        listed,
        [
            price("gpt-*", "1"),
            price("gpt-?", "2"),
            price("gpt-x", "3", provider="a*"),
            price("gpt-x", "4"),
            price("gpt-*", "5", provider="azure"),
        ],
    )
    assert cost(engine, prices, "openai|gpt-4|") == 1
    assert cost(engine, prices, "azure|gpt-4|") == 5
    assert cost(engine, prices, "openai|gpt-x|") == 4
    assert cost(engine, prices, "azure|gpt-x|") == 3


def test_a_provider_is_meant_by_the_name_that_price_lists_have_for_it(engine: DuckDB) -> None:
    prices = overridden(
        load(), [price("own-*", "1", provider="aws"), price("own-*", "2", provider="google_vertexai")]
    )
    assert cost(engine, prices, "amazon_bedrock|own-x|") == 1
    assert cost(engine, prices, "google_vertexai|own-x|") == 2
    assert cost(engine, prices, "google_genai|own-x|") is None


def test_through_a_gateway_the_name_behind_it_counts(engine: DuckDB, listed: Book) -> None:
    prices = overridden(listed, [price("llama3", provider="ollama")])
    assert cost(engine, prices, "litellm|ollama/llama3|") == 1
    assert cost(engine, prices, "litellm|vllm/llama3|") is None


def test_outside_its_dates_the_next_layer_holds(engine: DuckDB, listed: Book) -> None:
    first = price("m", "1", start=date(2026, 11, 5), end=date(2026, 11, 10))
    prices = overridden(listed, [first, price("*", "9", start=date(2026, 11, 8), end=date(2026, 11, 12))])
    for day, dollars in ((4, "2.5"), (5, "1"), (9, "1"), (10, "9"), (11, "9"), (12, "2.5")):
        assert cost(engine, prices, "acme|m|", when=f"2026-11-{day:02}") == Decimal(dollars)
    calls = Calls(engine, {"key": "acme|m|", "input_tokens": M})
    assert calls.cost(prices, basis=Basis("at", at("2026-11-11")))[0] == 9


def test_a_model_without_any_other_price_is_unpriced_outside_the_dates(engine: DuckDB, listed: Book) -> None:
    prices = overridden(listed, [price("own", start=date(2026, 11, 11))])
    assert reason(engine, prices, "acme|own|") == "no price known before 2026-11-11"
    assert cost(engine, prices, "acme|own|", when="2026-11-11") == 1


def test_a_longer_prompt_pays_the_tier_for_all_of_it(engine: DuckDB, listed: Book) -> None:
    tiers = (
        Tier(over=500_000, input=Decimal(9), output=Decimal(9)),
        Tier(over=200_000, input=Decimal(6), output=Decimal(4)),
    )
    prices = overridden(listed, [price("own", "3", tiers=tiers)])
    assert cost(engine, prices, "acme|own|", input_tokens=200_000) == Decimal("0.6")
    assert cost(engine, prices, "acme|own|", input_tokens=200_001) == Decimal("1.200006")
    assert cost(engine, prices, "acme|own|", input_tokens=500_001) == Decimal("4.500009")


def test_a_copy_has_the_prices_tiers_dates_and_contexts_of_its_model(engine: DuckDB, tmp_path: Path) -> None:
    flex = rate("m", 1_000_000, tier_upto=100) | {"price": "acme/m;service_tier=flex"}
    listed = book(
        tmp_path,
        rate("m", 3_000_000, to="2026-11-10"),
        rate("m", 4_000_000, tier_upto=2 * M, **{"from": "2026-11-10"}),
        rate("m", 8_000_000, tier_over=2 * M, **{"from": "2026-11-10"}),
        flex,
    )
    prices = overridden(listed, [UserPrice(provider="azure", model="our-*", same_as="acme/m")])
    assert cost(engine, prices, "azure|our-4o|", when="2026-11-09") == 3
    assert cost(engine, prices, "azure|our-4o|") == 4
    assert cost(engine, prices, "azure|our-4o|", input_tokens=3 * M) == 24
    assert cost(engine, prices, "azure|our-4o|service_tier=flex", input_tokens=100) == Decimal("0.0001")
    assert "priority" in reason(engine, prices, "azure|our-4o|service_tier=priority")


def test_a_copy_of_a_copy_and_of_a_price_of_your_own_works(engine: DuckDB, listed: Book) -> None:
    entries = [
        UserPrice(model="a", same_as="acme/b"),
        UserPrice(provider="acme", model="b", same_as="acme/c"),
        price("c", "6", end=date(2026, 11, 10)),
        UserPrice(model="c", same_as="acme/n", start=date(2026, 11, 10)),
    ]
    prices = overridden(listed, entries)
    assert cost(engine, prices, "x|a|", when="2026-11-09") == 6
    assert cost(engine, prices, "x|a|") == 7


def test_a_price_by_the_second_is_for_the_time_and_not_for_tokens(engine: DuckDB, listed: Book) -> None:
    """$2.16 an hour are $0.0006 a second: 2.5 seconds cost $0.0015, whatever the call said."""
    prices = overridden(listed, [UserPrice(provider="ollama", model="*", per_second=Decimal("0.0006"))])
    key = "ollama|llama3|"
    assert cost(engine, prices, key, latency_ms=2_500, output_tokens=M) == Decimal("0.0015")
    assert cost(engine, prices, key, latency_ms=2_500, usage_source=None, input_tokens=0) == Decimal("0.0015")
    calls = Calls(
        engine, {"key": key, "latency_ms": 1_000}, {"key": key}, {"key": "acme|m|", "input_tokens": M}
    )
    assert calls.cost(prices) == (
        Decimal("2.5006"),
        2,
        ["it is priced by the second, and nobody says how long it took"],
    )


def test_prices_for_the_call_and_for_tools_are_added(engine: DuckDB, listed: Book) -> None:
    entry = price(
        "own", per_request=Decimal("0.01"), web_search=Decimal("0.014"), file_search=Decimal("0.0025")
    )
    prices = overridden(listed, [entry])
    call = {"web_searches": 2, "file_searches": 1}
    assert cost(engine, prices, "acme|own|", **call) == 1 + Decimal("0.01") + Decimal("0.028") + Decimal(
        "0.0025"
    )


def test_what_an_entry_does_not_name_is_unpriced_and_never_free(engine: DuckDB, listed: Book) -> None:
    prices = overridden(listed, [price("m")])
    assert (
        reason(engine, prices, "acme|m|", cache_read_tokens=1)
        == "no price is known for its cache read tokens"
    )
    assert reason(engine, prices, "acme|m|", web_searches=1) == "no price is known for its web searches"
    assert cost(engine, prices, "acme|m|", input_tokens=0, reasoning_tokens=M) == 2


def test_on_your_own_machine_a_token_is_a_token(engine: DuckDB, listed: Book) -> None:
    prices = overridden(listed, [price("llama3", provider="ollama")])
    used = {"input_tokens": 0, "cache_read_tokens": M, "cache_write_1h_tokens": M, "output_audio_tokens": M}
    assert cost(engine, prices, "ollama|llama3|", **used) == 4


def test_an_entry_can_be_for_one_context_or_for_every_one(engine: DuckDB, listed: Book) -> None:
    prices = overridden(
        listed, [price("m", "3", context="Processing=Batch"), price("n", "4", context="*"), price("n", "5")]
    )
    assert cost(engine, prices, "acme|m|service_tier=batch") == 3
    assert cost(engine, prices, "acme|m|") == Decimal("2.5")
    assert cost(engine, prices, "acme|n|speed=fast") == 4
    assert cost(engine, prices, "acme|n|service_tier=default") == 5


def test_the_identity_changes_with_any_entry_and_entries_survive_being_kept(listed: Book) -> None:
    one = [price("m", tiers=(Tier(over=5, input=Decimal("0.1"), output=Decimal(1)),), start=date(2026, 1, 1))]
    kept = msgspec.json.decode(msgspec.json.encode(one), type=list[UserPrice])
    assert kept == one
    assert overridden(listed, kept).id == overridden(listed, one).id != overridden(listed, [price("m")]).id
    assert overridden(listed, []) is listed


def test_a_price_of_the_user_is_listed_with_its_source(listed: Book) -> None:
    prices = overridden(listed, [price("own", provider="azure", source="offer of 12 March"), price("gpt-*")])
    assert next(iter(prices.prices())) == "user:azure/own"
    (cell,) = prices.rates("user:azure/own")
    assert (cell.source, cell.reference, cell.rates["input_tokens"]) == (
        "whyspend.toml",
        "offer of 12 March",
        1_000_000,
    )


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            [price("n"), UserPrice(provider="azure", model="our-gpt4o", same_as="acme/gpt-9")],
            "[[prices]] entry 2 (azure/our-gpt4o): same_as names acme/gpt-9, which has no price: no model of",
        ),
        (
            [UserPrice(model="a", same_as="x/b"), UserPrice(model="b", same_as="x/a")],
            "[[prices]] entry 1 (a): its same_as (x/b) leads back to itself. Name a model that no such entry is for.",
        ),
        (
            [UserPrice(model="m*", same_as="acme/m")],
            "[[prices]] entry 1 (m*): its same_as (acme/m) leads back to itself.",
        ),
        ([price("m", "-1")], "[[prices]] entry 1 (m): input = -1 is no price: it must be 0 or more."),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(listed: Book, entries: list[UserPrice], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(listed, entries)
    assert message in str(caught.value)


def test_an_entry_that_is_for_nothing_is_named(listed: Book) -> None:
    names = [*priced_names(listed), ("ollama", "llama3")]
    entries = [price("m"), price("llama*"), price("lama*", provider="ollama"), price("*", provider="acm")]
    said = (
        " matches no model of the price book and no call of the ledger: check how its provider and model are"
    )
    assert unmatched(entries, names) == [
        f"[[prices]] entry 3 (ollama/lama*){said} spelled.",
        f"[[prices]] entry 4 (acm/*){said} spelled.",
    ]
    off = [Discount(percent=Decimal(1)), Discount(name="c 7", model="gtp-*", percent=Decimal(1))]
    (line,) = unmatched(off, names)
    assert line.startswith("[[discounts]] entry 2 (c 7) matches no model")
