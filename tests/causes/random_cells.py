"""Random small ledgers, added up: with zeros, empty windows, unpriced calls, new and gone places."""

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from whyspend.causes.cells import Calls, Cells, Usage

KINDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "web_searches",
)
T = TypeVar("T")

COUNTS = st.one_of(st.just(0), st.integers(1, 50))
TOKENS = st.one_of(st.just(0), st.integers(1, 2_000_000))
RATES = st.one_of(st.just(0), st.integers(10**16, 10**20))
"""1e-24 dollars a token: $0.01 to $100 a million."""


def pair(items: Iterable[T]) -> tuple[T, T]:
    """Two items as what they are."""
    before, after = items
    return before, after


@st.composite
def cells(draw: st.DrawFn, *, same_days: bool = False, most_rows: int = 8) -> Cells:
    """Two windows of a small product."""
    keys = draw(
        st.lists(
            st.tuples(
                st.tuples(
                    st.sampled_from(["chat", "search", None]),
                    st.sampled_from(["prod", None]),
                    st.sampled_from(["free", None]),
                ),
                st.sampled_from(["a", "b", None]),
                st.booleans(),
                st.sampled_from(["p|small", "p|large"]),
            ),
            max_size=most_rows,
            unique=True,
        )
    )
    rows, usage = [], []
    for at, (place, site, failed, model) in enumerate(keys):
        calls = draw(st.tuples(COUNTS, COUNTS))
        # Requests may have begun elsewhere; a call may have no price.
        requests = tuple(draw(st.integers(0, count)) for count in calls)
        priced = tuple(draw(st.sampled_from([count, count, count // 2, 0])) for count in calls)
        left_out = draw(st.sampled_from([(0.0, 0.0), (0.0, 0.0), (float(calls[0]), 0.0), (3.5, 9.25)]))
        thinned = tuple(float(left) if begun else 0.0 for left, begun in zip(left_out, requests, strict=True))
        rows.append(Calls(place, site, failed, model, calls, pair(requests), pair(priced), pair(thinned)))
        parts = draw(
            st.lists(
                st.tuples(
                    st.sampled_from([0, 1]), st.sampled_from(["", "processing=batch"]), st.sampled_from(KINDS)
                ),
                max_size=4,
                unique=True,
            )
        )
        for tier, service, kind in parts:
            units = tuple(draw(TOKENS) if count else 0 for count in priced)
            listed = tuple(count * draw(RATES) for count in units)
            cost = tuple(each * draw(st.sampled_from([100, 100, 85])) // 100 for each in listed)
            usage.append(
                Usage(
                    at, tier, service, kind, (units[0], units[1]), (listed[0], listed[1]), (cost[0], cost[1])
                )
            )
    days = draw(st.integers(1, 31))
    return Cells(
        dimensions=("feature", "env", "tier"),
        days=(days, days if same_days else draw(st.integers(1, 31))),
        calls=rows,
        usage=usage,
        busyness=draw(st.sampled_from([{}, {"chat": (1.0, 0.8), None: (0.5, 1.25)}])),
    )


def of_seed(seed: int) -> Cells:
    """The same kind of ledger from a number: ten times as fast to make as one that hypothesis draws bit by bit."""
    random = Random(seed)
    rows: list[Calls] = []
    usage: list[Usage] = []
    for _ in range(random.randint(0, 14)):
        place = tuple(
            random.choice(values) for values in (("chat", "search", None), ("prod", None), ("free", None))
        )
        row = Calls(
            place, random.choice(("a", "b", None)), random.random() < 0.25, f"p|{random.choice('sml')}",
            _counts(random), (0, 0), (0, 0),
        )  # fmt: skip
        if any(row[:4] == other[:4] for other in rows):
            continue
        requests = pair(random.choice((0, count, random.randint(0, count))) for count in row.calls)
        priced = pair(random.choice((count, count, count // 2, 0)) for count in row.calls)
        thinned = pair(float(random.choice((0, 0, count)) if count else 0) for count in requests)
        rows.append(row._replace(requests=requests, priced=priced, thinned=thinned))
        kinds = {
            (random.randint(0, 1), random.choice(("", "processing=batch")), random.choice(KINDS))
            for _ in range(4)
        }
        for tier, service, kind in sorted(kinds):
            units = pair(random.choice((0, random.randint(1, 2_000_000))) if count else 0 for count in priced)
            listed = pair(count * random.choice((0, random.randint(10**16, 10**20))) for count in units)
            cost = pair(each * random.choice((100, 100, 85)) // 100 for each in listed)
            usage.append(Usage(len(rows) - 1, tier, service, kind, units, listed, cost))
    days = (random.randint(1, 31), random.randint(1, 31))
    busyness = random.choice(({}, {"chat": (1.0, 0.8), None: (0.5, 1.25)}))
    return Cells(("feature", "env", "tier"), days, rows, usage, busyness)


def _counts(random: Random) -> tuple[int, int]:
    return pair(random.choice((0, random.randint(1, 50))) for _ in range(2))


def swapped(asked: Cells) -> Cells:
    """The same with the windows in each other's place."""

    def turned(pair: tuple[int, int]) -> tuple[int, int]:
        return pair[1], pair[0]

    return Cells(
        asked.dimensions,
        turned(asked.days),
        [
            row._replace(
                calls=turned(row.calls),
                requests=turned(row.requests),
                priced=turned(row.priced),
                thinned=(row.thinned[1], row.thinned[0]),
            )
            for row in asked.calls
        ],
        [
            leaf._replace(units=turned(leaf.units), listed=turned(leaf.listed), cost=turned(leaf.cost))
            for leaf in asked.usage
        ],
        {owner: (weights[1], weights[0]) for owner, weights in asked.busyness.items()},
    )
