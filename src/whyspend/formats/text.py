"""Text: aligned columns for a terminal or a pipe."""

from decimal import Decimal
from functools import partial
from typing import BinaryIO

from whyspend.formats import _bars, _grid
from whyspend.formats._cells import (
    NUMBER_UNITS,
    display,
    for_people,
    is_change,
    speaks_for_itself,
    total_row,
)
from whyspend.formats._frame import headline, remarks, shown_digest, title, trust_line
from whyspend.formats._grid import Lane
from whyspend.formats._sheet import sheet_lines
from whyspend.model import Cell, Table, TableColumn
from whyspend.model.digest import Digest
from whyspend.model.sheet import Sheet
from whyspend.spelling import visible

_NARROWEST_SENTENCE = 30
_NAMES = ("text", "segment")
_RANKS = {"calls": 2, "requests": 2, "series": 3, "share": 4, "tokens": 5}


def write(table: Table, out: BinaryIO, *, width: int | None = None, color: bool = False) -> None:
    """Write the title, the headline, the table with its total, the trust line and the notes; UTF-8, lines end with LF.

    Where the table is wider than the terminal, its headings are stacked, then its tokens shortened
    (`12.3M`), then columns left out, tokens first; text is shortened (`…`), to no less than 28 columns unless
    names and money alone are too wide. The last line names what was left out. A number is never cut. A sentence
    takes the room that is left, 30 columns at least, and goes on in the next line.

    Where a terminal has room that no number and no name wants, the shares, changes or dollars of the rows are drawn
    as bars beside them (`_bars`). Pipes get none.

    Args:
        table: The answer.
        out: Where the bytes go.
        width: Columns of the terminal; None, as for a pipe: as wide as the table, without bars.
        color: Dearer red, cheaper green, unknown money yellow, title, headline and total bold.
    """
    table = for_people(table)
    lanes = _drawn(_lanes_within(table, width), table, width)
    names = [visible(column.name) for column in table.columns]
    footer = [trust_line(table.trust), *remarks(table), *filter(None, [_grid.left_out(lanes, names)])]
    head = [*_grid.wrapped(title(table), width)]
    for said in headline(table):
        head += _grid.folded(said, width)
    body = _grid.block(lanes, len(table.rows), color=color)
    lines = [
        *(_grid.painted(line, _grid.BOLD if color else "") for line in head),
        *(["", *body] if body else []),
        "",
        *(line for text in footer for line in _grid.wrapped(text, width)),
    ]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def write_digest(digest: Digest, out: BinaryIO, *, width: int | None = None, color: bool = False) -> None:
    """Write the title, the headline, each section with its command, the trust line and the notes; UTF-8, LF."""
    head, said, end = shown_digest(digest)
    bold = _grid.BOLD if color else ""
    lines = [_grid.painted(line, bold) for text in (head, *said) for line in _grid.folded(text, width)]
    for section in digest.sections:
        lines += ["", "", _grid.painted(visible(section.title), bold)]
        lines += [line for text in section.sentences for line in _grid.folded(visible(text), width)]
        lines += (
            ["", *table_lines(section.table, width, color=color, drawn=True)] if section.table.rows else []
        )
        lines += ["", *_grid.wrapped(f"$ {visible(section.command)}", width)]
    lines += [
        "",
        "",
        *(line for text in (*end, f"$ {visible(digest.command)}") for line in _grid.wrapped(text, width)),
    ]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def write_sheet(sheet: Sheet, out: BinaryIO, *, width: int | None = None, color: bool = False) -> None:
    """Write what it is of, the headline, the rows, the notes and what can be copied; UTF-8, LF."""
    lines = sheet_lines(sheet, width, _grid.BOLD if color else "")
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def table_lines(
    table: Table, width: int | None, *, color: bool = False, names_missing: bool = True, drawn: bool = False
) -> list[str]:
    """The rows with their total, with bars where they are to be drawn, and what that width has no room for."""
    table = for_people(table)
    lanes = _lanes_within(table, width)
    lanes = _drawn(lanes, table, width) if drawn else lanes
    body = _grid.block(lanes, len(table.rows), color=color)
    missing = _grid.left_out(lanes, [visible(column.name) for column in table.columns])
    return body + (_grid.wrapped(missing, width) if missing and names_missing else [])


