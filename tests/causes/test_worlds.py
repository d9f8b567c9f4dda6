"""The made-up worlds keep their own laws, so that an explanation can be judged by them."""

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from bench.bars import bar_of
from bench.worlds import rivals, short
from bench.worlds.__main__ import table
from bench.worlds.causes import KINDS_OF_CAUSE, apart
from bench.worlds.dollars import Told, right
from bench.worlds.grains import CALL_SITE, FEATURE, Grain, cells_of
from bench.worlds.judge import explained, judged
from bench.worlds.product import FEATURES
from bench.worlds.simulate import blocks, daily_cost, simulate
from bench.worlds.telling import told_lines
from bench.worlds.truth import total, truth_of
from bench.worlds.world import KINDS, World, world
from numpy.typing import NDArray

from whyspend.causes.drivers import DRIVERS

LAST = 1


@pytest.mark.parametrize("drifts", [False, True])
def test_causes_and_drift_add_up_to_the_change_exactly(drifts: bool) -> None:
    for seed in range(4):
        found = truth_of(world(seed, drifts=drifts))
        assert sum((moved.amount for moved in found.moved), found.drifted) == found.change


def test_a_world_that_does_not_drift_moves_by_its_causes_and_calendar_alone() -> None:
    for seed in (2, 3, 5, 8):
        assert truth_of(world(seed, drifts=False)).drifted == 0


def test_what_a_cause_moved_in_each_cell_adds_up_to_what_it_moved() -> None:
    for moved in truth_of(world(5, drifts=True)).moved:
        assert moved.by_cell.sum() == pytest.approx(float(moved.amount) / 1e12)


def test_a_feature_that_is_gone_takes_all_that_moved_in_its_cells_and_nothing_else_moves_it() -> None:
    """In world 1061 summarize retires, and the price of a model that it used falls on the same day."""
    made = world(1061, drifts=False)
    found = truth_of(made)
    owners = np.array([FEATURES[made.product.owner[block.site]] for block in blocks(made)])
    gone, *others = (moved.by_cell for moved in found.moved)
    assert found.moved[0].segment == {"feature": "summarize"}
    assert not any(other[owners == "summarize"].any() for other in others)
    before = found.before.cost[owners == "summarize"].sum()
    assert gone[owners == "summarize"].sum() == pytest.approx(-before / 1e12)
    assert sum((moved.amount for moved in found.moved), found.drifted) == found.change


def test_a_single_cause_moved_the_whole_difference_that_it_makes() -> None:
    seed = next(seed for seed in range(100) if len(world(seed, drifts=True).causes) == 1)
    made = world(seed, drifts=True, lengths=(28, 28))
    found = truth_of(made)
    without = simulate(made, LAST)
    assert not made.calendar_moved
    assert found.moved[0].amount == Fraction(total(found.after.cost) - total(without.cost))


def test_the_same_seed_makes_the_same_world_and_drift_changes_no_cause() -> None:
    one, again, drifting = world(7, drifts=False), world(7, drifts=False), world(7, drifts=True)
    assert one.causes == again.causes == drifting.causes
    np.testing.assert_array_equal(simulate(one, 1).cost, simulate(again, 1).cost)
    assert (simulate(one, 0).cost != simulate(drifting, 0).cost).any()


def test_fifteen_worlds_have_all_fifteen_kinds_and_no_two_causes_that_cannot_be_told_apart() -> None:
    worlds = [world(seed, drifts=False) for seed in range(60)]
    assert {made.causes[0].kind for made in worlds[:15]} == set(KINDS)
    assert all(
        apart(one, other, made.product) for made in worlds for one, other in combinations(made.causes, 2)
    )
    assert {len(made.causes) for made in worlds} == {1, 2, 3, 4}
    assert world(3, drifts=True, causes=False).causes == ()


def test_each_kind_of_cause_is_looked_for_under_a_driver_that_an_explanation_has() -> None:
    assert len(KINDS_OF_CAUSE) == 15
    assert {kind.driver for kind in KINDS_OF_CAUSE.values()} <= set(DRIVERS)


def test_a_cause_touches_only_cells_of_its_segment() -> None:
    for seed in range(15):
        made = world(seed, drifts=False, lengths=(28, 28))
        features = {cause.scope.feature for cause in made.causes}
        if None in features:
            continue
        moved = simulate(made, 1, frozenset(range(len(made.causes)))).calls != simulate(made, 1).calls
        touched = {int(made.product.owner[block_site]) for block_site in _sites(made, moved)}
        assert touched <= features


def _sites(made: World, moved: NDArray[np.bool_]) -> set[int]:
    return {block.site for block, row in zip(blocks(made), moved, strict=True) if row.any()}


