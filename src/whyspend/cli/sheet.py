"""Rows about prices: aligned text for people; JSON and CSV with all digits for machines."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import click

from whyspend.cli.common import terminal_width
from whyspend.formats import _grid, exact, money, plain, visible
from whyspend.formats.csv import safe
from whyspend.formats.json import literal, string
from whyspend.model import Cell

FORMATS = ("text", "json", "csv")


@dataclass(frozen=True)
class Column:
    """A column of a sheet."""

    name: str
    kind: str = "text"
    """text; count; rate, an exact amount of USD; about, an estimate of USD."""


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


def as_csv(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A header and a line a row; unknown is empty, and no text is a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([safe(cell) if isinstance(cell, str) else plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def as_json(
    head: Mapping[str, str], name: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]
) -> str:
    """One object: the members of the head, which are JSON already, and the rows under a name, one a line."""
    names = [string(column.name) for column in columns]
    lines = [
        "    {" + ", ".join(f"{key}: {literal(cell)}" for key, cell in zip(names, row, strict=True)) + "}"
        for row in rows
    ]
    body = "[\n" + ",\n".join(lines) + "\n  ]" if lines else "[]"
    members = [*head.items(), (name, body)]
    return "{\n" + ",\n".join(f"  {string(key)}: {member}" for key, member in members) + "\n}\n"


def shown(column: Column, cell: Cell) -> str:
    """A cell for people."""
    if cell is None:
        return "–"
    if isinstance(cell, Decimal) and column.kind == "rate":
        return rate(cell)
    if isinstance(cell, Decimal) and column.kind == "about":
        return f"~{money(cell)}"
    if isinstance(cell, int) and column.kind == "count":
        return f"{cell:,}"
    return visible(plain(cell))


def rate(usd: Decimal) -> str:
    """An amount that must not be rounded: $2.50, $0.0375, $1,250.00."""
    whole, _, decimals = exact(usd).partition(".")
    return f"${int(whole):,}.{decimals:0<2}"


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
