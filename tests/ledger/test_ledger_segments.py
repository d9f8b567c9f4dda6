"""A day in several files: the same calls and flags as in one, while most of the files are left alone."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.ledger.calls import DAY, DIMENSIONS, at, call, everything, flags, publish

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import LedgerError
from whyspend.ledger import Ledger, Published
from whyspend.ledger import manifest as manifests
from whyspend.model import Batch, Call


def paths(ledger: Ledger, day: date = DAY) -> list[str]:
    """The live files of a day, the earliest calls first."""
    return [file.path for file in ledger.snapshot().manifest.files if file.day == day]


def ids(ledger: Ledger, engine: DuckDB) -> list[set[str]]:
    """The calls of each live file, in the same order."""
    held = [engine.scan([str(ledger.root / path)]) for path in paths(ledger)]
    return [{row[0] for row in engine.rows(f"SELECT call_id FROM {file}")} for file in held]


def calls(first: int, last: int, **fields: Any) -> list[Call]:
    return [call(f"{n:03}", at() + n, **fields) for n in range(first, last)]


# The law: segments are nothing that a reader can see

NUMBERS = st.integers(0, 7)


@dataclass(frozen=True)
class Commit:
    """What is published together, and what happens around it."""

    made: list[Call]
    team: str | None
    dropped: list[tuple[int, str]]
    keys: tuple[str, ...]
    reopens: bool
    """A new process goes on: it knows nothing but what the ledger says."""
    merges: bool


@st.composite
def a_call(draw: st.DrawFn) -> Call:
    """One of eight calls, in one of four traces, on one of two days around a midnight, in some version."""
    number = draw(NUMBERS)
    feature = draw(st.sampled_from([None, "f", "g"]))
    return call(
        f"c{number}",
        at("23:50", number % 2) + draw(st.integers(0, 20)) * 60_000_000,
        trace_id=f"t{draw(st.integers(0, 3))}",
        model_requested=draw(st.sampled_from(["a", "b"])),
        kind=draw(st.sampled_from(["llm", "tool"])),
        name=draw(st.sampled_from([None, "x", "y"])),
        dimensions=(feature, None),
        attributed=("call" if feature else None, None),
    )


A_DROP = st.tuples(st.integers(0, 2).map(lambda day: at("12:00", day)), NUMBERS.map(lambda n: f"c{n}"))
TEAM = (*DIMENSIONS, "team")
KEYS = st.sampled_from([DIMENSIONS, DIMENSIONS, TEAM, ("feature",), ("team", "feature")])
"""The configured dimensions: they change as a file does, and calls of before are read with those of today."""


@st.composite
def a_commit(draw: st.DrawFn) -> Commit:
    made = draw(st.lists(a_call(), max_size=4))
    team = draw(st.sampled_from([None, "t", "u"]))
    return Commit(
        made, team, draw(st.lists(A_DROP, max_size=1)), draw(KEYS), draw(st.booleans()), draw(st.booleans())
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.lists(a_commit(), min_size=2, max_size=6), segment=st.integers(1, 3))
def test_any_commits_leave_the_same_calls_and_flags_in_segments_as_in_whole_days(
    commits: list[Commit], segment: int, engine: DuckDB
) -> None:
    """Also where the process ends between two of them, and where other dimensions are configured."""
    with TemporaryDirectory() as folder:
        whole, parted = Ledger(Path(folder) / "whole"), Ledger(Path(folder) / "parted")
        keys: tuple[str, ...] = ()
        for commit in commits:
            if commit.reopens or commit.keys != keys:
                keys = commit.keys
                writer = parted.writer(engine, "prod", keys, segment=segment)
            made = [of_team(call, commit.team, keys) for call in commit.made]
            one = publish(whole, engine, made, dropped=commit.dropped, dimensions=keys)
            several = publish_with(writer, made, commit.dropped)
            assert (several.calls, several.removed, several.seen) == (one.calls, one.removed, one.seen)
            if commit.merges:
                writer.merge(DAY + timedelta(days=2), 3)
            assert seen(parted, engine, keys) == seen(whole, engine, keys)
            assert list(parted.faults(engine)) == list(whole.faults(engine))
        assert_stated(parted, engine)
        parted.compact(engine, keys)
        whole.compact(engine, keys)
        assert seen(parted, engine, keys) == seen(whole, engine, keys)
        assert [file.rows for file in parted.snapshot().manifest.files] == [
            file.rows for file in whole.snapshot().manifest.files
        ]


def of_team(made: Call, team: str | None, keys: tuple[str, ...]) -> Call:
    """A call as it arrives while these keys are dimensions: of a team, which is metadata where it is none of them."""
    values = {**dict(zip(DIMENSIONS, made.dimensions, strict=True)), "team": team}
    rest = {key: value for key, value in values.items() if key not in keys and value}
    return replace(
        made,
        dimensions=tuple(values[key] for key in keys),
        attributed=tuple("call" if values[key] else None for key in keys),
        metadata=json.dumps(rest) if rest else None,
    )


def publish_with(writer: Any, made: list[Call], dropped: list[tuple[int, str]]) -> Published:
    writer.add(Batch(calls=made, dropped=dropped))
    published: Published = writer.commit()
    return published


def seen(ledger: Ledger, engine: DuckDB, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != "ingested_at"}
        for row in everything(ledger, engine, keys)
    ]


def assert_stated(ledger: Ledger, engine: DuckDB) -> None:
    """What the manifest says of each file is what is in it."""
    for file in ledger.snapshot().manifest.files:
        ((rows, first, last),) = engine.rows(
            "SELECT count(*), epoch_us(min(started_at)), epoch_us(max(started_at)) "
            f"FROM {engine.scan([str(ledger.root / file.path)])}"
        )
        assert (file.rows, file.first, file.last) == (rows, first, last)


# Which files are written


def test_a_full_file_is_left_alone_and_the_small_one_grows(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 12), segment=10)
    full, small = paths(ledger)
    publish(ledger, engine, calls(12, 15), segment=10)
    assert (paths(ledger)[0], len(paths(ledger))) == (full, 2)
    assert small not in paths(ledger)
    publish(ledger, engine, calls(15, 31), segment=10)
    assert [len(held) for held in ids(ledger, engine)] == [10, 10, 10, 1]
    assert paths(ledger)[0] == full


def test_a_later_version_of_a_call_changes_its_file_and_no_other(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 35), segment=10)
    before = paths(ledger)
    assert publish(ledger, engine, [call("013", at() + 13, name="late")], segment=10).calls == 1
    after = paths(ledger)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True, True]
    assert [row["name"] for row in everything(ledger, engine)].count("late") == 1


def test_a_call_that_is_dropped_leaves_its_file(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 30), segment=10)
    before = paths(ledger)
    assert publish(ledger, engine, dropped=[(at(), "013")], segment=10).removed == 1
    assert [path in before for path in paths(ledger)] == [True, False, True]
    assert len(everything(ledger, engine)) == 29


def test_a_call_of_an_old_trace_joins_its_file(ledger: Ledger, engine: DuckDB) -> None:
    old = [call("a", at("10:00"), trace_id="t")]
    publish(ledger, engine, [*old, *calls(0, 25)], segment=10)
    publish(ledger, engine, [call("b", at("13:00"), trace_id="t", model_requested="other")], segment=10)
    assert [{"a", "b"} <= held for held in ids(ledger, engine)].count(True) == 1
    assert [flags(ledger, engine)[name] for name in ("a", "b")] == [(1, 1, 0), (0, 1, 0)]


def test_a_trace_that_is_longer_than_a_file_is_not_parted(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [*calls(0, 5), *calls(5, 40, trace_id="t"), *calls(40, 60)], segment=10)
    held = ids(ledger, engine)
    long = {f"{n:03}" for n in range(5, 40)}
    assert [long <= each for each in held].count(True) == 1
    assert sum(map(len, held)) == 60
    assert sum(row["request_root"] for row in everything(ledger, engine)) == 26


def test_the_day_after_is_flagged_again_in_the_file_that_shares_the_trace(
    ledger: Ledger, engine: DuckDB
) -> None:
    after = DAY + timedelta(days=1)
    goes_on = call("later", at("00:01", 1), trace_id="t")
    made = [call(f"{n:02}", at("02:00", 1) + n) for n in range(25)]
    publish(ledger, engine, [goes_on, *made], segment=10)
    before = paths(ledger, after)
    publish(ledger, engine, [call("first", at("23:59"), trace_id="t")], segment=10)
    assert [path in before for path in paths(ledger, after)].count(False) == 1
    assert flags(ledger, engine)["later"] == (0, 0, 0)


def test_the_files_of_other_dimensions_are_read_beside_the_new_ones(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 15, metadata='{"team":"x"}'), segment=10)
    dimensions = (*DIMENSIONS, "team")
    tagged = call("new", at() + 90, dimensions=("search", None, "y"), attributed=("call", None, "call"))
    publish(ledger, engine, [tagged], segment=10, dimensions=dimensions)
    held = everything(ledger, engine, dimensions)
    assert {file.dimensions for file in ledger.snapshot().manifest.files} == {DIMENSIONS, dimensions}
    assert [row["team"] for row in held] == ["x"] * 15 + ["y"]
    ledger.compact(engine, dimensions)
    assert everything(ledger, engine, dimensions) == held
    assert [file.dimensions for file in ledger.snapshot().manifest.files] == [dimensions]


# Back to one file


def test_a_commit_without_segments_makes_one_file_of_a_day_that_it_changes(
    ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, calls(0, 25), segment=10)
    publish(ledger, engine, calls(0, 25))
    assert len(paths(ledger)) == 3
    publish(ledger, engine, calls(25, 26))
    assert len(paths(ledger)) == 1
    assert len(everything(ledger, engine)) == 26


def test_small_steps_merge_the_days_that_are_over(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [*calls(0, 45), call("next", at("12:00", 1))], segment=10)
    held = everything(ledger, engine)
    writer = ledger.writer(engine, "prod", DIMENSIONS, segment=10)
    assert not writer.merge(DAY, 30)
    assert writer.merge(DAY + timedelta(days=1), 30)
    assert sorted(map(len, ids(ledger, engine))) == [10, 10, 25]
    assert writer.merge(DAY + timedelta(days=1), 30)
    assert sorted(map(len, ids(ledger, engine))) == [20, 25]
    assert not writer.merge(DAY + timedelta(days=1), 30)
    assert everything(ledger, engine) == held


def test_merging_holds_no_ids_of_days_that_are_over(ledger: Ledger, engine: DuckDB) -> None:
    publish(
        ledger,
        engine,
        [call(f"{day}-{n}", at(day=day) + n) for day in range(6) for n in range(45)],
        segment=10,
    )
    writer = ledger.writer(engine, "prod", DIMENSIONS, segment=10)
    publish_with(writer, [call("5-46", at(day=5) + 46)], [])
    held = tables(engine)
    assert held, "of today's full files, and yesterday's"
    while writer.merge(DAY + timedelta(days=5), 1_000):
        assert len(tables(engine)) <= len(held)
    publish_with(writer, [call("5-47", at(day=5) + 47, trace_id="trace-4-1")], [])
    assert flags(ledger, engine)["5-47"] == (0, 0, 0), "a merged file is known anew where it is needed"


def tables(engine: DuckDB) -> list[str]:
    """The ids of files that the engine holds."""
    rows = engine.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'ids!_%' ESCAPE '!'")
    return sorted(name for (name,) in rows)


def test_compacting_makes_each_day_one_file_and_changes_nothing_else(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 45), segment=10)
    held = everything(ledger, engine)
    assert ledger.compact(engine, DIMENSIONS) == (1, 0)
    assert (len(paths(ledger)), everything(ledger, engine)) == (1, held)
    assert ledger.compact(engine, DIMENSIONS) == (0, 0)


# Damage


@pytest.mark.parametrize("at_place", [0, 2])
def test_a_damaged_segment_is_named_and_nothing_is_published_beside_it(
    at_place: int, ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, calls(0, 25), segment=10)
    damaged = paths(ledger)[at_place]
    (ledger.root / damaged).unlink()
    assert [fault.path for fault in ledger.faults(engine)] == [damaged]
    before = ledger.snapshot().manifest
    writer = ledger.writer(engine, "prod", DIMENSIONS, segment=10)
    for change in (
        lambda: publish_with(writer, calls(25, 26), []),
        lambda: ledger.compact(engine, DIMENSIONS),
    ):
        with pytest.raises(LedgerError, match=damaged):
            change()
    with pytest.raises(LedgerError, match=damaged):
        everything(ledger, engine)
    assert ledger.snapshot().manifest == before


def test_a_full_pull_begins_a_day_with_a_damaged_segment_anew(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 25), segment=10)
    (ledger.root / paths(ledger)[1]).unlink()
    publish(ledger, engine, calls(5, 25), replace_damaged=True)
    assert len(everything(ledger, engine)) == 20
    assert not [fault for fault in ledger.faults(engine) if not fault.harmless]


def test_what_was_added_to_a_commit_that_failed_can_be_cleared(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, calls(0, 25), segment=10)
    lost = ledger.root / paths(ledger)[0]
    lost.rename(lost.with_suffix(".away"))
    writer = ledger.writer(engine, "prod", DIMENSIONS, segment=10)
    with pytest.raises(LedgerError):
        publish_with(writer, calls(25, 26), [])
    writer.clear()
    lost.with_suffix(".away").rename(lost)
    publish_with(writer, calls(26, 27), [])
    assert len(everything(ledger, engine)) == 26


def test_verify_names_a_trace_that_is_in_two_files_of_a_day(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("a", trace_id="t")])
    (first,) = ledger.snapshot().manifest.files
    publish(ledger, engine, dropped=[(at(), "a")])
    publish(ledger, engine, [call("b", trace_id="t")])
    manifest = ledger.snapshot().manifest
    manifests.swap(ledger.root, replace(manifest, files=(first, *manifest.files), retired=()))
    found = [fault.what for fault in ledger.faults(engine) if not fault.harmless]
    assert found == [f"the trace t of prod is in 2 files of {DAY}"]
