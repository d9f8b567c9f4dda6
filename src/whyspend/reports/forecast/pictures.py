"""The pictures of forecasts: a period as it is spent, where each value will end, budgets, and past months as they
looked then."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from math import fsum
from typing import Any

from whyspend.model import Cell, Chart, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import (
    BARS,
    Ahead,
    Bar,
    budget_name,
    budgets_by_day,
    burn_down,
    colors,
    ranked,
)
from whyspend.reports.forecast.ending import Ending, Present
from whyspend.reports.forecast.reading import Daily
from whyspend.spelling import OTHERS, cents

_EXACT = Context(prec=100)
_DAY = timedelta(days=1)


def of_period(
    data: Any, whole: Any, span: Any, spent: Daily, total: Ending, present: Present
) -> Iterator[Chart]:
    """The period as it is spent, with what is to come; nothing where no price is known of what was used.

    Args:
        data: the ledger's view.
        whole: the view of the period.
        span: the period.
        spent: what its days cost.
        total: where it will end.
        present: what is known of it.
    """
    if total.spent is None or not (spent.calls or total.spent):
        return
    used = {day: usd(units) for day, units in spent.units.items() if day >= span.since}
    for each in whole.adjusted([data.key("day")]):
        day = span.since + (each.keys[0] - data.day_number(span.since)) * _DAY
        used[day] = _EXACT.add(used.get(day, Decimal(0)), usd(each.units))
    last = min(max(present.seen, *used, span.since), span.until)
    known = [span.since + n * _DAY for n in range((last - span.since).days + 1)]
    ahead = _ahead([day for day, _ in present.ahead], total)
    yield burn_down(f"{span.name}: spent, and what is expected", used, known, ahead)


def of_values(
    data: Any, keys: Sequence[Any], rows: Sequence[Mapping[str, Cell]], endings: Sequence[Ending]
) -> Iterator[Chart]:
    """Where each value of the keys will end, beside what it has spent."""
    bars: list[Bar] = []
    drawn: list[Ending] = []
    for row, each in zip(rows, endings, strict=True):
        forecast, spent, rest = (row[name] for name in ("forecast_usd", "spent_usd", "rest_usd"))
        if isinstance(forecast, Decimal) and isinstance(spent, Decimal) and isinstance(rest, Decimal):
            bars.append((" / ".join(str(row[key.name]) for key in keys), forecast, spent, rest))
            drawn.append(each)
    columns = (
        TableColumn(" and ".join(key.name for key in keys), "text"),
        TableColumn("forecast_usd", "usd"),
        TableColumn("spent_usd", "usd"),
        TableColumn("rest_usd", "usd"),
    )
    yield from ranked(
        "Where each will end",
        columns,
        bars,
        by=[key.name for key in keys],
        colors=colors(data, keys),
        others=_together(drawn[BARS - 1 :]),
    )


def _together(endings: Sequence[Ending]) -> Bar | None:
    """What several come to: estimates are rounded once they are added up."""
    if not endings:
        return None
    spent = Decimal(0)
    for each in endings:
        spent = _EXACT.add(spent, each.spent or Decimal(0))
    rest = Decimal(fsum(each.outlook.rest or 0.0 for each in endings))
    return OTHERS, cents(_EXACT.add(spent, rest)), spent, cents(rest)


def of_budgets(found: Sequence[Any], endings: Sequence[Mapping[str, Cell]]) -> Iterator[Chart]:
    """Where budgets in dollars will end, beside their limits, the fullest first; and the tightest day by day."""
    bars: list[Bar] = [
        (budget_name(standing), forecast, standing.budget.limit)
        for standing, row in zip(found, endings, strict=True)
        if isinstance(forecast := row["forecast_usd"], Decimal)
    ]
    bars.sort(key=lambda bar: -_EXACT.divide(bar[1] or Decimal(0), bar[2] or Decimal(1)))
    if len(bars) > 1:
        columns = (
            TableColumn("budget", "text"),
            TableColumn("forecast_usd", "usd"),
            TableColumn("limit_usd", "usd"),
        )
        yield from ranked("Where budgets will end, beside their limits", columns, bars)
    yield from budgets_by_day(found)


def of_months(looks: Sequence[Any], daily: Daily) -> Iterator[Chart]:
    """The newest month day by day as it looked then, with what came; and each forecast beside what its month came to.

    Args:
        looks: past months as they looked (past.Look), the newest month first; those without a forecast are not drawn.
        daily: what days cost.
    """
    told = [look for look in looks if look.told.forecast is not None]
    for look in told:
        if look.month == told[0].month:
            used = {day: usd(units) for day, units in daily.units.items() if day >= look.month}
            known = [look.month + n * _DAY for n in range((look.seen - look.month).days + 1)]
            ahead = _ahead(look.ahead, look.told)
            yield burn_down(f"{_seen(look)}, and how it went on", used, known, ahead, came=used)
    columns = (
        TableColumn("month", "text"),
        TableColumn("forecast_usd", "usd"),
        TableColumn("actual_usd", "usd"),
    )
    bars: list[Bar] = [(_seen(look), look.told.forecast, look.actual) for look in told[:BARS]]
    yield from ranked("Forecasts beside what came", columns, bars)


def _seen(look: Any) -> str:
    return f"{look.month:%Y-%m} as it looked on day {look.seen.day}"


def _ahead(days: Sequence[date], told: Ending) -> Ahead:
    inside = told.inside[0] if told.inside else None
    return Ahead(days, told.outlook.daily, inside.low if inside else None, inside.high if inside else None)
