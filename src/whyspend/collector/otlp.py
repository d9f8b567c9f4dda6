"""OTLP over HTTP: `POST /v1/traces`, as every exporter of OpenTelemetry sends it, in protobuf or in JSON.

As https://opentelemetry.io/docs/specs/otlp/#otlphttp has it: 200 once it is durable, also where some of the spans
cannot be read; of all refusals only 503 is worth another try. LangSmith's SDK exports below `/otel` of its endpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from whyspend.collector.collecting import Collector
from whyspend.collector.intake import Intake, durable, in_one
from whyspend.collector.traces import size_of
from whyspend.serving import BODY_REFUSALS, Endpoint, RefusedError, Reply, Schema
from whyspend.serving.refusing import headers_of
from whyspend.wire.otlp import Batch, Record, TooManyError, read_json, read_protobuf, to_record
from whyspend.wire.otlp.fields import VARINT, tag, written_bytes, written_varint
from whyspend.wire.otlp.spans import PARTS

PREFIXES = ("", "/otel", "/api/v1/otel")

REQUEST_BYTES = 20 << 20
"""The longest request, unpacked: what OTLP recommends."""

MOST_SPANS = 50_000
"""Spans of one request. SDKs send 512, collectors some 8,192."""

MOST_OBJECTS = 2_000_000
"""Braces of a request in JSON: each may become an object in memory. 20 MiB of spans have half as many."""

RECORD_BYTES = 64 << 20
"""What the spans of one request may take in memory, about. One resource's names go with each of its spans."""

FEWER = "Send fewer spans at once: see the batch settings of the exporter."

CODES = {408: 4, 413: 8, 503: 14}
"""DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE of google.rpc.Code; all else is INVALID_ARGUMENT."""
INVALID_ARGUMENT = 3


@dataclass(frozen=True)
class Form:
    """How a request is written, and so its answer."""

    content_type: str
    read: Callable[[bytes, tuple[str, ...], int], Batch | None]
    accepted: Callable[[int, str], bytes]
    """ExportTraceServiceResponse: spans that were rejected, and why."""
    refused: Callable[[int, str], bytes]
    """google.rpc.Status: a code, and why."""


@dataclass(frozen=True)
class Exports:
    """Takes spans in for one collector."""

    collector: Collector
    intake: Intake

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        refused = {status: Reply(why, _STATUS) for status, why in BODY_REFUSALS.items() if status != 422}
        replies = {200: Reply("It is on the disk; at most some spans were rejected.", _RESPONSE), **refused}
        return [
            Endpoint("POST", "/v1/traces", self.traces, PREFIXES, replies=replies, body=_REQUEST),
        ]

    async def traces(self, request: Request) -> Response:
        """Take spans in, as OpenTelemetry exporters send them."""
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = FORMS.get(given)
        try:
            if form is None:
                raise RefusedError(415, f"Content-Type can be {' or '.join(FORMS)}.")
            rejected = await self._take(request, form)
        except RefusedError as error:
            form = form or JSON
            content = form.refused(CODES.get(error.status, INVALID_ARGUMENT), error.why)
            return _answer(form, content, error.status)
        return _answer(form, form.accepted(rejected, f"{_spans(rejected)} without a valid id or start time."))

    async def _take(self, request: Request, form: Form) -> int:
        """How many spans were rejected, once all others are durable."""
        records, rejected = await self.intake.read(request, partial(self._meaning, form))
        if records:
            await durable(partial(self.collector.accept_spans, records))
        elif rejected:
            raise RefusedError(400, "No span has a valid id and start time. Are these traces?")
        return rejected

    def _meaning(self, form: Form, request: Request, body: bytes) -> tuple[list[Record], int]:
        refusal = f"A request may be {REQUEST_BYTES >> 20} MiB long when unpacked. {FEWER}"
        whole = in_one(request, body, REQUEST_BYTES, refusal)
        if form is JSON and whole.count(b"{") > MOST_OBJECTS:
            raise RefusedError(413, f"A request may have {MOST_OBJECTS:,} objects. {FEWER}")
        try:
            batch = form.read(whole, self.collector.dimensions, MOST_SPANS)
        except TooManyError:
            raise RefusedError(
                413, f"A request may have {MOST_SPANS:,} spans, and {PARTS} attributes for each. {FEWER}"
            ) from None
        if batch is None:
            raise RefusedError(400, f"The body is no ExportTraceServiceRequest in {form.content_type}.")
        return self._records(batch), batch.unreadable

    def _records(self, batch: Batch) -> list[Record]:
        records = []
        size = 0
        for span in batch.spans:
            record = to_record(span, source=self.collector.source, dimensions=self.collector.dimensions)
            if record is None:
                continue
            size += size_of(record)
            if size > RECORD_BYTES:
                raise RefusedError(413, f"The spans take more than {RECORD_BYTES >> 20} MiB. {FEWER}")
            records.append(record)
        return records


def _spans(count: int) -> str:
    return "1 span" if count == 1 else f"{count:,} spans"


def _answer(form: Form, content: bytes, status: int = 200) -> Response:
    headers = headers_of(status) if status != 200 else None
    return Response(content, status, headers, form.content_type)


def _accepted_protobuf(rejected: int, why: str) -> bytes:
    if not rejected:
        return b""
    count = written_varint(tag(1, VARINT)) + written_varint(rejected)
    return written_bytes(1, count + written_bytes(2, why.encode()))


def _refused_protobuf(code: int, why: str) -> bytes:
    return written_varint(tag(1, VARINT)) + written_varint(code) + written_bytes(2, why.encode())


def _accepted_json(rejected: int, why: str) -> bytes:
    partly = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}}
    return msgspec.json.encode(partly if rejected else {})


def _refused_json(code: int, why: str) -> bytes:
    return msgspec.json.encode({"code": code, "message": why})


PROTOBUF = Form("application/x-protobuf", read_protobuf, _accepted_protobuf, _refused_protobuf)
JSON = Form("application/json", read_json, _accepted_json, _refused_json)
FORMS = {form.content_type: form for form in (PROTOBUF, JSON)}


def _in_both(of: str) -> Mapping[str, Schema]:
    """A message of protobuf, or its form in JSON."""
    return {
        PROTOBUF.content_type: {
            "type": "string",
            "contentMediaType": PROTOBUF.content_type,
            "description": of,
        },
        JSON.content_type: {"type": "object", "description": of},
    }


_REQUEST = _in_both("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest")
_RESPONSE = _in_both("opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse")
_STATUS = _in_both("google.rpc.Status")
