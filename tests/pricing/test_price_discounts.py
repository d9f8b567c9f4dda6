"""Discounts, closed months and free quotas: what is taken off, from when, and for whom."""

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
from whyspend.money import usd
from whyspend.pricing import view
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, Book
from whyspend.pricing.discounts import Discount, holds
from whyspend.pricing.plan import Basis, Era, Prices, of
from whyspend.pricing.quotas import Free, FreeQuota, Used, given_free

M = 10**6


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


@pytest.fixture
def listed(tmp_path: Path) -> Book:
    return book(tmp_path, rate("m", 1_000_000), rate("n", 1_000_000))


def off(percent: str, **others: Any) -> Discount:
    return Discount(percent=Decimal(percent), **others)


def cost(engine: DuckDB, prices: Prices, basis: Basis | None = None, **call: Any) -> Decimal | None:
    return Calls(engine, {"input_tokens": M, **call}).cost(prices, basis=basis)[0]


def test_all_that_match_apply_one_on_top_of_the_other(engine: DuckDB, listed: Book) -> None:
    prices = of(listed, [off("15", provider="acme"), off("20", model="M*"), off("50", provider="other")])
    assert cost(engine, prices) == Decimal("0.68")
    assert cost(engine, prices, model="n") == Decimal("0.85")


def test_a_negative_percent_is_a_surcharge(engine: DuckDB, listed: Book) -> None:
    assert cost(engine, of(listed, [off("-10")])) == Decimal("1.1")


def test_a_discount_holds_on_its_days(engine: DuckDB, listed: Book) -> None:
    prices = of(listed, [off("10", start=date(2026, 11, 10), end=date(2026, 11, 12))])
    for when, dollars in (("09T23:59:59.999999", "1"), ("10", "0.9"), ("11T23:59", "0.9"), ("12", "1")):
        assert cost(engine, prices, when=f"2026-11-{when}") == Decimal(dollars)
    assert cost(engine, prices, Basis("at", at("2026-11-11"))) == Decimal("0.9")
    assert cost(engine, prices, Basis("at", at("2026-11-12"))) == 1


@pytest.mark.parametrize(
    ("where", "feature", "env", "dollars"),
    [
        ({"feature": "rag"}, "rag", None, "0.9"),
        ({"feature": "rag"}, "Rag", None, "1"),
        ({"feature": "rag"}, None, None, "1"),
        ({"feature": ("rag", "chat")}, "chat", None, "0.9"),
        ({"feature": "ra?-*"}, "rag-eu", None, "0.9"),
        ({"feature": "r_g*"}, "rag", None, "1"),
        ({"feature": "50%*"}, "50%!", None, "0.9"),
        ({"feature": "*"}, None, None, "1"),
        ({"feature": "rag", "env": "prod"}, "rag", "prod", "0.9"),
        ({"feature": "rag", "env": "prod"}, "rag", "dev", "1"),
        ({"feature": "it's \" \\ x"}, "it's \" \\ x", None, "0.9"),
    ],
)
def test_a_discount_can_be_for_some_owners(
    engine: DuckDB, listed: Book, where: Any, feature: str | None, env: str | None, dollars: str
) -> None:
    discount = off("10", where=where)
    assert cost(engine, of(listed, [discount]), feature=feature, env=env) == Decimal(dollars)
    assert holds(discount, 0, {"feature": feature, "env": env}) == (dollars != "1")


def test_discounts_for_many_owners_are_few_slots(engine: DuckDB, listed: Book) -> None:
    """No call has two features, so ten of them are eleven slots and not a thousand."""
    prices = of(listed, [off(str(n), where={"feature": f"f{n}"}) for n in range(10)])
    calls = Calls(engine, {"input_tokens": M, "feature": "f3"}, {"input_tokens": M, "feature": "f9"})
    assert len(calls.plan(prices, "2026-11-01", "2026-12-01", Basis()).rows) == 12
    assert calls.cost(prices)[0] == Decimal("1.88")
    many = of(listed, [off(str(n), where={"feature": f"f{n}"}) for n in range(11)])
    with pytest.raises(
        ConfigError, match="11 different `where` can apply to one model; 10 can be told apart"
    ):
        calls.cost(many)


def test_a_discount_costs_nothing_where_it_cannot_apply(engine: DuckDB, listed: Book) -> None:
    prices = of(
        listed, [off("10", where={"feature": "rag"}, provider="other"), off("5", end=date(2026, 1, 1))]
    )
    made = Calls(engine, {"input_tokens": 1}).plan(prices, "2026-11-01", "2026-12-01", Basis())
    assert (made.slot, made.discounted) == ("0", False)


