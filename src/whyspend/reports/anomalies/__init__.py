"""What was out of the ordinary?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from whyspend.errors import UsageError
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import colors, ranked
from whyspend.reports.anomalies.hours import Dear, Hours, dear_hours
from whyspend.reports.anomalies.series import HISTORY_DAYS, Days, Held, Series, read
from whyspend.spelling import cents, money
from whyspend.trends.anomalies import FEWEST_DAYS, anomalies, gate

TOTAL = "(all)"
"""The line of all calls together."""

QUIETNESS = (
    "Quiet on purpose: on made-up spend these rules gave {rate} false alarms a series and year, before the "
    "gate of {gate} a day. docs/anomalies.md has what they find."
)
FALSE_ALARMS = "1.0"
"""As measured by bench/detection.py."""

EXPLAINED = Decimal("0.5")
"""Of the difference of all calls: where lines of values say so much of it, it is not told again."""

NAMES_SHOWN = 5

COLUMNS = (
    TableColumn("line", "place"),
    TableColumn("value", "text", told=True),
    TableColumn("kind", "text", told=True),
    TableColumn("since", "date", told=True),
    TableColumn("hour", "text", told=True),
    TableColumn("lasted", "text", told=True),
    TableColumn("expected_usd", "usd", told=True),
    TableColumn("actual_usd", "usd", told=True),
    TableColumn("impact_usd", "usd"),
    TableColumn("why", "text", told=True),
    TableColumn("sentence", "sentence"),
)

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One thing out of the ordinary."""

    value: Any
    """As the key has it."""
    is_total: bool
    kind: str
    hour: str
    """The hour of the clock on the first day at which it began; empty: not known, or the whole day."""
    days: tuple[date, date]
    """The local days that it lies in, both inclusive."""
    lasted: str
    actual: Decimal
    expected: Decimal
    """An estimate, in cents."""
    begun: date
    """The first day on which these calls are known."""
    muted_by: str = ""

    @property
    def impact(self) -> Decimal:
        """Dollars more than expected; negative where it stopped."""
        return self.actual - self.expected


def run(data: Any, *, by: str = "", include_muted: bool = False, top: int = 10) -> Table:
    """Days and hours that cost far more than usual for that weekday and hour, and what stopped; by value and in all.

    Each is held against up to 120 days before it. What is expected is an estimate; what it cost is exact.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: Look at each value of this dimension or metadata key, or model, provider, project. Default: the first
            dimension.
        include_muted: Show what a [[planned]] change of whyspend.toml explains, too.
        top: Show the N with the largest impact; 0 shows all.
    """
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many to show; 0 shows all.")
    key = data.key(by or data.dimensions[0])
    if key.is_time:
        raise UsageError(
            f"--by {key.name} is a time, and every answer is in time. Give a dimension: {data.dimensions[0]}."
        )
    data.added_up([key])
    trust, notes = data.trust(), (*data.price_notes(), *data.unpriced_notes())
    days = _days(data)
    if days is None:
        notes = (*notes, *_nothing_known(data, trust.calls))
        return _table(data, trust, (), "No day of these is known, so nothing can be said.", notes)
    held = read(data, key, days)
    floor = gate(float(data.watch.floor_usd), held.whole.dollars)
    found = sorted(
        (_muted(data, key, line) for line in _lines(data, held, floor)),
        key=lambda line: (-abs(line.impact), str(line.value)),
    )
    shown = [line for line in found if include_muted or not line.muted_by]
    kept = shown[: top or None]
    rows = tuple(_row(data, key, line, number) for number, line in enumerate(kept, start=1))
    notes = (
        *_of_the_answer(data, held, floor, found, shown, kept, include_muted),
        *notes,
        *data.empty_notes(trust.calls),
    )
    charts = _pictures(data, key, kept) if data.pictures else ()
    return replace(_table(data, trust, rows, _headline(data, days, shown), notes), charts=charts)


def drivers_of(data: Any, key: Any, line: Line) -> tuple[str, ...]:
    """Why it differs from what is usual: a sentence for each driver, the largest first.

    Its days are held against the four weeks before them, weekdays told apart.
    """
    said: tuple[str, ...] = data.watch.drivers(
        data, _whose(key, line), line.days, line.begun, rising=line.impact > 0
    )
    return said


def _muted(data: Any, key: Any, line: Line) -> Line:
    return replace(line, muted_by=data.watch.muted_by(data, _whose(key, line), line.days, float(line.impact)))


def _whose(key: Any, line: Line) -> tuple[Any, Any] | None:
    """Whose calls a line is about; None: all."""
    return None if line.is_total else (key, line.value)


# What is looked at


