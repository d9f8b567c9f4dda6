"""The collector on one core: what it takes in, what that costs, when the ledger has it, and its memory.

The server has one core for itself, senders have another; where there is but one they share it.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import httpx2
import msgspec
import zstandard

from bench.measure import Measured, cpu_of
from whyspend.collector.publishing import SEGMENT
from whyspend.config import load
from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger
from whyspend.model import Batch

SENDERS = 4
AT_ONCE = 100
RATE = 5_000
"""Runs a second of the steady run."""
WARM_SECONDS = 30
"""After which memory should climb no more."""
BOUNDARY = "a-boundary"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Encoding": "zstd"}

_KILOBYTES = re.compile(r"^Vm(RSS|HWM):\s+(\d+) kB$", re.MULTILINE)

A_DAY = """
SELECT 'bench' AS project, md5('call' || i) AS call_id, md5('call' || i) AS trace_id,
  TIMESTAMPTZ '{day} 00:00:00+00' + to_milliseconds(i) AS started_at, 1000 AS latency_ms, 'ChatOpenAI' AS name,
  'openai' AS provider, 'gpt-4o-mini' AS model_requested, 100 + i % 900 AS input_tokens, 20 AS output_tokens,
  100 + i % 900 AS prompt_total, 20 AS completion_total, 'metadata' AS usage_source,
  'feature-' || i % 40 AS feature, 'call' AS feature_from
FROM range({first}, {last}) r(i)
"""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """Send runs of 2 KB in batches of 100, as the SDK packs them: first as fast as they are taken, then steadily."""
    runs = min(100_000, max(10_000, rows // 100))
    yield from _fast(runs, folder)
    yield from _steady(min(600_000, max(10_000, rows // 16)), min(1_000_000, rows // 10))


def _fast(runs: int, folder: Path) -> Iterator[Measured]:
    bodies = [_body(number) for number in range(runs // AT_ONCE)]
    packed = [zstandard.ZstdCompressor().compress(body) for body in bodies]
    with TemporaryDirectory() as place, _serving(Path(place)) as server:
        began = time.monotonic()
        _send_all(server.address, bodies)
        seconds = time.monotonic() - began
    floors = [_floor(folder / "floor", packed) for _ in range(3)]
    floor, floor_seconds = min(cpu for cpu, _ in floors), min(wall for _, wall in floors)
    yield Measured(
        "collector: CPU of a run, from the request to the ledger, against parsing and syncing it",
        server.cpu / floor,
        f"{runs / server.cpu:,.0f} runs per CPU second; "
        f"{runs:,} runs of {len(bodies[0]) / AT_ONCE:,.0f} bytes in zstd",
    )
    yield Measured(
        "collector: runs accepted and durable, on one core",
        runs / seconds,
        f"{floor_seconds / seconds:.0%} of what parsing and syncing alone reaches "
        f"({runs / floor_seconds:,.0f} a second); {SENDERS} senders on another core, {os.getloadavg()[0]:.1f} "
        "processes that want to run",
    )


def _steady(runs: int, calls: int) -> Iterator[Measured]:
    with TemporaryDirectory() as place:
        _fill(Path(place), calls)
        with _serving(Path(place)) as server:
            watched = _Watched(server, Ledger(Path(place) / "led"))
            watched.start()
            began = time.monotonic()
            _send_all(server.address, range(runs // AT_ONCE), began)
            seconds = time.monotonic() - began
            watched.stop()
    watched.end()
    waits = sorted(watched.waits)
    warm = [mb for at, mb in watched.memory if WARM_SECONDS < at < seconds]
    sent = f"{runs:,} runs at {runs / seconds:,.0f} a second"
    yield Measured(
        "collector: seconds from the acknowledgement to the ledger, at the most",
        waits[-1],
        f"median {waits[len(waits) // 2]:.2f}, p95 {waits[len(waits) * 95 // 100]:.2f} of {len(waits)}; "
        f"a day of {calls:,} calls, and {sent}",
    )
    if warm:
        first, second = median(warm[: len(warm) // 2]), median(warm[len(warm) // 2 :])
        yield Measured(
            "collector: memory in the second half of a steady run, against the first",
            second / first,
            f"at the median {second:.0f} against {first:.0f} MB, after {WARM_SECONDS} s; {sent}",
        )
    if watched.memory:
        yield Measured("collector: peak memory", watched.peak_mb, f"to its end; {sent}")


@dataclass
class _Server:
    """A collector in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str
    cpu: float = 0.0
    """CPU seconds from its start to its end, with the last call in the ledger."""


@contextmanager
def _serving(place: Path) -> Iterator[_Server]:
    """Run a collector on one core, and this thread and those that it starts on others."""
    process = subprocess.Popen(
        [sys.executable, "-m", "whyspend", "serve", "--port", "0", "--ledger", "led"],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with _apart_from(process.pid):
        said = (re.search(r"LANGSMITH_ENDPOINT=(\S+)", line) for line in process.stderr)
        server = _Server(process, next(found[1] for found in said if found))
        yield server
        process.terminate()
        process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    server.cpu = used.ru_utime + used.ru_stime


@contextmanager
def _apart_from(pid: int) -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity") or len(cores := os.sched_getaffinity(0)) < 2:
        yield
        return
    one = min(cores)
    os.sched_setaffinity(pid, {one})
    os.sched_setaffinity(0, cores - {one})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _send_all(address: str, bodies: Sequence[bytes | int], began: float | None = None) -> None:
    """Send bodies, or those that are made by number; where it is said when this began, at RATE."""
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda first: _send(address, bodies, first, began), range(SENDERS)))


