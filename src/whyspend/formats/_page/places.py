"""Where money has no owner, as a page shows it: what it costs and what to do there first, what else is known after."""

from dataclasses import replace

from whyspend.model import Table, TableColumn

FIRST = ("dimension", "owner", "project", "call_site", "cost_usd", "share", "fix")
"""Columns of coverage that must be in sight: where money has no owner, how much, and what to do."""


def in_sight(table: Table) -> Table:
    """An answer as a page shows it: the places to fix and what to do there come first. Any other as it is."""
    names = [column.name for column in table.columns]
    if not set(FIRST) <= set(names):
        return table
    order = [*map(names.index, FIRST), *(at for at, name in enumerate(names) if name not in FIRST)]
    fix = names.index("fix")
    rows = sorted(table.rows, key=lambda row: not row[fix])
    return replace(
        table,
        columns=tuple(_wrapped(table.columns[at]) for at in order),
        rows=tuple(tuple(row[at] for at in order) for row in rows),
    )


def _wrapped(column: TableColumn) -> TableColumn:
    """The fix is a sentence, which a page wraps."""
    return replace(column, unit="sentence") if column.name == "fix" else column
