"""Rows about prices: aligned text for people; JSON and CSV with all digits for machines."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import click

from whyspend.formats._cells import exact, money, plain, visible
from whyspend.formats.csv import safe
from whyspend.formats.json import literal, string
from whyspend.formats.text import display_width
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
    """Aligned columns under their names; numbers to the right, unknown as `–`. Names cannot act on a terminal."""
    names = [column.name for column in columns]
    lines = [
        names,
        *([shown(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows),
    ]
    widths = [max(map(display_width, cells)) for cells in zip(*lines, strict=True)]
    lines.insert(1, ["─" * width for width in widths])
    return "".join(f"{_line(columns, line, widths)}\n" for line in lines)


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


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = []
    for column, cell, width in zip(columns, cells, widths, strict=True):
        blank = " " * (width - display_width(cell))
        fitted.append(cell + blank if column.kind == "text" else blank + cell)
    return "  ".join(fitted).rstrip()
