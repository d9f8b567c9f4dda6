"""Bytes on disk per call, with four dimensions and real-shaped ids."""

from collections.abc import Iterator
from pathlib import Path

from bench import synthetic
from bench.measure import Measured
from bench.report import workspace_of


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """All files of the ledger, and which columns fill them."""
    root = synthetic.ledger(folder, rows)
    workspace = workspace_of(root)
    files = workspace.ledger.snapshot().manifest.files
    calls = sum(file.rows for file in files)
    columns = workspace.engine.column_bytes([str(root / file.path) for file in files])
    shown = ", ".join(f"{name} {size / calls:.1f}" for name, size in columns if size / calls >= 0.1)
    yield Measured("ledger: bytes on disk per call", sum(file.bytes for file in files) / calls, shown)
