"""The manifest says of each file what a report would else have to ask, and an extent reads no more than it must."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.calls import DAY, DIMENSIONS, at, call, everything, publish, without_counts

from whyspend.engines.duckdb import DuckDB, connect
from whyspend.ledger import GRACE_SECONDS, Ledger
from whyspend.model import USAGE_COLUMNS

START = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)


def expected_marks(rows: list[dict[str, Any]]) -> set[str]:
    marks = {name for name in USAGE_COLUMNS if any(row[name] for row in rows)}
    if any(row["usage_source"] is None and row["kind"] != "tool" for row in rows):
        marks.add("no_usage")
    if any(row["sample_rate"] is not None and row["sample_rate"] < 1 for row in rows):
        marks.add("sampled")
    if any(row["reported_cost"] is None for row in rows):
        marks.add("unreported")
    return marks | {name for name in ("usage_estimated", "request_mixed") if any(row[name] for row in rows)}


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "prompt_total": st.integers(-5, 10**12),
                "usage_source": st.sampled_from([None, "server"]),
                "usage_estimated": st.integers(0, 1),
                "sample_rate": st.sampled_from([None, 0.0, 0.5, 1.0]),
                "reported_cost": st.sampled_from([None, 0, 5]),
                "kind": st.sampled_from(["llm", "tool", "embedding"]),
                "provider": st.sampled_from([None, "openai", "a|b", "'"]),
                "model_answered": st.sampled_from([None, "m", "💸"]),
                "price_context": st.sampled_from(["", "service_tier=flex"]),
                "trace_id": st.sampled_from(["t", "u"]),
                "dimensions": st.sampled_from([("a", None), ("b", None)]),
                **{name: st.sampled_from([0, 1, -1]) for name in USAGE_COLUMNS},
            },
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_manifest_says_what_the_rows_say(
    engine: DuckDB, tmp_path_factory: pytest.TempPathFactory, fields: list[dict[str, Any]]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("marks"))
    publish(ledger, engine, [call(f"{n}", at() + n, **each) for n, each in enumerate(fields)])
    rows = everything(ledger, engine)
    (file,) = ledger.snapshot().manifest.files
    assert file.used == expected_marks(rows)
    assert file.prompt_max == max(row["prompt_total"] for row in rows)
    assert file.price_keys == tuple(sorted({row["price_key"] for row in rows}))
    for key, held in file.priced.items():
        own = [row for row in rows if row["price_key"] == key]
        assert held.prompt_max == max(row["prompt_total"] for row in own)
        assert held.quantities == tuple(name for name in USAGE_COLUMNS if any(row[name] for row in own))
    assert (file.first, file.last) == (rows[0]["started_at"], rows[-1]["started_at"])
    assert (file.rows, file.bytes) == (len(rows), (ledger.root / file.path).stat().st_size)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "openai|gpt-4o|"),
        ({"provider": None, "model_requested": None}, "||"),
        ({"model_answered": "gpt-4o-2024", "price_context": "tier=flex"}, "openai|gpt-4o-2024|tier=flex"),
        ({"kind": "tool"}, "(reported)"),
        ({"provider": "open|ai", "model_requested": "a|b", "price_context": "c|d"}, "open/ai|a|b|c/d"),
    ],
)
def test_a_price_key_is_all_that_decides_the_price(
    fields: dict[str, Any], key: str, ledger: Ledger, engine: DuckDB
) -> None:
    publish(ledger, engine, [call("x", **fields)])
    assert everything(ledger, engine)[0]["price_key"] == key


@given(st.integers(-80, 80), st.integers(0, 160), st.integers(-1, 1))
@settings(max_examples=40, deadline=None)
def test_an_extent_is_a_plain_filter(
    engine: DuckDB, three_days: Ledger, first_hour: int, hours: int, micros: int
) -> None:
    """Files that lie wholly within are not filtered, those at the edges are: nobody can tell which."""
    start = START + timedelta(hours=first_hour, microseconds=micros)
    end = start + timedelta(hours=hours)
    extent = three_days.snapshot().between(start, end)
    first, last = (round(instant.timestamp() * 1_000_000) for instant in (start, end))
    expected = sorted(
        row["call_id"] for row in everything(three_days, engine) if first <= row["started_at"] < last
    )
    whole = [extent.relation(engine, DIMENSIONS)]
    by_day = [day.relation(engine, DIMENSIONS) for day in extent.days()]
    for relations in (whole, by_day):
        found = [row[0] for each in relations for row in engine.rows(f"SELECT call_id FROM {each}")]
        assert sorted(found) == expected
    assert extent.used == frozenset().union(*(file.used for file in extent.files))


@pytest.fixture(scope="module")
def three_days(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Two sources, three days, a call every three hours and at each end of each day."""
    ledger = Ledger(tmp_path_factory.mktemp("three"))
    hours = [START + timedelta(hours=hour) for hour in range(-24, 48, 3)]
    ends = [START + timedelta(days=day, microseconds=-1) for day in (0, 1, 2)]
    for source in ("prod", "other"):
        made = [
            call(f"{source}-{n}", round(instant.timestamp() * 1_000_000), source=source)
            for n, instant in enumerate([*hours, *ends])
        ]
        publish(ledger, engine, made, source=source)
    return ledger


