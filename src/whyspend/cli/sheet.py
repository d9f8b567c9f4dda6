"""Rows about prices as aligned text, as wide as the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import click

from whyspend.cli.common import terminal_width
from whyspend.formats import _grid
from whyspend.model import Cell
from whyspend.workspace.sheets import Column, shown

FORMATS = ("text", "json", "csv")


def format_option(*formats: str) -> click.Option:
    """`--format`; text unless another is given."""
    return click.Option(
        ["--format", "form"],
        default="text",
        show_default=True,
        type=click.Choice(formats or FORMATS),
        help="How to write it.",
    )


def as_text(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """Aligned columns under their names; numbers to the right, unknown as `–`. Names cannot act on a terminal.

    On a terminal that is narrower, text goes on in the next line. What does not fit even so is left out, and named:
    kept are what stands before the first two amounts, and these; then the other amounts, then the rest.
    """
    cells = [[shown(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows]
    width = terminal_width()
    lanes = _lanes(columns, cells, stacked=False) if width is None else _fitted(columns, cells, width)
    lines = _grid.block(lanes, len(cells))
    if missing := _grid.left_out(lanes, [column.name for column in columns]):
        lines += ["", *_grid.wrapped(missing, width)]
    return "".join(f"{line}\n" for line in lines)


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[_grid.Lane]:
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


def _lanes(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, stacked: bool) -> list[_grid.Lane]:
    amounts = [index for index, column in enumerate(columns) if column.kind in ("rate", "about")]
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


def _lane(column: Column, heading: list[str], cells: list[str], rank: int) -> _grid.Lane:
    natural = readable = narrowest = _grid.natural_width(heading, cells)
    if is_text := column.kind == "text":
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
