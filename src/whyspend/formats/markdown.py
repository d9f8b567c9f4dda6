"""Markdown: a GitHub table for a pull request, an issue or a chat."""

import re
from collections.abc import Mapping
from typing import BinaryIO

from whyspend.formats._cells import NUMBER_UNITS, display, for_people, sheet_for_people, total_row
from whyspend.formats._frame import headline, remarks, sheet_title, shown_digest, title, trust_line
from whyspend.model import Cell, Table, TableColumn
from whyspend.model.digest import Digest
from whyspend.model.sheet import Rows, Sheet
from whyspend.spelling import visible

# An underscore within a word and a dollar sign before a digit mean nothing in GitHub's Markdown.
_MARKUP = re.compile(r"[\\`*~\[\]<>&|]|(?<![^\W_])_|_(?![^\W_])")
_FORMULA = re.compile(r"\$(?!\d)")
# Begins a list, a heading or a rule, where a line begins with it.
_BLOCK = re.compile(r"^(\d*)([-+#=.)])")
# A renderer makes links and notifies people from these by itself; an escape does not stop it, a comment does.
_REFERENCE = re.compile(r"([@#]|:(?=//)|(?<=www)\.|GH-)(?=[\w/])", re.IGNORECASE)
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$'()*+,;=%&-]+")


def write(table: Table, out: BinaryIO) -> None:
    """Write the title, the headline, the table with its total in bold, the trust line and the notes; UTF-8.

    Cells read as in text: money and shares are rounded for people (`money`, `percent` in `_cells`).
    Names stand as code, where nothing in them is markup, a link or a mention; sentences are escaped prose.
    """
    table = for_people(table)
    lines = [f"**{_prose(title(table))}**", ""]
    if said := headline(table):
        lines += [*map(_line_of_prose, said), ""]
    lines += [*_table_lines(table), "", _prose(trust_line(table.trust))]
    if notes := remarks(table):
        lines += ["", *(f"- {_line_of_prose(note)}" for note in notes)]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def write_digest(digest: Digest, out: BinaryIO) -> None:
    """Write the title, the headline, each section with its command, the trust line and the notes; UTF-8."""
    head, said, (trust, *notes) = shown_digest(digest)
    lines = [f"**{_prose(head)}**", "", *(f"- {_line_of_prose(each)}" for each in said)]
    for section in digest.sections:
        lines += ["", f"### {_line_of_prose(visible(section.title))}", ""]
        lines += [f"{_line_of_prose(visible(each))}  " for each in section.sentences]
        lines += ["", *_table_lines(for_people(section.table))] if section.table.rows else []
        lines += ["", _fenced(visible(section.command))]
    lines += ["", _prose(trust), *([""] if notes else []), *(f"- {_line_of_prose(note)}" for note in notes)]
    lines += ["", _fenced(visible(digest.command))]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def write_sheet(sheet: Sheet, out: BinaryIO) -> None:
    """Write the title, the headline, the rows, more rows, the notes and what can be copied; UTF-8."""
    lines = [f"**{_prose(sheet_title(sheet))}**"]
    if sheet.headline:
        lines += ["", *(f"{_line_of_prose(visible(each))}  " for each in sheet.headline)]
    for rows in sheet_for_people(sheet):
        if not rows.is_long:
            lines += ["", *([f"{_line_of_prose(visible(rows.title))}:", ""] if rows.title else [])]
            lines += _row_lines(rows)
    if sheet.notes:
        lines += ["", *(f"- {_line_of_prose(visible(note))}" for note in sheet.notes)]
    if sheet.block:
        lines += ["", _fenced("\n".join(map(visible, sheet.block.rstrip().splitlines())), "toml")]
    out.write(("\n".join(lines) + "\n").encode("utf-8"))


def _fenced(text: str, language: str = "sh") -> str:
    """Text that can be copied, such as a command line; nothing in it ends the block."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _table_lines(table: Table) -> list[str]:
    lines = _row_lines(table)
    if total := total_row(table, _cell):
        lines.append(_line([f"**{cell}**" if cell else "" for cell in total]))
    return lines


def _row_lines(held: Table | Rows) -> list[str]:
    columns = held.columns
    return [
        _line([_prose(visible(column.name)) for column in columns]),
        _line(["---:" if column.unit in NUMBER_UNITS else "---" for column in columns]),
        *(
            _line([_cell(column, value) for column, value in zip(columns, row, strict=True)])
            for row in held.rows
        ),
    ]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: TableColumn, value: Cell) -> str:
    shown = display(column, value)
    if column.unit == "url" and _PLAIN_URL.fullmatch(shown):
        return f"<{shown}>"
    if not shown or not isinstance(value, str | tuple | Mapping):
        return shown
    if column.unit == "sentence":
        return _prose(shown)
    # A pipe behind a backslash has no spelling in a code span of a table.
    return _prose(shown) if "\\|" in shown else _code(shown)


def _code(text: str) -> str:
    """Text as a code span of a table: only its own fence and the pipe mean anything there."""
    fence = "`"
    while fence in text:
        fence += "`"
    ends = {text[0], text[-1]}
    pad = " " if "`" in ends or (ends == {" "} and text.strip()) else ""
    safe = text.replace("|", "\\|")
    return f"{fence}{pad}{safe}{pad}{fence}"


def _prose(text: str) -> str:
    """Text that reads as it is: no markup, no HTML, no link, no mention."""
    escaped = _REFERENCE.sub(r"\1<!-- -->", _MARKUP.sub(r"\\\g<0>", text))
    return _FORMULA.sub("&#36;", escaped)  # last, for the number sign of its own is no reference


def _line_of_prose(text: str) -> str:
    return _BLOCK.sub(r"\1\\\2", _prose(text.strip()))
