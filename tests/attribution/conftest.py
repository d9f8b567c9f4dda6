from collections.abc import Iterator

import pytest

from whyspend.engines.duckdb import DuckDB


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    opened = DuckDB(threads=1)
    yield opened
    opened.close()
