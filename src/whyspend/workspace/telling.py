"""What an alert says: what, how much over, since when, what it will come to, why, and what shows more."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from whyspend.model import Alert
from whyspend.reports.budgets.periods import clock, of_days
from whyspend.reports.budgets.standing import Standing, projection
from whyspend.workspace.adjusting import dollars
from whyspend.workspace.data import Data
from whyspend.workspace.drivers import dearest, moved
from whyspend.workspace.due import Case, Due
from whyspend.workspace.guarding import calls_of, crossed, has_value
from whyspend.workspace.signals import Signal
from whyspend.workspace.windows import micros

SEVERITY = {
    "over_budget": "critical",
    "near_budget": "warning",
    "spike": "critical",
    "untagged": "warning",
    "unpriced": "warning",
    "stale": "warning",
}
"""By kind; of any other `info`."""

_UNKNOWN = "not known"


@dataclass
class Teller:
    """Makes the alerts of one look at the ledger; each is made once, whoever is told."""

    data: Data
    at: datetime
    standings: dict[str, Standing]
    signals: dict[str, Signal]
    """Both by the key of their case."""
    _made: dict[tuple[str, str, str], Alert] = field(default_factory=dict)

    def alert(self, due: Due) -> Alert:
        """The alert of what is due."""
        own = due.told.key, due.kind, due.state
        if own not in self._made:
            self._made[own] = self._alert(due)
        alert = self._made[own]
        if not due.more:
            return alert
        return replace(alert, facts=(("And", f"{due.more:,} more like this: whyspend budgets"), *alert.facts))

    def _alert(self, due: Due) -> Alert:
        key = due.told.key
        plain = Alert(
            kind=cast("Any", due.kind),
            state=due.state,
            severity=cast("Any", SEVERITY.get(due.kind, "info")),
            key=key,
            title=due.told.title,
            at=self.at,
        )
        if standing := self.standings.get(key):
            return self._of_budget(plain, standing, due)
        if due.state == "resolve":
            return replace(plain, title=f"No longer: {due.told.title}", command="whyspend budgets")
        return self._of_signal(plain, self.signals[key])

    def _of_budget(self, plain: Alert, standing: Standing, due: Due) -> Alert:
        if due.state == "resolve":
            why = "its period is over" if due.case and due.case.is_past else "it is below its limit again"
            title = (
                f"{_named(standing)}: {why}, with {_amount(standing, standing.amount)} of {_limit(standing)}."
            )
            command = _command(standing, "report --by model")
            return replace(plain, title=title, facts=_period_facts(standing), command=command)
        made, since = projection(standing), crossed(self.data, standing)
        causes, are_causes = self.data.guards.drivers(self.data, standing)
        facts = (
            *_period_facts(standing),
            ("Since", _local(since, standing) if since else _UNKNOWN),
            ("Used", f"{_amount(standing, standing.amount)} ({_percent(standing.share)})"),
            ("Limit", _limit(standing)),
            *([("Too much", _amount(standing, _excess(standing)))] if standing.status == "over" else []),
            ("Projected", f"{_amount(standing, made.amount)} ({made.how})" if made else _UNKNOWN),
            *([("Pace", _percent(standing.pace))] if standing.pace is not None else []),
            *(
                [("Left per day", _amount(standing, standing.left_per_day))]
                if standing.status != "over"
                else []
            ),
            *([("Calls without a price", f"{standing.used.unpriced:,}")] if standing.used.unpriced else []),
            *([("Causes", self._against(standing))] if are_causes else []),
        )
        asks = "explain" if are_causes else "report --by model"
        return replace(plain, facts=facts, drivers=causes, command=_command(standing, asks, self._today()))

    def _against(self, standing: Standing) -> str:
        """What causes are of, in words."""
        days, _ = calls_of(self.data, standing)
        earlier = self.data.of(days).earlier
        return f"of {_days(days.since, days.until)} against {_days(earlier.since, earlier.until)}"

    def _of_signal(self, plain: Alert, signal: Signal) -> Alert:
        if signal.days is None:
            return replace(plain, facts=signal.facts, command="whyspend pull")
        since, until = signal.days
        test, where = "", []
        if signal.where:
            key, value = signal.where
            test, where = has_value(self.data, key, value), ["--where", f"{key}={value}"]
        days = ["--since", str(since), "--until", str(until), *where]
        if signal.usual_since and signal.where:
            part = self.data.narrowed(test)
            causes = moved(part, signal.days, signal.usual_since, of=signal.where[1], rising=True)
            if causes:
                facts = (*signal.facts, ("Causes", "against the average of the weeks before"))
                command = shlex.join(["whyspend", "explain", *days, "--against", "last-week"])
                return replace(plain, facts=facts, drivers=causes, command=command)
        found = dearest(self.data, of_days(since, until, self.data.window.timezone), test)
        command = shlex.join(["whyspend", "report", "--by", f"{self.data.dimensions[0]},model", *days])
        return replace(plain, facts=signal.facts, drivers=found, command=command)

    def _today(self) -> date:
        return self.at.astimezone(ZoneInfo(self.data.window.timezone)).date()


def case_of(standing: Standing, at: datetime) -> Case:
    """A budget as something that may be told."""
    span = standing.span
    verb = (
        "is over its budget" if standing.level == 1 else f"has used {_percent(standing.share)} of its budget"
    )
    extra = (
        f", {_amount(standing, _excess(standing))} too much ({_percent(standing.share)})"
        if standing.level == 1
        else ""
    )
    title = (
        f"{_named(standing)} {verb} for {_period(standing)}: {_amount(standing, standing.amount)} of "
        f"{_limit(standing)}{extra}."
    )
    return Case(
        key=standing.key,
        kind="over_budget",
        title=title,
        level=standing.level,
        until=None if span.is_rolling else micros(span.end),
        is_past=not span.is_rolling and span.end <= at,
        thresholds=standing.budget.thresholds,
    )


def sample(name: str, at: datetime) -> Alert:
    """What `alerts test` sends."""
    return Alert(
        kind="test",
        state="trigger",
        severity="info",
        key=f"whyspend:test:{name}",
        title=f"This is a test of the channel {name}. Nothing is wrong.",
        at=at,
        facts=(("Channel", name), ("Used", "$1.66 of $2.00 (83 %)")),
        drivers=("+$0.80 rag-search, at answer: prompts grew from 5.1k to 9.8k input tokens per call",),
        command="whyspend budgets",
    )


def _named(standing: Standing) -> str:
    budget = standing.budget
    return f"{budget.name}, {budget.each} {standing.value}," if budget.each else budget.name


def _period(standing: Standing) -> str:
    span = standing.span
    if span.is_rolling:
        return f"the {span.period.removeprefix('rolling ').removesuffix('d')} days to {span.until}"
    if span.period == "hour":
        return f"the hour from {_local(span.start, standing)}"
    return span.name


def _period_facts(standing: Standing) -> tuple[tuple[str, str], ...]:
    budget = standing.budget
    value = ((budget.each, standing.value),) if budget.each else ()
    return (("Budget", budget.name), *value, ("Period", f"{_period(standing)} ({standing.span.timezone})"))


def _excess(standing: Standing) -> Decimal | None:
    return None if standing.amount is None else standing.amount - standing.budget.limit


def _amount(standing: Standing, amount: Decimal | None) -> str:
    if amount is None:
        return _UNKNOWN
    unit = standing.budget.unit
    return dollars(amount) if unit == "usd" else f"{round(amount):,} {unit}"


def _limit(standing: Standing) -> str:
    return _amount(standing, standing.budget.limit)


def _percent(share: Decimal | None) -> str:
    return _UNKNOWN if share is None else f"{round(share * 100, 0 if share >= 1 else 1).normalize():,f} %"


def _local(at: datetime, standing: Standing) -> str:
    shown = clock(at, standing.span.timezone)
    return shown if standing.budget.period in ("hour", "day") else shown[:10]


def _days(since: date, until: date) -> str:
    return f"{since}" if since == until else f"{since} to {until}"


def _command(standing: Standing, asks: str, today: date | None = None) -> str:
    """The question about the calls of a budget, where `--where` can say which these are; up to a day."""
    budget, span = standing.budget, standing.span
    groups = budget.conditions()
    if any(len(texts) > 1 and not texts[0].partition("=")[0].endswith("!") for texts in groups):
        return "whyspend budgets"
    texts: Sequence[str] = [text for group in groups for text in group]
    if budget.each:
        texts = [*texts, f"{budget.each}={standing.value}"]
    where = [word for text in texts for word in ("--where", text)]
    until = min(span.until, today or span.until)
    return shlex.join(["whyspend", *asks.split(), *where, "--since", str(span.since), "--until", str(until)])
