"""The collector: CPU of a run from the request to the ledger, against parsing and syncing its bytes; and its memory."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import msgspec
import zstandard

from bench.measure import Measured, cpu_of

SENDERS = 4
AT_ONCE = 100
BOUNDARY = "a-boundary"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Encoding": "zstd"}


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """Send runs of 2 KB in batches of 100, as the SDK packs them, as fast as they are taken."""
    runs = min(100_000, max(10_000, rows // 100))
    bodies = [_body(number) for number in range(runs // AT_ONCE)]
    with TemporaryDirectory() as place:
        cpu, seconds, peak_mb = _served(Path(place), bodies)
    packed = [zstandard.ZstdCompressor().compress(body) for body in bodies]
    floor = min(cpu_of(lambda: _floor(folder / "floor", packed)) for _ in range(3))
    yield Measured(
        "collector: CPU of a run, from the request to the ledger, against parsing and syncing it",
        cpu / floor,
        f"{runs / cpu:,.0f} runs per CPU second, {runs / seconds:,.0f} a second from {SENDERS} senders on the same "
        f"machine; {runs:,} runs of {len(bodies[0]) / AT_ONCE:,.0f} bytes in zstd",
    )
    yield Measured("collector: peak memory", peak_mb, f"after {runs:,} runs as fast as they are taken")


def _served(place: Path, bodies: Sequence[bytes]) -> tuple[float, float, float]:
    """CPU seconds of a whole collector, from its start to its end, with the last call in the ledger; seconds that the
    senders took; and the peak of its memory in MB."""
    server = subprocess.Popen(
        [sys.executable, "-m", "whyspend", "serve", "--port", "0", "--ledger", "led"],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    said = (re.search(r"LANGSMITH_ENDPOINT=(\S+)", line) for line in server.stderr)
    address = next(found[1] for found in said if found)
    began = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda number: _send(address, bodies[number::SENDERS]), range(SENDERS)))
    seconds = time.monotonic() - began
    server.terminate()
    server.stderr.read()
    _, status, used = os.wait4(server.pid, 0)
    server.returncode = os.waitstatus_to_exitcode(status)
    assert server.returncode == 0
    return used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024


def _send(address: str, bodies: Sequence[bytes]) -> None:
    packing = zstandard.ZstdCompressor()
    with httpx2.Client(timeout=60) as client:
        for body in bodies:
            packed = packing.compress(body)
            while (
                client.post(f"{address}/runs/multipart", content=packed, headers=HEADERS).status_code != 202
            ):
                time.sleep(1)


def _floor(path: Path, packed: Sequence[bytes]) -> None:
    """Unpack, split and decode each body, and write it as it came, synced one by one."""
    with path.open("wb") as file:
        for body in packed:
            whole = zstandard.ZstdDecompressor().decompress(body)
            for part in whole.split(f"--{BOUNDARY}".encode())[1:-1]:
                msgspec.json.decode(part.partition(b"\r\n\r\n")[2])
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    path.unlink()


def _body(number: int) -> bytes:
    """100 runs as one multipart body."""
    pieces = []
    for name, value in (part for at in range(AT_ONCE) for part in _parts(number * AT_ONCE + at)):
        body = json.dumps(value)
        pieces.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/json\r\n'
            f"Content-Length: {len(body)}\r\n\r\n{body}\r\n"
        )
    return "".join(pieces).encode() + f"--{BOUNDARY}--\r\n".encode()


def _parts(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    run_id = str(uuid.uuid4())
    start = datetime.now(UTC) - timedelta(minutes=5)
    text = f"{number:x} words of a prompt that nobody keeps; " * 9
    counts = {"input_tokens": 100 + number % 900, "output_tokens": 20, "total_tokens": 120 + number % 900}
    metadata = {
        "ls_provider": "openai",
        "ls_model_name": "gpt-4o-mini",
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