def _send(address: str, bodies: Sequence[bytes | int], first: int, began: float | None) -> None:
    packing = zstandard.ZstdCompressor()
    with httpx2.Client(timeout=60) as client:
        for at in range(first, len(bodies), SENDERS):
            body = bodies[at]
            packed = packing.compress(body if isinstance(body, bytes) else _body(body))
            if began is not None:
                time.sleep(max(0.0, began + at * AT_ONCE / RATE - time.monotonic()))
            _insist(client, address, packed)


def _insist(client: httpx2.Client, address: str, packed: bytes) -> None:
    while client.post(f"{address}/runs/multipart", content=packed, headers=HEADERS).status_code != 202:
        time.sleep(1)


@dataclass
class _Watched:
    """Looks at a collector while it works: how much memory it has, and when a run that was sent is in the ledger."""

    server: _Server
    ledger: Ledger
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, MB), where the system tells it."""
    peak_mb: float = 0.0
    waits: list[float] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        looks: list[Callable[[], None]] = [self._weigh, self._wait]
        self._threads = [threading.Thread(target=look) for look in looks]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more; look at its memory until it ends."""
        self._stopping.set()
        self._threads[1].join()

    def end(self) -> None:
        self._threads[0].join()

    def _weigh(self) -> None:
        # Not the peak that the system tells at the end: it counts the one of this process, from which it was forked.
        status = Path(f"/proc/{self.server.process.pid}/status")
        began = time.monotonic()
        while status.exists() and (found := dict(_KILOBYTES.findall(status.read_text()))):
            self.memory.append((time.monotonic() - began, int(found["RSS"]) / 1024))
            self.peak_mb = int(found["HWM"]) / 1024
            time.sleep(0.1)

    def _wait(self) -> None:
        """Send a run with a model of its own now and then, and wait for the manifest to name that."""
        with httpx2.Client(timeout=60) as client:
            while not (self._stopping.wait(0.3) and self.waits):
                model = f"probe-{len(self.waits)}"
                body = _multipart(_parts(len(self.waits), model))
                _insist(client, self.server.address, zstandard.ZstdCompressor().compress(body))
                acknowledged = time.monotonic()
                while f"openai|{model}|" not in self._held():
                    time.sleep(0.02)
                self.waits.append(time.monotonic() - acknowledged)

    def _held(self) -> set[str]:
        return {key for file in self.ledger.snapshot().manifest.files for key in file.priced}


def _fill(place: Path, calls: int) -> None:
    """A ledger of one day, today, as a collector leaves it."""
    engine = connect(threads=1)
    writer = Ledger(place / "led").writer(
        engine, "collector", load(None, {}).dimensions, grace=0, segment=SEGMENT
    )
    for first in range(0, calls, SEGMENT):
        relation = A_DAY.format(day=datetime.now(UTC).date(), first=first, last=min(calls, first + SEGMENT))
        writer.add(Batch(relation=relation))
        writer.commit()
    engine.close()


def _floor(path: Path, packed: Sequence[bytes]) -> tuple[float, float]:
    """Unpack, split and decode each body, and write it as it came, synced one by one; CPU seconds, and seconds."""
    began = time.monotonic()
    with path.open("wb") as file:
        cpu = cpu_of(lambda: _read_and_sync(packed, file))
    seconds = time.monotonic() - began
    path.unlink()
    return cpu, seconds


def _read_and_sync(packed: Sequence[bytes], file: BinaryIO) -> None:
    for body in packed:
        whole = zstandard.ZstdDecompressor().decompress(body)
        for part in whole.split(f"--{BOUNDARY}".encode())[1:-1]:
            msgspec.json.decode(part.partition(b"\r\n\r\n")[2])
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _body(number: int) -> bytes:
    """100 runs as one multipart body."""
    return _multipart(part for at in range(AT_ONCE) for part in _parts(number * AT_ONCE + at))


def _multipart(parts: Iterable[tuple[str, dict[str, Any]]]) -> bytes:
    pieces = []
    for name, value in parts:
        body = json.dumps(value)
        pieces.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/json\r\n'
            f"Content-Length: {len(body)}\r\n\r\n{body}\r\n"
        )
    return "".join(pieces).encode() + f"--{BOUNDARY}--\r\n".encode()


def _parts(number: int, model: str = "gpt-4o-mini") -> Iterator[tuple[str, dict[str, Any]]]:
    run_id = str(uuid.uuid4())
    start = datetime.now(UTC) - timedelta(minutes=5)
    text = f"{number:x} words of a prompt that nobody keeps; " * 9
    counts = {"input_tokens": 100 + number % 900, "output_tokens": 20, "total_tokens": 120 + number % 900}
    metadata = {
        "ls_provider": "openai",
        "ls_model_name": model,
        "feature": f"feature-{number % 40}",
        "env": "production",
        "usage_metadata": counts,
    }
    yield (
        f"post.{run_id}",
        {
            "id": run_id,
            "trace_id": run_id,
            "dotted_order": f"{start:%Y%m%dT%H%M%S%f}Z{run_id}",
            "session_name": "bench",
            "name": "ChatOpenAI",
            "run_type": "llm",
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(seconds=1)).isoformat(),
        },
    )
    yield f"post.{run_id}.inputs", {"messages": [{"role": "user", "content": text}]}
    yield f"post.{run_id}.outputs", {"choices": [{"message": {"role": "assistant", "content": text}}]}
    yield f"post.{run_id}.extra", {"metadata": metadata}