def test_the_list_cost_stands_beside_the_cost(engine: DuckDB, listed: Book) -> None:
    calls = Calls(
        engine, {"input_tokens": M}, {"key": "(reported)", "reported_cost": 7 * 10**12, "usage_source": None}
    )
    made = calls.plan(of(listed, [off("12.345678")]), "2026-11-01", "2026-12-01", Basis())
    sql = view.spend(made, engine, calls.relation, {})
    ((paid, before),) = engine.rows(f"SELECT sum(cost), sum(list_cost) FROM ({sql})")
    assert (usd(paid), usd(before)) == (Decimal("7.87654322"), Decimal(8))


def test_what_the_source_says_is_not_discounted(engine: DuckDB, listed: Book) -> None:
    prices = of(listed, [off("50")])
    assert cost(engine, prices, Basis("recorded"), reported_cost=10**12) == 1
    assert cost(engine, prices, key="(reported)", reported_cost=10**12, usage_source=None) == 1


def test_a_closed_month_keeps_its_book_and_its_discounts(engine: DuckDB, tmp_path: Path) -> None:
    """November in Berlin begins at 23:00 UTC of 31 October."""
    then, now = tmp_path / "then", tmp_path / "now"
    then.mkdir()
    now.mkdir()
    start, end = at("2026-10-31T23:00"), at("2026-11-30T23:00")
    today = book(now, rate("m", 5_000_000), rate("n", 1_000_000))
    prices = Prices(
        (
            Era(FAR_PAST, start, today),
            Era(start, end, book(then, rate("m", 1_000_000), rate("n", 1_000_000)), (off("10", model="m"),)),
            Era(end, FAR_FUTURE, today),
        )
    )
    for when, dollars in (
        ("2026-10-31T22:59:59.999999", "5"),
        ("2026-10-31T23:00", "0.9"),
        ("2026-11-30T22:59:59.999999", "0.9"),
        ("2026-11-30T23:00", "5"),
    ):
        calls = Calls(engine, {"input_tokens": M, "when": when})
        assert calls.cost(prices, "2026-10-01", "2026-12-31")[0] == Decimal(dollars)
    calls = Calls(engine, {"input_tokens": M})
    assert calls.cost(prices, basis=Basis("at", at("2026-11-10")))[0] == 5
    same = Calls(engine, {"input_tokens": M, "model": "n"})
    assert same.plan(prices, "2026-10-01", "2026-12-31", Basis()).slot == "0"
    assert prices.id != of(today).id == today.id


def test_discounts_survive_being_kept() -> None:
    kept = [off("12.5", where={"feature": ("a", "b*"), "env": "x"}, start=date(2026, 1, 1), name="c")]
    assert msgspec.json.decode(msgspec.json.encode(kept), type=list[Discount]) == kept


# Free quotas

CENT = 10**22
"""1e-24 dollars."""


def used(day: int, model: str, units: int, cents: int, month: int = 11) -> tuple[str, Used]:
    return "web_searches", Used(date(2026, month, day), "google_genai", model, units, cents * CENT)


def quota(amount: int, **others: Any) -> FreeQuota:
    return FreeQuota(provider="google", unit="web_searches", amount=amount, **others)


def test_the_cheapest_are_free_first_as_in_the_worked_example() -> None:
    """In thousandths of a cent: 1,000 at 1.4 cents and 1,000 at 3.5, of which 1,500 are free."""
    rates = {"gemini-3": 14 * CENT // 10, "gemini-2": 35 * CENT // 10}
    searched = [("web_searches", Used(date(2026, 11, 5), "google", m, 1_000, r)) for m, r in rates.items()]
    found = given_free([quota(1_500)], searched)
    assert [(free.model, free.units, usd(free.cost)) for free in found] == [
        ("gemini-3", 1_000, Decimal(14)),
        ("gemini-2", 500, Decimal("17.5")),
    ]
    assert found[0].reason == "1,500 web searches a day are free"


def test_each_day_and_each_month_has_its_own_quota() -> None:
    searched = [used(5, "a", 3, 1), used(6, "a", 3, 1), used(1, "a", 9, 1, month=12)]
    daily = [(free.day.day, free.units) for free in given_free([quota(2)], searched)]
    assert daily == [(5, 2), (6, 2), (1, 2)]
    monthly = [(free.day.day, free.units) for free in given_free([quota(4, per="month")], searched)]
    assert monthly == [(5, 3), (6, 1), (1, 4)]


def test_what_is_free_is_free_once_and_only_for_its_own() -> None:
    searched = [used(5, "a", 3, 1), used(5, "b", 3, 2)]
    assert given_free([quota(10, model="a"), quota(10, model="a")], searched) == [
        Free(date(2026, 11, 5), "google_genai", "a", 3, 3 * CENT, "10 web searches a day are free")
    ]
    assert given_free([quota(10, start=date(2026, 11, 6)), quota(10, end=date(2026, 11, 5))], searched) == []
    assert given_free([FreeQuota(provider="openai", unit="web_searches", amount=1)], searched) == []
    assert given_free([FreeQuota(provider="*", unit="calls", amount=1)], searched) == []
