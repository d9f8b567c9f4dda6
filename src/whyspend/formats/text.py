"""Text: aligned columns for a terminal or a pipe."""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import BinaryIO
from unicodedata import category, east_asian_width

from whyspend.formats._cells import NUMBER_UNITS, display, is_change, total_row, visible
from whyspend.formats._frame import remarks, title, trust_line
from whyspend.model import Cell, Table, TableColumn

_GAP = "  "
_READABLE_TEXT = 28
_NARROWEST_TEXT = len("(untagged)")
_BOLD, _RED, _GREEN, _YELLOW, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


@dataclass(frozen=True)
class _Lane:
    """A column as it will be shown; widths in columns of the terminal."""

    column: TableColumn
    heading: list[str]
    """Its lines, the last one next to the rows."""
    cells: list[str]
    """One a row, then the total where the table has one."""
    colors: list[str]
    """One a row: the escape that begins its colour, or nothing."""
    natural: int
    """The width that shows everything."""
    width: int


def write(table: Table, out: BinaryIO, *, width: int | None = None, color: bool = False) -> None:
    """Write the title, the table with its total, the trust line and the notes; UTF-8, lines end with LF.

    Where the table is wider than the terminal, its headings are stacked, then its tokens shortened
    (`12.3M`), then columns left out, tokens first; text is shortened (`…`), to no less than 28 columns unless
    names and money alone are too wide. The last line names what was left out. A number is never cut.

    Args:
        table: The answer.
        out: Where the bytes go.
        width: Columns of the terminal; None, as for a pipe: as wide as the table.
        color: Dearer red, cheaper green, unknown money yellow, title and total bold.
    """
    lanes = _lanes_within(table, width)
    footer = [trust_line(table.trust), *remarks(table), *_left_out(table, lanes)]
    lines = [
        *(_painted(line, _BOLD if color else "") for line in _wrapped(title(table), width)),
        "",
        *_table_lines(table, lanes, color),
        "",
        *(line for text in footer for line in _wrapped(text, width)),
    ]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def _lanes_within(table: Table, width: int | None) -> list[_Lane]:
    lanes = _lanes(table, stacked=False, compact=False)
    if width is None or _span(lanes) <= width:
        return lanes
    for compact in (False, True):
        lanes = _lanes(table, stacked=True, compact=compact)
        if _span(lanes) <= width:
            return lanes
    return _squeezed(lanes, width)


def _lanes(table: Table, *, stacked: bool, compact: bool) -> list[_Lane]:
    show = partial(display, compact=compact)
    total = total_row(table, show)
    lanes: list[_Lane] = []
    for index, column in enumerate(table.columns):
        values = [row[index] for row in table.rows]
        name = visible(column.name)
        heading = name.split("_") if stacked else [name]
        cells = [show(column, value) for value in values] + ([total[index]] if total else [])
        width = max(map(display_width, [*heading, *cells]))
        lanes.append(_Lane(column, heading, cells, [_color(column, value) for value in values], width, width))
    return lanes


def _squeezed(lanes: list[_Lane], width: int) -> list[_Lane]:
    """What fits: names, days and money always; then, by what they say about a bill, the other columns."""
    needed = [index for index, lane in enumerate(lanes) if _is_needed(lane.column)]
    for longest in (_READABLE_TEXT, _NARROWEST_TEXT):
        narrowed = [_narrowed(lane, longest) for lane in lanes]
        if _span([narrowed[index] for index in needed]) <= width:
            break
    kept = list(needed)
    for index in sorted(range(len(lanes)), key=lambda index: _rank(lanes[index].column)):
        if index not in kept and _span([narrowed[other] for other in (*kept, index)]) <= width:
            kept.append(index)
    return _grown([narrowed[index] for index in sorted(kept)], width)


def _is_needed(column: TableColumn) -> bool:
    return not column.derived and column.unit in ("text", "date", "usd")


def _rank(column: TableColumn) -> int:
    """What a person who answers for the bill misses first: the change, then how often, since when, how much of it."""
    if is_change(column):
        return 0
    return {"calls": 1, "requests": 1, "series": 2, "share": 3, "tokens": 4}.get(column.unit, 5)


def _narrowed(lane: _Lane, longest: int) -> _Lane:
    return replace(lane, width=min(lane.natural, longest)) if lane.column.unit == "text" else lane


def _grown(lanes: list[_Lane], width: int) -> list[_Lane]:
    """Give text the room that is left, from left to right."""
    spare = max(0, width - _span(lanes))
    grown: list[_Lane] = []
    for lane in lanes:
        growth = min(spare, lane.natural - lane.width)
        spare -= growth
        grown.append(replace(lane, width=lane.width + growth))
    return grown


def _left_out(table: Table, lanes: list[_Lane]) -> list[str]:
    shown = [lane.column for lane in lanes]
    hidden = [visible(column.name) for column in table.columns if column not in shown]
    return [f"The terminal is too narrow for: {', '.join(hidden)}. JSON has every column."] if hidden else []


def _span(lanes: list[_Lane]) -> int:
    return sum(lane.width for lane in lanes) + len(_GAP) * (len(lanes) - 1)


def _table_lines(table: Table, lanes: list[_Lane], color: bool) -> list[str]:
    depth = max((len(lane.heading) for lane in lanes), default=0)
    headings = [[""] * (depth - len(lane.heading)) + lane.heading for lane in lanes]
    rule = _GAP.join("─" * lane.width for lane in lanes)
    lines = [_line(lanes, list(level)) for level in zip(*headings, strict=True)]
    lines.append(rule)
    for index in range(len(table.rows)):
        colors = [lane.colors[index] if color else "" for lane in lanes]
        lines.append(_line(lanes, [lane.cells[index] for lane in lanes], colors))
    if table.total:
        lines.append(rule)
        lines.append(_painted(_line(lanes, [lane.cells[-1] for lane in lanes]), _BOLD if color else ""))
    return lines


def _line(lanes: list[_Lane], cells: list[str], colors: list[str] | None = None) -> str:
    fitted = (
        _aligned(lane, cell, begin)
        for lane, cell, begin in zip(lanes, cells, colors or [""] * len(lanes), strict=True)
    )
    return _GAP.join(fitted).rstrip()


def _aligned(lane: _Lane, cell: str, color: str) -> str:
    shown = _cut(cell, lane.width)
    padding = " " * (lane.width - display_width(shown))
    painted = _painted(shown, color)
    return padding + painted if lane.column.unit in NUMBER_UNITS else painted + padding


def _color(column: TableColumn, value: Cell) -> str:
    if value is None:
        return _YELLOW if column.unit == "usd" else ""
    if is_change(column) and isinstance(value, int | Decimal) and value:
        return _RED if value > 0 else _GREEN
    return ""


def _painted(text: str, color: str) -> str:
    return f"{color}{text}{_PLAIN}" if color and text else text


def _cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits before a `…`."""
    if display_width(text) <= width:
        return text
    room = width - 1
    end = 0
    for char in text:
        room -= display_width(char)
        if room < 0:
            break
        end += 1
    return text[:end] + "…"


def _wrapped(text: str, width: int | None) -> list[str]:
    """Lines of whole words, all but the first indented; a word wider than the terminal stays whole."""
    if width is None or display_width(text) <= width:
        return [text]
    lines = [""]
    for word in text.split(" "):
        candidate = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if display_width(candidate) <= width or not lines[-1].strip():
            lines[-1] = candidate
        else:
            lines.append(f"  {word}")
    return lines


def display_width(text: str) -> int:
    """Columns on a terminal: two for East Asian wide letters and emoji, none for marks on a letter."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if category(char) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
