"""A made-up product: what an average day of each of its parts is like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
SERVICES = ("", "processing=batch")
TIERS = (0, 1)
FAILED = (False, True)

FEATURES = ("chat", "copilot", "extract", "ingest", "report", "search", "summarize", "triage")
ENVS = ("production", "staging")
MODELS = ("acme|big", "acme|mid", "acme|small", "rival|large", "rival|light", "third|one")
INPUT_PRICE = (3_000_000, 1_000_000, 200_000, 2_500_000, 400_000, 1_200_000)
"""Pico-dollars for an input token: $3 for a million is 3,000,000."""
OUTPUT_RATIO = (5, 5, 4, 4, 4, 5)
TOKENIZER = (1.0, 1.0, 1.0, 1.22, 1.22, 0.9)
"""How many tokens the same text is, the first being 1."""

CUT_SHORT = 0.3
"""What a failed call has of the output and the reasoning of one that succeeds."""


@dataclass(frozen=True)
class Product:
    """An average day. Arrays are by feature, env, customer, call site or model, in the order of the names."""

    customers: tuple[str, ...]
    sites: tuple[str, ...]
    owner: Ints
    """Of each call site: its feature. A feature's first call site is where its requests begin."""
    traffic: Floats
    """Requests a day: features x envs x customers."""
    week: Floats
    """How busy each weekday is, features x 7; the mean of a week is 1."""
    share: Floats
    """Of each model in the calls: call sites x models."""
    steps: Floats
    """Calls that succeed for each request, by call site, as all that follows."""
    failures: Floats
    """Calls that fail for each that succeeds."""
    prompt: Floats
    """Input tokens of a call, cached or not."""
    output: Floats
    reasoning: Floats
    read: Floats
    """Share of the input that is read from a cache."""
    written: Floats
    """Share of the input that is written to a cache."""
    long: Floats
    """Share of the tokens in calls above the context threshold."""
    batch: Floats
    """Share of the tokens in calls of a batch."""

    def sites_of(self, feature: int) -> tuple[int, ...]:
        """The call sites of a feature."""
        return tuple(int(site) for site in np.flatnonzero(self.owner == feature))


def price_list() -> Ints:
    """Pico-dollars for a unit: models x kinds x context tiers x service tiers, all whole.

    Reading a cache costs a tenth of input, writing to it 1.25 times, reasoning what output costs. Above the context
    threshold input costs twice and output one and a half times as much; a batch costs half.
    """
    prices = np.zeros((len(MODELS), len(KINDS), len(TIERS), len(SERVICES)), np.int64)
    for model, (sent, ratio) in enumerate(zip(INPUT_PRICE, OUTPUT_RATIO, strict=True)):
        standard = (sent, sent // 10, sent * 5 // 4, sent * ratio, sent * ratio)
        for kind, price in enumerate(standard):
            long = price * 2 if kind < 3 else price * 3 // 2
            prices[model, kind] = ((price, price // 2), (long, long // 2))
    return prices


def product(rng: np.random.Generator) -> Product:
    """Draw a product: eight features of one to three call sites, two envs, 10 to 25 customers, six models."""
    customers = tuple(f"c{at:02}" for at in range(int(rng.integers(10, 26))))
    owner = np.repeat(np.arange(len(FEATURES)), rng.integers(1, 4, len(FEATURES)))
    count = len(owner)
    zipf = 1.0 / np.arange(1, len(customers) + 1) ** rng.uniform(0.8, 1.3)
    mixed = zipf * np.exp(rng.normal(0, 0.4, (len(FEATURES), len(customers))))
    daily = np.exp(rng.uniform(np.log(4_000), np.log(40_000), len(FEATURES)))
    staging = rng.uniform(0.01, 0.05, len(FEATURES))
    of_env = np.stack([1 - staging, staging], axis=1)
    cached = rng.random(count) < 0.6
    batched = np.zeros(len(FEATURES))
    batched[rng.choice(len(FEATURES), 2, replace=False)] = rng.uniform(0.5, 0.9, 2)
    return Product(
        customers=customers,
        sites=tuple(f"step-{at}" for at in range(count)),
        owner=owner,
        traffic=(daily[:, None] * mixed / mixed.sum(axis=1, keepdims=True))[:, None, :] * of_env[:, :, None],
        week=_week(rng),
        share=_shares(rng, count),
        steps=rng.uniform(1, 3, count),
        failures=rng.uniform(0.005, 0.04, count),
        prompt=np.exp(rng.uniform(np.log(500), np.log(9_000), count)),
        output=np.exp(rng.uniform(np.log(80), np.log(900), count)),
        reasoning=np.where(rng.random(count) < 0.35, rng.uniform(100, 1_200, count), 0.0),
        read=np.where(cached, rng.uniform(0.4, 0.8, count), 0.0),
        written=np.where(cached, rng.uniform(0.02, 0.1, count), 0.0),
        long=np.where(rng.random(count) < 0.3, rng.uniform(0.02, 0.2, count), 0.0),
        batch=batched[owner],
    )


def _week(rng: np.random.Generator) -> Floats:
    week = np.ones((len(FEATURES), 7))
    week[:, 5:] = rng.uniform(0.25, 1.0, len(FEATURES))[:, None]
    mean: Floats = week / week.mean(axis=1, keepdims=True)
    return mean


def _shares(rng: np.random.Generator, count: int) -> Floats:
    """A call site has one model; two in five have a second."""
    share = np.zeros((count, len(MODELS)))
    for site in range(count):
        first, second = rng.choice(len(MODELS), 2, replace=False)
        part = rng.uniform(0.05, 0.4) if rng.random() < 0.4 else 0.0
        share[site, first], share[site, second] = 1 - part, part
    return share
