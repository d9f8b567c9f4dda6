"""A sheet as text: aligned columns within the width of a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from whyspend.formats import _grid
from whyspend.formats._cells import NUMBER_UNITS, display, sheet_for_people
from whyspend.formats._frame import subject
from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.spelling import visible

AMOUNTS = ("rate", "about", "usd")


def sheet_lines(sheet: Sheet, width: int | None, bold: str) -> list[str]:
    """What it is of and the headline, the rows, more rows, the notes, what can be copied: a blank line between each."""
    head = [subject(sheet), *map(visible, sheet.headline)]
    shown = [rows for rows in sheet_for_people(sheet) if not rows.is_long]
    parts = [[_grid.painted(line, bold) for text in filter(None, head) for line in _grid.folded(text, width)]]
    if sheet.words:
        parts.append(list(map(visible, sheet.words)))
        shown = []
    parts += [_titled(rows, width, bold) for rows in shown]
    parts.append([line for note in sheet.notes for line in _grid.wrapped(visible(note), width)])
    parts.append([visible(line) for line in sheet.block.splitlines()])
    return [line for part in filter(None, parts) for line in ("", *part)][1:]


def _titled(rows: Rows, width: int | None, bold: str) -> list[str]:
    title = [_grid.painted(visible(rows.title), bold)] if rows.title else []
    return [*title, *lines_of(rows.columns, rows.rows, width)]


def lines_of(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]], width: int | None) -> list[str]:
    """Aligned columns under their names; numbers to the right, unknown as `–`. Names cannot act on a terminal.

    On a terminal that is narrower, text goes on in the next line. What does not fit even so is left out, and named:
    kept are what stands before the first two amounts, and these; then the other amounts, then the rest.
    """
    cells = [[display(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows]
    lanes = _lanes(columns, cells, stacked=False) if width is None else _fitted(columns, cells, width)
    lines = _grid.block(lanes, len(cells))
    if missing := _grid.left_out(lanes, [column.name for column in columns]):
        lines += ["", *_grid.wrapped(missing, width)]
    return lines


def _fitted(columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], width: int) -> list[_grid.Lane]:
    """The columns in two lines a row; else in as many as it takes; else those that fit."""
    stacked = _lanes(columns, rows, stacked=True)
    return (
        _grid.within(_lanes(columns, rows, stacked=False), width)
        or _grid.within(stacked, width)
        or _grid.within([replace(lane, readable=lane.narrowest) for lane in stacked], width)
        or _grid.squeezed([_broken(lane) for lane in stacked], width)
    )


def _broken(lane: _grid.Lane) -> _grid.Lane:
    """A column that may break words, where there is no other way."""
    return replace(lane, narrowest=min(lane.narrowest, _grid.NARROWEST_TEXT)) if lane.folds else lane


def _lanes(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[str]], *, stacked: bool
) -> list[_grid.Lane]:
    amounts = [index for index, column in enumerate(columns) if column.unit in AMOUNTS]
    identity = range(amounts[0] if amounts else len(columns))
    needed = {*identity, *amounts[:2]}
    return [
        _lane(
            column,
            column.name.split("_") if stacked else [column.name],
            [row[index] for row in rows],
            0 if index in needed else 1 if index in amounts else 2,
        )
        for index, column in enumerate(columns)
    ]


def _lane(column: TableColumn, heading: list[str], cells: list[str], rank: int) -> _grid.Lane:
    natural = readable = narrowest = _grid.natural_width(heading, cells)
    if is_text := column.unit not in NUMBER_UNITS:
        readable = _grid.two_lines_width([*heading, *cells])
        narrowest = _grid.words_width([*heading, *cells])
    return _grid.Lane(
        name=column.name,
        heading=heading,
        cells=cells,
        natural=natural,
        width=natural,
        readable=readable,
        narrowest=narrowest,
        colors=[""] * len(cells),
        folds=is_text,
        right=not is_text,
        rank=rank,
    )
