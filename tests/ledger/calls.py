"""Calls to fill ledgers with, and ways to read ledgers that are not the ledger's own."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from whyspend.engines.duckdb import DuckDB
from whyspend.ledger import Ledger, Published
from whyspend.model import COLUMNS, Batch, Call

DAY = date(2026, 11, 3)
DIMENSIONS = ("feature", "env")
SET_BY_LEDGER = ("ingested_at", "price_key", "request_root", "model_root", "request_mixed")


def at(clock: str = "12:00", day: int = 0) -> int:
    """Microseconds of a time of day (UTC), on DAY or days after it."""
    hours, minutes = clock.split(":")
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(
        days=day, hours=int(hours), minutes=int(minutes)
    )
    return round(start.timestamp()) * 1_000_000


def call(call_id: str, started_at: int | None = None, **fields: Any) -> Call:
    """A call of 100 input and 10 output tokens, alone in its trace unless `trace_id` says otherwise."""
    plain: dict[str, Any] = {
        "source": "prod",
        "project": "chat",
        "call_id": call_id,
        "trace_id": f"trace-{call_id}",
        "started_at": at() if started_at is None else started_at,
        "provider": "openai",
        "model_requested": "gpt-4o",
        "input_tokens": 100,
        "output_tokens": 10,
        "prompt_total": 100,
        "completion_total": 10,
        "usage_source": "metadata",
        "dimensions": ("search", "production"),
        "attributed": ("call", "root"),
    }
    return Call(**(plain | fields))


def without_counts(call_id: str, started_at: int | None = None, **fields: Any) -> Call:
    """A version of a call that says nothing but that it happened."""
    empty: dict[str, Any] = {
        "provider": None, "model_requested": None, "usage_source": None, "input_tokens": 0, "output_tokens": 0,
        "prompt_total": 0, "completion_total": 0, "dimensions": (None, None), "attributed": (None, None),
    }  # fmt: skip
    return call(call_id, started_at, **(empty | fields))


def publish(
    ledger: Ledger,
    engine: DuckDB,
    calls: Sequence[Call] = (),
    *,
    source: str = "prod",
    dimensions: tuple[str, ...] = DIMENSIONS,
    dropped: Sequence[tuple[int, str]] = (),
    watermarks: dict[str, int] | None = None,
    **options: Any,
) -> Published:
    """Add one batch and commit it."""
    writer = ledger.writer(engine, source, dimensions, **options)
    writer.add(Batch(calls=calls, dropped=dropped))
    return writer.commit(watermarks)


def everything(
    ledger: Ledger, engine: DuckDB, dimensions: tuple[str, ...] = DIMENSIONS
) -> list[dict[str, Any]]:
    """All calls of a ledger as dicts, by source and id; times as microseconds."""
    start, end = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    relation = ledger.snapshot().between(start, end).relation(engine, dimensions)
    return selected(engine, f"SELECT * FROM {relation} ORDER BY source, call_id")


def selected(engine: DuckDB, sql: str) -> list[dict[str, Any]]:
    """Rows as dicts; times as microseconds."""
    columns = engine.columns(sql)
    cells = ", ".join(
        f"epoch_us({engine.identifier(name)})" if kind.startswith("TIMESTAMP") else engine.identifier(name)
        for name, kind in columns
    )
    names = [name for name, _ in columns]
    return [dict(zip(names, row, strict=True)) for row in engine.rows(f"SELECT {cells} FROM ({sql})")]


def flags(ledger: Ledger, engine: DuckDB) -> dict[str, tuple[int, int, int]]:
    """call id -> (request_root, model_root, request_mixed)."""
    return {
        row["call_id"]: (row["request_root"], row["model_root"], row["request_mixed"])
        for row in everything(ledger, engine)
    }


def as_row(made: Call, dimensions: Sequence[str] = DIMENSIONS) -> dict[str, Any]:
    """What the ledger should give back for a call, but for the columns that it sets itself."""
    row = {column.name: getattr(made, column.name) for column in COLUMNS if column.name not in SET_BY_LEDGER}
    row["tags"] = list(made.tags) if made.tags is not None else None
    row |= dict(zip(dimensions, made.dimensions, strict=True))
    return row | {f"{key}_from": value for key, value in zip(dimensions, made.attributed, strict=True)}


def as_given(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the ledger without the columns that it sets itself."""
    return [{key: value for key, value in row.items() if key not in (*SET_BY_LEDGER, "day")} for row in rows]


def live_files(ledger: Ledger) -> list[Path]:
    """The files that count."""
    return [ledger.root / file.path for file in ledger.snapshot().manifest.files]


def all_files(ledger: Ledger) -> dict[str, bytes]:
    """Every file of the folder but the lock, with its content."""
    return {
        path.relative_to(ledger.root).as_posix(): path.read_bytes()
        for path in sorted(ledger.root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
