"""request_root, model_root and request_mixed: (1, 1, 0) is the first call of a trace whose calls agree."""

from typing import Any

import pytest
from tests.ledger.calls import DIMENSIONS, at, call, everything, flags, publish

from whyspend.engines.duckdb import DuckDB
from whyspend.ledger import Ledger
from whyspend.model import Call


def traced(call_id: str, clock: str, day: int = 0, **fields: Any) -> Call:
    return call(call_id, at(clock, day), **({"trace_id": "t"} | fields))


def test_the_worked_example_of_the_rule(ledger: Ledger, engine: DuckDB) -> None:
    publish(
        ledger,
        engine,
        [
            traced("third", "10:02"),
            traced("second", "10:01", model_requested="gpt-4o-mini"),
            traced("first", "10:00"),
        ],
    )
    assert flags(ledger, engine) == {"first": (1, 1, 0), "second": (0, 1, 0), "third": (0, 0, 0)}


def test_of_calls_that_began_at_once_the_smallest_id_opens_the_request(
    ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [traced("b", "10:00"), traced("a", "10:00"), traced("c", "10:00")])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (0, 0, 0), "c": (0, 0, 0)}


def test_the_answered_model_counts_before_the_requested_one(ledger: Ledger, engine: DuckDB) -> None:
    publish(
        ledger,
        engine,
        [traced("a", "10:00"), traced("b", "10:01", model_requested="x", model_answered="gpt-4o")],
    )
    assert flags(ledger, engine)["b"] == (0, 0, 0)


def test_tool_runs_and_calls_without_a_model_share_a_row_whatever_they_name(
    ledger: Ledger, engine: DuckDB
) -> None:
    publish(
        ledger,
        engine,
        [
            traced("a", "10:00", kind="tool", model_requested="gpt-4o"),
            traced("b", "10:01", model_requested=None),
            traced("c", "10:02"),
        ],
    )
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (0, 0, 0), "c": (0, 1, 0)}


def test_a_trace_that_runs_past_midnight_counts_on_the_day_it_began(ledger: Ledger, engine: DuckDB) -> None:
    after = [
        traced("b", "00:01", 1),
        traced("c", "00:02", 1, model_requested="gpt-5"),
        traced("d", "23:59", 2),
    ]
    publish(ledger, engine, [traced("a", "23:59"), *after])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (0, 0, 0), "c": (0, 1, 0), "d": (0, 0, 0)}


def test_the_day_after_follows_when_the_day_before_arrives_later(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [traced("b", "00:01", 1), call("other", at("09:00", 1))])
    assert flags(ledger, engine)["b"] == (1, 1, 0)
    published = publish(ledger, engine, [traced("a", "23:59")])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (0, 0, 0), "other": (1, 1, 0)}
    assert (published.calls, len(published.days)) == (1, 2)


def test_the_day_after_stays_untouched_when_it_shares_no_trace(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("b", at("00:01", 1))])
    (before,) = ledger.snapshot().manifest.files
    publish(ledger, engine, [call("a", at("23:59"))])
    assert ledger.snapshot().manifest.files[1] == before


def test_an_earlier_call_takes_over_the_request(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [traced("b", "10:01")])
    publish(ledger, engine, [traced("a", "10:00")])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (0, 0, 0)}


@pytest.mark.parametrize("clock_of_the_rest", [("10:05", 0), ("00:01", 1)])
def test_the_next_call_takes_over_when_the_first_is_dropped(
    clock_of_the_rest: tuple[str, int], ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [traced("a", "10:00"), traced("b", *clock_of_the_rest)])
    publish(ledger, engine, dropped=[(at("10:00"), "a")])
    assert flags(ledger, engine) == {"b": (1, 1, 0)}


def test_a_trace_that_pauses_for_a_whole_day_counts_again(ledger: Ledger, engine: DuckDB) -> None:
    """The stated limit: only the day before is looked at."""
    publish(ledger, engine, [traced("a", "10:00"), traced("b", "10:00", 2)])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (1, 1, 0)}


def test_traces_of_two_sources_are_two_requests(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [traced("a", "10:00")])
    publish(ledger, engine, [traced("b", "10:01"), traced("c", "00:01", 1)], source="other")
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (1, 1, 0), "c": (0, 0, 0)}


@pytest.mark.parametrize(
    "other",
    [
        {"dimensions": ("chat", "production")},
        {"dimensions": ("search", None)},
        {"project": "agents"},
        {"dimensions": ("search\x1fproduction", "")},
    ],
)
def test_calls_that_disagree_on_an_owner_make_their_trace_mixed(
    other: dict[str, Any], ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [traced("a", "10:00"), traced("b", "10:01", **other), call("c")])
    assert flags(ledger, engine) == {"a": (1, 1, 1), "b": (0, 0, 1), "c": (1, 1, 0)}
    assert "request_mixed" in ledger.snapshot().manifest.files[0].used
    publish(ledger, engine, dropped=[(at("10:01"), "b")])
    assert flags(ledger, engine)["a"] == (1, 1, 0)
    assert "request_mixed" not in ledger.snapshot().manifest.files[0].used


def test_joined_owners_that_read_alike_are_told_apart(ledger: Ledger, engine: DuckDB) -> None:
    one = traced("a", "10:00", dimensions=("x\x1fy", "z"))
    publish(ledger, engine, [one, traced("b", "10:01", dimensions=("x", "y\x1fz"))])
    assert flags(ledger, engine) == {"a": (1, 1, 1), "b": (0, 0, 1)}


def test_requests_are_the_distinct_traces_day_by_day_and_in_all(ledger: Ledger, engine: DuckDB) -> None:
    made = [
        call(f"c{n:03}", at("00:00") + n * 3_500_000_000, trace_id=f"t{n // 5}", model_requested=f"m{n % 3}")
        for n in range(90)
    ]
    for start in (60, 0, 30):
        publish(ledger, engine, made[start : start + 30])
    rows = everything(ledger, engine, DIMENSIONS)
    assert sum(row["request_root"] for row in rows) == 18
    assert sum(row["model_root"] for row in rows) == len(
        {(row["trace_id"], row["model_requested"]) for row in rows}
    )
