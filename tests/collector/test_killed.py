"""The collector is killed again and again while several processes with LangSmith's SDK send to it.

With WHYSPEND_KILLED_RUNS=200000 so many runs are sent, in some minutes.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.collector.running import cells, environment, serving
from tests.collector.sender import counts

ROOT = Path(__file__).parents[2]
RUNS = int(os.environ.get("WHYSPEND_KILLED_RUNS", "4000"))
"""Those whose end is acknowledged."""
SENDERS = 4
KILLS = 5
RETRIES = (1, 1, 1, 0)
"""Of each sender: whether the SDK tries again for seconds, as it does unless told otherwise, or gives up soon."""

pytestmark = pytest.mark.slow

LINE = len("patch 01234567-89ab-cdef-0123-456789abcdef\n")


class Senders:
    """Processes that send, each with its file of what was acknowledged."""

    def __init__(self, folder: Path, address: str) -> None:
        self.files = [folder / f"acknowledged-{number}" for number in range(SENDERS)]
        self.processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.collector.sender",
                    address,
                    str(RUNS // SENDERS),
                    path,
                    str(retries),
                ],
                cwd=ROOT,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the SDK's warnings about a server that was killed
                text=True,
            )
            for path, retries in zip(self.files, RETRIES, strict=True)
        ]

    def wait_for(self, share: float) -> None:
        """Wait until all have begun, and the foremost has so much of its work done: all of them are still sending."""
        until = time.monotonic() + 60 + RUNS / 100
        while 0 in (done := self._written()) or max(done) < share * 2 * LINE * RUNS / SENDERS:
            assert time.monotonic() < until, f"nothing more was acknowledged than {done}"
            time.sleep(0.02)
        assert not any(process.poll() is not None for process in self.processes), "all were still sending"

    def _written(self) -> list[int]:
        return [path.stat().st_size if path.exists() else 0 for path in self.files]

    def made(self) -> int:
        """Wait for their end; how many runs they made."""
        told = [process.communicate(timeout=120 + RUNS / 100)[0].split() for process in self.processes]
        assert [process.returncode for process in self.processes] == [0] * SENDERS
        assert all(int(packed) > 1 for _, packed in told)
        return sum(int(made) for made, _ in told)

    def acknowledged(self, op: str) -> list[str]:
        """The ids of the runs whose post or patch was."""
        lines = [line.split(" ") for path in self.files for line in path.read_text().splitlines()]
        return [run_id for told, run_id in lines if told == op]

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def held(folder: Path) -> dict[str, Any]:
    """What the ledger has of each run; no run is there twice."""
    rows = cells(folder, "true", "call_id, error_kind, prompt_total, completion_total")
    assert not [run for run, times in Counter(row[0] for row in rows).items() if times > 1]
    return {run_id: found for run_id, *found in rows}


def test_every_acknowledged_run_is_in_the_ledger_once_whenever_the_collector_is_killed(
    tmp_path: Path,
) -> None:
    """A run whose end was acknowledged is a call with its tokens, though its start never came; one whose start alone
    was is kept as pending over all restarts, until it is given up."""
    senders: Senders | None = None
    port = "0"
    try:
        for number in range(KILLS):
            with serving(tmp_path, "--port", port) as server:
                port = server.address.rpartition(":")[2]
                senders = senders or Senders(tmp_path, server.address)
                senders.wait_for((number + 1) / (KILLS + 1))
                server.end(signal.SIGKILL)
        assert senders
        with serving(tmp_path, "--port", port) as server:
            made = senders.made()
            assert server.end() == 0
    finally:
        if senders:
            senders.kill()
    ended, begun = senders.acknowledged("patch"), senders.acknowledged("post")
    calls = held(tmp_path)
    assert RUNS <= len(ended) == len(set(ended)) <= len(calls) <= made
    assert not set(ended) - calls.keys()
    assert {run_id: (None, *counts(run_id)) for run_id in calls} == {
        run_id: tuple(found) for run_id, found in calls.items()
    }

    (tmp_path / "whyspend.toml").write_text("[collector]\nclose_after_s = 1\n")
    unended = set(begun) - calls.keys()
    assert unended
    with serving(tmp_path) as server:
        until = time.monotonic() + 60
        while unended - held(tmp_path).keys() and time.monotonic() < until:
            time.sleep(0.5)
        assert server.end() == 0
    later = held(tmp_path)
    assert not unended - later.keys()
    assert {run_id: later[run_id] for run_id in calls} == calls
    assert {tuple(later[run_id]) for run_id in later.keys() - calls.keys()} == {("NeverEnded", 0, 0)}
    assert len(later) <= made
    print(
        f"{made:,} made, {len(ended):,} ends and {len(begun):,} starts acknowledged, {len(later):,} in the ledger"
    )
