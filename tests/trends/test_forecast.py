"""The rules of a forecast, on series whose answer is known."""

from collections.abc import Callable
from datetime import date, timedelta
from statistics import fmean

import pytest

from whyspend.trends.forecast import Days, basis, days, forecast
from whyspend.trends.intervals import intervals

MONDAY = date(2026, 6, 1)
DAY = timedelta(days=1)


def series(count: int, amount: Callable[[date], float], first: date = MONDAY) -> Days:
    made = {first + n * DAY: amount(first + n * DAY) for n in range(count)}
    return days(made, first, first + (count - 1) * DAY)


def coming(held: Days, count: int) -> list[tuple[date, float]]:
    return [(held.last + n * DAY, 1.0) for n in range(1, count + 1)]


def working(day: date) -> float:
    return 1.0 if day.weekday() > 4 else 10.0


def wobbling(day: date) -> float:
    """Up to 15 % off, without a pattern of the week."""
    return working(day) * (1 + 0.15 * ((day.toordinal() * 7919) % 101 - 50) / 50)


@pytest.mark.parametrize("count", [0, 1, 5, 13])
def test_less_than_two_weeks_is_too_early_and_has_no_number(count: int) -> None:
    held = series(count, working)
    outlook = forecast(held, coming(held, 10))
    if count:
        assert (outlook.method, outlook.rest, outlook.daily) == ("too early", None, ())
    else:
        assert (outlook.method, outlook.rest) == ("nothing", 0)
    assert intervals(held, coming(held, 10), outlook) == ()


@pytest.mark.parametrize(
    ("count", "method"),
    [(14, "mean"), (27, "mean"), (28, "median"), (55, "median"), (60, "median"), (400, "median")],
)
def test_weekdays_are_told_apart_from_two_weeks_on(count: int, method: str) -> None:
    held = series(count, working)
    outlook = forecast(held, coming(held, 14))
    assert outlook.method == method
    assert outlook.rest == pytest.approx(104)  # ten workdays and four days of weekend
    assert bool(intervals(held, coming(held, 14), outlook)) is (count >= 28)


def test_one_dear_day_is_no_reason_to_expect_another() -> None:
    held = series(42, lambda day: 500.0 if day == MONDAY + 37 * DAY else working(day))
    assert forecast(held, coming(held, 7)).rest == pytest.approx(52)


def test_what_is_left_of_today_counts_its_share() -> None:
    held = series(28, working)
    assert forecast(held, [(held.last + DAY, 0.25)]).daily == (2.5,)


def test_steady_growth_is_followed_and_damped() -> None:
    held = series(84, lambda day: wobbling(day) * 1.01 ** (day - MONDAY).days)
    outlook = forecast(held, coming(held, 14))
    assert outlook.method == "drift"
    last = sum(held.amounts[-14:])
    assert last < (outlook.rest or 0) < last * 1.01**14 * 1.02


@pytest.mark.parametrize("after", [5, 9, 16, 24])
@pytest.mark.parametrize("times", [0.4, 2.0, 3.0])
def test_after_a_shift_only_the_days_since_count_for_the_level(after: int, times: float) -> None:
    begins = MONDAY + (84 - after) * DAY
    held = series(84, lambda day: wobbling(day) * (times if day >= begins else 1.0))
    outlook = forecast(held, coming(held, 14))
    assert outlook.since is not None
    assert abs((outlook.since - begins).days) <= 2
    assert outlook.rest == pytest.approx(104 * times, rel=0.15)
    assert f"at the level since {outlook.since}" in basis(outlook)


def test_a_steady_series_has_no_shift() -> None:
    for first in (MONDAY + n * DAY for n in range(0, 280, 7)):
        assert forecast(series(84, wobbling, first), []).since is None


