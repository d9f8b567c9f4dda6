"""What a window is made of, day by day, before it is added up: the arrays that causes act upon."""

from dataclasses import dataclass

import numpy as np

from bench.worlds.drift import Drift
from bench.worlds.product import ENVS, MODELS, Floats, Ints, Product, price_list


@dataclass
class Quantities:
    """Of each day of a window; days come last. Causes change the arrays in place."""

    requests: Floats
    """Features x envs x customers."""
    steps: Floats
    """Call sites x envs x customers, as failures, prompt, output and reasoning."""
    failures: Floats
    prompt: Floats
    output: Floats
    reasoning: Floats
    read: Floats
    """Call sites, as written, long and batch."""
    written: Floats
    long: Floats
    batch: Floats
    share: Floats
    """Call sites x models."""
    prices: Ints
    """Pico-dollars: models x kinds x tiers x services (product.price_list)."""


def quantities(product: Product, moved: Drift, weekdays: Ints) -> Quantities:
    """A window of the product, as it drifted, without any cause."""
    volume = np.exp(moved.traffic) * product.week[:, weekdays]
    requests = product.traffic[..., None] * volume[:, None, None, :] * np.exp(moved.customers)[None, None]
    at_places = (len(ENVS), len(product.customers))

    def spread(level: Floats, log: Floats) -> Floats:
        daily = level[:, None] * np.exp(log)
        return np.repeat(daily[:, None, :], at_places[0] * at_places[1], axis=1).reshape(
            len(level), *at_places, -1
        )

    read = _odds(product.read, moved.read)
    return Quantities(
        requests=requests,
        steps=spread(product.steps, moved.steps),
        failures=spread(product.failures, moved.failures),
        prompt=spread(product.prompt, moved.prompt),
        output=spread(product.output, moved.output),
        reasoning=spread(product.reasoning, moved.reasoning),
        read=read,
        written=np.minimum(product.written[:, None], 1 - read),
        long=_odds(product.long, moved.long),
        batch=_odds(product.batch, moved.batch),
        share=_shares(product.share, moved.share),
        prices=np.repeat(price_list()[..., None], len(weekdays), axis=-1),
    )


def _odds(level: Floats, log: Floats) -> Floats:
    """A share whose odds are off; nothing stays nothing."""
    weight = level[:, None] * np.exp(log)
    share: Floats = weight / (weight + 1 - level[:, None])
    return share


def _shares(level: Floats, log: Floats) -> Floats:
    assert level.shape[1] == len(MODELS)
    weight = level[..., None] * np.exp(log)
    share: Floats = weight / weight.sum(axis=1, keepdims=True)
    return share
