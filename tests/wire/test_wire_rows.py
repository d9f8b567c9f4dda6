"""Plain runs become columns, and the calls are the same as by the long way."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire.payloads import DIMENSIONS, Json, recorded, v2_run
from tests.wire.test_wire_laws import KINDS

from whyspend.errors import InputError
from whyspend.model import Call
from whyspend.wire._amounts import pico, picos
from whyspend.wire.langsmith import (
    Page,
    Sieve,
    inherit,
    inherit_rows,
    outer_runs,
    read_ancestors,
    read_page,
    to_call,
)


def page_of(*runs: Json) -> bytes:
    return json.dumps({"items": runs, "next_cursor": "next"}).encode()


def calls_of(page: Page, dimensions: tuple[str, ...] = DIMENSIONS) -> dict[str, Call | None]:
    found = {run.id: to_call(run, source="prod", project="chat", dimensions=dimensions) for run in page.runs}
    size = len(page.rows)
    named = {"source": ["prod"] * size, "project": ["chat"] * size}
    rows = msgspec.structs.replace(page.rows, columns=page.rows.columns | named)
    return found | {page.rows.ids()[at]: rows.call(at, dimensions) for at in range(size)}


def both_ways(body: bytes, sieve: Sieve) -> Page:
    """Read it as rows, after a look at whether the calls are those of the long way."""
    page = read_page(body, "v2", sieve)
    whole = read_page(body, "v2")
    assert page.next_cursor == whole.next_cursor
    assert sorted(page.ids()) == sorted(whole.ids())
    assert outer_runs(page.runs, page.rows) == outer_runs(whole.runs)
    assert calls_of(page, sieve.dimensions) == calls_of(whole, sieve.dimensions)
    return page


def is_plain(**fields: Any) -> bool:
    page = both_ways(page_of(usual(**fields)), Sieve(DIMENSIONS))
    return len(page.rows) == 1


def usual(**fields: Any) -> Json:
    counts: Json = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
    details = {
        "prompt_token_details": {"raw": {"cache_read": 1024}},
        "completion_token_details": {"raw": {"reasoning": 128}},
    }
    metadata = {"feature": "search", "ls_provider": "openai", "team": "growth", "n": 3}
    return v2_run(**(counts | details | {"metadata": metadata | fields.pop("metadata", {})} | fields))


def test_the_usual_run_is_plain() -> None:
    assert is_plain()
    assert is_plain(
        run_type="EMBEDDING", completion_tokens=0, total_tokens=1200, completion_token_details=None
    )
    assert is_plain(metadata={"langgraph_node": "answer", "thread_id": "t", "revision_id": "v1"})
    assert is_plain(metadata={"team": None, "list": [1], "object": {"a": 1}, "long": "x" * 300, "half": 0.5})
    assert is_plain(metadata={"service_tier": "flex", "_type": "openai-chat"})
    assert is_plain(metadata={"a.b": 1, "a b": 2, "ä": 3, "": 4, "k0": 5, "class": 6, "ls_odd": {}})


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "ERROR"}, {"status": "PENDING", "end_time": None}, {"run_type": "TOOL", "total_cost": 1.0},
        {"prompt_tokens": 900}, {"total_tokens": 7000}, {"prompt_token_details": {"raw": {"flex": 5}}},
        {"prompt_token_details": {"raw": {"cache_read": 2000}}}, {"total_cost": "0.25"}, {"total_cost": 9.5},
        {"metadata": {"usage_metadata": {"total_cost": 3}}}, {"metadata": {"service_tier": "flex"}},
        {"metadata": {"LANGSMITH_ENV": "prod"}}, {"metadata": {"user_tier": True}}, {"name": "n" * 300},
        {"tags": ["t" * 300]}, {"start_time": "2026-11-15T00:00:00.1234567Z"}, {"trace_id": None},
        {"metadata": {'quote"': 1}}, {"metadata": {"ls_model_name": None, "model": "gpt-5"}},
    ],
)  # fmt: skip
def test_what_needs_another_rule_is_not_plain(fields: Json) -> None:
    assert not is_plain(**fields)


def test_a_page_is_plain_but_for_the_odd_run_in_it() -> None:
    runs = [usual(id=f"run-{number}", metadata={"at": number}) for number in range(20)]
    runs[7]["status"] = "ERROR"
    runs[11]["metadata"]["at"] = ["a list"]
    runs[13]["total_tokens"] = 1
    page = both_ways(page_of(*runs), Sieve(DIMENSIONS))
    assert {run.id for run in page.runs} == {"run-7", "run-13"}
    assert len(page.rows) == 18


def test_the_recorded_page_is_read_alike() -> None:
    for dimensions in (DIMENSIONS, ("ls_model_type",), ("thread_id", "feature"), ("langgraph_node",)):
        both_ways(recorded("v2_page.json"), Sieve(dimensions))


def test_metadata_of_ever_new_keys_is_read_without_end() -> None:
    sieve = Sieve(DIMENSIONS)
    for start in range(0, 500, 50):
        runs = [usual(id=f"run-{n}", metadata={f"key-{n}": n}) for n in range(start, start + 50)]
        both_ways(page_of(*runs), sieve)


def test_a_run_that_cannot_be_read_is_named() -> None:
    body = page_of(usual(), usual(id="run-2", project_id=5))
    with pytest.raises(InputError, match=r"Run run-2 from LangSmith cannot be read"):
        read_page(body, "v2", Sieve(DIMENSIONS))


def test_a_page_that_strict_json_forbids_is_mended() -> None:
    body = page_of(usual(metadata={"team": "x\ud800"})).replace(b'"n": 3', b'"n": NaN')
    both_ways(body, Sieve(DIMENSIONS))


def test_columns_that_are_kept_are_told_apart_by_row() -> None:
    """Each row has the metadata that it had, not that of another one."""
    runs = [usual(id=f"run-{n}", metadata={"zone": n} if n % 2 else {"area": n}) for n in range(9)]
    page = both_ways(page_of(*runs), Sieve(DIMENSIONS))
    written = [msgspec.json.decode(text) for text in page.rows.columns["metadata"]]
    assert [found.get("zone", found.get("area")) for found in written] == list(range(9))


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = scalars | st.text(max_size=8) | st.just("x" * 300) | st.lists(scalars, max_size=2)
keys = st.sampled_from([
    *DIMENSIONS, "team", "n", "ls_provider", "ls_model_name", "model", "thread_id", "session_id", "revision_id",
    "langgraph_node", "ls_tracing_sample_rate", "LANGSMITH_ENV", "LANGCHAIN_METADATA", "service_tier", "speed",
    "_type", "usage_metadata",
]) | st.text(max_size=6)  # fmt: skip
counts = st.integers(0, 2000)
rarely_odd = counts | counts | counts | st.none() | st.floats(0, 9) | st.integers(-5, 5)
details = st.none() | st.fixed_dictionaries(
    {"raw": st.none() | st.dictionaries(st.sampled_from(KINDS), rarely_odd, max_size=3)}
)
usages = st.fixed_dictionaries(
    {"input_tokens": st.just(1200) | rarely_odd, "output_tokens": st.just(300) | rarely_odd},
    optional={
        "total_tokens": st.just(1500) | rarely_odd,
        "input_token_details": st.dictionaries(st.sampled_from(KINDS), rarely_odd, max_size=2),
        "output_token_details": st.dictionaries(st.sampled_from(KINDS), rarely_odd, max_size=2),
        "total_cost": st.floats(0, 1),
    },
)
digits = "0123456789"
times = st.builds(
    lambda day, time, fraction, zone: f"2026-11-{day:02d}T{time}{fraction}{zone}",
    st.integers(1, 30),
    st.builds(
        lambda h, m, s: f"{h:02d}:{m:02d}:{s:02d}", st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)
    ),
    st.just("") | st.text(digits, min_size=1, max_size=8).map(lambda text: "." + text),
    st.sampled_from(["", "Z", "z", "+00:00", "-05:30", "+14:00"]),
)
costs = (
    st.none()
    | st.floats(0, 20)
    | st.sampled_from(["0.00067605", 0.0006760499999999999, 0, 1, 1.5e-12, 2.5e-12])
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | st.text(max_size=5) | st.just("n" * 300),
        "run_type": st.sampled_from(["LLM", "llm", "EMBEDDING", "TOOL", "CHAIN"]),
        "status": st.sampled_from(["SUCCESS", "success", "ERROR", "PENDING", None]),
        "start_time": times, "end_time": times, "first_token_time": st.none() | times,
        "trace_id": st.none() | st.text(max_size=3), "thread_id": st.none() | st.text(max_size=3),
        "parent_run_ids": st.none() | st.lists(st.sampled_from("abc"), max_size=3),
        "tags": st.none() | st.lists(st.text(max_size=3) | st.just("t" * 200), max_size=3),
        "prompt_tokens": st.just(1200) | rarely_odd, "completion_tokens": st.just(300) | rarely_odd,
        "total_tokens": st.sampled_from([0, 1500, None]) | rarely_odd,
        "prompt_token_details": details, "completion_token_details": details,
        "prompt_cost": costs, "completion_cost": costs, "total_cost": costs,
        "price_model_id": st.none() | st.text(max_size=2),
        "metadata": st.dictionaries(keys, values, max_size=4)
        | st.builds(
            lambda rest, usage: rest | {"usage_metadata": usage}, st.dictionaries(keys, values, max_size=3), usages
        ),
    },
)  # fmt: skip


@given(st.lists(st.none() | st.floats(0, 20) | st.sampled_from([1.5e-12, 2.5e-12, 0.5e-12, 8.7, 8.8])))
def test_a_column_of_costs_is_what_each_cost_is_by_itself(column: list[float | None]) -> None:
    assert picos(column) == [pico(dollars) for dollars in column]


def test_what_a_row_inherits_is_what_its_call_would() -> None:
    """Rows that are alike but for what they lack, below runs that are alike but for what they know."""
    told: tuple[Json | None, ...] = (
        {"feature": "chat"},
        {"env": "ci", "langgraph_node": "plan"},
        {"feature": ["odd"]},
        {},
        None,
    )
    bodies = [
        {
            "id": f"above-{number}",
            "name": "graph",
            "parent_run_ids": ["root"] if number % 2 else [],
            "metadata": said,
        }
        for number, said in enumerate(told)
    ]
    known = {run.id: run for run in read_ancestors(page_of(*bodies), "v2", DIMENSIONS).ancestors}
    runs = [
        usual(
            id=f"run-{top}-{near}-{own}",
            parent_run_ids=[f"above-{top}", f"above-{near}"],
            metadata={"feature": None, "thread_id": "t" if own else None, "env": "prod" if own else ""},
        )
        for top in range(6)
        for near in range(6)
        for own in range(2)
    ]
    sieve = Sieve(DIMENSIONS)
    page = both_ways(page_of(*runs), sieve)
    assert len(page.rows) == len(runs)
    expected = {run_id: call for run_id, call in calls_of(page).items() if call is not None}
    for at, run_id in enumerate(page.rows.ids()):
        inherit(expected[run_id], page.rows.parents[at], known)
    inherit_rows(page.rows, page.rows.lacking(DIMENSIONS), known, DIMENSIONS)
    assert calls_of(page) == expected
    assert {call.dimensions[0] for call in expected.values()} == {"chat", None}


@settings(max_examples=300, deadline=None)
@given(st.lists(fields, min_size=1, max_size=4), st.sampled_from([DIMENSIONS, ("n",), ("team", "feature")]))
def test_both_ways_give_the_same_calls(runs: list[Json], dimensions: tuple[str, ...]) -> None:
    sieve = Sieve(dimensions)
    body = page_of(*[usual(id=f"run-{number}", **run) for number, run in enumerate(runs)])
    for _ in range(2):  # the second time all keys are known
        both_ways(body, sieve)
