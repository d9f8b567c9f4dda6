"""From what a person types to days, and from days to instants, also where clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whyspend.errors import UsageError
from whyspend.workspace.windows import before, of_days, offsets, window

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
)
zones = st.sampled_from(ZONES)
days = st.dates(date(2011, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        ("", "", "2026-11-15", "2026-11-22"),
        ("7d", "", "2026-11-15", "2026-11-22"),
        ("0d", "", "2026-11-22", "2026-11-22"),
        ("2w", "yesterday", "2026-11-08", "2026-11-21"),
        ("3m", "today", "2026-08-22", "2026-11-22"),
        ("9m", "", "2026-02-22", "2026-11-22"),
        ("2026-11-01", "2026-11-30", "2026-11-01", "2026-11-30"),
        ("", "2026-11-10", "2026-11-03", "2026-11-10"),
        ("yesterday", "1d", "2026-11-21", "2026-11-21"),
    ],
)
def test_what_a_person_types_means_these_days(since: str, until: str, first: str, last: str) -> None:
    found = window(since, until, "UTC", NOW)
    assert (found.since.isoformat(), found.until.isoformat()) == (first, last)


def test_today_is_today_in_the_time_zone() -> None:
    assert window("today", "", "Asia/Kolkata", NOW).since == date(2026, 11, 23)
    assert window("today", "", "America/New_York", NOW).since == date(2026, 11, 22)


def test_a_month_ago_is_at_most_the_last_day_of_that_month() -> None:
    assert window("1m", "", "UTC", datetime(2027, 3, 31, tzinfo=UTC)).since == date(2027, 2, 28)
    assert window("13m", "", "UTC", datetime(2027, 3, 31, tzinfo=UTC)).since == date(2026, 2, 28)


def test_days_have_23_and_25_hours_where_clocks_change() -> None:
    def hours(day: date, zone: str) -> float:
        found = of_days(day, day, zone)
        return (found.end - found.start) / timedelta(hours=1)

    assert hours(date(2026, 3, 29), "Europe/Berlin") == 23
    assert hours(date(2026, 10, 25), "Europe/Berlin") == 25
    assert hours(date(2026, 11, 1), "America/New_York") == 25
    assert hours(date(2026, 4, 5), "Australia/Lord_Howe") == 24.5
    assert hours(date(2026, 4, 24), "Africa/Cairo") == 23  # there is no midnight on that day


@given(days, st.integers(0, 40), zones)
def test_the_window_before_ends_where_the_window_begins(first: date, length: int, zone: str) -> None:
    asked = of_days(first, first + timedelta(length), zone)
    earlier = before(asked)
    assert earlier.end == asked.start
    assert earlier.until - earlier.since == asked.until - asked.since
    assert earlier.timezone == zone


@settings(max_examples=60)
@given(days, st.integers(0, 400), zones, st.integers(0, 10**9))
def test_offsets_are_those_of_the_time_zone_to_the_second(
    first: date, length: int, zone: str, place: int
) -> None:
    asked = of_days(first, first + timedelta(length), zone)
    found = offsets(zone, asked.start, asked.end)
    instants = [asked.start + timedelta(seconds=place % int((asked.end - asked.start).total_seconds()))]
    for changed, _ in found[1:]:
        at = datetime.fromtimestamp(changed // 1_000_000, UTC)
        instants += [at, at - timedelta(seconds=1)]
    for instant in instants:
        micros = int(instant.timestamp()) * 1_000_000
        held = [offset for since, offset in found if since <= micros][-1]
        ahead = instant.astimezone(ZoneInfo(zone)).utcoffset()
        assert ahead is not None
        assert held == int(ahead.total_seconds()) * 1_000_000


@pytest.mark.parametrize("typed", ["soon", "7", "-7d", "7 d", "2026-13-01", "7D", "1e3d", "7d7d"])
def test_another_form_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match=r"--since cannot be"):
        window(typed, "", "UTC", NOW)
