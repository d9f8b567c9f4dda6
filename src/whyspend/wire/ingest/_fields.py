"""A run as it is sent, read into types without a place for a prompt or an answer."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from whyspend.wire._amounts import micros
from whyspend.wire._run import error_kind
from whyspend.wire._tags import (
    LONGEST_TEXT,
    NODE_KEY,
    PROCESS_JSON,
    RELEASE_KEYS,
    SAMPLING_KEY,
    THREAD_KEYS,
    WRITTEN_BY_LANGCHAIN,
    plan,
    short,
)
from whyspend.wire._usage import Usage
from whyspend.wire.ingest._event import Event, Scalar
from whyspend.wire.ingest._json import Reader
from whyspend.wire.ingest._numbers import model_name, numbers_only, reply_of
from whyspend.wire.ingest._refusing import LARGEST_PART, BodyError

HEAD_OF_ERROR = 512
HEAD_OF_EVENTS = 4096
"""Bytes: the class of an error and the time of the first token stand at the beginning."""
MOST_ANCESTORS = 256
"""Of a deeper run, the root and the nearest are kept."""
MOST_TAGS = 100
MOST_KEYS = 200
"""Of the metadata."""
LONGEST_PROCESS_JSON = 10_000
_NULL = Raw(b"null")
_NAMES = (
    *("ls_provider", "ls_model_name", "ls_method", "model", "model_name", SAMPLING_KEY, NODE_KEY),
    *(*THREAD_KEYS, *RELEASE_KEYS, *WRITTEN_BY_LANGCHAIN, PROCESS_JSON),
)
"""Keys of the metadata that mean something in every ledger."""
_ID = re.compile(r"[0-9a-z_-]{1,64}").fullmatch
_WORD = re.compile(r"[0-9a-z_-]{1,32}").fullmatch
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}").fullmatch
_FIRST_TOKEN = re.compile(
    rb'\{\s*"name"\s*:\s*"new_token"\s*,\s*"time"\s*:\s*("[^"\\]{1,40}"|\d{1,20})'
).search
_DOTTED_TIME = re.compile(r"\d{8}T\d{12}").fullmatch

Moment = datetime | int | float | None
_Metadata = dict[str, str | int | float | bool | list[Any] | Usage | None]


class _Invocation(Struct, gc=False):
    model: Any = None
    model_name: Any = None


class _Runtime(Struct, gc=False):
    sdk: Any = None
    sdk_version: Any = None


class Extra(Struct, gc=False):
    """`extra` of a run."""

    metadata: _Metadata | None = None
    invocation_params: _Invocation | None = None
    runtime: _Runtime | None = None


class RunBody(Struct, gc=False):
    """A run: whole, or without what comes in parts of its own."""

    id: str | None = None
    trace_id: str | None = None
    dotted_order: str | None = None
    parent_run_id: str | None = None
    parent_run_ids: list[str] | None = None
    session_name: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    name: str | None = None
    run_type: str | None = None
    status: str | None = None
    start_time: Moment = None
    end_time: Moment = None
    first_token_time: Moment = None
    tags: list[str] | None = None
    extra: Raw = _NULL
    outputs: Raw = _NULL
    error: Raw = _NULL
    events: Raw = _NULL


_RUN = Reader(RunBody, required=True)
_EXTRA = Reader(Extra, required=False)


def read_run(body: bytes | bytearray | Raw) -> RunBody:
    """Read a run.

    Raises:
        BodyError: 400, it is not JSON; 422, it is no object.
    """
    return _RUN.read(body)


def run_id_of(text: str | None) -> str:
    """Give the id of a run as it is known by from here on.

    Raises:
        BodyError: 422, it cannot be an id.
    """
    found = _id(text)
    if found is None:
        raise BodyError(422, "The id of a run must be 1 to 64 letters, digits, - and _, such as a UUID.")
    return found


def put_run(event: Event, body: RunBody, dimensions: tuple[str, ...]) -> None:
    """Put what a run says into an event, and what of its `extra`, outputs, error and events is within.

    Raises:
        BodyError: 400, its `extra` is not JSON; 413, that is longer than LARGEST_PART; 422, nested too deeply.
    """
    event.trace_id = _id(body.trace_id)
    event.parent_ids = _parents(body)
    event.session_name = short(body.session_name)
    event.session_id = _id(body.session_id)
    event.thread_id = short(body.thread_id)
    event.name = short(body.name)
    event.run_type = _word(body.run_type)
    event.status = _status(body.status)
    event.started_at = moment(body.start_time) or _dotted_start(body.dotted_order)
    event.ended_at = moment(body.end_time)
    event.first_token_at = moment(body.first_token_time)
    if body.tags:
        event.tags = tuple([tag for tag in body.tags if 0 < len(tag) <= LONGEST_TEXT][:MOST_TAGS])
    if body.extra is not _NULL and bytes(body.extra) != b"null":
        put_extra(event, body.extra, dimensions)
    if body.outputs is not _NULL:
        put_outputs(event, body.outputs, dimensions)
    if body.error is not _NULL:
        put_error(event, body.error, dimensions)
    if body.events is not _NULL and event.first_token_at is None:
        put_events(event, body.events, dimensions)


def put_extra(event: Event, body: bytes | bytearray | Raw, dimensions: tuple[str, ...]) -> None:
    """Put the metadata, the usage in it, and what tells SDKs apart.

    Raises:
        BodyError: 400, it is not JSON; 413, it is longer than LARGEST_PART; 422, it is nested too deeply.
    """
    if memoryview(body).nbytes > LARGEST_PART:
        raise BodyError(413, f"The extra of a run is longer than {LARGEST_PART >> 20} MiB.")
    extra = _EXTRA.read(body)
    invoked, runtime = extra.invocation_params, extra.runtime
    if invoked is not None:
        event.invoked = True
        event.invocation_model = model_name(invoked.model or invoked.model_name)
    if runtime is not None and runtime.sdk == "langsmith-py" and isinstance(runtime.sdk_version, str):
        event.sdk_version = runtime.sdk_version if _VERSION(runtime.sdk_version) else None
    if extra.metadata:
        written = extra.metadata.get("usage_metadata")
        if type(written) is Usage:
            event.usage = numbers_only(written) or event.usage
        event.metadata = {**event.metadata, **_scalars(extra.metadata, dimensions)}


def put_outputs(event: Event, body: bytes | bytearray | Raw, _: tuple[str, ...]) -> None:
    """Put the usage, and what else the outputs say beside the answer."""
    if memoryview(body).nbytes > LARGEST_PART:
        event.unread_outputs = True
    else:
        event.reply = reply_of(bytes(body)) or event.reply


def put_error(event: Event, body: bytes | bytearray | Raw, _: tuple[str, ...]) -> None:
    """Put the class of the error; an empty one is none."""
    head = bytes(memoryview(body)[:HEAD_OF_ERROR]).strip()
    if head not in (b"", b"null", b'""'):
        event.status = "error"
        event.error_kind = error_kind(head.removeprefix(b'"').decode("utf-8", "replace"))


def put_events(event: Event, body: bytes | bytearray | Raw, _: tuple[str, ...]) -> None:
    """Put the time of the first token that was streamed: `[{"name":"new_token","time":"2026-...", ...}, ...]`."""
    found = _FIRST_TOKEN(bytes(memoryview(body)[:HEAD_OF_EVENTS]))
    if found is not None:
        try:
            event.first_token_at = moment(msgspec.json.decode(found[1], type=datetime | int))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return


def moment(value: Moment) -> int | None:
    """Give a time in microseconds; SDKs in JavaScript send milliseconds since the epoch as a number.

    1,795,323,325 (s), 1,795,323,325,000 (ms) and 1,795,323,325,000,000 (µs) are the same instant of 2026.
    """
    if value is None or isinstance(value, datetime):
        return micros(value)
    for size, factor in ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1)):
        if 0 < value < size:
            return round(value * factor)
    return None


def _parents(body: RunBody) -> tuple[str, ...]:
    if body.parent_run_ids:
        found = [_id(parent) for parent in body.parent_run_ids]
    elif body.dotted_order:
        found = [_id(step.partition("Z")[2]) for step in body.dotted_order.split(".")[:-1]]
    elif body.parent_run_id:
        found = [_id(body.parent_run_id)]
    else:
        return ()
    parents = [parent for parent in found if parent]
    if len(parents) > MOST_ANCESTORS:
        parents = [parents[0], *parents[1 - MOST_ANCESTORS :]]
    return tuple(parents)


def _dotted_start(dotted_order: str | None) -> int | None:
    """Read the start of a run from the last step of `20261122T045652021516Z<id>.20261122T045652367659Z<id>`."""
    time = dotted_order.rpartition(".")[2].partition("Z")[0] if dotted_order else ""
    if not _DOTTED_TIME(time):
        return None
    try:
        return micros(datetime.strptime(time, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC))
    except ValueError:
        return None


def _id(text: str | None) -> str | None:
    if not text:
        return None
    low = text.lower()
    return low if _ID(low) else None


def _word(text: str | None) -> str | None:
    low = text.lower() if text else ""
    return low if _WORD(low) else None


def _status(text: str | None) -> Literal["success", "error"] | None:
    low = text.lower() if text else ""
    if low == "error":
        return "error"
    return "success" if low == "success" else None


@lru_cache(maxsize=1024)
def _wanted(keys: tuple[str, ...], dimensions: tuple[str, ...]) -> tuple[tuple[str, bool], ...]:
    """Sort out the keys of a metadata object: those that a call needs, and whether a long text is cut there."""
    found = plan(keys, dimensions)
    cut = {*dimensions, *_NAMES, *(name for name in found.process if name)}
    needed = cut.union(found.kept, found.context)
    return tuple(
        [(key, key in cut) for key in keys if key in needed and len(key) <= LONGEST_TEXT][:MOST_KEYS]
    )


def _scalars(metadata: _Metadata, dimensions: tuple[str, ...]) -> dict[str, Scalar]:
    kept: dict[str, Scalar] = {}
    for key, cut in _wanted(tuple(metadata), dimensions):
        value = metadata[key]
        if type(value) is str:
            if text := _text(key, value, cut):
                kept[key] = text
        elif type(value) is int:
            if -(2**63) <= value < 2**63:
                kept[key] = value
        elif type(value) is bool or type(value) is float:
            kept[key] = value
    return kept


def _text(key: str, value: str, cut: bool) -> str:
    if len(value) <= LONGEST_TEXT:
        return value
    if key == PROCESS_JSON:
        return value if len(value) <= LONGEST_PROCESS_JSON else ""
    return value.strip()[:LONGEST_TEXT].rstrip() if cut else ""
