"""Where will the month end?"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from whyspend.errors import UsageError
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.money import usd
from whyspend.reports.forecast import guarded, past, pictures
from whyspend.reports.forecast.ending import (
    BASIS,
    FIGURES,
    Ending,
    Present,
    dollars,
    ending,
    rate,
    why_no_interval,
)
from whyspend.reports.forecast.reading import Daily, Read, read
from whyspend.spelling import OTHERS
from whyspend.trends.forecast import HISTORY_DAYS, MEDIAN_DAYS, Outlook, basis, days

PERIODS = ("day", "week", "month", "quarter")

STALE = timedelta(days=7)
"""A source that was not pulled for longer is a matter of its own (see `alerts`), and no reason to look so far back."""

MATTERS = Decimal("0.02")
"""From this share of the total on it is said that the rows add up to something else."""

_EXACT = Context(prec=100)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


def run(
    data: Any,
    *,
    by: tuple[str, ...] = (),
    period: str = "month",
    budgets: bool = False,
    backtest: bool = False,
    top: int = 20,
) -> Table:
    """What is spent so far, exactly, and an estimate of the rest, with intervals that hold 80 % and 95 % of endings.

    As of now, or of the end of --until; what is learned from are the 126 days before, so --since has no say. With
    less than 14 days of history it is too early to say. Calls without a price are left out, and said.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: One row for each value of these: any dimension or metadata key, model, ... Default: the first dimension.
        period: Of which to tell the end: day, week, month or quarter.
        budgets: The configured budgets instead: where the period of each will end, and the day it runs out.
        backtest: How good it would have been: past months as they looked on day 5, 15 and 25, and how they ended.
        top: Show the dearest N values and the others together; 0 shows all.
    """
    _check(data, by, period, budgets, backtest, top)
    if budgets:
        return guarded.answer(data, top)
    if backtest:
        return past.answer(data, *_held_days(data))
    span = data.guards.period(data, period)
    keys = [data.key(name) for name in dict.fromkeys(by or data.dimensions[:1])]
    if found := [key.name for key in keys if key.is_time]:
        raise UsageError(f"forecast cannot group by {found[0]}. Say --period for the time to look at.")
    held, today = _held_days(data)
    first = max(held, min(span.since, today - HISTORY_DAYS * _DAY)) if held <= today else today
    view = data.watch.between(data, min(first, span.since), today)
    got = read(view, keys, min(span.since, today - MEDIAN_DAYS * _DAY), top)
    trust = view.trust()
    present = _present(data, span, held, today, trust.complete_until)
    whole = view.watch.between(data, span.since, span.until)
    booked = {tuple(each.keys): each.units for each in whole.adjusted(keys)}
    rows, endings = _rows(data, keys, got, booked, present)
    total = ending(got.whole.dollars(), _spent(got.whole, present, sum(booked.values())), present)
    columns = (
        *(TableColumn(key.name, key.unit) for key in keys),
        *FIGURES,
        BASIS,
        TableColumn("unpriced_calls", "calls"),
    )
    sums = {**total.cells(), "unpriced_calls": got.whole.unpriced_in(span.since, today)}
    absent = [note for n, key in enumerate(keys) if got.rows and all(own[n] is None for own, _ in got.rows)
              for note in data.absent_notes(key)]  # fmt: skip
    return Table(
        report="forecast",
        window=whole.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={name: sums[name] for name in (*(column.name for column in FIGURES), "unpriced_calls")},
        trust=trust,
        notes=(
            *_late(data, present, trust.complete_until),
            *_notes(total, endings, got, present),
            *absent,
            *view.unpriced_notes(),
            *data.empty_notes(trust.calls),
        ),
        headline=_headline(total, span.name, days(got.whole.dollars(), present.held, present.last)),
        charts=tuple(_pictures(data, keys, whole, span, got, rows, endings, total, present))
        if data.pictures
        else (),
    )


def _pictures(
    data: Any,
    keys: Sequence[Any],
    whole: Any,
    span: Any,
    got: Read,
    rows: Sequence[dict[str, Cell]],
    endings: Sequence[Ending],
    total: Ending,
    present: Present,
) -> Iterator[Chart]:
    """The period as it is spent, with what is to come; and where each value will end."""
    if found := tuple(pictures.of_period(data, whole, span, got.whole, total, present)):
        yield from (*found, *pictures.of_values(data, keys, rows, endings))


def _check(data: Any, by: Sequence[str], period: str, budgets: bool, backtest: bool, top: int) -> None:
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many rows to show; 0 shows all.")
    if period not in PERIODS:
        raise UsageError(
            f"--period cannot be '{period[:40]}'. Give {', '.join(PERIODS[:-1])} or {PERIODS[-1]}."
        )
    if budgets and backtest:
        raise UsageError("--budgets and --backtest are two questions. Ask one after the other.")
    if (budgets or backtest) and (by or period != "month"):
        said = (
            "--budgets, where each has its own"
            if budgets
            else "--backtest, which is of whole months in total"
        )
        raise UsageError(
            f"--by and --period do not go with {said}. Leave them out; --where says of which calls."
        )
    if budgets and data.where:
        raise UsageError("--where does not go with --budgets: each says itself of which calls. Leave it out.")


def _held_days(data: Any) -> tuple[date, date]:
    """The first whole local day that the ledger holds, and the last that may hold calls."""
    at = data.guards.at(data)
    today = data.guards.period(data, "day").since
    held = data.held_since or at
    back = (data.window.start - held).days + 2
    first = data.window.since - back * _DAY
    while data.watch.between(data, first, first).window.start < held:
        first += _DAY
    return first, today


def _present(data: Any, span: Any, held: date, today: date, complete: datetime | None) -> Present:
    """What is known: up to now, or up to which every source was pulled."""
    at = data.guards.at(data) + _INSTANT
    known = complete if complete is not None and at - STALE <= complete < at else at
    end = data.data_end()
    if end and end.is_whole:
        known = min(known, end.at)  # of no source is anything known after it, however long ago
    day, part = today, 0.0
    while (bounds := data.watch.between(data, day, day).window).start > known:
        day -= _DAY
    if bounds.end <= known:
        day, part = day + _DAY, 1.0
    else:
        part = (bounds.end - known) / (bounds.end - bounds.start)
    first = max(day, span.since)
    ahead = [
        (first + n * _DAY, part if first + n * _DAY == day else 1.0)
        for n in range((span.until - first).days + 1)
    ]
    return Present(span.since, today, held, day - _DAY, ahead)


def _spent(daily: Daily, present: Present, booked: int = 0) -> Decimal | None:
    units = daily.spent(present.since, present.today)
    if units is None:
        return usd(booked) if booked else None
    return usd(units + booked)


def _rows(
    data: Any, keys: Sequence[Any], got: Read, booked: dict[tuple[Any, ...], int], present: Present
) -> tuple[list[dict[str, Cell]], list[Ending]]:
    """One row for each value, the dearest ending first, then the others and what is booked beside the calls."""
    found = []
    for own, daily in got.rows:
        label: dict[str, Cell] = {
            key.name: data.label(key, value) for key, value in zip(keys, own, strict=True)
        }
        made = ending(daily.dollars(), _spent(daily, present, booked.pop(own, 0)), present)
        found.append((label, made, daily.unpriced_in(present.since, present.today)))
    found.sort(key=lambda each: -(each[1].forecast or each[1].spent or 0))
    if got.others:
        label = {key.name: "" if n else OTHERS for n, key in enumerate(keys)}
        made = ending(got.others.dollars(), _spent(got.others, present), present)
        found.append((label, made, got.others.unpriced_in(present.since, present.today)))
    for own, units in booked.items():
        label = {key.name: data.label(key, value) for key, value in zip(keys, own, strict=True)}
        found.append((label, Ending(usd(units), Outlook("nothing", 0), ()), 0))
    return [{**label, **made.cells(), "unpriced_calls": calls} for label, made, calls in found], [
        made for _, made, _ in found
    ]


def _headline(total: Ending, name: str, held: Any) -> str:
    spent = "no price is known of what was used" if total.spent is None else f"{dollars(total.spent)} spent"
    if total.outlook.rest is None:
        return (
            f"{name}: too early to say where it will end ({total.outlook.history} of 14 days of history); {spent}.\n"
            f"{rate(held)}"
        )
    if total.forecast is None:
        return f"{name}: {spent}."
    said = f"{name} will probably end at {dollars(total.forecast)}"
    if total.inside:
        low, high = (dollars(total.at(end)) for end in (total.inside[0].low, total.inside[0].high))
        said += f", in 8 of 10 cases between {low} and {high}"
    return f"{said}; {spent} so far."


def _late(data: Any, present: Present, complete: datetime | None) -> tuple[str, ...]:
    """That calls are missing: estimated where a source is some days behind, else no part of the forecast."""
    if present.last < present.today - _DAY and complete is not None:
        upto = f"{complete.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        end = data.data_end()
        if end and end.is_whole:
            return (f"Nothing is known after {upto}: what came later is estimated.",)
        return (f"Not every source was pulled beyond {upto}; what came later is estimated.",)
    said: tuple[str, ...] = data.missing_notes()
    return said


def _notes(
    total: Ending,
    endings: Sequence[Ending],
    got: Read,
    present: Present,
) -> list[str]:
    notes = []
    if total.outlook.rest is not None:
        notes.append(f"Spent is exact, the rest an estimate: {basis(total.outlook)}.")
    if reason := why_no_interval(total.outlook):
        notes.append(reason)
    early = sum(each.outlook.rest is None for each in endings)
    if early and total.outlook.rest is not None:
        notes.append(
            f"Too early for {early} of {len(endings)} rows; what they will add is in the total only."
        )
    notes += _bottom_up(total, endings)
    if unpriced := got.whole.unpriced_in(present.held, present.today):
        notes.append(
            f"Of known cost only: {unpriced:,} call{'' if unpriced == 1 else 's'} of these days and of the history "
            "without a price."
        )
    if got.others:
        notes.append(
            f"The dearest {len(got.rows)} of {got.values:,} rows are shown; {OTHERS} adds up the rest."
        )
    return notes


def _bottom_up(total: Ending, endings: Sequence[Ending]) -> list[str]:
    """That the rows add up to something else than the total, where all have a forecast and it matters."""
    told = [each.forecast for each in endings]
    known = [each for each in told if each is not None]
    if total.forecast is None or not known or len(known) < len(told):
        return []
    rows = sum(known, Decimal(0))
    if abs(rows - total.forecast) <= MATTERS * abs(total.forecast):
        return []
    return [f"The rows add up to {dollars(rows)}: each is a forecast of its own, and so is the total."]
