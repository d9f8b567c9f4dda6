"""The lines of an explanation, and which of them it calls *within normal variation*.

The days of a world stand in for what a ledger tells an explanation of its calls over time; which lines are told, and
what is chance, the explanation itself decides.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.worlds.product import ENVS, FEATURES, KINDS, MODELS, SERVICES, TIERS, Floats
from bench.worlds.quantities import Quantities
from bench.worlds.simulate import Block, blocks, calls_of, usage_of
from bench.worlds.world import World
from whyspend.causes.decompose import Changes
from whyspend.causes.quantities import MODEL, SITE
from whyspend.reports.explain import Line, lines_of

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""

Terms = Mapping[str, str | None]


@dataclass(frozen=True)
class Series:
    """Figures of a part of the calls, day by day."""

    times: list[int]
    """Microseconds UTC."""
    amounts: dict[str, list[float]]


@dataclass(frozen=True)
class After:
    """The later window."""

    start: datetime


@dataclass(frozen=True)
class Comparison:
    """What an explanation asks about time, of a world."""

    world: World

    @cached_property
    def after(self) -> After:
        """The later window."""
        return After(FIRST_DAY + timedelta(days=self.world.first_weekday + self.world.lengths[0]))

    def price_changes(self) -> list[object]:
        """The price book has no dates here."""
        return []

    def label(self, name: str, value: str | None) -> str:
        """How a value of a dimension is written."""
        return value or "untagged"

    def events(self, terms: Terms, *, between: tuple[int, int] | None = None) -> list[object]:
        """Nothing is known to have happened."""
        return []

    def in_between(self, terms: Terms, **how: object) -> None:
        """The windows are neighbours."""

    def series(
        self,
        terms: Terms,
        *,
        hours: bool = False,
        between: tuple[int, int] | None = None,
        names: Collection[str] = (),
    ) -> Series:
        """A part of the calls on each day of both windows; hours are not known."""
        if hours:
            return Series([], {})
        days = [self._window(terms, at) for at in range(len(self.world.lengths))]
        names = dict.fromkeys(name for own in days for name in own)
        amounts = {
            name: [
                value
                for own, length in zip(days, self.world.lengths, strict=True)
                for value in own.get(name, np.zeros(length)).tolist()
            ]
            for name in names
        }
        first = FIRST_DAY + timedelta(days=self.world.first_weekday)
        count = sum(self.world.lengths)
        return Series([_micros(first + timedelta(days=day)) for day in range(count)], amounts)

    def _window(self, terms: Terms, window: int) -> dict[str, Floats]:
        q = self._quantities[window]
        places = _places(self.world, terms)
        found: dict[str, Floats] = defaultdict(lambda: np.zeros(self.world.lengths[window]))
        for block in blocks(self.world):
            owner = int(self.world.product.owner[block.site])
            if _inside(self.world, terms, block, owner):
                _add(found, q, block, owner, places, self.world.product.sites_of(owner)[0] == block.site)
        return dict(found)

    @cached_property
    def _quantities(self) -> list[Quantities]:
        everything = frozenset(range(len(self.world.causes)))
        return [self.world.quantities(window, everything) for window in range(len(self.world.lengths))]


def told_lines(world: World, changes: Changes) -> list[Line]:
    """The lines of an explanation of the last two windows, with what it says of chance."""
    return lines_of(Comparison(world), changes)


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _places(world: World, terms: Terms) -> NDArray[np.bool_]:
    """Envs x customers, in a row, as the blocks have them."""
    return np.array(
        [
            terms.get("env", env) == env and terms.get("customer_id", customer) == customer
            for env in ENVS
            for customer in world.product.customers
        ],
        bool,
    )


def _inside(world: World, terms: Terms, block: Block, owner: int) -> bool:
    own = {"feature": FEATURES[owner], SITE: world.product.sites[block.site], MODEL: MODELS[block.model]}
    return all(terms.get(name, value) == value for name, value in own.items())


def _add(
    found: dict[str, Floats], q: Quantities, block: Block, owner: int, places: NDArray[np.bool_], root: bool
) -> None:
    calls = calls_of(q, block, owner)[places].sum(axis=0) * q.share[block.site, block.model]
    for name in ("calls", "priced", "failed" if block.failed else "ok"):
        found[name] = found[name] + calls
    if not block.failed:
        found[f"model:{MODELS[block.model]}"] = found[f"model:{MODELS[block.model]}"] + calls
        if root:
            begun = q.requests[owner].reshape(len(places), -1)[places].sum(axis=0)
            found["requests"] = found["requests"] + begun * q.share[block.site, block.model]
    for kind, amount, shares in usage_of(q, block, owner):
        used = amount[places].sum(axis=0) * shares
        for tier, service in np.ndindex(len(TIERS), len(SERVICES)):
            for name in (f"units:{KINDS[kind]}", f"tier:{TIERS[tier]}", f"service:{SERVICES[service]}"):
                found[name] = found[name] + used[tier, service]
