"""What a run is: billable or not, whose, when, how much."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.wire.payloads import (
    DIMENSIONS,
    Json,
    call_of,
    maybe_call,
    recorded,
    run_of,
    v1_run,
    v2_run,
    written,
)

from whyspend.errors import InputError
from whyspend.wire.langsmith import (
    V1_SELECT,
    V2_SELECTS,
    inherit,
    is_pending,
    outer_runs,
    read_page,
    to_ancestor,
    to_call,
)


def micros(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_both_apis_give_the_same_calls() -> None:
    old, new = read_page(recorded("v1_page.json"), "v1"), read_page(recorded("v2_page.json"), "v2")
    assert old.next_cursor == new.next_cursor == "20"
    pairs = zip(old.runs, new.runs, strict=True)
    for before, after in pairs:
        first = to_call(before, source="prod", project="chat", dimensions=DIMENSIONS)
        second = to_call(after, source="prod", project="chat", dimensions=DIMENSIONS)
        assert first is not None and second is not None
        second.price_model_id = None  # the sample of v1 has none
        assert first == second


def test_a_call_of_the_sample_page_in_full() -> None:
    run = read_page(recorded("v2_page.json"), "v2").runs[2]
    call = to_call(run, source="prod", project="chat", dimensions=DIMENSIONS)
    assert call is not None
    assert (call.call_id, call.trace_id, call.parent_id) == (run.id, run.parent_ids[0], run.parent_ids[-1])
    assert (call.provider, call.model_requested, call.kind) == ("openai", "gpt-4o-mini", "llm")
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (291, 290, 899)
    assert (call.reported_input_cost, call.reported_cost) == (65_400_000, 604_800_000)
    assert call.metadata is None
    assert call.tags == ("seq:step:2",)


def test_nothing_with_text_is_asked_for() -> None:
    assert not {"INPUTS", "OUTPUTS", "EVENTS", "ERROR", "ERROR_PREVIEW", "EXTRA", "MANIFEST"} & set(
        V2_SELECTS
    )
    assert not {"inputs", "outputs", "events", "serialized", "child_run_ids"} & set(V1_SELECT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-15T10:00:01", micros("2026-11-15T10:00:01")),
        ("2026-11-15T10:00:01Z", micros("2026-11-15T10:00:01")),
        ("2026-11-15T12:00:01.000250+02:00", micros("2026-11-15T10:00:01") + 250),
        ("2026-11-15T10:00:01.5", micros("2026-11-15T10:00:01") + 500_000),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
def test_times_are_utc_microseconds(text: str, expected: int) -> None:
    assert run_of(v2_run(start_time=text)).started_at == expected


def test_latency_and_time_to_first_token() -> None:
    call = call_of(v2_run(first_token_time="2026-11-15T00:00:00.75Z"))
    assert (call.latency_ms, call.first_token_ms) == (2500, 750)
    assert call_of(v2_run(end_time="2026-11-14T00:00:00Z")).latency_ms is None
    assert call_of(v2_run(end_time="2027-11-14T00:00:00Z")).latency_ms is None


def test_a_run_that_goes_on_is_left_for_the_next_pull() -> None:
    for fields in ({"status": "PENDING"}, {"end_time": None}):
        assert is_pending(run_of(v2_run(**fields)))
        assert maybe_call(v2_run(**fields)) is None
    assert not is_pending(run_of(v2_run(status="ERROR", end_time=None)))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("RateLimitError(\"Error code: 429 - you said 'my prompt'\")\n\nTraceback ...", "RateLimitError"),
        ("openai.RateLimitError: slow down", "RateLimitError"),
        ("my prompt (with a bracket)", None),
        ("naïve(prompt)", None),
        ("secret", None),
        ("x" * 500 + "(", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_error_only_the_class_is_kept(error: str | None, kind: str | None) -> None:
    call = call_of(v1_run(error=error, status="ERROR"), "v1")
    assert (call.status, call.error_kind) == ("error", kind)


@pytest.mark.parametrize(
    ("cost", "pico"),
    [
        ("0.0006760500", 676_050_000),
        (0.0006760499999999999, 676_050_000),
        (6.54e-05, 65_400_000),
        ("0.0000000000005", 0),
        ("0.0000000000015", 2),
        (5e-13, 0),
        (1.5e-12, 2),
        (2.5e-12, 2),
        (1234.567890123456, 1_234_567_890_123_456),
        (-0.25, -250_000_000_000),
        (0, 0),
        (None, None),
        ("a lot", None),
        ("NaN", None),
        ("1e999999999", None),
        (1e300, None),
    ],
)
def test_costs_are_exact_pico_dollars(cost: Any, pico: int | None) -> None:
    assert call_of(v2_run(total_cost=cost)).reported_cost == pico


def test_a_cost_that_the_application_wrote_stands_where_langsmith_has_none() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "input_cost": 0.1,
        "output_cost": "0.2",
        "total_cost": 0.35,
    }
    call = written(usage)
    assert (call.reported_input_cost, call.reported_output_cost) == (100_000_000_000, 200_000_000_000)
    assert call.reported_cost == 350_000_000_000
    assert written(usage, total_cost=0.5).reported_cost == 500_000_000_000


def test_an_embedding_is_a_call_and_a_chain_is_not() -> None:
    assert call_of(v2_run(run_type="EMBEDDING", prompt_tokens=8)).kind == "embedding"
    assert maybe_call(v2_run(run_type="CHAIN", prompt_tokens=8, completion_tokens=1)) is None


def test_a_tool_with_a_cost_of_its_own_is_a_call() -> None:
    call = written({"total_cost": 0.0015}, run_type="TOOL", name="web_search")
    assert (call.kind, call.reported_cost, call.usage_flag) == ("tool", 1_500_000_000, None)
    assert call_of(v2_run(run_type="RETRIEVER", total_cost=0.01)).kind == "tool"
    assert maybe_call(v2_run(run_type="TOOL", total_cost=0)) is None


def test_recorded_searches_cost_what_they_say() -> None:
    runs = read_page(recorded("merged_0.15.0.json"), "v1").runs
    tools = [run for run in runs if run.run_type == "tool"]
    calls = [to_call(run, source="prod", project="chat", dimensions=DIMENSIONS) for run in tools]
    assert [call.reported_cost for call in calls if call] == [1_500_000_000] * 3


def test_a_v1_parent_carries_the_sum_of_its_children_and_does_not_count() -> None:
    summed = {"prompt_tokens": 100, "completion_tokens": 10, "total_cost": "0.5"}
    assert maybe_call(v1_run(run_type="CHAIN", **summed), "v1") is None
    assert call_of(v1_run(run_type="TOOL", child_run_ids=[], **summed), "v1").reported_cost == 500_000_000_000
    own = v1_run(run_type="TOOL", metadata={"usage_metadata": {"total_cost": 0.0015}}, **summed)
    call = call_of(own, "v1")
    assert (call.reported_cost, call.prompt_total, call.completion_total) == (1_500_000_000, 0, 0)


def nested(**outer: Any) -> list[Json]:
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    around = v2_run(**({"id": "outer", "parent_run_ids": [], **usage} | outer))
    between = v2_run(id="between", run_type="CHAIN", parent_run_ids=["outer"])
    return [around, between, v2_run(id="inner", parent_run_ids=["outer", "between"], **usage)]


def test_of_nested_llm_runs_the_inner_one_counts() -> None:
    assert outer_runs(map(run_of, nested())) == {"outer"}


def test_an_outer_run_counts_where_the_inner_one_has_no_usage() -> None:
    around, between, inner = nested()
    silent = {key: value for key, value in inner.items() if "tokens" not in key}
    assert outer_runs(map(run_of, [around, between, silent])) == set()


def test_a_chain_that_was_given_the_counts_of_its_children_does_not_count() -> None:
    usage = {"input_tokens": 10, "output_tokens": 2, "total_cost": 0.01}
    parts = nested(run_type="CHAIN", metadata={"usage_metadata": usage}, prompt_tokens=0, completion_tokens=0)
    assert outer_runs(map(run_of, parts)) == {"outer"}


def test_a_paid_tool_that_calls_a_model_counts_beside_it() -> None:
    cost = {"metadata": {"usage_metadata": {"total_cost": 0.0015}}}
    parts = nested(run_type="TOOL", prompt_tokens=0, completion_tokens=0, **cost)
    assert outer_runs(map(run_of, parts)) == set()
    summed = v1_run(
        id="outer", run_type="TOOL", parent_run_ids=[], prompt_tokens=10, completion_tokens=2, **cost
    )
    assert outer_runs([run_of(summed, "v1"), run_of(parts[2])]) == set()


def test_an_outer_run_of_v1_is_found_through_its_dotted_order() -> None:
    run = v1_run(
        id="c", dotted_order="20261115T000000000000Za.20261115T000000000001Zb.20261115T000000000002Zc"
    )
    del run["parent_run_ids"], run["trace_id"]
    assert run_of(run, "v1").parent_ids == ("a", "b")
    assert run_of(run, "v1").trace_id == "a"
    lonely = {key: value for key, value in run.items() if key != "dotted_order"}
    assert run_of(lonely | {"parent_run_id": "b"}, "v1").parent_ids == ("b",)
    assert run_of(lonely, "v1").parent_ids == ()


def test_model_and_provider() -> None:
    bare = v2_run(metadata={"ls_model_name": None, "model": "gpt-5-nano"})
    assert call_of(bare).model_requested == "gpt-5-nano"
    old = v1_run(
        metadata={"ls_model_name": ""}, extra={"metadata": {}, "invocation_params": {"model": "gpt-4o"}}
    )
    assert call_of(old, "v1").model_requested == "gpt-4o"
    assert call_of(v2_run(metadata={"ls_provider": ["x"]})).provider is None


def test_thread_release_and_sampling_rate() -> None:
    metadata = {"conversation_id": 7, "LANGSMITH_REVISION_ID": "abc123", "ls_tracing_sample_rate": 0.25}
    call = call_of(v2_run(metadata=metadata))
    assert (call.thread_id, call.release, call.sample_rate) == ("7", "abc123", 0.25)
    both = call_of(v2_run(thread_id="t-1", metadata={"thread_id": "t-2", "revision_id": "r"}))
    assert (both.thread_id, both.release) == ("t-1", "r")
    for rate in (0, -1, 2, "often", None, [1]):
        assert call_of(v2_run(metadata={"ls_tracing_sample_rate": rate})).sample_rate is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("rag", "rag"),
        ("  rag ", "rag"),
        ("", None),
        (" ", None),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (1, "1"),
        (None, None),
        (["rag"], None),
        ({"a": 1}, None),
        ("x" * 300, "x" * 256),
    ],
)
def test_a_tag_is_text(value: Any, text: str | None) -> None:
    call = call_of(v2_run(metadata={"feature": value, "env": "prod"}))
    assert call.dimensions == (text, "prod", None)
    assert call.attributed == ("call" if text else None, "call", None)


def test_the_process_tags_what_the_call_does_not() -> None:
    process = {"LANGSMITH_ENV": "staging", "LANGCHAIN_METADATA": '{"feature": "from-env", "env": "x"}'}
    call = call_of(v2_run(metadata={**process, "user_tier": "pro"}))
    assert call.dimensions == ("from-env", "staging", "pro")
    assert call.attributed == ("environment", "environment", "call")
    broken = call_of(v2_run(metadata={"LANGCHAIN_METADATA": "{not json"}))
    assert broken.dimensions == (None, None, None)


def test_the_metadata_column_keeps_scalars_that_somebody_may_group_by() -> None:
    metadata = {
        "feature": "rag",
        "customer_id": "c-1",
        "attempt": 2,
        "beta": True,
        "share": 0.5,
        "nothing": None,
        "empty": "",
        "list": [1],
        "object": {"a": 1},
        "prompt": "x" * 257,
        "huge": 2**70,
        "langgraph_node": "agent",
        "langgraph_checkpoint_ns": "agent:1",
        "thread_id": "t",
        "revision_id": "r",
        "temperature": 0.1,
        "_type": "openai-chat",
        "LANGSMITH_PROJECT": "p",
        "LANGCHAIN_ENDPOINT": "e",
        "usage_metadata": {"input_tokens": 1},
        "lc_versions": {"langchain-core": "1.7.2"},
    }
    kept = json.loads(call_of(v2_run(metadata=metadata)).metadata or "")
    assert kept == {"attempt": 2, "beta": True, "customer_id": "c-1", "langgraph_node": "agent", "share": 0.5}


def test_a_long_tag_is_left_out() -> None:
    assert call_of(v2_run(tags=["a", "x" * 257, "b"])).tags == ("a", "b")
    assert call_of(v2_run(tags=["x" * 257])).tags is None


def test_a_call_inherits_from_the_runs_above_it() -> None:
    call = call_of(v2_run(metadata={"feature": "own", "LANGSMITH_ENV": "process"}))
    above = [
        v2_run(
            id="root",
            name="handler",
            parent_run_ids=[],
            metadata={"feature": "r", "env": "r", "user_tier": "r"},
        ),
        v2_run(
            id="node", name="agent", parent_run_ids=["root"], metadata={"env": "n", "langgraph_node": "agent"}
        ),
        v2_run(
            id="seq", name="RunnableSequence", parent_run_ids=["root", "node"], metadata={"thread_id": "t-1"}
        ),
    ]
    known = {run["id"]: to_ancestor(run_of(run), DIMENSIONS) for run in above}
    inherit(call, ("root", "node", "seq", "unknown"), known)
    assert call.dimensions == ("own", "n", "r")
    assert call.attributed == ("call", "ancestor", "root")
    assert (call.root_name, call.thread_id, call.call_site) == (
        "handler",
        "t-1",
        "handler / agent / ChatOpenAI",
    )
    again = call.call_site
    inherit(call, ("root", "node", "seq"), known)
    assert call.call_site == again


def test_a_call_without_known_ancestors_stays_as_it_is() -> None:
    call = call_of(v2_run(metadata={"langgraph_node": "agent"}))
    inherit(call, ("gone",), {})
    assert (call.call_site, call.root_name, call.dimensions) == (
        "agent / ChatOpenAI",
        None,
        (None, None, None),
    )


def test_the_nearest_run_that_is_no_plumbing_names_the_place() -> None:
    call = call_of(v2_run())
    above = [
        v2_run(id="root", name="RunnableSequence", parent_run_ids=[]),
        v2_run(id="summarise", name="summarise", parent_run_ids=["root"]),
        v2_run(id="lambda", name="RunnableLambda", parent_run_ids=["root", "summarise"]),
    ]
    inherit(
        call, ("root", "summarise", "lambda"), {r["id"]: to_ancestor(run_of(r), DIMENSIONS) for r in above}
    )
    assert call.call_site == "RunnableSequence / summarise / ChatOpenAI"


def test_a_run_that_cannot_be_read_is_named() -> None:
    body = json.dumps({"items": [v2_run(), v2_run(id="bad-run", prompt_tokens="many")]}).encode()
    with pytest.raises(InputError, match=r"Run bad-run .*prompt_tokens"):
        read_page(body, "v2")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"items": 5}', b'{"items": [5]}', b'{"items": [{}]}', b"[" * 100_000]
)
def test_an_answer_that_is_no_page_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_page(body, "v2")
    assert "\n" not in str(caught.value)


def test_a_run_without_a_start_belongs_to_no_day() -> None:
    with pytest.raises(InputError, match=r"run-1 .*start_time"):
        call_of(v2_run(start_time=None))


def test_what_strict_json_forbids_does_not_stop_a_pull() -> None:
    text = json.dumps({"items": [v2_run(metadata={"feature": "MARK"})]})
    for broken in (b"\\ud800", b"\xff"):
        page = read_page(text.encode().replace(b"MARK", b"a" + broken), "v2")
        assert len(page.runs) == 1
    call = to_call(
        read_page(text.encode().replace(b'"MARK"', b"1e999"), "v2").runs[0],
        source="prod",
        project="chat",
        dimensions=DIMENSIONS,
    )
    assert call is not None and call.dimensions[0] is None


HOSTILE: tuple[Any, ...] = (None, 5, "text", [], [1], {}, {"a": 1}, True)


@pytest.mark.parametrize("shape", HOSTILE)
def test_what_an_application_writes_may_have_any_shape(shape: Any) -> None:
    usage = {"input_tokens": shape, "output_tokens": shape, "input_token_details": shape, "total_cost": shape}
    call_of(v2_run(metadata={"usage_metadata": shape, "ls_model_name": shape, "thread_id": shape}))
    call_of(v2_run(metadata={"usage_metadata": usage, "langgraph_node": shape, "feature": shape}))
    call_of(v2_run(prompt_token_details={"raw": {"cache_read": shape}}, prompt_tokens=5))
    for outputs in (
        shape,
        {"generations": shape, "usage_metadata": shape, "llm_output": shape, "model": shape},
        {"generations": [[shape]], "service_tier": shape},
        {
            "generations": [
                [{"message": {"kwargs": {"usage_metadata": usage, "response_metadata": shape}}}] * 2
            ]
        },
        {"llm_output": {"token_usage": {"prompt_tokens": shape, "prompt_tokens_details": shape}}},
        {"llm_output": {"usage": {"input_tokens": shape, "cache_read_input_tokens": shape}}},
    ):
        call_of(v1_run(outputs=outputs, extra={"runtime": shape, "invocation_params": shape}), "v1")
