"""A bulk export gives the ledger the same rows as the API does, whatever the shape of its files."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.langsmith_runs import v2_run
from tests.loopback.traffic import MARKER, Traffic, nested_across_midnight, traffic
from tests.sources.export_files import (
    DIMENSIONS,
    Shape,
    close_all,
    differences,
    expected,
    held,
    pulled,
    runs_of,
    workspace,
    write,
    write_hive,
)

from whyspend.model import USAGE_COLUMNS
from whyspend.wire import langsmith as wire

START = datetime(2026, 11, 10, tzinfo=UTC)
DAYS = ("2026-11-10", "2026-11-13")


@pytest.fixture(autouse=True)
def _engines() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(scope="module")
def made() -> Traffic:
    found = traffic(START, 3, 26)
    nested_across_midnight(found, START + timedelta(days=1))
    return found


@pytest.fixture(scope="module")
def runs(made: Traffic) -> list[dict[str, Any]]:
    return runs_of(made)


def names(made: Traffic) -> dict[str, str]:
    return {project.id: project.name for project in made.projects}


@pytest.mark.parametrize("shape", ["text", "typed", "floats"])
def test_every_row_is_what_the_api_gives_whatever_the_types_of_the_columns(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]], shape: Shape
) -> None:
    write_hive(tmp_path / "export", runs, shape)
    rows = pulled(workspace(tmp_path, tmp_path / "export", names(made)), *DAYS)
    wanted = expected(runs, names(made))
    if shape == "floats":  # it has milliseconds only at the end of a run
        rows, wanted = (
            {key: {**row, "latency_ms": 0} for key, row in some.items()} for some in (rows, wanted)
        )
    assert differences(rows, wanted) == {}
    assert rows.keys() == made.truth.keys()


def test_the_figures_are_those_that_the_second_version_of_the_api_gives(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs, "typed")
    rows = pulled(workspace(tmp_path, tmp_path / "export", names(made)), *DAYS)
    page = {"items": [v2_run(run, list(wire.V2_SELECTS)) for run in made.runs]}
    read = wire.read_page(json.dumps(page).encode(), "v2").runs
    outer = wire.outer_runs(read)
    calls = [
        wire.to_call(run, source="export", project=names(made)[run.project_id or ""], dimensions=DIMENSIONS)
        for run in read
        if run.id not in outer
    ]
    figures = (*USAGE_COLUMNS, "project", "model_requested", "price_context", "reported_cost", "usage_flag")
    wanted = {
        call.call_id: {key: getattr(call, key) for key in figures} for call in calls if call is not None
    }
    assert (
        differences({key: {name: row[name] for name in figures} for key, row in rows.items()}, wanted) == {}
    )


@pytest.mark.parametrize("compression", ["snappy", "gzip", "uncompressed"])
def test_a_flat_folder_of_any_compression_gives_the_same_rows(
    tmp_path: Path, runs: list[dict[str, Any]], compression: str
) -> None:
    half = len(runs) // 2
    write(tmp_path / "export" / "a.parquet", runs[:half], "text", compression)
    write(tmp_path / "export" / "b.parquet", runs[half:], "typed", compression)
    assert differences(pulled(workspace(tmp_path, tmp_path / "export"), *DAYS), expected(runs)) == {}


def test_one_file_is_an_export_too(tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    write(tmp_path / "runs [1]*.parquet", runs)
    assert (
        differences(pulled(workspace(tmp_path, tmp_path / "runs [1]*.parquet"), *DAYS), expected(runs)) == {}
    )


def test_columns_that_were_not_exported_are_not_missed(tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    """Without tags, parents (but in dotted_order), first tokens and errors."""
    write(tmp_path / "export" / "a.parquet", runs, "narrow")
    rows = pulled(workspace(tmp_path, tmp_path / "export"), *DAYS)
    gone = {"tags": None, "first_token_ms": None, "error_kind": None}
    assert differences(rows, {key: {**row, **gone} for key, row in expected(runs).items()}) == {}


def test_what_is_true_of_the_traffic_is_in_the_ledger(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs)
    rows = pulled(workspace(tmp_path, tmp_path / "export", names(made)), *DAYS)
    for call_id, truth in made.truth.items():
        row = rows[call_id]
        assert {key: row[key] for key in truth.usage} == truth.usage
        assert row["project"] == truth.project
        assert row["root_name"] == truth.root_name
        assert (
            tuple((row[key], row[f"{key}_from"]) for key in ("feature", "env", "user_tier"))
            == truth.dimensions
        )
        assert row["price_context"] == truth.price_context
    assert not rows.keys() & (made.outer | made.pending)


def test_no_text_of_a_prompt_an_answer_or_an_error_reaches_the_ledger(
    tmp_path: Path, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs)
    place = workspace(tmp_path, tmp_path / "export")
    assert pulled(place, *DAYS)
    for file in place.ledger.snapshot().manifest.files:
        assert MARKER.encode() not in (place.ledger.root / file.path).read_bytes()
        calls = place.engine.scan([str(place.ledger.root / file.path)])
        assert not place.engine.rows(f"SELECT 1 FROM {calls} c WHERE c::VARCHAR LIKE '%{MARKER}%'")


def test_pulling_twice_reads_nothing_again(tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    write_hive(tmp_path / "export", runs)
    place = workspace(tmp_path, tmp_path / "export")
    rows = pulled(place, *DAYS)
    steps = list(place.pull("export", place.window(*DAYS)))
    assert [(step.calls, step.complete) for step in steps] == [(0, True)]
    assert differences(pulled(place, *DAYS, full=True), rows) == {}


def test_two_exports_that_overlap_count_each_run_once(tmp_path: Path, runs: list[dict[str, Any]]) -> None:
    """The second one was made later, when runs that had been pending were over."""
    over = [{**run, "status": "success", "end_time": run["end_time"] or run["start_time"]} for run in runs]
    write_hive(tmp_path / "export", runs, export="e1")
    write_hive(tmp_path / "export", over, "typed", export="e2")
    assert differences(pulled(workspace(tmp_path, tmp_path / "export"), *DAYS), expected(over)) == {}


def test_a_day_that_comes_later_is_read_with_the_days_beside_it(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]]
) -> None:
    export = tmp_path / "export"
    write_hive(export, [run for run in runs if run["start_time"] < "2026-11-12"])
    place = workspace(tmp_path, export)
    first = pulled(place, *DAYS)
    assert max(row["started_at"] for row in first.values()) < START.timestamp() * 1e6 + 2 * 86_400e6
    write_hive(export, runs)
    assert differences(pulled(place, *DAYS), expected(runs)) == {}


def test_days_between_what_is_held_and_what_is_asked_are_read_too(
    tmp_path: Path, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs)
    place = workspace(tmp_path, tmp_path / "export")
    pulled(place, "2026-11-10", "2026-11-10")
    assert len(held(place)) < len(expected(runs))
    assert differences(pulled(place, "2026-11-12", "2026-11-12"), expected(runs)) == {}


def test_the_newest_day_is_not_called_complete(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs)
    place = workspace(tmp_path, tmp_path / "export", names(made))
    pulled(place, *DAYS)
    marks = place.ledger.snapshot().manifest.watermarks["export"]
    day = 86_400_000_000
    start = round(START.timestamp()) * 1_000_000
    for name in names(made).values():
        assert (marks[f"from:{name}"], marks[f"upto:{name}"]) == (start, start + 2 * day)


def test_without_a_name_the_project_is_its_uuid(
    tmp_path: Path, made: Traffic, runs: list[dict[str, Any]]
) -> None:
    write_hive(tmp_path / "export", runs)
    one = made.projects[0]
    rows = pulled(
        workspace(tmp_path, tmp_path / "export", {one.id.upper(): 'it\'s "x"'.replace('"', "")}), *DAYS
    )
    projects = {row["project"] for row in rows.values()}
    assert projects == {"it's x", *(project.id for project in made.projects[1:])}
