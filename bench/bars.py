"""What is promised: one line for each figure that must hold."""

from dataclasses import dataclass
from typing import Literal

from bench.measure import Measured


@dataclass(frozen=True)
class Bar:
    """A limit for a measured figure."""

    name: str
    limit: float
    unit: Literal["x", "of 1", "MB", "bytes", "s", "a second"]
    at_least: bool = False
    """Whether more is better."""

    def holds(self, found: Measured) -> bool:
        """Whether a figure keeps the promise."""
        return found.value >= self.limit if self.at_least else found.value <= self.limit


BARS: tuple[Bar, ...] = (
    Bar("pull: runs per CPU second, against the SDK's query_v2", 15, "x", at_least=True),
    Bar("pull: peak memory at 4 times the runs", 1.25, "x"),
    Bar("report: CPU of 90 days by feature, model, day, against a plain GROUP BY", 1.5, "x"),
    Bar("report: CPU of the last 7 days, of that of all 90", 0.12, "of 1"),
    Bar("report: peak memory", 400, "MB"),
    Bar("report: CPU of 7 days from the shell, against the bare query in a fresh process", 2.5, "x"),
    Bar("requests: peak memory of p95 by feature over 90 days", 1000, "MB"),
    Bar("pricing: CPU of 90 days with all layers in use, against a plain GROUP BY", 1.5, "x"),
    Bar("coverage: CPU of 90 days, against the plain report", 3, "x"),
    Bar("reconcile: CPU of 90 days, against the plain report", 3, "x"),
    Bar("budgets: CPU of four budgets of a month, against the plain report", 3, "x"),
    Bar("explain: CPU of two windows, against the plain report of both", 3, "x"),
    Bar("explain: peak memory of two windows", 1000, "MB"),
    Bar("worlds: dollars on the right driver and segment, no drift", 0.98, "of 1", at_least=True),
    Bar("worlds: the same with drift", 0.95, "of 1", at_least=True),
    Bar("worlds: the same with drift, by feature alone", 0.85, "of 1", at_least=True),
    Bar("worlds: causes found, no drift", 0.9, "of 1", at_least=True),
    Bar("worlds: causes found, drift", 0.9, "of 1", at_least=True),
    Bar("worlds: dollars of causes found, drift", 0.97, "of 1", at_least=True),
    Bar("worlds: no cause, and within normal variation", 0.9, "of 1", at_least=True),
    Bar("re-pull: CPU of a report after ten, against a clean ledger", 1.1, "x"),
    Bar("re-pull: CPU of bringing two days again, against writing them once", 4, "x"),
    Bar("ledger: bytes on disk per call", 80, "bytes"),
    Bar("quote: lines a CPU second of `--stdin`, against genai-prices' calc_price", 1.5, "x", at_least=True),
    Bar("collector: CPU of a run, from the request to the ledger, against parsing and syncing it", 30, "x"),
    Bar("collector: runs accepted and durable, on one core", 5_000, "a second", at_least=True),
    Bar("collector: seconds from the acknowledgement to the ledger, at the most", 2, "s"),
    Bar("collector: memory in the second half of a steady run, against the first", 1.1, "x"),
    Bar("collector: peak memory", 400, "MB"),
    Bar("dashboard: CPU of a page, against its questions alone", 1.3, "x"),
    Bar("dashboard: CPU of a page that was seen, of that of the first time", 0.1, "of 1"),
    Bar("dashboard: the slowest of 20 short pages at once beside a long one, of the long one", 1, "of 1"),
    Bar("dashboard: peak memory", 1000, "MB"),
    Bar("dashboard: peak memory with four answers of nearly a million cells at once", 1000, "MB"),
    Bar("dashboard: CPU of the figures of /metrics while the ledger grows, of a core", 0.03, "of 1"),
    Bar("dashboard: CPU of the colours of names after a day changed, of counting all days", 0.1, "of 1"),
    Bar("help: CPU of `whyspend --help`, against `python -c pass`", 6, "x"),
)


def bar_of(name: str) -> Bar | None:
    """The promise about a figure; None where it is only told."""
    return next((bar for bar in BARS if bar.name == name), None)
