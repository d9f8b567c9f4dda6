"""What every sheet keeps to, and every format that writes one: found by name, so new ones are tested."""

import inspect
import io
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from tests.cli.conftest import sample_calls
from tests.contracts.test_registry_contracts import FORMATS, OPTIONS, UNITS
from tests.reports.ledgers import place

from whyspend import registry
from whyspend.engines.duckdb import DuckDB
from whyspend.model import Chart
from whyspend.model.sheet import Sheet
from whyspend.reports._pictures import BARS
from whyspend.workspace import Workspace, sheets
from whyspend.workspace.sheet_questions import asked, of_pairs
from whyspend.workspace.sheets.pictures import MOST_DAYS, by_day, ranked
from whyspend.workspace.writing import forms_of, render

TOLD: dict[str, dict[str, Any]] = {
    "prices list": {},
    "prices show": {"model": "mistral/mistral-large-4"},
    "prices check": {"provider": "openai"},
    "prices unpriced": {"since": "2026-11-15", "until": "2026-11-21"},
    "prices closed": {},
    "ledger info": {},
    "doctor": {"offline": True},
}
"""What each is asked here; a new sheet is asked something, too."""

PICTURED = {"prices list", "prices show", "prices unpriced", "ledger info"}


@pytest.fixture(scope="module")
def small(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    config = 'dimensions = ["feature", "env", "user_tier"]\n[sources.prod]\ntype = "langsmith"\n'
    return place(tmp_path_factory.mktemp("sheets"), engine, sample_calls(), config)


@pytest.fixture(scope="module")
def empty(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return place(tmp_path_factory.mktemp("no-sheets"), engine, [])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_answers_writes_sheets_too(name: str) -> None:
    assert name in forms_of(Sheet)
    parameters = inspect.signature(registry.load("formats", name).write_sheet).parameters
    assert set(list(parameters)[2:]) <= {"width", "color", "engine", "command"}


@pytest.mark.parametrize("name", sheets.NAMES)
def test_a_sheet_is_a_question_with_documented_options(name: str) -> None:
    run = sheets.load(name).run
    assert sheets.question(name).endswith("?")
    hints = get_type_hints(run)
    assert hints["return"] is Sheet
    first, *others = inspect.signature(run).parameters.values()
    assert first.name == "place"
    for parameter in others:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert hints[parameter.name] in OPTIONS
    assert (inspect.getdoc(run) or "").strip()


@pytest.mark.parametrize("name", sheets.NAMES)
def test_a_sheet_has_cells_for_its_columns_on_a_small_and_on_an_empty_ledger(
    name: str, small: Workspace, empty: Workspace
) -> None:
    for where in (small, empty):
        sheet = asked(name, **TOLD[name]).ask(where)
        assert sheet.name == name
        taken = [*sheet.facts, *(rows.name for rows in (sheet.main, *sheet.more))]
        assert len(taken) == len(set(taken))
        for rows in filter(None, (sheet.main, sheet.people, *sheet.more)):
            names = [column.name for column in rows.columns]
            assert len(names) == len(set(names))
            assert {column.unit for column in rows.columns} <= UNITS | {"word", "count", "rate", "about"}
            assert all(len(row) == len(names) for row in rows.rows)
        assert all(rows.title for rows in sheet.more)
        assert sheet.main.rows or sheet.notes


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", sheets.NAMES)
def test_a_format_writes_every_sheet(
    name: str, form: str, small: Workspace, empty: Workspace, engine: DuckDB
) -> None:
    for where in (small, empty):
        out = io.BytesIO()
        render(
            asked(name, **TOLD[name]).ask(where), form, out, width=80, color=True, engine=engine, command="x"
        )
        assert out.getvalue()


@pytest.mark.parametrize("name", sheets.NAMES)
def test_every_number_of_a_picture_stands_in_the_rows(name: str, small: Workspace) -> None:
    sheet = asked(name, **TOLD[name]).ask(small)
    assert bool(sheet.charts) == (name in PICTURED)
    held = {cell for rows in (sheet.main, *sheet.more) for row in rows.rows for cell in row}
    for chart in sheet.charts:
        drawn = {cell for row in chart.rows for cell in row[1:] if cell is not None}
        assert drawn
        assert drawn - {0} <= held


def test_the_days_of_a_picture_add_up_to_the_calls_of_the_ledger(small: Workspace) -> None:
    sheet = asked("ledger info").ask(small)
    (chart,) = sheet.charts
    assert sum(_counts(chart)) == sheet.facts["calls"] == len(sample_calls())
    assert chart.rows[-1][0] == small.now.date()
    assert chart.colors == {
        own[0]: at for own, at in small.data(small.window()).colors([_source(small)]).items()
    }


def _source(where: Workspace) -> Any:
    return where.data(where.window()).key("source")


def _counts(chart: Chart) -> list[int]:
    return [cell for row in chart.rows for cell in row[1:] if isinstance(cell, int)]


def test_a_day_without_calls_is_seen_and_many_sources_are_told_apart() -> None:
    first = date(2026, 1, 1)
    calls = {(first + timedelta(n), f"s{n % 10}"): n + 1 for n in range(30) if n != 7}
    (chart,) = by_day(calls, first + timedelta(40))
    assert chart.rows[7] == (first + timedelta(7), *[0] * 8)
    assert len(chart.rows) == 41
    assert [column.name for column in chart.columns][-1] == "(others)"
    assert sum(_counts(chart)) == sum(calls.values())
    (long_ago,) = by_day(calls, first + timedelta(4_000))
    assert (len(long_ago.rows), long_ago.rows[-1][0]) == (30, first + timedelta(29))
    (year,) = by_day({(first, "a"): 1, (first + timedelta(500), "a"): 1}, first + timedelta(500))
    assert (len(year.rows), year.title) == (MOST_DAYS, "Calls by day and source, the last 366 days")


def test_of_many_bars_the_longest_are_drawn_and_the_title_says_so() -> None:
    column = sheets.load("prices list").COLUMNS[4]
    (chart,) = ranked("Input", column, [(f"m{n}", Decimal(n)) for n in range(40)])
    assert chart.title == f"Input (the first {BARS} of 40)"
    assert [row[0] for row in chart.rows] == [f"m{n}" for n in range(39, 39 - BARS, -1)]
    assert ranked("Input", column, []) == ()


@pytest.mark.parametrize("name", sheets.NAMES)
def test_an_address_and_a_command_line_ask_the_same(name: str, small: Workspace) -> None:
    question = asked(name, **TOLD[name])
    assert of_pairs(name, question.pairs()) == question
    window = question.ask(small).window
    assert question.has_days == (window is not None)
    line = question.arguments(("--ledger", "led"), window)
    assert line[: len(name.split())] == name.split()
    assert ("2026-11-21" in line) == question.has_days


def test_filters_keep_their_commas() -> None:
    question = of_pairs("prices unpriced", [("where", "a=b,c"), ("where", ""), ("where", "d=e")])
    assert question.told("where") == ("a=b,c", "d=e")
    assert question.arguments() == ["prices", "unpriced", "--where", "a=b,c", "--where", "d=e"]
    assert question.pairs() == [("where", "a=b,c"), ("where", "d=e")]


def test_the_docs_name_every_sheet() -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "pages.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in sheets.NAMES)


def test_sources_are_asked_for_doctor_alone_and_not_offline() -> None:
    """Such a question may take as long as the slowest source, so a server gives it a thread of its own."""
    assert [name for name in sheets.NAMES if asked(name).reaches] == ["doctor"]
    assert not asked("doctor", offline=True).reaches
