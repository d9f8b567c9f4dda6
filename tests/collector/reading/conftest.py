from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector.reading.ledgers import Answers, answers, calls, made


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger `led` of every kind of call, and its whyspend.toml."""
    found = tmp_path_factory.mktemp("reading")
    made(found, calls())
    return found


@pytest.fixture(scope="session")
def asked(folder: Path) -> Iterator[Answers]:
    with answers(made(folder, [])) as found:
        yield found
