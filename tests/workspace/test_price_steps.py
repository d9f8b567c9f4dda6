"""The picture of a price over time has the rates of the book, and says where nobody knows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from whyspend.charts import svg
from whyspend.config import load
from whyspend.workspace import Workspace
from whyspend.workspace.price_history import history
from whyspend.workspace.price_steps import steps


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(replace(load(None, {}), ledger=str(tmp_path)))


def test_each_step_is_the_rate_since_its_day(place: Workspace) -> None:
    chart = steps(history(place, "mistral/mistral-large-4"))
    assert chart is not None
    assert [column.name for column in chart.columns] == ["since", "input", "output", "cache_read"]
    assert chart.rows == (
        (None, Decimal("0.68"), Decimal("2.09"), Decimal("0.07")),
        (date(2026, 10, 20), Decimal("1.36"), Decimal("4.18"), Decimal("0.14")),
        (date(2026, 10, 29), Decimal("0.7"), Decimal("2.1"), Decimal("0.07")),
    )
    assert "input since 2026-10-20: $1.36" in svg(chart)


def test_where_no_price_is_known_the_line_is_broken(place: Workspace) -> None:
    chart = steps(history(place, "openai/gpt-4o"))
    assert chart is not None
    assert any(row[1] is None for row in chart.rows)
    assert svg(chart).count('class="line s0"') == 2


def test_a_price_that_never_changed_has_no_picture(place: Workspace) -> None:
    found = history(place, "openai/gpt-4o")
    assert steps(replace(found, cells=found.cells[-1:])) is None
