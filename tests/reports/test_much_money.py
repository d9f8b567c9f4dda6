"""Reports of very much money: no digit is lost."""

from decimal import Context, Decimal
from pathlib import Path
from typing import Any

from tests.reports.spending import place, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Batch, Table

FINE = """
[[prices]]
provider = "self"
model = "fine"
input = 1.000001
output = 1.000001
[[discounts]]
provider = "self"
percent = 12.3456788765
"""
TOKENS = 20_000_000_001
COST = Decimal("1.000001e-6") * Decimal("0.876543211235")
"""Of a token: 24 decimals."""


def test_reports_keep_every_digit_of_tens_of_thousands_of_dollars(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, FINE, "2026-11-30 12:00")
    writer = where.ledger.writer(engine, "prod", where.config.dimensions)
    days = [(f"2026-11-{day:02} 05:00", 3 * TOKENS if day == 29 else TOKENS) for day in range(1, 30)]
    calls = [spend(day, str(Decimal(tokens).scaleb(-6)), model="fine") for day, tokens in days]
    writer.add(Batch(calls=calls))
    writer.commit()
    day, month = Decimal(3 * TOKENS), Decimal(sum(tokens for _, tokens in days))
    (odd,) = rows(where.ask("anomalies", where.window("2026-11-29", "2026-11-29")))
    assert odd["actual_usd"] == _times(day)
    (owner,) = rows(where.ask("budgets", where.window("2026-11-01", "2026-11-30")))
    assert owner["spent_usd"] == _times(month)


def _times(tokens: Decimal) -> Decimal:
    return Context(prec=100).multiply(tokens, COST)


def rows(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]
