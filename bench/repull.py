"""Pulling the same days again: what a rewrite costs, and what ten of them do to a report."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import BY, workspace_of
from bench.synthetic import DIMENSIONS, LAST_DAY, SOURCE
from whyspend.ledger import Ledger
from whyspend.model import Batch, Engine, Table

DAYS = 30
AGAIN = 2
"""Days that every re-pull brings again."""
TIMES = 10
NEW_SHARE = 5
"""Per cent of the calls that a re-pull brings in a changed version."""

CHANGED = """
SELECT * REPLACE (
  CASE WHEN hash(call_id) % 100 < {share} THEN latency_ms + 1 ELSE latency_ms END AS latency_ms)
FROM {arrived}
"""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """A report after ten overlapping pulls, and the cost of one."""
    a_day = rows // synthetic.DAYS
    clean = synthetic.ledger(folder, a_day * DAYS, days=DAYS)
    with TemporaryDirectory(dir=folder) as place:
        worn = Path(place) / "worn"
        shutil.copytree(clean, worn)
        cost = measure.apart(__name__, "pull_again", root=str(worn), a_day=a_day)
        found = measure.apart(__name__, "reports", clean=str(clean), worn=str(worn))
    yield Measured(
        "re-pull: CPU of a report after ten, against a clean ledger",
        found["worn"] / found["clean"],
        f"{found['worn']:.3f} against {found['clean']:.3f} CPU s over {DAYS} days; sums are equal: {found['equal']}",
    )
    yield Measured(
        "re-pull: CPU of bringing two days again, against writing them once",
        cost["again"] / cost["once"],
        f"{cost['again']:.2f} against {cost['once']:.2f} CPU s for {AGAIN * a_day:,} calls",
    )


def pull_again(root: str, a_day: int) -> dict[str, Any]:
    """CPU seconds of writing two days into an empty ledger, and of bringing them again with some calls changed."""
    workspace = workspace_of(Path(root))
    days = [LAST_DAY - timedelta(days=back) for back in range(AGAIN)]
    engine = workspace.engine
    for number, day in enumerate(days):
        engine.keep(f"arrived{number}", synthetic.calls(day, a_day))

    once, again = [], []
    for number in range(TIMES):
        with TemporaryDirectory() as place:
            once.append(measure.cpu_of(partial(_publish, engine, Path(place), 0)))
        again.append(measure.cpu_of(partial(_publish, engine, Path(root), number + 1)))
    return {"once": min(once), "again": min(again)}


def _publish(engine: Engine, target: Path, turn: int) -> None:
    """Bring what arrived; in each turn other calls have changed."""
    writer = Ledger(target).writer(engine, SOURCE, DIMENSIONS)
    for number in range(AGAIN):
        writer.add(Batch(relation=CHANGED.format(share=NEW_SHARE * turn % 100, arrived=f"arrived{number}")))
    writer.commit({})


def reports(clean: str, worn: str) -> dict[str, Any]:
    """CPU seconds of the same report over both ledgers, in turn."""
    places = {"clean": workspace_of(Path(clean)), "worn": workspace_of(Path(worn))}
    asked = places["clean"].window(str(LAST_DAY - timedelta(days=DAYS - 1)), str(LAST_DAY))

    def ask(name: str) -> Table:
        answer: Table = places[name].ask("report", asked, by=BY)
        return answer

    equal = ask("clean").rows == ask("worn").rows
    return {**measure.least(5, {name: partial(ask, name) for name in places}), "equal": equal}
