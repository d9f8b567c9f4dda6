"""The measured table of docs/benchmarks.md, between its two markers."""

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.bars import bar_of
from bench.measure import Measured

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
VERSIONS = ("duckdb", "arro3-core", "msgspec", "httpx2", "click", "langsmith")


def write(found: Sequence[Measured]) -> None:
    """Put the figures, with machine, versions and date, between the markers."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(
        ["| figure | measured | bar | | behind it |", "|---|---:|---:|---|---|", *map(_row, found)]
    )
    PAGE.write_text(f"{before}{BEGIN}\n{_where()}\n\n{table}\n{END}{after}", encoding="utf-8")


def amount(figure: Measured) -> str:
    """A figure with its unit."""
    bar = bar_of(figure.name)
    unit = bar.unit if bar else "x"
    if unit == "of 1":
        return f"{figure.value:.1%}"
    digits = 0 if unit in ("MB", "a second") else 1 if unit == "bytes" else 2
    return f"{figure.value:,.{digits}f} {unit}"


def limit_and_state(figure: Measured) -> tuple[str, str]:
    """The bar and whether it holds; empty where there is none."""
    bar = bar_of(figure.name)
    if bar is None:
        return "", ""
    word = "at least" if bar.at_least else "at most"
    limit = f"{bar.limit:.0%}" if bar.unit == "of 1" else f"{bar.limit:g} {bar.unit}"
    return f"{word} {limit}", "ok" if bar.holds(figure) else "MISSED"


def _row(figure: Measured) -> str:
    limit, state = limit_and_state(figure)
    return f"| {figure.name} | {amount(figure)} | {limit} | {state} | {figure.detail} |"


def _where() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    today = datetime.now(UTC).date()
    return (
        f"Measured on {today}: {_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        f"Python {sys.version.split()[0]}, {versions}."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
