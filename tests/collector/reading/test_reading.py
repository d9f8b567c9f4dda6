"""What the collector answers about its ledger: the same figures as the reports, page by page, and nothing made up."""

import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.collector.reading.ledgers import (
    FIRST,
    HOSTILE,
    Answers,
    answers,
    calls,
    made,
    publish,
    reported,
    rows_of,
)
from tests.collector.reading.ledgers import PROJECTS as NAMES

from whyspend.collector.reading import ids
from whyspend.errors import UsageError
from whyspend.model import Call

ALL = {"min_start_time": "2026-10-01T00:00:00Z", "max_start_time": "2026-12-01T00:00:00Z"}
PROJECTS = [ids.of_project(name) for name in NAMES]


@pytest.fixture(scope="module")
def runs(asked: Answers) -> list[dict[str, Any]]:
    return asked.every()


def summed(runs: list[dict[str, Any]], key: Callable[[dict[str, Any]], str | None]) -> dict[Any, Any]:
    """Calls, tokens in and out, and cost, by a key of each run; a cost of which no part is known is None."""
    found: dict[Any, list[Any]] = defaultdict(lambda: [0, 0, 0, None])
    for run in runs:
        row = found[key(run)]
        row[0] += 1
        row[1] += run["prompt_tokens"] or 0
        row[2] += run["completion_tokens"] or 0
        if run["total_cost"] is not None:
            row[3] = (row[3] or 0) + Decimal(run["total_cost"])
    return dict(found)


# Runs and reports


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("feature", lambda run: run["extra"]["metadata"].get("feature", "untagged")),
        ("env", lambda run: run["extra"]["metadata"].get("env", "untagged")),
        ("metadata.region", lambda run: run["extra"]["metadata"].get("region", "untagged")),
        (
            "model",
            lambda run: (
                "(tools)"
                if run["run_type"] == "tool"
                else run["extra"]["metadata"].get("ls_model_name", "unknown")
            ),
        ),
        ("kind", lambda run: run["run_type"]),
        ("trace_id", lambda run: run["trace_id"]),
    ],
)
def test_runs_add_up_to_the_report_to_the_last_digit(
    asked: Answers, runs: list[dict[str, Any]], by: str, key: Callable[[dict[str, Any]], str | None]
) -> None:
    assert summed(runs, key) == rows_of(reported(asked, by))


def test_the_parts_of_a_run_add_up(runs: list[dict[str, Any]]) -> None:
    """Details are parts of the tokens, and costs of kinds are parts of the cost: none is in two of them."""
    for run in runs:
        details = sum(run["prompt_token_details"].values())
        assert details <= (run["prompt_tokens"] or 0)
        parts = sum(map(Decimal, run["prompt_cost_details"].values()))
        assert parts <= Decimal(run["prompt_cost"] or 0)
        if run["prompt_cost"] is not None:
            assert Decimal(run["prompt_cost"]) + Decimal(run["completion_cost"]) <= Decimal(run["total_cost"])


def test_a_value_that_a_rule_or_an_alias_gives_is_shown_as_the_calls_own(runs: list[dict[str, Any]]) -> None:
    features = {run["extra"]["metadata"].get("feature") for run in runs}
    assert {"evals", "rag-search"} <= features
    assert "rag_search" not in features


def test_both_versions_say_the_same_of_a_run(asked: Answers, runs: list[dict[str, Any]]) -> None:
    selects = [
        "ID",
        "RUN_TYPE",
        "TOTAL_COST",
        "PROMPT_TOKENS",
        "METADATA",
        "START_TIME",
        "PROMPT_COST_DETAILS",
    ]
    page = asked.v2(project_ids=PROJECTS, selects=selects, page_size=1000, **ALL)
    assert page["next"] is None
    assert len(page["runs"]) == len(runs)
    for new, old in zip(page["runs"], runs, strict=True):
        assert new["id"] == old["id"]
        assert new["run_type"] == old["run_type"].upper()
        assert (None if new["total_cost"] is None else f"{Decimal(new['total_cost']):f}") == old["total_cost"]
        assert new["metadata"] == old["extra"]["metadata"]
        assert new["start_time"] == f"{old['start_time']}Z"
        assert new["prompt_cost_details"]["raw"].keys() == old["prompt_cost_details"].keys()


def test_what_the_ledger_does_not_keep_is_empty_and_what_it_does_not_know_is_null(
    asked: Answers, runs: list[dict[str, Any]]
) -> None:
    fields = ["inputs", "outputs", "events", "feedback_stats", "child_run_ids", "app_path"]
    (run,) = asked.v1(limit=1, select=fields)["runs"]
    assert list(run.values()) == [{}, {}, [], None, None, None]
    uncounted = [run for run in runs if run["run_type"] == "llm" and run["total_tokens"] is None]
    assert uncounted
    assert all(run["total_cost"] is None for run in uncounted)
    assert all("usage_metadata" not in run["extra"]["metadata"] for run in uncounted)


