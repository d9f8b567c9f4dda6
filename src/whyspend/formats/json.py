"""JSON: every column, row and total with exact numbers, and how far to trust them."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import BinaryIO

from whyspend.formats._cells import plain
from whyspend.model import Cell, Table, Trust
from whyspend.spelling import storable


def write(table: Table, out: BinaryIO) -> None:
    """Write one JSON object, UTF-8, one line a column and a row.

    `{"report", "window": {"since", "until", "timezone"}, "columns": [{"name", "unit"}], "rows": [{...}],
    "total": {...}, "trust": {...}, "notes": [...]}`, with the `headline` after the window and the details after
    the total, where the answer has them. Money and shares are numbers with all their digits (a reader that wants
    them exact must not read them as float), a series is a list of numbers, a segment an object, times are UTC,
    unknown is null.
    """
    window = table.window
    names = [column.name for column in table.columns]
    total = {name: table.total[name] for name in names if name in table.total} | dict(table.total)
    members = {
        "report": string(table.report),
        "window": _object({"since": window.since, "until": window.until, "timezone": window.timezone}),
        **({"headline": string(table.headline)} if table.headline else {}),
        "columns": _lines(_object({"name": column.name, "unit": column.unit}) for column in table.columns),
        "rows": _lines(_object(dict(zip(names, row, strict=True))) for row in table.rows),
        "total": _object(total),
        **{name: _lines(map(_object, rows)) for name, rows in table.details.items()},
        "trust": _object(_trust(table.trust)),
        "notes": _lines(map(string, table.notes)),
    }
    body = ",\n".join(f"  {string(name)}: {member}" for name, member in members.items())
    out.write(f"{{\n{body}\n}}\n".encode())


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
