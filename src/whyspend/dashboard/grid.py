"""An answer as a table of a page: each cell as people read it, its exact value beside it, and where it leads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlsplit

from whyspend.dashboard.folding import SHORT, folded
from whyspend.formats._cells import NUMBER_UNITS, display, for_people, is_change, total_row
from whyspend.model import Cell, Table, TableColumn
from whyspend.spelling import exact, visible

MOST_ROWS = 500
"""Rows of a page; all of them are in the downloads."""

LONG_WORD = 30
"""Letters from which on a word is no name: where all are, they are identities."""

Row = Mapping[str, Cell]
Link = Callable[[TableColumn, Cell, Row], str]
"""Where a cell leads within these pages; "" for nowhere."""


@dataclass(frozen=True)
class Shown:
    """A cell."""

    text: str
    exact: str = ""
    """A number with all its digits; "" for what is no number."""
    link: str = ""
    away: bool = False
    """The link leads to another site."""
    mark: str = ""
    """A class: up, down, over, warn, ok, unknown."""


@dataclass(frozen=True)
class Head:
    """A column."""

    name: str
    """As machines know it."""
    words: str
    kind: str
    """Classes: number, sentence, id, text or text long."""
    folds: bool = False
    """A phone has no room for it, and shows it on request."""


@dataclass(frozen=True)
class Grid:
    """A table."""

    heads: tuple[Head, ...]
    rows: tuple[tuple[Shown, ...], ...]
    total: tuple[Shown, ...]
    """Empty where there is none."""
    left_out: int = 0
    """Rows that a page does not show."""

    @property
    def folded(self) -> int:
        """The columns that a phone shows on request."""
        return sum(head.folds for head in self.heads)


def nowhere(_: TableColumn, __: Cell, ___: Row) -> str:
    """Cells that lead nowhere."""
    return ""


def grid(table: Table, link: Link = nowhere, *, most: int = MOST_ROWS, but: Sequence[str] = ()) -> Grid:
    """The table of an answer, without some columns."""
    if len(table.rows) == most + 1:
        most += 1  # the line that says that one is left out takes as much room
    people = for_people(table)
    places = {column.name: at for at, column in enumerate(table.columns)}
    kept = [(at, column) for at, column in enumerate(people.columns) if column.name not in but]
    rows = []
    for said, held in zip(people.rows[:most], table.rows, strict=False):
        row = dict(zip(places, held, strict=True))
        cells = ((column, said[at], row[column.name]) for at, column in kept)
        rows.append(tuple(_cell(column, cell, own, link(column, own, row)) for column, cell, own in cells))
    totals = total_row(people) or []
    total = tuple(
        Shown(
            totals[at],
            _exact(people.total.get(column.name)),
            mark=_mark(column, people.total.get(column.name)),
        )
        for at, column in kept
        if totals
    )
    texts = [[row[place].text for row in rows] for place in range(len(kept))]
    sums = [[cell.text] for cell in total] or [[] for _ in kept]
    less = folded([column for _, column in kept], [said + own for said, own in zip(texts, sums, strict=True)])
    heads = tuple(
        replace(_head(column, texts[place]), folds=place in less) for place, (_, column) in enumerate(kept)
    )
    return Grid(heads, tuple(rows), total, max(len(table.rows) - most, 0))


def plain_grid(columns: Sequence[TableColumn], rows: Sequence[Sequence[Cell]], link: Link = nowhere) -> Grid:
    """A table without a total, such as that of a picture."""
    names = [column.name for column in columns]
    cells = []
    for row in rows:
        held = dict(zip(names, row, strict=True))
        cells.append(
            tuple(
                _cell(column, value, value, link(column, value, held))
                for column, value in zip(columns, row, strict=True)
            )
        )
    return Grid(tuple(map(_head, columns)), tuple(cells), ())


def records(rows: Sequence[Row], most: int = MOST_ROWS) -> Grid:
    """The table of rows that name their own cells."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [TableColumn(name, _unit(name, rows)) for name in names]
    made = plain_grid(columns, [[row.get(name) for name in names] for row in rows[:most]])
    return Grid(made.heads, made.rows, (), max(len(rows) - most, 0))


def _unit(name: str, rows: Sequence[Row]) -> str:
    if not any(isinstance(row.get(name), Decimal | int) for row in rows):
        return "text"
    return "usd" if name.endswith("_usd") else "number"


def single(column: TableColumn, value: Cell) -> Shown:
    """One figure."""
    return _cell(column, value, value, "")


def _head(column: TableColumn, texts: Sequence[str] = ()) -> Head:
    words = visible(column.name.removesuffix("_usd").replace("_", " "))
    return Head(column.name, words, _kind(column, texts))


def _kind(column: TableColumn, texts: Sequence[str]) -> str:
    if column.unit in NUMBER_UNITS:
        return "number"
    if column.unit in ("sentence", "id"):
        return column.unit
    if texts and all(len(text) >= LONG_WORD and " " not in text for text in texts):
        return "id"
    return "text long" if any(len(text) > SHORT for text in texts) else "text"


def _cell(column: TableColumn, said: Cell, held: Cell, link: str) -> Shown:
    if column.unit == "url":
        return _away(held)
    return Shown(display(column, said), _exact(held), link, mark=_mark(column, held))


def _away(held: Cell) -> Shown:
    """A link to where a trace can be seen; what is no web address is only text."""
    if not isinstance(held, str):
        return Shown("–")
    return Shown("open", link=held, away=True) if _is_web(held) else Shown(visible(held))


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # http://[
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _exact(held: Cell) -> str:
    return exact(held) if isinstance(held, Decimal | int) and not isinstance(held, bool) else ""


def _mark(column: TableColumn, held: Cell) -> str:
    if held is None:
        return "unknown" if column.unit == "usd" else ""
    if is_change(column) and isinstance(held, Decimal | int) and held:
        return "up" if held > 0 else "down"
    if column.name == "status" and held in ("over", "warn", "ok"):
        return str(held)
    return ""
