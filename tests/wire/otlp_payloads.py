"""Spans as exporters write them in OTLP/JSON, and the calls that come of them."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from whyspend.model import Call
from whyspend.wire.otlp import Record, Settled, read_json, settle, to_record

DATA = Path(__file__).parent.parent / "data" / "otlp"
"""One request of each convention: the shape of what its SDK writes, every message replaced by MARKER."""

MARKER = "SECRET-PROMPT-MARKER"
DIMENSIONS = ("feature", "env", "user_tier")
TRACE = "5b8efff798038103d269b633813fc60c"
START = 1_763_287_200_000_000
"""2025-11-16 10:00 UTC in microseconds: when all spans of `span` begin."""

Json = dict[str, Any]


def value(given: Any) -> Json:
    """An attribute's value by its type; what is a dict already stays as it is."""
    if isinstance(given, dict):
        return given
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(item) for item in given]}}
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    return {"doubleValue": given} if isinstance(given, float) else {"stringValue": given}


def attributes(given: Json) -> list[Json]:
    return [{"key": key, "value": value(item)} for key, item in given.items()]


def span(number: int, parent: int | None = None, start_ms: int = 0, ms: int = 1000, **said: Any) -> Json:
    """A span whose id is a number; `said` are fields of the span, and `attributes` as a plain dict."""
    written = {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": "chat",
        "startTimeUnixNano": str((START + start_ms * 1000) * 1000),
        "endTimeUnixNano": str((START + (start_ms + ms) * 1000) * 1000),
        "status": {},
    }
    return written | said | {"attributes": attributes(said.get("attributes", {}))}


def llm(
    number: int, parent: int | None = None, tokens: tuple[int, int] | None = (100, 20), **said: Any
) -> Json:
    """A span of a call of gpt-4o, with these input and output tokens, or none."""
    counts = (
        {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]} if tokens else {}
    )
    model = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}
    return span(number, parent, **{**said, "attributes": model | counts | said.get("attributes", {})})


def request(*spans: Json, scope: str = "test", resource: Json | None = None) -> bytes:
    group = {"scope": {"name": scope}, "spans": list(spans)}
    part = {"resource": {"attributes": attributes(resource or {})}, "scopeSpans": [group]}
    return json.dumps({"resourceSpans": [part]}).encode()


def message(body: bytes) -> Any:
    """A request in JSON as the message of opentelemetry-proto. Its JSON has ids in base64."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return ParseDict(_with_base64(json.loads(body)), ExportTraceServiceRequest(), ignore_unknown_fields=True)


def protobuf(body: bytes) -> bytes:
    """A request in JSON, in protobuf."""
    found: bytes = message(body).SerializeToString()
    return found


def _with_base64(given: Any) -> Any:
    if isinstance(given, list):
        return [_with_base64(item) for item in given]
    if not isinstance(given, dict):
        return given
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else _with_base64(item)
        for key, item in given.items()
    }


def records_of(body: bytes, dimensions: tuple[str, ...] = DIMENSIONS) -> list[Record]:
    batch = read_json(body, dimensions)
    assert batch is not None
    found = (to_record(one, source="otel", dimensions=dimensions) for one in batch.spans)
    return [record for record in found if record is not None]


def settled(*spans: Json, scope: str = "test", resource: Json | None = None) -> Settled:
    return settle(records_of(request(*spans, scope=scope, resource=resource)))


def calls_of(records: Iterable[Record]) -> list[Call]:
    return [record.call for record in settle(records).calls if record.call is not None]


def recorded(name: str) -> Call:
    """The one call of a payload in tests/data/otlp."""
    (call,) = calls_of(records_of((DATA / f"{name}.json").read_bytes()))
    return call


def counted(*, scope: str = "test", **said: Any) -> Call:
    """The call of a span with these attributes, `__` for a dot."""
    named = {key.replace("__", "."): item for key, item in said.items()}
    (record,) = settled(span(1, attributes=named), scope=scope).calls
    assert record.call is not None
    return record.call


def numbers(found: Settled) -> tuple[list[int], list[int]]:
    """The ids of the spans that count, and of those that tell of the same calls."""
    counts, doubles = ([int(one.id.rpartition("-")[2], 16) for one in some] for some in found)
    return counts, doubles
