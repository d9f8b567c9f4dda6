"""The fifteen kinds of causes: which driver each should be found as, and what it changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bench.worlds.product import ENVS, FEATURES, MODELS, Floats, Product
from bench.worlds.quantities import Quantities
from whyspend.causes.quantities import MODEL, SITE

PRODUCTION, STAGING = range(len(ENVS))


class Scope(NamedTuple):
    """Where a cause acts; None: everywhere."""

    feature: int | None = None
    site: int | None = None
    customer: int | None = None
    env: int | None = None
    model: int | None = None


@dataclass(frozen=True)
class Cause:
    """Something that happened on a day of the second window and lasts."""

    kind: str
    scope: Scope
    start: int
    """Day of the window, the first being 0."""
    size: float
    """A factor, an addition or a share: see KINDS_OF_CAUSE."""
    target: int = 0
    """The model that a model switch goes to."""

    @property
    def driver(self) -> str:
        """The driver that an explanation should name."""
        return KINDS_OF_CAUSE[self.kind].driver


def segment(cause: Cause, product: Product) -> dict[str, str]:
    """Where a cause acts, in the explanation's words: a value for each dimension that matters."""
    scope = cause.scope
    named = {
        "feature": None if scope.feature is None else FEATURES[scope.feature],
        SITE: None if scope.site is None else product.sites[scope.site],
        "customer_id": None if scope.customer is None else product.customers[scope.customer],
        "env": None if scope.env is None else ENVS[scope.env],
        MODEL: None if scope.model is None else MODELS[scope.model],
    }
    return {dimension: value for dimension, value in named.items() if value is not None}


Act = Callable[[Quantities, Cause, Product], None]


def _sites(cause: Cause, product: Product) -> list[int]:
    if cause.scope.site is not None:
        return [cause.scope.site]
    return list(
        range(len(product.sites)) if cause.scope.feature is None else product.sites_of(cause.scope.feature)
    )


def _part(array: Floats, cause: Cause, rows: list[int]) -> tuple[tuple[Any, ...], Floats]:
    """The part of an array (rows x envs x customers x days) where and since when a cause acts."""
    scope = cause.scope
    envs = range(array.shape[1]) if scope.env is None else [scope.env]
    customers = range(array.shape[2]) if scope.customer is None else [scope.customer]
    index = np.ix_(rows, list(envs), list(customers), list(range(cause.start, array.shape[3])))
    return index, array[index]


def _requests(q: Quantities, cause: Cause, product: Product) -> None:
    features = range(len(FEATURES)) if cause.scope.feature is None else [cause.scope.feature]
    index, part = _part(q.requests, cause, list(features))
    q.requests[index] = part * cause.size


def _unborn(q: Quantities, cause: Cause, product: Product) -> None:
    """A new feature begins only with its cause: see world.quantities_of, which keeps it at nothing without."""


def _times(name: str) -> Act:
    def act(q: Quantities, cause: Cause, product: Product) -> None:
        array = getattr(q, name)
        index, part = _part(array, cause, _sites(cause, product))
        array[index] = part * cause.size

    return act


def _plus(name: str) -> Act:
    def act(q: Quantities, cause: Cause, product: Product) -> None:
        array = getattr(q, name)
        index, part = _part(array, cause, _sites(cause, product))
        array[index] = part + cause.size

    return act


def _switch(q: Quantities, cause: Cause, product: Product) -> None:
    """A share of the calls goes to another model, from each of the models that there were."""
    for site in _sites(cause, product):
        share = q.share[site, :, cause.start :]
        share *= 1 - cause.size
        share[cause.target] += cause.size


def _cache(q: Quantities, cause: Cause, product: Product) -> None:
    for site in _sites(cause, product):
        q.read[site, cause.start :] *= cause.size


def _long(q: Quantities, cause: Cause, product: Product) -> None:
    for site in _sites(cause, product):
        q.long[site, cause.start :] = np.maximum(q.long[site, cause.start :], cause.size)


def _batch(q: Quantities, cause: Cause, product: Product) -> None:
    for site in _sites(cause, product):
        q.batch[site, cause.start :] *= cause.size


def _price(q: Quantities, cause: Cause, product: Product) -> None:
    part = q.prices[cause.scope.model, ..., cause.start :]
    part[...] = np.rint(part * cause.size).astype(np.int64)


class KindOfCause(NamedTuple):
    """What a kind of cause does, and how much of it."""

    driver: str
    act: Act
    size: tuple[float, float]
    """The least and the most."""
    other: tuple[float, float] | None = None
    """The least and the most of every second one."""


