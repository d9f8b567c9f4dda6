"""What is out of the ordinary in a series of amounts: two rules for what is too much, one for what stopped.

`spike`, on the log scale: the factor of each weekday is taken out (from two weeks on), the level is the median of the
last 7 days and a third of what yesterday was off it, the scale is the root mean square of the steps from there to the
day after. RMS and not MAD: at equal false alarms it finds more. `week7`: the last 7 days together against the mean of
the 4 weeks before, on the scale that this ratio had. It sees what grows too slowly for a single day.

The thresholds were set on made-up spend and judged on other (bench/detection.py): about one false alarm a series and
year together, before the gate of dollars.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Literal

THRESHOLD = 3.25
"""Scales above the level from which a day is a spike."""

PAIR = 0.95
"""Of the way to the threshold: two days running beyond this are out of the ordinary too."""

WEEK_THRESHOLD = 6.0
"""Scales above the 4 weeks before from which a week is too dear."""

FEWEST_DAYS, WEEKDAY_DAYS = 7, 14
"""Days of history below which nothing is said, and from which weekdays are told apart."""

HISTORY_DAYS = 120
"""Days before a day that its expectation rests on, at most."""

SMALLEST_SCALE = 0.12
"""A series that never moved has a scale of 0, and any cent would be a spike: so a day is none below 1.45 times the
usual. In calm series that costs nothing but false alarms; the threshold can be lower for restless ones."""

SMALLEST_WEEK_SCALE = 0.05
"""The same of a week, which is told from 1.35 times the usual on at the earliest."""

SMALLEST_PART = 0.02
"""Of all that is usually spent in a day: less is no news, however unusual."""

PAR_DAYS = 7
"""Days whose median is the level; so after 4 of them a new level is the normal one."""

CARRIED, MOST_CARRIED = 0.3, math.log(1.5)
"""How much of what a day was off the level the next one is too, and what counts of a day at most: a spike says little
of the day after. Of 0, 0.2, 0.3 and 0.4 it left the smallest steps but one, on made-up spend and on NN5."""

QUIET_DAYS = 7
"""So long nothing else is said of a series; what lasts longer is the new normal."""

STOPPED = 0.1
"""Of what was expected: a series that costs less on two whole days has stopped."""

WEEKS_BEFORE = 4
WEEK_AGAIN_DAYS = 21
"""A dear week is told when it becomes one: not while the weeks it is held against catch up."""

HOUR_DAYS = 28
"""Days before, at most, with whose same hours an hour is compared; 14 at least."""

HOUR_PART = 2.0
"""Of the way to the threshold that an hour must go: there are 24 of them in a day."""

Kind = Literal["spike", "shift", "drop"]


@dataclass(frozen=True)
class Expected:
    """What a day was expected to cost, and from where on it is a spike. Dollars; estimates, so floats."""

    usual: float
    highest: float

    def bar(self, part: float) -> float:
        """What lies so far on the way from the usual to the highest, on the log scale, as the highest was found."""
        return self.usual * (self.highest / self.usual) ** part if self.usual else 0.0


@dataclass(frozen=True)
class Found:
    """Some days of a series that are out of the ordinary: [first, last], places in the series."""

    kind: Kind
    """`spike`: one or two days. `shift`: longer, or a week that is too dear as a whole. `drop`: it stopped."""
    first: int
    last: int
    expected: tuple[float, ...]
    """Of each of these days, from the days before the first alone."""


def gate(floor: float, total: Sequence[float]) -> float:
    """The excess in a day below which nothing is news: the floor, or 2 % of what all series together cost a day.

    Args:
        floor: dollars.
        total: dollars a day of all series together, the last 28 days of it count.
    """
    recent = total[-28:]
    return max(floor, SMALLEST_PART * fmean(recent)) if recent else floor


def expected(history: Sequence[float]) -> Expected | None:
    """What the day after a history of whole days should cost; None with less than a week.

    With 1 to 2 weeks of history it is the mean, and the mean and 3 standard deviations.

    Args:
        history: dollars a day without gaps, the oldest first; the day in question follows the last.
    """
    days = expected_days(history, 1)
    return days[0] if days else None


def expected_days(history: Sequence[float], days: int) -> list[Expected]:
    """The same of several days after a history; none with less than a week."""
    history = history[-HISTORY_DAYS:]
    if len(history) < FEWEST_DAYS:
        return []
    if len(history) < WEEKDAY_DAYS:
        usual = fmean(history)
        return [Expected(usual, usual + 3 * max(pstdev(history), SMALLEST_SCALE * usual))] * days
    # Days of nothing have no logarithm: 1 % of an average day stands for them.
    least = max(0.01 * fmean(history), 1e-9)
    logs = [math.log(max(amount, least)) for amount in history]
    factors = _weekday_factors(logs)
    plain = [value - factors[place % 7] for place, value in enumerate(logs)]
    levels = [_middle(plain[at - PAR_DAYS : at]) for at in range(PAR_DAYS, len(plain) + 1)]
    off = [_carried(value - level) for value, level in zip(plain[PAR_DAYS:], levels, strict=False)]
    steps = [
        value - level - before
        for value, level, before in zip(plain[PAR_DAYS:], levels, [0.0, *off], strict=False)
    ]
    scale = max(math.sqrt(fmean(step * step for step in steps)), SMALLEST_SCALE)
    logs_ahead = [
        levels[-1] + factors[(len(history) + ahead) % 7] + off[-1] * CARRIED**ahead for ahead in range(days)
    ]
    return [Expected(math.exp(value), math.exp(value + THRESHOLD * scale)) for value in logs_ahead]


def _carried(off: float) -> float:
    return CARRIED * max(-MOST_CARRIED, min(off, MOST_CARRIED))


def dear_hour(history: Sequence[float], spent: float, floor: float) -> Expected | None:
    """What an hour should have cost, where it cost far more; None where it did not, or where nobody can know.

    Args:
        history: dollars in the same hour of the days before, without gaps, the oldest first. They count from the
            first on that cost anything; with less than 14, or where less than half did, nothing is known.
        spent: dollars.
        floor: dollars that it must be off by.
    """
    begun = next((place for place, amount in enumerate(history) if amount), len(history))
    history = history[begun:][-HOUR_DAYS:]
    if (
        spent < floor
        or len(history) < WEEKDAY_DAYS
        or sum(amount > 0 for amount in history) * 2 < len(history)
    ):
        return None
    found = expected(history)
    return found if found and spent > found.bar(HOUR_PART) and spent - found.usual >= floor else None


def week_score(series: Sequence[float]) -> float:
    """How many scales the last 7 days lie above the 4 weeks before them; 0 with less than 8 weeks of history.

    The scale is the root mean square of the same ratio (its logarithm) at the days before these 7.
    """
    series = series[-HISTORY_DAYS - 7 :]
    if len(series) < 9 * 7:
        return 0.0
    sums = [0.0]
    for amount in series:
        sums.append(sums[-1] + amount)
    weeks = [sums[end] - sums[end - 7] for end in range(7, len(sums))]
    least = max(0.01 * fmean(weeks), 1e-9)
    span = 7 * WEEKS_BEFORE
    ratios = [
        math.log(max(weeks[at], least))
        - math.log(max(fmean(weeks[at - 7 * back] for back in range(1, WEEKS_BEFORE + 1)), least))
        for at in range(span, len(weeks))
    ]
    scale = math.sqrt(fmean(ratio * ratio for ratio in ratios[:-7]))
    return ratios[-1] / max(scale, SMALLEST_WEEK_SCALE)


def anomalies(
    series: Sequence[float], floor: float, *, since: int = 0, whole: int | None = None
) -> Iterator[Found]:
    """Yield what is out of the ordinary, in order, at most one thing in 7 days.

    Args:
        series: dollars a day without gaps, the oldest first, from the first day on that anything is known of it.
        floor: dollars a day that it must be off by (see `gate`).
        since: only what reaches beyond this place is yielded.
        whole: so many of the days are over and known; a fall on others is none.
    """
    ended = len(series) if whole is None else whole
    at = max(FEWEST_DAYS, since - 2 * QUIET_DAYS)
    while at < len(series):
        found = _rise(series, at, floor) or _stop(series, at, floor, ended) or _dear_week(series, at, floor)
        if found is None:
            at += 1
            continue
        if found.last >= since:
            yield found
        # What stopped may come back, and cost too much.
        at = found.last + 1 if found.kind == "drop" else max(found.first + QUIET_DAYS, found.last + 1)


def _rise(series: Sequence[float], at: int, floor: float) -> Found | None:
    """A day that costs far more than it should, or two running, and the days in the week from it on that still do."""
    if series[at] < floor:
        return None
    days = expected_days(series[max(at - HISTORY_DAYS, 0) : at], min(QUIET_DAYS, len(series) - at))
    if not days or not (_are_over(series, at, days, 1, 1.0) or _are_over(series, at, days, 2, PAIR)):
        return None
    if series[at] - days[0].usual < floor:
        return None
    is_high = [series[at + ahead] > day.bar(0.5) for ahead, day in enumerate(days)]
    # It lasts as long as more than two thirds of its days are high; one day of chance neither ends nor extends it.
    last = max(
        ahead
        for ahead, is_so in enumerate(is_high)
        if ahead == 0 or (is_so and sum(is_high[: ahead + 1]) * 3 > (ahead + 1) * 2)
    )
    kind: Kind = "spike" if last < 2 else "shift"
    return Found(kind, at, at + last, tuple(day.usual for day in days[: last + 1]))


def _are_over(series: Sequence[float], at: int, days: Sequence[Expected], count: int, part: float) -> bool:
    """Whether so many days from one on are there, each beyond a part of the way from what is usual to the bar."""
    return len(days) >= count and all(series[at + ahead] > days[ahead].bar(part) for ahead in range(count))


def _stop(series: Sequence[float], at: int, floor: float, ended: int) -> Found | None:
    """Two whole days that cost next to nothing, each where there should have been enough to notice."""
    if at < WEEKDAY_DAYS or at + 1 >= ended:
        return None
    highest = max(series[at - PAR_DAYS : at])
    if highest < floor or series[at] > STOPPED * highest:
        return None
    days = expected_days(series[max(at - HISTORY_DAYS, 0) : at], min(QUIET_DAYS, ended - at))
    stopped = [
        series[at + ahead] <= STOPPED * day.usual and day.usual - series[at + ahead] >= floor
        for ahead, day in enumerate(days)
    ]
    if not all(stopped[:2]):
        return None
    last = max(ahead for ahead, is_so in enumerate(stopped) if is_so)
    return Found("drop", at, at + last, tuple(day.usual for day in days[: last + 1]))


def _dear_week(series: Sequence[float], at: int, floor: float) -> Found | None:
    """The week up to a day, where it has just become too dear."""
    if (
        at < 9 * 7 - 1
        or sum(series[at - 6 : at + 1]) < 7 * floor
        or week_score(series[: at + 1]) <= WEEK_THRESHOLD
    ):
        return None
    if any(week_score(series[: at + 1 - back]) > WEEK_THRESHOLD for back in range(1, WEEK_AGAIN_DAYS + 1)):
        return None
    first = at - 6
    usual = tuple(day.usual for day in expected_days(series[:first], 7))
    if sum(series[first : at + 1]) - sum(usual) < 7 * floor:
        return None
    return Found("shift", first, at, usual)


def _weekday_factors(logs: Sequence[float]) -> list[float]:
    """How far each place of the week is from the middle, on the log scale."""
    middle = _middle(logs)
    return [_middle(logs[place::7]) - middle for place in range(7)]


def _middle(values: Sequence[float]) -> float:
    """The median; a third of the time of statistics.median, which is what these rules are made of."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
