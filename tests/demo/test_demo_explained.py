"""`explain` names what was planted in the demo: where, since when, and its dollars.

The truth of a cause is its Shapley value beside whatever else differs between the two windows, found by making the
demo's calls again: as they were, and as they would have been with the code of the other window. Each request starts
from the same random numbers either way, so that nothing but the cause differs.

Two fortnights are asked about, each against the one before: 14 days are two of each weekday, so the calendar moves
nothing, and natural ups and downs are small beside what was planted. From 2026-10-20 on there is the switch of the
model (and the end of a promotion on that day, and the batches); from 2026-11-03 on the prompt, the loop and the new
list price, which holds for 9 days of the fortnight before, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.demo.conftest import Opened

from whyspend.model import Table
from whyspend.sources.demo import product as product
from whyspend.sources.demo import requests
from whyspend.workspace import Workspace

FORTNIGHT = timedelta(14)
OCTOBER, NOVEMBER = date(2026, 10, 20), date(2026, 11, 3)
"""The first days of the fortnights."""


class Planted(NamedTuple):
    """What was planted, and as which lines it may be told."""

    feature: str
    drivers: tuple[str, ...]
    since: datetime
    event: str


PLANTED = {
    "batch": Planted("summarizer", ("service_tier",), datetime(2026, 10, 14, tzinfo=UTC), ""),
    "switch": Planted("summarizer", ("model_switch",), datetime(2026, 10, 20, 11, tzinfo=UTC), "release 2.12.0"),
    "promotion": Planted("email-drafts", ("list_price",), datetime(2026, 10, 20, tzinfo=UTC), "price book"),
    "price": Planted("email-drafts", ("list_price",), datetime(2026, 10, 29, tzinfo=UTC), "price book"),
    "prompt": Planted("rag-search", ("prompt_size",), datetime(2026, 11, 3, 9, tzinfo=UTC), "release 2.13.0"),
    # An agent that loops reads its own longer and longer history, most of it from the cache.
    "loop": Planted(
        "agent-copilot",
        ("calls_per_request", "prompt_size", "cache_share"),
        datetime(2026, 11, 10, 14, tzinfo=UTC),
        "release 2.14.0",
    ),
}  # fmt: skip

IN_FORTNIGHT = {OCTOBER: ("batch", "switch", "promotion"), NOVEMBER: ("price", "prompt", "loop")}


def explained(place: Workspace, first: date, days: timedelta = FORTNIGHT) -> Table:
    return place.ask("explain", place.window(str(first), str(first + days - timedelta(1))))


def rows(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def told(answer: Table, planted: Planted) -> list[dict[str, Any]]:
    """The lines of a cause: of its place and drivers, since its moment (a day's first call may be a little late)."""
    return [
        row
        for row in rows(answer)
        if row["driver"] in planted.drivers
        and row["segment"].get("feature") == planted.feature
        and abs(row["since"] - planted.since) <= timedelta(hours=2)
    ]


# The truth.


@contextmanager
def at_another_moment(constant: str, root: str, later: timedelta) -> Iterator[None]:
    """Make the calls of a kind of request as if its cause had begun so much later (or earlier)."""
    usual = requests._DOES[root]
    planted = getattr(product, constant)

    def does(request: requests.Request) -> None:
        random, began = request.random.__self__, request.at  # type: ignore[attr-defined]
        before = random.getstate()
        usual(request)
        after = random.getstate()
        random.setstate(before)
        request.calls.clear()
        request.at = began
        setattr(product, constant, planted + later // timedelta(microseconds=1))
        usual(request)
        setattr(product, constant, planted)
        random.setstate(after)  # the next request is as it was

    requests._DOES[root] = does
    try:
        yield
    finally:
        requests._DOES[root] = usual


def cost(place: Workspace, first: date, feature: str) -> Decimal:
    """Dollars of a fortnight."""
    window = place.window(str(first), str(first + FORTNIGHT - timedelta(1)))
    answer = place.ask("report", window, where=(f"feature={feature}",))
    spent = answer.total["cost_usd"]
    assert isinstance(spent, Decimal)
    return spent


def made_again(opened: Opened, folder: Path, first: date) -> Workspace:
    place = opened(folder)
    list(place.pull("demo", place.window(str(first), str(first + FORTNIGHT - timedelta(1)))))
    return place


@pytest.mark.parametrize(
    ("first", "cause", "constant", "root"),
    [
        (OCTOBER, "switch", "SWITCH_SINCE", "summarize_document"),
        (OCTOBER, "batch", "BATCH_SINCE", "nightly_digest"),
        (NOVEMBER, "prompt", "PROMPT_SINCE", "search"),
        (NOVEMBER, "loop", "LOOP_SINCE", "copilot"),
    ],
)
def test_the_dollars_of_a_planted_cause_are_those_of_making_the_calls_without_it(
    place: Workspace, opened: Opened, tmp_path: Path, first: date, cause: str, constant: str, root: str
) -> None:
    planted = PLANTED[cause]
    with at_another_moment(constant, root, FORTNIGHT):
        spared = made_again(opened, tmp_path / "after", first)
    with at_another_moment(constant, root, -FORTNIGHT):
        struck = made_again(opened, tmp_path / "before", first - FORTNIGHT)
    here = cost(place, first, planted.feature) - cost(spared, first, planted.feature)
    there = cost(struck, first - FORTNIGHT, planted.feature) - cost(place, first - FORTNIGHT, planted.feature)
    truth = (here + there) / 2
    found = sum(row["change_usd"] for row in told(explained(place, first), planted))
    assert Decimal("0.95") <= found / truth <= Decimal("1.05")


RATES = {"old": (Decimal("1.36"), Decimal("4.18")), "new": (Decimal("0.70"), Decimal("2.10"))}
"""Of mistral-large-4, USD per million tokens of input and output, until 2026-10-28 and since."""


def test_the_dollars_of_the_list_price_are_those_of_the_old_rates(place: Workspace) -> None:
    def drafts(first: date) -> Decimal:
        """What the tokens of a fortnight's first 9 days would have cost more at the old rates: the 9 days before the
        change, in the fortnight before, and the same weekdays of this one."""
        window = place.window(str(first), str(first + timedelta(8)))
        total = place.ask("report", window, where=("feature=email-drafts",)).total
        old, new = (
            Decimal(total["input_tokens"]) * per_input + Decimal(total["output_tokens"]) * per_output  # type: ignore[arg-type]
            for per_input, per_output in RATES.values()
        )
        return (new - old) / 1_000_000

    truth = (drafts(NOVEMBER) + drafts(NOVEMBER - FORTNIGHT)) / 2
    found = sum(row["change_usd"] for row in told(explained(place, NOVEMBER), PLANTED["price"]))
    assert Decimal("0.95") <= found / truth <= Decimal("1.05")


# Places and moments.


@pytest.mark.parametrize("first", IN_FORTNIGHT)
def test_a_fortnight_s_causes_have_their_moment_and_what_lines_up_with_it(
    place: Workspace, first: date
) -> None:
    answer = explained(place, first)
    for cause in IN_FORTNIGHT[first]:
        lines = told(answer, PLANTED[cause])
        assert lines, cause
        if (
            cause != "batch"
        ):  # a nightly job: its first batch is made hours after midnight, and no release came
            assert {row["since"] for row in lines} == {PLANTED[cause].since}
            assert all(PLANTED[cause].event in row["sentence"] for row in lines)
            assert {row["lines_up"] for row in lines} == {"confirmed"}


@pytest.mark.parametrize("first", IN_FORTNIGHT)
def test_nothing_is_named_that_was_not_planted(place: Workspace, first: date) -> None:
    answer = explained(place, first)
    planted = [row["sentence"] for cause in IN_FORTNIGHT[first] for row in told(answer, PLANTED[cause])]
    change = answer.total["change"]
    assert isinstance(change, Decimal)
    named = [row for row in rows(answer) if row["line"] and abs(row["change_usd"]) > abs(change) / 50]
    assert [row["sentence"] for row in named if row["sentence"] not in planted] == []


def test_the_loop_and_what_comes_of_it_are_said_to_be_one_cause(place: Workspace) -> None:
    loop, *others = sorted(told(explained(place, NOVEMBER), PLANTED["loop"]), key=lambda row: row["line"])
    assert loop["driver"] == "calls_per_request"
    assert {row["driver"] for row in others} == {"prompt_size", "cache_share"}
    assert all(row["sentence"].endswith(f"likely one cause with line {loop['line']}") for row in others)
    assert 4 < loop["before"] < 5
    assert loop["segment"]["call_site"] == "copilot / act / ChatAnthropic"


def test_three_weeks_against_three_name_all_four_causes_on_one_screen(place: Workspace) -> None:
    answer = explained(place, date(2026, 10, 31), timedelta(21))
    found = {cause: told(answer, PLANTED[cause]) for cause in ("switch", "price", "prompt", "loop")}
    assert all(found.values())
    lines = [row for row in rows(answer) if row["line"]]
    assert len(lines) <= 6
    assert [row["line"] for row in lines if not any(row in own for own in found.values())] == []


def test_the_sentences_are_those_that_a_person_reads(place: Workspace) -> None:
    said = {row["driver"]: row["sentence"] for row in rows(explained(place, NOVEMBER))}
    assert said["prompt_size"].startswith("agent-copilot: prompts grew from ")
    assert "since Nov 10 14:00 (release 2.14.0)" in said["calls_per_request"]
    assert said["list_price"].startswith(
        "email-drafts: list price of mistral-large-4 fell from $1.15 to $0.70"
    )
