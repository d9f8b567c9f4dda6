"""Parquet: typed columns with exact decimals, for another tool to read."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from arro3.core import Array, DataType, list_array
from arro3.core import Table as ArrowTable

from whyspend.errors import InputError
from whyspend.formats._cells import NUMBER_UNITS, flat_name, in_utc, plain
from whyspend.model import Cell, Engine, Table, TableColumn
from whyspend.model.sheet import Sheet
from whyspend.spelling import exact, rounded, storable, visible

_NAME = "whyspend_answer"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = 38
_DECIMALS = 12


def write(table: Table, out: BinaryIO, *, engine: Engine) -> None:
    """Write `since`, `until` and every column, derived ones too, without the total.

    Money and shares are DECIMAL(38,12), with more decimals where a value has more: money is never rounded, a
    quotient keeps the 38 digits that a DECIMAL has. Counts are BIGINT, averages decimals, a series a list of
    decimals, days DATE, times TIMESTAMP in UTC, all else text and names as in CSV. Unknown is NULL.

    Args:
        table: The answer.
        out: Where the bytes go.
        engine: Who writes Parquet.

    Raises:
        InputError: a number has more than 26 digits before the point.
    """
    _written(arrow_table(table), out, engine)


def write_sheet(sheet: Sheet, out: BinaryIO, *, engine: Engine) -> None:
    """Write every column with its type, as in an answer, but without days.

    Raises:
        InputError: a number has more than 26 digits before the point.
    """
    columns, rows = sheet.main.columns, sheet.main.rows
    arrays = [_array(column, [row[index] for row in rows]) for index, column in enumerate(columns)]
    names = [visible(column.name) for column in columns]
    _written(ArrowTable.from_arrays(arrays, names=names), out, engine)


def _written(arrow: ArrowTable, out: BinaryIO, engine: Engine) -> None:
    engine.offer(_NAME, arrow)
    try:
        with tempfile.TemporaryDirectory(prefix="whyspend-") as folder:
            path = Path(folder) / "answer.parquet"
            engine.write_parquet(f"SELECT * FROM {_NAME}", str(path))
            with path.open("rb") as file:
                shutil.copyfileobj(file, out)
    finally:
        engine.withdraw(_NAME)


def arrow_table(table: Table) -> ArrowTable:
    """The rows with their window and types, as `write` has them.

    Raises:
        InputError: a number has more than 26 digits before the point.
    """
    count = len(table.rows)
    arrays = [_days([table.window.since] * count), _days([table.window.until] * count)]
    for index, column in enumerate(table.columns):
        arrays.append(_array(column, [row[index] for row in table.rows]))
    # A name is a C string on its way to the engine: a NUL would end it.
    names = [visible(flat_name(column)) for column in table.columns]
    return ArrowTable.from_arrays(arrays, names=["since", "until", *names])


def _array(column: TableColumn, values: Sequence[Cell]) -> Array:
    known = [value for value in values if value is not None]
    if column.unit == "series":
        return _series(column.name, values)
    if column.unit in NUMBER_UNITS:
        small_counts = all(isinstance(value, int) and value.bit_length() < 64 for value in known)
        is_count = column.unit not in ("usd", "rate", "about", "share", "number") and small_counts
        return Array(values, DataType.int64()) if is_count else _decimals(column.name, values)
    if column.unit == "time" or (
        column.unit == "date" and any(isinstance(value, datetime) for value in known)
    ):
        return _times(values)
    if column.unit == "date" and all(isinstance(value, date) for value in known):
        return _days(values)
    return Array([None if value is None else storable(plain(value)) for value in values], DataType.utf8())


def _days(values: Sequence[Cell]) -> Array:
    days = [(value - _EPOCH.date()).days if isinstance(value, date) else None for value in values]
    return Array(days, DataType.int32()).cast(DataType.date32())


def _times(values: Sequence[Cell]) -> Array:
    microsecond = timedelta(microseconds=1)
    times = [
        (in_utc(value) - _EPOCH) // microsecond if isinstance(value, datetime) else None for value in values
    ]
    return Array(times, DataType.int64()).cast(DataType.timestamp("us", tz="UTC"))


def _series(name: str, values: Sequence[Cell]) -> Array:
    flat: list[Cell] = []
    offsets = [0]
    for value in values:
        flat.extend(value if isinstance(value, tuple) else ())
        offsets.append(len(flat))
    unknown = Array([value is None for value in values], DataType.bool())
    return list_array(Array(offsets, DataType.int32()), _decimals(name, flat), mask=unknown)


def _decimals(name: str, values: Sequence[Cell]) -> Array:
    """Decimals, handed over as text because that is how the Arrow library takes them."""
    numbers = [Decimal(value) if isinstance(value, int | Decimal) else None for value in values]
    parts = [exact(number.copy_abs()).partition(".") for number in numbers if number is not None]
    whole = max((len(before) for before, _, _ in parts), default=0)
    if whole > _DIGITS - _DECIMALS:
        raise InputError(
            f"Column {name!r} cannot be written as Parquet: a value has {whole} digits before the point, and "
            f"a DECIMAL({_DIGITS},{_DECIMALS}) holds {_DIGITS - _DECIMALS}. Use --format csv or json."
        )
    scale = min(max(_DECIMALS, *(len(after) for _, _, after in parts), 0), _DIGITS - whole)
    digits = [None if number is None else exact(rounded(number, scale)) for number in numbers]
    return Array(digits, DataType.utf8()).cast(DataType.decimal128(_DIGITS, scale))