def _days(data: Any) -> Days | None:
    known = data.watch.known_days(data)
    if known is None:
        return None
    held, last, is_over = known
    since = max(data.window.since, held)
    if last < since:
        return None
    return Days(max(held, data.window.since - HISTORY_DAYS * _DAY), since, last, is_over)


def _lines(data: Any, held: Held, floor: float) -> list[Line]:
    values = [
        line for value, series in held.values.items() for line in _of_days(data, held, value, series, floor)
    ]
    whole = [replace(line, is_total=True) for line in _of_days(data, held, None, held.whole, floor)]
    values = _by_the_hour(data, held, values, floor)
    return [*values, *(line for line in whole if not _is_told(line, values))]


def _of_days(data: Any, held: Held, value: Any, series: Series, floor: float) -> Iterator[Line]:
    days, offset = held.days, series.begun
    since = days.place(days.since) - offset
    whole = len(series.dollars) - (0 if days.is_over else 1)
    for found in anomalies(series.dollars, floor, since=max(since, 0), whole=whole):
        first, last = found.first + offset, found.last + offset
        yield Line(
            value=value,
            is_total=False,
            kind=found.kind,
            hour="",
            days=(days.day(first), days.day(last)),
            lasted=_lasted(last - first + 1, "day", last == len(days) - 1),
            actual=usd(sum(series.units[first : last + 1])),
            expected=cents(Decimal(sum(found.expected))),
            begun=days.day(offset),
        )


def _is_told(line: Line, others: Sequence[Line]) -> bool:
    """Whether lines of values on the same days say most of what a line of the whole says."""
    own = [
        other
        for other in others
        if other.days[0] <= line.days[1] and other.days[1] >= line.days[0] and other.impact * line.impact > 0
    ]
    return abs(sum((other.impact for other in own), Decimal(0))) >= EXPLAINED * abs(line.impact)


# By the hour


def _by_the_hour(data: Any, held: Held, lines: Sequence[Line], floor: float) -> list[Line]:
    """The lines with the hour at which they began, and those that only a look at the hours finds."""
    candidates = [
        value
        for value, series in held.values.items()
        if max(series.dollars[-len(held.days) + held.days.place(held.days.since) :], default=0.0) >= floor
    ]
    hours = dear_hours(data, held.key, held.days, candidates, floor)
    found = [_begun(data, line, hours.get(line.value)) for line in lines]
    told = {(line.value, line.days[0] + n * _DAY) for line in lines for n in range(7)}
    for value, dear in hours.items():
        for run in dear.runs:
            if (value, run.day) not in told:
                told |= {(value, run.day + n * _DAY) for n in range(7)}
                found.append(_of_hours(data, value, run, held.days.day(held.values[value].begun)))
    return found


def _begun(data: Any, line: Line, dear: Dear | None) -> Line:
    first = dear.first.get(line.days[0]) if dear and line.kind != "drop" else None
    return line if first is None else replace(line, hour=data.watch.clock(data, first))


def _of_hours(data: Any, value: Any, run: Hours, begun: date) -> Line:
    return Line(
        value=value,
        is_total=False,
        kind="spike",
        hour=data.watch.clock(data, run.began),
        days=(run.day, run.day),
        lasted=_lasted(run.count, "hour", False),
        actual=usd(run.units),
        expected=cents(Decimal(run.usual)),
        begun=begun,
    )


# What is said


def _row(data: Any, key: Any, line: Line, number: int) -> tuple[Cell, ...]:
    name = _name(data, key, line)
    why = " · ".join(drivers_of(data, key, line))
    return (
        number,
        name,
        line.kind,
        line.days[0],
        line.hour,
        line.lasted,
        line.expected,
        line.actual,
        line.impact,
        why,
        _sentence(name, line, why),
    )


def _pictures(data: Any, key: Any, lines: Sequence[Line]) -> tuple[Chart, ...]:
    """What each thing cost beside what was expected."""
    columns = (
        TableColumn("what", "text"),
        TableColumn("actual_usd", "usd"),
        TableColumn("expected_usd", "usd"),
    )
    bars = [(f"{_name(data, key, line)} {line.days[0]}", line.actual, line.expected) for line in lines]
    return ranked("What it cost beside what was expected", columns, bars, colors=_colors(data, key, lines))


def _colors(data: Any, key: Any, lines: Sequence[Line]) -> dict[str, int]:
    """Those of the values, under the names that the bars have."""
    numbers = colors(data, [key])
    named = ((_name(data, key, line), line.days[0]) for line in lines)
    return {f"{name} {day}": numbers[name] for name, day in named if name in numbers}


def _name(data: Any, key: Any, line: Line) -> str:
    return TOTAL if line.is_total else str(data.label(key, line.value))


