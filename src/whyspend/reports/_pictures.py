"""What the pictures of several reports share: names and their colours, and what is left out as one part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.model import Cell, Chart, TableColumn
from whyspend.spelling import OTHERS, cents
from whyspend.trends.forecast import forecast
from whyspend.trends.intervals import intervals

PARTS, BARS = 7, 12
"""So many parts and bars have a name of their own: more cannot be told apart."""

MANY_SIZES = 20
"""An amount that is so many times another is of another size."""

TIGHTEST = 4
"""So many budgets have a picture of their own."""

_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)
_EXACT = Context(prec=100)


def name_of(data: Any, keys: Sequence[Any], own: Sequence[Any]) -> str:
    """The values of keys as one name: `rag-search / production`."""
    return " / ".join(str(data.label(key, value)) for key, value in zip(keys, own, strict=True))


def colors(data: Any, keys: Sequence[Any]) -> dict[str, int]:
    """The numbers of the colours of such names."""
    return {name_of(data, keys, own): number for own, number in data.colors(keys).items()}


Bar = tuple[str, Decimal | None, Decimal | None, *tuple[Decimal | None, ...]]
"""A name, its amount, its amount before, and the change where it is not just the difference of these."""


def ranked(
    title: str,
    columns: Sequence[TableColumn],
    bars: Sequence[Bar],
    *,
    by: Sequence[str] = (),
    colors: Mapping[str, int] | None = None,
    others: Bar | None = None,
) -> tuple[Chart, ...]:
    """Bars in the order in which they come, those beyond the first dozen added up; nothing for no bars.

    Of bars that overlap, give a dozen (BARS): what is beyond cannot be added up.

    Args:
        title: what is to be seen.
        columns: of the name, the amount and, where it is compared, of the amount before; perhaps of the change.
        bars: exact.
        by: the keys whose values the names are.
        colors: the numbers of the colours of the names.
        others: those from the twelfth on together, where their sum is not what it comes to: amounts were rounded.
    """
    if not bars:
        return ()
    shown = list(bars)
    if len(bars) > BARS:
        rest = bars[BARS - 1 :]
        more = (added(bar[at] for bar in rest) for at in range(3, len(columns)))
        together: Bar = (OTHERS, added(bar[1] for bar in rest), added(bar[2] for bar in rest), *more)
        shown = [*bars[: BARS - 1], others or together]
    rows: tuple[tuple[Cell, ...], ...] = tuple(bar[: len(columns)] for bar in shown)
    return (Chart("ranked_change", title, tuple(columns), rows, by=tuple(by), colors=colors or {}),)


def added(amounts: Any) -> Decimal | None:
    """The exact sum of what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    total = Decimal(0)
    for amount in known:
        total = _EXACT.add(total, amount)
    return total if known else None


