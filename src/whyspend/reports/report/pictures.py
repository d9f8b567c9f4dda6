"""The pictures of a report: spend over time, and each row beside what it was before."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from whyspend.model import Cell, Chart, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import PARTS, colors, name_of, ranked
from whyspend.reports.report.lines import Lines
from whyspend.spelling import OTHERS

OVER_TIME = """
SELECT {place}, {moment}, CAST(CAST(sum(cost) AS DECIMAL(38, 0)) AS VARCHAR) FROM answer WHERE period = 0 GROUP BY ALL
"""

MOST_DAYS, MOST_WEEKS = 92, 644
"""Days up to which each day, and each week, has its bar."""

MOST_BARS = 750
"""Moments of a picture, about the hours of a month: more are no wider than a pixel each, and take long to draw."""

_HOUR = 3_600_000_000

Own = tuple[Any, ...]


def time_of(data: Any, keys: Sequence[Any]) -> Any:
    """The part of the calendar whose bars are drawn of a window, for `added_up`; None where the answer itself has one.

    An hour, day, week or month, whichever the window asks for.
    """
    if any(key.is_time for key in keys):
        return None
    days = (data.window.until - data.window.since).days + 1
    if days <= 2:
        return data.key("hour")
    return data.key("day" if days <= MOST_DAYS else "week" if days <= MOST_WEEKS else "month")


def pictures(data: Any, keys: Sequence[Any], lines: Lines, compared: bool) -> tuple[Chart, ...]:
    """Pictures of all rows of an answer, also of those that it does not show.

    What is kept must be told apart over `time_of`.
    """
    if not len(lines):
        return ()
    times = [at for at, key in enumerate(keys) if key.is_time]
    if len(times) > 1:
        return ()  # each is a part of the other
    own = [key for key in keys if not key.is_time]
    numbers = colors(data, own)
    if times:
        return _of_rows(data, keys, times[0], lines, numbers)
    title = f"Spend by {_listed(own)}" if own else "Spend"
    columns = (
        TableColumn(_listed(own) or "calls", "text"),
        TableColumn("cost_usd", "usd"),
        *((TableColumn("before_usd", "usd"),) if compared else ()),
    )
    bars = [
        (_named(data, own, row), usd(cost), usd(before) if compared else None)
        for row, cost, before in zip(lines.keys, lines.cost, lines.before, strict=True)
    ]
    names = [key.name for key in own]
    by_day = _over_time(data, own, lines.keys, numbers)
    return (*by_day, *(ranked(title, columns, bars, by=names, colors=numbers) if own else ()))


def _named(data: Any, keys: Sequence[Any], own: Own) -> str:
    return name_of(data, keys, own) if keys else "all calls"


def _listed(keys: Sequence[Any]) -> str:
    return " and ".join(key.name for key in keys)


def _over_time(
    data: Any, keys: Sequence[Any], rows: Sequence[Own], numbers: dict[str, int]
) -> tuple[Chart, ...]:
    """Spend over time, of the dearest rows and of the others."""
    time = time_of(data, keys)
    leaders = {own: place for place, own in enumerate(rows[: PARTS if len(rows) > PARTS + 1 else PARTS + 1])}
    sql = OVER_TIME.format(place=_place(data, keys, leaders), moment=time.column)
    amounts: dict[tuple[int, Any], int | None] = {
        (place, moment): None if cost is None else int(cost) for place, moment, cost in data.rows(sql)
    }
    for each in data.adjusted([*keys, time]):
        *own, moment = each.keys
        at = leaders.get(tuple(own), len(leaders)), _first_hour(data) if isinstance(moment, str) else moment
        amounts[at] = (amounts.get(at) or 0) + each.units
    names = [_named(data, keys, own) for own in leaders]
    return _stacked(data, time, [*names, OTHERS], amounts, [key.name for key in keys], numbers)


def _place(data: Any, keys: Sequence[Any], leaders: dict[Own, int]) -> str:
    """SQL of the place of a row among the leaders; that of the others is the next."""
    tests = (
        (" AND ".join(f"{key.column} IS NOT DISTINCT FROM {_literal(data, value)}"
                      for key, value in zip(keys, own, strict=True)) or "true", place)
        for own, place in leaders.items()
    )  # fmt: skip
    cases = " ".join(f"WHEN {test} THEN {place}" for test, place in tests)
    return f"CASE {cases} ELSE {len(leaders)} END"


def _literal(data: Any, value: Any) -> str:
    return "NULL" if value is None else str(data.engine.literal(str(value)))


def _first_hour(data: Any) -> int:
    return int(data.window.start.timestamp()) * 1_000_000


def _of_rows(
    data: Any, keys: Sequence[Any], at: int, lines: Lines, numbers: dict[str, int]
) -> tuple[Chart, ...]:
    """Of an answer by time: its own rows."""
    time, others = keys[at], [key for key in keys if not key.is_time]
    sums: dict[Own, int] = {}
    for row, cost in zip(lines.keys, lines.cost, strict=True):
        own = row[:at] + row[at + 1 :]
        sums[own] = sums.get(own, 0) + (cost or 0)
    ranks = sorted(sums, key=lambda own: -sums[own])
    leaders = {
        own: place for place, own in enumerate(ranks[: PARTS if len(ranks) > PARTS + 1 else PARTS + 1])
    }
    amounts: dict[tuple[int, Any], int | None] = {}
    for row, cost in zip(lines.keys, lines.cost, strict=True):
        place = leaders.get(row[:at] + row[at + 1 :], len(leaders)), row[at]
        if cost is not None or place not in amounts:
            amounts[place] = cost if cost is None else (amounts.get(place) or 0) + cost
    names = [_named(data, others, own) for own in leaders]
    return _stacked(data, time, [*names, OTHERS], amounts, [key.name for key in others], numbers)


def _stacked(
    data: Any,
    time: Any,
    names: Sequence[str],
    amounts: dict[tuple[int, Any], int | None],
    by: Sequence[str],
    numbers: dict[str, int],
) -> tuple[Chart, ...]:
    """Parts over time; a moment without calls cost nothing, and no part of the others is made up. None for too many."""
    moments = _moments(data, time, {moment for _, moment in amounts})
    if len(moments) > MOST_BARS:
        return ()
    places = [place for place in range(len(names)) if any(at == place for at, _ in amounts)]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (data.label(time, moment), *(_amount(amounts, place, moment) for place in places))
        for moment in moments
    )
    title = f"Spend by {time.name}" + (f" and {' and '.join(by)}" if by else "")
    columns = (TableColumn(time.name, time.unit), *(TableColumn(names[place], "usd") for place in places))
    return (Chart("stacked_time", title, columns, rows, by=tuple(by), colors=numbers),)


def _amount(amounts: dict[tuple[int, Any], int | None], place: int, moment: Any) -> Decimal | None:
    return usd(amounts.get((place, moment), 0))


def _moments(data: Any, time: Any, found: set[Any]) -> Sequence[Any]:
    """Those of the window without a gap; what is no time, such as an adjustment in an answer by hour, first."""
    known = sorted(moment for moment in found if not isinstance(moment, str))
    others = sorted(moment for moment in found if isinstance(moment, str))
    if time.name == "month" or not known:
        return [*others, *known]
    if time.name == "hour":
        return [*others, *range(known[0], known[-1] + 1, _HOUR)]
    first, last = data.day_number(data.window.since), data.day_number(data.window.until)
    if time.name == "week":
        first -= (first + 3) % timedelta(days=7).days
    return [*others, *range(first, last + 1, 7 if time.name == "week" else 1)]
