"""OTLP/JSON (ExportTraceServiceRequest) -> spans with the attributes that matter. Nothing else is decoded.

The JSON mapping is OTLP's own, not protobuf's: ids are hex, 64-bit integers are decimal strings or numbers, names are
lowerCamelCase, unknown fields are ignored. Some exporters write ids in base64, as protobuf's mapping has them.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterator, Sequence
from sys import maxsize
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from whyspend.wire.ingest import LARGEST_PART, Reply, reply_of
from whyspend.wire.otlp import names
from whyspend.wire.otlp.spans import LONGEST_KEY, LONGEST_VALUE, Batch, Span, Value, micros

_HEX = re.compile(r"[0-9a-fA-F]+")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Attribute(Struct, gc=False):
    key: str
    value: Raw = Raw(b"null")


class _AnyValue(Struct, gc=False, rename="camel"):
    string_value: str | UnsetType = UNSET
    int_value: str | int | float | UnsetType = UNSET
    double_value: str | float | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    array_value: Raw | UnsetType = UNSET


class _Array(Struct, gc=False):
    values: list[Raw] | None = None


class _Event(Struct, gc=False, rename="camel"):
    name: str | None = None
    time_unix_nano: str | int | float | None = None
    attributes: list[_Attribute] | None = None


class _Status(Struct, gc=False):
    code: int | str | None = None


class _Span(Struct, gc=False, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: str | int | float | None = None
    end_time_unix_nano: str | int | float | None = None
    attributes: list[_Attribute] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _Scope(Struct, gc=False):
    name: str | None = None
    version: str | None = None


class _ScopeSpans(Struct, gc=False):
    scope: _Scope | None = None
    spans: list[Raw] | None = None


class _Resource(Struct, gc=False):
    attributes: list[_Attribute] | None = None


class _ResourceSpans(Struct, gc=False, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[Raw] | None = None


class _Request(Struct, gc=False, rename="camel"):
    resource_spans: list[Raw] | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_REQUESTS = msgspec.json.Decoder(list[_Request])
_RESOURCE_SPANS = msgspec.json.Decoder(_ResourceSpans)
_SCOPE_SPANS = msgspec.json.Decoder(_ScopeSpans)
_SPAN = msgspec.json.Decoder(_Span)
_VALUE = msgspec.json.Decoder(_AnyValue)
_ARRAY = msgspec.json.Decoder(_Array)


def read_json(body: bytes, dimensions: tuple[str, ...], most: int = maxsize) -> Batch | None:
    """Read one request, or a list of them; None where it is no JSON of that shape.

    A request of logs or metrics has no spans. A span that cannot be read is counted, and the others are kept.

    Raises:
        TooManyError: it has more than `most` spans.
    """
    try:
        return _read(body, dimensions, most)
    except _UNREADABLE:
        pass
    try:
        return _read(_mended(body), dimensions, most)
    except (*_UNREADABLE, ValueError):
        return None


def _read(body: bytes, dimensions: tuple[str, ...], most: int) -> Batch:
    whole = _REQUESTS.decode(body) if body.lstrip()[:1] == b"[" else [_REQUEST.decode(body)]
    batch = Batch([], most=most)
    for request in whole:
        for part in request.resource_spans or ():
            _read_resource(part, dimensions, batch)
    return batch


def _read_resource(part: Raw, dimensions: tuple[str, ...], batch: Batch) -> None:
    found = _of_shape(_RESOURCE_SPANS, part)
    if found is None:
        batch.unreadable += 1
        return
    resource = _attributes((found.resource and found.resource.attributes) or (), dimensions)
    for group in found.scope_spans or ():
        scoped = _of_shape(_SCOPE_SPANS, group)
        if scoped is None:
            batch.unreadable += 1
            continue
        scope = scoped.scope or _Scope()
        for raw in scoped.spans or ():
            batch.take(_span(raw, dimensions, scope, resource))


def _of_shape(decoder: msgspec.json.Decoder[Any], part: Raw) -> Any:
    """Decode a part; None where it is valid JSON of another shape. What is no JSON at all is mended as a whole."""
    try:
        return decoder.decode(part)
    except msgspec.ValidationError:
        return None


def _span(raw: Raw, dimensions: tuple[str, ...], scope: _Scope, resource: dict[str, Value]) -> Span | None:
    found: _Span | None = _of_shape(_SPAN, raw)
    if found is None:
        return None
    trace_id, span_id = _id(found.trace_id, 16), _id(found.span_id, 8)
    start, end = _micros(found.start_time_unix_nano), _micros(found.end_time_unix_nano)
    if trace_id is None or span_id is None or start is None:
        return None
    parent_id = _id(found.parent_span_id or "", 8)
    error_type, first_token = _events(found.events or (), dimensions)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id if parent_id != span_id else None,
        name=found.name or "",
        start=start,
        end=end,
        failed=found.status is not None and found.status.code in (2, "2", "STATUS_CODE_ERROR"),
        error_type=error_type,
        first_token=first_token,
        scope=scope.name or "",
        scope_version=scope.version or "",
        attributes=_attributes(found.attributes or (), dimensions),
        resource=resource,
        reply=_reply(found.attributes or ()) if scope.name == names.LANGSMITH else None,
    )


def _reply(items: Sequence[_Attribute]) -> Reply | None:
    """What the outputs of a run say beside the answer; None where they are larger than those that are read."""
    said = [item.value for item in items if item.key == names.OUTPUTS]
    if not said or len(said[-1]) > LARGEST_PART:
        return None
    found: _AnyValue | None = _of_shape(_VALUE, said[-1])
    if found is None or isinstance(found.string_value, UnsetType):
        return None
    return reply_of(found.string_value.encode())


def _events(events: Sequence[_Event], dimensions: tuple[str, ...]) -> tuple[str | None, int | None]:
    """The class of the exception, and when the first token came."""
    error_type = first_token = None
    for event in events:
        if event.name == names.EXCEPTION_EVENT and event.attributes:
            said = [item.value for item in event.attributes if item.key == names.EXCEPTION_TYPE]
            text = _value(said[-1]) if said else None
            error_type = text if isinstance(text, str) else error_type
        elif event.name in names.FIRST_TOKEN_EVENTS and first_token is None:
            first_token = _micros(event.time_unix_nano)
    return error_type, first_token


def _attributes(items: Sequence[_Attribute], dimensions: tuple[str, ...]) -> dict[str, Value]:
    return {
        item.key: value
        for item in items
        if len(item.key) <= LONGEST_KEY
        and names.is_read(item.key, dimensions)
        and (value := _value(item.value)) is not None
    }


def _value(raw: Raw) -> Value | None:
    """The value of an attribute; None for one of another type, or longer than any that matters."""
    if len(raw) > 4 * LONGEST_VALUE:
        return None
    found: _AnyValue | None = _of_shape(_VALUE, raw)
    if found is None:
        return None
    if not isinstance(found.string_value, UnsetType):
        return found.string_value if len(found.string_value) <= LONGEST_VALUE else None
    if not isinstance(found.int_value, UnsetType):
        return _integer(found.int_value)
    if not isinstance(found.double_value, UnsetType):
        return _double(found.double_value)
    if not isinstance(found.bool_value, UnsetType):
        return found.bool_value
    return None if isinstance(found.array_value, UnsetType) else list(_texts(found.array_value))


def _integer(value: str | float) -> int | float | None:
    if not isinstance(value, str):
        return value
    # An int64 has 20 characters at most; Python refuses to read thousands of digits.
    return int(value) if len(value) <= 20 and re.fullmatch(r"-?[0-9]+", value) else None


def _double(value: str | float) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _texts(raw: Raw) -> Iterator[str]:
    array: _Array | None = _of_shape(_ARRAY, raw)
    for item in (array and array.values) or ():
        found: _AnyValue | None = _of_shape(_VALUE, item)
        if found is not None and isinstance(found.string_value, str):
            yield found.string_value


def _id(text: str, size: int) -> str | None:
    """Hex digits of an id of so many bytes; None where it is none, or all zeros."""
    if len(text) == 2 * size and _HEX.fullmatch(text):
        found = text.lower()
    else:
        try:
            found = base64.b64decode(text, validate=True).hex()
        except (binascii.Error, ValueError):
            return None
    return found if len(found) == 2 * size and found.strip("0") else None


def _micros(nanos: str | float | None) -> int | None:
    """Microseconds of a time in nanoseconds, which may stand there as text."""
    if isinstance(nanos, str):
        nanos = int(nanos) if len(nanos) <= 20 and re.fullmatch(r"[0-9]+", nanos) else None
    return micros(nanos)


def _mended(body: bytes) -> bytes:
    """Give the body without what strict JSON forbids but exporters write: bytes that are not UTF-8 and lone
    surrogates become U+FFFD or '?', NaN and numbers beyond a double become null."""

    def finite(text: str) -> float | None:
        number = float(text)
        return number if math.isfinite(number) else None

    value = json.loads(body.decode("utf-8", "replace"), parse_float=finite, parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
