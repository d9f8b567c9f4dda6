"""A world as an explanation sees it: Cells at call-site grain, or at feature grain."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.worlds.product import ENVS, FEATURES, KINDS, MODELS, SERVICES, TIERS, Ints
from bench.worlds.simulate import Block, Sums, blocks
from bench.worlds.world import World
from whyspend.causes.cells import Calls, Cells, Pair, Usage

UNITS_OF_A_PICODOLLAR = 10**12


class Grain(NamedTuple):
    """What an explanation is told of a call."""

    dimensions: tuple[str, ...]
    site: bool
    """Call site and outcome as well."""


CALL_SITE = Grain(("feature", "env", "customer_id"), True)
FEATURE = Grain(("feature",), False)

Row = tuple[tuple[str | None, ...], str | None, bool, str]


def cells_of(world: World, before: Sums, after: Sums, grain: Grain, window: int | None = None) -> Cells:
    """Two windows of a world, added up at a grain.

    `window` is the later of the two; default: the last one.
    """
    later = len(world.lengths) - 1 if window is None else window
    rows: dict[Row, list[Pair]] = {}
    usage: dict[tuple[Row, int, str, str], list[Pair]] = {}
    for row, counts, used in _rows(world, before, after, grain):
        known = rows.setdefault(row, [(0, 0), (0, 0)])
        rows[row] = [_plus(mine, own) for mine, own in zip(known, counts, strict=True)]
        for path, amounts in used:
            had = usage.setdefault((row, *path), [(0, 0), (0, 0)])
            usage[row, *path] = [_plus(mine, own) for mine, own in zip(had, amounts, strict=True)]
    places = {row: at for at, row in enumerate(rows)}
    return Cells(
        dimensions=grain.dimensions,
        days=(world.lengths[later - 1], world.lengths[later]),
        calls=[Calls(*row, calls, requests, calls) for row, (calls, requests) in rows.items()],
        usage=[
            Usage(places[row], tier, service, kind, units, cost, cost)
            for (row, tier, service, kind), (units, cost) in usage.items()
        ],
        busyness={
            name: (_busy(world, feature, later - 1), _busy(world, feature, later))
            for feature, name in enumerate(FEATURES)
        },
    )


def _busy(world: World, feature: int, window: int) -> float:
    return float(world.product.week[feature, world.weekdays(window)].mean())


Used = tuple[tuple[int, str, str], tuple[Pair, Pair]]


def _rows(
    world: World, before: Sums, after: Sums, grain: Grain
) -> Iterator[tuple[Row, tuple[Pair, Pair], list[Used]]]:
    """Each row that has calls, and its usage: not yet added up where the grain is coarse."""
    names = [(env, customer) for env in ENVS for customer in world.product.customers]
    for at, block in enumerate(blocks(world)):
        for place in np.flatnonzero(before.calls[at] + after.calls[at]).tolist():
            row = _row(world, block, names[place], grain)
            counts = (
                _pair(before.calls, after.calls, at, place),
                _pair(before.requests, after.requests, at, place),
            )
            yield row, counts, list(_used(before, after, at, place))


def _used(before: Sums, after: Sums, at: int, place: int) -> Iterator[Used]:
    units = before.units[at, ..., place], after.units[at, ..., place]
    cost = before.cost[at, ..., place], after.cost[at, ..., place]
    for tier, service, kind in np.argwhere(units[0] + units[1]):
        path = (TIERS[tier], SERVICES[service], KINDS[kind])
        leaf = (tier, service, kind)
        spent = (int(cost[0][leaf]) * UNITS_OF_A_PICODOLLAR, int(cost[1][leaf]) * UNITS_OF_A_PICODOLLAR)
        yield path, ((int(units[0][leaf]), int(units[1][leaf])), spent)


def _row(world: World, block: Block, who: tuple[str, str], grain: Grain) -> Row:
    feature = FEATURES[world.product.owner[block.site]]
    place = (feature, *who)[: len(grain.dimensions)]
    site = world.product.sites[block.site] if grain.site else None
    return place, site, block.failed and grain.site, MODELS[block.model]


def _pair(before: Ints, after: Ints, at: int, place: int) -> Pair:
    return int(before[at, place]), int(after[at, place])


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]
