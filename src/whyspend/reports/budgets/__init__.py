"""Is anyone over budget, or about to be?"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from whyspend.errors import UsageError
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.money import usd
from whyspend.reports.budgets import entries, telling, why
from whyspend.reports.budgets.entries import Budget, listed
from whyspend.reports.budgets.firing import Fired
from whyspend.reports.budgets.periods import Span, clock
from whyspend.reports.budgets.pictures import fullest, pictures
from whyspend.reports.budgets.standing import Projection, Standing, projection, share_of
from whyspend.spelling import money

OWNERS = """
SELECT {owner}, CAST(sum(cost) FILTER (WHERE period = 0) AS VARCHAR),
  CAST(coalesce(sum(calls) FILTER (WHERE period = 0), 0) AS BIGINT),
  CAST(coalesce(sum(calls) FILTER (WHERE period = 1), 0) AS BIGINT)
FROM answer GROUP BY 1 ORDER BY sum(cost) FILTER (WHERE period = 0) DESC NULLS LAST, 1 NULLS LAST
"""
"""What each owner cost in the days asked about, and whether it was there in the days before."""

NAMES_SHOWN = 5
LONGEST_BACKTEST = 1000
_MINUTE = timedelta(minutes=1)

Columns = tuple[TableColumn, ...]


def run(
    data: Any, *, limit: str = "", period: str = "month", each: str = "", backtest: str = "", top: int = 20
) -> Table:
    """The configured budgets as they stand: used, limit, pace, what is left per day, and where the period will end.

    They stand as of now, or of the end of --until. Features without a budget are looked for in the days asked about.
    With --limit, a budget is tried that is not configured; --where says of which calls.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        limit: Try a budget of so many dollars; or `5000000 tokens`, or `200 calls`.
        period: Of the budget that is tried: hour, day, week, month, quarter, or 'rolling 30d'.
        each: Of the budget that is tried: one for every value of this key, such as customer_id.
        backtest: Say when each budget would have fired in these days, per threshold: 90d.
        top: Of a budget for each value, show those that are reached and the N nearest to the limit; 0 shows all.
    """
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many to show; 0 shows all.")
    budgets = (_candidate(data, limit, period, each),) if limit else data.guards.budgets
    if not limit and (data.where or each):
        raise UsageError(
            "--where and --each belong to a budget that is tried. Give its --limit, such as --limit 50."
        )
    days = _days(backtest) if backtest else 0
    reasons: list[why.Why] = []
    charts: tuple[Chart, ...] = ()
    headline = ""
    if days:
        told = data.guards.fired(data, budgets, days)
        columns, rows, notes = _fired(data, told, budgets, days)
        charts = tuple(fullest(told)) if data.pictures else ()
    else:
        found = data.guards.standings(data, budgets, top=top)
        made = [(standing, projection(standing)) for standing in found]
        columns, rows, notes = _standing(data, made, budgets)
        end = data.data_end()
        missing = [end.said()] if end else []
        headline = telling.told(made, are_all=not top or len(made) < top)
        charts = tuple(pictures(found)) if data.pictures else ()
        reasons = why.of(data, found)
        notes = [*missing, *_of_reasons(reasons, found), *notes]
    own, owners = _owners(data)
    trust = data.trust()
    if not budgets and not days:
        columns = tuple(replace(column, told=column.name not in _WITHOUT) for column in columns)
        rows = [_without_budget(data, columns, owner) for owner in owners]
        headline = "No budget is configured. Try one: whyspend budgets --limit 50 --period month. Keep it: [[budgets]]."
    elif not days and not limit:
        notes.extend(_uncovered(data, own, owners, budgets))
    return Table(
        report="budgets",
        window=data.window,
        columns=columns,
        rows=tuple(tuple(row[column.name] for column in columns) for row in rows),
        total={},
        trust=trust,
        notes=(*notes, *data.unpriced_notes(), *data.empty_notes(trust.calls)),
        headline=headline,
        details={"drivers": [row for reason in reasons for row in reason.rows]} if reasons else {},
        charts=charts,
    )


def _candidate(data: Any, limit: str, period: str, each: str) -> Budget:
    """The budget that is tried."""
    match = re.fullmatch(r"\$?([0-9][0-9_.]*)\s*(usd|tokens|calls)?", limit.strip())
    try:
        amount = Decimal(match[1].replace("_", "")) if match else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    unit = match[2] if match and match[2] else "usd"
    if not amount.is_finite() or (unit != "usd" and amount % 1):
        raise UsageError(
            f"--limit '{limit[:40]}' is no amount. Give dollars (50), '5000000 tokens' or '200 calls'."
        )
    where: dict[str, tuple[str, ...]] = {}
    for text in data.where:
        key, _, value = text.partition("=")
        where[key.strip()] = (*where.get(key.strip(), ()), value)
    if any(len(values) > 1 and not key.endswith("!") for key, values in where.items()):
        raise UsageError("--where names a key twice, so no call could have both. Name it once.")
    limits: dict[str, Any] = {f"limit_{unit}": amount if unit == "usd" else int(amount)}
    budget = Budget(
        name="(tried)",
        where=where,
        period=period,
        each=each,
        warn_at=(Decimal("0.5"), Decimal("0.8")),
        **limits,
    )
    for _, message in entries.faults(budget):
        raise UsageError(f"The budget that is tried: {message}")
    return budget


def _days(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,3})d", text)
    if not match or int(match[1]) > LONGEST_BACKTEST:
        raise UsageError(
            f"--backtest '{text[:40]}' is no number of days. Give one up to {LONGEST_BACKTEST}d: 90d."
        )
    return int(match[1])


# How they stand


def _standing(
    data: Any, found: telling.Made, budgets: Sequence[Budget]
) -> tuple[Columns, list[dict[str, Cell]], list[str]]:
    notes = []
    rows = [_row(standing, own) for standing, own in found]
    partly = [s for s, _ in found if s.used.unpriced]
    if partly:
        calls = sum(standing.used.unpriced for standing in partly)
        notes.append(
            f"{_count(len(partly), 'budget')} used at least what is shown: "
            f"{_count(calls, 'call')} inside without a price."
        )
    bases = dict.fromkeys(own.how for _, own in found if own)
    if bases:
        notes.append(f"Projected: what is used, and for the rest of the period {'; '.join(bases)}.")
    seen = {standing.budget.name for standing, _ in found}
    notes += [
        f"No call in the period of budget {budget.name!r} carries {budget.each!r}."
        for budget in budgets
        if budget.each and budget.name not in seen
    ]
    return _columns(budgets), rows, notes


def _of_reasons(reasons: Sequence[why.Why], found: Sequence[Standing]) -> list[str]:
    notes = [reason.said for reason in reasons]
    if any(reason.are_causes for reason in reasons):
        notes.append(
            "Causes are of what the period cost so far beyond as many days before; see whyspend explain."
        )
    firing = sum(1 for standing in found if standing.level)
    if firing > len(reasons):
        notes.append(
            f"{firing - len(reasons):,} more are over or near and not explained here; their rows say which."
        )
    return notes


def _columns(budgets: Sequence[Budget]) -> Columns:
    units = {budget.unit for budget in budgets} or {"usd"}
    return (
        TableColumn("budget", "text"),
        *((TableColumn("value", "text"),) if any(budget.each for budget in budgets) else ()),
        TableColumn("status", "text"),
        TableColumn("from", "date"),
        TableColumn("to", "date"),
        TableColumn("spent_usd", "usd"),
        *((TableColumn("limit_usd", "usd"),) if "usd" in units else ()),
        *(
            (TableColumn("tokens", "tokens"), TableColumn("limit_tokens", "tokens"))
            if "tokens" in units
            else ()
        ),
        *((TableColumn("calls", "calls"), TableColumn("limit_calls", "calls")) if "calls" in units else ()),
        TableColumn("share", "share"),
        TableColumn("pace", "share", derived=True),
        *((TableColumn("projected", "share", derived=True),) if units != {"usd"} else ()),
        *((TableColumn("projected_usd", "usd", derived=True),) if "usd" in units else ()),
        *((TableColumn("left_per_day_usd", "usd", derived=True),) if "usd" in units else ()),
        TableColumn("unpriced_calls", "calls"),
    )


def _row(standing: Standing, made: Projection | None) -> dict[str, Cell]:
    budget, span = standing.budget, standing.span
    is_usd = budget.unit == "usd"
    return {
        "budget": budget.name,
        "value": standing.value,
        "status": standing.status,
        **_period(span),
        "spent_usd": standing.used.usd,
        "limit_usd": budget.limit_usd,
        "tokens": standing.used.tokens,
        "limit_tokens": budget.limit_tokens,
        "calls": standing.used.calls,
        "limit_calls": budget.limit_calls,
        "share": standing.share,
        "pace": standing.pace,
        "projected": share_of(made.amount, budget.limit) if made else None,
        "projected_usd": made.amount if made and is_usd else None,
        "left_per_day_usd": standing.left_per_day if is_usd else None,
        "unpriced_calls": standing.used.unpriced,
    }


def _period(span: Span) -> dict[str, Cell]:
    if span.period != "hour":
        return {"from": span.since, "to": span.until}
    return {"from": clock(span.start, span.timezone), "to": clock(span.end - _MINUTE, span.timezone)}


# When they would have fired


def _fired(
    data: Any, found: Sequence[Fired], budgets: Sequence[Budget], days: int
) -> tuple[Columns, list[dict[str, Cell]], list[str]]:
    columns = (
        TableColumn("budget", "text"),
        *((TableColumn("value", "text"),) if any(budget.each for budget in budgets) else ()),
        TableColumn("fired", "date"),
        TableColumn("threshold", "share"),
        TableColumn("from", "date"),
        TableColumn("to", "date"),
        *((TableColumn("spent_usd", "usd"),) if any(b.unit == "usd" for b in budgets) or not budgets else ()),
        *((TableColumn("used", "calls"),) if any(b.unit != "usd" for b in budgets) else ()),
        TableColumn("share", "share"),
    )
    ordered = sorted(found, key=lambda each: (each.at, each.budget.name, each.value, each.threshold))
    notes = [f"{budget.name}: {_times(budget, found, days)}." for budget in budgets]
    held = data.held_since
    if held is not None and ordered and held > ordered[0].span.start:
        notes.append(f"The ledger holds calls only since {held.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
    return columns, [_firing(each) for each in ordered], notes


def _times(budget: Budget, found: Sequence[Fired], days: int) -> str:
    own = [each for each in found if each.budget is budget]
    said = [
        f"{_percent(threshold)} {sum(each.threshold == threshold for each in own):,} times"
        for threshold in budget.thresholds
    ]
    return f"in {days} days it would have reached {', '.join(said)} of its limit"


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f} %"


def _firing(each: Fired) -> dict[str, Cell]:
    span, is_usd = each.span, each.budget.unit == "usd"
    day = each.at.astimezone(ZoneInfo(span.timezone)).date()
    return {
        "budget": each.budget.name,
        "value": each.value,
        "fired": clock(each.at, span.timezone) if span.period in ("hour", "day") else day,
        "threshold": each.threshold,
        **_period(span),
        "spent_usd": each.amount if is_usd else None,
        "used": None if is_usd else int(each.amount),
        "share": round(each.amount / each.budget.limit, 12),
    }


# Who has none

_WITHOUT = ("budget", "status", "from", "to", "spent_usd")
"""Columns that say something of those who have no budget."""


def _owners(data: Any) -> tuple[Any, list[tuple[str, Decimal | None, int, bool]]]:
    """Owners in the days asked about, dearest first: name, dollars, calls, and whether they were there before."""
    own = data.key(data.dimensions[0])
    held = data.held_since
    data.added_up([own], compare=held is not None and held < data.window.start)
    rows = data.rows(OWNERS.format(owner=own.column))
    return own, [
        (str(data.label(own, value)), None if cost is None else usd(Decimal(cost)), calls, before > 0)
        for value, cost, calls, before in rows
        if calls
    ]


def _without_budget(
    data: Any, columns: Columns, owner: tuple[str, Decimal | None, int, bool]
) -> dict[str, Cell]:
    name, cost, calls, _ = owner
    row: dict[str, Cell] = dict.fromkeys(column.name for column in columns)
    return row | {
        "budget": f"none: {data.dimensions[0]}={name}",
        "status": "no budget",
        "from": data.window.since,
        "to": data.window.until,
        "spent_usd": cost,
        "calls": calls,
        "unpriced_calls": None,
    }


def _uncovered(
    data: Any, own: Any, owners: Sequence[tuple[str, Decimal | None, int, bool]], budgets: Sequence[Budget]
) -> list[str]:
    """Owners that no budget is about, dearest first, and which of them are new and not cheap."""
    bare = [owner for owner in owners if not any(_is_about(budget, own.name, owner[0]) for budget in budgets)]
    if not bare:
        return []
    dimension, days = own.name, f"{data.window.since} to {data.window.until}"
    lines = [f"No budget names {dimension} {_listed(bare)} ({days})."]
    held = data.held_since
    new = [
        owner
        for owner in bare
        if not owner[3] and (owner[1] or 0) >= data.guards.floor_usd and held and held < data.window.start
    ]
    if new:
        lines.append(f"New since {data.window.since}, without a budget: {_listed(new)}.")
    return lines


def _is_about(budget: Budget, dimension: str, value: str) -> bool:
    if budget.each == dimension:
        return True
    wanted = budget.where.get(dimension)
    return wanted is not None and any(_is_like(value, text) for text in listed(wanted))


def _is_like(value: str, text: str) -> bool:
    signs = {"*": ".*", "?": "."}
    pattern = "".join(signs.get(sign) or re.escape(sign) for sign in text)
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def _listed(owners: Sequence[tuple[str, Decimal | None, int, bool]]) -> str:
    said = [f"{name} ({_known(cost)})" for name, cost, _, _ in owners[:NAMES_SHOWN]]
    more = len(owners) - NAMES_SHOWN
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def _known(cost: Decimal | None) -> str:
    return "cost unknown" if cost is None else money(cost)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