def _sentence(name: str, line: Line, why: str) -> str:
    """`rag: spike since 2026-11-17 14:00 (1 hour), $66.00 instead of about $22.00: +$44.00 more requests, ...`."""
    planned = f"planned ({line.muted_by}), " if line.muted_by else ""
    since = f"{line.days[0]} {line.hour}".rstrip()
    amounts = f"{money(line.actual)} instead of about {money(line.expected)}"
    said = f"{name}: {planned}{line.kind} since {since} ({line.lasted}), {amounts}"
    return f"{said}: {why}" if why else said


def _headline(data: Any, days: Days, lines: Sequence[Line]) -> str:
    span = f"{days.since} to {days.last}"
    if not lines:
        return f"Nothing was out of the ordinary, {span}."
    rises = sum((line.impact for line in lines if line.impact > 0), Decimal(0))
    falls = sum((line.impact for line in lines if line.impact < 0), Decimal(0))
    parts = [f"{money(rises)} more than expected"] if rises else []
    parts += [f"{money(-falls)} less"] if falls else []
    was = "1 thing was" if len(lines) == 1 else f"{len(lines):,} things were"
    own = ""
    if any(line.days[0] < days.since for line in lines):  # the amounts are those of all of its days
        own = f", from {min(line.days[0] for line in lines)} to {max(line.days[1] for line in lines)}"
    return f"{was} out of the ordinary, {span}: {' and '.join(parts)}{own}."


def _of_the_answer(
    data: Any,
    held: Held,
    floor: float,
    found: Sequence[Line],
    shown: Sequence[Line],
    kept: Sequence[Line],
    include_muted: bool,
) -> Iterator[str]:
    days = held.days
    if len(kept) < len(shown):
        yield f"The {len(kept)} with the largest impact of {len(shown):,} are shown; --top 0 shows all."
    if kept:
        yield (
            "What is expected is an estimate: usual for that weekday, from the days before. The causes are against the "
            "average of up to four weeks before, weekdays told apart."
        )
    muted = [line for line in found if line.muted_by and line not in shown]
    for name in dict.fromkeys(line.muted_by for line in muted):
        own = [line for line in muted if line.muted_by == name]
        impact = sum((line.impact for line in own), Decimal(0))
        yield (
            f"Muted, for it is planned ({name}): {_count(len(own), 'line')}, {money(impact, signed=True)}. "
            "--include-muted shows what is muted."
        )
    yield from _too_young(data, held, floor)
    if days.last < data.window.until:
        yield f"Nothing is known yet of the days after {days.last}."
    if not days.is_over:
        yield f"{days.last} is not over, or not all of it was pulled: a fall on it would not be seen."
    unpriced = sum(held.whole.unpriced[days.place(days.since) :])
    if unpriced:
        yield f"{_count(unpriced, 'call')} without a price in these days count nothing here."
    yield QUIETNESS.format(rate=FALSE_ALARMS, gate=money(Decimal(floor)))


def _too_young(data: Any, held: Held, floor: float) -> Iterator[str]:
    """Of whom nothing can be said, or not of all days; only those that cost enough."""
    days = held.days
    if days.place(days.last) < FEWEST_DAYS:
        yield (
            f"The ledger holds {_count(len(days), 'whole day')} up to {days.last}, and nothing is said of a day with "
            f"less than {FEWEST_DAYS} before it."
        )
        return
    young = {
        value: max(series.dollars)
        for value, series in held.values.items()
        if 0 < len(series.dollars) <= FEWEST_DAYS and max(series.dollars) >= floor
    }
    if young:
        order = sorted(young, key=lambda value: (-young[value], str(value)))
        named = ", ".join(str(data.label(held.key, value)) for value in order[:NAMES_SHOWN])
        more = f" and {len(order) - NAMES_SHOWN:,} more" if len(order) > NAMES_SHOWN else ""
        yield f"With less than {FEWEST_DAYS} days of history nothing can be said of {held.key.name} {named}{more}."


def _nothing_known(data: Any, calls: int) -> tuple[str, ...]:
    said: tuple[str, ...] = data.empty_notes(calls)
    return said or ("These days are not held as a whole. Pull them, or ask for others: --since, --until.",)


def _table(
    data: Any, trust: Any, rows: tuple[tuple[Cell, ...], ...], headline: str, notes: Sequence[str]
) -> Table:
    nothing: Mapping[str, Cell] = {}
    return Table(
        report="anomalies",
        window=data.window,
        columns=COLUMNS,
        rows=rows,
        total=nothing,
        trust=trust,
        notes=tuple(notes),
        headline=headline,
    )


def _lasted(number: int, noun: str, goes_on: bool) -> str:
    return _count(number, noun) + (" so far" if goes_on else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
