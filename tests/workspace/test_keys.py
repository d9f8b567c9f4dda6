"""What can be grouped and filtered by: every name, however hostile, means itself."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.ledgers import place

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Call
from whyspend.workspace import Workspace
from whyspend.workspace.keys import glob

CALL = Call(
    source="prod",
    project="p",
    call_id="",
    trace_id="",
    started_at=1_793_000_000_000_000,
    provider="openai",
    model_requested="gpt-4o",
    input_tokens=1,
    prompt_total=1,
    usage_source="server",
    dimensions=(None, None),
    attributed=(None, None),
)
DAY = "2026-10-26"

OF_OUR_OWN = (
    *(
        "tier",
        "era",
        "clock",
        "gap",
        "slot",
        "period",
        "calls",
        "cost",
        "reason",
        "provider_",
        "begun",
        "tagged",
    ),
    *(
        "priced_calls",
        "estimated",
        "sampled",
        "price_key",
        "everything",
        "Model",
        "Provider",
        "COST",
        "r",
        "cells",
    ),
    *(
        "select",
        "a b",
        'quo"te',
        "it's",
        "semi;colon",
        "a/b",
        "~1",
        "$",
        "$.x",
        "*",
        "日本",
        "a.b",
        "",
        "metadata",
    ),
)
"""Metadata keys that have the names of our own columns, of SQL words, or of JSON paths."""


def calls(*metadata: Mapping[str, Any]) -> list[Call]:
    return [
        msgspec.structs.replace(CALL, call_id=str(n), trace_id=f"t{n}", metadata=json.dumps(held))
        for n, held in enumerate(metadata)
    ]


def grouped(where: Workspace, by: str, *conditions: str) -> dict[Any, Any]:
    answer = where.ask("report", where.window(DAY, DAY), by=(by,), where=conditions)
    names = [column.name for column in answer.columns]
    return {row[0]: row[names.index("calls")] for row in answer.rows}


@pytest.fixture(scope="module")
def opened(engine: DuckDB, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    keys = [key for key in OF_OUR_OWN if key]
    held = calls({key: f"value of {key}" for key in keys}, {key: f"value of {key}" for key in keys}, {})
    return place(tmp_path_factory.mktemp("keys"), engine, held)


@pytest.mark.parametrize("key", [key for key in OF_OUR_OWN if key and key != "calls"])
def test_a_metadata_key_of_any_name_can_be_grouped_and_filtered_by(opened: Workspace, key: str) -> None:
    expected = {f"value of {key}": 2, "untagged": 1}
    assert grouped(opened, key) == expected
    assert grouped(opened, f"metadata.{key}", f"{key}=value of {key}") == {f"value of {key}": 2}
    answer = opened.ask("requests", opened.window(DAY, DAY), by=(key,))
    assert {row[0] for row in answer.rows} == set(expected)


def test_a_request_is_shown_under_the_feature_of_its_first_call(engine: DuckDB, tmp_path: Path) -> None:
    first, second, third = (
        msgspec.structs.replace(
            call, trace_id="t", started_at=CALL.started_at + at, dimensions=(feature, None)
        )
        for at, (call, feature) in enumerate(
            zip(calls({}, {}, {}), ("support-bot", "rag-search", None), strict=True)
        )
    )
    held = place(tmp_path, engine, [third, second, first])
    for asked, owner in (([], "support-bot"), (["feature!=support-bot"], "rag-search")):
        answer = held.ask("requests", held.window(DAY, DAY), where=asked)
        names = [column.name for column in answer.columns]
        assert [row[names.index("feature")] for row in answer.rows] == [owner]


def test_a_key_with_the_name_of_a_column_or_built_in_is_reached_through_metadata(opened: Workspace) -> None:
    assert grouped(opened, "metadata.calls") == {"value of calls": 2, "untagged": 1}
    assert grouped(opened, "model") == {"gpt-4o": 3}
    assert grouped(opened, "metadata.model") == {"untagged": 3}


def test_several_such_keys_stand_beside_each_other(opened: Workspace) -> None:
    answer = opened.ask("report", opened.window(DAY, DAY), by=("tier", "Model", "cost", "model", "period"))
    assert answer.rows[0][:5] == (
        "value of tier",
        "value of Model",
        "value of cost",
        "gpt-4o",
        "value of period",
    )


@given(
    st.text(st.sampled_from("ab*?.\\[]()^$+{}|\n é日-"), max_size=8),
    st.text(st.sampled_from("ab.*\\[]\n é日-"), max_size=6),
)
def test_a_glob_means_the_same_to_python_and_to_the_engine(engine: DuckDB, pattern: str, text: str) -> None:
    expected = "".join({"*": "(?s:.*)", "?": "(?s:.)"}.get(sign, re.escape(sign)) for sign in pattern)
    matches = re.fullmatch(expected, text) is not None
    sql = f"SELECT {engine.matches(engine.literal(text), glob(pattern))}"
    assert engine.rows(sql) == [(matches,)]
    assert (re.compile(glob(pattern)).fullmatch(text) is not None) == matches


def test_a_value_that_looks_like_none_is_found_with_none(engine: DuckDB, tmp_path: Path) -> None:
    held = calls({"team": "untagged"}, {"team": "x"}, {}, {"team": ""})
    where = place(tmp_path, engine, held)
    assert sum(grouped(where, "call_site", "team=untagged").values()) == 3
    assert sum(grouped(where, "call_site", "team=").values()) == 2
    assert sum(grouped(where, "call_site", "team!=untagged").values()) == 1
