"""Bars beside the numbers of a table: which column has them, and how long each is.

They are drawn for people in a terminal, where there is room that no number and no name wants; a pipe has none, as it
has no sparklines: what stands there may be searched, or cut at blanks, and a bar is no field of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from whyspend.formats._cells import is_change
from whyspend.model import Cell, Table, TableColumn

NARROWEST, WIDEST = 4, 20
"""Columns of the terminal. Fewer tell nothing; more are only ink."""

_EIGHTHS = " ▏▎▍▌▋▊▉"
# Letters that are filled from the right are an eighth and a half; a left bar is as long as comes nearest.
_FROM_THE_RIGHT = ("", "▕", "▕", "▐", "▐", "▐", "█", "█")
_ZERO, _BEYOND = "│", "»"
_FARTHEST = Fraction(3, 2)
"""Of a limit, how much is drawn to scale; what is more ends in `»`."""


def drawn_column(table: Table) -> int | None:
    """The column that bars help to compare, or None.

    It is, as long as two of its values are known and differ:

    - the share of a limit: one that does not follow from other columns, as in `budgets`;
    - else what comes first of a share of the whole and a change in dollars;
    - else dollars, where the rows are no course of days: those with an interval beside them (`low_...`), or the first.
    """
    columns = table.columns
    for chosen in (_limits(columns), _compared(columns), _amounts(columns)):
        if chosen:
            known = {row[chosen[0]] for row in table.rows} - {None}
            return chosen[0] if len(known) > 1 else None
    return None


def is_of_limit(column: TableColumn) -> bool:
    """Whether 100 % of the column is a limit, and not all that there is."""
    return _is_share(column) and not column.derived


def bars(column: TableColumn, values: Sequence[Cell], width: int) -> list[str]:
    """A bar for each value, of so many columns at the most, all to one scale; none where the value is unknown.

    Right bars are exact to an eighth of a column, left ones to a quarter, and what is not 0 is never nothing. The
    largest is as long as there is room; of a limit, `│` stands at 100 %, and what is beyond it goes on behind. Where a
    value is less than 0, `│` is the common zero.

    Args:
        column: its unit decides.
        values: exact.
        width: NARROWEST at the least.
    """
    known = [Fraction(value) for value in values if isinstance(value, int | Decimal)]
    if not any(known):
        return [""] * len(values)
    scale = _limit(known, width) if is_of_limit(column) else _signed(known, width)
    return [scale.bar(Fraction(value)) if isinstance(value, int | Decimal) else "" for value in values]


def blocks(eighths: int) -> str:
    """A bar from left to right: 12 is `█▌`."""
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


@dataclass(frozen=True)
class _Signed:
    """Bars to both sides of zero; to the right only where nothing is less."""

    left: int
    cell: Fraction
    """How much a column of the terminal stands for."""

    def bar(self, value: Fraction) -> str:
        is_less = value.numerator < 0
        length = "" if is_less else blocks(_eighths(value, self.cell))
        if not self.left:
            return length
        full, rest = divmod(_eighths(-value, self.cell), 8) if is_less else (0, 0)
        below = _FROM_THE_RIGHT[rest] + "█" * full
        return f"{below:>{self.left}}{_ZERO}{length}"


@dataclass(frozen=True)
class _Limit:
    """Bars towards 100 % and beyond. Less than nothing uses nothing of a limit."""

    whole: int
    """Columns up to the limit."""
    beyond: int

    def bar(self, value: Fraction) -> str:
        cell = Fraction(1, self.whole)
        within = blocks(_eighths(min(max(value, Fraction(0)), Fraction(1)), cell))
        over = _eighths(max(value - 1, Fraction(0)), cell)
        behind = blocks(over) if over <= self.beyond * 8 else "█" * (self.beyond - 1) + _BEYOND
        return f"{within:<{self.whole}}{_ZERO}{behind}"


def _signed(known: Sequence[Fraction], width: int) -> _Signed:
    high, low = max(*known, Fraction(0)), max(-min(known), Fraction(0))
    if not low:
        return _Signed(0, high / width)
    room = width - 1
    if not high:
        return _Signed(room, low / room)
    left, cell = min(
        ((left, max(low / left, high / (room - left))) for left in range(1, room)), key=lambda side: side[1]
    )
    return _Signed(left, cell)


def _limit(known: Sequence[Fraction], width: int) -> _Limit:
    more = min(max(known), _FARTHEST) - 1
    if more <= 0:
        return _Limit(width - 1, 0)
    whole = next(each for each in range(width - 2, 0, -1) if each + 1 + ceil(more * each) <= width)
    return _Limit(whole, width - 1 - whole)


def _eighths(size: Fraction, cell: Fraction) -> int:
    """The nearest number of eighths; at least one of what is not 0."""
    if not size.numerator:
        return 0
    # Half an eighth is added, in whole numbers: a terminal may be asked for a hundred thousand rows.
    whole = size.denominator * cell.numerator
    return max((16 * size.numerator * cell.denominator + whole) // (2 * whole), 1)


def _is_share(column: TableColumn) -> bool:
    """Whether it is a share of something: no pace, no error and no purity, which are fractions too."""
    return column.unit == "share" and "share" in column.name.split("_")


def _limits(columns: Sequence[TableColumn]) -> list[int]:
    return [at for at, column in enumerate(columns) if is_of_limit(column)]


def _compared(columns: Sequence[TableColumn]) -> list[int]:
    return [
        at
        for at, column in enumerate(columns)
        if _is_share(column) or (column.unit == "usd" and is_change(column))
    ]


def _amounts(columns: Sequence[TableColumn]) -> list[int]:
    if any(column.unit == "date" for column in columns):
        return []
    amounts = [at for at, column in enumerate(columns) if column.unit == "usd" and not column.derived]
    estimated = [at for at in amounts if columns[at + 1 : at + 2] and columns[at + 1].name.startswith("low_")]
    return estimated or amounts
