"""The picture of an explanation: from what was spent then to what is spent now, through its lines."""

from collections.abc import Sequence
from typing import Any

from whyspend.model import Chart, TableColumn
from whyspend.reports.explain.exactly import dollars


def waterfall(
    comparison: Any, before: int, after: int, steps: Sequence[tuple[str, int]]
) -> tuple[Chart, ...]:
    """Each line as a step, named; the amounts are exact, in whole 1e-24 dollars.

    Args:
        comparison: of the two windows.
        before: what the earlier one cost.
        after: what the later one cost.
        steps: a name and an amount each; together the difference.
    """
    held, now = comparison.before, comparison.after
    rows = (
        (f"{held.since} to {held.until}", dollars(before)),
        *((name, dollars(units)) for name, units in steps),
        (f"{now.since} to {now.until}", dollars(after)),
    )
    columns = (TableColumn("step", "text"), TableColumn("amount_usd", "usd", adds_up=True))
    return (Chart("waterfall", "From then to now", columns, rows),)