# Pages


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_hold_each_run_once_in_order(asked: Answers, runs: list[dict[str, Any]], order: str) -> None:
    found = asked.every(limit=7, order=order, select=["id", "start_time"])
    assert {run["id"] for run in found} == {run["id"] for run in runs}
    assert len(found) == len(runs)
    starts = [run["start_time"] for run in found]
    assert starts == sorted(starts, reverse=order == "desc")


def test_runs_that_arrive_meanwhile_move_nothing(tmp_path: Path) -> None:
    before = calls(60)
    with answers(made(tmp_path, before)) as asked:
        first = asked.v1(limit=20, select=["id"])
        publish(tmp_path, [call for call in calls(40, seed=8) if call.source == "collector"])
        found = first["runs"]
        while first["next"]:
            first = asked.v1(limit=20, select=["id"], cursor=first["next"])
            found += first["runs"]
    every = [run["id"] for run in found]
    assert len(every) == len(set(every))
    assert {call.call_id for call in before} <= set(every)


def test_the_last_day_of_a_first_page_is_that_of_all_its_pages(tmp_path: Path) -> None:
    """Else the oldest runs would drop out of it while the pages are read."""
    with answers(made(tmp_path, calls(60))) as asked:
        question = {"project_ids": PROJECTS, "page_size": 5}
        asked.place.now = datetime(2026, 11, 2, 2, tzinfo=UTC)
        page = asked.v2(**question)
        found = [run["id"] for run in page["runs"]]
        while page["next"]:
            asked.place.now += timedelta(hours=6)
            page = asked.v2(**question, cursor=page["next"])
            found += [run["id"] for run in page["runs"]]
        asked.place.now = datetime(2026, 11, 2, 2, tzinfo=UTC)
        whole = asked.v2(project_ids=PROJECTS, page_size=1000)
    assert found == [run["id"] for run in whole["runs"]]
    assert 0 < len(found) < 60


@pytest.mark.parametrize("cursor", ["x", "", "é", "W10", "null", "W251bGwsbnVsbCxudWxsLG51bGxd"])
def test_a_cursor_that_is_none_is_refused(asked: Answers, cursor: str) -> None:
    if cursor:
        with pytest.raises(UsageError, match="cursor"):
            asked.v1(cursor=cursor)
    else:
        assert asked.v1(cursor=cursor)["runs"]


def test_a_cursor_of_another_question_is_refused(asked: Answers) -> None:
    cursor = asked.v1(limit=3)["next"]
    with pytest.raises(UsageError, match="another question"):
        asked.v1(limit=3, run_type="llm", cursor=cursor)
    assert asked.v1(limit=50, select=["id"], cursor=cursor)["runs"]


# Questions


def test_without_selects_version_2_says_the_id_alone_and_of_the_last_day(asked: Answers) -> None:
    asked.place.now = datetime(2026, 11, 2, 1, tzinfo=UTC)
    page = asked.v2(project_ids=PROJECTS, page_size=1000)
    assert all(list(run) == ["id"] for run in page["runs"])
    day = [run for run in asked.every() if "2026-11-01T01:00:00" <= run["start_time"] < "2026-11-02T01:00:00"]
    assert [run["id"] for run in page["runs"]] == [run["id"] for run in day]


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ({"run_type": "tool"}, lambda run: run["run_type"] == "tool"),
        ({"error": True}, lambda run: run["status"] == "error"),
        ({"error": False}, lambda run: run["status"] == "success"),
        ({"is_root": True}, lambda run: run["parent_run_id"] is None),
        ({"session": PROJECTS[:2]}, lambda run: run["session_id"] in PROJECTS[:2]),
        ({"session": [str(uuid.uuid4())]}, lambda run: False),
        ({"start_time": "2026-10-31T12:00:00"}, lambda run: run["start_time"] >= "2026-10-31T12:00:00"),
        ({"end_time": "2026-10-31T12:00:00Z"}, lambda run: run["start_time"] < "2026-10-31T12:00:00"),
        ({"start_time": "2026-10-31T12:00:00+12:00"}, lambda run: run["start_time"] >= "2026-10-31T00:00:00"),
    ],
)
def test_what_is_asked_for_is_what_is_found(
    asked: Answers, runs: list[dict[str, Any]], question: dict[str, Any], holds: Callable[[Any], bool]
) -> None:
    assert [run["id"] for run in asked.every(**question)] == [run["id"] for run in runs if holds(run)]


