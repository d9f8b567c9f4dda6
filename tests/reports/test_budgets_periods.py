"""Periods against the calendar, where the clock changes and where it does not."""

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyspend.reports.budgets.periods import Span, before, clock, is_period, span, spans

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "UTC",
    "Asia/Kolkata",
    "America/Santiago",
    "Australia/Lord_Howe",
)
DAY = timedelta(days=1)

NIGHTS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 29), (10, 25), (3, 8), (11, 1))]
"""In which clocks change in Berlin and in New York."""
instants = st.one_of(
    st.builds(lambda minutes: NIGHTS[0] + timedelta(minutes=minutes), st.integers(-3_000_000, 2_500_000)),
    st.builds(
        lambda night, minutes: night + timedelta(minutes=minutes),
        st.sampled_from(NIGHTS),
        st.integers(-1800, 1800),
    ),
)
zones = st.sampled_from(ZONES)
calendars = st.sampled_from(("day", "week", "month", "quarter"))


def days_of(period: str, day: date) -> list[date]:
    """The days of the period that a day is in, from the calendar alone."""
    if period == "day":
        return [day]
    if period == "week":
        monday = next(
            d for d in (day - n * DAY for n in range(7)) if calendar.weekday(d.year, d.month, d.day) == 0
        )
        return [monday + n * DAY for n in range(7)]
    first = day.month if period == "month" else {1: 1, 2: 4, 3: 7, 4: 10}[(day.month - 1) // 3 + 1]
    months = [first] if period == "month" else [first, first + 1, first + 2]
    return [date(day.year, m, d) for m in months for d in range(1, calendar.monthrange(day.year, m)[1] + 1)]


@given(instants, zones, calendars)
def test_a_period_is_the_days_of_the_calendar_from_midnight_to_midnight(
    at: datetime, zone: str, period: str
) -> None:
    local = at.astimezone(ZoneInfo(zone)).date()
    days = days_of(period, local)
    found = span(period, zone, at)
    assert (found.since, found.until) == (days[0], days[-1])
    assert found.start <= at < found.end
    # Each instant of it is on one of its days, and those just outside are not.
    for instant, inside in (
        (found.start, True),
        (found.end - timedelta(microseconds=1), True),
        (found.start - timedelta(microseconds=1), False),
        (found.end, False),
    ):
        assert (instant.astimezone(ZoneInfo(zone)).date() in days) is inside


@given(instants, zones, st.sampled_from(("hour", "day", "week", "month", "quarter")))
def test_periods_follow_each_other_without_a_gap_and_have_names_of_their_own(
    at: datetime, zone: str, period: str
) -> None:
    here = span(period, zone, at)
    earlier, later = before(here), span(period, zone, here.end)
    if zone != "Australia/Lord_Howe" or period != "hour":  # its clock moves by half an hour
        assert earlier.end == here.start
    assert len({earlier.name, here.name, later.name}) == 3
    assert span(period, zone, here.start) == here


def hours(found: Span) -> float:
    return (found.end - found.start) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [
        ("Europe/Berlin", date(2026, 3, 29), date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8), date(2026, 11, 1)),
    ],
)
def test_a_day_of_23_hours_is_a_day_and_so_is_one_of_25(zone: str, spring: date, autumn: date) -> None:
    for day, length in ((spring, 23), (autumn, 25), (date(2026, 7, 1), 24)):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone))
        whole = {"week": 7, "month": calendar.monthrange(day.year, day.month)[1], "day": 1}
        for period, days in whole.items():
            assert hours(span(period, zone, noon)) == days * 24 + length - 24


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    first = span("hour", "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    second = span("hour", "Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert first.end == second.start
    assert (first.name, second.name) == ("2026-10-25T02+0200", "2026-10-25T02+0100")


@given(instants, zones)
def test_no_two_minutes_look_alike_on_the_clock(at: datetime, zone: str) -> None:
    minutes = [at + timedelta(minutes=number) for number in range(-120, 121, 10)]
    assert len({clock(minute, zone) for minute in minutes}) == len(minutes)


@given(instants, zones, st.integers(1, 60))
def test_a_rolling_period_ends_with_today_and_keeps_its_name(at: datetime, zone: str, days: int) -> None:
    found = span(f"rolling {days}d", zone, at)
    today = at.astimezone(ZoneInfo(zone)).date()
    assert (found.until, found.since) == (today, today - timedelta(days=days - 1))
    assert found.name == before(found).name == f"rolling {days}d"
    assert before(found).until == today - DAY


@given(instants, st.sampled_from(("Europe/Berlin", "America/New_York")), calendars)
def test_the_periods_of_a_span_of_time_are_each_named_once(at: datetime, zone: str, period: str) -> None:
    found = list(spans(period, zone, at - timedelta(days=100), at))
    assert found[-1].end >= at
    assert all(a.end == b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    "text", ["", "year", "rolling", "rolling 0d", "rolling 30", "rolling 400d", "Day", "day "]
)
def test_what_is_no_period(text: str) -> None:
    assert not is_period(text)
