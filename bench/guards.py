"""Coverage, budgets, anomalies and reconcile against the plain report by feature of the same days."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import workspace_of
from bench.synthetic import FIRST_DAY, LAST_DAY

ROUNDS = 3

ASKED = (
    ("coverage", "90 days"),
    ("reconcile --recorded", "90 days"),
    ("anomalies", "a week, held against the days before"),
    ("budgets", "four budgets of a month"),
    ("budgets", "a broken budget with its causes"),
)
"""What is asked, and of what. All are set beside the report of all 90 days, for these are read: where a month will end
is learned from the days before it."""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """What the questions cost."""
    root = str(synthetic.ledger(folder, rows))
    found = measure.apart(__name__, "guards_and_report", root=root)
    for name, of in ASKED:
        own, report = found[f"{name}, {of}"], found["report"]
        month = f"; the report of the month alone {found['month']:.2f}" if name == "budgets" else ""
        yield Measured(
            f"{name.split()[0]}: CPU of {of}, against the plain report",
            own / report,
            f"`{name}`: {own:.2f} against {report:.2f} CPU s{month}",
        )


def guards_and_report(root: str) -> dict[str, float]:
    """CPU seconds of each question, in one process."""
    from whyspend.reports.budgets.entries import Budget
    from whyspend.workspace import Workspace

    plain = workspace_of(Path(root))
    budgets = (
        Budget(name="all", limit_usd=Decimal(100_000)),
        Budget(name="some", where={"feature": "feature-0*", "env": "production"}, limit_usd=Decimal(100_000)),
        Budget(name="tokens", where={"model": "gpt*"}, limit_tokens=10**12),
        Budget(name="nobody's", where={"feature": "untagged"}, limit_usd=Decimal(100_000)),
    )

    def guarded(*held: Budget) -> Workspace:
        place = Workspace(replace(plain.config, budgets=held), now=plain.now)
        place.engine = plain.engine
        return place

    kept, broken = guarded(*budgets), guarded(Budget(name="broken", limit_usd=Decimal(1)))
    everything = plain.window(str(FIRST_DAY), str(LAST_DAY))
    week = plain.window("8d")
    month = plain.window(str(plain.now.date().replace(day=1)), str(plain.now.date()))
    return measure.least(
        ROUNDS,
        {
            "report": lambda: plain.ask("report", everything),
            "coverage, 90 days": lambda: plain.ask("coverage", everything),
            "reconcile --recorded, 90 days": lambda: plain.ask("reconcile", everything, recorded=True),
            "anomalies, a week, held against the days before": lambda: plain.ask("anomalies", week),
            "month": lambda: plain.ask("report", month),
            "budgets, four budgets of a month": lambda: kept.ask("budgets", kept.window()),
            "budgets, a broken budget with its causes": lambda: broken.ask("budgets", broken.window()),
        },
    )
