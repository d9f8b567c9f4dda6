"""The laws of an explanation, over random ledgers (issue 5, Must show 3)."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from math import factorial, prod
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.causes.random_cells import cells, of_seed, swapped

from whyspend.causes.cells import Cells
from whyspend.causes.decompose import Changes, decompose
from whyspend.causes.drivers import FACTORS
from whyspend.causes.shapley import shares

SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Drawn bit by bit, so that a failure is shrunk to the smallest ledger that shows it."""

MANY = settings(max_examples=10_000, deadline=None)
"""Each law, of ten thousand ledgers (issue 5, Must show 3)."""


def cost(asked: Cells) -> tuple[int, int]:
    return sum(leaf.cost[0] for leaf in asked.usage), sum(leaf.cost[1] for leaf in asked.usage)


def by_owner(changes: Changes) -> dict[str | None, int]:
    sums: dict[str | None, int] = {}
    for leaf in changes.leaves:
        owner = changes.cells.calls[leaf.at].place[0]
        sums[owner] = sums.get(owner, 0) + sum(leaf.amounts.values())
    return {owner: amount for owner, amount in sums.items() if amount}


def the_product_of_each_leafs_factors_is_its_cost(asked: Cells, changes: Changes) -> None:
    for products, window in zip(changes.factors, (0, 1), strict=True):
        costs = [leaf.cost[window] * 1e-24 for leaf in changes.usage]
        assert np.prod(products, axis=1) == pytest.approx(costs, rel=1e-9, abs=1e-18)


def the_drivers_add_up_to_the_change_exactly(asked: Cells, changes: Changes) -> None:
    before, after = cost(asked)
    assert (changes.before, changes.after) == (before, after)
    assert sum(changes.drivers().values()) == after - before
    for leaf in changes.leaves:
        assert sum(leaf.amounts.values()) == leaf.after - leaf.before


def each_owners_parts_add_up_to_its_own_change(asked: Cells, changes: Changes) -> None:
    expected: dict[str | None, int] = {}
    for leaf in asked.usage:
        owner = asked.calls[leaf.at].place[0]
        expected[owner] = expected.get(owner, 0) + leaf.cost[1] - leaf.cost[0]
    assert by_owner(changes) == {owner: amount for owner, amount in expected.items() if amount}


def swapping_the_windows_flips_every_sign(asked: Cells, changes: Changes) -> None:
    forth, back = changes.drivers(), decompose(swapped(asked)).drivers()
    turned = {"new_feature": "retired_feature", "retired_feature": "new_feature"}
    assert {turned.get(driver, driver): -amount for driver, amount in back.items() if amount} == {
        driver: amount for driver, amount in forth.items() if amount
    }


def the_order_of_rows_and_dimensions_is_irrelevant(asked: Cells, changes: Changes) -> None:
    random = Random(1)
    order = list(range(len(asked.calls)))
    random.shuffle(order)
    usage = [leaf._replace(at=order.index(leaf.at)) for leaf in asked.usage]
    random.shuffle(usage)
    rows = [row._replace(place=(row.place[0], *reversed(row.place[1:]))) for row in asked.calls]
    other = Cells(("feature", "tier", "env"), asked.days, [rows[at] for at in order], usage, asked.busyness)
    one, two = changes.drivers(), decompose(other).drivers()
    whole = sum(cost(asked)) or 1
    for driver in one.keys() | two.keys():
        assert abs(one.get(driver, 0) - two.get(driver, 0)) <= whole * 1e-12


LAWS = (
    the_product_of_each_leafs_factors_is_its_cost,
    the_drivers_add_up_to_the_change_exactly,
    each_owners_parts_add_up_to_its_own_change,
    swapping_the_windows_flips_every_sign,
    the_order_of_rows_and_dimensions_is_irrelevant,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@SOME
@given(asked=cells())
def test_a_law_holds_for_drawn_ledgers(law: Callable[[Cells, Changes], None], asked: Cells) -> None:
    law(asked, decompose(asked))


@pytest.mark.slow
@pytest.mark.timeout(900)
@MANY
@given(seed=st.integers(0, 2**64))
def test_every_law_holds_for_ten_thousand_random_ledgers(seed: int) -> None:
    asked = of_seed(seed)
    changes = decompose(asked)
    for law in LAWS:
        law(asked, changes)


def test_random_ledgers_have_all_that_is_hard() -> None:
    drivers: set[str] = set()
    for seed in range(300):
        drivers |= decompose(of_seed(seed)).drivers().keys()
    assert drivers == {
        "new_feature", "retired_feature", "calendar", "requests", "calls_per_request", "retries", "prompt_size",
        "output_length", "reasoning", "cache_share", "model_switch", "long_context", "service_tier", "list_price",
        "discount", "retagged", "newly_priced", "sampling", "other",
    }  # fmt: skip


def brute_force(before: list[Fraction], after: list[Fraction]) -> list[Fraction]:
    """The Shapley values of a product by their definition: over all coalitions of factors that have changed."""
    count = len(before)
    values = []
    for own in range(count):
        others = [at for at in range(count) if at != own]
        value = Fraction(0)
        for size in range(count):
            weight = Fraction(factorial(size) * factorial(count - size - 1), factorial(count))
            for changed in combinations(others, size):
                product = prod((after if at in changed else before)[at] for at in others)
                value += weight * product * (after[own] - before[own])
        values.append(value)
    return values


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_shares_are_the_shapley_values_of_the_definition(pairs: list[tuple[int, int]]) -> None:
    before, after = [Fraction(a) for a, _ in pairs], [Fraction(b) for _, b in pairs]
    expected = list(map(float, brute_force(before, after)))
    found = shares(np.array([before], float), np.array([after], float))[0]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-6)


@given(st.permutations(range(6)))
def test_shares_do_not_depend_on_the_order_of_the_factors(order: list[int]) -> None:
    before = np.array([[1.0, 0.0, 3.0, 0.25, 7.0, 2.0]])
    after = np.array([[2.0, 5.0, 0.0, 0.5, 7.0, 1.0]])
    found = shares(before, after)[0][order]
    assert shares(before[:, order], after[:, order])[0] == pytest.approx(found, rel=1e-12)


def test_a_product_of_fifteen_factors_has_no_residual() -> None:
    random = np.random.default_rng(5)
    before, after = random.uniform(0, 3, (500, len(FACTORS))), random.uniform(0, 3, (500, len(FACTORS)))
    before[random.random(before.shape) < 0.05] = 0
    change = after.prod(axis=1) - before.prod(axis=1)
    size = np.abs(shares(before, after)).sum(axis=1)
    assert np.abs(shares(before, after).sum(axis=1) - change).max() <= 1e-13 * size.max()
