"""What it costs to start: `whyspend --help` against `python -c pass`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench import measure
from bench.measure import Measured


def measured(_rows: int, _folder: Path) -> Iterator[Measured]:
    """CPU of the help, the least of ten."""
    commands = {
        "python": (sys.executable, "-c", "pass"),
        "help": (sys.executable, "-m", "whyspend", "--help"),
    }
    found = measure.least_of_commands(10, commands)
    yield Measured(
        "help: CPU of `whyspend --help`, against `python -c pass`",
        found["help"] / found["python"],
        f"{found['help'] * 1000:.0f} against {found['python'] * 1000:.0f} CPU ms",
    )
