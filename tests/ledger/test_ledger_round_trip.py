"""What goes into the ledger comes out of it, whatever it is."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.calls import (
    DAY,
    DIMENSIONS,
    as_given,
    as_row,
    at,
    call,
    everything,
    live_files,
    publish,
    without_counts,
)

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import InputError
from whyspend.ledger import Ledger
from whyspend.model import COLUMNS, USAGE_COLUMNS, Batch, Call

HOSTILE = [
    "'; DROP TABLE incoming; --",
    "it's",
    "''",
    '"',
    "a\0b",
    "\0",
    "\x1f|\x1e",
    "💸👩‍👩‍👧",
    "\u202egnp.exe\u2066",
    "e\u0301 é",
    "{curly} {0} %s ${x}",
    "line\nbreak\r\n\ttab",
    "\\ \\' \\0",
    " leading and trailing ",
    "NULL",
    "x" * 10_000,
    "\ufeff\u200b",
]

FULL: dict[str, Any] = {
    "parent_id": "parent", "thread_id": "thread", "latency_ms": 2**31 - 1, "first_token_ms": 0,
    "kind": "embedding", "name": "ChatOpenAI", "call_site": "a / b", "root_name": "root", "release": "v1-2",
    "status": "error", "error_kind": "RateLimit", "model_answered": "gpt-4o-2024", "price_context": "tier=flex",
    "price_model_id": "p1", "prompt_total": 2**62, "completion_total": 7, "usage_source": "server",
    "usage_estimated": 1, "usage_flag": "additive", "sample_rate": 0.1, "reported_input_cost": 0,
    "reported_output_cost": 2**62, "reported_cost": -1, "usage_raw": '{"a":1}', "metadata": '{"k":1.5}',
    "tags": ("a", "b", "a"),
}  # fmt: skip


def test_every_column_comes_back_as_it_went_in(ledger: Ledger, engine: DuckDB) -> None:
    counts = {name: number + 1 for number, name in enumerate(USAGE_COLUMNS)}
    made = call("full", **(FULL | counts))
    publish(ledger, engine, [made])
    assert as_given(everything(ledger, engine)) == [as_row(made)]


def test_a_call_with_nothing_but_its_key_comes_back_with_nothing(ledger: Ledger, engine: DuckDB) -> None:
    made = without_counts("bare")
    publish(ledger, engine, [made])
    assert as_given(everything(ledger, engine)) == [as_row(made)]


def test_an_empty_list_of_tags_and_none_are_told_apart(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("none"), call("some", tags=())])
    assert [row["tags"] for row in everything(ledger, engine)] == [None, []]


def hostile(text: str) -> Call:
    """A call that says the same in every text column."""
    texts: dict[str, Any] = {column.name: text for column in COLUMNS if column.sql == "VARCHAR"}
    texts |= {"source": "prod", "tags": (text, text), "dimensions": (text, text), "attributed": (text, text)}
    return call(texts.pop("call_id"), **texts)


def test_hostile_text_survives_in_every_text_column(ledger: Ledger, engine: DuckDB) -> None:
    made = sorted(map(hostile, HOSTILE), key=lambda each: each.call_id.encode())
    for _ in range(2):
        publish(ledger, engine, made, dropped=[(at(), text + "?") for text in HOSTILE])
        rows = sorted(everything(ledger, engine), key=lambda row: str(row["call_id"]).encode())
        assert as_given(rows) == [as_row(each) for each in made]
    assert ledger.snapshot().manifest.revision == 1


def test_calls_with_hostile_ids_can_be_dropped(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [*map(hostile, HOSTILE), call("stays")])
    assert publish(ledger, engine, dropped=[(at(), text) for text in HOSTILE]).removed == len(HOSTILE)
    assert [row["call_id"] for row in everything(ledger, engine)] == ["stays"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives(
    engine: DuckDB, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("any"))
    made = [
        call(
            f"{n:02}",
            name=text,
            tags=(text,),
            dimensions=(text, None),
            metadata=text,
            attributed=("call", None),
        )
        for n, text in enumerate(texts)
    ]
    publish(ledger, engine, made)
    assert as_given(everything(ledger, engine)) == [as_row(each) for each in made]


@pytest.mark.parametrize(
    "dimensions", [("a b", 'x"y'), ("'", "--"), ("times", "arrival"), ("target", "origin"), ("Ü", "filename")]
)
def test_dimensions_may_have_hostile_names(
    dimensions: tuple[str, str], ledger: Ledger, engine: DuckDB
) -> None:
    made = [call("a"), call("b", dimensions=("", None), attributed=("call", None))]
    publish(ledger, engine, made, dimensions=dimensions)
    publish(ledger, engine, [*made, call("a")], dimensions=dimensions)
    publish(ledger, engine, [call("a", at("23:00", -1))], dimensions=dimensions)
    rows = as_given(everything(ledger, engine, dimensions))
    assert rows == [as_row(call("a", at("23:00", -1)), dimensions), as_row(made[1], dimensions)]


def test_calls_around_utc_midnight_go_to_their_own_days(ledger: Ledger, engine: DuckDB) -> None:
    midnight = at("00:00")
    publish(ledger, engine, [call("before", midnight - 1), call("at", midnight), call("after", midnight + 1)])
    days = {row["call_id"]: row["day"].isoformat() for row in everything(ledger, engine)}
    assert days == {"before": "2026-11-02", "at": "2026-11-03", "after": "2026-11-03"}
    held = {
        file.day.isoformat(): (file.rows, file.first, file.last) for file in ledger.snapshot().manifest.files
    }
    assert held == {
        "2026-11-02": (1, midnight - 1, midnight - 1),
        "2026-11-03": (2, midnight, midnight + 1),
    }


@pytest.mark.parametrize("micros", [-1, 0, -62_135_596_800_000_000, 253_402_300_799_000_000])
def test_clocks_that_were_never_set_are_kept_as_they_are(micros: int, ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("odd", micros)])
    publish(ledger, engine, [call("odd", micros, latency_ms=5)])
    (row,) = everything(ledger, engine)
    assert (row["started_at"], row["latency_ms"]) == (micros, 5)
    assert ledger.snapshot().span is not None


def test_two_sources_may_have_the_same_ids(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x")])
    publish(ledger, engine, [call("x", source="other", input_tokens=5)], source="other")
    publish(ledger, engine, dropped=[(at(), "x")])
    rows = everything(ledger, engine)
    assert [(row["source"], row["input_tokens"]) for row in rows] == [("other", 5)]
    assert [fault for fault in ledger.faults(engine) if not fault.harmless] == []


@pytest.mark.parametrize("source", ["a/b", "..", "a b", "a-b", "ü", "x" * 300, "CON", "'; --", "", "a\0b"])
def test_a_source_may_have_any_name(source: str, ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x", source=source)], source=source)
    publish(ledger, engine, [call("x", source="a_b")], source="a_b")
    assert {row["source"] for row in everything(ledger, engine)} == {source, "a_b"}
    folder = ledger.root / "calls" / f"day={DAY}"
    assert all(path.parent == folder for path in live_files(ledger))


def test_a_call_belongs_to_the_source_that_publishes_it(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x", source="somebody else")])
    assert [row["source"] for row in everything(ledger, engine)] == ["prod"]


def test_a_call_says_when_the_ledger_first_held_this_version(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("x"), call("same")])
    first = {row["call_id"]: row["ingested_at"] for row in everything(ledger, engine)}
    publish(ledger, engine, [call("x", latency_ms=3), call("same")])
    second = {row["call_id"]: row["ingested_at"] for row in everything(ledger, engine)}
    assert first["x"] > at()
    assert (second["x"] > first["x"], second["same"] == first["same"]) == (True, True)


def test_an_empty_ledger_holds_nothing_and_has_no_fault(ledger: Ledger, engine: DuckDB) -> None:
    assert everything(ledger, engine) == []
    assert list(ledger.faults(engine)) == []
    assert ledger.snapshot().span is None
    assert ledger.compact(engine, DIMENSIONS) == (0, 0)
    assert not ledger.root.exists()


def test_the_files_hold_no_type_that_spark_refuses(ledger: Ledger, engine: DuckDB) -> None:
    publish(ledger, engine, [call("full", **FULL)])
    (path,) = live_files(ledger)
    types = engine.rows(
        "SELECT name, type, converted_type, logical_type FROM "
        f"parquet_schema({engine.literal(str(path))}) WHERE type IS NOT NULL"
    )
    expected = {
        "VARCHAR": "BYTE_ARRAY", "VARCHAR[]": "BYTE_ARRAY", "BIGINT": "INT64", "INTEGER": "INT32",
        "TINYINT": "INT32", "DOUBLE": "DOUBLE", "TIMESTAMPTZ": "INT64",
    }  # fmt: skip
    physical = {name: kind for name, kind, _, _ in types}
    for column in COLUMNS:
        name = "element" if column.sql == "VARCHAR[]" else column.name
        assert physical[name] == expected[column.sql], column
    said = {str(converted) for _, _, converted, _ in types}
    assert said == {
        "UTF8",
        "INT_8",
        "INT_32",
        "INT_64",
        "TIMESTAMP_MICROS",
        "None",
    }  # no UUID, UINT_*, INTERVAL
    assert {name for name, kind, _, _ in types if kind == "DOUBLE"} == {"sample_rate"}
    ((started,),) = [(logical,) for name, _, _, logical in types if name == "started_at"]
    assert "isAdjustedToUTC=1" in started
    assert "MICROS=<null>" not in started


def test_a_relation_may_lack_columns(ledger: Ledger, engine: DuckDB) -> None:
    """A columnar source hands over what it has; the rest is as Call has it by default."""
    relation = (
        "SELECT 'p' AS project, CAST(uuid() AS UUID) AS trace_id, 'r' AS call_id, 7::UTINYINT AS Input_Tokens, "
        "TIMESTAMPTZ '2026-11-03 10:00:00+00' AS started_at, NULL AS price_context, 'search' AS Feature, "
        "CAST(NULL AS BIGINT) AS output_tokens, 'gpt-4o' AS model_requested"
    )
    writer = ledger.writer(engine, "prod", DIMENSIONS)
    writer.add(Batch(relation=relation))
    writer.add(Batch(calls=[call("c")]))
    writer.commit()
    _, row = everything(ledger, engine)
    default = Call(source="prod", project="p", call_id="r", trace_id=row["trace_id"], started_at=at("10:00"))
    default.input_tokens, default.model_requested = 7, "gpt-4o"
    default.dimensions, default.attributed = ("search", None), (None, None)
    assert as_given([row]) == [as_row(default)]
    assert row["price_key"] == "|gpt-4o|"
    assert ledger.snapshot().manifest.files[0].price_keys == ("openai|gpt-4o|", "|gpt-4o|")


@pytest.mark.parametrize("missing", ["project", "trace_id", "call_id", "started_at"])
def test_a_relation_without_its_key_is_refused(missing: str, ledger: Ledger, engine: DuckDB) -> None:
    cells = {
        "project": "'p'", "trace_id": "'t'", "call_id": "'c'", "started_at": "TIMESTAMPTZ '2026-11-03 10:00:00+00'"
    }  # fmt: skip
    relation = "SELECT " + ", ".join(f"{cell} AS {name}" for name, cell in cells.items() if name != missing)
    writer = ledger.writer(engine, "prod", DIMENSIONS)
    writer.add(Batch(relation=relation))
    with pytest.raises(InputError, match=f"1 calls without {missing}"):
        writer.commit()
    assert everything(ledger, engine) == []


@pytest.mark.parametrize(
    "folder",
    [
        "with space", "it's", 'say "hi"', "ünï/💸", "[team]", "a*b", "a?b", "env=prod", "day=2020-01-01", "~home",
        "{x}", "100%", "a#b", " WHERE 1=0",
    ],
)  # fmt: skip
def test_a_ledger_may_stand_in_any_folder(
    folder: str, tmp_path: Path, engine: DuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`env=prod` above the ledger must not become a column, nor `a?b` match the ledger next door."""
    monkeypatch.chdir(tmp_path)
    next_door = Ledger(tmp_path / folder.replace("?", "x").replace("*", "xx") / "next" / "ledger")
    publish(next_door, engine, [call("next door")])
    for ledger in (Ledger(tmp_path / folder / "ledger"), Ledger(Path(folder) / "ledger")):
        publish(ledger, engine, [call("a"), call("b", at("23:59", -1))])
        publish(ledger, engine, [call("a", latency_ms=1)])
        rows = everything(ledger, engine)
        assert [(row["call_id"], row["env"], row["day"].isoformat()) for row in rows] == [
            ("a", "production", "2026-11-03"),
            ("b", "production", "2026-11-02"),
        ]
        assert [fault for fault in ledger.faults(engine) if not fault.harmless] == []
        assert sum(held for _, held in engine.column_bytes([str(path) for path in live_files(ledger)])) > 0
