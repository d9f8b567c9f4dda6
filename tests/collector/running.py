"""`whyspend serve` as a process of its own, and what applications send to it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import zstandard
from tests.collector.models import Told

from whyspend import registry
from whyspend.config import load
from whyspend.ledger import Ledger
from whyspend.money import usd
from whyspend.workspace import Workspace

Run = dict[str, Any]

FOREIGN = ("ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "OPENAI_", "OTEL_", "WHYSPEND_")
BOUNDARY = "a-boundary-of-ours"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that steers a client, and with some more."""
    clean = {key: value for key, value in os.environ.items() if not key.upper().startswith(FOREIGN)}
    return {**clean, "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1", **more}


@dataclass
class Serving:
    """A running collector."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)
    """Lines on stderr so far."""
    address: str = ""
    _talk: threading.Thread | None = None

    def listen(self) -> None:
        self._talk = threading.Thread(target=self._listen)
        self._talk.start()
        until = time.monotonic() + 30
        while not self.address and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        assert self.address, self.text

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"LANGSMITH_ENDPOINT=(http://\S+)", line):
                self.address = found[1]

    @property
    def text(self) -> str:
        return "".join(self.said)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self._talk:
            self._talk.join(10)
        if self.process.stderr:
            self.process.stderr.close()
        return code


@contextmanager
def serving(folder: Path, *options: str, **more: str) -> Iterator[Serving]:
    """Run `whyspend serve` on the ledger `folder/led` for a while."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Serving(started(folder, *options, **more))
    try:
        found.listen()
        yield found
    finally:
        found.end()


def started(folder: Path, *options: str, **more: str) -> "subprocess.Popen[str]":
    """Start `whyspend serve` on the ledger `folder/led`."""
    port = () if "--port" in options else ("--port", "0")
    return subprocess.Popen(
        [sys.executable, "-m", "whyspend", "serve", "--ledger", "led", *port, *options],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(**more),
    )


def report(folder: Path, *by: str) -> list[dict[str, Any]]:
    """The rows of `whyspend report` on `folder/led`, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "whyspend", "report", "--ledger", "led", "--format", "json", "--since", "3d"]
        + (["--by", ",".join(by)] if by else []),
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return rows


def cells(folder: Path, where: str, columns: str) -> list[tuple[Any, ...]]:
    """Columns of the calls that the ledger `folder/led` holds."""
    files = Ledger(folder / "led").snapshot().manifest.files
    engine = registry.load("engines", "duckdb").connect()
    try:
        held = engine.scan([str(folder / "led" / file.path) for file in files])
        found: list[tuple[Any, ...]] = engine.rows(f"SELECT {columns} FROM {held} WHERE {where}")
        return found
    finally:
        engine.close()


def within(seconds: float, folder: Path, calls: int, *by: str) -> list[dict[str, Any]]:
    """The report, once it has so many calls."""
    until = time.monotonic() + seconds
    while sum(row["calls"] for row in report(folder, *by)) < calls:
        assert time.monotonic() < until, report(folder, *by)
        time.sleep(0.1)
    return report(folder, *by)


def llm_run(
    number: int = 0, *, feature: str | None = "chat", text: str = "hello", tokens: tuple[int, int] = (10, 2)
) -> Run:
    """A whole run of a model, ended."""
    run_id = str(uuid.uuid4())
    start = datetime.now(UTC) - timedelta(minutes=5) + timedelta(milliseconds=number % 1000)
    metadata: dict[str, Any] = {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"}
    if feature:
        metadata["feature"] = feature
    metadata["usage_metadata"] = {
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "total_tokens": sum(tokens),
    }
    return {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": f"{start:%Y%m%dT%H%M%S%f}Z{run_id}",
        "session_name": "tests",
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": start.isoformat(),
        "end_time": (start + timedelta(seconds=1)).isoformat(),
        "inputs": {"messages": [{"role": "user", "content": text}]},
        "outputs": {"choices": [{"message": {"role": "assistant", "content": text}}]},
        "extra": {"metadata": metadata},
    }


def multipart(runs: Sequence[Run], op: str = "post", boundary: str = BOUNDARY) -> bytes:
    """Runs as the SDK sends them to `/runs/multipart`."""
    parts: list[tuple[str, object]] = []
    for run in runs:
        core = {key: value for key, value in run.items() if key not in ("inputs", "outputs", "extra")}
        parts.append((f"{op}.{run['id']}", core))
        parts += [
            (f"{op}.{run['id']}.{key}", run[key]) for key in ("inputs", "outputs", "extra") if key in run
        ]
    pieces = []
    for name, value in parts:
        body = json.dumps(value).encode()
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        pieces.append(head.encode() + body + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def send(
    address: str, runs: Sequence[Run], *, packed: bool = True, headers: Mapping[str, str] | None = None
) -> int:
    """Send runs as one multipart request; the status."""
    body = multipart(runs)
    encoding = {"Content-Encoding": "zstd"} if packed else {}
    answer = httpx2.post(
        f"{address}/runs/multipart",
        content=zstd(body) if packed else body,
        headers={"Content-Type": MULTIPART, **encoding, **(headers or {})},
        timeout=30,
    )
    return answer.status_code


def priced(folder: Path) -> list[Told]:
    """Each call that the ledger `folder/led` holds, with its cost, at the prices of when it was made."""
    place = Workspace(replace(load(None, {}), ledger=str(folder / "led")))
    data = place.data(place.window("3d"))
    columns = {"feature": "feature", "answered": "coalesce(model_answered, model_requested)"}
    sql = f"SELECT * FROM ({data.priced_calls(columns)}) priced"
    names = [name for name, _ in place.engine.columns(sql)]
    return [_told(dict(zip(names, row, strict=True))) for row in place.engine.rows(sql)]


def _told(row: Run) -> Told:
    cost = usd(row["cost"])
    found = {name: row[name] for name in Told._fields if name in row}
    return Told(**found | {"model": row["answered"], "cost": None if cost is None else cost.normalize()})
