"""When a quantity stepped, and whether it did at all."""

from random import Random

import pytest

from whyspend.causes.moments import between, refined, step

DAYS = 30


def ratios(level: list[float], noise: float, seed: int) -> tuple[list[float], list[float]]:
    """Tokens and calls of each day: so many tokens a call, give or take."""
    random = Random(seed)
    wholes = [float(random.randint(80, 120)) for _ in level]
    return [calls * own * random.gauss(1, noise) for calls, own in zip(wholes, level, strict=True)], wholes


def test_a_step_is_found_on_its_day() -> None:
    found = step(*ratios([5_000.0] * 18 + [9_800.0] * 12, 0.05, seed=1))
    assert found is not None
    assert found.at == 18
    assert found.is_clear()
    assert found.after / found.before == pytest.approx(1.96, rel=0.05)


def test_steady_days_have_no_clear_step_in_nearly_all_worlds() -> None:
    clear = sum(
        1 for seed in range(300) if (found := step(*ratios([5_000.0] * DAYS, 0.1, seed))) and found.is_clear()
    )
    assert clear <= 6


def test_a_slow_drift_is_no_step_in_nearly_all_worlds() -> None:
    clear = 0
    for seed in range(200):
        random, level, levels = Random(seed), 5_000.0, []
        for _ in range(60):
            level *= random.gauss(1.0, 0.005)
            levels.append(level)
        found = step(*ratios(levels, 0.02, seed))
        clear += found is not None and found.is_clear(0.05 * found.before)
    assert clear <= 10


def test_days_without_calls_know_nothing() -> None:
    parts, wholes = ratios([1.0] * 10 + [2.0] * 10, 0.02, seed=5)
    for at in (3, 9, 10, 11, 15):
        parts[at] = wholes[at] = 0.0
    found = step(parts, wholes)
    assert found is not None
    assert found.at == 12


def test_three_points_are_too_few() -> None:
    assert step([1, 1, 9], [1, 1, 1]) is None


def test_a_level_that_never_moves_has_no_step() -> None:
    found = step([5.0] * 20, [1.0] * 20)
    assert found is None or not found.is_clear()


def test_two_windows_that_differ_by_chance_only_do_not_stand_out() -> None:
    found = between(*ratios([100.0] * 14, 0.1, seed=8), 7)
    assert found is not None
    assert not found.stands_out()


def test_the_hour_of_a_step_is_where_most_calls_agree() -> None:
    hours = [0.0] * 6 + [2, 4, 8, 10, 12, 12, 9, 4] + [0.0] * 4
    tokens = [calls * (5.0 if at < 10 else 10.0) for at, calls in enumerate(hours)]
    assert refined(tokens, hours, before=5, after=10) == 10


def test_quiet_hours_before_the_new_level_do_not_move_its_hour() -> None:
    assert refined([10, 0, 0, 40], [2, 0, 0, 4], before=5, after=10) == 3


def test_hours_that_all_lie_at_the_old_level_have_no_moment() -> None:
    assert refined([10, 10], [2, 2], before=5, after=10) is None
