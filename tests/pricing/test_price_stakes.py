"""What is at stake where a price is not known, and an entry that gives the price."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.pricing.calls import at, book, rate

from whyspend.pricing.entries import UserPrice
from whyspend.pricing.overrides import overridden
from whyspend.pricing.plan import of
from whyspend.pricing.quote import Asked, quote
from whyspend.pricing.stakes import Stake, Unpriced, stake, toml

START, END = at("2026-11-01"), at("2026-12-01")
USED = {"input_tokens": 1_000_000, "output_tokens": 100_000}


def of_model(folder: Path, model: str | None, used: Mapping[str, int] = USED, context: str = "") -> Stake:
    listed = book(
        folder,
        rate("claude-sonnet-4-6", 3_000_000, 15_000_000, cache_read_tokens="-"),
        rate("tiny", 100_000, 100_000),
        rate("big", 9_000_000, 90_000_000),
        rate("huge", 99_000_000, 900_000_000),
        rate("old", 1_000_000, 1_000_000, to="2026-11-10"),
    )
    found = stake(listed, Unpriced("acme", model, context, "why", 3, used), START, END)
    if found.toml:  # whatever it says can be pasted, and then the calls have a price, and that price
        (entry,) = tomllib.loads(found.toml, parse_float=Decimal)["prices"]
        priced = overridden(listed, [msgspec.convert(entry, UserPrice)])
        said = dict(part.split("=") for part in context.split(";") if part)
        call = Asked(
            provider="acme", model=model or "", at=END - 1, context=said, input=1_000_000, output=100_000,
            cache_read=used.get("cache_read_tokens", 0),
        )  # fmt: skip
        assert quote(of(priced), call).cost_usd is not None
        if not said and "cache_read_tokens" not in used:
            assert quote(of(priced), call).cost_usd == found.usd
    return found


def test_the_most_similar_name_of_the_provider_is_the_neighbour(tmp_path: Path) -> None:
    found = of_model(tmp_path, "claude-sonnet-4-9")
    assert (found.usd, found.basis) == (Decimal("4.5"), "as acme/claude-sonnet-4-6")
    assert 'same_as = "acme/claude-sonnet-4-6"' in found.toml


def test_without_a_similar_name_it_is_the_median_of_the_provider(tmp_path: Path) -> None:
    found = of_model(tmp_path, "xyz")
    assert (found.usd, found.basis) == (Decimal("4.5"), "median of 4 models of acme")
    assert "as acme/claude-sonnet-4-6 (median" in found.toml
    assert "input = 3\n" in found.toml


def test_a_neighbour_knows_all_that_was_used(tmp_path: Path) -> None:
    found = of_model(tmp_path, "claude-sonnet-4-9", {**USED, "cache_read_tokens": 500_000})
    assert found.basis == "median of 3 models of acme"
    assert "as acme/big (median" in found.toml


def test_a_way_of_serving_without_a_price_is_taken_for_the_standard_one(tmp_path: Path) -> None:
    found = of_model(tmp_path, "big", context="service_tier=flex")
    assert (found.usd, found.basis) == (Decimal(18), "as acme/big")
    assert 'context = "service_tier=flex"' in found.toml


def test_a_quantity_without_a_rate_gets_a_place_for_it(tmp_path: Path) -> None:
    found = of_model(tmp_path, "claude-sonnet-4-6", {**USED, "cache_read_tokens": 5})
    assert "cache_read = 0  # not known: put in what you pay" in found.toml


def test_days_that_have_a_price_keep_it(tmp_path: Path) -> None:
    found = of_model(tmp_path, "old")
    assert (found.usd, found.basis) == (Decimal("1.1"), "as acme/old")
    assert "from = 2026-11-10\n" in found.toml


@pytest.mark.parametrize(("model", "used"), [(None, USED), ("x", {})])
def test_what_no_entry_can_price_is_not_guessed(
    tmp_path: Path, model: str | None, used: Mapping[str, int]
) -> None:
    assert of_model(tmp_path, model, used) == Stake(None, "", "")


@pytest.mark.parametrize(
    "name",
    [
        'say "hi"',
        "back\\slash",
        "new\nline",
        "\x1b[31mred",
        "\u202egnp",
        "🎉",
        "\x7f",
        "a]\n[prices",
        "\U000e0001",
    ],
)
def test_any_name_is_one_string_of_toml_that_no_terminal_acts_on(name: str) -> None:
    assert tomllib.loads(f"x = {toml(name)}")["x"] == name
    assert toml(name).isprintable()


def test_what_toml_cannot_hold_becomes_the_sign_for_any_character(tmp_path: Path) -> None:
    assert toml("a\0b\ud800") == '"a?b?"'
    assert of_model(tmp_path, "a\0b\ud800").usd == Decimal("4.5")
