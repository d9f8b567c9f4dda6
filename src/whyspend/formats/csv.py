"""Comma-separated values: one line a row, exact numbers, safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from whyspend.formats._cells import flat_name, plain
from whyspend.model import Cell, Table
from whyspend.model.sheet import Sheet

# What acts when a file is printed or read line by line: controls, line and paragraph ends, text direction,
# and halves of surrogate pairs, which UTF-8 cannot hold.
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# What a spreadsheet would run: a sign that starts a formula, in any width, behind any blanks or unseen
# characters, or a bare TAB or CR; first in the cell, or first after a semicolon, where half of Europe's
# spreadsheets start a new cell.
_UNSEEN = r"\s\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_FORMULA = re.compile(rf"(^|;)(?=[\t\r]|[{_UNSEEN}]*[=+\-@＝＋－＠−])")


def write(table: Table, out: BinaryIO, *, header: bool = True) -> None:
    """Write `since`, `until` and every column that is not derived; UTF-8, lines end with LF, no total.

    Unknown is an empty cell, money has all its digits, times are UTC. Text that a spreadsheet would run as a
    formula gets a leading apostrophe; control characters are written as visible escapes. A segment is
    `feature=rag;env=staging`, percent-escaped. A column called `since` is `row_since`, beside that of the window.

    Args:
        table: The answer.
        out: Where the bytes go.
        header: False to add the rows to a file that has its header.
    """
    if header:
        out.write(header_line(table))
    days = (table.window.since.isoformat(), table.window.until.isoformat())
    kept = [index for index, column in enumerate(table.columns) if not column.derived]
    out.write(_lines([*days, *(_cell(row[index]) for index in kept)] for row in table.rows))


def write_sheet(sheet: Sheet, out: BinaryIO) -> None:
    """Write every column that is not derived, as in an answer, but without days; UTF-8, lines end with LF."""
    columns = sheet.main.columns
    kept = [index for index, column in enumerate(columns) if not column.derived]
    out.write(_lines([[safe(columns[index].name) for index in kept]]))
    out.write(_lines([_cell(row[index]) for index in kept] for row in sheet.main.rows))


def header_line(table: Table) -> bytes:
    """The header with its line end, so that who appends can see whether a file has the same columns."""
    names = [safe(flat_name(column)) for column in table.columns if not column.derived]
    return _lines([["since", "until", *names]])


def _lines(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")


def _cell(value: Cell) -> str:
    return safe(plain(value)) if isinstance(value, str | Mapping) else plain(value)


def safe(text: str) -> str:
    """Text that neither a spreadsheet runs nor a terminal acts on."""
    harmless = _FORMULA.sub(r"\1'", text)
    return _ACTIVE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), harmless)
