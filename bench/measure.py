"""How things are measured: CPU seconds of a whole process, interleaved, the least of several rounds.

Memory, and whatever needs a fresh process, is measured in one: `python -m bench.measure MODULE FUNCTION ARGUMENTS`
runs one function and prints its result as JSON, with the peak of its memory.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """A figure to be held against a bar of that name, or without a bar to be told beside it."""

    name: str
    value: float
    detail: str = ""
    """The absolute figures behind it."""


def cpu_of(action: Callable[[], object]) -> float:
    """CPU seconds, user and system, of all threads of this process while it acts."""
    before = time.process_time()
    action()
    return time.process_time() - before


def least(rounds: int, actions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The least CPU seconds of each action, taken in turn in every round."""
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            found[name].append(cpu_of(action))
    return {name: min(seconds) for name, seconds in found.items()}


def command(*arguments: str) -> float:
    """CPU seconds of a command, from its start to its end."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least_of_commands(rounds: int, commands: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The least CPU seconds of each command, taken in turn in every round."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            found[name].append(command(*arguments))
    return {name: min(seconds) for name, seconds in found.items()}


def apart(module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """The result of a function, a dict, in a fresh process; with `peak_mb`, the peak of its memory in MB."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.measure", module, function, json.dumps(arguments)],
        check=True,
        stdout=subprocess.PIPE,
        env=_environment(),
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@contextmanager
def page_server(runs: int, days: int) -> Iterator[str]:
    """The address of a server of that many runs, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.page_server", str(runs), str(days)],
        stdout=subprocess.PIPE,
        env=_environment(),
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss: on Linux it begins with the size of the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[1]
    places = [str(root), str(root / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def _main(module: str, function: str, arguments: str) -> None:
    result = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    print(json.dumps({**result, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
