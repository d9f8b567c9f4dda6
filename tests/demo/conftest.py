import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

import whyspend
from whyspend.config import SourceConfig, load
from whyspend.engines.duckdb import connect
from whyspend.workspace import Workspace

Opened = Callable[..., Workspace]


@dataclass(frozen=True)
class Ran:
    """A command that was run in a folder of its own."""

    folder: Path
    code: int
    stdout: str
    stderr: str
    seconds: float


def whyspend_in(folder: Path, *arguments: str) -> Ran:
    environ = {**os.environ, "PYTHONPATH": str(Path(whyspend.__file__).parents[1]), "PYTHONUTF8": "1"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "whyspend", *arguments],
        cwd=folder, env=environ, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    return Ran(folder, done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """`whyspend demo`, once, where nothing was."""
    return whyspend_in(tmp_path_factory.mktemp("demo"), "demo")


@pytest.fixture(scope="session")
def opened() -> Iterator[Opened]:
    """Opens a ledger whose only source is the demo; all of them ask one engine, so that it can be closed."""
    engine = connect(threads=1)

    def workspace_of(ledger: Path, **options: str) -> Workspace:
        source = SourceConfig("demo", "demo", MappingProxyType(options))
        settings = replace(load(None, {}), ledger=str(ledger), sources=MappingProxyType({"demo": source}))
        place = Workspace(settings)
        place.engine = engine
        return place

    yield workspace_of
    engine.close()


@pytest.fixture(scope="session")
def place(made: Ran, opened: Opened) -> Workspace:
    """The ledger that the command made."""
    return opened(made.folder / ".whyspend-demo")


@pytest.fixture(scope="session")
def calls(place: Workspace) -> Iterator[str]:
    """Its calls, as a table to ask SQL of; `began` is their start in microseconds."""
    root = place.ledger.root
    paths = [str(root / file.path) for file in place.ledger.snapshot().manifest.files]
    micros = place.engine.micros("started_at")
    place.engine.keep("demo_calls", f"SELECT *, {micros} AS began FROM {place.engine.scan(paths)}")
    yield "demo_calls"
    place.engine.forget("demo_calls")
