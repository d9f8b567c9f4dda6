"""What a cell looks like: one spelling for machines (csv, json, parquet), one for people (text, markdown)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import assert_never
from zoneinfo import ZoneInfo

from whyspend.model import Cell, Table, TableColumn

NUMBER_UNITS = frozenset({"calls", "requests", "tokens", "usd", "share", "ms", "number", "place"})
"""Shown at the right of their column, and never cut."""

_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)
_TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)
_THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_UP)
_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
_BLOCKS = "▁▂▃▄▅▆▇█"
# What joins the parts of a segment.
_JOINT = re.compile("[%;=]")
# The same, and any first character with which a spreadsheet could take the text for a formula.
_JOINT_OR_START = re.compile(r"[%;=]|^\W")
# Letters and marks that leave no ink although Unicode calls them printable: fillers, joiners, variants.
_INKLESS = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))) | frozenset(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def exact(number: int | Decimal) -> str:
    """A number with all its digits, no exponent and no idle zero: the spelling of every machine format.

    0.000000012500 is `0.0000000125`, 12.00 is `12`, 1E+3 is `1000`, -0.0 is `0`.

    Raises:
        ValueError: the number is not finite: an unknown value is None, never NaN.
    """
    if isinstance(number, Decimal) and not number.is_finite():
        raise ValueError(f"{number} is not a number that an answer may hold; unknown is None.")
    digits = format(Decimal(number), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


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


def storable(text: str) -> str:
    r"""Text that UTF-8 can hold: half of a surrogate pair becomes its visible escape, `\ud800`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    r"""Text that reads as it is: what would act on a terminal, or leaves no ink, becomes its escape.

    ESC becomes `\x1b`, a line end `\n`, the right-to-left override `\u202e`, a zero-width joiner `\u200d`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() and char not in _INKLESS else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def is_change(column: TableColumn) -> bool:
    """Whether the column holds a difference, shown with its sign: `change_usd`, `change`, `impact_usd`."""
    return not {"change", "impact"}.isdisjoint(column.name.split("_"))


def for_people(table: Table) -> Table:
    """The answer as people read it.

    Without columns that a sentence tells, times in the window's time zone, sums rounded so that they add up.
    """
    columns = table.columns
    timed = {index for index, column in enumerate(columns) if column.unit == "time"}
    added = {
        index: _rounded_together(table, index)
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


def _rounded_together(table: Table, index: int) -> list[Cell]:
    """A column in whole cents, or finer where a cent is too coarse, whose sum is the rounded total.

    $0.334, $0.333 and $0.333 read $0.34, $0.33 and $0.33 (largest remainder). Unknown stays unknown.
    """
    cells = [row[index] for row in table.rows]
    amounts = {at: value for at, value in enumerate(cells) if isinstance(value, Decimal)}
    largest = max(map(abs, amounts.values()), default=Decimal(0))
    decimals = max(2, 1 - _TWO_DIGITS.create_decimal(largest).adjusted()) if largest else 2
    step = Decimal(1).scaleb(-decimals)
    floors = {at: value.quantize(step, ROUND_FLOOR, _EXACT) for at, value in amounts.items()}
    whole = rounded(sum(amounts.values(), Decimal(0)), decimals)
    missing = int((whole - sum(floors.values(), Decimal(0))) / step)
    for at in sorted(amounts, key=lambda at: (floors[at] - amounts[at], at))[:missing]:
        floors[at] += step
    return [floors.get(at, value) for at, value in enumerate(cells)]


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


def money(value: Decimal, *, signed: bool = False) -> str:
    """Dollars for people: cents, and below a dollar as many decimals as show two digits; halves round up.

    1234.565 is `$1,234.57`, 0.5 is `$0.50`, 0.0042 is `$0.0042`, 0.000000012345 is `$0.000000012`,
    0 is `$0.00`. So a cost is never shown as nothing. Signed: `+$0.50`, `-$0.50`.
    """
    first_digit = _TWO_DIGITS.create_decimal(value).adjusted() if value else 0
    size = rounded(value.copy_abs(), max(2, 1 - first_digit))
    return f"{_sign(value, signed)}${size:,f}"


def percent(share: Decimal, *, signed: bool = False) -> str:
    """A fraction of 1 for people: one decimal, halves up; only all is `100 %` and only nothing is `0 %`.

    0.123 is `12.3 %`, 0.9996 is `>99.9 %`, 0.0004 is `<0.1 %`, -0.0004 is `>-0.1 %`.
    """
    if share in (0, 1):
        return f"{_sign(share, signed)}{exact(share * 100)} %"
    size = rounded(_EXACT.multiply(share.copy_abs(), Decimal(100)), 1)
    if size == 0:
        return "<0.1 %" if share > 0 else ">-0.1 %"
    if size == 100 and share.copy_abs() < 1:
        return ">99.9 %" if share > 0 else "<-99.9 %"
    return f"{_sign(share, signed)}{size:,f} %"


def rounded(number: Decimal, decimals: int) -> Decimal:
    """A number with so many decimals, halves away from zero."""
    return number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)


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
    if column.unit == "share":
        return percent(value, signed=signed)
    sign = _sign(value, signed)
    size = value.copy_abs()
    if column.unit == "number":
        return f"{sign}{_FOUR_DIGITS.create_decimal(size).normalize():,f}"
    if column.unit == "ms":
        return f"{sign}{_count(size)} ms"
    short = compact and column.unit == "tokens" and size >= 10_000
    return f"{sign}{_short_count(size) if short else _count(size)}"


def _count(size: Decimal) -> str:
    """12345 is `12,345`; an average keeps one decimal: 12.345 is `12.3`."""
    whole = size == size.to_integral_value()
    return f"{rounded(size, 0 if whole else 1):,f}"


def _short_count(size: Decimal) -> str:
    """12345 is `12.3k`, 999950 is `1.00M`, 1200000000 is `1.20B`."""
    three_digits = _THREE_DIGITS.create_decimal(size)
    thousands = min(three_digits.adjusted() // 3, 4)
    return f"{three_digits.scaleb(-3 * thousands):,f}{' kMBT'[thousands]}"


def _sign(value: Decimal, signed: bool) -> str:
    if value < 0:
        return "-"
    return "+" if signed and value > 0 else ""
