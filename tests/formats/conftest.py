from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.formats.answers import written

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.model import Table

TIME = "TIMESTAMP WITH TIME ZONE"
ReadBack = Callable[[Table], tuple[list[tuple[str, str]], list[tuple[Any, ...]]]]


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    engine = connect(threads=1)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def parquet(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> ReadBack:
    """Write a table as Parquet and read it back: its columns with their types, and its rows."""
    folder, numbers = tmp_path_factory.mktemp("parquet"), count()

    def read_back(table: Table) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
        # DuckDB keeps what it read of a file: one that is written again within its clock's tick is read as it was.
        path = folder / f"{next(numbers)}.parquet"
        path.write_bytes(written("parquet", table, engine=engine))
        file = f"read_parquet({engine.literal(str(path))})"
        columns = engine.columns(f"SELECT * FROM {file}")
        # DuckDB needs another package to hand over a time; as text it needs none.
        cells = (
            f"CAST(#{n} AS VARCHAR)" if type_ == TIME else f"#{n}" for n, (_, type_) in enumerate(columns, 1)
        )
        return columns, engine.rows(f"SELECT {', '.join(cells)} FROM {file}")

    return read_back


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return Path(__file__).parent.parent / "golden" / "formats"
