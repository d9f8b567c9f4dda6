"""Calls that arrive as columns are published as the same calls that arrive one by one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.loopback.langsmith_server import LangSmith
from tests.loopback.pulling import Held, calls_of, four_days, read
from tests.loopback.traffic import DIMENSIONS

from whyspend.engines import duckdb
from whyspend.ledger import Ledger
from whyspend.model import COLUMNS, Batch


def published(root: Path, batches: list[Batch]) -> list[tuple[Any, ...]]:
    engine = duckdb.connect()
    try:
        writer = Ledger(root).writer(engine, "prod", DIMENSIONS)
        for batch in batches:
            writer.add(batch)
        writer.commit()
        names = [f"CAST({column.name} AS VARCHAR)" for column in COLUMNS if column.name != "ingested_at"]
        names += [name for dimension in DIMENSIONS for name in (dimension, f"{dimension}_from")]
        files = engine.scan([str(path) for path in root.glob("calls/*/*.parquet")])
        return engine.rows(f"SELECT {', '.join(names)} FROM {files} ORDER BY call_id")
    finally:
        engine.close()


def test_calls_as_columns_are_published_as_calls_one_by_one(tmp_path: Path) -> None:
    made = four_days()
    with LangSmith(projects=list(made.projects)) as server:
        server.hold(made.runs)
        batches = list(read(server, Held()))
    assert any(batch.columns for batch in batches) and any(batch.calls for batch in batches)
    one_by_one = [replace(batch, calls=calls_of(batch), columns=None) for batch in batches]
    assert published(tmp_path / "a", batches) == published(tmp_path / "b", one_by_one)
