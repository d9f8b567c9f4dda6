"""Laws of pricing: added up first, call by call, and by a reference in fractions, it is the same to the last digit.

The reference knows nothing of slots, phases or SQL: it prices one call at a time from the entries as they are written.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.pricing.calls import DIMENSIONS, at
from tests.pricing.worlds import (
    DAY,
    END,
    NAMED,
    QUANTITIES,
    START,
    Call,
    Layers,
    Shelf,
    bases,
    calls,
    histories,
    moments,
)

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.errors import ConfigError
from whyspend.model import USAGE_COLUMNS
from whyspend.money import usd
from whyspend.pricing import view
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, TOP_TIER, Rate
from whyspend.pricing.discounts import Discount
from whyspend.pricing.entries import UserPrice
from whyspend.pricing.overrides import overridden
from whyspend.pricing.plan import Basis, Era, Prices, Span, Use, plan

LAW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


# The reference


def expected(
    call: Call, history: Sequence[Layers], basis: Basis, *, discounted: bool = True
) -> Fraction | None:
    """Dollars; None where nobody knows."""
    moment = basis.at if basis.kind == "at" else call.began
    layers = history[-1] if basis.kind == "at" else next(e for e in history if e.start <= moment < e.end)
    rates = _rates(call, layers, moment, call.provider, call.model)
    if rates is None:
        return None
    used = {name: n for name, n in zip(QUANTITIES, call.quantities, strict=True) if n}
    only_calls = any(rates.values()) and all(
        not rate or name in ("calls", "latency_ms") for name, rate in rates.items()
    )
    if not call.counted and not only_calls:
        return None
    if any(name not in rates for name in used) or ("latency_ms" in rates and call.latency_ms is None):
        return None
    cost = sum((n * rates[name] for name, n in used.items()), rates.get("calls", Fraction(0)))
    cost += rates.get("latency_ms", Fraction(0)) * (call.latency_ms or 0)
    for each in layers.discounts if discounted else ():
        if _discounted(each, call, moment):
            cost *= 1 - Fraction(each.percent) / 100
    return cost


def _rates(call: Call, layers: Layers, moment: int, provider: str, model: str) -> dict[str, Fraction] | None:
    """Dollars a unit, of the user's first entry for these days, else of the list."""
    mine = [e for e in layers.entries if _sold_by(e.provider, provider) and _like(e.model, model)]
    mine.sort(key=lambda e: ("*" in e.model, e.provider in ("", "o*"), bool(e.same_as)))
    for entry in mine:
        if _within(entry.start, entry.end, moment):
            if entry.same_as:
                return _rates(call, layers, moment, *entry.same_as.split("/"))
            return _of_entry(entry, call, provider)
    began = datetime.fromtimestamp(call.began // 1_000_000, UTC)
    for cell in layers.shelf.rates(f"{provider}/{model}"):
        if (
            cell.valid_from <= moment < cell.valid_to
            and cell.minute_from <= began.hour * 60 + began.minute < cell.minute_to
            and cell.weekdays >> began.weekday() & 1
            and cell.tier_over < call.prompt + (call.prompt == 0 and cell.tier_over == 0)
            and call.prompt <= cell.tier_upto
        ):
            return {name: Fraction(rate, 10**12) for name, rate in cell.rates.items()}
    return None


def _of_entry(entry: UserPrice, call: Call, provider: str) -> dict[str, Fraction]:
    if entry.per_second is not None:
        free = {name: Fraction(0) for name in USAGE_COLUMNS if name.endswith("_tokens")}
        return free | {"latency_ms": Fraction(entry.per_second) / 1000}
    own = entry.tiers[0] if entry.tiers and call.prompt > entry.tiers[0].over else entry
    rates = {f"{name}_tokens": getattr(own, name) for name in NAMED}
    rates["reasoning_tokens"] = rates["output_tokens"]
    dollars_each = {name: Fraction(value) / 10**6 for name, value in rates.items()}
    return dollars_each | {"calls": Fraction(entry.per_request or 0)}


def _discounted(each: Discount, call: Call, moment: int) -> bool:
    wanted = each.where.get("feature")
    values = (wanted,) if isinstance(wanted, str) else wanted
    return (
        _sold_by("" if each.provider == "*" else each.provider, call.provider)
        and _like(each.model, call.model)
        and _within(each.start, each.end, moment)
        and (values is None or (call.feature is not None and any(_like(v, call.feature) for v in values)))
    )


def _sold_by(pattern: str, provider: str) -> bool:
    return not pattern or _like(pattern, provider) or (pattern == "aws" and provider == "amazon_bedrock")


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


def _within(start: date | None, end: date | None, moment: int) -> bool:
    return (start is None or at(str(start)) <= moment) and (end is None or moment < at(str(end)))


# What the product says


def prices(history: Sequence[Layers]) -> Prices:
    return Prices(tuple(Era(e.start, e.end, overridden(e.shelf, e.entries), e.discounts) for e in history))


def relation(engine: DuckDB, found: Sequence[Call]) -> str:
    rows = []
    for call in found:
        texts = [call.key, call.feature, "server" if call.counted else None, str(call.number)]
        cells = ["NULL" if text is None else engine.literal(text) for text in texts]
        cells += [f"make_timestamptz({call.began})", f"CAST(epoch_ms({call.began // 1000}) AS DATE)"]
        cells += ["NULL" if call.latency_ms is None else str(call.latency_ms), str(call.prompt)]
        used = dict(zip(QUANTITIES, call.quantities, strict=True))
        cells += [f"CAST({used.get(name, 0)} AS BIGINT)" for name in USAGE_COLUMNS]
        rows.append(f"({', '.join(cells)})")
    names = [
        "price_key",
        "feature",
        "usage_source",
        "name",
        "started_at",
        "day",
        "latency_ms",
        "prompt_total",
    ]
    listed = ", ".join([*names, *USAGE_COLUMNS])
    return f"(SELECT *, 'prod' AS env FROM (VALUES {', '.join(rows)}) calls({listed}))"


def planned(engine: DuckDB, found: Sequence[Call], known: Prices, basis: Basis, start: int, end: int) -> Any:
    uses: dict[str, Use] = {}
    for call in found:
        used = frozenset(name for name, n in zip(QUANTITIES, call.quantities, strict=True) if n)
        held = uses.get(call.key, Use(frozenset(), 0))
        uses[call.key] = Use(held.quantities | used, max(held.prompt_max, call.prompt))
    span = Span(start, end, uses, not all(call.counted for call in found))
    made = plan(known, span, basis, engine, DIMENSIONS)
    view.offer(made, engine)
    return made


def total(engine: DuckDB, found: Sequence[Call], made: Any, **keys: str) -> tuple[Fraction | None, int, int]:
    """Dollars, priced calls and all calls, added up first."""
    sql = view.spend(made, engine, relation(engine, found), keys)
    ((cost, priced, every),) = engine.rows(f"SELECT sum(cost), sum(priced_calls), sum(calls) FROM ({sql})")
    return dollars_of(cost), int(priced), int(every)


def dollars_of(units: Any) -> Fraction | None:
    found = usd(units)
    return None if found is None else Fraction(found)


@settings(LAW, max_examples=150)
@given(calls(), histories(), bases)
def test_added_up_first_call_by_call_and_in_fractions_it_is_the_same(
    engine: DuckDB, found: tuple[Call, ...], history: tuple[Layers, ...], basis: Basis
) -> None:
    known = prices(history)
    made = planned(engine, found, known, basis, START, END)
    costs = [expected(call, history, basis) for call in found]
    sql = view.priced_calls(made, engine, relation(engine, found), {"name": "name"})
    singles = engine.rows(f"SELECT name, cost, reason FROM ({sql})")
    assert {int(name): dollars_of(cost) for name, cost, _ in singles} == dict(enumerate(costs))
    assert all((cost is None) == bool(reason) for _, cost, reason in singles)
    priced = [cost for cost in costs if cost is not None]
    whole = sum(priced, Fraction(0)) if priced else None
    assert total(engine, found, made) == (whole, len(priced), len(found))
    assert total(engine, found, made, feature="feature", day="day") == (whole, len(priced), len(found))


@LAW
@given(calls(), histories(), bases)
def test_the_list_cost_is_the_cost_without_any_discount(
    engine: DuckDB, found: tuple[Call, ...], history: tuple[Layers, ...], basis: Basis
) -> None:
    made = planned(engine, found, prices(history), basis, START, END)
    if made.discounted:
        sql = view.spend(made, engine, relation(engine, found), {})
        costs = [expected(call, history, basis, discounted=False) for call in found]
        priced = [cost for cost in costs if cost is not None]
        ((listed,),) = engine.rows(f"SELECT sum(list_cost) FROM ({sql})")
        assert dollars_of(listed) == (sum(priced, Fraction(0)) if priced else None)


@LAW
@given(calls(), histories())
def test_a_discount_of_nothing_changes_nothing(
    engine: DuckDB, found: tuple[Call, ...], history: tuple[Layers, ...]
) -> None:
    nothing = Discount(percent=Decimal(0), where={"feature": "rag"})
    with_it = [replace(layers, discounts=(*layers.discounts, nothing)) for layers in history]
    before = total(engine, found, planned(engine, found, prices(history), Basis(), START, END))
    assert total(engine, found, planned(engine, found, prices(with_it), Basis(), START, END)) == before


@LAW
@given(calls(), histories(), st.integers(1, 5))
def test_the_parts_of_a_span_add_up_to_it(
    engine: DuckDB, found: tuple[Call, ...], history: tuple[Layers, ...], cut: int
) -> None:
    known, middle = prices(history), START + cut * DAY
    whole = total(engine, found, planned(engine, found, known, Basis(), START, END))
    parts: list[tuple[Fraction | None, int, int]] = []
    for start, end in ((START, middle), (middle, END)):
        own = [call for call in found if start <= call.began < end]
        if own:
            parts.append(total(engine, own, planned(engine, own, known, Basis(), start, end)))
    costs = [cost for cost, _, _ in parts if cost is not None]
    assert (sum(costs, Fraction(0)) if costs else None) == whole[0]
    assert sum(priced for _, priced, _ in parts) == whole[1]


@LAW
@given(calls(), histories(), moments)
def test_closing_a_span_at_the_prices_it_has_changes_nothing(
    engine: DuckDB, found: tuple[Call, ...], history: tuple[Layers, ...], cut: int
) -> None:
    """Two eras that agree are as one: neither a figure nor a slot tells them apart."""
    today = history[-1]
    halves = (replace(today, start=FAR_PAST, end=cut), replace(today, start=cut, end=FAR_FUTURE))
    one = planned(engine, found, prices([replace(today, start=FAR_PAST)]), Basis(), START, END)
    cost = total(engine, found, one)
    two = planned(engine, found, prices(halves), Basis(), START, END)
    assert total(engine, found, two) == cost
    assert two.slot == one.slot


def test_a_factor_that_cannot_be_exact_is_refused(engine: DuckDB) -> None:
    shelf = Shelf(
        "s",
        {"openai/gpt-a": (Rate("", 0, FAR_FUTURE, 0, 1440, 127, -1, TOP_TIER, {"input_tokens": 1}, "", ""),)},
    )
    off = tuple(Discount(name=f"c{n}", percent=Decimal("33.333333")) for n in range(2))
    call = Call(0, "openai", "gpt-a", None, START, (1, 0, 0, 0, 0), None, True)
    with pytest.raises(ConfigError, match="together, c0, c1 make a factor of more than 12 decimals"):
        planned(engine, [call], prices([Layers(FAR_PAST, FAR_FUTURE, shelf, (), off)]), Basis(), START, END)
