"""What is behind the lines: their days, their cells and their requests, instead of the lines themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.causes.decompose import Changes
from whyspend.causes.quantities import MODEL, SITE
from whyspend.model import Cell, Chart, Table, TableColumn, Window
from whyspend.reports.explain import dearest, words
from whyspend.reports.explain.exactly import dollars
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.grouping import values_of
from whyspend.reports.explain.timing import Moment
from whyspend.spelling import OTHERS, money, rounded_together

MOST_CELLS = 50
"""Of a line; those beyond are one more, so that all add up to the line."""

MOST_DAYS = 366
"""Of a picture: more bars can hardly be told apart."""

_LIGHTER, _DARKER = 4, 0
"""Colours of the days before and since: two blues."""


@dataclass(frozen=True)
class Asked:
    """A line of which somebody wants to see what is behind it."""

    number: int
    cause: Cause
    moment: Moment
    place: str


def behind(
    data: Any,
    comparison: Any,
    changes: Changes,
    answer: Table,
    lines: Sequence[Asked],
    by: Sequence[str],
    top: int,
) -> Table:
    """The requests of some lines of an answer, which become the words above them.

    Args:
        data: the ledger's view of the window.
        comparison: the two windows.
        changes: how they differ.
        answer: with all lines.
        lines: of which it is asked.
        by: what their cells are told apart by; none: all that the change is told apart by.
        top: requests of a line, at most.
    """
    rows = dearest.rows(data, comparison, changes, [(each.number, each.cause) for each in lines], top)
    # The number of the only line, and links that nobody has, say nothing to people.
    idle = {"line": len(lines) == 1, "url": not any(row[-1] for row in rows)}
    keys = tuple(by) or (*changes.cells.dimensions, SITE, MODEL)
    days = _days(comparison, lines[0]) if data.pictures and len(lines) == 1 else ()
    return replace(
        answer,
        columns=tuple(replace(each, told=idle.get(each.name, False)) for each in dearest.COLUMNS),
        rows=tuple(rows),
        total={},
        headline="\n".join(_said(answer, lines)),
        details={"cells": [cell for each in lines for cell in _cells(comparison, changes, each, keys)]},
        notes=(*_notes(comparison, lines), *answer.notes[1:]),
        charts=(*days, *answer.charts),
    )


def _said(answer: Table, lines: Sequence[Asked]) -> list[str]:
    """The lines as the answer has them, with the dollars that people read there; and what a single one is part of."""
    at = [column.name for column in answer.columns].index("change_usd")
    read = rounded_together([row[at] for row in answer.rows])
    asked = {each.number for each in lines}
    said = [
        f"{row[0]}. {money(amount, signed=True)}  {row[-1]}"
        for row, amount in zip(answer.rows, read, strict=True)
        if row[0] in asked
    ]
    count = sum(row[0] is not None for row in answer.rows)
    if len(lines) == 1 and count > 1:
        said.append(f"Line {lines[0].number} of {count}: {answer.headline.partition(chr(10))[0]}")
    return said


def _notes(comparison: Any, lines: Sequence[Asked]) -> list[str]:
    """Whose calls are counted, of which days the requests are, and in which order they stand."""
    notes = []
    if rests := [each for each in lines if each.cause.is_elsewhere]:
        which = "The line is" if len(lines) == 1 else f"{_numbers(rests).capitalize()}:"
        notes.append(
            f"{which} the rest beside other lines: calls that those tell of are among its requests, too."
        )
    elif parts := [each for each in lines if each.cause.terms]:
        place = parts[0].place if len(lines) == 1 else "the line alone"
        notes.append(
            f"Calls and cost are those of {place}; what else a request did is not in them, but in whyspend requests."
        )
    earlier, later = (_spelled(days) for days in (comparison.before, comparison.after))
    rose = [each for each in lines if each.cause.units >= 0]
    if beyond := [each for each in rose if dearest.is_beyond(each.cause.driver)]:
        of = "" if len(lines) == 1 else f" of {_numbers(beyond)}"
        notes.append(f"First the requests{of} with the most dollars beyond what was usual {earlier}.")
    if fell := [each for each in lines if each.cause.units < 0]:
        which = "The line" if len(lines) == 1 else _numbers(fell).capitalize()
        notes.append(f"{which} became cheaper: the requests are of {earlier}, before {later}.")
    return notes


def _numbers(lines: Sequence[Asked]) -> str:
    said = ", ".join(str(each.number) for each in lines)
    return f"line {said}" if len(lines) == 1 else f"lines {said}"


def _spelled(days: Window) -> str:
    return str(days.since) if days.since == days.until else f"{days.since} to {days.until}"


def _cells(comparison: Any, changes: Changes, line: Asked, keys: Sequence[str]) -> list[Mapping[str, Cell]]:
    """What the line moved each value by, exactly, largest first: together its `change_usd`."""
    values = values_of(comparison, changes, keys)
    sums: dict[tuple[str, ...], int] = {}
    for at in line.cause.leaves:
        leaf = changes.leaves[at]
        sums[values[leaf.at]] = sums.get(values[leaf.at], 0) + leaf.amounts[line.cause.driver]
    order = sorted(sums, key=lambda each: (-abs(sums[each]), each))
    kept = order if len(order) <= MOST_CELLS + 1 else order[:MOST_CELLS]
    told = [(own, sums[own]) for own in kept]
    if rest := order[len(kept) :]:
        told.append(((OTHERS,) * len(keys), sum(sums[own] for own in rest)))
    return [
        {"line": line.number, **dict(zip(keys, own, strict=True)), "change_usd": dollars(units)}
        for own, units in told
    ]


def _days(comparison: Any, line: Asked) -> tuple[Chart, ...]:
    """What the calls of the line cost day by day in both windows, before and since it changed.

    None of a line that is a rest: its calls are not all of a segment.
    """
    if line.cause.is_elsewhere:
        return ()
    went = comparison.series(line.cause.segment)
    zone = ZoneInfo(comparison.after.timezone)
    cost = {
        datetime.fromtimestamp(at / 1_000_000, UTC).astimezone(zone).date(): units
        for at, units in zip(went.times, went.amounts["cost"], strict=True)
    }
    first, last = min(cost), max(cost)
    if (last - first).days >= MOST_DAYS:
        return ()
    change, before, since = _parts(comparison, line.moment, zone)
    rows = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        # Of days that neither window has, nothing is known here.
        amount = dollars(cost[day]) if day in cost else None
        zero = None if amount is None else Decimal(0)
        rows.append((day, amount, zero) if day < change else (day, zero, amount))
    columns = (TableColumn("day", "date"), TableColumn(before, "usd"), TableColumn(since, "usd"))
    title = f"Spend by day: {line.place}"
    return (Chart("stacked_time", title, columns, tuple(rows), colors={before: _LIGHTER, since: _DARKER}),)


def _parts(comparison: Any, moment: Moment, zone: ZoneInfo) -> tuple[date, str, str]:
    """The day from which on it is otherwise, and what the days before and since are called."""
    if moment.since is None:
        return comparison.after.since, _spelled(comparison.before), _spelled(comparison.after)
    said = words.moment(moment.since, zone, to_the_hour=moment.to_the_hour)
    return moment.since.astimezone(zone).date(), f"before {said}", f"since {said}"
