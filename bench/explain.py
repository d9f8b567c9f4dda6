"""`explain --by feature` over two windows, beside the plain report by feature of both."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import workspace_of
from bench.synthetic import DAYS, LAST_DAY

ROUNDS = 3
BY = ("feature",)


class Cost(NamedTuple):
    """What one question cost."""

    cpu: float
    """Seconds, user and system, of all threads."""
    wall: float
    """Seconds."""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """What explaining the later half of the ledger against the earlier one costs, and what it holds."""
    root = str(synthetic.ledger(folder, rows))
    found = measure.apart(__name__, "explain_and_report", root=root)
    for at, name in enumerate(Cost._fields):
        own, report = found["explain"][at], found["report"][at]
        yield Measured(
            f"explain: {name if name == 'wall' else 'CPU'} of two windows, against the plain report of both",
            own / report,
            f"{own:.2f} against {report:.2f} s; {found['lines']} lines about {found['calls']:,} calls",
        )
    comparison, report = found["comparison"][0], found["report"][0]
    yield Measured(
        "explain: CPU of comparing two windows alone, against the plain report of both",
        comparison / report,
        f"{comparison:.2f} CPU s; {found['usage']:,} rows of usage",
    )
    peak = measure.apart(__name__, "explain_once", root=root)["peak_mb"]
    yield Measured("explain: peak memory of two windows", peak, f"the whole process; {peak:.0f} MB")


def explain_and_report(root: str) -> dict[str, Any]:
    """The cost of both, taken in turn in one process; and how large the answer is."""
    workspace, after = _asked(root)
    held = workspace.data(after).comparison(by=BY)
    sizes = {"calls": sum(sum(row.calls) for row in held.cells.calls), "usage": len(held.cells.usage)}
    before = held.before
    del held

    def report() -> None:
        for window in (before, after):
            workspace.ask("report", window, by=BY)

    answer = workspace.ask("explain", after, by=BY)
    found = _least(
        {
            "explain": lambda: workspace.ask("explain", after, by=BY),
            "report": report,
            "comparison": lambda: workspace.data(after).comparison(by=BY),
        }
    )
    return {**found, **sizes, "lines": len(answer.rows)}


def explain_once(root: str) -> dict[str, Any]:
    """Explain once."""
    workspace, after = _asked(root)
    return {"lines": len(workspace.ask("explain", after, by=BY).rows)}


def _asked(root: str) -> tuple[Any, Any]:
    workspace = workspace_of(Path(root))
    return workspace, workspace.window(str(LAST_DAY - timedelta(days=DAYS // 2 - 1)), str(LAST_DAY))


def _least(actions: dict[str, Callable[[], object]]) -> dict[str, Cost]:
    """The least of each over all rounds; they are taken in turn in every round."""
    found: dict[str, list[Cost]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            began = time.perf_counter()
            cpu = measure.cpu_of(action)
            found[name].append(Cost(cpu, time.perf_counter() - began))
    return {name: Cost(*map(min, zip(*costs, strict=True))) for name, costs in found.items()}
