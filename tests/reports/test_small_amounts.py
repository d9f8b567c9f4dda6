"""Sentences say small dollars with their first two digits: a cost that reads $0.00 is none."""

from pathlib import Path
from typing import Any

import msgspec
from tests.reports.spending import place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.workspace import Workspace
from whyspend.workspace.signals import signals

NOW = "2026-11-29 12:00"
TINY = """
[spikes]
floor_usd = 0.000001
[[budgets]]
name = "x"
where = { feature = "x" }
period = "week"
limit_usd = 1
"""


def small(folder: Path, engine: DuckDB) -> Workspace:
    """$0.000007 a day, and on the last day $0.00068; the source recorded a little less."""
    where = place(folder, engine, "\n" + TINY, NOW)
    usual = [spend(f"2026-11-{day:02} 09:00", "0.000007") for day in range(1, 28)]
    dear = [spend("2026-11-28 09:00", "0.00068"), spend("2026-11-28 09:00", "0.00002", "new")]
    calls = [
        msgspec.structs.replace(call, reported_cost=call.input_tokens * 999_000) for call in (*usual, *dear)
    ]
    publish(where, calls, since="2026-11-01", upto="2026-11-29 12:00")
    return where


def said(where: Workspace, report: str, **options: Any) -> str:
    answer = where.ask(report, where.window("2026-11-22", "2026-11-28"), **options)
    text = "\n".join((answer.headline, *answer.notes))
    assert "$0.00 " not in text and "$0.00." not in text and "$0.00," not in text and "E-" not in text
    return text


def test_the_cost_of_a_request(tmp_path: Path, engine: DuckDB) -> None:
    assert "p50 $0.0000070, p95 $0.00068, p99 $0.00068, highest $0.00068." in said(
        small(tmp_path, engine), "requests"
    )


def test_how_far_another_figure_is(tmp_path: Path, engine: DuckDB) -> None:
    assert "The ledger is $0.00000074 (0.10%) above the other figure" in said(
        small(tmp_path, engine), "reconcile", recorded=True
    )


def test_what_no_budget_names(tmp_path: Path, engine: DuckDB) -> None:
    assert "rag-search ($0.00072), new ($0.000020)" in said(small(tmp_path, engine), "budgets")


def test_what_is_out_of_the_ordinary(tmp_path: Path, engine: DuckDB) -> None:
    where = small(tmp_path, engine)
    text = said(where, "anomalies")
    assert "$0.00068 instead of about $0.0000070" in "\n".join(
        str(row[-1]) for row in where.ask("anomalies", where.window("2026-11-22", "2026-11-28")).rows
    )
    assert "$0.0000010" in text, "what a day must cost to be looked at"


def test_where_the_month_will_end(tmp_path: Path, engine: DuckDB) -> None:
    assert "; $0.00089 spent so far." in said(small(tmp_path, engine), "forecast")


def test_alerts(tmp_path: Path, engine: DuckDB) -> None:
    where = small(tmp_path, engine)
    found = {each.case.kind: each for each in signals(where.data(where.window()), where.config, where.now)}
    assert "$0.00068 on 2026-11-28, usual are $0.0000070, 97.1 times." in found["spike"].case.title
    assert found["new_feature"].case.title == "New feature: new, since 2026-11-28: $0.000020."
