"""Calls come again, in other versions, in other orders, on other days; or turn out not to be calls."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.calls import (
    DAY,
    DIMENSIONS,
    all_files,
    as_given,
    as_row,
    at,
    call,
    everything,
    flags,
    publish,
    without_counts,
)

from whyspend.engines.duckdb import DuckDB
from whyspend.ledger import Ledger, Published
from whyspend.model import Batch, Call


def test_of_a_call_that_comes_twice_in_a_batch_the_last_stands(ledger: Ledger, engine: DuckDB) -> None:
    made = [call(f"{n}", latency_ms=1) for n in range(50)]
    again = [call(f"{n}", latency_ms=2, model_requested="gpt-5") for n in range(0, 50, 7)]
    published = publish(ledger, engine, [*made, *again])
    held = {row["call_id"]: row["latency_ms"] for row in everything(ledger, engine)}
    assert published.calls == 50
    assert held == {each.call_id: 2 if each in again else 1 for each in [*made, *again]}
    assert ledger.snapshot().manifest.files[0].price_keys == ("openai|gpt-4o|", "openai|gpt-5|")


def test_publishing_again_changes_nothing_at_all(ledger: Ledger, engine: DuckDB) -> None:
    made = [call("a", tags=("x",), sample_rate=0.5), call("b", at("01:00", 1)), without_counts("c")]
    publish(ledger, engine, made, watermarks={"upto:chat": 5})
    before = all_files(ledger)
    assert publish(ledger, engine, made[::-1], watermarks={"upto:chat": 5}) == Published(seen=3)
    assert publish(ledger, engine) == Published()
    assert all_files(ledger) == before


@pytest.mark.parametrize("together", [True, False])
def test_an_empty_value_never_replaces_a_full_one(together: bool, ledger: Ledger, engine: DuckDB) -> None:
    full = call("x", name="n", tags=("t",), metadata="{}", latency_ms=4, reported_cost=9, price_context="a=b")
    later = without_counts("x", status="error", dimensions=(None, "staging"), attributed=(None, "call"))
    for calls in [[full, later]] if together else [[full], [later]]:
        publish(ledger, engine, calls)
    expected = as_row(full) | {"status": "error", "env": "staging", "env_from": "call"}
    assert as_given(everything(ledger, engine)) == [expected]
    assert everything(ledger, engine)[0]["price_key"] == "openai|gpt-4o|a=b"


@pytest.mark.parametrize("together", [True, False])
def test_counts_of_two_versions_are_never_mixed(together: bool, ledger: Ledger, engine: DuckDB) -> None:
    first = call("x", cache_read_tokens=50, usage_flag="additive", usage_raw="{}", usage_estimated=1)
    second = call(
        "x", input_tokens=7, output_tokens=0, prompt_total=7, completion_total=0, usage_source="server"
    )
    for calls in [[first, second]] if together else [[first], [second]]:
        publish(ledger, engine, calls)
    assert as_given(everything(ledger, engine)) == [as_row(second)]


@pytest.mark.parametrize("together", [True, False])
def test_counts_survive_any_number_of_versions_without(
    together: bool, ledger: Ledger, engine: DuckDB
) -> None:
    versions = [without_counts("x"), call("x"), without_counts("x", name="a"), without_counts("x", name="b")]
    for calls in [versions] if together else [[each] for each in versions]:
        publish(ledger, engine, calls)
    assert as_given(everything(ledger, engine)) == [as_row(call("x", name="b"))]


def test_a_value_and_where_it_was_found_stay_together(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x", dimensions=("a", "e"), attributed=("call", "root"))])
    publish(ledger, engine, [call("x", dimensions=("b", None), attributed=("ancestor", None))])
    (row,) = everything(ledger, engine)
    assert [row[key] for key in ("feature", "feature_from", "env", "env_from")] == [
        "b",
        "ancestor",
        "e",
        "root",
    ]


def test_watermarks_and_links_move_without_calls_and_stay_by_source(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x")], watermarks={"upto:chat": 1, "from:chat": 0})
    files = ledger.snapshot().manifest.files
    published = publish(ledger, engine, watermarks={"upto:chat": 2})
    publish(ledger, engine, source="other", watermarks={"upto:chat": 7})
    writer = ledger.writer(engine, "prod", DIMENSIONS)
    writer.add(Batch(links={"chat": "https://x"}))
    writer.commit()
    manifest = ledger.snapshot().manifest
    assert published == Published()
    assert manifest.watermarks == {"prod": {"upto:chat": 2, "from:chat": 0}, "other": {"upto:chat": 7}}
    assert manifest.links["prod"] == {"chat": "https://x"}
    assert (manifest.files, manifest.revision) == (files, 4)


def test_a_watermark_comes_with_its_calls_or_not_at_all(ledger: Ledger, engine: DuckDB) -> None:
    writer = ledger.writer(engine, "prod", DIMENSIONS)
    writer.add(Batch(calls=[call("x")]))
    assert (writer.waiting, ledger.snapshot().manifest.files) == (1, ())
    writer.commit({"upto:chat": 3})
    manifest = ledger.snapshot().manifest
    assert (writer.waiting, len(manifest.files), manifest.watermarks["prod"]) == (0, 1, {"upto:chat": 3})


# Dropped


def test_a_dropped_call_goes_with_the_batch_that_drops_it(ledger: Ledger, engine: DuckDB) -> None:
    published = publish(ledger, engine, [call("outer"), call("inner")], dropped=[(at(), "outer")])
    assert [row["call_id"] for row in everything(ledger, engine)] == ["inner"]
    assert published == Published(1, 0, (DAY,), seen=2)


def test_a_call_that_was_published_earlier_can_be_dropped(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("outer"), call("inner")])
    assert publish(ledger, engine, dropped=[(at(), "outer")]) == Published(0, 1, (DAY,))
    assert [row["call_id"] for row in everything(ledger, engine)] == ["inner"]


def test_dropping_a_call_that_nobody_knows_changes_nothing(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x")])
    before = all_files(ledger)
    dropped = [(at(), "never"), (at("12:00", 9), "x9"), (at(), "never")]
    assert publish(ledger, engine, dropped=dropped) == Published()
    assert all_files(ledger) == before


def test_a_day_that_loses_its_last_call_is_gone(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("only"), call("next", at("01:00", 2))])
    assert publish(ledger, engine, dropped=[(at(), "only")]).removed == 1
    (file,) = ledger.snapshot().manifest.files
    span = ledger.snapshot().span
    assert file.day == DAY + timedelta(days=2)
    assert span is not None
    assert span[0].date() == DAY + timedelta(days=2)
    publish(ledger, engine, [call("only")])
    assert len(everything(ledger, engine)) == 2


def test_a_ledger_that_loses_its_last_call_is_empty(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("only")])
    publish(ledger, engine, dropped=[(at(), "only")])
    assert (everything(ledger, engine), ledger.snapshot().span) == ([], None)


def test_a_call_is_dropped_although_its_start_is_given_a_day_off(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x", at("23:59")), call("y", at("23:59"))])
    assert publish(ledger, engine, dropped=[(at("00:00", 1), "x")]).removed == 1
    assert [row["call_id"] for row in everything(ledger, engine)] == ["y"]


# Moved


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_a_call_whose_start_is_corrected_to_another_day_is_there_once(
    first: int, second: int, ledger: Ledger, engine: DuckDB
) -> None:
    made = [
        call("x", at("12:00", first)),
        call("stays", at("12:00", first)),
        call("there", at("12:00", second)),
    ]
    publish(ledger, engine, made)
    published = publish(ledger, engine, [without_counts("x", at("13:00", second))])
    rows = everything(ledger, engine)
    assert as_given(rows) == [
        as_row(made[1]),
        as_row(made[2]),
        as_row(call("x", at("13:00", second))),
    ]
    assert (published.calls, published.removed) == (1, 0)
    assert not [fault for fault in ledger.faults(engine) if not fault.harmless]


def test_the_last_call_of_a_day_can_move(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x")])
    publish(ledger, engine, [call("x", at("00:00", 1))])
    assert [file.day for file in ledger.snapshot().manifest.files] == [DAY + timedelta(days=1)]


def test_two_calls_can_change_places(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("a", name="a"), call("b", at("12:00", 1), name="b")])
    publish(ledger, engine, [call("a", at("12:00", 1)), call("b")])
    rows = everything(ledger, engine)
    assert [(row["call_id"], row["started_at"], row["name"]) for row in rows] == [
        ("a", at("12:00", 1), "a"),
        ("b", at(), "b"),
    ]


def test_a_call_can_move_away_from_a_file_with_other_dimensions(ledger: Ledger, engine: DuckDB) -> None:
    held = call("x", metadata='{"team":"cx","other":1}', dimensions=("search",), attributed=("call",))
    publish(ledger, engine, [held], dimensions=("feature",))
    later = without_counts("x", at("00:01", 1))
    publish(ledger, engine, [later], dimensions=("feature", "team"))
    (row,) = everything(ledger, engine, ("feature", "team"))
    assert [row[key] for key in ("feature", "team", "metadata")] == ["search", "cx", '{"other":1}']


def test_verify_names_a_call_that_moved_further_than_the_ledger_looks(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x")])
    publish(ledger, engine, [call("x", at("12:00", 5))])
    (fault,) = [fault for fault in ledger.faults(engine) if not fault.harmless]
    assert "call x of prod is there 2 times" in fault.what
    publish(ledger, engine, dropped=[(at(), "x")])
    assert not [fault for fault in ledger.faults(engine) if not fault.harmless]


# Any order


def _calls() -> st.SearchStrategy[list[Call]]:
    """Calls of few traces over four days, so that traces cross midnight, share times and disagree on owners."""
    one = st.tuples(
        st.integers(0, 4 * 24 - 1), st.integers(0, 5), st.sampled_from(["gpt-4o", "gpt-5", None]),
        st.sampled_from(["search", "chat", None]), st.booleans(),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=14).map(
        lambda found: [_call(number, *each) for number, each in enumerate(found)]
    )


def _call(number: int, hour: int, trace: int, model: str | None, feature: str | None, tool: bool) -> Call:
    fields: dict[str, Any] = {
        "trace_id": f"t{trace}", "model_requested": model, "dimensions": (feature, None),
        "attributed": ("call" if feature else None, None), "kind": "tool" if tool else "llm",
    }  # fmt: skip
    return call(f"c{number:02}", at("00:00") + hour * 3_600_000_000, **fields)


def _compared(ledger: Ledger, engine: DuckDB) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if key != "ingested_at"}
        for row in everything(ledger, engine)
    ]


def _days_without_pause(calls: Sequence[Call]) -> int:
    """How many requests the ledger counts: a trace that pauses for a whole UTC day counts again."""
    days: dict[str, set[int]] = {}
    for each in calls:
        days.setdefault(each.trace_id, set()).add(each.started_at // 86_400_000_000)
    return sum(day - 1 not in held for held in days.values() for day in held)


@given(st.data(), _calls())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_partition_gives_the_same_table_as_one_commit(
    engine: DuckDB, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, calls: list[Call]
) -> None:
    at_once = Ledger(tmp_path_factory.mktemp("once"))
    publish(at_once, engine, calls)
    by_steps = Ledger(tmp_path_factory.mktemp("steps"))
    left = data.draw(st.permutations(calls + calls[: len(calls) // 3]))
    while left:
        size = data.draw(st.integers(1, len(left)))
        publish(by_steps, engine, left[:size])
        left = left[size:]
    expected = _compared(at_once, engine)
    assert _compared(by_steps, engine) == expected
    assert sum(row["request_root"] for row in expected) == _days_without_pause(calls)
    assert not [fault for fault in by_steps.faults(engine) if not fault.harmless]


@given(st.data(), _calls())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dropping_calls_leaves_the_table_that_never_had_them(
    engine: DuckDB, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, calls: list[Call]
) -> None:
    dropped = data.draw(st.sets(st.sampled_from([each.call_id for each in calls])))
    without = Ledger(tmp_path_factory.mktemp("without"))
    publish(without, engine, [each for each in calls if each.call_id not in dropped])
    ledger = Ledger(tmp_path_factory.mktemp("dropped"))
    publish(ledger, engine, calls)
    publish(
        ledger, engine, dropped=[(each.started_at, each.call_id) for each in calls if each.call_id in dropped]
    )
    assert _compared(ledger, engine) == _compared(without, engine)


def test_the_flags_of_the_old_trace_follow_when_a_call_changes_its_trace(
    ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [call("a", trace_id="t"), call("b", at("00:01", 1), trace_id="t")])
    assert flags(ledger, engine)["b"] == (0, 0, 0)
    publish(ledger, engine, [call("a", trace_id="u")])
    assert flags(ledger, engine) == {"a": (1, 1, 0), "b": (1, 1, 0)}
