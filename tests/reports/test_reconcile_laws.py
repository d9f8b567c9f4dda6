"""Laws of the split, whatever the figures: the parts are the difference, in calls, tokens and 1e-24 dollars."""

from hypothesis import given, settings
from hypothesis import strategies as st

from whyspend.reports.reconcile.prices import CACHE, FROZEN, TABLE, priced_apart, theirs
from whyspend.reports.reconcile.sides import PICO, Amount, Group, Held, MapRow, Place, Seen, Shown, Theirs
from whyspend.reports.reconcile.split import ORDER, walks

BUCKETS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
DETAILS = (
    "cache_read",
    "cache_creation",
    "ephemeral_5m_input_tokens",
    "reasoning",
    "flex",
    "flex_cache_read",
)
VALUES = (None, "rag", "chat", "untagged")
DAYS = (20_400, 20_401)
TABLE_IDS = ("a", "b")

counts = st.integers(0, 2**40)
rates = st.integers(0, 10**20)
money = st.integers(0, 10**27)
amounts = st.builds(Amount, st.integers(0, 9), counts, money)


@st.composite
def price_rows(draw: st.DrawFn, row_id: str) -> MapRow:
    details = st.dictionaries(st.sampled_from(DETAILS), rates, max_size=4)
    return MapRow(row_id, "a name", draw(rates), draw(rates), draw(details), draw(details))


@st.composite
def groups(draw: st.DrawFn) -> Group:
    quantities = draw(st.dictionaries(st.sampled_from(BUCKETS), counts, max_size=5))
    ours = draw(st.none() | money)
    rate_of = st.dictionaries(st.sampled_from(BUCKETS), rates, min_size=1)
    return Group(
        day=draw(st.sampled_from(DAYS)),
        here=(draw(st.sampled_from(VALUES)),),
        there=(draw(st.sampled_from(VALUES)),),
        kind=draw(st.sampled_from(("llm", "llm", "llm", "tool", "embedding"))),
        estimated=draw(st.booleans()),
        provider="openai",
        model=draw(st.sampled_from(("m", None))),
        price_model=draw(st.sampled_from((*TABLE_IDS, "gone", None))),
        calls=draw(st.integers(1, 9)),
        tokens=sum(quantities.values()),
        quantities=quantities,
        ours=ours,
        listed=None if ours is None else draw(st.just(ours) | money),
        reported=draw(st.none() | money),
        rates=None if ours is None else draw(rate_of),
        standard=draw(st.none() | rate_of),
        tier=draw(st.sampled_from(("", "service_tier=flex", "processing=batch"))),
    )


@st.composite
def lists(draw: st.DrawFn) -> tuple[dict[int, list[Seen]], dict[int, list[Held]]]:
    """The same few run ids on both sides, with figures that may or may not agree."""
    ids = st.sampled_from(("1", "2", "3", "4"))
    listed, held = {}, {}
    for day in draw(st.sets(st.sampled_from(DAYS))):
        value = st.sampled_from(VALUES)
        seen = st.builds(Seen, ids, st.just(day), value, st.booleans(), st.booleans(), st.booleans(), amounts)
        calls = st.builds(Held, ids, st.just(day), st.tuples(value), amounts)
        listed[day] = draw(st.lists(seen, max_size=4, unique_by=lambda run: run.run_id))
        held[day] = draw(st.lists(calls, max_size=4, unique_by=lambda call: call.call_id))
    return listed, held


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Group], dict[int, list[Held]], Theirs | None]:
    listed, held = draw(lists())
    shown = st.builds(Shown, st.sampled_from(DAYS), st.sampled_from(VALUES), amounts)
    figures = Theirs(
        draw(st.lists(shown, max_size=5)), listed, {name: draw(price_rows(name)) for name in TABLE_IDS}
    )
    return draw(st.lists(groups(), max_size=6)), held, draw(st.sampled_from((figures, figures, None)))


def placed(_: int, value: str | None) -> Place:
    return (value,)


@settings(max_examples=300, deadline=None)
@given(worlds(), st.lists(st.tuples(st.tuples(st.sampled_from(VALUES)), st.integers(-(10**26), 10**26))))
def test_the_parts_are_the_difference_for_every_row(
    world: tuple[list[Group], dict[int, list[Held]], Theirs | None], adjusted: list[tuple[Place, int]]
) -> None:
    calls, held, figures = world
    for walk in walks(calls, held, figures, adjusted, placed).values():
        assert sum(walk.parts.values(), walk.start) == walk.end
        assert {name for name, _ in walk.parts} <= set(ORDER)
        assert all(walk.parts.values()), "no part is of nothing"


@settings(deadline=None)
@given(worlds())
def test_both_ends_are_the_two_figures(
    world: tuple[list[Group], dict[int, list[Held]], Theirs | None],
) -> None:
    calls, held, figures = world
    found = walks(calls, held, figures, [], placed).values()
    assert sum(walk.end.units for walk in found) == sum(group.ours or 0 for group in calls)
    assert sum(walk.end.calls for walk in found) == sum(group.calls for group in calls)
    start = sum((walk.start for walk in found), Amount())
    if figures is None:
        assert start == sum((group.amount for group in calls if group.kind == "llm"), Amount())
    else:
        assert start == sum((each.amount for each in figures.shown), Amount())


@settings(deadline=None)
@given(groups(), price_rows("a"), st.booleans())
def test_a_price_difference_is_split_whole(group: Group, row: MapRow, with_table: bool) -> None:
    if group.ours is not None and group.listed is not None and group.reported is not None:
        parts = priced_apart(group, row if with_table else None)
        assert sum(units for _, _, units in parts) == group.ours - group.reported


def test_the_worked_example_of_the_module_is_so() -> None:
    million = 10**6
    usd = 10**18  # 1e-24 dollars a token, for a dollar per million
    row = MapRow("a", "m", prompt=5 * usd // 2, completion=0)
    group = Group(
        day=1, here=(), there=(), kind="llm", estimated=False, provider="p", model="m", price_model="a",
        calls=1000, tokens=4 * million,
        quantities={"input_tokens": million, "cache_read_tokens": 3 * million},
        ours=315 * 10**22, listed=35 * 10**23, reported=12 * 10**24,
        rates={"input_tokens": 2 * usd, "cache_read_tokens": usd // 2}, standard=None,
    )  # fmt: skip
    sums: dict[str, int] = {}
    for name, _, units in priced_apart(group, row):
        sums[name] = sums.get(name, 0) + units
    cents = {name: units // 10**22 for name, units in sums.items() if units}
    assert cents == {FROZEN: -200, CACHE: -600, TABLE: -50, "discounts": -35}


def test_a_tier_of_langsmiths_own_is_priced_by_its_details() -> None:
    row = MapRow("a", "m", prompt=8, completion=16, prompt_details={"flex": 4, "flex_cache_read": 1})
    charged = theirs(row, "service_tier=flex")
    assert charged["input_tokens"] == (4, True)
    assert charged["cache_read_tokens"] == (1, True)
    assert charged["output_tokens"] == (16, True)


def test_a_pico_dollar_for_each_call_is_rounding() -> None:
    group = Group(
        day=1, here=(), there=(), kind="llm", estimated=False, provider="p", model="m", price_model="a", calls=3,
        tokens=1, quantities={"input_tokens": 1}, ours=10**24, listed=10**24, reported=10**24 - 3 * PICO,
        rates={"input_tokens": 10**24}, standard=None,
    )  # fmt: skip
    row = MapRow("a", "m", prompt=10**24, completion=0)
    assert [part for part in priced_apart(group, row) if part[2]] == [("rounding", "", 3 * PICO)]
