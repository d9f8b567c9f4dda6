"""Since when a cause acts, how sure that is, and what lines up with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Literal

from whyspend.causes.decompose import Changes
from whyspend.causes.moments import Step, between, refined, step
from whyspend.causes.quantities import Quantity, quantity, whole_places
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.measuring import Measured, is_contrary

DAY, HOUR = 86_400_000_000, 3_600_000_000
"""Microseconds."""

Match = Literal["confirmed", "likely", "nothing lines up", ""]

WEEKS_TO_KNOW_WEEKDAYS = 2

TRIFLE = 0.05
"""Of the level before: what moved by less is within what any product does by itself, however steady its days."""

BUSTLE = 0.1
"""How much of the requests (and so of a model's) come and go by themselves between windows: people, not code."""

LIKELY_WITHIN = DAY
"""What was first seen no further than this from the moment may have to do with it; ..."""

KNOWN_BEFORE = 9 * DAY
"""What was seen within so long before was there already: a job that runs once a week is seen once."""

CONFIRMED_WITHIN = 2 * HOUR
"""... and within this it has: the first call of a release comes a little after its roll-out."""


@dataclass(frozen=True)
class Moment:
    """Since when, and why then."""

    since: datetime | None
    """UTC; None: no one moment stands out."""
    to_the_hour: bool = False
    match: Match = ""
    """Whether something lines up with it; empty where there is no moment."""
    event: str = ""
    """What does, in words: `release 2.14.0`."""
    between: tuple[datetime, datetime] | None = None
    """Where the moment lies in days that neither window has: from when to when, UTC."""


@dataclass(frozen=True)
class Course:
    """How the quantity of a cause went, day by day."""

    asked: Quantity | None
    """None: the driver is no quantity of calls, and is never chance."""
    days: "Points | None" = None
    best: Step | None = None
    """The one step that fits best."""
    is_normal: bool = False
    """Whether the windows differ by no more than the days do by themselves."""


def course(comparison: Any, cause: Cause, found: Measured) -> Course:
    """How the quantity of a cause went: from what is kept, no call is read again."""
    asked = quantity(cause.driver, found.focus)
    if asked is None or cause.driver == "discount":
        return Course(None)
    days = Points.read(comparison.series, cause, asked)
    parts, wholes = days.ratios(asked)
    best, edge = step(parts, wholes), between(parts, wholes, days.edge(comparison))
    least = _least(cause, found)
    if is_contrary(cause, found):
        # Whatever moved the whole, it was not this; of a rest without its dearest parts nobody can tell.
        is_steady = edge is not None and not edge.stands_out(least)
        return Course(asked, days, None, is_steady or not cause.is_elsewhere)
    stands_out = best is not None and best.is_clear(least) and _explains(best, found)
    is_chance = edge is not None and not edge.stands_out(least) and not stands_out
    is_trifle = None not in (found.before, found.after) and abs(_moved(found)) < least
    return Course(asked, days, best, is_chance or is_trifle)


def _least(cause: Cause, found: Measured) -> float:
    """What the quantity must move by for anybody to have done something.

    5 % of 5,000 tokens is 250. Of a share that of its smaller side: cache hits of 90 % are misses of 10 %, so 0.5 %.
    """
    before = abs(found.before or 0.0)
    if found.unit == "share" and before < 1:
        before = min(before, 1 - before)
    return before * (BUSTLE if cause.driver in ("requests", "model_switch") else TRIFLE)


def moment(comparison: Any, changes: Changes, cause: Cause, found: Measured, went: Course) -> Moment:
    """Since when a cause acts."""
    if cause.driver == "list_price":
        return _of_price(comparison, changes, cause, found)
    if cause.driver == "new_feature":
        return _first_seen(comparison, cause)
    if went.asked is None or went.days is None or went.best is None:
        return Moment(None)
    if not went.best.is_clear(_least(cause, found)) or not _explains(went.best, found):
        return Moment(None)
    if gap := went.days.gap_before(went.best.at, went.asked):
        return _lined_up(comparison, cause, _in_gap(comparison, cause, went.asked, went.best, gap))
    return _lined_up(comparison, cause, _to_the_hour(comparison, cause, went.asked, went.days, went.best))


def _of_price(comparison: Any, changes: Changes, cause: Cause, found: Measured) -> Moment:
    """The price book says when: the change of the model and kind that moved most."""
    models = {changes.cells.calls[changes.leaves[at].at].model for at in cause.leaves}
    known = [
        each
        for each in comparison.price_changes()
        if each.model in models
        and each.kind == found.focus
        and (not found.other or each.model == found.other)
    ]
    if not known:
        return Moment(None)
    rising = (found.after or 0) > (found.before or 0)
    # Of several changes in the span the last in the direction of the whole.
    told = [each for each in known if each.old is not None and each.new is not None]
    fitting = [each for each in told if (each.new > each.old) is rising] or known
    at = datetime.fromtimestamp(fitting[-1].at / 1_000_000, UTC)
    return Moment(at, fitting[-1].at % DAY != 0, "confirmed", "price book")


def _first_seen(comparison: Any, cause: Cause) -> Moment:
    """The first hour with a call, in the days between the windows or in the later one."""
    for series in (comparison.in_between, comparison.series):
        if called := _called(series(cause.segment, names=("calls",))):
            hours = series(
                cause.segment, hours=True, between=(called[0], called[0] + DAY + HOUR), names=("calls",)
            )
            first = _called(hours)
            # Where no hours are kept the day is known.
            at = Moment(_instant(first[0]), True) if first else Moment(_instant(called[0]))
            return _lined_up(comparison, cause, at)
    return Moment(None)


def _called(found: Any) -> list[int]:
    """When there were calls; nothing of no series."""
    if not found or not found.times:
        return []
    return [at for at, calls in zip(found.times, found.amounts["calls"], strict=True) if calls]


def _moved(found: Measured) -> float:
    return (found.after or 0.0) - (found.before or 0.0)


def _explains(best: Step, found: Measured) -> bool:
    """Whether the step goes the way of the change between the windows."""
    return None in (found.before, found.after) or (best.after - best.before) * _moved(found) > 0


@dataclass(frozen=True)
class Points:
    """The figures of a cause's calls over time."""

    times: Sequence[int]
    """Microseconds UTC."""
    amounts: Mapping[str, Sequence[float]]

    @classmethod
    def read(
        cls, series: Callable[..., Any], cause: Cause, asked: Quantity, hours: tuple[int, int] | None = None
    ) -> "Points":
        """By day, or by hour of [from, to), microseconds UTC; `series` is that of a comparison, or its in_between."""
        names = {*asked.reads, "calls", "requests"} if asked.per_request else set(asked.reads)
        how: dict[str, Any] = {"names": sorted(names), **({"hours": True, "between": hours} if hours else {})}
        found = series(cause.segment, **how)
        amounts: dict[str, Sequence[float]] = dict(found.amounts)
        places = whole_places(cause.segment)
        if asked.per_request and places != cause.segment:
            begun = series(places, **how)
            requests = dict(zip(begun.times, begun.amounts.get("requests", []), strict=False))
            amounts["requests"] = [requests.get(at, 0) for at in found.times]
        if asked.per_request and not any(amounts.get("requests", [])):
            amounts["requests"] = amounts.get("calls", [])
        amounts["days"] = [1 / 24 if hours else 1] * len(found.times)
        return cls(found.times, amounts)

    def ratios(self, asked: Quantity) -> tuple[list[float], list[float]]:
        """Numerator and denominator of each point."""
        points = [
            {name: values[at] for name, values in self.amounts.items() if at < len(values)}
            for at in range(len(self.times))
        ]
        parts, wholes = [asked.part(point) for point in points], [asked.whole(point) for point in points]
        return (self._without_weekdays(parts) if asked.unit == "requests/day" else parts), wholes

    def _without_weekdays(self, parts: list[float]) -> list[float]:
        """Requests as on an average day of the week, where two weeks or more tell what that is.

        A day is compared with the seven around it, not with all days: of days that are half at an old level and half
        at a new one the median Tuesday may be of the old and the median Wednesday of the new.
        """
        if len(parts) < 7 * WEEKS_TO_KNOW_WEEKDAYS or len(self.times) != len(parts):
            return parts
        of = [at // DAY % 7 for at in self.times]
        first = [min(max(at - 3, 0), len(parts) - 7) for at in range(len(parts))]
        around = [sum(parts[start : start + 7]) / 7 for start in first]
        each = list(zip(parts, around, of, strict=True))
        usual = [
            median([part / week for part, week, day in each if day == own and week] or [0])
            for own in range(7)
        ]
        if not all(usual):
            return parts
        middle = sum(usual) / 7
        return [part * middle / usual[day] for part, day in zip(parts, of, strict=True)]

    def gap_before(self, at: int, asked: Quantity) -> tuple[datetime, datetime] | None:
        """The days between both windows, where a point is the first with calls after them: nobody sees into these."""
        _, wholes = self.ratios(asked)
        last = max((own for own in range(at) if wholes[own]), default=None)
        if last is None or all(
            self.times[own + 1] - self.times[own] <= DAY + 2 * HOUR for own in range(last, at)
        ):
            return None
        return _instant(self.times[last] + DAY), _instant(self.times[at])

    def edge(self, comparison: Any) -> int:
        """The place of the first point of the window after."""
        start = comparison.after.start.timestamp() * 1_000_000
        return sum(at < start for at in self.times)


def _to_the_hour(comparison: Any, cause: Cause, asked: Quantity, days: Points, best: Step) -> Moment:
    """The moment within the day before and the day of the step."""
    return _hour_of(comparison.series, cause, asked, best, days.times[best.at])


def _hour_of(series: Callable[..., Any], cause: Cause, asked: Quantity, best: Step, day: int) -> Moment:
    at_day = Moment(_instant(day))
    if asked.unit == "requests/day":
        return at_day  # the hours of a day differ by themselves
    hours = Points.read(series, cause, asked, (day - DAY, day + DAY))
    cut = refined(*hours.ratios(asked), best.before, best.after)
    return at_day if cut is None else Moment(_instant(hours.times[cut]), True)


def _in_gap(
    comparison: Any, cause: Cause, asked: Quantity, best: Step, gap: tuple[datetime, datetime]
) -> Moment:
    """The moment of a step within the days between both windows, of which only the levels are known.

    Days that the ledger does not hold say nothing: the moment is only known to lie among them.
    """
    unknown = Moment(None, between=gap)
    days = Points.read(comparison.in_between, cause, asked)
    parts, wholes = days.ratios(asked)
    if not any(
        whole and gap[0] <= _instant(at) < gap[1] for at, whole in zip(days.times, wholes, strict=True)
    ):
        return unknown
    cut = refined(parts, wholes, best.before, best.after)
    return unknown if cut is None else _hour_of(comparison.in_between, cause, asked, best, days.times[cut])


def _lined_up(comparison: Any, cause: Cause, at: Moment) -> Moment:
    """What else changed at that moment: a release, a prompt version, a model."""
    if at.since is None:
        return at
    moment = round(at.since.timestamp()) * 1_000_000
    near = [
        (abs(_instant(event.first) - at.since), event)
        for event in comparison.events(cause.segment, between=(moment - KNOWN_BEFORE, moment + 2 * DAY))
        if event.first is not None and event.name not in cause.segment and not _is_itself(event, cause)
    ]
    if not at.to_the_hour:
        # Only the day is known: what began within it may be what it was.
        near = [(timedelta(0) if _is_on(event, at.since) else off, event) for off, event in near]
    if not near:
        return replace(at, match="nothing lines up")
    off, event = min(near, key=lambda each: (each[0], _RANK.get(each[1].name, 1), each[1].name))
    name = event.name.removeprefix("metadata ").replace("_", " ")
    said = f"{name} {comparison.label(event.name, event.value) if event.name == 'model' else event.value}"
    if at.to_the_hour and off <= timedelta(microseconds=CONFIRMED_WITHIN):
        return replace(at, match="confirmed", event=said)
    if off <= timedelta(microseconds=LIKELY_WITHIN):
        return replace(at, match="likely", event=said)
    return replace(at, match="nothing lines up")


def _is_itself(event: Any, cause: Cause) -> bool:
    """Whether the event is what the cause already says: a switch of the model brings a model."""
    return event.name == "model" and cause.driver == "model_switch"


def _is_on(event: Any, day: datetime) -> bool:
    return day <= _instant(event.first) < day + timedelta(days=1)


_RANK = {"release": 0, "model": 2}
"""Of things that are first seen at the same moment the release is named."""


def _instant(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
