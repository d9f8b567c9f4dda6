"""A call that several spans tell of is counted once, and takes its owner from what is above it."""

import json
from typing import Any

import pytest
from tests.wire.otlp_payloads import (
    DIMENSIONS,
    Json,
    calls_of,
    llm,
    numbers,
    records_of,
    request,
    settled,
    span,
)

from whyspend.wire.otlp import Settled, settle

EMBEDDING = {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 8}


def answered(number: int, response: str, parent: int | None = None, **said: Any) -> Json:
    attributes = {"gen_ai.response.id": response} | said.pop("attributes", {})
    return llm(number, parent, attributes=attributes, **said)


def test_of_an_outer_and_an_inner_call_the_inner_counts() -> None:
    assert numbers(settled(llm(1), span(2, 1), llm(3, 2))) == ([3], [1])


def test_an_outer_call_around_several_does_not_add_their_sum() -> None:
    found = settled(llm(1, tokens=(300, 60)), llm(2, 1), llm(3, 1), llm(4, 1))
    assert numbers(found) == ([2, 3, 4], [1])


def test_an_outer_call_counts_where_the_inner_one_was_told_no_tokens() -> None:
    assert numbers(settled(llm(1), llm(2, 1, tokens=None))) == ([1], [2])


def test_of_calls_without_tokens_the_innermost_counts() -> None:
    assert numbers(settled(llm(1, tokens=None), llm(2, 1, tokens=None))) == ([2], [1])


def test_a_failed_try_counts_beside_the_one_that_answered() -> None:
    found = settled(llm(1), llm(2, 1, tokens=None, status={"code": 2}), llm(3, 1))
    assert numbers(found) == ([2, 3], [1])


def test_an_embedding_within_a_call_is_another_call() -> None:
    assert numbers(settled(llm(1), span(2, 1, attributes=EMBEDDING))) == ([1, 2], [])


@pytest.mark.parametrize("kind", ["invoke_agent", "invoke_workflow", "agent_step", "create_agent"])
def test_the_sum_of_an_agent_is_no_call_even_without_the_calls_below_it(kind: str) -> None:
    agent = llm(1, attributes={"gen_ai.operation.name": kind})
    assert numbers(settled(agent)) == ([], [])


@pytest.mark.parametrize(
    "said",
    [
        {"openinference.span.kind": "CHAIN"},
        {"openinference.span.kind": "AGENT"},
        {"traceloop.span.kind": "workflow"},
        {"langsmith.span.kind": "chain"},
        {"langfuse.observation.type": "span"},
        {"ai.operationId": "ai.generateText"},
        {"ai.operationId": "ai.generateObject"},
        {"agent_name": "helper"},
    ],
)
def test_a_sum_is_known_by_what_each_convention_calls_it(said: Json) -> None:
    counts = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}
    assert numbers(settled(span(1, attributes=counts | said))) == ([], [])


def test_one_response_told_by_two_instrumentations_side_by_side_is_one_call() -> None:
    found = settled(span(1), answered(2, "r", 1), answered(3, "r", 1, start_ms=10, ms=900))
    assert [len(some) for some in found] == [1, 1]


def test_of_two_that_tell_of_one_response_the_one_with_more_detail_counts() -> None:
    detailed = answered(3, "r", 1, start_ms=5, attributes={"gen_ai.usage.cache_read.input_tokens": 50})
    assert numbers(settled(span(1), answered(2, "r", 1), detailed)) == ([3], [2])
    assert numbers(settled(span(1), answered(2, "r", 1, tokens=None), answered(3, "r", 1))) == ([3], [2])


def by_both(caller: list[Json], client: list[Json]) -> Settled:
    """What two instrumentations tell: the one of a framework, and that of the client which it uses."""
    records = records_of(request(span(1, ms=9000), *caller, scope="framework"))
    return settle(records + records_of(request(*client, scope="client")))


CHAIN = {"langsmith.metadata.feature": "rag-search", "langsmith.metadata.langgraph_node": "answer"}
DATED = {"gen_ai.response.model": "gpt-4o-2024-08-06"}


def test_a_call_that_a_framework_tells_beside_its_client_counts_once_with_what_both_know() -> None:
    """OpenInference's LangChain and OpenAI: neither span is above the other."""
    found = by_both(
        [span(2, 1, attributes=CHAIN), llm(3, 2)], [llm(4, 1, start_ms=10, ms=900, attributes=DATED)]
    )
    assert numbers(found) == ([4], [3])
    (call,) = calls_of(found.calls + found.doubles + records_of(request(span(2, 1, attributes=CHAIN))))
    assert (call.dimensions[0], call.model_answered) == ("rag-search", "gpt-4o-2024-08-06")


def test_a_framework_that_was_told_no_tokens_counts_once_too() -> None:
    assert numbers(by_both([llm(3, 1, tokens=None)], [llm(4, 1, start_ms=10, ms=900)])) == ([4], [3])


