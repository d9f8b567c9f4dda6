from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dashboard.served import Served, demo_in, serving


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's ledger and a configuration; not to be changed."""
    return demo_in(tmp_path_factory.mktemp("dashboard"))


@pytest.fixture(scope="session")
def served(demo_folder: Path) -> Iterator[Served]:
    with serving(demo_folder) as found:
        yield found
