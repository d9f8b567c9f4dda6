from collections.abc import Iterator
from pathlib import Path

import pytest

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.ledger import Ledger


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)  # quicker than two, for so few rows
    yield opened
    opened.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")
