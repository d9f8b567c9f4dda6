"""The pictures of a reconciliation: from the other figure to ours, or both beside each other for each place."""

from collections.abc import Sequence
from decimal import Decimal

from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.reports._pictures import Bar, ranked

PLACES = ("part", "what")
"""Columns that say which step of the walk a line is."""


def of_walks(answer: Table, keys: Sequence[str], start: str, end: str) -> tuple[Chart, ...]:
    """Of one walk a waterfall; of several, one for each value of the keys, both ends beside each other."""
    at = {column.name: place for place, column in enumerate(answer.columns)}
    starts = [row for row in answer.rows if row[at["part"]] == start]
    if not starts:
        return ()
    if len(starts) == 1:
        rows = tuple(
            (" ".join(str(row[at[name]]) for name in PLACES).strip(), row[at["amount_usd"]])
            for row in answer.rows
        )
        steps = (TableColumn("step", "text"), TableColumn("amount_usd", "usd"))
        return (Chart("waterfall", f"From the figure of {_whose(start)} to ours", steps, rows),)
    ends = [row for row in answer.rows if row[at["part"]] == end]
    bars: list[Bar] = [
        (_named(mine, at, keys), _usd(mine[at["amount_usd"]]), _usd(theirs[at["amount_usd"]]))
        for theirs, mine in zip(starts, ends, strict=True)
    ]
    columns = (
        TableColumn(" and ".join(keys), "text"),
        TableColumn("ours_usd", "usd"),
        TableColumn("theirs_usd", "usd"),
    )
    return ranked("Our figure beside theirs", columns, bars)


def of_bill(answer: Table) -> tuple[Chart, ...]:
    """What was traced beside what was billed, for each line of the answer."""
    at = {column.name: place for place, column in enumerate(answer.columns)}
    keys = [column.name for column in answer.columns if column.unit in ("text", "date")]
    bars: list[Bar] = [
        (_named(row, at, keys), _usd(row[at["traced_usd"]]), _usd(row[at["billed_usd"]]))
        for row in answer.rows
    ]
    known = [bar for bar in bars if bar[1] is not None or bar[2] is not None]
    columns = (
        TableColumn(" and ".join(keys) or "all", "text"),
        TableColumn("traced_usd", "usd"),
        TableColumn("billed_usd", "usd"),
    )
    return ranked("What was traced beside what was billed", columns, known)


def _whose(start: str) -> str:
    return "the source" if start.startswith("recorded") else start


def _named(row: Sequence[Cell], at: dict[str, int], keys: Sequence[str]) -> str:
    return " / ".join(str(row[at[name]]) for name in keys if row[at[name]]) or "all"


def _usd(cell: Cell) -> Decimal | None:
    return cell if isinstance(cell, Decimal) else None
