"""The collector is killed again and again while several processes send to it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.collector.running import cells, environment, serving
from tests.collector.sender import AT_ONCE

ROOT = Path(__file__).parents[2]
SENDERS = 4
BATCHES = 100
PAUSE = 0.1
KILLS = 5

pytestmark = pytest.mark.slow


def sender(address: str, path: Path) -> "subprocess.Popen[bytes]":
    arguments = ["tests.collector.sender", address, str(BATCHES), str(path), str(PAUSE)]
    return subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, env=environment())


def test_every_acknowledged_run_is_in_the_ledger_once_whenever_the_collector_is_killed(
    tmp_path: Path,
) -> None:
    at = random.Random(5)
    senders: list[subprocess.Popen[bytes]] = []
    port, address = "0", ""
    for _ in range(KILLS):
        with serving(tmp_path, "--port", port) as server:
            address = server.address
            port = address.rpartition(":")[2]
            if not senders:
                senders = [sender(address, tmp_path / f"acknowledged-{n}") for n in range(SENDERS)]
            time.sleep(0.5 + at.random() * 2)
            assert not any(process.poll() is not None for process in senders), "all were still sending"
            server.end(signal.SIGKILL)
    with serving(tmp_path, "--port", port) as server:
        assert [process.wait(120) for process in senders] == [0] * SENDERS
        assert server.end() == 0
    acknowledged = [
        line for path in tmp_path.glob("acknowledged-*") for line in path.read_text().splitlines()
    ]
    assert len(acknowledged) == SENDERS * BATCHES * AT_ONCE
    held = cells(tmp_path, "true", "call_id, prompt_total, completion_total, latency_ms")
    assert sorted(row[0] for row in held) == sorted(acknowledged)
    assert {row[1:] for row in held} == {(10, 2, 1000)}
