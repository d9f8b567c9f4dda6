"""OTLP in protobuf means what the same request in JSON means, whatever its bytes are."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.wire.otlp_payloads import (
    DATA,
    DIMENSIONS,
    MARKER,
    START,
    TRACE,
    attributes,
    llm,
    message,
    protobuf,
    request,
    span,
    value,
)

from whyspend.wire.otlp import Batch, TooManyError, read_json, read_protobuf
from whyspend.wire.otlp.fields import WireError, fields, written_bytes, written_varint
from whyspend.wire.otlp.names import is_read

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "otlp"


def read(body: bytes) -> Batch:
    batch = read_protobuf(body, DIMENSIONS)
    assert batch is not None
    return batch


def same(body: bytes) -> None:
    alike(read(protobuf(body)), body)


def alike(ours: Batch, body: bytes) -> None:
    wanted = read_json(body, DIMENSIONS)
    assert wanted is not None
    assert (ours.spans, ours.unreadable) == (wanted.spans, wanted.unreadable)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_what_every_convention_writes_is_read_alike(path: Path) -> None:
    same(path.read_bytes())


def test_all_that_a_span_has_is_read_alike() -> None:
    events = [
        {"name": "exception", "attributes": attributes({"exception.type": "A", "exception.message": MARKER})},
        {"name": "First Token Stream Event", "timeUnixNano": str((START + 5) * 1000)},
        {"name": "First Token Stream Event", "timeUnixNano": str((START + 9) * 1000)},
    ]
    said = {
        "feature": "rag",
        "langfuse.trace.tags": ["a", 3, "b"],
        "gen_ai.usage.cost": 0.25,
        "langsmith.metadata.on": True,
        "langsmith.metadata.less": -7,
        "metadata": {"kvlistValue": {"values": attributes({"x": "y"})}},
        "service.version": {"bytesValue": "aGk="},
        "gen_ai.prompt": MARKER,
    }
    failed = llm(1, 2, events=events, status={"code": 2, "message": MARKER}, attributes=said)
    body = request(failed, llm(2, flags=1, kind=3), resource={"service.name": "s", "env": "prod"})
    same(body)
    (one, _) = read(protobuf(body)).spans
    assert (one.failed, one.error_type, one.first_token) == (True, "A", START + 5)
    assert one.attributes["langfuse.trace.tags"] == ["a", "b"]
    assert MARKER not in repr(read(protobuf(body)))


@pytest.mark.parametrize("length", [100, 127, 128, 200, 256, 257, 5_000])
def test_keys_are_read_alike_however_long(length: int) -> None:
    name = "langsmith.metadata."
    key = name + "x" * (length - len(name))
    same(request(span(1, attributes={key: "held", "gen_ai.request.model": "gpt-4o"})))


@pytest.mark.parametrize(
    "outputs",
    [
        '{"usage_metadata":{"input_tokens":7,"output_tokens":3},"model":"m","text":"..."}',
        "{",
        "x" * 5_000_000,
        7,
    ],
    ids=["usage", "broken", "too long", "no text"],
)
def test_the_outputs_of_langsmith_s_spans_are_read_alike(outputs: str | int) -> None:
    body = request(llm(1, attributes={"gen_ai.completion": outputs}), scope="langsmith")
    same(body)
    (found,) = read(protobuf(body)).spans
    is_read = isinstance(outputs, str) and "usage" in outputs
    assert (found.reply is not None and found.reply.usage is not None) == is_read


def test_fields_may_come_in_any_order_and_more_than_once() -> None:
    whole = message(request(llm(1), resource={"service.name": "s"})).resource_spans[0]
    resource = whole.resource.SerializeToString()
    (group,) = whole.scope_spans
    spans = b"".join(written_bytes(2, one.SerializeToString()) for one in group.spans)
    scope = written_bytes(1, group.scope.SerializeToString())
    turned = written_bytes(2, spans + scope) + written_bytes(1, b"") + written_bytes(1, resource)
    alike(read(written_bytes(1, turned)), request(llm(1), resource={"service.name": "s"}))


@pytest.mark.parametrize("field", ["trace_id", "span_id", "start_time_unix_nano"])
def test_a_span_without_an_id_or_start_is_counted_and_the_others_stay(field: str) -> None:
    whole = message(request(llm(1), llm(2), llm(3)))
    spans = whole.resource_spans[0].scope_spans[0].spans
    spans[0].ClearField(field)
    if field != "start_time_unix_nano":
        setattr(spans[1], field, b"\1\2\3")
    batch = read(whole.SerializeToString())
    assert (len(batch.spans), batch.unreadable) == ((2, 1) if field == "start_time_unix_nano" else (1, 2))


def test_texts_that_are_no_utf_8_cost_no_span() -> None:
    body = protobuf(request(llm(1, name="A--B"))).replace(b"A--B", b"A\xff\xfeB")
    assert [one.name for one in read(body).spans] == ["A\ufffd\ufffdB"]


def test_logs_and_metrics_on_the_path_of_traces_are_no_spans() -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=START * 1000)
    record.body.string_value = MARKER
    batch = read(logs.SerializeToString())
    assert (batch.spans, batch.unreadable) == ([], 1)
    record.trace_id, record.span_id = bytes.fromhex(TRACE), b"12345678"
    assert read_protobuf(logs.SerializeToString(), DIMENSIONS) is None


def test_more_spans_than_are_taken_are_told() -> None:
    body = request(*(span(number) for number in range(1, 5)))
    assert len(read(protobuf(body)).spans) == 4
    for reader, written in ((read_protobuf, protobuf(body)), (read_json, body)):
        with pytest.raises(TooManyError):
            reader(written, DIMENSIONS, 3)


def test_more_attributes_of_an_exception_than_are_taken_are_told() -> None:
    one = message(request(span(1))).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    event = written_bytes(11, written_bytes(2, b"exception") + b"\x1a\x00" * 60)
    with pytest.raises(TooManyError):
        read_protobuf(written_bytes(1, written_bytes(2, written_bytes(2, one + event))), DIMENSIONS, 3)


@pytest.mark.parametrize("part", [b"\x4a\x00", b"\x5a\x00"])
def test_more_attributes_and_events_than_are_taken_are_told(part: bytes) -> None:
    one = message(request(span(1))).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    few, many = (
        written_bytes(1, written_bytes(2, written_bytes(2, one + part * count))) for count in (50, 60)
    )
    batch = read_protobuf(few, DIMENSIONS, 3)
    assert batch is not None and len(batch.spans) == 1
    with pytest.raises(TooManyError):
        read_protobuf(many, DIMENSIONS, 3)


@pytest.mark.parametrize("many", [b"\x0a\x00" * 100, written_bytes(1, b"\x12\x00" * 100)])
def test_more_of_nothing_than_is_taken_is_told(many: bytes) -> None:
    with pytest.raises(TooManyError):
        read_protobuf(many, DIMENSIONS, 3)


def test_spans_that_cannot_be_read_are_spans_too() -> None:
    bad = request(*(span(number) | {"traceId": ""} for number in range(1, 5)))
    for reader, written in ((read_protobuf, protobuf(bad)), (read_json, bad)):
        batch = reader(written, DIMENSIONS, 4)
        assert batch is not None and (batch.spans, batch.unreadable) == ([], 4)
        with pytest.raises(TooManyError):
            reader(written, DIMENSIONS, 3)


texts = st.text(max_size=20)
numbers = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(texts, numbers, st.booleans(), st.floats(allow_nan=False, allow_infinity=False))
keys = st.sampled_from(
    ["gen_ai.usage.input_tokens", "gen_ai.request.model", "feature", "metadata", "tag.tags", "gen_ai.prompt"]
)
said = st.dictionaries(st.one_of(keys, texts), st.one_of(scalars, st.lists(texts, max_size=3)), max_size=6)


@given(said, said, st.integers(0, 3), st.text(max_size=9))
def test_any_attributes_are_read_alike(on_span: Any, on_resource: Any, parent: int, name: str) -> None:
    same(request(span(1, parent, name=name, attributes=on_span), resource=on_resource))


WHOLE = protobuf(request(llm(1), llm(2, 1, attributes={"tag.tags": ["a"]}), resource={"service.name": "s"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_none(body: bytes) -> None:
    read_protobuf(body, DIMENSIONS)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_bytes_are_a_request_or_none(damage: list[tuple[int, int]]) -> None:
    body = bytearray(WHOLE)
    for place, byte in damage:
        body[place] = byte
    read_protobuf(bytes(body), DIMENSIONS)


@given(st.integers(1, len(WHOLE) - 1))
def test_a_request_that_is_cut_off_is_none(length: int) -> None:
    assert read_protobuf(WHOLE[:length], DIMENSIONS) is None


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",
        b"\x0a\x05ab",
        written_bytes(1, written_bytes(2, written_bytes(2, b"\x4a\x01\x0a"))),
        written_bytes(1, written_bytes(2, written_bytes(2, b"\x4a\x02\x0a\x01"))),
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # 9 exabytes are declared
        b"\x0a" + b"\xff" * 11,
        b"\x00\x01",  # field 0
        b"\x0b\x0c",  # a group
        b"\x0e\x01",
        b"\x0f",
        b"\x80" * 10,
        b"\xff\xff\xff\xff\xff\x01\x00",  # a field beyond the last there can be
        b"\x09\x00\x00",
        b"\x0d\x00",
        b'{"resourceSpans":[]}',
        written_bytes(1, b"\x12\x7f"),
        written_bytes(1, written_bytes(2, written_bytes(2, b"\x4a\x03\x0a\x05a"))),
    ],
)
def test_what_is_no_message_is_told(body: bytes) -> None:
    assert read_protobuf(body, DIMENSIONS) is None


@pytest.mark.parametrize(
    "last", [b"\x4a\x00", b"\x5a\x00", b"\x7a\x00", b"\x4a\x02\x0a\x00", b"\x4a\x02\x12\x00"]
)
def test_what_is_empty_at_the_very_end_is_read(last: bytes) -> None:
    one = message(request(span(1))).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    assert len(read(written_bytes(1, written_bytes(2, written_bytes(2, one + last)))).spans) == 1


def test_depth_is_passed_over() -> None:
    deep = b""
    for _ in range(50_000):
        deep = written_bytes(6, deep)
    nested = written_bytes(1, b"metadata") + written_bytes(2, deep)
    body = message(request(llm(1)))
    one = body.resource_spans[0].scope_spans[0].spans[0].SerializeToString() + written_bytes(9, nested)
    batch = read(written_bytes(1, written_bytes(2, written_bytes(2, one))))
    assert "metadata" not in batch.spans[0].attributes


def test_millions_of_empty_fields_take_no_memory_of_their_own() -> None:
    import tracemalloc

    for empty in (b"\x0a\x00", written_bytes(1, b"\x12\x00" * 1000), b"\x12\x00"):
        body = written_bytes(1, written_bytes(2, written_bytes(2, b"\x4a\x00" * 10_000))) + empty * (
            300_000 // len(empty)
        )
        tracemalloc.start()
        read(body)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 200_000


@given(st.integers(0, 2**64 - 1))
@example(2**64 - 1)
def test_a_number_that_is_written_is_read(number: int) -> None:
    body = b"\x08" + written_varint(number)
    assert list(fields(body, 0, len(body))) == [(8, number, len(body))]


@given(st.binary(max_size=60))
def test_the_fields_of_a_message_fill_it(body: bytes) -> None:
    """As protobuf's own reader takes any unknown fields; but for groups and fields of number 0, which we refuse."""
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError

    try:
        ours = [end for _, _, end in fields(body, 0, len(body))]
    except WireError:
        ours = None
    try:
        Empty.FromString(body)
    except DecodeError:
        theirs = False
    else:
        theirs = True
    if ours is not None:
        assert not ours or ours[-1] == len(body)
        assert theirs
    elif theirs:
        assert any(byte & 7 == 3 or byte < 8 for byte in body)


def test_a_value_that_is_no_number_stays_none_in_both() -> None:
    body = request(span(1, attributes={"gen_ai.usage.cost": {"doubleValue": "NaN"}}))
    ours = read(protobuf(body)).spans[0].attributes["gen_ai.usage.cost"]
    assert isinstance(ours, float) and math.isnan(ours)


def test_values_that_are_too_long_to_matter_are_not_looked_at() -> None:
    said = {"metadata": "x" * 20_001, "feature": "x" * 20_000, "tag.tags": ["x" * 80_001]}
    body = request(span(1, attributes=said))
    assert list(read(protobuf(body)).spans[0].attributes) == ["feature"]
    same(body)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_the_samples_are_read_alike() -> None:
    for path in sorted(SAMPLES.glob("*.json")):
        body = path.read_bytes()
        same(body)


def test_only_what_is_looked_at_is_decoded() -> None:
    assert not is_read("gen_ai.prompt", DIMENSIONS)
    body = protobuf(request(span(1, attributes={"gen_ai.prompt": MARKER})))
    assert read(body).spans[0].attributes == {}
    assert json.dumps(value(MARKER))  # the marker is in the body, as text
