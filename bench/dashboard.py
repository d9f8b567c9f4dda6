"""Pages against the questions that they ask, 20 people at once, and the memory of the server.

A page is worked out anew in each round: the manifest is touched, which is what tells the server that its answers may
have changed. Its CPU is that of the whole server meanwhile; that of the questions is of `Workspace.ask` in a process of
its own, as a command asks them: without pictures, without a page.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import workspace_of
from bench.synthetic import FIRST_DAY, LAST_DAY

ROUNDS = 3
PEOPLE = 20
DAYS = f"since={LAST_DAY - timedelta(days=29)}&until={LAST_DAY}"
"""What is asked about: 30 of the ledger's 90 days."""

PAGES = {
    "/": ("report", "explain", "forecast", "budgets"),
    "/reports/report": ("report",),
    "/reports/explain": ("explain",),
    "/reports/requests": ("requests",),
    "/reports/coverage": ("coverage",),
}
"""Each page, and the questions that it asks."""


@dataclass(frozen=True)
class Server:
    """A dashboard in a process of its own."""

    address: str
    pid: int
    root: Path

    def cpu(self) -> float:
        """CPU seconds so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """The most memory that it has held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    def get(self, path: str) -> float:
        """Seconds that a page takes."""
        began = time.monotonic()
        assert self.status(path) == 200, path
        return time.monotonic() - began

    def status(self, path: str) -> int:
        """What it answers."""
        with httpx2.Client(timeout=120) as client:
            return client.get(self.address + path).status_code

    def changed(self) -> None:
        """Let nothing that was answered count any more."""
        (self.root / "manifest.json").touch()


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """What a page costs beside its questions; people at once; memory."""
    root = synthetic.ledger(folder, rows)
    questions = measure.apart(__name__, "questions_alone", root=str(root))
    with _served(root) as server:
        pages, again = _pages(server)
        ratios = {path: pages[path] / questions[path] for path in PAGES}
        worst = max(ratios, key=lambda path: ratios[path])
        said = ", ".join(f"{path} {pages[path]:.2f} against {questions[path]:.2f}" for path in PAGES)
        yield Measured(
            "dashboard: CPU of a page, against its questions alone",
            ratios[worst],
            f"the worst; CPU s: {said}",
        )
        yield Measured(
            "dashboard: CPU of a page that was seen, of that of the first time",
            sum(again.values()) / sum(pages.values()),
            f"all of them: {sum(again.values()):.3f} against {sum(pages.values()):.2f} CPU s",
        )
        yield _at_once(server)
        yield Measured("dashboard: peak memory", server.peak_mb(), "the whole server, after all of this")


def questions_alone(root: str) -> dict[str, float]:
    """CPU seconds of the questions of each page, in one process."""
    place = workspace_of(Path(root))
    asked = place.window(*(part.partition("=")[2] for part in DAYS.split("&")))

    def ask(names: Sequence[str]) -> None:
        for name in names:
            place.ask(name, asked)

    return measure.least(ROUNDS, {path: partial(ask, names) for path, names in PAGES.items()})


def _pages(server: Server) -> tuple[dict[str, float], dict[str, float]]:
    """The least CPU seconds of each page, worked out anew, and asked again."""
    for path in PAGES:
        server.get(f"{path}?{DAYS}")  # so that all is loaded, as it is after a minute of use
    first: dict[str, list[float]] = {path: [] for path in PAGES}
    again: dict[str, list[float]] = {path: [] for path in PAGES}
    for _ in range(ROUNDS):
        for path in PAGES:
            server.changed()
            for found in (first, again):
                before = server.cpu()
                server.get(f"{path}?{DAYS}")
                found[path].append(server.cpu() - before)
    return {path: min(each) for path, each in first.items()}, {
        path: min(each) for path, each in again.items()
    }


def _at_once(server: Server) -> Measured:
    """How long 20 short pages take, each of other days, while a long one is worked out."""
    paths = [f"/reports/report?since={day}&until={day}" for day in map(_day, range(PEOPLE))]
    server.changed()
    alone = server.get(paths[0])
    server.changed()
    long = threading.Thread(
        # It may be told to ask for less: beside so many others it can take longer than an answer may.
        target=server.status,
        args=(f"/reports/requests?since={FIRST_DAY}&until={LAST_DAY}&by=customer_id",),
    )
    began = time.monotonic()
    long.start()
    with ThreadPoolExecutor(PEOPLE) as people:
        seconds = sorted(people.map(server.get, paths))
    long.join()
    whole = time.monotonic() - began
    return Measured(
        f"dashboard: the slowest of {PEOPLE} short pages at once beside a long one, of the long one",
        seconds[-1] / whole,
        f"{seconds[-1]:.2f} s, the median {seconds[PEOPLE // 2]:.2f} s; the long one {whole:.2f} s; one alone "
        f"{alone:.2f} s",
    )


def _day(number: int) -> str:
    return str(LAST_DAY - timedelta(days=number))


@contextmanager
def _served(root: Path) -> Iterator[Server]:
    with TemporaryDirectory(dir=root.parent) as place:
        # A ledger of links: the server writes a spool beside the calls.
        own = Path(place) / "led"
        own.mkdir()
        (own / "calls").symlink_to(root / "calls")
        shutil.copy(root / "manifest.json", own)
        if (root / "prices").exists():
            shutil.copytree(root / "prices", own / "prices")
        config = Path(place) / "whyspend.toml"
        config.write_text(f'ledger = "led"\ndimensions = {list(synthetic.DIMENSIONS)}\n')
        process = subprocess.Popen(
            [sys.executable, "-m", "whyspend", "serve", "--port", "0"],
            cwd=place,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            said = (re.search(r"The dashboard: (http://\S+)/", line) for line in process.stderr)
            yield Server(next(found[1] for found in said if found), process.pid, own)
        finally:
            process.terminate()
            process.wait(60)
            process.stderr.close()