def spans(lowest: int, highest: int) -> list[int]:
    """Round edges, from 0 or just below the lowest amount to just above the highest; both are more than 0.

    Amounts of one size have edges at equal distances (70 to 200: 60, 80, ... 200); amounts of many sizes at 1, 2, 5, 10
    times (3 to 2000: 0, 2, 5, 10, ... 2000), so that a dear few do not hide the others.
    """
    if highest < MANY_SIZES * lowest:
        # All alike, as with a single call: a bar that is as wide as what tells them apart has edges of 18 digits.
        step = _round_step(max(highest - lowest, highest // MANY_SIZES, 1))
        first = (lowest - 1) // step * step
        return list(range(first, -(-highest // step) * step + step, step))
    edges, power = [0], 10 ** (len(str(lowest)) - 1)
    while edges[-1] < highest:
        edges += [each * power for each in (1, 2, 5) if each * power >= lowest and edges[-1] < highest]
        power *= 10
    while edges[-2] >= highest:
        edges.pop()
    return edges


def _round_step(span: int) -> int:
    """A twelfth of a span, about: 1, 2 or 5 times a power of ten."""
    power: int = 10 ** max(len(str(span)) - 2, 0)
    return next(each * power for each in (1, 2, 5, 10) if each * power * 15 >= span)


USED = (
    TableColumn("used_usd", "usd"),
    TableColumn("expected_usd", "usd"),
    TableColumn("low_usd", "usd"),
    TableColumn("high_usd", "usd"),
)
"""Columns of `burn_down`, beside the day."""


@dataclass(frozen=True)
class Ahead:
    """What days to come will bring: estimates."""

    days: Sequence[date]
    daily: Sequence[float]
    low: float | None
    """All of it, at the low end of the interval; None: there is none."""
    high: float | None


def burn_down(
    title: str,
    used: Mapping[date, Decimal],
    days: Sequence[date],
    ahead: Ahead,
    *,
    columns: Sequence[TableColumn] = USED,
    limit: Decimal | None = None,
    came: Mapping[date, Decimal] | None = None,
) -> Chart:
    """What is used up to the end of each day, exactly, and where it will go from there.

    The interval is that of the end of the period; before, it is as much narrower as less is still to come.

    Args:
        title: what is to be seen.
        used: on each day; days without are 0.
        days: of the period, up to the last that is known, in order.
        ahead: the days from there on, the last known one among them where it is not over.
        columns: of what is used, expected, and the interval.
        limit: to draw a line at; None: there is none.
        came: on the days ahead, where it is known by now: of a forecast that is looked back on.
    """
    rows: list[tuple[Cell, ...]] = []
    total = Decimal(0)
    for day in days:
        total = _EXACT.add(total, used.get(day, Decimal(0)))
        rows.append((day, total, None, None, None))
    whole = sum(ahead.daily)
    if rows and ahead.daily:
        told = list(zip(ahead.days, ahead.daily, strict=False))
        so_far = sum(amount for day, amount in told if day <= days[-1])
        rows[-1] = (days[-1], total, *_expected(total, so_far, whole, ahead))
        after = total
        for day, amount in told:
            if day > days[-1]:
                so_far += amount
                after = _EXACT.add(after, came.get(day, Decimal(0))) if came is not None else after
                known = None if came is None else after
                rows.append((day, known, *_expected(total, so_far, whole, ahead)))
    marks = () if limit is None else (("limit", limit),)
    return Chart("burn_down", title, (TableColumn("day", "date"), *columns), tuple(rows), marks)


def _expected(total: Decimal, so_far: float, whole: float, ahead: Ahead) -> tuple[Cell, Cell, Cell]:
    """An amount with so much of what is ahead, and the ends of its interval; estimates, to the cent."""
    share = so_far / whole if whole else 1.0
    bounds = (None if end is None else _estimate(total, share * end) for end in (ahead.low, ahead.high))
    low, high = bounds
    return _estimate(total, so_far), low, high


def _estimate(total: Decimal, more: float) -> Decimal:
    return cents(_EXACT.add(total, Decimal(more)))


_COUNTED = {
    unit: tuple(TableColumn(column.name.replace("usd", unit), unit) for column in USED)
    for unit in ("tokens", "calls")
}


def budgets_by_day(found: Sequence[Any]) -> Iterator[Chart]:
    """The tightest budgets as they are used up and where they will end, of those whose period has several days.

    Args:
        found: how budgets stand (Standing of reports.budgets).
    """
    long = [each for each in found if each.span.since != each.span.until and each.amount is not None]
    for each in sorted(long, key=lambda each: -(each.share or 0))[:TIGHTEST]:
        unit, span = each.budget.unit, each.span
        last = (each.seen - _INSTANT).astimezone(ZoneInfo(span.timezone)).date()
        last = max(min(last, span.until), span.since)
        days = [span.since + n * _DAY for n in range((last - span.since).days + 1)]
        used = {day: own.amount(unit) or Decimal(0) for day, own in each.days.items() if day in days}
        yield burn_down(
            f"{budget_name(each)}: used, and what is expected ({span.name})",
            _whole(used, each, days),
            days,
            _of_budget(each),
            columns=USED if unit == "usd" else _COUNTED[unit],
            limit=each.budget.limit,
        )


def budget_name(each: Any) -> str:
    """Of a budget, and the value that it is of where it has one for each."""
    return f"{each.budget.name} {each.value}".rstrip()


def _whole(used: dict[date, Decimal], each: Any, days: Sequence[date]) -> dict[date, Decimal]:
    """What is used but booked on no day stands on the last, so that the line ends where the budget is."""
    booked = _EXACT.subtract(each.amount or Decimal(0), sum(used.values(), Decimal(0)))
    return used | {days[-1]: _EXACT.add(used.get(days[-1], Decimal(0)), booked)} if booked else used


def _of_budget(each: Any) -> Ahead:
    """By the rule of its projection (reports.budgets.standing.projection), where that is one of days."""
    if each.at >= each.span.end:
        return Ahead((), (), None, None)
    ahead = each.ahead
    outlook = forecast(each.history, ahead)
    if outlook.rest is None or not (outlook.history or not each.amount):
        return Ahead((), (), None, None)
    inside = intervals(each.history, ahead, outlook)
    low, high = (inside[0].low, inside[0].high) if inside else (None, None)
    return Ahead([day for day, _ in ahead], outlook.daily, low, high)
