"""What a cell looks like: one spelling for machines (csv, json, parquet), one for people (text, markdown)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal
from typing import assert_never
from zoneinfo import ZoneInfo

from whyspend.model import Cell, Table, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.spelling import (
    about,
    count,
    exact,
    money,
    percent,
    rate,
    rounded_together,
    short_count,
    sign,
    storable,
    visible,
)

NUMBER_UNITS = frozenset(
    {"calls", "requests", "tokens", "count", "usd", "rate", "about", "share", "ms", "number", "place"}
)
"""Shown at the right of their column, and never cut."""

_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
_BLOCKS = "▁▂▃▄▅▆▇█"
# What joins the parts of a segment.
_JOINT = re.compile("[%;=]")
# The same, and any first character with which a spreadsheet could take the text for a formula.
_JOINT_OR_START = re.compile(r"[%;=]|^\W")


def instant(moment: datetime) -> str:
    """A time as ISO 8601 in UTC: `2026-11-21T14:00:00Z`. A time without a zone is UTC already."""
    return in_utc(moment).isoformat().replace("+00:00", "Z")


def in_utc(moment: datetime) -> datetime:
    """The same instant in UTC; inside whyspend a time without a zone is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plain(value: Cell) -> str:
    """A value as bare text for machines; unknown is empty, a series has one blank between two numbers.

    A segment is `feature=rag;env=staging`, with `%`, `;` and `=` in names percent-escaped.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return exact(value)
        case datetime():
            return instant(value)
        case date():
            return value.isoformat()
        case str():
            return value
        case tuple():
            return " ".join(map(plain, value))
        case Mapping():
            parts = (
                f"{_escaped(_JOINT_OR_START, name)}={_escaped(_JOINT, part)}" for name, part in value.items()
            )
            return ";".join(parts)
        case _:
            assert_never(value)


def _escaped(special: re.Pattern[str], name: str) -> str:
    return special.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), storable(name))


def flat_name(column: TableColumn) -> str:
    """What a column is called beside `since` and `until`, the days of the answer: its own are `row_since`."""
    return f"row_{column.name}" if column.name in ("since", "until") else column.name


def is_change(column: TableColumn) -> bool:
    """Whether the column holds a difference, shown with its sign: `change_usd`, `change`, `impact_usd`."""
    return not {"change", "impact"}.isdisjoint(column.name.split("_"))


def speaks_for_itself(table: Table) -> bool:
    """Whether the rows are numbered sentences with the change that each explains: headings would say it again."""
    units = {column.unit for column in table.columns if not is_change(column)}
    changes = {column.unit for column in table.columns if is_change(column)}
    return "sentence" in units and units <= {"place", "sentence"} and changes <= {"usd"}


def for_people(table: Table) -> Table:
    """The answer as people read it.

    Without columns that a sentence tells, times in the window's time zone, sums rounded so that they add up.
    """
    columns = table.columns
    timed = {index for index, column in enumerate(columns) if column.unit == "time"}
    added = {
        index: rounded_together([row[index] for row in table.rows])
        for index, column in enumerate(columns)
        if column.adds_up and table.rows
    }
    kept = [index for index, column in enumerate(columns) if not column.told]
    if not timed and not added and len(kept) == len(columns):
        return table
    zone = ZoneInfo(table.window.timezone)

    def shown(number: int, index: int) -> Cell:
        value = added[index][number] if index in added else table.rows[number][index]
        return _in_zone(value, zone) if index in timed else value

    return replace(
        table,
        columns=tuple(columns[index] for index in kept),
        rows=tuple(tuple(shown(number, index) for index in kept) for number in range(len(table.rows))),
    )


def sheet_for_people(sheet: Sheet) -> list[Rows]:
    """The rows of a sheet as people read them, and more rows below: those that there are, without columns that hold
    nothing or that something else tells."""
    kept = (sheet.people or sheet.main, *sheet.more)
    return [_without_empty(rows) for rows in kept if rows.rows]


def _without_empty(held: Rows) -> Rows:
    kept = [
        index
        for index, column in enumerate(held.columns)
        if not column.told and any(row[index] is not None for row in held.rows)
    ]
    return replace(
        held,
        columns=tuple(held.columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in held.rows),
    )


def _in_zone(value: Cell, zone: tzinfo) -> Cell:
    return in_utc(value).astimezone(zone) if isinstance(value, datetime) else value


def display(column: TableColumn, value: Cell, *, compact: bool = False) -> str:
    """What people read in a cell, in text and in markdown alike; safe for a terminal, not yet for markup.

    Unknown money is `unknown`, a missing name `(untagged)`, any other missing value `–`; a line without a place
    of its own has none. A segment is `feature rag, env staging`, and `everywhere` where it names nothing. A time
    stands in its own zone, which `for_people` makes the window's.

    Args:
        column: Its unit decides.
        value: The exact value.
        compact: Tokens from 10,000 with three digits, for narrow terminals: 12,345,678 is `12.3M`.
    """
    match value:
        case None:
            return {"usd": "unknown", "text": "(untagged)", "place": ""}.get(column.unit, "–")
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return _number(column, Decimal(value), compact)
        case datetime():
            return (
                f"{value:%Y-%m-%d %H:%M}"
                if column.unit == "time"
                else f"{in_utc(value):%Y-%m-%d %H:%M:%S} UTC"
            )
        case date():
            return value.isoformat()
        case str():
            return visible(value)
        case tuple():
            return sparkline(value)
        case Mapping():
            return ", ".join(visible(f"{name} {part}") for name, part in value.items()) or "everywhere"
        case _:
            assert_never(value)


def total_row(table: Table, show: Callable[[TableColumn, Cell], str] = display) -> list[str] | None:
    """The totals, one cell a column, or None; `Total` stands in the first column for words that has none."""
    columns, totals = table.columns, table.total
    if not any(column.name in totals for column in columns):
        return None
    cells = [show(column, totals[column.name]) if column.name in totals else "" for column in columns]
    blank = [index for index, cell in enumerate(cells) if not cell and columns[index].unit != "place"]
    if blank:
        cells[blank[0]] = "Total"
    return cells


def sparkline(series: tuple[Decimal | None, ...]) -> str:
    """One block a day, as high as its share of the highest day; blank where unknown.

    Nothing is the lowest block and something never is: 0, 1, 50, 100 is `▁▂▅█`; all zero is `▁▁▁▁`.
    """
    highest = max((value for value in series if value is not None), default=Decimal(0))
    return "".join(" " if value is None else _BLOCKS[_level(value, highest)] for value in series)


def _level(value: Decimal, highest: Decimal) -> int:
    steps = len(_BLOCKS) - 1
    return 0 if value <= 0 else int((value * steps / highest).to_integral_value(ROUND_CEILING))


def _number(column: TableColumn, value: Decimal, compact: bool) -> str:
    signed = is_change(column)
    if column.unit == "usd":
        return money(value, signed=signed)
    if column.unit == "rate":
        return rate(value, signed=signed)
    if column.unit == "about":
        return about(value)
    if column.unit == "share":
        return percent(value, signed=signed)
    mark = sign(value, signed)
    size = value.copy_abs()
    if column.unit == "number":
        return f"{mark}{_FOUR_DIGITS.create_decimal(size).normalize():,f}"
    if column.unit == "ms":
        return f"{mark}{count(size)} ms"
    short = compact and column.unit == "tokens" and size >= 10_000
    return f"{mark}{short_count(size) if short else count(size)}"
