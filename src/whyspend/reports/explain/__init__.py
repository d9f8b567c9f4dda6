"""Why did it change?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.causes.decompose import Changes, decompose
from whyspend.causes.drivers import UNSPENT, Driver
from whyspend.errors import UsageError
from whyspend.model import Cell, Table, TableColumn
from whyspend.reports.explain import reaching, words
from whyspend.reports.explain.behind import Asked, behind
from whyspend.reports.explain.exactly import NANO, dollars, rounded_together
from whyspend.reports.explain.finding import MOST_LINES, Cause, causes, rest_of, retagged
from whyspend.reports.explain.grouping import cells_by
from whyspend.reports.explain.joining import Found, joined
from whyspend.reports.explain.measuring import Measured, measured
from whyspend.reports.explain.pictures import waterfall
from whyspend.reports.explain.reaching import Reach
from whyspend.reports.explain.timing import Moment, course, moment
from whyspend.spelling import money

COLUMNS = (
    TableColumn("line", "place"),
    TableColumn("driver", "text", told=True),
    TableColumn("segment", "segment", told=True),
    TableColumn("change_usd", "usd", adds_up=True),
    TableColumn("before", "number", told=True),
    TableColumn("after", "number", told=True),
    TableColumn("unit", "text", told=True),
    TableColumn("since", "time", told=True),
    TableColumn("lines_up", "text", told=True),
    TableColumn("normal", "text", told=True),
    TableColumn("sentence", "sentence"),
)

_DIGITS = Context(prec=12)

SAME_MOMENT = timedelta(hours=2)
"""Lines of one owner that began no further apart are likely one cause."""

LOOKED_AT = 12
"""Causes of which those by chance are left out."""

MOST_BY_CHANCE = 3
"""Lines of a change that is all chance."""


@dataclass(frozen=True)
class Line:
    """A cause, and all that is said of it."""

    cause: Cause
    measured: Measured
    moment: Moment
    is_normal: bool
    """Whether it is within the day-to-day changes of its quantity."""
    place: str

    @property
    def name(self) -> str:
        """Its driver in words."""
        return _public(self.cause.driver).replace("_", " ")


def run(
    data: Any,
    *,
    against: str = "previous",
    by: tuple[str, ...] = (),
    driver: int = 0,
    show_requests: bool = False,
    top: int = 10,
) -> Table:
    """The causes of the change of spend between two windows: where, by how much, since when; they add up exactly.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        against: The window to compare with: previous (as many days just before), last-week, last-month,
            same-days-last-month, or FROM..TO.
        by: Add up the drivers by these in JSON (`cells`): any dimension or metadata key, model, provider, project.
            Default: the first dimension.
        driver: Show what is behind this line: its days, its cells, and the requests that make up most of it.
        show_requests: List the requests that make up most of each line.
        top: At most so many requests a line.
    """
    if driver < 0 or top < 1:
        raise UsageError(f"--driver {driver} --top {top}: lines and requests are counted from 1.")
    comparison, reach = _compared(data, against, by)
    changes = decompose(comparison.cells)
    if not reach.is_comparable:
        changes = reaching.unexplained(changes)
    lines = lines_of(comparison, changes) if reach.is_comparable else []
    if driver > len(lines):
        raise UsageError(
            f"There is no line {driver}: explain has {len(lines)} here. Leave out --driver to see them."
        )
    answer = _table(data, comparison, reach, changes, lines, by)
    if not driver and not show_requests:
        return answer
    asked = [
        Asked(number, line.cause, line.moment, line.place)
        for number, line in enumerate(lines, start=1)
        if driver in (0, number)
    ]
    return behind(data, comparison, changes, answer, asked, by, top)


def _compared(data: Any, against: str, by: tuple[str, ...]) -> tuple[Any, Reach]:
    """The comparison, of the parts of both windows that the ledger holds."""
    # Windows that are named by their distance lie before this one: where it is cut they are not held at all.
    after = reaching.held_part(data, data.window) if ".." in against else data.window
    comparison = data.of(after).comparison(against, by, held=lambda before: reaching.held_days(data, before))
    return comparison, reaching.reach(data, comparison.before, comparison.asked)


def told(comparison: Any, *, without: Collection[Driver] = ()) -> list[tuple[Decimal, str]]:
    """The lines of a comparison but those of some drivers: dollars and a sentence each, the largest first."""
    zone = ZoneInfo(comparison.after.timezone)
    lines = lines_of(comparison, decompose(comparison.cells))
    return [
        (dollars(line.cause.units), _sentence(line, zone))
        for line in lines
        if line.cause.driver not in without
    ]


def lines_of(comparison: Any, changes: Changes) -> list[Line]:
    """The causes worth a line: those that are more than chance; where all are chance, the largest few."""

    def looked_at(cause: Cause) -> Found:
        size = measured(changes, cause)
        return Found(cause, size, course(comparison, cause, size))

    found = [looked_at(cause) for cause in causes(changes, LOOKED_AT)]
    told = joined([each for each in found if not each.course.is_normal], changes, looked_at)
    if all(each.cause.driver == "calendar" for each in told):
        told = [*told, *(each for each in found if each.course.is_normal)][:MOST_BY_CHANCE]
    return [_line(comparison, changes, each) for each in told[:MOST_LINES]]


def is_normal(lines: Sequence[Line]) -> bool:
    """Whether nothing but the days of the calendar stands out from the day-to-day changes."""
    return bool(lines) and all(line.is_normal or line.cause.driver == "calendar" for line in lines)


def _line(comparison: Any, changes: Changes, found: Found) -> Line:
    where = words.place(comparison, changes, found.cause)
    cause, size = found.lead or (found.cause, found.measured)
    is_normal = found.course.is_normal
    at = Moment(None) if is_normal else moment(comparison, changes, cause, size, found.course)
    return Line(found.cause, found.measured, at, is_normal, where)


def _table(
    data: Any,
    comparison: Any,
    reach: Reach,
    changes: Changes,
    lines: Sequence[Line],
    by: tuple[str, ...],
) -> Table:
    beside = [(each.label, each.before, each.after) for each in comparison.adjustments]
    before = changes.before + sum(amount for _, amount, _ in beside)
    after = changes.after + sum(amount for _, _, amount in beside)
    rest = changes.after - changes.before - sum(line.cause.units for line in lines)
    booked = sum(later - earlier for _, earlier, later in beside)
    units = [*(line.cause.units for line in lines), *([booked] if booked else []), rest]
    # What cannot be: the shares of every leaf add up to its change, and each is in one line or in the rest.
    assert sum(units) == after - before, "the lines of explain do not add up to the change"
    amounts = rounded_together(units)
    rows = [
        _row(comparison, number, line, lines, amount)
        for number, (line, amount) in enumerate(zip(lines, amounts, strict=False), start=1)
    ]
    if booked:
        names = ", ".join(sorted({name for name, _, _ in beside}))
        rows.append(_plain("other", amounts[-2], f"adjustments: {names}"))
    others = rest_of(changes, [line.cause for line in lines])
    named = [f"{number}. {line.place}: {line.name}" for number, line in enumerate(lines, start=1)]
    steps = list(zip([*named, *(["adjustments"] if booked else []), "everything else"], units, strict=True))
    is_empty = not comparison.cells.calls and not beside
    if others or rest or not (rows or is_empty):
        said = _rest_said(others, bool(lines)) if reach.is_comparable else "not explained"
        rows.append(_plain("other", amounts[-1], said))
    trust = data.trust()
    spent = {"before": dollars(before), "after": dollars(after), "change": dollars(after - before)}
    return Table(
        report="explain",
        window=data.window,
        columns=COLUMNS,
        rows=tuple(rows),
        total=spent if is_empty else {"change_usd": sum(amounts, Decimal(0)), **spent},
        trust=trust,
        headline="\n".join((_headline(comparison, before, after, lines, others), *reach.said)),
        details={"cells": cells_by(comparison, changes, by)},
        notes=(
            *(() if is_empty else _notes(comparison, changes)),
            *data.price_notes(),
            *data.unpriced_notes(),
            *comparison.notes,
            *data.empty_notes(trust.calls),
        ),
        charts=waterfall(comparison, before, after, steps) if data.pictures and not is_empty else (),
    )


def _row(
    comparison: Any, number: int, line: Line, lines: Sequence[Line], amount: Decimal
) -> tuple[Cell, ...]:
    at, found = line.moment, line.measured
    said = _sentence(line, ZoneInfo(comparison.after.timezone))
    if twin := _twin(line, lines):
        said += f"; likely one cause with line {twin}"
    return (
        number,
        _public(line.cause.driver),
        {name: comparison.label(name, value) for name, value in line.cause.terms},
        amount,
        _figure(found.before),
        _figure(found.after),
        found.unit,
        at.since,
        at.match,
        "yes" if line.is_normal else "no",
        said,
    )


def _sentence(line: Line, zone: ZoneInfo) -> str:
    at = line.moment
    said = f"{line.place}: {words.what(line.cause, line.measured)}"
    if at.since is not None:
        said += f" since {words.moment(at.since, zone, to_the_hour=at.to_the_hour)}{_lining_up(at)}"
    elif at.between is not None:
        first, last = (words.moment(each, zone, to_the_hour=False) for each in at.between)
        said += f" some time between {first} and {last}"
    return said + (", within normal variation" if line.is_normal else "")


def _lining_up(at: Moment) -> str:
    match at.match:
        case "confirmed":
            return f" ({at.event})"
        case "likely":
            return f" (likely {at.event})"
        case _:
            return " (nothing lines up)"


def _twin(line: Line, lines: Sequence[Line]) -> int | None:
    """The earlier line that began with this one, in the same owner: likely one cause seen in two drivers."""
    owner = line.cause.terms[:1]
    for number, other in enumerate(lines, start=1):
        if other is line:
            return None
        mine, its = line.moment.since, other.moment.since
        if mine and its and abs(mine - its) <= SAME_MOMENT and owner and other.cause.terms[:1] == owner:
            return number
    return None


def _public(driver: Driver) -> str:
    """What is no change of spend has no driver of its own in an answer, but a sentence."""
    return "other" if driver in UNSPENT and driver != "retagged" else driver


def _plain(driver: str, amount: Decimal, sentence: str) -> tuple[Cell, ...]:
    return (None, driver, {}, amount, None, None, "usd", None, "", "no", sentence)


def _figure(value: float | None) -> Decimal | None:
    return None if value is None else _DIGITS.create_decimal(repr(float(value))).normalize(_DIGITS)


def _rest_said(others: Sequence[int], beside_lines: bool) -> str:
    # What is less than a billionth of a dollar is what is left of fractions that were shared out.
    told = [abs(each) for each in others if abs(each) >= NANO]
    if not told:
        return "everything else" if beside_lines else "nothing changed"
    changes = "1 change" if len(told) == 1 else f"{len(told)} changes, none above {_dollars(max(told))}"
    return f"everything else: {changes}" if beside_lines else f"no cause stands out: {changes}"


def _headline(comparison: Any, before: int, after: int, lines: Sequence[Line], others: Sequence[int]) -> str:
    if not comparison.cells.calls and not before and not after:
        return (
            f"No calls in either window, this one and {comparison.before.since} to {comparison.before.until}."
        )
    change = after - before
    percent = f", {change / before * 100:+.1f} %" if before else ""
    said = [f"{_dollars(before)} -> {_dollars(after)} ({_dollars(change, signed=True)}{percent})"]
    days = comparison.cells.days
    if days[0] != days[1]:
        said[0] += f", {_dollars(before // days[0])} -> {_dollars(after // days[1])} a day"
    said[0] += f" against {comparison.before.since} to {comparison.before.until}."
    if is_normal(lines):
        said.append("Within normal variation: nothing stands out from the day-to-day changes.")
    elif lines:
        told = sum(abs(line.cause.units) for line in lines)
        gross = told + sum(map(abs, others))
        count = "1 line explains" if len(lines) == 1 else f"{len(lines)} lines explain"
        said.append(f"{count} {told / gross * 100:.0f} % of what moved.")
    return "\n".join(said)


def _dollars(units: int, *, signed: bool = False) -> str:
    return money(dollars(units), signed=signed)


def _notes(comparison: Any, changes: Changes) -> list[str]:
    grain = ", ".join((*changes.cells.dimensions, "call site", "model"))
    notes = [
        f"Sum exact: the lines and the rest add up to the change, to the last digit. Told apart by {grain}."
    ]
    moved: dict[str | None, int] = {}
    for row, amount in retagged(changes):
        moved[row.place[0]] = moved.get(row.place[0], 0) + amount
    owner = changes.cells.dimensions[0]
    for value, amount in sorted(moved.items(), key=lambda each: -each[1]):
        if amount > 0:
            notes.append(
                f"{_dollars(amount)} of spend before moved to {comparison.label(owner, value)} with its tags: "
                "no change of spend, net $0.00."
            )
    return notes
