"""How many budgets the overview expects to be over, of whatever they are limits."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.reports.spending import place, publish, spend

from whyspend.dashboard.overview import expected_over
from whyspend.engines.duckdb import DuckDB


@pytest.mark.parametrize(
    ("limit", "expected"), [("50", 1), ("100", 0), ("50 calls", 1), ("100 calls", 0), ("10", 0)]
)
def test_a_budget_that_will_be_over_counts_until_it_is(limit: str, expected: int, tmp_path: Path) -> None:
    where = place(tmp_path, DuckDB(), "", "2026-11-16 00:00")
    days = [date(2026, 10, 1) + timedelta(days=number) for number in range(46)]
    calls = [spend(f"{day} {hour}:00", "1") for day in days for hour in (12, 13)]
    publish(where, calls, upto="2026-11-16 00:00", since="2026-10-01 00:00")
    assert expected_over(where.ask("budgets", where.window(), limit=limit)) == expected
