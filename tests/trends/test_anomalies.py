"""The rules for what is out of the ordinary, on series that say what should be found."""

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyspend.trends.anomalies import Found, anomalies, dear_hour, expected, gate, week_score

WEEK = (20.0, 22.0, 24.0, 22.0, 20.0, 8.0, 6.0)


def steady(days: int, seed: int = 1, noise: float = 0.08) -> list[float]:
    """Weeks of the same shape, with a little noise."""
    rng = Random(seed)
    return [WEEK[day % 7] * math.exp(rng.gauss(0, noise)) for day in range(days)]


def found(
    series: Sequence[float], floor: float = 5.0, since: int = 0, whole: int | None = None
) -> list[Found]:
    return list(anomalies(series, floor, since=since, whole=whole))


def test_a_quiet_series_is_silent() -> None:
    assert found(steady(200)) == []


def test_a_day_of_three_times_the_usual_is_a_spike_of_one_day() -> None:
    series = steady(60)
    series[50] *= 3
    (one,) = found(series)
    assert (one.kind, one.first, one.last) == ("spike", 50, 50)
    assert one.expected[0] == pytest.approx(WEEK[50 % 7], rel=0.15)


def test_a_weekend_is_held_against_weekends() -> None:
    series = steady(62)
    series[61] = 21.0  # a Saturday that costs what a Monday does
    assert [one.first for one in found(series)] == [61]


def test_a_level_that_stays_is_told_once_and_then_the_normal_one() -> None:
    series = steady(40) + [2 * amount for amount in steady(75, seed=2)[5:]]
    (one,) = found(series)
    assert (one.kind, one.first, one.last) == ("shift", 40, 46)
    assert sum(one.expected) == pytest.approx(sum(WEEK), rel=0.2)


def test_what_goes_on_is_told_from_its_first_day_on_with_all_days_until_now() -> None:
    series = steady(40) + [2 * amount for amount in steady(75, seed=2)[5:]]
    for today in range(42, 47):
        (one,) = found(series[:today], since=today - 1)
        assert (one.first, one.last) == (40, today - 1)


def test_slow_growth_that_no_day_shows_is_a_dear_week() -> None:
    series = steady(110, noise=0.12)
    slow = [amount * (1 + 0.05 * max(0, min(day - 80, 12))) for day, amount in enumerate(series)]
    told = found(slow, floor=1.0)
    assert told
    assert all(one.kind == "shift" for one in told)
    assert week_score(slow[:96]) > week_score(series[:96])


def test_the_dollar_gate_keeps_small_spikes_quiet() -> None:
    series = [amount / 10 for amount in steady(60)]
    series[50] *= 3
    assert found(series) == []
    assert found(series, floor=1.0) != []


def test_the_gate_is_the_floor_or_two_percent_of_all_spend() -> None:
    assert gate(5.0, [100.0] * 30) == 5.0
    assert gate(5.0, [1000.0] * 30) == 20.0
    assert gate(5.0, []) == 5.0


def test_with_less_than_a_week_nothing_is_said_and_with_less_than_two_the_mean_speaks() -> None:
    assert expected([10.0] * 6) is None
    assert found([10.0] * 6 + [500.0]) == []
    assert found([10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 40.0])[0].first == 7
    assert found([10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 10.0, 13.0], floor=1.0) == []


def test_what_stopped_is_told_after_two_whole_days_and_never_on_today() -> None:
    series = [*steady(42), 0.0, 0.1, 0.0]
    assert found(series[:43]) == []
    assert found(series[:44], whole=43) == []
    (one,) = found(series[:44], whole=44)
    assert (one.kind, one.first, one.last) == ("drop", 42, 43)
    (one,) = found(series, whole=44)  # the third day is not over
    assert one.last == 43


def test_a_weekend_without_spend_is_no_drop() -> None:
    series = [0.0 if day % 7 >= 5 else 20.0 for day in range(70)]
    assert found(series) == []


def test_half_of_the_usual_is_no_drop() -> None:
    assert found(steady(42) + [amount / 2 for amount in steady(49, seed=3)[42:]]) == []


def test_a_new_series_of_nothing_is_silent() -> None:
    assert found([0.0] * 60) == []
    assert found([]) == []


def test_the_same_hour_of_other_days_says_what_an_hour_should_cost() -> None:
    history = [2.0, 2.2, 1.9, 2.1] * 7
    assert dear_hour(history, 30.0, 5.0) is not None
    assert dear_hour(history, 6.0, 5.0) is None  # it is not off by the floor
    assert dear_hour(history[:13], 30.0, 5.0) is None
    assert dear_hour([0.0] * 20 + history[:8], 30.0, 5.0) is None  # an hour that is mostly free


@given(
    st.lists(st.floats(0, 1e6), max_size=150),
    st.floats(0, 100),
    st.integers(0, 150),
)
def test_whatever_the_series_what_is_told_lies_within_it_and_apart(
    series: list[float], floor: float, since: int
) -> None:
    told = found(series, floor, since=since)
    for one in told:
        assert 0 <= one.first <= one.last < len(series)
        assert one.last >= since
        assert len(one.expected) == one.last - one.first + 1
        assert all(math.isfinite(usual) for usual in one.expected)
    assert all(a.last < b.first or b.kind == "shift" for a, b in pairwise(told))
