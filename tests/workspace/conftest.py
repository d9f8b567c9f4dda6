from collections.abc import Iterator

import pytest

from whyspend.engines.duckdb import DuckDB, connect


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()
