"""JSON: every column, row and total with exact numbers, and how far to trust them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import BinaryIO

from whyspend.formats._cells import plain
from whyspend.model import Cell, Table, TableColumn, Trust, Window
from whyspend.model.digest import Digest
from whyspend.model.sheet import Fact, Rows, Sheet
from whyspend.spelling import storable


def write(table: Table, out: BinaryIO) -> None:
    """Write one JSON object, UTF-8, one line a column and a row.

    `{"report", "window": {"since", "until", "timezone"}, "columns": [{"name", "unit"}], "rows": [{...}],
    "total": {...}, "trust": {...}, "notes": [...]}`, with the `headline` after the window and the details after
    the total, where the answer has them. Money and shares are numbers with all their digits (a reader that wants
    them exact must not read them as float), a series is a list of numbers, a segment an object, times are UTC,
    unknown is null.
    """
    out.write(f"{_members({**_answer(table), **_end(table.trust, table.notes)})}\n".encode())


def write_digest(digest: Digest, out: BinaryIO) -> None:
    """Write one JSON object, UTF-8: `{"report": "digest", "window", "at", "headline": [...], "sections": [...],
    "trust", "notes", "command"}`; a section has `title`, `sentences`, `command`, and the beginning of its answer as
    the report writes it: `report`, `window`, `columns`, `rows`, `total`."""
    sections = [
        {
            "title": string(section.title),
            "sentences": _lines(map(string, section.sentences)),
            "command": string(section.command),
            **{name: member for name, member in _answer(section.table).items() if name != "headline"},
        }
        for section in digest.sections
    ]
    members = {
        "report": string("digest"),
        "window": _days(digest.window),
        "at": literal(digest.at),
        "headline": _lines(map(string, digest.headline)),
        "sections": _lines(map(_members, sections)),
        **_end(digest.trust, digest.notes),
        "command": string(digest.command),
    }
    out.write(f"{_members(members)}\n".encode())


def write_sheet(sheet: Sheet, out: BinaryIO) -> None:
    """Write one JSON object, UTF-8: what holds for all rows, then the rows under their name, one a line, then more."""
    facts = {name: _fact(fact) for name, fact in sheet.facts.items()}
    out.write(object_of(facts, sheet.main, *sheet.more).encode())


def _fact(fact: Fact) -> str:
    if isinstance(fact, tuple):
        return f"[{', '.join(string(each) if isinstance(each, str) else literal(each) for each in fact)}]"
    return literal(fact)


def object_of(members: Mapping[str, str], *parts: Rows) -> str:
    """One object with a line end: members that are JSON already, then rows under their names, one a line."""
    made = {rows.name: _lines(map(_object, _records(rows.columns, rows.rows))) for rows in parts}
    return f"{_members({**members, **made})}\n"


def _records(columns: Sequence[TableColumn], rows: Iterable[Sequence[Cell]]) -> Iterable[Mapping[str, Cell]]:
    names = [column.name for column in columns]
    return (dict(zip(names, row, strict=True)) for row in rows)


def _answer(table: Table) -> dict[str, str]:
    names = [column.name for column in table.columns]
    total = {name: table.total[name] for name in names if name in table.total} | dict(table.total)
    return {
        "report": string(table.report),
        "window": _days(table.window),
        **({"headline": string(table.headline)} if table.headline else {}),
        "columns": _lines(_object({"name": column.name, "unit": column.unit}) for column in table.columns),
        "rows": _lines(_object(dict(zip(names, row, strict=True))) for row in table.rows),
        "total": _object(total),
        **{name: _lines(map(_object, rows)) for name, rows in table.details.items()},
    }


def _end(trust: Trust, notes: Iterable[str]) -> dict[str, str]:
    return {"trust": _object(_trust(trust)), "notes": _lines(map(string, notes))}


def _days(window: Window) -> str:
    return _object({"since": window.since, "until": window.until, "timezone": window.timezone})


def _members(members: Mapping[str, str]) -> str:
    body = ",\n".join(f"  {string(name)}: {member}" for name, member in members.items())
    return f"{{\n{body}\n}}"


def _trust(trust: Trust) -> dict[str, Cell]:
    return {
        "calls": trust.calls,
        "priced": trust.priced,
        "tagged_usd": trust.tagged_usd,
        "tagged_calls": trust.tagged_calls,
        "estimated": trust.estimated,
        "sampled": trust.sampled,
        "complete_until": trust.complete_until,
        "price_book": trust.price_book,
    }


def _lines(items: Iterable[str]) -> str:
    lines = ",\n".join(f"    {item}" for item in items)
    return f"[\n{lines}\n  ]" if lines else "[]"


def _object(values: Mapping[str, Cell]) -> str:
    return "{" + ", ".join(f"{string(name)}: {literal(value)}" for name, value in values.items()) + "}"


def literal(value: Cell) -> str:
    """A cell as JSON: money with all its digits, unknown as null."""
    match value:
        case None:
            return "null"
        case tuple():
            return "[" + ", ".join(map(literal, value)) + "]"
        case Mapping():
            return _object(value)
        case str() | date():
            return string(plain(value))
        case _:
            return plain(value)


def string(text: str) -> str:
    r"""A JSON string that keeps every character, those that act on a terminal as `\uXXXX`."""
    quoted = json.dumps(storable(text), ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in quoted)
