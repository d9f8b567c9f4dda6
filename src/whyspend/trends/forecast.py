"""Where a series of days will end: the weekdays of the last weeks, their drift where it has paid, and month ends.

Plain Python on floats: an estimate, never money. Chosen by measurement (`python -m bench.forecasting`): on daily
business series these few rules are as good as the best library model, at a thousandth of its time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from statistics import fmean, median
from typing import Literal

from whyspend.trends.monthly import monthly
from whyspend.trends.shifts import level_since

Method = Literal["nothing", "too early", "ended", "mean", "median", "drift"]

HISTORY_DAYS = 126
"""Whole days before today that a forecast looks at: 18 weeks, in which a monthly job was seen four times."""

WEEK = 7

EARLIEST, MEDIAN_FROM, CHOICE_FROM = 14, 28, 56
"""Days of history from which weekdays are told apart (each has been there twice), from which their median is taken
and an interval is given, and from which the series itself chooses between median and drift."""

MEDIAN_DAYS = 28
DRIFT_WEEKS = 8
SHRUNK, DAMPED = 0.75, 0.85
"""A drift counts for so much of what it was, and each week ahead for so much of the week before it."""

WORTH = 0.5
"""A drift must have been twice as good: four tries agree on less by chance."""

SPARSE = 0.2
"""From this share of days without anything, on weekdays that have something, the mean is taken: the median of a series
that is mostly nothing is nothing."""

ENDED_FROM = 5

_DAY = timedelta(days=1)

Ahead = Sequence[tuple[date, float]]
"""The days to come, each with the share of it that is still to come: what is left of today is 0.25 at 18:00."""


@dataclass(frozen=True)
class Days:
    """A series as a forecast sees it."""

    amounts: tuple[float, ...]
    """One for each whole day up to `last`, the oldest first, from the first day on that has anything."""
    last: date

    @property
    def first(self) -> date:
        """The day of the first amount."""
        return self.last - (len(self.amounts) - 1) * _DAY

    def until(self, count: int) -> "Days":
        """Its first so many days."""
        return Days(self.amounts[:count], self.first + (count - 1) * _DAY)


@dataclass(frozen=True)
class Outlook:
    """What days to come will probably bring."""

    method: Method
    history: int
    """Days of history that the series has, from the first with anything."""
    daily: tuple[float, ...] = ()
    """One for each day ahead, its share counted; empty where it is too early."""
    since: date | None = None
    """The day from which the level counts: of a level shift, or the day after the last with anything."""
    months: int = 0
    """Months in which a monthly job was seen that counts here; 0: none."""
    maybe: float = 0.0
    """What may come on top: a job of first or last days that was seen, but in too few months to count on it."""

    @property
    def rest(self) -> float | None:
        """All of it; None where it is too early to say."""
        return None if self.method == "too early" else math.fsum(self.daily)


def days(amounts: Mapping[date, float], first: date, last: date) -> Days:
    """The last HISTORY_DAYS of [first, last]; a day without an amount has 0, and leading ones are no history.

    A feature that began three weeks ago has three weeks of history, however old the ledger.
    """
    begin = max(first, last - (HISTORY_DAYS - 1) * _DAY)
    values = [float(amounts.get(begin + n * _DAY, 0)) for n in range((last - begin).days + 1)]
    start = next((place for place, value in enumerate(values) if value), len(values))
    return Days(tuple(values[start:]), last)


def forecast(held: Days, ahead: Ahead) -> Outlook:
    """What the days ahead will bring, by the rule for so much history.

    Fewer than 14 days: too early. Up to 27: the mean of the same weekdays. From 28: their median over the last four
    weeks. From 56: that, or the same with the drift of the last eight weeks (Theil-Sen on the logarithm of weeks,
    shrunk and damped), whichever was better on the series' own last four weeks. After a level shift only the days
    since count for the level. A series of mostly nothing takes means; one that has ended brings nothing. A monthly
    job on the first or last day of the month counts on its day once it was there in three months.

    Four Mondays of $8, $10, $10 and $90: a Monday to come brings $10.
    """
    count = len(held.amounts)
    if not count:
        return Outlook("nothing", 0, tuple(0.0 for _ in ahead))
    if count < EARLIEST:
        return Outlook("too early", count)
    if ended := _ended(held.amounts):
        return Outlook("ended", count, tuple(0.0 for _ in ahead), held.last - (ended - 1) * _DAY)
    jobs = monthly(held.amounts, held.last)
    plain = jobs.without(held.amounts, held.last)
    method = _chosen(plain)
    since = level_since(plain) if count >= MEDIAN_FROM else 0
    expected = _expected(plain, method, since, _farthest(held.last, ahead))
    daily = [share * (expected[(day - held.last).days - 1] + jobs.on(day)) for day, share in ahead]
    seen = jobs.months if any(jobs.on(day) for day, _ in ahead) else 0
    maybe = math.fsum(share * jobs.perhaps_on(day) for day, share in ahead)
    return Outlook(method, count, tuple(daily), held.first + since * _DAY if since else None, seen, maybe)


def basis(outlook: Outlook) -> str:
    """What an outlook rests on, in words that follow `for the rest of the period`."""
    said = {
        "nothing": "nothing, as so far",
        "too early": f"too early to say, {outlook.history} of {EARLIEST} days of history",
        "ended": f"nothing, as since {outlook.since}",
        "mean": f"the mean of these weekdays, from {min(outlook.history, 2 * MEDIAN_DAYS)} days of history",
        "median": f"usual for these weekdays, from {MEDIAN_DAYS} days of history",
        "drift": f"usual for these weekdays and their drift, from {DRIFT_WEEKS * WEEK} days of history",
    }[outlook.method]
    if outlook.since and outlook.method != "ended":
        said += f", at the level since {outlook.since}"
    return said + (f", and a monthly job seen in {outlook.months} months" if outlook.months else "")


def _farthest(last: date, ahead: Ahead) -> int:
    return max(((day - last).days for day, _ in ahead), default=0)


def _ended(amounts: Sequence[float]) -> int:
    """For how many days there was nothing, where that is no pause as there were before nor a long weekend; else 0.

    At least five days, and more than twice the longest pause: what rests at weekends has ended after 5 days.
    """
    pauses, run = [], 0
    for amount in amounts:
        if amount:
            pauses.append(run)
            run = 0
        else:
            run += 1
    return run if run >= max(ENDED_FROM, 2 * max(pauses, default=0) + 1) else 0


def _chosen(amounts: Sequence[float]) -> Literal["mean", "median", "drift"]:
    """The rule that a series of so many days takes."""
    if len(amounts) < MEDIAN_FROM or _is_sparse(amounts):
        return "mean"
    if len(amounts) < CHOICE_FROM or level_since(amounts):
        return "median"
    errors = {"median": 0.0, "drift": 0.0}
    for back in range(WEEK, MEDIAN_DAYS + 1, WEEK):
        held, actual = amounts[:-back], math.fsum(amounts[-back:])
        for method in errors:
            told = math.fsum(_expected(held, method, 0, back))
            errors[method] += abs(told - actual) / math.sqrt(back)
    return "drift" if errors["drift"] < WORTH * errors["median"] else "median"


def _is_sparse(amounts: Sequence[float]) -> bool:
    """Whether days of nothing are common on weekdays that have something."""
    recent = amounts[-DRIFT_WEEKS * WEEK :]
    weekdays = [recent[place::WEEK] for place in range(WEEK)]
    own = [amount for weekday in weekdays if any(weekday) for amount in weekday]
    return sum(not amount for amount in own) > SPARSE * len(own)


def _expected(amounts: Sequence[float], method: str, since: int, count: int) -> list[float]:
    """The next `count` days. `since`: the place from which days count for the level; 0: all do."""
    base = _weekdays(amounts, method, since)
    weekly = _drift(amounts) if method == "drift" else 0.0
    # The middle of the last four weeks lies two weeks back: so far the drift counts in full.
    return [base[k % WEEK] * math.exp(weekly * (2 + _damped((k + 1) / WEEK))) for k in range(count)]


def _weekdays(amounts: Sequence[float], method: str, since: int) -> list[float]:
    """What each of the next seven days brings at the present level."""
    middle = fmean if method == "mean" else median
    recent = amounts[-MEDIAN_DAYS:] if method != "mean" else amounts[-MEDIAN_DAYS * 2 :]
    if not since:
        return [middle(recent[-WEEK + k :: -WEEK]) for k in range(WEEK)]
    return _at_level(amounts, since)


def _at_level(amounts: Sequence[float], since: int) -> list[float]:
    """The shape of the week from the days before and after a shift, at the level of the days since."""
    after = amounts[since:]
    if len(after) >= 3 * WEEK:
        return [median(after[-WEEK + k :: -WEEK]) for k in range(WEEK)]
    whole = amounts[max(since - MEDIAN_DAYS, 0) : since]
    before = [median(whole[(len(amounts) + k - since) % WEEK - WEEK :: -WEEK]) for k in range(WEEK)]
    shape = [value / (fmean(before) or 1.0) for value in before]
    own = [shape[(place - len(amounts)) % WEEK] for place in range(since, len(amounts))]
    if math.fsum(own) <= 0:
        return [fmean(after)] * WEEK
    ratios = [amount / part for amount, part in zip(after, own, strict=True) if part > 0.05]
    return [part * (median(ratios) if ratios else fmean(after)) for part in shape]


def _drift(amounts: Sequence[float]) -> float:
    """The growth a week of the last eight weeks, on the log scale: the median of the slopes of all pairs, shrunk."""
    weeks = [math.fsum(amounts[end - WEEK : end or None]) for end in _week_ends(len(amounts))]
    if min(weeks) <= 0:
        return 0.0
    logs = [math.log(week) for week in weeks]
    slopes = [(logs[b] - logs[a]) / (b - a) for a, b in combinations(range(len(logs)), 2)]
    return SHRUNK * median(slopes)


def _week_ends(count: int) -> list[int]:
    number = min(DRIFT_WEEKS, count // WEEK)
    return [count - WEEK * back for back in range(number - 1, -1, -1)]


def _damped(weeks: float) -> float:
    """How many weeks ahead count: each a little less than the one before."""
    return float((1 - DAMPED**weeks) / (1 - DAMPED))
