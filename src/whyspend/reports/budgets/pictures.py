"""The pictures of budgets: all of them beside their limits, and the tightest as they are used up."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

from whyspend.model import Chart, TableColumn
from whyspend.reports._pictures import USED, Ahead, burn_down, ranked
from whyspend.reports.budgets.standing import Standing
from whyspend.trends.forecast import forecast
from whyspend.trends.intervals import intervals

DRAWN = 4
"""So many budgets have a picture of their own: the tightest."""

_DAY = timedelta(days=1)
_EXACT = Context(prec=100)
_COUNTED = {
    unit: tuple(TableColumn(column.name.replace("usd", unit), unit) for column in USED)
    for unit in ("tokens", "calls")
}


def pictures(found: Sequence[Standing]) -> Iterator[Chart]:
    """Those of budgets in dollars beside one another; day by day those whose period has several days."""
    bars = [
        (_name(each), each.amount, each.budget.limit)
        for each in sorted(found, key=_tightest)
        if each.budget.unit == "usd"
    ]
    columns = (
        TableColumn("budget", "text"),
        TableColumn("spent_usd", "usd"),
        TableColumn("limit_usd", "usd"),
    )
    if len(bars) > 1:
        yield from ranked("Budgets beside their limits", columns, bars)
    long = [each for each in found if each.span.since != each.span.until and each.amount is not None]
    for each in sorted(long, key=_tightest)[:DRAWN]:
        yield _burn_down(each)


def _tightest(each: Standing) -> Decimal:
    return -(each.share or Decimal(0))


def _name(each: Standing) -> str:
    return f"{each.budget.name} {each.value}".rstrip()


def _burn_down(each: Standing) -> Chart:
    unit, span = each.budget.unit, each.span
    last = min(each.at.astimezone(ZoneInfo(span.timezone)).date(), span.until)
    days = [span.since + n * _DAY for n in range((last - span.since).days + 1)]
    used = {day: own.amount(unit) or Decimal(0) for day, own in each.days.items() if day in days}
    title = f"{_name(each)}: used, and what is expected ({span.name})"
    columns = USED if unit == "usd" else _COUNTED[unit]
    return burn_down(
        title, _whole(used, each, days), days, _ahead(each), columns=columns, limit=each.budget.limit
    )


def _whole(used: dict[date, Decimal], each: Standing, days: Sequence[date]) -> dict[date, Decimal]:
    """What is used but booked on no day stands on the last, so that the line ends where the budget is."""
    booked = _EXACT.subtract(each.amount or Decimal(0), sum(used.values(), Decimal(0)))
    return used | {days[-1]: _EXACT.add(used.get(days[-1], Decimal(0)), booked)} if booked else used


def _ahead(each: Standing) -> Ahead:
    """By the rule of its projection (see standing.projection), where that is one of days."""
    if each.at >= each.span.end:
        return Ahead((), (), None, None)
    ahead = each.ahead
    outlook = forecast(each.history, ahead)
    if outlook.rest is None or not (outlook.history or not each.amount):
        return Ahead((), (), None, None)
    inside = intervals(each.history, ahead, outlook)
    low, high = (inside[0].low, inside[0].high) if inside else (None, None)
    return Ahead([day for day, _ in ahead], outlook.daily, low, high)
