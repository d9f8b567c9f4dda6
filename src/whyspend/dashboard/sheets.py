"""Rows that are no answer of a report, as a table of a page."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from whyspend.dashboard.grid import Grid, Head, Shown
from whyspend.model import Cell
from whyspend.spelling import exact, visible
from whyspend.workspace.sheets import Column, Sheet, shown

NUMBERS = ("count", "rate", "about")


def grid_of(sheet: Sheet, link: Callable[[Column, Sequence[Cell]], str] = lambda _, __: "") -> Grid:
    """The table of a sheet; `link` says where the cells of a row lead."""
    held = sheet.without_empty()
    heads = tuple(
        Head(
            column.name,
            visible(column.name.replace("_", " ")),
            "number"
            if column.kind in NUMBERS
            else "sentence"
            if column.name in ("reason", "reference")
            else "text",
        )
        for column in held.columns
    )
    rows = tuple(
        tuple(
            _cell(column, cell, link(column, whole)) for column, cell in zip(held.columns, row, strict=True)
        )
        for row, whole in zip(held.rows, sheet.rows, strict=True)
    )
    return Grid(heads, rows, ())


def _cell(column: Column, cell: Cell, link: str) -> Shown:
    number = exact(cell) if isinstance(cell, Decimal | int) and not isinstance(cell, bool) else ""
    return Shown(shown(column, cell), number, link)
