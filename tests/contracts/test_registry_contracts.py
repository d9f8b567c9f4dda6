"""What every report, format and source keeps to, whoever wrote it. Found by the registry, so new ones are tested."""

import inspect
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from tests.cli.conftest import sample_calls
from tests.reports.ledgers import place

from whyspend import registry
from whyspend.engines.duckdb import DuckDB
from whyspend.model import Cell, Table, Window
from whyspend.workspace import Workspace
from whyspend.workspace.digest import digest

REPORTS, FORMATS, SOURCES = (registry.names(stage) for stage in ("reports", "formats", "sources"))
WEEK = Window(
    date(2026, 11, 15),
    date(2026, 11, 21),
    "UTC",
    datetime(2026, 11, 15, tzinfo=UTC),
    datetime(2026, 11, 22, tzinfo=UTC),
)
UNITS = {"text", "date", "calls", "requests", "tokens", "usd", "share", "ms", "url", "series"}
UNITS |= {"id", "place", "sentence", "segment", "number", "time"}
COMPARED = {"before", "after", "change"}
"""Dollars of two windows: totals of an answer that has no column for each."""

ASKED: dict[str, dict[str, Any]] = {"whatif": {"batch": True}}
"""Options without which a report has nothing to answer."""
OPTIONS = (str, int, float, bool, tuple[str, ...])
GIVEN = {"source", "dimensions", "watermarks", "full", "on_progress"}


@pytest.fixture(scope="module")
def small(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    calls = sample_calls()
    config = 'dimensions = ["feature", "env", "user_tier"]\n'
    return place(tmp_path_factory.mktemp("small"), engine, calls, config)


@pytest.fixture(scope="module")
def empty(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return place(tmp_path_factory.mktemp("empty"), engine, [])


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_a_question_with_documented_options(name: str) -> None:
    report = registry.load("reports", name)
    assert registry.question("reports", name) == inspect.cleandoc(report.__doc__ or "").split("\n")[0]
    assert registry.question("reports", name).endswith("?")
    parameters = list(inspect.signature(report.run).parameters.values())
    hints = get_type_hints(report.run)
    assert parameters[0].name == "data"
    assert hints["return"] is Table
    for parameter in parameters[1:]:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty
        assert hints[parameter.name] in OPTIONS
        assert f"\n    {parameter.name}: " in inspect.getdoc(report.run).split("Args:")[1]  # type: ignore[union-attr]


@pytest.mark.parametrize("for_terminal", [False, True])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_answers_on_a_small_and_on_an_empty_ledger(
    name: str, for_terminal: bool, small: Workspace, empty: Workspace
) -> None:
    for where in (small, empty):
        answer = where.ask(name, WEEK, for_terminal=for_terminal, **ASKED.get(name, {}))
        names = [column.name for column in answer.columns]
        assert answer.report == name
        assert len(names) == len(set(names))
        assert set(answer.total) <= set(names) | COMPARED
        assert all(isinstance(answer.total[name], Decimal) for name in COMPARED & set(answer.total))
        assert all(len(row) == len(names) for row in answer.rows)
        assert {column.unit for column in answer.columns} <= UNITS
        for column in answer.columns:
            at = names.index(column.name)
            cells = [*(row[at] for row in answer.rows), answer.total.get(column.name)]
            assert all(_fits(column.unit, cell) for cell in cells), column
        assert bool(answer.rows) == (where is small)
        assert where is small or any("The ledger is empty." in note for note in answer.notes)


def _fits(unit: str, cell: Cell) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "text": (str,),
        "id": (str,),
        "url": (str,),
        "date": (date, str),
        "series": (tuple,),
        "usd": (Decimal,),
        "share": (Decimal,),
        "sentence": (str,),
        "segment": (Mapping,),
        "number": (int, Decimal),
        "time": (datetime,),
    }
    return cell is None or isinstance(cell, kinds.get(unit, (int,)))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_writes_every_answer(name: str, small: Workspace, empty: Workspace, engine: DuckDB) -> None:
    write = registry.load("formats", name).write
    parameters = inspect.signature(write).parameters
    assert list(parameters)[:2] == ["table", "out"]
    assert set(parameters) - {"table", "out"} <= {"width", "color", "header", "engine", "command", "question"}
    options: dict[str, Any] = {"engine": engine} if "engine" in parameters else {}
    for report in REPORTS:
        for where in (small, empty):
            out = io.BytesIO()
            write(where.ask(report, WEEK, **ASKED.get(report, {})), out, **options)
            assert out.getvalue()


@pytest.mark.parametrize("name", [n for n in FORMATS if hasattr(registry.load("formats", n), "write_digest")])
def test_a_format_of_digests_writes_any_of_them(name: str, small: Workspace, empty: Workspace) -> None:
    write = registry.load("formats", name).write_digest
    parameters = inspect.signature(write).parameters
    assert list(parameters)[:2] == ["digest", "out"]
    assert set(parameters) - {"digest", "out"} <= {"width", "color"}
    for where in (small, empty):
        out = io.BytesIO()
        write(digest(where, WEEK, pictures=True), out)
        assert out.getvalue()


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_takes_what_pull_gives_and_types_its_own_options(name: str) -> None:
    read = registry.load("sources", name).read
    parameters = inspect.signature(read).parameters
    first, *others = parameters.values()
    assert first.name == "window"
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in others)
    assert open_ended or set(parameters) >= GIVEN
    hints = get_type_hints(read, include_extras=True)
    for parameter in others:
        assert parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD)
        assert parameter.name in hints
    assert "Batch" in str(get_args(hints["return"]))
    assert inspect.getdoc(read)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_s_check_takes_its_options(name: str) -> None:
    source = registry.load("sources", name)
    if check := getattr(source, "check", None):
        options = {p for p in inspect.signature(source.read).parameters if p not in GIVEN | {"window"}}
        known = inspect.signature(check).parameters
        assert options <= set(known) or any(p.kind is p.VAR_KEYWORD for p in known.values())


def test_the_docs_say_how_each_stage_is_extended() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    assert all(f"whyspend.{stage}" in page for stage in ("reports", "formats", "sources"))
