"""Where the period of each configured budget will end, and the day it runs out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.model import Cell, Table, TableColumn
from whyspend.reports.forecast.ending import BASIS, FIGURES, Ending, short
from whyspend.reports.forecast.pictures import of_budgets
from whyspend.trends.forecast import Outlook, forecast
from whyspend.trends.intervals import Interval, intervals

_EXACT = Context(prec=100)
_DAY = timedelta(days=1)

NAMES = (TableColumn("budget", "text"), TableColumn("value", "text"))
SPAN = (TableColumn("from", "date", derived=True), TableColumn("to", "date"))
SHARES = tuple(
    TableColumn(name, "share", derived=name != "share_forecast")
    for name in ("share", "share_forecast", "share_low_80", "share_high_80", "share_low_95", "share_high_95")
)
"""Of the limit, for budgets of tokens or calls."""

OUT = (TableColumn("runs_out", "date"), TableColumn("earliest", "date", derived=True))
"""The day on which more than the limit will be used: as expected, and at the high end of the 80 % interval."""


def answer(data: Any, top: int) -> Table:
    """One row for each budget, or for each value of one that has one for every value."""
    budgets = data.guards.budgets
    found = data.guards.standings(data, budgets, top=top)
    rows = [_row(standing) for standing in found]
    columns = _columns(budgets)
    data.added_up([])
    trust = data.trust()
    return Table(
        report="forecast",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={},
        trust=trust,
        notes=(*_notes(found, rows, budgets), *data.empty_notes(trust.calls)),
        charts=tuple(of_budgets(found, rows)) if data.pictures else (),
    )


def _columns(budgets: Sequence[Any]) -> tuple[TableColumn, ...]:
    is_usd = all(budget.unit == "usd" for budget in budgets)
    return (
        NAMES[0],
        *(NAMES[1:] if any(budget.each for budget in budgets) else ()),
        *SPAN,
        *FIGURES[:1],
        TableColumn("limit_usd", "usd"),
        *(replace(column, derived=column.derived or "95" in column.name) for column in FIGURES[1:]),
        *(() if is_usd else SHARES),
        *OUT,
        BASIS,
        TableColumn("unpriced_calls", "calls"),
    )


def _row(standing: Any) -> dict[str, Cell]:
    budget, span = standing.budget, standing.span
    outlook, inside = _outlook(standing)
    here = Ending(standing.amount, outlook, inside)
    is_usd = budget.unit == "usd"
    figures = here.cells() if is_usd else dict.fromkeys(column.name for column in FIGURES)
    shares = _shares(here, budget.limit)
    return {
        **figures,
        "spent_usd": standing.used.usd,
        "budget": budget.name,
        "value": standing.value,
        "from": span.since,
        "to": span.until,
        "limit_usd": budget.limit_usd,
        **shares,
        "runs_out": _runs_out(standing, outlook, 1.0),
        "earliest": _earliest(standing, outlook, inside),
        BASIS.name: "an hour has no forecast" if span.period == "hour" else short(outlook),
        "unpriced_calls": standing.used.unpriced,
    }


def _outlook(standing: Any) -> tuple[Outlook, tuple[Interval, ...]]:
    """As `whyspend budgets` projects it, with its intervals."""
    if standing.span.period == "hour":
        return Outlook("too early", 0), ()
    held, ahead = standing.history, standing.ahead
    outlook = forecast(held, ahead)
    if not outlook.history and standing.amount:
        outlook = Outlook("too early", 0)  # it began today
    return outlook, intervals(held, ahead, outlook)


def _shares(here: Ending, limit: Decimal) -> dict[str, Cell]:
    found: dict[str, Cell] = dict.fromkeys(column.name for column in SHARES)
    found["share"] = _share(here.spent, limit)
    found["share_forecast"] = _share(here.forecast, limit)
    for each in here.inside:
        percent = round(100 * each.level)
        found[f"share_low_{percent}"] = _share(here.at(each.low), limit)
        found[f"share_high_{percent}"] = _share(here.at(each.high), limit)
    return found


def _share(amount: Decimal | None, limit: Decimal) -> Decimal | None:
    return None if amount is None else round(_EXACT.divide(amount, limit), 12)


def _runs_out(standing: Any, outlook: Outlook, times: float) -> date | None:
    """The day on which more than the limit is used, if `times` as much comes as is expected; None: not in this period.

    $20 left and $6 a day: the fourth day. A rolling period ends with today, so only one that is over has a day.
    """
    if standing.amount is None:
        return None
    left = float(standing.budget.limit - standing.amount)
    if left < 0:
        return _ran_out(standing)
    ahead: Sequence[tuple[date, float]] = standing.ahead
    for (day, _), amount in zip(ahead, outlook.daily, strict=False):
        left -= times * amount
        if left < 0:
            return day
    return None


def _ran_out(standing: Any) -> date | None:
    """The day on which it was over, where it is known day by day; of an hour, its day."""
    used, limit, span = Decimal(0), standing.budget.limit, standing.span
    if span.period in ("hour", "day"):
        return date.fromisoformat(str(span.since))
    today = standing.at.astimezone(ZoneInfo(span.timezone)).date()
    for n in range((today - span.since).days + 1):
        own = standing.days.get(span.since + n * _DAY)
        used += (own.amount(standing.budget.unit) or 0) if own else 0
        if used > limit:
            return date.fromisoformat(str(span.since + n * _DAY))
    return None


def _earliest(standing: Any, outlook: Outlook, inside: Sequence[Interval]) -> date | None:
    if not inside or not outlook.rest:
        return None
    return _runs_out(standing, outlook, inside[0].high / outlook.rest)


def _notes(found: Sequence[Any], rows: Sequence[dict[str, Cell]], budgets: Sequence[Any]) -> list[str]:
    if not budgets:
        return ["No budget is configured. Try one: whyspend budgets --limit 50. Keep it: [[budgets]]."]
    notes = ["Spent is exact; forecasts are estimates, by the rule that basis names (see docs/forecast.md)."]
    for standing, row in zip(found, rows, strict=True):
        if row["runs_out"] is not None and standing.status != "over":
            named = f"{standing.budget.name} {standing.value}".rstrip()
            notes.append(f"{named} will probably run out on {row['runs_out']}.")
    if calls := sum(standing.used.unpriced for standing in found):
        notes.append(f"Of known cost only: {calls:,} call{'' if calls == 1 else 's'} inside without a price.")
    if any(standing.span.is_rolling for standing in found):
        notes.append("A rolling period ends with today: its forecast is of the end of today.")
    return notes
