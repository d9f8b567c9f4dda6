"""OTLP in protobuf (ExportTraceServiceRequest) -> spans with the attributes that matter. Nothing else is decoded.

Fields as in opentelemetry-proto 1.9 (trace.proto, common.proto, resource.proto); their numbers never change. Read by
hand, for a general reader decodes every prompt to give us none of them. It goes down as far as the value of an
attribute and a text in a list there, and passes over what is deeper, so no depth of a body matters.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from sys import maxsize

from whyspend.wire.ingest import LARGEST_PART, Reply, reply_of
from whyspend.wire.otlp import names
from whyspend.wire.otlp.fields import BYTES, FIXED64, VARINT, WireError, fields, signed, tag
from whyspend.wire.otlp.spans import LONGEST_KEY, LONGEST_VALUE, Batch, Span, Value, micros

_RESOURCE_SPANS = tag(1, BYTES)
"""In the request."""
_RESOURCE, _SCOPE_SPANS = tag(1, BYTES), tag(2, BYTES)
"""In those."""
_RESOURCE_ATTRIBUTES = tag(1, BYTES)
_SCOPE, _SPANS = tag(1, BYTES), tag(2, BYTES)
"""In the spans of a scope."""
_SCOPE_NAME, _SCOPE_VERSION = tag(1, BYTES), tag(2, BYTES)

_TRACE_ID, _SPAN_ID, _PARENT_ID, _NAME = tag(1, BYTES), tag(2, BYTES), tag(4, BYTES), tag(5, BYTES)
_START, _END = tag(7, FIXED64), tag(8, FIXED64)
_ATTRIBUTES, _EVENTS, _STATUS = tag(9, BYTES), tag(11, BYTES), tag(15, BYTES)
"""In a span."""
_OF_A_SPAN = frozenset((_TRACE_ID, _SPAN_ID, _PARENT_ID, _NAME, _START, _END, _STATUS))
_EVENT_TIME, _EVENT_NAME, _EVENT_ATTRIBUTES = tag(1, FIXED64), tag(2, BYTES), tag(3, BYTES)
_STATUS_CODE = tag(3, VARINT)
_FAILED = 2
"""The code of an error."""

_KEY, _VALUE = tag(1, BYTES), tag(2, BYTES)
_STRING, _BOOL, _INT = tag(1, BYTES), tag(2, VARINT), tag(3, VARINT)
_DOUBLE, _ARRAY = tag(4, FIXED64), tag(5, BYTES)
_ITEMS = tag(1, BYTES)
"""In the value of an attribute, and in a list there."""

_OUTPUTS = bytes((_KEY, len(names.OUTPUTS))) + names.OUTPUTS.encode()
"""How the attribute begins, as every exporter writes it: the key first."""

_NUMBER, _FLOAT = struct.Struct("<Q"), struct.Struct("<d")
_NOWHERE = (0, 0)

Place = tuple[int, int]
"""Where in a body something begins and ends."""


def read_protobuf(body: bytes, dimensions: tuple[str, ...], most: int = maxsize) -> Batch | None:
    """Read one request; None where it is none. A span without a valid id or start is counted, the others are kept.

    Raises:
        TooManyError: it has more than `most` spans.
    """
    batch = Batch([], most=most)
    try:
        for place in _all(body, (0, len(body)), _RESOURCE_SPANS):
            _read_resource(body, place, dimensions, batch)
    except WireError:
        return None
    return batch


def _all(body: bytes, place: Place, wanted: int) -> Iterator[Place]:
    """Where the fields of one tag are. One after the other: a body may hold millions of empty ones."""
    return ((begin, end) for head, begin, end in fields(body, *place) if head == wanted)


def _read_resource(body: bytes, place: Place, dimensions: tuple[str, ...], batch: Batch) -> None:
    batch.pass_part()
    resource: dict[str, Value] = {}
    for said in _all(body, place, _RESOURCE):
        for attribute in _all(body, said, _RESOURCE_ATTRIBUTES):
            batch.pass_part()
            _put_attribute(resource, body, attribute, dimensions)
    for group in _all(body, place, _SCOPE_SPANS):
        batch.pass_part()
        scope, version = _scope(body, group)
        for span in _all(body, group, _SPANS):
            batch.take(_span(body, span, dimensions, (scope, version), resource, batch))


def _scope(body: bytes, group: Place) -> tuple[str, str]:
    name = version = _NOWHERE
    for scope in _all(body, group, _SCOPE):
        for head, begin, end in fields(body, *scope):
            if head == _SCOPE_NAME:
                name = begin, end
            elif head == _SCOPE_VERSION:
                version = begin, end
    return _text(body, name), _text(body, version)


def _span(
    body: bytes,
    place: Place,
    dimensions: tuple[str, ...],
    scope: tuple[str, str],
    resource: dict[str, Value],
    batch: Batch,
) -> Span | None:
    found: dict[int, Place] = {}
    attributes: dict[str, Value] = {}
    error_type: str | None = None
    first_token: int | None = None
    reply: Reply | None = None
    for head, begin, end in fields(body, *place):
        if head == _ATTRIBUTES:
            batch.pass_part()
            if scope[0] == names.LANGSMITH and body.startswith(_OUTPUTS, begin, end):
                reply = _reply(body, (begin, end))
            else:
                _put_attribute(attributes, body, (begin, end), dimensions)
        elif head == _EVENTS:
            batch.pass_part()
            name = _event_name(body, (begin, end))
            if name == names.EXCEPTION_EVENT:
                error_type = _error_type(body, (begin, end), batch) or error_type
            elif name in names.FIRST_TOKEN_EVENTS and first_token is None:
                first_token = _time(body, _last(body, (begin, end), _EVENT_TIME))
        elif head in _OF_A_SPAN:
            found[head] = begin, end
    trace_id = _id(body, found.get(_TRACE_ID), 16)
    span_id = _id(body, found.get(_SPAN_ID), 8)
    start = _time(body, found.get(_START))
    if trace_id is None or span_id is None or start is None:
        return None
    parent_id = _id(body, found.get(_PARENT_ID), 8)
    code, _ = _last(body, found.get(_STATUS, _NOWHERE), _STATUS_CODE) or _NOWHERE
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id if parent_id != span_id else None,
        name=_text(body, found.get(_NAME)),
        start=start,
        end=_time(body, found.get(_END)),
        failed=code == _FAILED,
        error_type=error_type,
        first_token=first_token,
        scope=scope[0],
        scope_version=scope[1],
        attributes=attributes,
        resource=resource,
        reply=reply,
    )


def _reply(body: bytes, attribute: Place) -> Reply | None:
    """What the outputs of a run say beside the answer; None where they are larger than those that are read."""
    begin, end = _last(body, _last(body, attribute, _VALUE) or _NOWHERE, _STRING) or _NOWHERE
    return reply_of(body[begin:end]) if end - begin <= LARGEST_PART else None


def _event_name(body: bytes, event: Place) -> str:
    begin, end = _last(body, event, _EVENT_NAME) or _NOWHERE
    return _text(body, (begin, end)) if end - begin <= LONGEST_KEY else ""


def _error_type(body: bytes, event: Place, batch: Batch) -> str | None:
    """The class of an exception."""
    found: dict[str, Value] = {}
    for attribute in _all(body, event, _EVENT_ATTRIBUTES):
        batch.pass_part()
        _put_attribute(found, body, attribute, (names.EXCEPTION_TYPE,))
    text = found.get(names.EXCEPTION_TYPE)
    return text if isinstance(text, str) else None


def _last(body: bytes, place: Place, wanted: int) -> Place | None:
    """Where the field of a tag is; the last one counts. Of a varint, its value and where it ends."""
    found = None
    for head, begin, end in fields(body, *place):
        if head == wanted:
            found = begin, end
    return found


def _put_attribute(
    found: dict[str, Value], body: bytes, attribute: Place, dimensions: tuple[str, ...]
) -> None:
    """Put an attribute among those that were found, if it is looked at. Its value is decoded only then."""
    at, end = attribute
    is_usual = end - at > 2 and body[at] == _KEY and (size := body[at + 1]) < 0x80 and at + 2 + size <= end
    if is_usual and _key(body[at + 2 : at + 2 + size], dimensions) is None:
        return  # as it nearly always is
    key: str | None = None
    place: Place | None = None
    for head, begin, end in fields(body, *attribute):
        if head == _KEY:
            key = _key(body[begin:end], dimensions) if end - begin <= 4 * LONGEST_KEY else None
        elif head == _VALUE:
            place = begin, end
    if key is not None and place is not None and (value := _value(body, place)) is not None:
        found[key] = value


@lru_cache(maxsize=4096)
def _key(key: bytes, dimensions: tuple[str, ...]) -> str | None:
    """The name of an attribute; None where it is not looked at."""
    name = key.decode("utf-8", "replace")
    return name if len(name) <= LONGEST_KEY and names.is_read(name, dimensions) else None


def _value(body: bytes, place: Place) -> Value | None:
    """The value of an attribute; None for one of another type, or longer than any that matters."""
    value: Value | None = None
    for head, begin, end in fields(body, *place):
        if head == _STRING:
            value = _short_text(body, (begin, end))
        elif head == _INT:
            value = signed(begin)
        elif head == _DOUBLE:
            value = float(_FLOAT.unpack_from(body, begin)[0])
        elif head == _BOOL:
            value = begin != 0
        else:
            value = _texts(body, (begin, end)) if head == _ARRAY else None
    return value


def _texts(body: bytes, place: Place) -> list[str] | None:
    """The texts of a list."""
    begin, end = place
    if end - begin > 4 * LONGEST_VALUE:
        return None
    found = (_last(body, item, _STRING) for item in _all(body, place, _ITEMS))
    return [_text(body, text) for text in found if text is not None]


def _short_text(body: bytes, place: Place) -> str | None:
    begin, end = place
    if end - begin > 4 * LONGEST_VALUE:
        return None
    text = _text(body, place)
    return text if len(text) <= LONGEST_VALUE else None


def _text(body: bytes, place: Place | None) -> str:
    begin, end = place or _NOWHERE
    return body[begin:end].decode("utf-8", "replace")


def _id(body: bytes, place: Place | None, size: int) -> str | None:
    """Hex digits of an id of so many bytes; None where it is none, or all zeros."""
    begin, end = place or _NOWHERE
    found = body[begin:end] if end - begin == size else b""
    return found.hex() if any(found) else None


def _time(body: bytes, place: Place | None) -> int | None:
    return None if place is None else micros(_NUMBER.unpack_from(body, place[0])[0])
