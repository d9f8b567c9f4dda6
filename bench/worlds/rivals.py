"""Other ways to split the change of a product among its factors, over the same factors."""

from collections.abc import Callable, Mapping

import numpy as np

from bench.worlds.product import Floats

ABSENT = 1e-100
"""What LMDI takes for 0, as its literature (Ang) advises: it has no logarithm."""

Split = Callable[[Floats, Floats], Floats]
"""From the factors before and after, leaves x factors, what each of them moved."""


def volume_first(before: Floats, after: Floats) -> Floats:
    """One factor after the other, in their order: those before are new already, those behind are still old."""
    ones = np.ones((len(before), 1))
    changed = np.hstack([ones, np.cumprod(after, axis=1)[:, :-1]])
    unchanged = np.hstack([np.cumprod(before[:, ::-1], axis=1)[:, ::-1][:, 1:], ones])
    parts: Floats = changed * (after - before) * unchanged
    return parts


def price_first(before: Floats, after: Floats) -> Floats:
    """The same in the opposite order."""
    return volume_first(before[:, ::-1], after[:, ::-1])[:, ::-1]


def lmdi(before: Floats, after: Floats) -> Floats:
    """The logarithmic mean of both costs, times the logarithm of the factor's ratio."""
    old, new = (np.log(np.where(side == 0, ABSENT, side)) for side in (before, after))
    ratio = new - old
    total = ratio.sum(axis=1, keepdims=True)
    cost_before, cost_after = (np.exp(side.sum(axis=1, keepdims=True)) for side in (old, new))
    moved = np.abs(total) > 1e-12
    mean = np.where(moved, (cost_after - cost_before) / np.where(moved, total, 1), cost_before)
    parts: Floats = mean * ratio
    return parts


def midpoint(before: Floats, after: Floats) -> Floats:
    """The change of the factor, times the average of each other one. Does not add up beyond two factors."""
    middle = (before + after) / 2
    columns = range(before.shape[1])
    parts = [(after - before)[:, at] * np.delete(middle, at, axis=1).prod(axis=1) for at in columns]
    return np.column_stack(parts)


RIVALS: Mapping[str, Split] = {
    "LMDI": lmdi,
    "midpoint": midpoint,
    "volume first": volume_first,
    "price first": price_first,
}
