"""Coverage, budgets and reconcile against the plain report by feature of the same days."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bench import measure, synthetic
from bench.measure import Measured
from bench.report import workspace_of
from bench.synthetic import FIRST_DAY, LAST_DAY

ROUNDS = 3


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """What the three questions cost."""
    root = str(synthetic.ledger(folder, rows))
    found = measure.apart(__name__, "guards_and_report", root=root)
    for name, days in (("coverage", "report"), ("reconcile --recorded", "report"), ("budgets", "month")):
        span = "90 days" if days == "report" else "four budgets of a month"
        yield Measured(
            f"{name.split()[0]}: CPU of {span}, against the plain report",
            found[name] / found[days],
            f"`{name}`: {found[name]:.2f} against {found[days]:.2f} CPU s",
        )


def guards_and_report(root: str) -> dict[str, float]:
    """CPU seconds of each question, in one process."""
    from whyspend.reports.budgets.entries import Budget
    from whyspend.workspace import Workspace

    plain = workspace_of(Path(root))
    budgets = (
        Budget(name="all", limit_usd=Decimal(100_000)),
        Budget(name="some", where={"feature": "feature-0*", "env": "production"}, limit_usd=Decimal(1_000)),
        Budget(name="tokens", where={"model": "gpt*"}, limit_tokens=10**12),
        Budget(name="nobody's", where={"feature": "untagged"}, limit_usd=Decimal(1)),
    )
    guarded = Workspace(replace(plain.config, budgets=budgets), now=plain.now)
    guarded.engine = plain.engine
    everything = plain.window(str(FIRST_DAY), str(LAST_DAY))
    month = plain.window(str(plain.now.date().replace(day=1)), str(plain.now.date()))
    return measure.least(
        ROUNDS,
        {
            "report": lambda: plain.ask("report", everything),
            "coverage": lambda: plain.ask("coverage", everything),
            "reconcile --recorded": lambda: plain.ask("reconcile", everything, recorded=True),
            "month": lambda: plain.ask("report", month),
            "budgets": lambda: guarded.ask("budgets", guarded.window()),
        },
    )
