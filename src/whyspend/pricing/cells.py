"""A row of the price table before it is written, and what can be done with rows: cut, joined, written, read.

A cell is a box: a span of time, of minutes of the day, of weekdays and of prompt sizes. For a price, no two
boxes of a finished table overlap, so that a call has one rate or none.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import NamedTuple, cast

from whyspend.errors import InputError
from whyspend.pricing.book import (
    ALL_DAYS,
    BUCKETS,
    FAR_FUTURE,
    FAR_PAST,
    HEADER,
    NO_TIER,
    PART_OF,
    TOP_TIER,
    filled,
)

Rates = tuple[tuple[str, Decimal], ...]
"""(bucket, pico-dollars per unit), in the order of BUCKETS, before rounding. Empty: the price is not known."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BOUNDS = (0, 1440, ALL_DAYS, NO_TIER, TOP_TIER)


class Cell(NamedTuple):
    """The fields are those of Rate; spans are half open, but a tier is `over < prompt_total <= upto`."""

    price: str
    start: int = FAR_PAST
    end: int = FAR_FUTURE
    minute_from: int = 0
    minute_to: int = 1440
    weekdays: int = ALL_DAYS
    over: int = NO_TIER
    upto: int = TOP_TIER
    rates: Rates = ()
    source: str = ""
    basis: str = ""
    not_covered: str = ""
    reference: str = ""


_SPANS = ("start", "minute_from", "over")
"""The fields that begin a span; the next one ends it."""


