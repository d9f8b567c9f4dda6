"""The configured dimensions change: old files are read as if they had been written with today's."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.ledger.calls import DAY, all_files, as_given, at, call, everything, publish

from whyspend.engines.duckdb import DuckDB
from whyspend.ledger import Ledger, Published
from whyspend.model import Call


def tagged(
    call_id: str, values: tuple[str | None, ...], metadata: dict[str, Any] | None, **fields: Any
) -> Call:
    text = None if metadata is None else json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)
    origins = tuple("call" if value else None for value in values)
    return call(call_id, **({"dimensions": values, "attributed": origins, "metadata": text} | fields))


def values(ledger: Ledger, engine: DuckDB, dimensions: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """(the dimensions with where they were found ..., metadata) of each call."""
    return [
        (*((row[key], row[f"{key}_from"]) for key in dimensions), row["metadata"])
        for row in everything(ledger, engine, dimensions)
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("cx", "cx"), (5, "5"), (1.5, "1.5"), (True, "true"), (False, "false"), (None, None), ("", None), ("  ", None),
        (" cx ", "cx"), ("it's \"x\" \0 💸", "it's \"x\" \0 💸"), (10**17, "100000000000000000"),
    ],
)  # fmt: skip
def test_a_new_dimension_is_read_from_the_metadata(
    written: object, read: str | None, ledger: Ledger, engine: DuckDB
) -> None:
    _is_promoted("team", written, read, ledger, engine)


@pytest.mark.parametrize("key", ["a b", 'x"y', "m/n", "~t", "$.z", "0", "it's"])
def test_a_new_dimension_may_have_a_hostile_name(key: str, ledger: Ledger, engine: DuckDB) -> None:
    _is_promoted(key, "cx", "cx", ledger, engine)


def _is_promoted(key: str, written: object, read: str | None, ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [tagged("x", ("f",), {key: written, "other": 1})], dimensions=("feature",))
    expected = [(("f", "call"), (read, "call" if read else None), '{"other":1}')]
    assert values(ledger, engine, ("feature", key)) == expected
    assert ledger.compact(engine, ("feature", key)) == (1, 0)
    assert values(ledger, engine, ("feature", key)) == expected


def test_a_call_without_metadata_has_no_value_of_a_new_dimension(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [tagged("x", ("f",), None)], dimensions=("feature",))
    assert values(ledger, engine, ("feature", "team")) == [(("f", "call"), (None, None), None)]


@pytest.mark.parametrize("compacted", [False, True])
def test_a_dimension_that_is_taken_away_goes_back_into_the_metadata(
    compacted: bool, ledger: Ledger, engine: DuckDB
) -> None:
    both, feature = ("feature", 'te"am'), ("feature",)
    made = [
        tagged("a", ("f", "cx"), {"k": 1}),
        tagged("b", ("f", "it's"), None),
        tagged("c", ("f", None), {"k": None}),
        tagged("d", ("f", None), None),
    ]
    publish(ledger, engine, made, dimensions=both)
    if compacted:
        ledger.compact(engine, feature)
    expected = ['{"k":1,"te\\"am":"cx"}', '{"te\\"am":"it\'s"}', '{"k":null}', None]
    assert [row[-1] for row in values(ledger, engine, feature)] == expected
    if compacted:
        ledger.compact(engine, both)
    assert [row[1:] for row in values(ledger, engine, both)] == [
        (("cx", "call"), '{"k":1}'),
        (("it's", "call"), None),
        ((None, None), '{"k":null}'),
        ((None, None), None),
    ]


def test_files_with_different_dimensions_are_read_together(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [tagged("a", ("f",), {"team": "cx"})], dimensions=("feature",))
    publish(
        ledger,
        engine,
        [tagged("b", ("cy", "f"), None, started_at=at("12:00", 1))],
        dimensions=("team", "feature"),
    )
    publish(
        ledger, engine, [tagged("c", ("e",), {"team": 7}, started_at=at("12:00", 2))], dimensions=("env",)
    )
    wanted = ("feature", "team", "env")
    assert [tuple(row[key] for key in wanted) for row in everything(ledger, engine, wanted)] == [
        ("f", "cx", None),
        ("f", "cy", None),
        (None, "7", "e"),
    ]
    first = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    edges = ledger.snapshot().between(first + timedelta(hours=1), first + timedelta(days=1, hours=1))
    assert engine.rows(f"SELECT call_id FROM {edges.relation(engine, wanted)}") == [("b",)]
    assert list(ledger.faults(engine)) == []


def test_pulling_a_day_again_brings_its_file_up_to_date_once(ledger: Ledger, engine: DuckDB) -> None:
    publish(
        ledger,
        engine,
        [tagged("a", ("f",), {"team": "cx"}), tagged("b", ("f",), {"team": "cy"})],
        dimensions=("feature",),
    )
    again = [tagged("a", ("f", "cx"), None)]
    assert publish(ledger, engine, again, dimensions=("feature", "team")) == Published(seen=1)
    new = [*again, tagged("c", ("f", "cz"), None)]
    assert publish(ledger, engine, new, dimensions=("feature", "team")).calls == 1
    assert ledger.snapshot().manifest.files[0].dimensions == ("feature", "team")
    assert [row["team"] for row in everything(ledger, engine, ("feature", "team"))] == ["cx", "cy", "cz"]


def test_dimensions_in_another_order_are_the_same_values(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [tagged("a", ("f", "e"), {"k": 1.10})], dimensions=("feature", "env"))
    before = as_given(everything(ledger, engine, ("env", "feature")))
    ledger.compact(engine, ("env", "feature"))
    assert as_given(everything(ledger, engine, ("env", "feature"))) == before


def test_compacting_brings_every_source_up_to_date_and_the_flags_with_it(
    ledger: Ledger, engine: DuckDB
) -> None:
    made = [tagged(name, ("f",), {"team": name}, trace_id="t") for name in "ab"]
    for source in ("prod", "other"):
        publish(ledger, engine, made, dimensions=("feature",), source=source, watermarks={"upto:x": 3})
    assert ledger.compact(engine, ("feature", "team")) == (2, 0)
    rows = everything(ledger, engine, ("feature", "team"))
    assert [(row["team"], row["request_mixed"]) for row in rows] == [("a", 1), ("b", 1)] * 2
    assert {file.dimensions for file in ledger.snapshot().manifest.files} == {("feature", "team")}
    assert ledger.snapshot().manifest.watermarks == {"prod": {"upto:x": 3}, "other": {"upto:x": 3}}


def test_compacting_what_is_up_to_date_changes_nothing(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [tagged("a", ("f",), {"team": "cx"})], dimensions=("feature",))
    before = all_files(ledger)
    assert ledger.compact(engine, ("feature",)) == (0, 0)
    assert all_files(ledger) == before


def test_compacting_removes_what_was_replaced_long_ago(ledger: Ledger, engine: DuckDB) -> None:
    for number in range(3):
        publish(ledger, engine, [tagged("a", ("f",), None, latency_ms=number)], dimensions=("feature",))
    assert len(ledger.snapshot().manifest.retired) == 2
    assert ledger.compact(engine, ("feature",), grace=0) == (0, 0)
    assert len(list((ledger.root / "calls").rglob("*.parquet"))) == 1
    assert ledger.snapshot().manifest.retired == ()
