"""What is due, over any course of a budget and any run of luck: a law for every channel."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from whyspend.config import ChannelConfig
from whyspend.ledger.alerts import Told
from whyspend.workspace.due import Case, due, remembered

THRESHOLDS = (Decimal("0.5"), Decimal("0.8"), Decimal(1))
HOUR = 3_600_000_000
DAY = 24 * HOUR

channels = st.builds(
    lambda only: ChannelConfig("c", "slack", only, 0, {}),
    st.sampled_from(
        [
            ("over_budget", "near_budget"),
            ("over_budget",),
            ("near_budget",),
            ("spike",),
            ("over_budget", "spike"),
        ]
    ),
)
courses = st.lists(
    st.tuples(st.sampled_from((Decimal(0), *THRESHOLDS)), st.booleans()), min_size=1, max_size=12
)
"""The level at each look, and whether the service takes what is sent."""


def looks(
    channel: ChannelConfig, course: list[tuple[Decimal, bool]], keeps: bool, *, ends_after: int
) -> list[tuple[int, str, str]]:
    """(look, state, kind) of each message that was accepted, over one period and the looks after it."""
    told: tuple[Told, ...] = ()
    sent: list[tuple[int, str, str]] = []
    incidents = frozenset({"c"} if keeps else ())
    for number, (level, works) in enumerate(course):
        now = number * HOUR
        is_past = number >= ends_after
        case = Case("k", "over_budget", "t", level, ends_after * HOUR, is_past, THRESHOLDS)
        cases = [case] if level else []
        held = {each.key: each for each in told}
        for each in due(cases, told, [channel], incidents, now):
            if each.said and not works:
                continue
            if each.said:
                sent.append((number, each.state, each.kind))
            held[each.told.key] = each.told
        told = remembered(held.values(), ["c"], now)
    return sent


@given(channels, courses, st.booleans(), st.integers(1, 12))
def test_a_channel_hears_only_its_kinds(
    channel: ChannelConfig, course: list[tuple[Decimal, bool]], keeps: bool, ends_after: int
) -> None:
    assert {kind for _, _, kind in looks(channel, course, keeps, ends_after=ends_after)} <= set(
        channel.only or ()
    )


@given(channels, courses, st.integers(1, 12))
def test_what_an_incident_channel_hears_ends_with_a_resolve(
    channel: ChannelConfig, course: list[tuple[Decimal, bool]], ends_after: int
) -> None:
    """Between two resolves there is a trigger, none comes first, and a quiet end closes what is open."""
    course = [*course, (Decimal(0), True), (Decimal(0), True)]
    states = [state for _, state, _ in looks(channel, course, True, ends_after=ends_after)]
    for before, after in zip([None, *states], states, strict=False):
        assert not (after == "resolve" and before in (None, "resolve"))
    assert not states or states[-1] == "resolve"


@given(channels, st.lists(st.sampled_from(THRESHOLDS), min_size=1, max_size=12), st.booleans(), st.data())
def test_a_rising_budget_is_told_of_once_for_each_threshold_whatever_fails(
    channel: ChannelConfig, levels: list[Decimal], keeps: bool, data: st.DataObject
) -> None:
    rising = sorted(levels)
    course = [(level, data.draw(st.booleans())) for level in rising] + [(rising[-1], True)]
    sent = looks(channel, course, keeps, ends_after=99)
    assert all(state == "trigger" for _, state, _ in sent)
    assert len(sent) <= len(set(rising))
    reached = [share for share in THRESHOLDS if share <= rising[-1]]
    kinds = {"over_budget" if share == 1 else "near_budget" for share in reached}
    # In the end the highest that the channel wants to hear of was told.
    assert bool(sent) is bool(kinds & set(channel.only or ()))


@given(courses)
def test_a_look_right_after_another_has_nothing_to_say(course: list[tuple[Decimal, bool]]) -> None:
    channel = ChannelConfig("c", "slack", ("over_budget", "near_budget"), 0, {})
    always = [(level, True) for level, _ in course for _ in range(2)]
    sent = looks(channel, always, True, ends_after=99)
    assert all(number % 2 == 0 for number, _, _ in sent)


def test_a_budget_that_is_only_near_again_is_resolved_once() -> None:
    channel = ChannelConfig("c", "pagerduty", ("over_budget", "near_budget"), 1, {})
    course = [
        (Decimal(1), True),
        (Decimal("0.5"), True),
        (Decimal("0.5"), True),
        (Decimal(1), True),
        (Decimal(0), True),
    ]
    sent = looks(channel, [*course, (Decimal(0), True)], True, ends_after=99)
    assert [state for _, state, _ in sent] == ["trigger", "resolve", "trigger", "resolve"]