def test_a_run_a_trace_and_a_parent_are_found_by_id(asked: Answers, runs: list[dict[str, Any]]) -> None:
    run = next(run for run in runs if run["parent_run_id"] not in (None, run["trace_id"]))
    assert [each["id"] for each in asked.every(id=[run["id"]])] == [run["id"]]
    assert [each["id"] for each in asked.every(id=[run["id"].upper()], run_type="chain")] == [run["id"]]
    assert run["id"] in [each["id"] for each in asked.every(trace=run["trace_id"])]
    assert run["id"] in [each["id"] for each in asked.every(parent_run=run["parent_run_id"])]
    assert asked.every(id=["no id", "'); --"]) == []


def test_tree_filter_finds_the_calls_of_traces_that_have_such_a_call(
    asked: Answers, runs: list[dict[str, Any]]
) -> None:
    traces = {run["trace_id"] for run in runs if run["run_type"] == "tool"}
    found = asked.every(tree_filter='eq(run_type, "tool")', run_type="llm")
    expected = [run["id"] for run in runs if run["trace_id"] in traces and run["run_type"] == "llm"]
    assert [run["id"] for run in found] == expected
    assert expected


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"limit": 101}, "Limit exceeds maximum allowed value of 100"),
        ({"limit": 0}, "limit must be 1 or more"),
        ({"order": "up"}, "order must be asc or desc"),
        ({"select": ["costs"]}, "There is no field costs of a run to select"),
        ({"query": "hello"}, "the ledger holds no text to search in"),
        ({"trace_filter": "eq(name, 'x')"}, "ask for it with filter"),
        ({"reference_example": ["x"]}, "the ledger knows no examples"),
        ({"limits": 5}, "Did you mean 'limit'?"),
        ({"session": "x"}, "Expected `array"),
        ({"start_time": "soon"}, "Invalid RFC3339"),
        ({"start_time": "0001-01-01T00:00:00+12:00"}, "outside of the calendar"),
        ({"tree_filter": "gt(total_cost, 1)"}, "tree_filter cannot ask for costs"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(
    asked: Answers, question: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError) as refused:
        asked.v1(**question)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({}, "missing required field `project_ids`"),
        ({"project_ids": []}, "length >= 1"),
        ({"project_ids": PROJECTS, "page_size": 1001}, "<= 1000"),
        ({"project_ids": PROJECTS, "page_size": 0}, ">= 1"),
        ({"project_ids": PROJECTS, "selects": ["COST"]}, "There is no field cost of a run to select"),
        ({"project_ids": PROJECTS, "include_subtree_usage": True}, "no runs below them"),
        ({"project_ids": PROJECTS, "sort_order": "ASC"}, "no field of v2/runs/query"),
    ],
)
def test_version_2_refuses_as_well(asked: Answers, question: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked.v2(**question)
    assert why in str(refused.value)


def test_what_changes_no_answer_is_passed_over(asked: Answers) -> None:
    harmless = {"query": None, "search_filter": "", "skip_pagination": False, "data_source_type": "current"}
    assert asked.v1(limit=3, **harmless)["runs"] == asked.v1(limit=3)["runs"]
    same = asked.v2(project_ids=PROJECTS, include_subtree_usage=False, **ALL)
    assert same["runs"] == asked.v2(project_ids=PROJECTS, **ALL)["runs"]


# Small ledgers, odd ids


def test_an_empty_ledger_answers_and_still_refuses_what_it_could_not(tmp_path: Path) -> None:
    with answers(made(tmp_path, [])) as asked:
        assert asked.v1() == {"runs": [], "next": None}
        assert asked.v2(project_ids=PROJECTS) == {"runs": [], "next": None}
        with pytest.raises(UsageError):
            asked.v1(filter='search("x")')


def test_ids_of_spans_are_shown_as_uuids_and_found_by_them(tmp_path: Path) -> None:
    span = Call(
        source="otlp", project="p", call_id="00f067aa0ba902b7", trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        started_at=int(FIRST.timestamp() * 1e6), dimensions=(None, None), attributed=(None, None),
    )  # fmt: skip
    odd = Call(
        source="otlp", project="p", call_id="not hex", trace_id=HOSTILE[0],
        started_at=int(FIRST.timestamp() * 1e6), dimensions=(None, None), attributed=(None, None),
    )  # fmt: skip
    with answers(made(tmp_path, [span, odd])) as asked:
        found = {run["id"] for run in asked.every()}
        assert "00000000-0000-0000-00f0-67aa0ba902b7" in found
        assert all(uuid.UUID(each) for each in found)
        (run,) = asked.every(id=["00000000-0000-0000-00f0-67aa0ba902b7"])
        assert run["trace_id"] == "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
        assert len(asked.every(trace=run["trace_id"])) == 1
