"""What every chart of every report keeps to: a shape that can be drawn, and the numbers of its table."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.conftest import sample_calls
from tests.contracts.test_registry_contracts import ASKED, REPORTS, WEEK
from tests.reports.ledgers import place

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Chart, Table
from whyspend.pricing.plan import Basis
from whyspend.reports._pictures import Ahead, burn_down, spans
from whyspend.workspace import Workspace

EXACT = Context(prec=100)
FEWEST = {
    "stacked_time": 2,
    "ranked_change": 2,
    "waterfall": 2,
    "burn_down": 5,
    "histogram": 3,
    "price_steps": 2,
    "shares": 2,
}
"""Columns of each picture, at least."""


ANSWERS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in REPORTS),
    ("forecast", {"backtest": True}),
    ("forecast", {"budgets": True}),
    ("budgets", {"backtest": "30d"}),
    ("coverage", {"try_": "when project=p set feature=ops"}),
    ("coverage", {"suggest": True}),
    ("coverage", {"variants": True}),
]
"""Every report, and what some are asked beside their question."""


@pytest.fixture(scope="module")
def small(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    config = 'dimensions = ["feature", "env", "user_tier"]\n[[budgets]]\nname = "all"\nlimit_usd = 5\n'
    return place(tmp_path_factory.mktemp("pictured"), engine, sample_calls(), config)


def asked(where: Workspace, name: str, **options: Any) -> Table:
    return where.ask(name, WEEK, pictures=True, **{**ASKED.get(name, {}), **options})


def added(chart: Chart) -> Decimal:
    """All amounts of a chart of parts, or of its first column of amounts where the next is another window."""
    columns = slice(1, 2) if chart.picture == "ranked_change" else slice(1, None)
    total = Decimal(0)
    for row in chart.rows:
        for cell in row[columns]:
            assert cell is None or isinstance(cell, Decimal)
            total = EXACT.add(total, cell or 0)
    return total


@pytest.mark.parametrize(("name", "options"), ANSWERS)
def test_a_chart_has_the_columns_of_its_picture(name: str, options: dict[str, Any], small: Workspace) -> None:
    for chart in asked(small, name, **options).charts:
        assert len(chart.columns) >= FEWEST[chart.picture]
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)
        assert chart.title
        assert all(column.name for column in chart.columns)


@pytest.mark.parametrize(("name", "options"), ANSWERS)
def test_no_chart_is_made_where_nobody_draws(name: str, options: dict[str, Any], small: Workspace) -> None:
    with_charts = asked(small, name, **options)
    plain = small.ask(name, WEEK, **{**ASKED.get(name, {}), **options})
    assert plain.charts == ()
    assert (plain.columns, plain.rows, plain.total, plain.trust, plain.notes) == (
        with_charts.columns,
        with_charts.rows,
        with_charts.total,
        with_charts.trust,
        with_charts.notes,
    )


@pytest.mark.parametrize("by", [("feature",), ("model",), ("env", "model"), ("name",), ("customer",), ()])
@pytest.mark.parametrize("days", [1, 2, 4])
def test_pictures_over_time_change_no_figure_of_a_report(
    by: tuple[str, ...], days: int, small: Workspace
) -> None:
    """One reading of the ledger is for both, and the days before are told apart by no time."""
    window = small.window(str(WEEK.until - timedelta(days=days - 1)), str(WEEK.until))
    for prices in (Basis(), Basis("recorded")):
        answers = [
            small.ask("report", window, by=by, basis=prices, pictures=drawn) for drawn in (True, False)
        ]
        assert answers[0].charts
        assert replace(answers[0], charts=()) == answers[1]
        assert answers[0].total["change_usd"] is not None or prices.kind == "recorded"


@pytest.mark.parametrize(("name", "options"), ANSWERS)
def test_an_empty_ledger_draws_nothing_and_breaks_nothing(
    name: str, options: dict[str, Any], engine: DuckDB, tmp_path: Path
) -> None:
    asked(place(tmp_path, engine, []), name, **options)


@pytest.mark.parametrize(
    "by", [("feature",), ("model",), ("feature", "env"), ("day",), ("feature", "week"), ("customer",), ()]
)
@pytest.mark.parametrize("top", [0, 1])
def test_the_parts_of_a_report_add_up_to_its_total(by: tuple[str, ...], top: int, small: Workspace) -> None:
    answer = asked(small, "report", by=by, top=top)
    assert answer.charts
    for chart in answer.charts:
        assert added(chart) == answer.total["cost_usd"]


@pytest.mark.parametrize("by", [("day",), ("day", "feature")])
def test_more_moments_than_can_be_told_apart_are_not_drawn(by: tuple[str, ...], small: Workspace) -> None:
    decades = small.window("1990-01-01", "2199-12-31")
    assert small.ask("report", decades, by=by).rows
    assert small.ask("report", decades, by=by, pictures=True).charts == ()


def test_a_feature_has_one_colour_whatever_is_asked(small: Workspace) -> None:
    every = asked(small, "report").charts[0].colors
    some = small.ask("report", WEEK, where=("feature=chat",), pictures=True).charts[0].colors
    assert every
    assert some == every
    assert len(set(every.values())) == len(every)


def amounts(chart: Chart, at: int = 1) -> list[Decimal]:
    found = [row[at] for row in chart.rows]
    return [cell for cell in found if isinstance(cell, Decimal)]


def plus(numbers: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, number)
    return total


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("explain", {}),
        ("explain", {"against": "2026-11-08..2026-11-10"}),
        ("reconcile", {"recorded": True}),
        ("whatif", {"batch": True, "drop_retries": True}),
    ],
)
def test_a_waterfall_adds_up_from_its_first_amount_to_its_last(
    name: str, options: dict[str, Any], small: Workspace
) -> None:
    (chart,) = [each for each in asked(small, name, **options).charts if each.picture == "waterfall"]
    *steps, last = amounts(chart)
    assert len(steps) > 1
    assert plus(steps) == last


def test_a_waterfall_of_explain_ends_are_those_of_its_totals(small: Workspace) -> None:
    answer = asked(small, "explain")
    first, *_, last = amounts(answer.charts[0])
    assert (first, last) == (answer.total["before"], answer.total["after"])


def test_every_bar_of_coverage_adds_up_to_the_total(small: Workspace) -> None:
    answer = asked(small, "coverage", top=1)
    (shares,) = [chart for chart in answer.charts if chart.picture == "shares"]
    for row in shares.rows:
        assert plus(cell for cell in row[1:] if isinstance(cell, Decimal)) == answer.total["cost_usd"]
    (places,) = [chart for chart in answer.charts if chart.picture == "ranked_change"]
    owners = [column.name for column in shares.columns]
    assert added(places) == shares.rows[0][owners.index("untagged")]


@pytest.mark.parametrize("by", ["trace", "feature"])
def test_a_histogram_counts_every_request_that_has_a_price(by: str, small: Workspace) -> None:
    (chart,) = asked(small, "requests", by=(by,), top=0).charts
    every = asked(small, "requests", top=0)
    at = [column.name for column in every.columns].index("cost_usd")
    costs = [cost for row in every.rows if isinstance(cost := row[at], Decimal)]
    for start, end, count in chart.rows:
        assert isinstance(start, Decimal)
        assert isinstance(end, Decimal)
        assert count == sum(start < cost <= end or start == cost == 0 for cost in costs)
    assert [name for name, _ in chart.marks] == ["p50", "p95", "p99"]
    assert all(amount in costs for _, amount in chart.marks)


def test_a_line_of_a_budget_ends_where_the_budget_is(small: Workspace) -> None:
    answer = asked(small, "budgets")
    (chart,) = answer.charts
    spent = answer.rows[0][[column.name for column in answer.columns].index("spent_usd")]
    assert amounts(chart)[-1] == spent
    assert amounts(chart) == sorted(amounts(chart))
    assert chart.marks == (("limit", Decimal(5)),)
    assert chart.rows[0][0] == date(2026, 11, 1)


def test_a_line_of_a_forecast_ends_where_the_month_is(small: Workspace) -> None:
    answer = asked(small, "forecast")
    assert amounts(answer.charts[0])[-1] == answer.total["spent_usd"]


def test_what_is_expected_leads_from_what_is_used_to_the_forecast_and_its_interval() -> None:
    first = date(2026, 11, 1)
    days = [first + timedelta(n) for n in range(5)]
    used = {days[0]: Decimal(10), days[2]: Decimal("2.5")}
    # Of today, 2 of the 6 dollars that are still to come.
    chart = burn_down("t", used, days[:3], Ahead(days[2:], (2.0, 1.0, 3.0), 3.0, 9.0), limit=Decimal(20))
    assert chart.rows == (
        (days[0], Decimal(10), None, None, None),
        (days[1], Decimal(10), None, None, None),
        (days[2], Decimal("12.5"), Decimal("14.50"), Decimal("13.50"), Decimal("15.50")),
        (days[3], None, Decimal("15.50"), Decimal("14.00"), Decimal("17.00")),
        (days[4], None, Decimal("18.50"), Decimal("15.50"), Decimal("21.50")),
    )
    assert chart.marks == (("limit", Decimal(20)),)


@given(st.integers(1, 10**30), st.integers(0, 10**30))
def test_the_bars_of_a_histogram_are_few_and_hold_all(lowest: int, more: int) -> None:
    highest = lowest + more
    edges = spans(lowest, highest)
    assert edges == sorted(set(edges))
    assert edges[0] < lowest
    assert edges[-2] < highest <= edges[-1]
    assert len(edges) <= 100


@pytest.mark.parametrize("cost", [1, 9, 750_000_000_000_000_000, 123_456_789_012_345_678])
def test_a_histogram_of_a_single_amount_has_edges_of_few_digits(cost: int) -> None:
    edges = spans(cost, cost)
    assert edges[0] < cost <= edges[-1]
    assert len(edges) <= 4
    assert all(len(str(edge).rstrip("0")) <= 4 for edge in edges)
