"""One span -> what is kept of it: the call that it may be, and what those below it inherit."""

import re
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from whyspend.model import Call
from whyspend.wire._amounts import micros, millis
from whyspend.wire._ancestors import Ancestor
from whyspend.wire._tags import (
    CONTEXT_KEYS,
    LONGEST_TEXT,
    NODE_KEY,
    RELEASE_KEYS,
    THREAD_KEYS,
    first_text,
    other_metadata,
    plan,
    short,
    site,
    tag_text,
)
from whyspend.wire._terms import price_context
from whyspend.wire.otlp import names
from whyspend.wire.otlp.kinds import kind_of
from whyspend.wire.otlp.spans import Span, Value
from whyspend.wire.otlp.usage import first, put_costs, put_counts

_CLASS = re.compile(r"[A-Za-z0-9_.:$/-]{1,128}")


class Record(Struct, gc=False, omit_defaults=True):
    """What is kept of a span: no attribute, and no text but names and tags."""

    trace_id: str
    id: str
    """`trace-span`: the key of a call, for a span's id is only unique within its trace."""
    parent_id: str | None
    start: int
    """Microseconds since the epoch, UTC."""
    end: int
    """The same as `start` where it is not known."""
    ancestor: Ancestor
    call: Call | None
    """None: it is neither a model's call nor something that reports a cost of its own."""
    response_id: str | None
    scope: str = ""
    """Which instrumentation wrote the span."""

    @property
    def is_counted(self) -> bool:
        """Tell whether it is a call with token counts."""
        return self.call is not None and self.call.usage_source is not None


def to_record(span: Span, *, source: str, dimensions: tuple[str, ...]) -> Record | None:
    """Keep what matters of a span; None for the span that Logfire sends before the real one."""
    if span.attributes.get(names.PENDING_MARK) == "pending_span":
        return None
    span_id = f"{span.trace_id}-{span.span_id}"
    metadata = _metadata(span.attributes)
    response_id = first(span.attributes, names.RESPONSE_ID)
    return Record(
        trace_id=span.trace_id,
        id=span_id,
        parent_id=f"{span.trace_id}-{span.parent_id}" if span.parent_id else None,
        start=span.start,
        end=span.start if span.end is None else span.end,
        ancestor=_ancestor(span, span_id, metadata, dimensions),
        call=_call(span, span_id, metadata, source, dimensions),
        response_id=short(response_id) if isinstance(response_id, str) else None,
        scope=sys.intern(short(span.scope) or ""),
    )


def fitted(record: Record, old: tuple[str, ...], new: tuple[str, ...]) -> Record:
    """A record that was made for some dimensions, for others. Values of those that are new may be in the metadata.

    What is no dimension any more goes there.
    """
    if old == new:
        return record
    ancestor, call = record.ancestor, record.call
    ancestor.dimensions = _reordered(ancestor.dimensions, old, new)
    if call is not None:
        metadata: dict[str, Any] = msgspec.json.decode(call.metadata) if call.metadata else {}
        metadata |= {key: value for key, value in zip(old, call.dimensions, strict=True) if value}
        attributed = _reordered(call.attributed, old, new)
        call.dimensions = tuple(tag_text(metadata.pop(key, None)) for key in new)
        call.attributed = tuple(
            (origin or "call") if value else None
            for value, origin in zip(call.dimensions, attributed, strict=True)
        )
        call.metadata = other_metadata(metadata, tuple(sorted(metadata)))
    return record


def _reordered(
    values: tuple[str | None, ...], old: tuple[str, ...], new: tuple[str, ...]
) -> tuple[str | None, ...]:
    known = dict(zip(old, values, strict=True))
    return tuple(known.get(key) for key in new)


def _call(
    span: Span, span_id: str, metadata: Mapping[str, Value], source: str, dimensions: tuple[str, ...]
) -> Call | None:
    kind = kind_of(span)
    if kind == "other" and span.attributes.keys().isdisjoint(names.COSTS):
        return None
    call = Call(
        source=source,
        project=_text(span, names.PROJECT, "unknown_service") or source,
        call_id=span_id,
        trace_id=span.trace_id,
        started_at=span.start,
    )
    call.kind = kind
    put_costs(call, span.attributes)
    tier = ""
    if kind != "other":
        tier = put_counts(call, span)
    elif _pays_for_itself(span, call):
        call.kind = "tool"
    else:
        return None
    _put_story(call, span, metadata)
    call.price_context = _price_context(span, metadata, tier)
    _put_owners(call, span, metadata, dimensions)
    return call


def _pays_for_itself(span: Span, call: Call) -> bool:
    """Tell whether a span is that of a tool with a cost of its own, such as a paid search.

    Agents, chains and workflows report the sum of what is below them, and so does a tool that has token counts too.
    """
    counted = any(name in span.attributes for name in (*names.INPUT, *names.OUTPUT, names.USAGE_DETAILS))
    kinds = {str(span.attributes[key]).lower() for key in names.KIND_KEYS if key in span.attributes}
    return (call.reported_cost or 0) > 0 and not counted and not kinds.isdisjoint(names.TOOLS)


def _put_story(call: Call, span: Span, metadata: Mapping[str, Value]) -> None:
    """Set names, times, status, thread, release, model and place."""
    attributes = span.attributes
    call.name = short(span.name)
    call.parent_id = f"{span.trace_id}-{span.parent_id}" if span.parent_id else None
    call.latency_ms = millis(span.start, span.end)
    call.first_token_ms = _first_token(span)
    if span.failed or attributes.get(names.LEVEL) == "ERROR":
        call.status = "error"
        said = first(attributes, names.ERROR, span.error_type)
        call.error_kind = said if isinstance(said, str) and _CLASS.fullmatch(said) else None
    call.provider = _text(span, names.PROVIDER)
    call.model_requested = _text(span, names.MODEL_REQUESTED)
    call.model_answered = _text(span, names.MODEL_ANSWERED) or (span.reply.model if span.reply else None)
    call.thread_id = _thread(span, metadata)
    call.release = _release(span, metadata)
    call.root_name = _text(span, names.TRACE_NAME)
    call.call_site = site((_node(metadata), call.name))