def test_the_span_is_from_the_first_start_to_the_last(three_days: Ledger) -> None:
    assert three_days.snapshot().span == (
        START - timedelta(days=1),
        START + timedelta(days=2, microseconds=-1),
    )


def test_an_extent_without_files_has_the_columns_of_one_with_files(
    three_days: Ledger, engine: DuckDB
) -> None:
    far = datetime(2030, 1, 1, tzinfo=UTC)
    empty = three_days.snapshot().between(far, far + timedelta(days=1))
    full = three_days.snapshot().between(START, START + timedelta(days=1))
    columns = [
        dict(engine.columns(f"SELECT * FROM {extent.relation(engine, DIMENSIONS)}"))
        for extent in (empty, full)
    ]
    assert columns[0] == columns[1]
    assert (empty.prompt_max, empty.price_keys, empty.used) == (0, (), frozenset())


def test_a_prompt_total_below_zero_does_not_hide_a_longer_prompt(ledger: Ledger, engine: DuckDB) -> None:
    publish(
        ledger,
        engine,
        [call("a", prompt_total=-5), without_counts("b", at("00:00", 1), prompt_total=300_000)],
    )
    assert ledger.snapshot().between(START, START + timedelta(days=2)).prompt_max == 300_000


def test_a_snapshot_stays_what_it_was_while_commits_go_on(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("a"), call("b", at("12:00", 1))])
    old = ledger.snapshot()
    publish(ledger, engine, [call("a", input_tokens=7), call("c")])
    publish(ledger, engine, dropped=[(at("12:00", 1), "b")])
    relation = old.between(START, START + timedelta(days=2)).relation(engine, DIMENSIONS)
    assert engine.rows(f"SELECT call_id, input_tokens FROM {relation} ORDER BY 1") == [("a", 100), ("b", 100)]


def test_replaced_files_stay_for_a_time_of_grace_and_then_go(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("a")])
    (first,) = ledger.snapshot().manifest.files
    old = ledger.snapshot()
    publish(ledger, engine, [call("b")])
    assert [each.path for each in ledger.snapshot().manifest.retired] == [first.path]
    assert GRACE_SECONDS == 3600
    held = old.between(START, START + timedelta(days=1)).relation(engine, DIMENSIONS)
    reader = connect(threads=1)
    assert reader.rows(f"SELECT count(*) FROM {held}") == [(1,)]
    publish(ledger, engine, [call("c")], grace=0)
    assert reader.rows("SELECT 1") == [(1,)]
    reader.close()
    assert not (ledger.root / first.path).exists()
    assert ledger.snapshot().manifest.retired == ()
    assert [path for path in (ledger.root / "calls").rglob("*") if path.is_file()] == [
        ledger.root / file.path for file in ledger.snapshot().manifest.files
    ]
    assert [row["call_id"] for row in everything(ledger, engine)] == ["a", "b", "c"]


def test_a_file_that_is_written_again_with_the_same_content_is_left_alone(
    ledger: Ledger, engine: DuckDB
) -> None:
    """A new trace of the day before that only seems to concern this day: same flags, same bytes, same name."""
    publish(ledger, engine, [call("a", at("23:00"), trace_id="t"), call("b", at("00:01", 1), trace_id="t")])
    day_after = ledger.snapshot().manifest.files[1]
    inode = (ledger.root / day_after.path).stat().st_ino
    publish(ledger, engine, [call("c", at("22:00"), trace_id="t", model_requested="gpt-5")])
    assert ledger.snapshot().manifest.files[1] == day_after
    assert (ledger.root / day_after.path).stat().st_ino == inode
