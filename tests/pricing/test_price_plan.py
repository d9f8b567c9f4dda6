"""Which prices a question needs, and what that costs: added up first or call by call, the same integers."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.pricing.calls import Calls, at, book, rate

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.model import USAGE_COLUMNS
from whyspend.pricing.plan import Basis

NOON = 12 * 60


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


def test_the_worked_example_of_the_rule_costs_what_it_says(engine: DuckDB, tmp_path: Path) -> None:
    calls = {"input_tokens": 1_500, "output_tokens": 200, "times": 2_000}
    assert Calls(engine, calls).cost(book(tmp_path, rate("m")))[:2] == (Decimal("11.5"), 2_000)


def test_a_prompt_beyond_the_tier_pays_the_higher_rate_for_all_of_it(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m", 3_000_000, tier_upto=200_000), rate("m", 6_000_000, tier_over=200_000))
    assert Calls(engine, {"input_tokens": 200_000}).cost(prices)[0] == Decimal("0.6")
    assert Calls(engine, {"input_tokens": 200_001}).cost(prices)[0] == Decimal("1.200006")
    both = Calls(engine, {"input_tokens": 200_000}, {"input_tokens": 200_001})
    assert both.cost(prices)[0] == Decimal("1.800006")


def test_the_tier_is_decided_by_all_input_and_not_by_what_is_uncached(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(
        tmp_path,
        rate("m", 3_000_000, tier_upto=200_000, cache_read_tokens=300_000),
        rate("m", 6_000_000, tier_over=200_000, cache_read_tokens=600_000),
    )
    call = {"input_tokens": 1, "cache_read_tokens": 200_000}
    assert Calls(engine, call).cost(prices)[0] == Decimal("0.120006")


def test_a_price_holds_from_its_first_instant_to_just_before_its_last(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(
        tmp_path,
        rate("m", 1_000_000, to="2026-11-10T16:30"),
        rate("m", 2_000_000, **{"from": "2026-11-10T16:30"}),
    )
    for when, dollars in (
        ("2026-11-10T16:29:59.999999", "1"),
        ("2026-11-10T16:30", "2"),
        ("2026-11-09T23:59", "1"),
        ("2026-11-11", "2"),
    ):
        assert Calls(engine, {"when": when, "input_tokens": 10**6}).cost(prices)[0] == Decimal(dollars)


def test_prices_of_a_day_hold_for_calls_of_any_day(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(
        tmp_path, rate("m", 1_000_000, to="2026-11-10"), rate("m", 2_000_000, **{"from": "2026-11-10"})
    )
    calls = Calls(engine, {"when": "2026-11-05", "input_tokens": 10**6})
    assert calls.cost(prices, basis=Basis("at", at("2026-11-20")))[0] == Decimal(2)
    assert calls.cost(prices, basis=Basis("at", at("2026-11-09T23:59:59")))[0] == Decimal(1)


def test_a_price_by_the_clock_is_read_in_utc_minutes_and_weekdays(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(
        tmp_path,
        rate("m", 1_000_000, minute_to=NOON),
        rate("m", 2_000_000, minute_from=NOON, weekdays=31),
        rate("m", 3_000_000, minute_from=NOON, weekdays=96),
    )
    for when, dollars in (
        ("2026-11-13T11:59:59.999999", "1"),  # a Friday
        ("2026-11-13T12:00", "2"),
        ("2026-11-14T12:00", "3"),
        ("2026-11-15T23:59", "3"),
        ("2026-11-16T12:00", "2"),
        ("2026-11-16T00:00", "1"),
    ):
        assert Calls(engine, {"when": when, "input_tokens": 10**6}).cost(prices)[0] == Decimal(dollars)


def test_a_price_for_each_call_is_paid_once_a_call(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m", calls=5_000_000_000), rate("n"))
    calls: list[dict[str, Any]] = [
        {"input_tokens": 10},
        {"input_tokens": 10},
        {"input_tokens": 10, "model": "n"},
    ]
    assert Calls(engine, *calls).cost(prices)[0] == Decimal("0.010075")


def test_what_has_no_rate_makes_only_the_calls_that_used_it_unpriced(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m", input_audio_tokens="-"))
    calls = [{"input_tokens": 10**6}, {"input_tokens": 10**6, "input_audio_tokens": 1}]
    found = Calls(engine, *calls).cost(prices)
    assert found == (Decimal("2.5"), 1, ["no price is known for its input audio tokens"])


def test_a_call_without_counts_is_unpriced_and_not_free(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m", 0, 0))
    assert Calls(engine, {"usage_source": None}).cost(prices) == (None, 0, ["no token counts"])
    assert Calls(engine, {"input_tokens": 5}).cost(prices) == (Decimal(0), 1, [])


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ({"model": "nope"}, "no model of this name is listed by acme"),
        ({"model": "quiet"}, "acme keeps its price to itself"),
        ({"when": "2026-10-31"}, "no price known before 2026-11-02"),
        ({"when": "2026-11-06"}, "no price known since 2026-11-05 and before 2026-11-08"),
        ({"when": "2026-11-21"}, "no price known since 2026-11-20"),
        ({"model": "night", "when": "2026-11-10T13:00"}, "no price known for this time of the day"),
        ({"model": "short", "input_tokens": 101}, "no price known for a prompt of this length"),
        ({"key": "acme||"}, "the run names no model"),
    ],
)
def test_an_unpriced_call_says_why(
    engine: DuckDB, tmp_path: Path, call: Mapping[str, Any], reason: str
) -> None:
    prices = book(
        tmp_path,
        rate("m", **{"from": "2026-11-02", "to": "2026-11-05"}),
        rate("m", **{"from": "2026-11-08", "to": "2026-11-20"}),
        rate("night", minute_to=NOON),
        rate("short", tier_upto=100),
    )
    assert Calls(engine, {"input_tokens": 1, **call}).cost(prices, "2026-10-01") == (None, 0, [reason])


def test_a_tool_run_costs_what_it_carries_and_none_is_not_nothing(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m"))
    tools: list[dict[str, Any]] = [
        {"key": "(reported)", "reported_cost": 7, "usage_source": None},
        {"key": "(reported)", "reported_cost": None, "usage_source": None},
    ]
    assert Calls(engine, tools[0]).cost(prices) == (Decimal("7E-12"), 1, [])
    assert Calls(engine, tools[1]).cost(prices) == (None, 0, ["the run carries no cost"])
    model = {"input_tokens": 1, "reported_cost": 10**12}
    assert Calls(engine, *tools, model).cost(prices)[:2] == (Decimal("0.000002500007"), 2)


def test_recorded_prices_are_those_of_the_source_and_nothing_else(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m"))
    calls: list[dict[str, Any]] = [
        {"reported_cost": 10**9},
        {"reported_cost": 0},
        {"reported_cost": None},
        {"model": "nope"},
    ]
    found = Calls(engine, *calls).cost(prices, basis=Basis("recorded"))
    assert found == (Decimal("0.001"), 2, ["the source recorded no cost"])


def test_what_cannot_matter_is_not_grouped_by(engine: DuckDB, tmp_path: Path) -> None:
    """Most questions are one scan of integers: a tier, a clock or a change of price costs only where it is met."""
    prices = book(
        tmp_path,
        rate("m", to="2026-11-10", tier_upto=1_000, minute_to=NOON),
        rate("m", to="2026-11-10", tier_upto=1_000, minute_from=NOON),
        rate("m", to="2026-11-10", tier_over=1_000),
        rate("m", **{"from": "2026-11-10"}),
        rate("days", to="2026-11-10"),
        rate("days", **{"from": "2026-11-10"}),
    )
    calls = Calls(engine, {"input_tokens": 1_000})
    assert calls.plan(prices, "2026-11-10", "2026-11-20", Basis()).slot == "0"
    assert calls.plan(prices, "2026-11-01", "2026-11-20", Basis("at", at("2026-11-15"))).slot == "0"
    short = calls.plan(prices, "2026-11-01", "2026-11-10", Basis()).slot
    assert "started_at" in short
    assert "prompt_total" not in short
    days = Calls(engine, {"input_tokens": 5_000, "model": "days"})
    by_day = days.plan(prices, "2026-11-01", "2026-11-20", Basis()).slot
    assert "started_at" not in by_day  # a change at midnight is told by the day's folder
    assert "prompt_total" not in by_day


def test_a_tier_without_a_list_price_does_not_multiply_slots(engine: DuckDB, tmp_path: Path) -> None:
    """Each quantity that lacks a rate doubles the slots of a price key: a cell without any rate must not."""
    nothing = {"price": "acme/m", "tier_over": 1_000, "basis": "dated"}
    prices = book(tmp_path, rate("m", tier_upto=1_000), nothing)
    call = {name: 1_000 for name in USAGE_COLUMNS if name.endswith("_tokens")}
    calls = Calls(engine, call)
    assert len(calls.plan(prices, "2026-11-01", "2026-11-20", Basis()).rows) < 10
    assert calls.cost(prices) == (None, 0, ["no price known for a prompt of this length"])


def test_a_sum_beyond_64_bits_is_exact(engine: DuckDB, tmp_path: Path) -> None:
    prices = book(tmp_path, rate("m", 1_000_000_007))
    calls = [{"input_tokens": 2**53 - 1} for _ in range(3)]  # the largest count that a source lets through
    expected = Decimal(3 * (2**53 - 1) * 1_000_000_007)
    assert Calls(engine, *calls).cost(prices)[0] == expected.scaleb(-12)
