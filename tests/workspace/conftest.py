import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workspace.histories import TEN, altered, history, publish, workspace

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.workspace import Workspace


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDB]:
    opened = connect(threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history") / "ledger"
    publish(folder, history())
    return folder


@pytest.fixture
def place(tmp_path: Path, published: Path) -> Workspace:
    shutil.copytree(published, tmp_path / "ledger")
    return workspace(tmp_path)


@pytest.fixture(scope="session")
def dearer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return altered(tmp_path_factory.mktemp("books") / "dearer", TEN)