def micros(moment: datetime) -> int:
    """A UTC instant without a zone, in microseconds since the epoch."""
    return (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def common(one: Cell, other: Cell) -> bool:
    """Whether a call could fall into both."""
    spans = (Cell._fields.index(name) for name in _SPANS)
    apart = (_span(one, low)[1] <= _span(other, low)[0] or _span(other, low)[1] <= _span(one, low)[0]
             for low in spans)  # fmt: skip
    return one.price == other.price and bool(one.weekdays & other.weekdays) and not any(apart)


def both(one: Cell, other: Cell) -> Cell | None:
    """The part of a cell that lies within another."""
    if not common(one, other):
        return None
    for name in _SPANS:
        low = Cell._fields.index(name)
        (start, end), (from_, to) = _span(one, low), _span(other, low)
        one = _with(one, low, max(start, from_), min(end, to))
    return one._replace(weekdays=one.weekdays & other.weekdays)


def minus(cell: Cell, holes: Iterable[Cell]) -> list[Cell]:
    """What is left of a cell when the boxes of others are taken out of it.

    A cell of all time and all prompts, less one of November with prompts over 200,000: what was before
    November, what comes after, and November up to 200,000.
    """
    left = [cell]
    for hole in holes:
        left = [piece for part in left for piece in _without(part, hole)]
    return left


def _without(cell: Cell, hole: Cell) -> Iterator[Cell]:
    if not common(cell, hole):
        yield cell
        return
    for name in _SPANS:
        low = Cell._fields.index(name)
        (start, end), (hole_start, hole_end) = _span(cell, low), _span(hole, low)
        if start < hole_start:
            yield _with(cell, low, start, hole_start)
        if hole_end < end:
            yield _with(cell, low, hole_end, end)
        cell = _with(cell, low, max(start, hole_start), min(end, hole_end))
    if other_days := cell.weekdays & ~hole.weekdays:
        yield cell._replace(weekdays=other_days)


def all_times(cells: Iterable[Cell]) -> Cell:
    """One box from the beginning of a price's first cell to the end of its last."""
    known = list(cells)
    return Cell(known[0].price, min(cell.start for cell in known), max(cell.end for cell in known))


def by_price(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """The cells of each price."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.price].append(cell)
    return found


def replaced(cells: Iterable[Cell], better: Iterable[Cell]) -> list[Cell]:
    """Put cells in the place of whatever was where they are."""
    known = by_price(better)
    kept = [piece for cell in cells for piece in minus(cell, known.get(cell.price, ()))]
    return [*kept, *(cell for found in known.values() for cell in found)]


def merged(cells: Iterable[Cell]) -> list[Cell]:
    """Join neighbours that differ in nothing else, and sort."""
    for name in reversed(_SPANS):
        cells = list(_joined(cells, Cell._fields.index(name)))
    return sorted(cells)


def _joined(cells: Iterable[Cell], low: int) -> Iterator[Cell]:
    alike: dict[Cell, list[tuple[int, int]]] = defaultdict(list)
    for cell in cells:
        alike[_with(cell, low, 0, 0)].append(_span(cell, low))
    for cell, spans in alike.items():
        spans.sort()
        begin, end = spans[0]
        for next_begin, next_end in spans[1:]:
            if next_begin != end:
                yield _with(cell, low, begin, end)
                begin = next_begin
            end = next_end
        yield _with(cell, low, begin, end)


def _span(cell: Cell, low: int) -> tuple[int, int]:
    return cast("tuple[int, int]", cell[low : low + 2])


def _with(cell: Cell, low: int, begin: int, end: int) -> Cell:
    return Cell._make((*cell[:low], begin, end, *cell[low + 2 :]))


def rounded(cell: Cell) -> int:
    """How many of a cell's written prices are no whole number of pico-dollars."""
    return sum(price != whole(price) for price in _written(cell).values())


def _written(cell: Cell) -> dict[str, Decimal]:
    """The prices that are written out: those that differ from the bucket they are a part of."""
    rates = dict(cell.rates)
    return {bucket: price for bucket, price in cell.rates if rates.get(PART_OF.get(bucket, "")) != price}


def row(cell: Cell) -> list[str]:
    """A cell as a row of `rates.csv`, in the order of HEADER."""
    rates, written = dict(cell.rates), _written(cell)
    buckets = [
        str(whole(written[bucket])) if bucket in written
        else "-" if bucket not in rates and PART_OF.get(bucket) in rates
        else ""
        for bucket in BUCKETS
    ]  # fmt: skip
    bounds = zip(cell[3:8], _BOUNDS, strict=True)
    return [
        cell.price,
        date_text(cell.start) if cell.start != FAR_PAST else "",
        date_text(cell.end) if cell.end != FAR_FUTURE else "",
        *("" if value == default else str(value) for value, default in bounds),
        *buckets, cell.source, cell.basis, cell.not_covered, cell.reference,
    ]  # fmt: skip


def whole(price: Decimal) -> int:
    """Pico-dollars, half to even: 2,750,000.5 is 2,750,000."""
    return int(price.to_integral_value(ROUND_HALF_EVEN))


def date_text(instant: int) -> str:
    """`2026-10-12`, or `2026-10-12T16:00` inside a day, or with its seconds."""
    moment = _EPOCH + instant * _MICROSECOND
    if moment.second:
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    return moment.strftime("%Y-%m-%dT%H:%M" if moment.hour or moment.minute else "%Y-%m-%d")


def read_cells(path: Path) -> list[Cell]:
    """Read cells that were written down by hand or by another step: the columns of `rates.csv`, and a reason.

    Raises:
        InputError: names the file and the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = set(HEADER) - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"{path.name} lacks the columns {', '.join(sorted(missing))}; add them.")
        read = [(_read(line, f"{path.name} line {reader.line_num}"), reader.line_num) for line in reader]
    _refuse_overlaps(path.name, read)
    return [cell for cell, _ in read]


def _refuse_overlaps(name: str, read: Iterable[tuple[Cell, int]]) -> None:
    earlier: dict[str, list[tuple[Cell, int]]] = defaultdict(list)
    for cell, line in read:
        for other, first in earlier[cell.price]:
            if common(cell, other):
                raise InputError(
                    f"{name} line {line} ({cell.price}) prices the same calls as line {first}; "
                    "change the dates, hours or tiers of one."
                )
        earlier[cell.price].append((cell, line))


def _read(line: Mapping[str, str], place: str) -> Cell:
    try:
        cell = _parsed(line)
    except (ValueError, TypeError) as error:
        raise InputError(f"{place} ({line['price']}) cannot be read: {error}; correct it.") from error
    if "/" not in cell.price or any(start >= end for start, end in _spans(cell)) or not cell.weekdays:
        raise InputError(f"{place} ({cell.price}) holds for no call: no provider/model, or an empty span.")
    if any(rate < 0 for _, rate in cell.rates):
        raise InputError(f"{place} ({cell.price}) has a negative price; correct it.")
    return cell


def _spans(cell: Cell) -> list[tuple[int, int]]:
    return [_span(cell, Cell._fields.index(name)) for name in _SPANS]


def _parsed(line: Mapping[str, str]) -> Cell:
    rates = filled([line[bucket] for bucket in BUCKETS])
    return Cell(
        line["price"],
        start=instant(line["from"]) if line["from"] else FAR_PAST,
        end=instant(line["to"]) if line["to"] else FAR_FUTURE,
        minute_from=int(line["minute_from"] or 0),
        minute_to=int(line["minute_to"] or 1440),
        weekdays=int(line["weekdays"] or ALL_DAYS),
        over=int(line["tier_over"] or NO_TIER),
        upto=int(line["tier_upto"] or TOP_TIER),
        rates=tuple((bucket, Decimal(rates[bucket])) for bucket in BUCKETS if bucket in rates),
        source=line["source"],
        basis=line["basis"],
        not_covered=line["not_covered"],
        reference=line["reference"],
    )


def instant(text: str) -> int:
    """`2026-10-12` or `2026-10-12T16:00`, UTC, in microseconds."""
    return micros(datetime.fromisoformat(text))
