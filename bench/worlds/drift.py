"""How a product moves by itself: every quantity wanders a little (random walk) and shakes daily (AR noise).

The sizes were set before anything was measured with them and are no knob: a volume shakes by 6 % a day and wanders
by 0.5 %, so that two months differ by some 3 % without a reason; sizes of prompts and answers do half of that.
"""

from dataclasses import dataclass, fields

import numpy as np

from bench.worlds.product import FEATURES, MODELS, Floats, Product

MEMORY = 0.6
"""Of the daily noise: what is left of it the day after."""


@dataclass(frozen=True)
class Drift:
    """By how much the logarithm (of a share: the log-odds) of each quantity is off on each day; days come last."""

    traffic: Floats
    """Of features."""
    customers: Floats
    steps: Floats
    """Of call sites, as all that follows but share."""
    failures: Floats
    prompt: Floats
    output: Floats
    reasoning: Floats
    read: Floats
    long: Floats
    batch: Floats
    share: Floats
    """Call sites x models."""

    def window(self, start: int, days: int) -> "Drift":
        """Some of the days."""
        return Drift(
            **{each.name: getattr(self, each.name)[..., start : start + days] for each in fields(self)}
        )


def drift(rng: np.random.Generator, product: Product, days: int, on: bool) -> Drift:
    """Draw the drift of so many days; all zeros when it is off."""
    sites = len(product.sites)

    def wander(count: int, daily: float, walk: float) -> Floats:
        return _wander(rng, (count, days), daily, walk) if on else np.zeros((count, days))

    return Drift(
        traffic=wander(len(FEATURES), 0.06, 0.005),
        customers=wander(len(product.customers), 0.03, 0.003),
        steps=wander(sites, 0.01, 0.001),
        failures=wander(sites, 0.10, 0.01),
        prompt=wander(sites, 0.03, 0.0025),
        output=wander(sites, 0.03, 0.0025),
        reasoning=wander(sites, 0.03, 0.0025),
        read=wander(sites, 0.05, 0.005),
        long=wander(sites, 0.05, 0.005),
        batch=wander(sites, 0.05, 0.005),
        share=wander(sites * len(MODELS), 0.05, 0.005).reshape(sites, len(MODELS), days),
    )


def _wander(rng: np.random.Generator, shape: tuple[int, int], daily: float, walk: float) -> Floats:
    shocks = rng.normal(0, daily * np.sqrt(1 - MEMORY**2), shape)
    noise = np.empty(shape)
    level = rng.normal(0, daily, shape[0])
    for day in range(shape[1]):
        level = MEMORY * level + shocks[:, day]
        noise[:, day] = level
    wandered: Floats = noise + np.cumsum(rng.normal(0, walk, shape), axis=1)
    return wandered
