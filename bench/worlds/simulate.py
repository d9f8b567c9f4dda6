"""A window of a world, added up to whole calls, units and pico-dollars: expectations, not single calls."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bench.worlds.product import (
    CUT_SHORT,
    ENVS,
    FAILED,
    KINDS,
    SERVICES,
    TIERS,
    TOKENIZER,
    Floats,
    Ints,
)  # fmt: skip
from bench.worlds.quantities import Quantities
from bench.worlds.world import World


class Block(NamedTuple):
    """Calls of one call site and outcome to one model, at every place: envs x customers."""

    site: int
    failed: bool
    model: int


@dataclass(frozen=True)
class Sums:
    """A window, added up. Rows are blocks x places, leaves are blocks x tiers x services x kinds x places."""

    calls: Ints
    requests: Ints
    units: Ints
    cost: Ints
    """Pico-dollars."""


@lru_cache(maxsize=4)
def blocks(world: World) -> tuple[Block, ...]:
    """All blocks that the world has in any window, with any of its causes."""
    share = world.product.share > 0
    for cause in world.causes:
        if cause.kind == "model switch":
            assert cause.scope.feature is not None
            scope = cause.scope
            sites = (scope.site,) if scope.site is not None else world.product.sites_of(cause.scope.feature)
            share = share.copy()
            share[list(sites), cause.target] = True
    return tuple(
        Block(site, failed, int(model))
        for site in range(len(world.product.sites))
        for failed in FAILED
        for model in np.flatnonzero(share[site])
    )


def simulate(world: World, window: int, active: frozenset[int] = frozenset(), calendar: bool = True) -> Sums:
    """Add up a window with some of the world's causes.

    Units are rounded where they are priced: once for all days of one price, so that a cost is units times price.
    """
    q = world.quantities(window, active, calendar)
    parts = [_block(world, q, block, _epochs(world, block, q)) for block in blocks(world)]
    return Sums(
        *(
            np.stack([getattr(part, name) for part in parts])
            for name in ("calls", "requests", "units", "cost")
        )
    )


def daily_cost(world: World, window: int, active: frozenset[int]) -> Ints:
    """Pico-dollars of each place on each day: features x envs x customers x days; each place adds up to its window."""
    q = world.quantities(window, active)
    exact = np.zeros(q.requests.shape)
    whole = np.zeros(q.requests.shape[:3], np.int64)
    sums = simulate(world, window, active)
    for at, block in enumerate(blocks(world)):
        owner = world.product.owner[block.site]
        for kind, units, shares in usage_of(q, block, int(owner)):
            price = np.einsum("tvd,tvd->d", shares, q.prices[block.model, kind])
            exact[owner] += (units * price).reshape(exact.shape[1:])
        whole[owner] += sums.cost[at].sum(axis=(0, 1, 2)).reshape(whole.shape[1:])
    return _spread(whole, exact)


def _spread(whole: Ints, exact: Floats) -> Ints:
    """Whole numbers that add up to `whole` and follow `exact` day by day."""
    total = exact.sum(axis=-1, keepdims=True)
    part = np.cumsum(exact, axis=-1) / np.where(total, total, 1)
    risen = np.rint(part * whole[..., None]).astype(np.int64)
    risen[..., -1] = whole
    return np.diff(risen, axis=-1, prepend=0)


def _epochs(world: World, block: Block, q: Quantities) -> tuple[slice, ...]:
    """The days of one price each, in every window alike: a world without drift then repeats itself to the last unit."""
    days = q.prices.shape[-1]
    starts = {
        cause.start
        for cause in world.causes
        if cause.kind == "price change" and cause.scope.model == block.model and 0 < cause.start < days
    }
    edges = [0, *sorted(starts), days]
    return tuple(slice(a, b) for a, b in pairwise(edges))


def _block(world: World, q: Quantities, block: Block, epochs: tuple[slice, ...]) -> Sums:
    site, failed, model = block
    owner = int(world.product.owner[site])
    calls = np.rint(calls_of(q, block, owner) @ q.share[site, model]).astype(np.int64)
    roots = not failed and site == world.product.sites_of(owner)[0]
    requests = np.zeros_like(calls)
    if roots:
        begun = q.requests[owner].reshape(len(calls), -1) @ q.share[site, model]
        requests = np.minimum(np.rint(begun).astype(np.int64), calls)
    units = np.zeros((len(TIERS), len(SERVICES), len(KINDS), len(calls)), np.int64)
    cost = np.zeros_like(units)
    for kind, amount, shares in usage_of(q, block, owner):
        for days in epochs:
            used = np.rint(np.einsum("pd,tvd->tvp", amount[:, days], shares[..., days])).astype(np.int64)
            used = np.where(calls > 0, used, 0)
            units[:, :, kind] += used
            cost[:, :, kind] += used * q.prices[model, kind, :, :, days.start, None]
    return Sums(calls, requests, units, cost)


def calls_of(q: Quantities, block: Block, owner: int) -> Floats:
    """Calls of a block's call site and outcome, to any model: places x days."""
    good = q.requests[owner] * q.steps[block.site]
    calls: Floats = (good * q.failures[block.site] if block.failed else good).reshape(
        len(ENVS) * good.shape[1], -1
    )
    return calls


def usage_of(q: Quantities, block: Block, owner: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Each kind, its family's units (places x days), and the share of them at tiers x services x days."""
    site, failed, model = block
    calls = calls_of(q, block, owner)
    text = TOKENIZER[model] * q.share[site, model]
    long, batch = q.long[site], q.batch[site]
    paths = np.stack([1 - long, long])[:, None] * np.stack([1 - batch, batch])[None]
    read, written = q.read[site], q.written[site]
    answered = CUT_SHORT if failed else 1.0
    sent = calls * q.prompt[site].reshape(calls.shape) * text
    for kind, of_input in enumerate((1 - read - written, read, written)):
        yield kind, sent, paths * of_input
    yield 3, calls * q.output[site].reshape(calls.shape) * text * answered, paths
    yield 4, calls * q.reasoning[site].reshape(calls.shape) * q.share[site, model] * answered, paths
