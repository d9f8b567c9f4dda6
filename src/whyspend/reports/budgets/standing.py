"""How a budget stands at an instant: used, pace, what is left, and where its period will probably end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from whyspend.reports.budgets.entries import Budget
from whyspend.reports.budgets.periods import Span, of_days
from whyspend.trends.forecast import HISTORY_DAYS, Days, basis, days, forecast

Status = Literal["ok", "warn", "over", "unpriced"]

_EXACT = Context(prec=100)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_SHARE = Decimal("0.000000000001")


@dataclass(frozen=True)
class Used:
    """What some calls used together."""

    usd: Decimal | None = Decimal(0)
    """What is known of their cost; None: there are calls, and none has a price."""
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0

    def amount(self, unit: str) -> Decimal | None:
        """In the unit of a limit."""
        if unit == "usd":
            return self.usd
        return Decimal(self.tokens if unit == "tokens" else self.calls)

    def __add__(self, other: "Used") -> "Used":
        """Both together: what is known of either is known of both."""
        known = [part.usd for part in (self, other) if part.usd is not None and (part.calls or part.usd)]
        calls = self.calls + other.calls
        usd = sum(known, Decimal(0)) if known or not calls else None
        return Used(usd, self.tokens + other.tokens, calls, self.unpriced + other.unpriced)


NOTHING = Used()


@dataclass(frozen=True)
class Standing:
    """A budget, or one value of it, in one period."""

    budget: Budget
    span: Span
    used: Used
    at: datetime
    """As of when, UTC."""
    value: str = ""
    """Of `each`, as people read it; empty for a budget without."""
    days: Mapping[date, Used] = field(default_factory=dict)
    """By local day, from HISTORY_DAYS before the day of `at` on; a day without calls may be absent."""
    held_since: datetime | None = None
    """The first instant that the ledger holds."""
    known_until: datetime | None = None
    """After it nothing is known, of no source: what came later is estimated, as what is to come. None: up to `at`."""

    @property
    def seen(self) -> datetime:
        """Up to when what is used is known, UTC."""
        return self.at if self.known_until is None else min(self.at, self.known_until)

    @property
    def amount(self) -> Decimal | None:
        """What is used, in the unit of the limit."""
        return self.used.amount(self.budget.unit)

    @property
    def share(self) -> Decimal | None:
        """Of the limit, to 12 decimals."""
        return None if self.amount is None else share_of(self.amount, self.budget.limit)

    @property
    def level(self) -> Decimal:
        """The highest threshold that is reached; 0: none. A limit of 100 calls allows 100 calls.

        Limit $2, thresholds 0.5 and 0.8: $1.00 is 0.5, $1.60 is 0.8, $2.00 is 0.8, $2.01 is 1.
        """
        if self.amount is None:
            return Decimal(0)
        *warnings, full = self.budget.thresholds
        if self.amount > self.budget.limit:
            return full
        reached = [share for share in warnings if self.amount >= _EXACT.multiply(share, self.budget.limit)]
        return max(reached, default=Decimal(0))

    @property
    def status(self) -> Status:
        """In one word."""
        if self.amount is None:
            return "unpriced"
        if self.level == 1:
            return "over"
        return "warn" if self.level else "ok"

    @property
    def key(self) -> str:
        """What alerts know it by, the same for a whole period."""
        value = f":{self.budget.each}={self.value}" if self.budget.each else ""
        return f"whyspend:{self.budget.name}{value}:{self.span.name}"

    @property
    def elapsed(self) -> Decimal | None:
        """The share of the period that is over; None where it has no end."""
        if self.span.is_rolling:
            return None
        whole, gone = self.span.end - self.span.start, self.at - self.span.start
        return share_of(_seconds(min(max(gone, timedelta()), whole)), _seconds(whole))

    @property
    def pace(self) -> Decimal | None:
        """Share of the limit by share of the time: 1.2 is a fifth faster than the limit allows."""
        if self.share is None or not self.elapsed:
            return None
        return share_of(self.share, self.elapsed)

    @property
    def left_per_day(self) -> Decimal | None:
        """What each of the remaining days of 24 hours may use, or all that is left within the last one."""
        if self.amount is None:
            return None
        left = max(self.budget.limit - self.amount, Decimal(0))
        days = share_of(_seconds(self.span.end - self.at), _seconds(_DAY))
        return left if days <= 1 else round(_EXACT.divide(left, days), 12)

    @property
    def history(self) -> Days:
        """What each whole local day up to `at` used that the ledger holds, in the unit of the limit.

        Of a day with unpriced calls, what is known.
        """
        today, unit = _first_unseen(self), self.budget.unit
        first = today - HISTORY_DAYS * _DAY
        if self.held_since is not None:
            held = self.held_since.astimezone(ZoneInfo(self.span.timezone))
            first = max(first, held.date() + (_DAY if held.time() != time() else timedelta()))
        known = {day: float(used.amount(unit) or 0) for day, used in self.days.items()}
        return days(known, first, today - _DAY)

    @property
    def ahead(self) -> list[tuple[date, float]]:
        """The days of the period that are left, or of which nothing is known, and which share of each."""
        first, span = max(_first_unseen(self), self.span.since), self.span
        whole = of_days(first, first, span.timezone)
        part = min((whole.end - self.seen) / (whole.end - whole.start), 1.0)
        return [(first + n * _DAY, 1.0 if n else part) for n in range((span.until - first).days + 1)]


@dataclass(frozen=True)
class Projection:
    """Where a period will probably end."""

    amount: Decimal
    """In the unit of the limit."""
    how: str
    """What it rests on, in words."""


def projection(standing: Standing) -> Projection | None:
    """What is used, and for the rest of the period what `whyspend forecast` expects of it.

    The rule is that of trends.forecast: with 28 days of history each remaining day counts the median of the same
    weekdays of the last four weeks, and what is left of today its share of today's. With less than 14, the rest goes
    on at the rate so far: $6 after 10 of 30 days is $18. None where no cost is known, or where a period has only just
    begun (less than a tenth of it is over). A rolling period ends with today.
    """
    amount, span, at = standing.amount, standing.span, standing.at
    if amount is None:
        return None
    if at >= span.end:
        return Projection(amount, "the period is over")
    if span.period != "hour":
        outlook = forecast(standing.history, standing.ahead)
        if outlook.rest is not None and (outlook.history or not amount):
            return Projection(amount + round(Decimal(outlook.rest), 12), basis(outlook))
    begun, seen = max(span.start, standing.held_since or span.start), standing.seen
    whole = share_of(_seconds(span.end - begun), _seconds(seen - begun)) if seen > begun else None
    if whole is None or whole > 10:
        return None
    return Projection(round(_EXACT.multiply(amount, whole), 12), "the rate so far")


def _first_unseen(standing: Standing) -> date:
    """The first day that is not over, or not known whole; at the last microsecond of a day, the next one."""
    return (standing.seen + _INSTANT).astimezone(ZoneInfo(standing.span.timezone)).date()


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)


def share_of(part: Decimal, whole: Decimal) -> Decimal:
    """A part of a whole, to 12 decimals, however small the whole."""
    return _EXACT.divide(part, whole).quantize(_SHARE, context=_EXACT)
