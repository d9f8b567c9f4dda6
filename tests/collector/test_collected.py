"""Sums of what was collected: exact, of bounded names, and never less than they were."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from whyspend.cli.serve import live_line
from whyspend.collector.collected import NAMES, OTHER, Collected, Rate, Sums

MONDAY, TUESDAY, FRIDAY = "2026-11-23", "2026-11-24", "2026-11-27"


def of(calls: int, cost: str = "0", unpriced: int = 0) -> Sums:
    return Sums(calls, unpriced, Decimal(cost), (calls * 10, 0, 0, calls, 0))


def test_what_the_ledger_held_before_the_start_does_not_count() -> None:
    found = Collected()
    found.take({(MONDAY, "chat"): of(100, "1.5")}, 0)
    assert found.total == Sums()
    found.take({(MONDAY, "chat"): of(103, "1.53"), (TUESDAY, "chat"): of(2, "0.02")}, 10)
    assert found.by_name == {"chat": of(5, "0.05")}


def test_a_day_that_is_looked_at_no_more_keeps_its_sums() -> None:
    found = Collected()
    found.take({}, 0)
    found.take({(MONDAY, "chat"): of(5, "0.5")}, 10)
    found.take({(FRIDAY, "chat"): of(1, "0.1"), (FRIDAY, "new"): of(1)}, 20)
    assert found.by_name == {"chat": of(6, "0.6"), "new": of(1)}


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), max_size=3), max_size=8))
def test_no_sum_ever_goes_down(readings: list[dict[str, int]]) -> None:
    found, before = Collected(), dict[str, Sums]()
    for at, reading in enumerate(readings):
        found.take({(MONDAY, name): of(calls, f"0.{calls}") for name, calls in reading.items()}, at)
        for name, sums in before.items():
            assert found.by_name[name] == found.by_name[name].at_least(sums)
        before = dict(found.by_name)


def test_a_flood_of_names_has_bounded_sums_and_names_do_not_come_and_go() -> None:
    found = Collected()
    found.take({}, 0)
    for reading in range(20):
        found.take({(MONDAY, f"name-{number}"): of(1) for number in range(reading * 100, -1, -1)}, reading)
    assert len(found.by_name) == NAMES + 1
    assert found.by_name[OTHER] == of(1901 - NAMES)
    assert found.total.calls == 1901


def test_the_rate_is_of_the_last_minutes() -> None:
    found = Collected()
    assert found.rate() is None
    for minute in range(11):
        found.take({(MONDAY, "chat"): of(minute, f"{minute * minute}")}, minute * 60.0)
    assert found.rate() == Rate(Decimal(18), 2, 0)  # (100 - 64) / 2


def test_the_live_line_says_what_is_unpriced_and_no_rate_that_is_unknown() -> None:
    line = live_line(of(200, "1", unpriced=3), Rate(Decimal("0.0123"), 9, 1), of(50), 7)
    assert line == ("200 calls collected, $0.012 a minute, 25% without an owner, 3 unpriced, 7 runs go on")
    unpriced = live_line(of(2, unpriced=2), Rate(Decimal(0), 2, 2), Sums(), 0)
    assert unpriced == "2 calls collected, 0% without an owner, 2 unpriced, 0 runs go on"
    assert live_line(Sums(), None, Sums(), 0) == "0 calls collected, 0 runs go on"