@pytest.mark.parametrize(("is_job", "count"), [("last", 125), ("first", 125), ("last", 60)])
def test_a_monthly_job_counts_once_it_was_there_in_three_months(is_job: str, count: int) -> None:
    def amount(day: date) -> float:
        edge = day.day == 1 if is_job == "first" else (day + DAY).day == 1
        return 80.0 if edge else wobbling(day)

    first = date(2026, 10, 20) - (count - 1) * DAY
    held = series(count, amount, first)
    outlook = forecast(held, coming(held, 14))  # to November 3
    usual = sum(working(day) for day, _ in coming(held, 14))
    if count == 125:
        assert outlook.months >= 3
        assert outlook.rest == pytest.approx(usual + 70, rel=0.1)
        assert "a monthly job seen in" in basis(outlook)
    else:
        assert outlook.months == 0
        assert outlook.rest == pytest.approx(usual, rel=0.1)
        (narrow, _) = intervals(held, coming(held, 14), outlook)
        assert narrow.high > usual + 60  # it was seen twice: it may come again


def test_what_began_lately_has_its_own_history_only() -> None:
    held = series(100, lambda day: 10.0 if day >= MONDAY + 90 * DAY else 0.0)
    outlook = forecast(held, coming(held, 7))
    assert (outlook.method, outlook.history) == ("too early", 10)


@pytest.mark.parametrize(("pause", "method"), [(1, "median"), (4, "median"), (5, "ended"), (20, "ended")])
def test_what_has_ended_brings_nothing(pause: int, method: str) -> None:
    held = series(70, lambda day: wobbling(day) if day < MONDAY + (70 - pause) * DAY else 0.0)
    outlook = forecast(held, coming(held, 7))
    assert outlook.method == method
    if method == "ended":
        assert (outlook.rest, outlook.since) == (0, MONDAY + (70 - pause) * DAY)
        assert intervals(held, coming(held, 7), outlook) == ()


def test_a_pause_at_weekends_is_no_end() -> None:
    held = series(70, lambda day: 0.0 if day.weekday() > 4 else 10.0)
    outlook = forecast(held, coming(held, 7))
    assert (outlook.method, outlook.rest) == ("median", 50)


def test_a_series_of_mostly_nothing_takes_means() -> None:
    held = series(84, lambda day: 30.0 if day.toordinal() % 3 == 0 else 0.0)
    outlook = forecast(held, coming(held, 21))
    assert outlook.method == "mean"
    assert outlook.rest == pytest.approx(210, rel=0.15)


def test_nothing_at_all_stays_nothing() -> None:
    held = series(60, lambda day: 0.0)
    assert (held.amounts, forecast(held, coming(held, 7)).rest) == ((), 0)


def test_refunds_are_amounts_like_any_other() -> None:
    held = series(60, lambda day: -5.0 if day.weekday() == 0 else 10.0)
    outlook = forecast(held, coming(held, 7))
    assert outlook.rest == pytest.approx(55)
    assert all(each.low <= 55 <= each.high for each in intervals(held, coming(held, 7), outlook))
    held = series(60, lambda day: -1.0)
    outlook = forecast(held, coming(held, 7))
    assert outlook.rest == pytest.approx(-7)
    assert all(each.low <= -7 <= each.high for each in intervals(held, coming(held, 7), outlook))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_does_not_matter(scale: float) -> None:
    plain = series(100, wobbling)
    scaled = series(100, lambda day: wobbling(day) * scale)
    one, other = (forecast(held, coming(held, 20)) for held in (plain, scaled))
    assert other.rest == pytest.approx((one.rest or 0) * scale)
    for a, b in zip(
        intervals(plain, coming(plain, 20), one), intervals(scaled, coming(scaled, 20), other), strict=True
    ):
        assert (b.low, b.high) == pytest.approx((a.low * scale, a.high * scale))


def test_the_wider_interval_holds_the_narrower_one_and_both_the_forecast() -> None:
    for count in (28, 40, 56, 70, 100, 126):
        held = series(count, wobbling)
        for length in (1, 5, 15, 30, 90):
            outlook = forecast(held, coming(held, length))
            narrow, wide = intervals(held, coming(held, length), outlook)
            assert 0 <= wide.low <= narrow.low <= (outlook.rest or 0) <= narrow.high <= wide.high


def test_only_the_last_eighteen_weeks_are_looked_at() -> None:
    held = series(400, wobbling)
    assert len(held.amounts) == 126
    assert held.last == MONDAY + 399 * DAY
    assert held.first == held.last - 125 * DAY
    assert fmean(held.amounts) == pytest.approx(
        fmean(map(working, (held.first + n * DAY for n in range(126)))), rel=0.02
    )