def test_calls_at_the_same_time_that_are_alike_are_paired_one_to_one() -> None:
    caller = [llm(2, 1, ms=1000), llm(3, 1, start_ms=100, ms=1900)]
    client = [llm(4, 1, start_ms=200, ms=700), llm(5, 1, start_ms=300, ms=1200)]
    assert numbers(by_both(caller, client)) == ([4, 5], [2, 3])
    assert numbers(by_both(caller[:1], client)) == ([4, 5], [2])


@pytest.mark.parametrize(
    "other",
    [
        llm(4, 1, start_ms=10, ms=900, tokens=(101, 20)),
        llm(4, 1, start_ms=10, ms=1000),
        llm(4, 1, start_ms=10, ms=900, attributes={"gen_ai.request.model": "o3"}),
        span(4, 1, start_ms=10, ms=900, attributes=EMBEDDING),
        llm(4, 1, start_ms=10, ms=900, tokens=None),
    ],
    ids=["other counts", "it ends later", "another model", "another kind", "a try that failed"],
)
def test_calls_that_differ_are_two(other: Json) -> None:
    assert numbers(by_both([llm(3, 1)], [other])) == ([3, 4], [])


def test_one_instrumentation_never_tells_a_call_twice_side_by_side() -> None:
    assert numbers(settled(llm(3, 1), llm(4, 1, start_ms=10, ms=900))) == ([3, 4], [])


def test_a_server_that_uses_its_ids_again_answers_several_calls() -> None:
    found = settled(span(1), answered(2, "chatcmpl-1", 1), answered(3, "chatcmpl-1", 1, start_ms=2000))
    assert numbers(found) == ([2, 3], [])


def test_a_span_that_came_twice_is_one() -> None:
    assert numbers(settled(llm(1), llm(1), llm(1))) == ([1], [])


def test_of_two_versions_of_a_span_the_one_with_counts_stands() -> None:
    for spans in ([llm(1, tokens=None), llm(1)], [llm(1), llm(1, tokens=None)]):
        (record,) = settled(*spans).calls
        assert record.call is not None and record.call.input_tokens == 100


def test_parents_in_a_circle_end() -> None:
    settled(llm(1, 2), llm(2, 1), span(3, 3))


def test_a_call_takes_the_tags_of_the_nearest_span_above_that_has_them() -> None:
    found = settled(
        span(1, attributes={"feature": "root", "env": "prod", "user_tier": "pro"}),
        span(2, 1, attributes={"feature": "near"}),
        llm(3, 2, attributes={"user_tier": "free"}),
    )
    (record,) = found.calls
    assert record.call is not None
    assert record.call.dimensions == ("near", "prod", "free")
    assert record.call.attributed == ("ancestor", "root", "call")


def test_a_tag_above_beats_the_process_s_own() -> None:
    found = settled(
        span(1, attributes={"env": "test"}), llm(2, 1), resource={"deployment.environment.name": "prod"}
    )
    (record,) = found.calls
    assert record.call is not None
    assert (record.call.dimensions[1], record.call.attributed[1]) == ("test", "root")


def test_a_trace_whose_root_is_elsewhere_still_has_its_spans_above() -> None:
    found = settled(span(2, 9, name="handler", attributes={"feature": "x"}), llm(3, 2))
    (record,) = found.calls
    assert record.call is not None
    assert (record.call.attributed[0], record.call.root_name) == ("ancestor", None)
    assert record.call.call_site == "handler / chat"


def test_ids_are_hex_or_base64() -> None:
    plain = calls_of(records_of(request(llm(1, 2))))[0]
    coded = llm(1, 2) | {
        "traceId": "W47/95gDgQPSabYzgT/GDA==",
        "spanId": "AAAAAAAAAAE=",
        "parentSpanId": "AAAAAAAAAAI=",
    }
    assert calls_of(records_of(request(coded)))[0] == plain
    upper = llm(1, 2) | {"traceId": plain.trace_id.upper()}
    assert calls_of(records_of(request(upper)))[0] == plain
    assert plain.call_id == f"{plain.trace_id}-0000000000000001"
    assert plain.parent_id == f"{plain.trace_id}-0000000000000002"


def test_a_list_of_requests_and_numbers_for_64_bit_integers_are_read() -> None:
    said = llm(1, attributes={"gen_ai.usage.input_tokens": {"intValue": 7}})
    said["startTimeUnixNano"] = int(said["startTimeUnixNano"])
    body = b"[" + request(said) + b"," + request(span(2)) + b"]"
    (call,) = calls_of(records_of(body))
    assert call.input_tokens == 7
    assert len(records_of(body, DIMENSIONS)) == 2


def test_logs_and_metrics_have_no_spans() -> None:
    for body in (b"{}", b'{"resourceLogs":[{}]}', b'{"resourceMetrics":[]}', b'{"resourceSpans":null}'):
        assert records_of(body) == []
    assert json.loads(request(span(1)))["resourceSpans"]