@pytest.mark.parametrize("grain", [CALL_SITE, FEATURE])
def test_cells_hold_all_calls_and_all_money_at_any_grain(grain: Grain) -> None:
    made = world(11, drifts=True, lengths=(30, 31))
    found = truth_of(made)
    cells = cells_of(made, found.before, found.after, grain)
    for window, sums in enumerate((found.before, found.after)):
        assert sum(row.calls[window] for row in cells.calls) == int(sums.calls.sum())
        assert sum(row.requests[window] for row in cells.calls) == int(sums.requests.sum())
        assert sum(leaf.cost[window] for leaf in cells.usage) == total(sums.cost) * 10**12
    assert cells.days == (30, 31)
    assert len({(row.place, row.site, row.failed, row.model) for row in cells.calls}) == len(cells.calls)


def test_at_feature_grain_nothing_is_said_of_customers_call_sites_and_outcomes() -> None:
    made = world(2, drifts=False)
    found = truth_of(made)
    cells = cells_of(made, found.before, found.after, FEATURE)
    assert cells.dimensions == ("feature",)
    assert {(row.site, row.failed) for row in cells.calls} == {(None, False)}


def test_units_belong_to_calls_and_no_price_is_hidden() -> None:
    made = world(10, drifts=True)
    found = truth_of(made)
    cells = cells_of(made, found.before, found.after, CALL_SITE)
    for leaf in cells.usage:
        for window in (0, 1):
            assert bool(leaf.units[window]) == bool(leaf.cost[window])
            assert not leaf.units[window] or cells.calls[leaf.at].calls[window]


def test_days_add_up_to_their_window() -> None:
    made = world(7, drifts=True)
    everything = frozenset(range(len(made.causes)))
    daily = daily_cost(made, 1, everything)
    assert daily.shape[-1] == 30
    assert (daily >= 0).all()
    assert total(daily) == total(simulate(made, 1, everything).cost)


def test_windows_before_the_last_two_are_history_without_causes() -> None:
    made = world(4, drifts=False, lengths=(28, 28, 28))
    np.testing.assert_array_equal(simulate(made, 0).cost, simulate(made, 1).cost)


FACTORS = np.array([[100.0, 2.0, 5.0], [10.0, 0.0, 4.0]]), np.array([[150.0, 2.0, 4.0], [10.0, 3.0, 4.0]])


def test_sequential_splits_depend_on_their_order() -> None:
    volume = rivals.volume_first(*FACTORS)
    price = rivals.price_first(*FACTORS)
    np.testing.assert_allclose(volume, [[500, 0, -300], [0, 120, 0]])
    np.testing.assert_allclose(price, [[400, 0, -200], [0, 120, 0]])


def test_lmdi_adds_up_and_gives_what_began_from_nothing_to_the_factor_that_did() -> None:
    parts = rivals.lmdi(*FACTORS)
    np.testing.assert_allclose(parts.sum(axis=1), [200, 120])
    np.testing.assert_allclose(parts[1], [0, 120, 0])


def test_the_midpoint_leaves_a_rest_from_three_moving_factors_on() -> None:
    np.testing.assert_allclose(rivals.midpoint(*FACTORS)[0].sum(), 200)
    moved = rivals.midpoint(np.array([[1.0, 1.0, 1.0]]), np.array([[2.0, 2.0, 2.0]]))
    assert moved.sum() == pytest.approx(6.75)  # of a change of 7


def test_dollars_in_the_wrong_place_count_against_an_explanation() -> None:
    assert right([Told("volume", 100.0, 90.0), Told("agent loop", -300.0, -300.0)]) == pytest.approx(0.975)
    assert right([Told("volume", 100.0, 0.0)]) == 0.0


def said(seed: int, *, drifts: bool) -> dict[tuple[str, tuple[tuple[str, str | None], ...]], float]:
    """The lines of a world that are more than chance, in dollars."""
    made = world(seed, drifts=drifts)
    lines = told_lines(made, explained(made, truth_of(made), CALL_SITE))
    return {
        (line.cause.driver, line.cause.terms): line.cause.units / 1e24 for line in lines if not line.is_normal
    }


def test_requests_that_step_between_the_windows_are_not_taken_for_weekdays() -> None:
    """Half of all Mondays are at the old level, half at the new: their median is no Monday's level."""
    assert said(1011, drifts=False)["requests", (("feature", "chat"), ("env", "staging"))] == pytest.approx(
        298, abs=1
    )


def test_a_retired_feature_does_not_speak_against_the_place_of_a_price() -> None:
    assert said(1061, drifts=False)["list_price", (("model", "acme|big"),)] == pytest.approx(-2223, abs=1)


def test_staging_that_came_to_many_times_its_requests_is_not_joined_with_a_little_more_in_the_rest() -> None:
    found = said(1049, drifts=True)
    assert found["requests", (("feature", "triage"), ("env", "staging"))] == pytest.approx(19_709, abs=1)


def test_the_short_form_has_a_bar_for_each_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(short, "WORLDS", 1)
    figures = list(short.measured(0, tmp_path))
    assert len(figures) == 7
    assert all(bar_of(figure.name) for figure in figures)


def test_a_world_is_judged_and_printed() -> None:
    found = judged(1, 8)
    assert 0.5 < found.still["Shapley"].all <= 1
    assert found.lines_still.most <= 6
    assert "dollars on the right driver and segment" in table(found)
