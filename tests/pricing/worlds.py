"""Random price books, prices of the user's own, discounts, closed months, and calls that meet them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from tests.pricing.calls import at

from whyspend.pricing.book import ALL_DAYS, FAR_FUTURE, FAR_PAST, NO_TIER, TOP_TIER, Rate
from whyspend.pricing.discounts import Discount
from whyspend.pricing.entries import Tier, UserPrice
from whyspend.pricing.names import Match
from whyspend.pricing.plan import Basis

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
START, END = at(str(FIRST)), at(str(LAST))
DAY = 86_400_000_000
MODELS = ("gpt-a", "gpt-b", "own-c", "mute")
PROVIDERS = ("openai", "ollama", "amazon_bedrock")
COPIED = "openai/base-d"
"""What `same_as` names."""
FEATURES = (None, "rag", "rag-eu", "chat")
QUANTITIES = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens", "web_searches")
NAMED = {"input": 0, "cache_read": 1, "output": 2, "reasoning": 3}


@dataclass(frozen=True)
class Shelf:
    """A price book that is made by hand."""

    id: str
    cells: Mapping[str, tuple[Rate, ...]]

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        price = f"{provider}/{model}"
        return Match(price, "exact") if self.cells.get(price) else Match(None, "none", "unknown here")

    def rates(self, price: str) -> Sequence[Rate]:
        return self.cells.get(price, ())

    def prices(self) -> Iterable[str]:
        return self.cells


@dataclass(frozen=True)
class Call:
    number: int
    provider: str
    model: str
    feature: str | None
    began: int
    quantities: tuple[int, ...]
    latency_ms: int | None
    counted: bool

    @property
    def key(self) -> str:
        return f"{self.provider}|{self.model}|"

    @property
    def prompt(self) -> int:
        return self.quantities[0] + self.quantities[1]


@dataclass(frozen=True)
class Layers:
    """An era as the configuration says it."""

    start: int
    end: int
    shelf: Shelf
    entries: tuple[UserPrice, ...]
    discounts: tuple[Discount, ...]


moments = st.one_of(
    st.integers(START, END - 1),
    st.sampled_from([START + n * DAY for n in range(6)] + [START + n * DAY - 1 for n in range(1, 6)]),
)
days = st.one_of(st.none(), st.sampled_from([FIRST + timedelta(n) for n in range(-1, 7)]))
amounts = st.one_of(st.integers(0, 2_000), st.integers(0, 10**9))
# A tier begins above 1,000: every other prompt is as long as that, or one token longer.
at_the_edge = st.sampled_from([(1_000, 0), (400, 600), (1_001, 0), (400, 601)])
prompts = st.one_of(at_the_edge, st.tuples(amounts, amounts))
used_up = st.builds(
    lambda prompt, rest: (*prompt, *rest), prompts, st.tuples(amounts, amounts, st.integers(0, 3))
)
rated = st.one_of(st.just({*QUANTITIES}), st.sets(st.sampled_from([*QUANTITIES, "calls"]), min_size=4))
dollars = st.one_of(
    st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("2.5"), Decimal("0.000001")]),
    st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-6)),
)
percents = st.sampled_from([Decimal(text) for text in ("0", "15", "-10", "33.33", "100", "0.5")])


@st.composite
def calls(draw: st.DrawFn) -> tuple[Call, ...]:
    one = st.tuples(
        st.sampled_from(PROVIDERS),
        st.sampled_from(MODELS),
        st.sampled_from(FEATURES),
        moments,
        used_up,
        st.one_of(st.none(), st.integers(0, 10**6)),
        st.booleans(),
    )
    drawn = draw(st.lists(one, min_size=3, max_size=25))
    return tuple(
        Call(n, provider, model, feature, began, used if counted else (0,) * 5, ms, counted)
        for n, (provider, model, feature, began, used, ms, counted) in enumerate(drawn)
    )


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    cells: dict[str, tuple[Rate, ...]] = {}
    for provider in PROVIDERS:
        for model in draw(st.sets(st.sampled_from(MODELS[:3]))):
            cells[f"{provider}/{model}"] = tuple(draw(timelines()))
    cells[COPIED] = tuple(draw(timelines().filter(bool)))
    return Shelf(f"shelf@{draw(st.integers(0, 9))}", cells)


@st.composite
def timelines(draw: st.DrawFn) -> list[Rate]:
    """Cells without holes but those that are left out, cut by time, tier and clock."""
    cuts = sorted({FAR_PAST, FAR_FUTURE, *draw(st.lists(moments, max_size=2))})
    tier, minute = draw(st.sampled_from([None, 1_000])), draw(st.sampled_from([None, 600]))
    weekdays = draw(st.sampled_from([ALL_DAYS, 31]))
    found = []
    for start, end in pairwise(cuts):
        for over, upto in ((NO_TIER, tier), (tier, TOP_TIER)) if tier else ((NO_TIER, TOP_TIER),):
            for since, until in ((0, minute), (minute, 1440)) if minute else ((0, 1440),):
                names = draw(rated)
                rates = {name: draw(st.integers(0, 10**8)) for name in sorted(names)}
                if draw(st.integers(0, 9)):
                    cell = (
                        "",
                        start,
                        end,
                        since or 0,
                        until or 1440,
                        weekdays,
                        over,
                        upto,
                        rates,
                        "by hand",
                        "",
                    )
                    found.append(Rate(*cell))
    return found


@st.composite
def entries(draw: st.DrawFn) -> tuple[UserPrice, ...]:
    found = []
    patterns = ("gpt-a", "gpt-*", "own-c", "*")
    for model in draw(st.lists(st.sampled_from(patterns), max_size=3, unique=True)):
        start, end = draw(days), draw(days)
        if start and end and end <= start:
            start, end = None, start
        when: dict[str, Any] = {"model": model, "start": start, "end": end}
        when["provider"] = draw(st.sampled_from(("", "openai", "aws", "o*")))
        kind = draw(st.sampled_from(("rates", "same_as", "per_second", "tiers")))
        if kind == "same_as" and model != "*":  # that would be a copy of itself
            found.append(UserPrice(**when, same_as=COPIED))
        elif kind in ("per_second", "same_as"):
            found.append(UserPrice(**when, per_second=draw(dollars)))
        else:
            rates: dict[str, Any] = {
                "input": draw(dollars),
                "output": draw(dollars),
                "cache_read": draw(dollars),
            }
            higher: dict[str, Any] = {name: draw(dollars) for name in rates}
            tiers = (Tier(over=1_000, **higher),) if kind == "tiers" else ()
            found.append(UserPrice(**when, **rates, tiers=tiers, per_request=draw(dollars)))
    return tuple(found)


@st.composite
def discounts(draw: st.DrawFn) -> tuple[Discount, ...]:
    found = []
    for _ in range(draw(st.integers(0, 3))):
        start, end = draw(days), draw(days)
        if start and end and end <= start:
            start, end = None, start
        where: Any = draw(
            st.sampled_from([{}, {"feature": "rag"}, {"feature": ("chat", "rag")}, {"feature": "rag*"}])
        )
        found.append(
            Discount(
                provider=draw(st.sampled_from(("*", "openai", "aws"))),
                model=draw(st.sampled_from(("*", "gpt-*", "own-c"))),
                where=where,
                start=start,
                end=end,
                percent=draw(percents),
            )
        )
    return tuple(found)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Layers, ...]:
    """Closed months and today's prices: each era begins at any instant."""
    cuts = sorted({FAR_PAST, FAR_FUTURE, *draw(st.lists(moments, max_size=2))})
    shelf, own, off = draw(shelves()), draw(entries()), draw(discounts())
    found = []
    for start, end in pairwise(cuts):
        found.append(Layers(start, end, shelf, own, off))
        if draw(st.booleans()):
            shelf = draw(shelves())
        if draw(st.booleans()):
            own, off = draw(entries()), draw(discounts())
    return tuple(found)


bases = st.one_of(st.just(Basis()), moments.map(lambda moment: Basis("at", moment)))
