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
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import msgspec

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import workspace_of
from bench.synthetic import FIRST_DAY, LAST_DAY
from whyspend.collector import collected, figures
from whyspend.collector.figures import COUNTED_SECONDS, OUTLOOK_SECONDS, STANDING_SECONDS
from whyspend.reports.budgets.entries import Budget
from whyspend.workspace import Workspace, coloring

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
    yield _long_at_once(root)
    yield _figures(measure.apart(__name__, "figures_alone", root=str(root)))
    colors = measure.apart(__name__, "colors_alone", root=str(root))
    said = ", ".join(f"{name} {colors[f'{name}, a day']:.3f} against {colors[name]:.2f}" for name in COLORED)
    yield Measured(
        "dashboard: CPU of the colours of names after a day changed, of counting all days",
        sum(colors[f"{name}, a day"] for name in COLORED) / sum(colors[name] for name in COLORED),
        f"CPU s by {said}",
    )


COLORED = ("feature", "model", "team")
"""Keys of pictures: a dimension, what follows from two columns, and a key of the metadata."""

LONG = (
    "by=trace_id,day&where=env=production&where=user_tier!=enterprise",
    "/api/reports/report?format=json&",
    "/reports/report?",
)
"""A question whose answer has nearly a million cells for two days, and where it is asked: as a file, and as a page."""


def _long_at_once(root: Path) -> Measured:
    """The memory of a server of which four people ask for the longest answer at once, each of other days."""
    question, *places = LONG
    peaks: dict[str, tuple[float, list[int]]] = {}
    for place in places:
        paths = [
            f"{place}{question}&since={_day(back + 1)}&until={_day(back)}" for back in range(0, 4 * 4, 4)
        ]
        with _served(root) as server, ThreadPoolExecutor(len(paths)) as people:
            status = list(people.map(server.status, paths))
            peaks[place] = server.peak_mb(), status
    said = "; ".join(
        f"{place.partition('?')[0]} {peak:.0f} MB, answered {', '.join(map(str, status))}"
        for place, (peak, status) in peaks.items()
    )
    return Measured(
        "dashboard: peak memory with four answers of nearly a million cells at once",
        max(peak for peak, _ in peaks.values()),
        said,
    )


def _figures(found: dict[str, float]) -> Measured:
    """What `/metrics` costs, asked as often as it may be: here no answer takes so long that it is asked for less."""
    every = {"read": COUNTED_SECONDS, "standing": STANDING_SECONDS, "outlook": OUTLOOK_SECONDS}
    said = ", ".join(f"{name} {found[name]:.2f} CPU s every {every[name]:g} s" for name in every)
    return Measured(
        "dashboard: CPU of the figures of /metrics while the ledger grows, of a core",
        sum(found[name] / every[name] for name in every),
        f"{said}; nothing while it does not grow",
    )


def figures_alone(root: str) -> dict[str, float]:
    """CPU seconds of each question of `/metrics`, with three budgets, on the last day of the ledger."""
    plain = workspace_of(Path(root))
    budgets = (
        Budget(name="all", limit_usd=Decimal(100_000)),
        Budget(name="some", where={"feature": "rag-*", "env": "production"}, limit_usd=Decimal(100_000)),
        Budget(name="each", each="feature", limit_usd=Decimal(100_000)),
    )
    place = Workspace(replace(plain.config, budgets=budgets), now=plain.now)
    return measure.least(
        ROUNDS,
        {
            "read": lambda: collected.read(place, synthetic.SOURCE),
            "standing": lambda: figures.standing(place),
            "outlook": lambda: figures.outlook(place),
        },
    )


def colors_alone(root: str) -> dict[str, float]:
    """CPU seconds of the colours of each key: of all days, and where all but one were counted before."""
    place = workspace_of(Path(root))
    data = place.data(place.window())
    last = max(data.snapshot.manifest.files, key=lambda file: (file.day == LAST_DAY, file.rows)).path
    others = tuple(file for file in data.snapshot.manifest.files if file.path != last)
    before = replace(
        data,
        snapshot=replace(
            data.snapshot, manifest=msgspec.structs.replace(data.snapshot.manifest, files=others)
        ),
    )

    def whole(name: str) -> None:
        coloring.forget()
        data.colors([data.key(name)])

    found = measure.least(ROUNDS, {name: partial(whole, name) for name in COLORED})
    for name in COLORED:
        seconds = []
        for _ in range(ROUNDS):
            coloring.forget()
            before.colors([before.key(name)])
            seconds.append(measure.cpu_of(partial(data.colors, [data.key(name)])))
        found[f"{name}, a day"] = min(seconds)
    return found


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
