import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dashboard.served import Served, serving
from tests.demo.conftest import whyspend_in

SETTINGS = """\
# Who owns what. This comment stays.
ledger = ".whyspend-demo"
dimensions = ["feature", "env", "user_tier", "customer_id"]

[[budgets]]
name = "agent-copilot"
where = { feature = "agent-copilot" }
limit_usd = 500

[[budgets]]
name = "any customer"
each = "customer_id"
limit_usd = 40
"""


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's ledger and a configuration; not to be changed."""
    folder = tmp_path_factory.mktemp("dashboard")
    made = whyspend_in(folder, "demo")
    assert made.code == 0, made.stderr
    (folder / "whyspend.toml").write_text(SETTINGS)
    return folder


@pytest.fixture
def own_folder(demo_folder: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    folder = tmp_path / "own"
    shutil.copytree(demo_folder, folder, ignore=shutil.ignore_patterns("spool"))
    return folder


@pytest.fixture(scope="session")
def served(demo_folder: Path) -> Iterator[Served]:
    with serving(demo_folder) as found:
        yield found
