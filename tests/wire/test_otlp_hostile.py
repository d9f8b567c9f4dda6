"""Whatever stands in a file of traces: nothing crashes, nothing is made up, and the good spans stay."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.otlp_payloads import (
    DIMENSIONS,
    Json,
    calls_of,
    counted,
    llm,
    numbers,
    records_of,
    request,
    settled,
    span,
)
from tests.wire.test_wire_laws import assert_honest

from whyspend.wire.otlp import Record, names, read_json, settle

HUGE = "9" * 5000
NESTED = (
    *(*names.METADATA_JSON, names.USAGE_DETAILS, names.COST_DETAILS, names.PROVIDER_METADATA),
    *(names.INPUT_DETAILS, names.OUTPUT_DETAILS),
)
DEEP = '{"resourceSpans":' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"nul",
        b"[",
        b"3",
        b"[3]",
        b'"x"',
        b'{"resourceSpans":3}',
        b"\x0a\x12\x08",
        DEEP.encode(),
    ],
)
def test_what_is_no_request_is_told(body: bytes) -> None:
    assert read_json(body, DIMENSIONS) is None


@pytest.mark.parametrize(
    "field",
    [
        {"traceId": ""},
        {"traceId": "0" * 32},
        {"traceId": "x" * 32},
        {"traceId": 5},
        {"spanId": "zz"},
        {"spanId": None},
        {"startTimeUnixNano": "0"},
        {"startTimeUnixNano": None},
        {"startTimeUnixNano": "-5"},
        {"startTimeUnixNano": HUGE},
        {"startTimeUnixNano": 1e30},
        {"startTimeUnixNano": []},
        {"name": 5},
        {"events": {"name": "x"}},
    ],
)
def test_a_span_that_cannot_be_placed_is_counted_and_the_others_stay(field: Json) -> None:
    bad = llm(1) | field
    batch = read_json(request(bad, llm(2)), DIMENSIONS)
    assert batch is not None
    assert (len(batch.spans), batch.unreadable) == (1, 1)


def test_attributes_as_a_map_lose_their_span_only() -> None:
    bad = llm(1)
    bad["attributes"] = {"gen_ai.usage.input_tokens": 5}
    batch = read_json(request(bad, llm(2)), DIMENSIONS)
    assert batch is not None and (len(batch.spans), batch.unreadable) == (1, 1)


@pytest.mark.parametrize("part", [3, {"scopeSpans": 3}, {"scopeSpans": [3]}, {"resource": []}])
def test_a_part_of_another_shape_is_counted(part: Any) -> None:
    whole = json.loads(request(llm(1)))
    whole["resourceSpans"].append(part)
    batch = read_json(json.dumps(whole).encode(), DIMENSIONS)
    assert batch is not None and (len(batch.spans), batch.unreadable) == (1, 1)


@pytest.mark.parametrize(
    "count",
    [
        -5,
        2**60,
        {"intValue": HUGE},
        {"intValue": "0x10"},
        {"intValue": 1.5},
        {"doubleValue": "NaN"},
        {"doubleValue": "Infinity"},
        {"doubleValue": 1e300},
        {"stringValue": "many"},
        {"boolValue": True},
        {"arrayValue": {"values": [{"intValue": "5"}]}},
        {"kvlistValue": {"values": []}},
        {"intValue": None},
        {},
    ],
)
def test_a_count_that_is_none_makes_up_no_tokens(count: Any) -> None:
    call = counted(gen_ai__request__model="m", gen_ai__usage__input_tokens=count)
    assert call.input_tokens == call.prompt_total == 0
    assert call.usage_flag in ("missing", "contradiction")


def test_numbers_may_come_as_text_or_as_whole_doubles() -> None:
    call = counted(gen_ai__usage__input_tokens="14", gen_ai__usage__output_tokens=3.0)
    assert (call.input_tokens, call.output_tokens) == (14, 3)


def test_bytes_that_are_no_utf_8_and_lone_surrogates_cost_no_span() -> None:
    body = request(llm(1, name="A"), llm(2, name="B"))
    body = body.replace(b'"name": "A"', b'"name": "\xff\xfeA"').replace(b'"name": "B"', b'"name": "\\ud800B"')
    assert [call.name for call in calls_of(records_of(body))] == ["��A", "?B"]


def test_numbers_beyond_a_double_cost_no_span() -> None:
    body = request(llm(1)).replace(b'"status": {}', b'"status": {}, "droppedAttributesCount": 1e999')
    assert len(calls_of(records_of(body))) == 1
    body = request(llm(1, attributes={"llm.cost.total": {"doubleValue": 7}})).replace(b'": 7}', b'": NaN}')
    assert calls_of(records_of(body))[0].reported_cost is None


def test_names_and_tags_are_cut_and_long_texts_are_no_tags() -> None:
    said = {"feature": "f" * 1000, "langsmith.metadata.note": "n" * 1000, "tag.tags": ["t" * 1000, "ok"]}
    (call,) = calls_of(records_of(request(llm(1, name="x" * 1000, attributes=said))))
    assert call.dimensions[0] == "f" * 256
    assert call.name == "x" * 256
    assert (call.metadata, call.tags) == (None, ("ok",))


def test_a_nul_in_a_name_stays_a_name() -> None:
    (call,) = calls_of(records_of(request(llm(1, name="a\0b", attributes={"feature": "x\0y"}))))
    assert (call.name, call.dimensions[0]) == ("a\0b", "x\0y")


def test_json_within_attributes_may_be_anything() -> None:
    for text in (
        "{",
        "[]",
        "{" * 5000,
        '{"a":' * 3000,
        "null",
        '{"input": {"x": 1}}',
        '{"anthropic": {"usage": 3}}',
    ):
        said = dict.fromkeys(NESTED, text)
        (record,) = settled(llm(1, attributes=said)).calls
        assert record.call is not None
        assert_honest(record.call)


counts = (
    st.integers(-5, 3000) | st.sampled_from([2**53, 2**53 + 1, 10**18]) | st.text("0123456789-x", max_size=4)
)
COUNTED = (
    *names.INPUT, *names.OUTPUT, *names.TOTAL, *names.CACHE_READ, *names.CACHE_WRITE, *names.REASONING,
    *names.INPUT_AUDIO, *names.CACHED_AUDIO, *names.OUTPUT_AUDIO, *names.INPUT_IMAGE, *names.CACHED_IMAGE,
)  # fmt: skip
SCOPES = ("test", "openlit.otel.tracing", "opentelemetry.instrumentation.bedrock")


@given(st.dictionaries(st.sampled_from(COUNTED), counts, min_size=1, max_size=8), st.sampled_from(SCOPES))
def test_buckets_add_up_to_the_totals_or_a_contradiction_is_flagged(said: Json, scope: str) -> None:
    (record,) = settled(span(1, attributes={"gen_ai.operation.name": "chat"} | said), scope=scope).calls
    assert record.call is not None
    assert_honest(record.call)


DETAILS = (
    *(
        "input",
        "output",
        "total",
        "input_cached_tokens",
        "input_cache_read",
        "input_cache_creation",
        "prompt_tokens",
    ),
    *("input_cache_creation_5m", "input_cache_creation_1h", "cache_read_input_tokens", "input_audio_tokens"),
    *(
        "output_reasoning",
        "prompt_details.cache_read",
        "completion_details.reasoning",
        "completion_tokens",
        "odd",
    ),
)


@given(st.dictionaries(st.sampled_from(DETAILS), st.integers(0, 3000), min_size=1, max_size=8))
def test_langfuse_s_details_add_up_too(details: dict[str, int]) -> None:
    said = {"langfuse.observation.type": "generation", names.USAGE_DETAILS: json.dumps(details)}
    assert_honest(counted(**{key.replace(".", "__"): value for key, value in said.items()}))


shapes = st.lists(
    st.tuples(
        st.integers(1, 7), st.integers(0, 7), st.sampled_from(["llm", "silent", "embedding", "span", "agent"])
    ),
    min_size=1,
    max_size=9,
)


def made(shape: list[tuple[int, int, str]]) -> list[Record]:
    kinds: dict[str, Json] = {
        "llm": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "gen_ai.response.id": "r"},
        "silent": {"gen_ai.operation.name": "chat"},
        "embedding": {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 3},
        "span": {"feature": "x"},
        "agent": {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 99},
    }
    spans = [
        span(number, parent or None, start_ms=number * 400, attributes=kinds[kind])
        for number, parent, kind in shape
    ]
    return records_of(request(*spans))


@given(shapes, st.randoms(use_true_random=False))
def test_the_order_of_the_spans_and_their_repetition_change_nothing(shape: Any, random: Any) -> None:
    in_order = settle(made(shape))
    mixed = [*made(shape), *made(shape)]
    random.shuffle(mixed)
    assert settle(mixed) == in_order


@given(shapes)
def test_every_call_counts_or_is_a_double_and_a_leaf_with_tokens_always_counts(shape: Any) -> None:
    records = made(shape)
    found = settle(records)
    ids = [one.id for some in found for one in some]
    assert len(ids) == len(set(ids))
    assert set(ids) == {record.id for record in records if record.call is not None}
    counted_ids = {one.id for one in found.calls}
    assert counted_ids or not any(record.call for record in records) or _has_circle(records)


def _has_circle(records: list[Record]) -> bool:
    parents = {record.id: record.parent_id for record in records}
    for start in parents:
        seen, at = {start}, parents[start]
        while at in parents:
            if at in seen:
                return True
            seen.add(at)
            at = parents[at]
    return False


def test_any_order_of_a_doubly_told_agent_s_trace_gives_the_same_calls() -> None:
    agent = {"gen_ai.operation.name": "invoke_agent"}
    spans = [llm(1, tokens=(200, 40), attributes=agent), llm(2, 1), llm(3, 2), llm(4, 1, tokens=None)]
    assert all(numbers(settled(*some)) == ([3, 4], [2]) for some in permutations(spans))