KINDS_OF_CAUSE: Mapping[str, KindOfCause] = {
    "prompt growth": KindOfCause("prompt_size", _times("prompt"), (1.3, 3.0)),
    "output growth": KindOfCause("output_length", _times("output"), (1.3, 3.0)),
    "reasoning on": KindOfCause("reasoning", _plus("reasoning"), (150, 1_500)),
    "model switch": KindOfCause("model_switch", _switch, (0.4, 1.0), (1.0, 1.0)),
    "retry storm": KindOfCause("retries", _plus("failures"), (0.3, 1.5)),
    "agent loop": KindOfCause("calls_per_request", _times("steps"), (1.5, 4.0)),
    "cache collapse": KindOfCause("cache_share", _cache, (0.0, 0.3)),
    "price change": KindOfCause("list_price", _price, (0.5, 0.85), (1.15, 1.6)),
    "volume": KindOfCause("requests", _requests, (1.3, 2.5), (0.3, 0.7)),
    "one customer": KindOfCause("requests", _requests, (2.0, 6.0), (0.0, 0.3)),
    "new feature": KindOfCause("new_feature", _unborn, (1.0, 1.0)),
    "retired feature": KindOfCause("retired_feature", _requests, (0.0, 0.0)),
    "batch stopped": KindOfCause("service_tier", _batch, (0.0, 0.1)),
    "long context": KindOfCause("long_context", _long, (0.3, 0.8)),
    "staging leak": KindOfCause("requests", _requests, (8.0, 25.0)),
}

WHOLE = ("new feature", "retired feature")
"""Nothing else can be told of a feature that is new or gone."""


def act(q: Quantities, cause: Cause, product: Product) -> None:
    """Let a cause happen to a window."""
    KINDS_OF_CAUSE[cause.kind].act(q, cause, product)


def draw(rng: np.random.Generator, product: Product, kind: str, days: int) -> Cause | None:
    """Draw a cause of a kind for a window of so many days; None: the place drawn has nothing to change."""
    of_kind = KINDS_OF_CAUSE[kind]
    low, high = of_kind.other if of_kind.other and rng.random() < 0.5 else of_kind.size
    size = float(rng.uniform(low, high))
    start = 0 if kind == "retired feature" else int(rng.integers(0, min(16, days // 2 + 1)))
    scope = _scope(rng, product, kind)
    cause = Cause(kind, scope, start, size, int(rng.integers(len(MODELS))))
    return cause if _changes_something(cause, product) else None


def _scope(rng: np.random.Generator, product: Product, kind: str) -> Scope:
    feature = int(rng.integers(len(FEATURES)))
    sites = product.sites_of(feature)
    site = int(rng.choice(sites)) if len(sites) > 1 and rng.random() < 0.6 else None
    customer = int(rng.integers(min(5, len(product.customers))))
    match kind:
        case "volume" | "new feature" | "retired feature" | "batch stopped":
            return Scope(feature)
        case "one customer":
            return Scope(feature if rng.random() < 0.4 else None, customer=customer)
        case "staging leak":
            return Scope(feature, env=STAGING)
        case "price change":
            return Scope(model=int(rng.choice(np.flatnonzero(product.share.sum(axis=0)))))
        case "prompt growth" | "output growth" | "retry storm" if rng.random() < 0.3:
            return Scope(feature, site, customer)
        case _:
            return Scope(feature, site)


def _changes_something(cause: Cause, product: Product) -> bool:
    sites = _sites(cause, product)
    match cause.kind:
        case "cache collapse":
            return all(product.read[site] > 0 for site in sites)
        case "batch stopped":
            return all(product.batch[site] > 0 for site in sites)
        case "reasoning on":
            return all(product.reasoning[site] == 0 for site in sites)
        case "model switch":
            return all(product.share[site, cause.target] == 0 for site in sites)
        case _:
            return True


def apart(one: Cause, other: Cause, product: Product) -> bool:
    """Whether two causes can be told apart: not by the same driver in the same cells, nor inside a new feature."""
    whole = one.kind in WHOLE or other.kind in WHOLE
    if whole and one.scope.feature is not None and one.scope.feature == other.scope.feature:
        return False
    if _quantity(one) != _quantity(other):
        return True
    mine, theirs = segment(one, product), segment(other, product)
    return any(mine[dimension] != theirs[dimension] for dimension in mine.keys() & theirs.keys())


def _quantity(cause: Cause) -> str:
    """A feature that is new or gone is a matter of its requests, whatever it is called."""
    return "requests" if cause.kind in WHOLE else cause.driver
