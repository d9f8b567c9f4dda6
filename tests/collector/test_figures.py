"""What gauges say of the ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reports.spending import place, publish, spend

from whyspend.collector import figures
from whyspend.engines.duckdb import DuckDB, connect
from whyspend.serving.exposition import LONGEST, text


@pytest.fixture
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


def test_values_of_a_budget_that_read_the_same_in_a_label_are_one_series_of_the_fullest(
    tmp_path: Path, engine: DuckDB
) -> None:
    config = '\n[[budgets]]\nname = "each"\nlimit_usd = 1\neach = "customer_id"\nperiod = "day"\n'
    where = place(tmp_path, engine, config, "2026-11-27 12:00")
    names = [f"{'x' * LONGEST}{end}" for end in "abc"] + ["short"]
    amounts = ("0.25", "2", "0.5", "0.125")
    publish(
        where,
        [spend("2026-11-27 09:00", usd, customer=name) for name, usd in zip(names, amounts, strict=True)],
    )
    page = text(figures.standing(where).metrics(where.now.timestamp())).splitlines()
    long = f"{'x' * (LONGEST - 1)}…"
    assert sorted(line.replace(long, "LONG") for line in page if line.startswith("whyspend_budget_")) == [
        'whyspend_budget_limit_usd{budget="each",value="LONG"} 1',
        'whyspend_budget_limit_usd{budget="each",value="short"} 1',
        'whyspend_budget_spent_usd{budget="each",value="LONG"} 2.000000000000',
        'whyspend_budget_spent_usd{budget="each",value="short"} 0.125000000000',
    ]
