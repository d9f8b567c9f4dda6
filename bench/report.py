"""The exactly priced report against DuckDB's plain GROUP BY of the same columns, and its memory.

The floor reads the same files and, of each, the keys of the question and all that it adds up: feature,
coalesce(model_answered, model_requested), day; the sum of every token column that is not empty, count(*) and
sum(request_root). It returns its rows to Python like the report does, but prices nothing, compares nothing with the
days before, and says nothing about trust.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import measure, synthetic
from bench.measure import Measured
from bench.synthetic import DAYS, DIMENSIONS, FIRST_DAY, LAST_DAY

BY = ("feature", "model", "day")
ROUNDS = 5

FLOOR = """
SELECT feature, coalesce(model_answered, model_requested) AS model, day, count(*), sum(request_root), {sums}
FROM {calls} GROUP BY ALL
"""
"""The tokens alone."""

SAME_COLUMNS = """
SELECT feature, coalesce(model_answered, model_requested) AS model, day, count(*), sum(request_root), {sums},
  sum(model_root), count(usage_source), sum(usage_estimated), max(prompt_total), max(started_at)::VARCHAR
FROM {calls} GROUP BY ALL
"""
"""All columns that the report reads: also what requests by model, unpriced and estimated calls, context tiers and
prices by the hour are known from."""

COLD_FLOOR = """
import duckdb
duckdb.connect().execute({sql!r}).fetchall()
"""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """The report of all days, of the last 7, from the shell; and the cost of each request."""
    root = str(synthetic.ledger(folder, rows))
    both = measure.apart(__name__, "report_and_floor", root=root)
    yield Measured(
        "report: CPU of 90 days by feature, model, day, against a plain GROUP BY",
        both["report"] / both["floor"],
        f"{both['report']:.2f} against {both['floor']:.2f} CPU s; {both['answer']:,} rows of {both['calls']:,} calls",
    )
    yield Measured(
        "report: the same, against a GROUP BY of the token columns alone",
        both["report"] / both["tokens"],
        f"{both['tokens']:.2f} CPU s",
    )
    yield Measured(
        "report: CPU of the last 7 days, of that of all 90",
        both["week"] / both["report"],
        f"{both['week']:.3f} CPU s",
    )
    peak = measure.apart(__name__, "report_once", root=root)["peak_mb"]
    yield Measured("report: peak memory", peak, f"the whole process; {peak:.0f} MB")
    yield _from_the_shell(Path(root))
    peak = measure.apart(__name__, "requests_once", root=root)["peak_mb"]
    yield Measured(
        "requests: peak memory of p95 by feature over 90 days", peak, f"{both['requests']:,} requests"
    )


def report_and_floor(root: str) -> dict[str, Any]:
    """CPU seconds of the report, of the floor, and of the last 7 days, in one process."""
    from whyspend.ledger import Ledger

    workspace = workspace_of(Path(root))
    everything = workspace.window(str(FIRST_DAY), str(LAST_DAY))
    week = workspace.window(str(LAST_DAY - timedelta(days=6)), str(LAST_DAY))
    sql = floor(Path(root), workspace.engine, DAYS, SAME_COLUMNS)
    tokens = floor(Path(root), workspace.engine, DAYS)
    answer = workspace.ask("report", everything, by=BY)
    total = sum(file.rows for file in Ledger(Path(root)).snapshot().manifest.files)
    found = measure.least(
        ROUNDS,
        {
            "floor": lambda: workspace.engine.rows(sql),
            "tokens": lambda: workspace.engine.rows(tokens),
            "report": lambda: workspace.ask("report", everything, by=BY),
            "week": lambda: workspace.ask("report", week, by=BY),
        },
    )
    return {**found, "answer": len(answer.rows), "calls": total, "requests": answer.total["requests"]}


def report_once(root: str) -> dict[str, Any]:
    """Ask for all days once."""
    workspace = workspace_of(Path(root))
    return {"rows": len(workspace.ask("report", workspace.window(str(FIRST_DAY), str(LAST_DAY)), by=BY).rows)}


def requests_once(root: str) -> dict[str, Any]:
    """Ask for the cost of a request by feature, over all days."""
    workspace = workspace_of(Path(root))
    asked = workspace.window(str(FIRST_DAY), str(LAST_DAY))
    return {"rows": len(workspace.ask("requests", asked, by=("feature",)).rows)}


def floor(root: Path, engine: Any, days: int, select: str = FLOOR) -> str:
    """The plain GROUP BY over the last days."""
    from whyspend.ledger import Ledger
    from whyspend.model import USAGE_COLUMNS

    end = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC) + timedelta(days=1)
    extent = Ledger(root).snapshot().between(end - timedelta(days=days), end)
    sums = ", ".join(f"sum({name})" for name in USAGE_COLUMNS if name in extent.used)
    return select.format(sums=sums, calls=engine.scan([str(root / file.path) for file in extent.files]))


def workspace_of(root: Path) -> Any:
    """A workspace over a ledger that is there, at noon after its last day."""
    from whyspend.config import load
    from whyspend.workspace import Workspace

    config = root.parent / f"{root.name}.toml"
    config.write_text(f'ledger = "{root.name}"\ndimensions = {list(DIMENSIONS)}\n')
    now = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 12, tzinfo=UTC) + timedelta(days=1)
    return Workspace(load(config, {}), now=now)


def _from_the_shell(root: Path) -> Measured:
    engine = workspace_of(root).engine
    since = str(LAST_DAY - timedelta(days=6))
    config = str(root.parent / f"{root.name}.toml")
    commands = {
        "bare": (sys.executable, "-c", COLD_FLOOR.format(sql=floor(root, engine, 7))),
        "whyspend": (
            sys.executable, "-m", "whyspend", "report", "--config", config, "--since", since, "--until", str(LAST_DAY),
        ),
    }  # fmt: skip
    found = measure.least_of_commands(ROUNDS, commands)
    return Measured(
        "report: CPU of 7 days from the shell, against the bare query in a fresh process",
        found["whyspend"] / found["bare"],
        f"{found['whyspend']:.2f} against {found['bare']:.2f} CPU s, start of Python included",
    )