def _lanes_within(table: Table, width: int | None) -> list[Lane]:
    lanes = _lanes(table, stacked=False, compact=False)
    if width is None:
        return lanes
    if fitted := _grid.within(lanes, width):
        return fitted
    for compact in (False, True):
        lanes = _lanes(table, stacked=True, compact=compact)
        if fitted := _grid.within(lanes, width):
            return fitted
    return _grid.squeezed(lanes, width)


def _drawn(lanes: list[Lane], table: Table, width: int | None) -> list[Lane]:
    """The lanes with bars beside the one that they are of, where there is one and room for them."""
    at = _bars.drawn_column(table)
    if width is None or at is None:
        return lanes
    column, values = table.columns[at], [row[at] for row in table.rows]
    place = next((index for index, lane in enumerate(lanes) if lane.name == visible(column.name)), None)
    room = min(_grid.room_beside(lanes, width), max(width // 8, _bars.NARROWEST), _bars.WIDEST)
    if place is None or room < _bars.NARROWEST:
        return lanes
    cells = _bars.bars(column, values, room)
    wide = _grid.natural_width((), cells)
    colors = [_bar_color(column, value) for value in values]
    cells += [""] * (len(lanes[0].cells) - len(values))
    bar = Lane("", [], cells, natural=wide, width=wide, readable=wide, narrowest=wide, colors=colors)
    return _grid.with_beside(lanes, place, bar, width)


def _lanes(table: Table, *, stacked: bool, compact: bool) -> list[Lane]:
    show = partial(display, compact=compact)
    total = total_row(table, show)
    named = not speaks_for_itself(table)
    lanes: list[Lane] = []
    for index, column in enumerate(table.columns):
        values = [row[index] for row in table.rows]
        name = visible(column.name)
        heading = (name.split("_") if stacked else [name]) if named else []
        cells = [show(column, value) for value in values] + ([total[index]] if total else [])
        lanes.append(_lane(column, heading, cells, [_color(column, value) for value in values]))
    return lanes


def _lane(column: TableColumn, heading: list[str], cells: list[str], colors: list[str]) -> Lane:
    natural = _grid.natural_width(heading, cells)
    readable = narrowest = natural
    if column.unit in _NAMES:
        readable, narrowest = min(natural, _grid.READABLE_TEXT), min(natural, _grid.NARROWEST_TEXT)
    elif column.unit == "sentence":
        readable = narrowest = min(natural, _NARROWEST_SENTENCE)
    return Lane(
        name=visible(column.name),
        heading=heading,
        cells=cells,
        natural=natural,
        width=natural,
        readable=readable,
        narrowest=narrowest,
        colors=colors,
        folds=column.unit == "sentence",
        right=column.unit in NUMBER_UNITS,
        rank=_rank(column),
    )


def _rank(column: TableColumn) -> int:
    """What a person who answers for the bill misses first: names, days and money, then how they changed, then how
    often, since when, how much of it."""
    if not column.derived and column.unit in (*_NAMES, "id", "date", "usd", "place", "sentence"):
        return 0
    return 1 if is_change(column) else _RANKS.get(column.unit, 6)


def _bar_color(column: TableColumn, value: Cell) -> str:
    """Dearer red, cheaper green, as the number beside it; over a limit red."""
    if _bars.is_of_limit(column):
        return _grid.RED if isinstance(value, int | Decimal) and value > 1 else ""
    return _color(column, value) if value is not None else ""


def _color(column: TableColumn, value: Cell) -> str:
    if value is None:
        return _grid.YELLOW if column.unit == "usd" else ""
    if is_change(column) and isinstance(value, int | Decimal) and value:
        return _grid.RED if value > 0 else _grid.GREEN
    return ""