def _put_owners(call: Call, span: Span, metadata: Mapping[str, Value], dimensions: tuple[str, ...]) -> None:
    own = _own(span.attributes, metadata, dimensions)
    process = _own(span.resource, {}, dimensions)
    call.dimensions = tuple(value or around for value, around in zip(own, process, strict=True))
    call.attributed = tuple(
        "call" if value else "environment" if around else None
        for value, around in zip(own, process, strict=True)
    )
    kept = dict(metadata)
    for name in names.KEPT:
        value = span.attributes.get(name, span.resource.get(name))
        if value is not None and value != call.project:
            kept.setdefault(name, value)
    call.metadata = other_metadata(kept, plan(tuple(kept), dimensions).kept)
    call.tags = _tags(span.attributes)


def _own(
    attributes: Mapping[str, Value], metadata: Mapping[str, Value], dimensions: tuple[str, ...]
) -> tuple[str | None, ...]:
    """The values of the dimensions that a span (or, without metadata, its resource) has itself."""
    return tuple(
        tag_text(metadata.get(key)) or first_text(attributes, names.plain_names(key)) for key in dimensions
    )


def _ancestor(
    span: Span, span_id: str, metadata: Mapping[str, Value], dimensions: tuple[str, ...]
) -> Ancestor:
    return Ancestor(
        id=span_id,
        name=short(span.name),
        parent_ids=(),
        is_root=span.parent_id is None,
        dimensions=_own(span.attributes, metadata, dimensions),
        thread_id=_thread(span, metadata),
        release=_release(span, metadata),
        node=_node(metadata),
    )


def _metadata(attributes: Mapping[str, Value]) -> dict[str, Value]:
    """What the application says about a span, by its own keys."""
    found: dict[str, Value] = {}
    said = {name: value for name, value in attributes.items() if name.startswith(names.METADATA_PREFIXES)}
    for prefix in names.METADATA_PREFIXES if said else ():
        for name, value in said.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                found.setdefault(name[len(prefix) :], value)
    for name in names.METADATA_JSON:
        for key, value in _scalars(attributes.get(name)).items():
            found.setdefault(key, value)
    return found


def _scalars(text: object) -> dict[str, Value]:
    if not isinstance(text, str) or text.lstrip()[:1] != "{":
        return {}
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return {key: item for key, item in value.items() if isinstance(item, (str, int, float))}


def _tags(attributes: Mapping[str, Value]) -> tuple[str, ...] | None:
    found: list[str] = []
    for name in names.TAGS:
        value = attributes.get(name)
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
        found += [item.strip() for item in items]
    return tuple(dict.fromkeys(tag for tag in found if 0 < len(tag) <= LONGEST_TEXT)) or None


def _thread(span: Span, metadata: Mapping[str, Value]) -> str | None:
    return first_text(metadata, (*THREAD_KEYS, *names.THREAD_METADATA)) or _text(span, names.THREAD)


def _release(span: Span, metadata: Mapping[str, Value]) -> str | None:
    return first_text(metadata, RELEASE_KEYS) or _text(span, names.RELEASE)


def _node(metadata: Mapping[str, Value]) -> str | None:
    return first_text(metadata, (NODE_KEY,))


def _text(span: Span, aliases: tuple[str, ...], nothing: str = "\0") -> str | None:
    """The first of these names that has a text, on the span, else on its resource; `nothing` begins none."""
    for where in (span.attributes, span.resource):
        for name in aliases:
            value = where.get(name)
            if isinstance(value, str) and value.strip() and not value.startswith(nothing):
                return short(value.strip())
    return None


def _first_token(span: Span) -> int | None:
    """Milliseconds from the start to the first streamed token, where a convention tells it."""
    seconds = first(span.attributes, names.FIRST_TOKEN_SECONDS)
    if isinstance(seconds, (int, float)) and 0 <= seconds < 2**31 // 1000:
        return round(seconds * 1000)
    waited = first(span.attributes, names.FIRST_TOKEN_MILLIS)
    if isinstance(waited, (int, float)) and 0 <= waited < 2**31:
        return int(waited)
    if span.first_token is not None:
        return millis(span.start, span.first_token)
    at = span.attributes.get(names.FIRST_TOKEN_AT)
    return millis(span.start, _moment(at)) if isinstance(at, str) else None


def _moment(text: str) -> int | None:
    """Microseconds of an ISO time; older SDKs of Langfuse put it in quotes once more."""
    try:
        return micros(datetime.fromisoformat(text.strip('"')))
    except ValueError:
        return None


def _price_context(span: Span, metadata: Mapping[str, Value], tier: str) -> str:
    """Write the terms at which the call was served: what the response says, else what a person wrote."""
    said: dict[str, Any] = {key: metadata.get(key) for key in CONTEXT_KEYS}
    if (reply := span.reply) is not None:
        said["service_tier"] = reply.service_tier or said["service_tier"]
        said["speed"] = reply.speed or said["speed"]
        said["inference_geo"] = reply.inference_geo or said["inference_geo"]
    said["service_tier"] = tier or first(span.attributes, names.TIER) or said["service_tier"]
    return price_context(said)
