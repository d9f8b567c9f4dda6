"""Rows that are no answer of a report, such as prices: aligned text for people, JSON and CSV with all digits."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from whyspend.formats._cells import plain
from whyspend.formats.csv import safe
from whyspend.formats.json import literal, string
from whyspend.model import Cell
from whyspend.spelling import exact, money, visible


@dataclass(frozen=True)
class Column:
    """A column of a sheet."""

    name: str
    kind: str = "text"
    """text; count; rate, an exact amount of USD; about, an estimate of USD."""


@dataclass(frozen=True)
class Sheet:
    """Rows below their columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    head: Mapping[str, str] = field(default_factory=dict)
    """What JSON says above the rows: by name, JSON already."""

    def without_empty(self) -> "Sheet":
        """The same without columns that hold nothing."""
        kept = [
            index for index, _ in enumerate(self.columns) if any(row[index] is not None for row in self.rows)
        ]
        return Sheet(
            tuple(self.columns[index] for index in kept),
            tuple(tuple(row[index] for index in kept) for row in self.rows),
            self.head,
        )


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
