"""What budgets used, read from the ledger: once for all budgets that share a key and a grain of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from whyspend.model import Window
from whyspend.money import usd
from whyspend.reports.budgets.entries import Budget
from whyspend.reports.budgets.firing import Fired, fired
from whyspend.reports.budgets.periods import Span, of_days, rolling_days, span, spans
from whyspend.reports.budgets.standing import NOTHING, Standing, Used
from whyspend.trends.forecast import HISTORY_DAYS
from whyspend.workspace.data import Data
from whyspend.workspace.drivers import dearest, grown
from whyspend.workspace.keys import Key, Keys
from whyspend.workspace.windows import instant, micros

USED = """
SELECT {keys}, CAST(sum(cost) AS VARCHAR), CAST(sum(input_tokens + output_tokens) AS VARCHAR),
  CAST(sum(calls) AS BIGINT), CAST(sum(calls - priced_calls) AS BIGINT)
FROM answer WHERE {where} GROUP BY {keys} ORDER BY {keys}
"""


class Conditions(Protocol):
    """An entry that is about some calls."""

    def conditions(self) -> list[tuple[str, ...]]:
        """As texts of `--where` (see Budget.conditions)."""
        ...


EVERYTHING = "CAST(0 AS TINYINT)"

CROSSED_DAYS = 28
"""Days in which it is looked for when a rolling budget was reached."""

MOST_VALUES = 100_000
"""Values of `each` that are listed in one condition; beyond, all are read."""

_DAY = timedelta(days=1)

Wanted = tuple[Budget, Sequence[Span]]


@dataclass(frozen=True)
class Guards:
    """The configured budgets, and the present."""

    budgets: tuple[Budget, ...]
    now: datetime
    floor_usd: Decimal
    """What is less in a day is no news."""

    def at(self, data: Data) -> datetime:
        """As of when budgets are asked: now, or the last moment of the days that are asked about."""
        return min(self.now, data.window.end - timedelta(microseconds=1))

    def period(self, data: Data, period: str) -> Span:
        """The period that the present is in: day, week, month or quarter."""
        return span(period, data.window.timezone, self.at(data))

    def standings(
        self, data: Data, budgets: Sequence[Budget], *, top: int = 0, history: bool = True
    ) -> list[Standing]:
        """How budgets stand; of one for each value those that are reached, and the `top` others (0: all).

        Without `history` they know no days (see Standing.days), and only the current periods are read.
        """
        at = self.at(data)
        current = [(budget, [span(budget.period, data.window.timezone, at)]) for budget in budgets]
        return standings(data, current, at, most=top or None, history=history)

    def drivers(self, data: Data, standing: Standing) -> tuple[tuple[str, ...], bool]:
        """Why a budget used so much, a sentence each, and whether these are causes of its growth.

        Causes of what it used more than in as many days before; where there are none, the dearest owners and models.
        """
        days, test = calls_of(data, standing)
        causes = grown(data, days, test)
        return (causes, True) if causes else (dearest(data, days, test), False)

    def fired(self, data: Data, budgets: Sequence[Budget], days: int) -> list[Fired]:
        """When budgets would have been told of in the last so many days."""
        at = self.at(data)
        until = at.astimezone(ZoneInfo(data.window.timezone)).date()
        return list(_fired(data, budgets, until - (days - 1) * _DAY, until, at))


def standings(
    data: Data,
    wanted: Sequence[Wanted],
    at: datetime,
    *,
    most: int | None = None,
    history: bool = True,
) -> list[Standing]:
    """How budgets stand, or stood, in some periods, in the order of the budgets.

    Args:
        data: the view of the ledger.
        wanted: budgets, each with its periods.
        at: the present.
        most: of a budget for each value those that are reached, and so many others; None: all.
        history: also what each used day by day, before the period too.
    """
    today = at.astimezone(ZoneInfo(data.window.timezone)).date()
    found: dict[str, list[Standing]] = {budget.name: [] for budget, _ in wanted}
    for (each, hourly), group in _passes(wanted):
        budgets = [budget for budget, _ in group]
        first = min(held.since for _, periods in group for held in periods)
        if each:
            # A value for each day would be many rows: only the ends of periods matter.
            cuts = [cut for _, periods in group for held in periods for cut in _place(held)]
            kept = _Kept.read(data, each, hourly, budgets, first, today, cuts=cuts)
        else:
            first = min(first, today - HISTORY_DAYS * _DAY) if history and not hourly else first
            kept = _Kept.read(data, each, hourly, budgets, first, today)
        for budget, periods in group:
            for held in periods:
                found[budget.name] += _of_span(data, kept, budget, held, at, most, history)
        if each and history and not hourly:
            for budget in budgets:
                found[budget.name] = _with_days(data, found[budget.name], today)
    return [standing for budget, _ in wanted for standing in found[budget.name]]


def _passes(wanted: Sequence[Wanted]) -> Iterator[tuple[tuple[str, bool], list[Wanted]]]:
    def grain(part: Wanted) -> tuple[str, bool]:
        return part[0].each, part[0].period == "hour"

    for own, group in groupby(sorted(wanted, key=grain), key=grain):
        yield own, list(group)


@dataclass(frozen=True)
class _Kept:
    """What was read for several budgets, in the kept answer."""

    data: Data
    """With the window that was read."""
    each: Key | None
    time: Key
    hourly: bool
    """Whether its values are hours, in microseconds, or days, since 1970."""
    flags: Mapping[tuple[tuple[str, ...], ...], str]
    """By conditions: the test of a row."""
    keys: Keys

    @classmethod
    def read(
        cls,
        data: Data,
        each: str,
        hourly: bool,
        budgets: Sequence[Budget],
        first: date,
        last: date,
        *,
        cuts: Sequence[int] = (),
        values: Sequence[str] = (),
    ) -> "_Kept":
        """Add up the calls of [first, last] by whether they count for each budget, by value and by time.

        With `cuts`, times are told apart by these only; with `values`, only calls with one of them are read.
        """
        wide = replace(data, window=of_days(first, last, data.window.timezone), where=())
        keys = Keys(data.engine, data.attribution, wide.window)
        price_keys = data.snapshot.between(wide.window.start, wide.window.end).price_keys
        tests = {_asked(budget): _test(budget, keys, price_keys) for budget in budgets}
        own = {
            asked: Key(f"budget {number}", f"CASE WHEN {test} THEN 1 ELSE 0 END", "yes")
            for number, (asked, test) in enumerate(tests.items())
            if test
        }
        by_value = wide.key(each) if each else None
        time = wide.key("hour" if hourly else "day")
        if cuts:
            time = _cut(time, cuts)
        narrow = wide.narrowed(" OR ".join(tests.values())) if all(tests.values()) else wide
        if by_value and 0 < len(values) <= MOST_VALUES:
            said = ", ".join(map(data.engine.literal, values))
            narrow = narrow.narrowed(f"({wide.expression(by_value)}) IN ({said})")
        narrow.added_up([*own.values(), *([by_value] if by_value else []), time])
        flags = {asked: f"{own[asked].column} = 1" if asked in own else "true" for asked in tests}
        return cls(wide, by_value, time, hourly, flags, keys)

    def used(
        self,
        budget: Budget,
        start: int,
        end: int,
        values: Sequence[Any] | None = None,
        *,
        by_time: bool = False,
    ) -> Iterator[tuple[Any, int, Used]]:
        """(value, time, what was used) in the order of value and time; of times in [start, end)."""
        tests = [self.flags[_asked(budget)], f"{self.time.column} >= {start}", f"{self.time.column} < {end}"]
        columns = [self.each.column] if self.each else []
        if self.each:
            tests.append(f"{self.each.column} IS NOT NULL")
            if values is not None and len(values) <= MOST_VALUES:
                said = ", ".join(self.data.engine.literal(str(value)) for value in values) or "NULL"
                tests.append(f"{self.each.column} IN ({said})")
        columns += [self.time.column] if by_time else []
        rows = self.data.rows(USED.format(keys=", ".join(columns) or EVERYTHING, where=" AND ".join(tests)))
        for row in rows:
            *own, cost, tokens, calls, unpriced = row
            value = own[0] if self.each else None
            known = None if cost is None and calls else usd(int(cost or 0))
            yield value, own[-1] if by_time else 0, Used(known, int(tokens), calls, unpriced)


def _place(held: Span) -> tuple[int, int]:
    """A period as values of the time key: from, and up to."""
    if held.period == "hour":
        return micros(held.start), micros(held.end)
    return _number(held.since), _number(held.until) + 1


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _cut(time: Key, cuts: Sequence[int]) -> Key:
    """A time key whose values are the cuts, each for all from it on up to the next; less than the first before it."""
    ordered = sorted(set(cuts))
    steps = " ".join(f"WHEN {time.expression} >= {cut} THEN {cut}" for cut in reversed(ordered))
    return Key("cut", f"(CASE {steps} ELSE {ordered[0] - 1} END)", "no")


def _of_span(
    data: Data, kept: _Kept, budget: Budget, held: Span, at: datetime, most: int | None, history: bool
) -> Iterator[Standing]:
    found = {value: used for value, _, used in kept.used(budget, *_place(held))}
    if not budget.each:
        booked = _booked(data, kept.keys, budget, held)
        found = {None: found.get(None, NOTHING) + Used(booked) if booked else found.get(None, NOTHING)}
    since, end = data.held_since, data.data_end(at)
    known = end.at if end and end.is_whole else None
    plain = {value: Standing(budget, held, used, at, "", {}, since, known) for value, used in found.items()}
    order = sorted(plain, key=lambda value: (-(plain[value].share or 0), str(value)))
    shown = [value for place, value in enumerate(order) if most is None or place < most or plain[value].level]
    if kept.each:
        # As text: what a key of metadata holds is shown as it is.
        yield from (replace(plain[value], value=str(data.label(kept.each, value))) for value in shown)
    elif kept.hourly or not shown or not history:
        yield from (plain[value] for value in shown)
    else:
        days = _days(kept, budget, at.astimezone(ZoneInfo(data.window.timezone)).date())
        yield replace(plain[None], days=days.get(None, {}))


def _with_days(data: Data, found: Sequence[Standing], today: date) -> list[Standing]:
    """Standings of one budget for each value, with what each used day by day."""
    if not found:
        return []
    budget = found[0].budget
    values = sorted({standing.value for standing in found})
    first = today - HISTORY_DAYS * _DAY
    kept = _Kept.read(data, budget.each, False, [budget], first, today, values=values)
    days = _days(kept, budget, today)
    return [replace(standing, days=days.get(standing.value, {})) for standing in found]


def _days(kept: _Kept, budget: Budget, today: date) -> dict[Any, dict[date, Used]]:
    found: dict[Any, dict[date, Used]] = {}
    end = _number(today) + 1
    for value, day, used in kept.used(budget, end - 1 - HISTORY_DAYS, end, by_time=True):
        found.setdefault(value, {})[date(1970, 1, 1) + day * _DAY] = used
    return found


def _asked(budget: Budget) -> tuple[tuple[str, ...], ...]:
    return tuple(budget.conditions())


def condition(data: Data, entry: Conditions, first: date, last: date) -> str:
    """The SQL of whether an entry, such as a budget, is about a call of some days; empty where it is about all."""
    window = of_days(first, last, data.window.timezone)
    keys = Keys(data.engine, data.attribution, window)
    return _test(entry, keys, data.snapshot.between(window.start, window.end).price_keys)


def calls_of(data: Data, standing: Standing) -> tuple[Window, str]:
    """The days of a standing up to the present, and the SQL of whether a call of them counts for it."""
    budget, span = standing.budget, standing.span
    today = standing.at.astimezone(ZoneInfo(span.timezone)).date()
    days = of_days(span.since, min(span.until, today), span.timezone)
    tests = [condition(data, budget, days.since, days.until)]
    if budget.each:
        tests.append(has_value(data, budget.each, standing.value))
    return days, " AND ".join(f"({test})" for test in tests if test)


def has_value(data: Data, key: str, value: str) -> str:
    """The SQL of whether a call has a value, as people read it, of a key."""
    own = data.key(key)
    said = data.expression(own)
    if value == data.label(own, None):
        return f"({said}) IS NULL"
    return f"({said}) IS NOT DISTINCT FROM {data.engine.literal(value)}"


def _test(entry: Conditions, keys: Keys, price_keys: Sequence[str]) -> str:
    groups = []
    for texts in entry.conditions():
        tests = [f"({keys.condition(text, price_keys)[0]})" for text in texts]
        groups.append(f"({(' AND ' if _is_negated(texts) else ' OR ').join(tests)})")
    return " AND ".join(groups)


def _is_negated(texts: Sequence[str]) -> bool:
    return texts[0].partition("=")[0].endswith("!")


def _booked(data: Data, keys: Keys, budget: Budget, held: Span) -> Decimal | None:
    """What is booked beside the calls in a period, where the budget lets it in; None: nothing."""
    if held.period == "hour" or not (data.booked or data.quotas):
        return None
    whole = replace(data, window=held.window, where=())
    units = 0
    for each in whole.adjusted([whole.key("provider"), whole.key("model")]):
        named = tuple(None if part is None else str(part) for part in each.keys)
        if all(_lets_in(keys, texts, named) for texts in budget.conditions()):
            units += each.units
    return usd(units) if units else None


def _lets_in(keys: Keys, texts: Sequence[str], named: Sequence[str | None]) -> bool:
    held = [keys.holds(text, named[0], named[1]) for text in texts]
    return all(held) if _is_negated(texts) else any(held)


def _fired(data: Data, budgets: Sequence[Budget], since: date, until: date, at: datetime) -> Iterator[Fired]:
    for budget in budgets:
        hourly = budget.period in ("hour", "day")
        first = since - (rolling_days(budget.period) or 1) * _DAY + _DAY
        begin = span(budget.period, data.window.timezone, of_days(since, since, data.window.timezone).start)
        first = min(first, begin.since)
        kept = _Kept.read(data, budget.each, hourly, [budget], first, until)
        periods = list(
            spans(
                budget.period,
                data.window.timezone,
                begin.start if not begin.is_rolling else of_days(since, since, data.window.timezone).start,
                at,
            )
        )
        for value, amounts in _series(kept, budget, periods):
            label = str(data.label(kept.each, value)) if kept.each else ""
            yield from fired(budget, label, periods, amounts)


def _series(
    kept: _Kept, budget: Budget, periods: Sequence[Span]
) -> Iterator[tuple[Any, list[tuple[datetime, Decimal]]]]:
    """The amounts of each value that could have reached a threshold at all, by the start of their hour or day."""
    hourly = kept.hourly
    first = kept.data.window.start if periods[0].is_rolling else periods[0].start
    start, end = micros(first), micros(kept.data.window.end)
    if not hourly:
        start = _number(first.astimezone(ZoneInfo(kept.data.window.timezone)).date())
        end = _number(kept.data.window.until) + 1
    least = budget.thresholds[0] * budget.limit
    totals = [
        value for value, _, used in kept.used(budget, start, end) if (used.amount(budget.unit) or 0) >= least
    ]
    rows = kept.used(budget, start, end, totals, by_time=True)
    for value, group in groupby(rows, key=lambda row: row[0]):
        yield (
            value,
            [(_moment(kept, time), used.amount(budget.unit) or Decimal(0)) for _, time, used in group],
        )


def _moment(kept: _Kept, time: int) -> datetime:
    if kept.hourly:
        return instant(time)
    day = date(1970, 1, 1) + time * _DAY
    return of_days(day, day, kept.data.window.timezone).start


def crossed(data: Data, standing: Standing) -> datetime | None:
    """When a standing reached its level: the start of that hour, of long periods of that day; None: not known.

    A rolling budget is looked at for 28 days; one that was reached all the time was so since their first.
    """
    budget, held = standing.budget, standing.span
    periods = [held]
    if held.is_rolling:
        periods = list(spans(budget.period, held.timezone, standing.at - CROSSED_DAYS * _DAY, standing.at))
    hourly = budget.period in ("hour", "day")
    values = [standing.value] if budget.each else []
    kept = _Kept.read(data, budget.each, hourly, [budget], periods[0].since, held.until, values=values)
    start, end = (
        (micros(held.start), micros(held.end)) if hourly else _place(replace(held, since=periods[0].since))
    )
    amounts = [
        (_moment(kept, time), used.amount(budget.unit) or Decimal(0))
        for _, time, used in kept.used(budget, start, end, by_time=True)
    ]
    times = [each.at for each in fired(budget, "", periods, amounts) if each.threshold == standing.level]
    return times[-1] if times else None
