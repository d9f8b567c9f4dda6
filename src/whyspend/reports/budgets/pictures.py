"""The pictures of budgets: all of them beside their limits, and the tightest as they are used up; and how full periods
were that would have been told of."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from whyspend.model import Chart, TableColumn
from whyspend.reports._pictures import BARS, Bar, budget_name, budgets_by_day, ranked
from whyspend.reports.budgets.firing import Fired
from whyspend.reports.budgets.standing import Standing

_COLUMNS = (
    TableColumn("budget", "text"),
    TableColumn("spent_usd", "usd"),
    TableColumn("limit_usd", "usd"),
)


def pictures(found: Sequence[Standing]) -> Iterator[Chart]:
    """Those of budgets in dollars beside one another; day by day those whose period has several days."""
    bars: list[Bar] = [
        (budget_name(each), each.amount, each.budget.limit)
        for each in sorted(found, key=lambda each: -(each.share or Decimal(0)))
        if each.budget.unit == "usd"
    ]
    if len(bars) > 1:
        yield from ranked("Budgets beside their limits", _COLUMNS, bars)
    yield from budgets_by_day(found)


def fullest(found: Iterable[Fired]) -> Iterator[Chart]:
    """The periods of budgets in dollars that reached a threshold, those first that used most of their limit."""
    periods = {f"{budget_name(each)} {each.span.name}": each for each in found if each.budget.unit == "usd"}
    ordered = sorted(periods.items(), key=lambda named: -named[1].amount / named[1].budget.limit)
    bars: list[Bar] = [(name, each.amount, each.budget.limit) for name, each in ordered[:BARS]]
    yield from ranked("The fullest periods beside their limits", _COLUMNS, bars)
