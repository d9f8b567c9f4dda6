"""Laws that hold for every ledger and every question, without knowing a single figure."""

import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.reports.ledgers import DIMENSIONS, RULED, ask, ledger, place
from tests.reports.reference import Question, World

from whyspend import registry
from whyspend.engines.duckdb import DuckDB, connect
from whyspend.model import Batch, Cell, Table
from whyspend.workspace import Workspace

ANCHOR = date(2026, 10, 25)  # Berlin's clocks go back
WEEK = Question(ANCHOR - timedelta(2), ANCHOR + timedelta(2), "Europe/Berlin")
GROUPINGS = (
    *(("feature",), ("env",), ("model",), ("name",), ("tier",), ("period",)),
    *(
        ("hour",),
        ("day",),
        ("week",),
        ("month",),
        ("feature", "model"),
        ("model", "day", "name"),
        ("project", "env"),
    ),
)
PRICES = ("then", "recorded", "2026-11-20")
COUNTS = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", "unpriced_calls")


@pytest.fixture(scope="module")
def world() -> World:
    return ledger(Random("laws"), ANCHOR, size=50, ruled=True)[0]


@pytest.fixture(scope="module")
def opened(world: World, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return place(tmp_path_factory.mktemp("laws"), connect(threads=1), world.calls, RULED)


@pytest.fixture(scope="module")
def totals(opened: Workspace) -> dict[str, Mapping[str, Cell]]:
    """The total at each price basis."""
    return {p: ask(opened, "report", replace(WEEK, by=("source",), prices=p)).total for p in PRICES}


def column(answer: Table, name: str) -> list[Any]:
    at = [column.name for column in answer.columns].index(name)
    return [row[at] for row in answer.rows]


def money(cells: Sequence[Decimal | None]) -> Decimal:
    return sum((cell for cell in cells if cell is not None), Decimal(0))


@pytest.mark.parametrize("by", GROUPINGS, ids=",".join)
def test_rows_add_up_to_the_total_and_every_grouping_has_the_same(
    opened: Workspace, totals: dict[str, Mapping[str, Cell]], by: tuple[str, ...]
) -> None:
    for prices, whole in totals.items():
        for top in (0, 2) if prices == "then" else (0,):
            answer = ask(opened, "report", replace(WEEK, by=by, prices=prices, top=top))
            assert {name: answer.total[name] for name in (*COUNTS, "cost_usd", "requests")} == {
                name: whole[name] for name in (*COUNTS, "cost_usd", "requests")
            }
            assert all(sum(column(answer, name)) == whole[name] for name in COUNTS)
            assert money(column(answer, "cost_usd")) == whole["cost_usd"]
            overlaps = any("overlap" in note for note in answer.notes)
            assert overlaps == (sum(column(answer, "requests")) != whole["requests"])


def test_day_by_day_is_the_whole_window(opened: Workspace) -> None:
    whole = ask(opened, "report", WEEK)
    days = [replace(WEEK, since=ANCHOR + timedelta(n), until=ANCHOR + timedelta(n)) for n in range(-2, 3)]
    answers = [ask(opened, "report", day) for day in days]
    for name in (*COUNTS, "requests"):
        assert sum(int(str(answer.total[name])) for answer in answers) == whole.total[name]
    by_day = ask(opened, "report", replace(WEEK, by=("day",)))
    single = {
        day.since: answer.total["cost_usd"] for day, answer in zip(days, answers, strict=True) if answer.rows
    }
    in_the_window = {
        day: cost
        for day, cost, calls in zip(
            column(by_day, "day"), column(by_day, "cost_usd"), column(by_day, "calls"), strict=True
        )
        if calls
    }
    assert in_the_window == {day: single[day] for day in in_the_window}
    assert money(list(in_the_window.values())) == whole.total["cost_usd"]


def test_the_order_of_keys_changes_nothing_but_the_order_of_columns(opened: Workspace) -> None:
    def rows(*by: str) -> set[frozenset[tuple[str, Any]]]:
        answer = ask(opened, "report", replace(WEEK, by=by))
        names = [column.name for column in answer.columns]
        return {frozenset(zip(names, row, strict=True)) for row in answer.rows}

    assert rows("feature", "model", "name") == rows("name", "feature", "model")
    assert rows("feature", "feature") == rows("feature")


@pytest.mark.parametrize(
    "by", [("trace",), ("thread",), ("feature",), ("model",), ("name",), ("day",)], ids=",".join
)
def test_requests_cost_what_the_report_says(
    opened: Workspace, totals: dict[str, Mapping[str, Cell]], by: tuple[str, ...]
) -> None:
    for prices, whole in totals.items():
        answer = ask(opened, "requests", replace(WEEK, by=by, prices=prices))
        assert {name: answer.total[name] for name in ("calls", "cost_usd", "unpriced_calls")} == {
            name: whole[name] for name in ("calls", "cost_usd", "unpriced_calls")
        }
        assert money(column(answer, "cost_usd")) == whole["cost_usd"]
        assert sum(column(answer, "calls")) == whole["calls"]


def test_a_filter_and_its_opposite_are_the_whole(opened: Workspace) -> None:
    whole = ask(opened, "report", WEEK).total
    for text in ("feature=rag", "env=*a*", "model=gpt-4o", "name=titles", "tier=pro", "feature=untagged"):
        ours, theirs = (
            ask(opened, "report", replace(WEEK, where=(condition,))).total
            for condition in (text, text.replace("=", "!=", 1))
        )
        assert int(str(ours["calls"])) + int(str(theirs["calls"])) == whole["calls"]
        costs = [cost for cost in (ours["cost_usd"], theirs["cost_usd"]) if isinstance(cost, Decimal)]
        assert money(costs) == whole["cost_usd"]


def test_nothing_depends_on_how_the_calls_came_into_the_ledger(
    opened: Workspace, world: World, tmp_path: Path
) -> None:
    """In one commit or many, in any order, twice, with other dimensions at first, on one thread or several."""
    questions = [
        replace(WEEK, by=by) for by in (("feature",), ("model", "day"), ("name",), ("feature", "model"))
    ]
    expected = [(answer.rows, dict(answer.total)) for answer in (ask(opened, "report", q) for q in questions)]
    draw = Random("layout")
    engine = connect(threads=3)
    with tempfile.TemporaryDirectory() as folder:
        other = place(Path(folder), engine, [], RULED)
        shuffled = draw.sample(list(world.calls), len(world.calls))
        for source in ("prod", "second"):
            own = [call for call in shuffled if call.source == source]
            for part in (own[:30], own[15:]):
                writer = other.ledger.writer(engine, source, DIMENSIONS)
                for call in part:
                    writer.add(Batch(calls=[call]))
                writer.commit()
        other.ledger.compact(engine, DIMENSIONS, grace=0)
        found = [(answer.rows, dict(answer.total)) for answer in (ask(other, "report", q) for q in questions)]
    engine.close()
    assert found == expected


@pytest.mark.parametrize("report", registry.names("reports"))
def test_an_empty_ledger_answers_in_every_format(report: str, tmp_path: Path) -> None:
    engine = connect(threads=1)
    asked: dict[str, Any] = {"batch": True} if report == "whatif" else {}  # it must be told what if
    answer = place(tmp_path, engine, []).ask(report, place(tmp_path, engine, []).window("7d", ""), **asked)
    assert (answer.rows, answer.trust.calls) == ((), 0)
    for name in registry.names("formats"):
        out = io.BytesIO()
        options: dict[str, DuckDB] = {"engine": engine} if name == "parquet" else {}
        registry.load("formats", name).write(answer, out, **options)
        assert out.getvalue()
    engine.close()
