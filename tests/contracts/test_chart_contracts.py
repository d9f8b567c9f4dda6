"""What every chart of every report keeps to: a shape that can be drawn, and the numbers of its table."""

from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import sample_calls
from tests.contracts.test_registry_contracts import ASKED, REPORTS, WEEK
from tests.reports.ledgers import place

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Chart, Table
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


@pytest.mark.parametrize("name", REPORTS)
def test_a_chart_has_the_columns_of_its_picture(name: str, small: Workspace) -> None:
    for chart in asked(small, name).charts:
        assert len(chart.columns) >= FEWEST[chart.picture]
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)
        assert chart.title
        assert all(column.name for column in chart.columns)


@pytest.mark.parametrize("name", REPORTS)
def test_no_chart_is_made_where_nobody_draws(name: str, small: Workspace) -> None:
    with_charts, plain = asked(small, name), small.ask(name, WEEK, **ASKED.get(name, {}))
    assert plain.charts == ()
    assert (plain.columns, plain.rows, plain.total, plain.trust, plain.notes) == (
        with_charts.columns,
        with_charts.rows,
        with_charts.total,
        with_charts.trust,
        with_charts.notes,
    )


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_ledger_draws_nothing_and_breaks_nothing(name: str, engine: DuckDB, tmp_path: Path) -> None:
    asked(place(tmp_path, engine, []), name)


@pytest.mark.parametrize(
    "by", [("feature",), ("model",), ("feature", "env"), ("day",), ("feature", "week"), ("customer",), ()]
)
@pytest.mark.parametrize("top", [0, 1])
def test_the_parts_of_a_report_add_up_to_its_total(by: tuple[str, ...], top: int, small: Workspace) -> None:
    answer = asked(small, "report", by=by, top=top)
    assert answer.charts
    for chart in answer.charts:
        assert added(chart) == answer.total["cost_usd"]


def test_a_feature_has_one_colour_whatever_is_asked(small: Workspace) -> None:
    every = asked(small, "report").charts[0].colors
    some = small.ask("report", WEEK, where=("feature=chat",), pictures=True).charts[0].colors
    assert every
    assert some == every
    assert len(set(every.values())) == len(every)
