"""`report` and `requests` give the same figures as plain Python does, call by call, to the last digit."""

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports import reference
from tests.reports.ledgers import ANCHORS, ask, ledger, place, question
from tests.reports.reference import Question, World

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Table
from whyspend.workspace import Workspace

KEYS_OF_REQUESTS = ("trace", "trace", "thread", "feature", "model", "name", "team", "project", "day", "hour")

randoms = st.randoms(use_true_random=False)
anchors = st.sampled_from(tuple(ANCHORS))


def dicts(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def compare_report(opened: Workspace, world: World, asked: Question) -> None:
    answer = ask(opened, "report", asked)
    rows, total = reference.report(world, asked)
    names = [column.name for column in answer.columns]
    assert dicts(answer) == [{name: row[name] for name in names} for row in rows]
    figures = [name for name in names if name not in asked.by]
    assert dict(answer.total) == {name: total[name] for name in figures}
    expected = reference.trust(world, asked)
    assert {name: getattr(answer.trust, name) for name in expected} == expected
    in_time = set(asked.by) & set(reference.TIMES)
    assert ("change_usd" in names) == (not in_time and reference.reaches_back(world, asked))


def compare_requests(opened: Workspace, world: World, asked: Question) -> None:
    answer = ask(opened, "requests", asked)
    rows, total = reference.single_requests(world, asked)
    assert dicts(answer) == [{c.name: row[c.name] for c in answer.columns} for row in rows]
    assert dict(answer.total) == {name: total[name] for name in answer.total}
    assert len(answer.total) == (3 if asked.by == ("trace",) else 8)


def compare_series(opened: Workspace, world: World, asked: Question) -> None:
    answer = ask(opened, "report", asked, for_terminal=True)
    if "series" not in [column.name for column in answer.columns]:
        assert asked.since == asked.until or set(asked.by) & set(reference.TIMES)
        return
    rows = reference.ordered(world, asked)
    shown = [reference.series(world, asked, row.now) for row in rows[: asked.top or None]]
    others = [None] if asked.top and len(rows) > asked.top else []
    assert [row["series"] for row in dicts(answer)] == [*shown, *others]
    whole = reference.series(world, asked, [call for row in rows for call in row.now])
    assert answer.total["series"] == whole


def by_requests(draw: Random, asked: Question) -> Question:
    return replace(asked, by=(draw.choice(KEYS_OF_REQUESTS),))


@pytest.mark.parametrize("anchor", ANCHORS, ids=str)
def test_a_day_on_which_something_changes_is_added_up_exactly(
    engine: DuckDB, anchor: date, tmp_path: Path
) -> None:
    draw = Random(f"whyspend {anchor}")
    world, config = ledger(draw, anchor, size=50, ruled=draw.random() < 0.5)
    opened = place(tmp_path, engine, world.calls, config)
    for _ in range(8):
        compare_report(opened, world, question(draw, anchor))
    for _ in range(3):
        compare_requests(opened, world, by_requests(draw, question(draw, anchor)))
    for _ in range(2):
        compare_series(opened, world, question(draw, anchor))


@settings(max_examples=8)
@given(randoms, anchors, st.integers(0, 6), st.booleans())
def test_any_small_ledger_is_added_up_exactly(
    engine: DuckDB, draw: Random, anchor: date, size: int, ruled: bool
) -> None:
    world, config = ledger(draw, anchor, size, ruled)
    with tempfile.TemporaryDirectory() as folder:
        opened = place(Path(folder), engine, world.calls, config)
        for _ in range(4):
            compare_report(opened, world, question(draw, anchor))
        compare_requests(opened, world, by_requests(draw, question(draw, anchor)))
        compare_series(opened, world, question(draw, anchor))
