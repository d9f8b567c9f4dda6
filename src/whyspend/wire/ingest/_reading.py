"""Bodies of requests, read into events."""

from collections.abc import Iterable, Sized
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from whyspend.wire.ingest._event import Event, Op
from whyspend.wire.ingest._fields import RunBody, put_run, read_run, run_id_of
from whyspend.wire.ingest._json import repaired, too_deep
from whyspend.wire.ingest._multipart import Part
from whyspend.wire.ingest._refusing import LARGEST_BATCH, MOST_PARTS, BodyError

_T = TypeVar("_T")
_FILLED = (
    *("metadata", "usage", "invoked", "invocation_model", "sdk_version", "reply", "unread_outputs"),
    *("status", "error_kind", "first_token_at"),
)
"""The fields of an event that the parts beside the run itself may fill."""
_MAY_CALL_A_MODEL = ("llm", "embedding", None)


class _Batch(Struct, gc=False):
    post: list[Raw] | None = None
    patch: list[Raw] | None = None


class _HasId(Struct, gc=False):
    id: str


class _Ids(Struct, gc=False):
    post: list[_HasId] | None = None
    patch: list[_HasId] | None = None


_BATCH = msgspec.json.Decoder(_Batch)
_IDS = msgspec.json.Decoder(_Ids)
_COUNTED_FIRST = 2**20
"""Bytes. A longer body is counted before its runs are taken apart: 24 MiB of `{},{},{}` would take 500 MB."""


def events_of(parts: Iterable[Part]) -> list[Event]:
    """Join the parts of one request: one event for each time that a run was posted or patched in it, in order.

    The parts are used up. Parts of a run that come before the run itself wait for it.
    """
    events: list[Event] = []
    latest: dict[tuple[str, str], Event] = {}
    waiting: dict[tuple[str, str], Event] = {}
    for part in parts:
        key = (part.event.op, part.event.run_id)
        if part.whole and key in waiting:
            _put_first(waiting.pop(key), part.event)
        elif part.whole or key not in latest:
            latest[key] = part.event
            events.append(part.event)
            if not part.whole:
                waiting[key] = part.event
        else:
            _fill(latest[key], part.event)
    return [_without_words(event) for event in events]


def _without_words(event: Event) -> Event:
    """Let go of what the outputs of a chain or tool call a model or a tier: it may be an answer's only word."""
    reply = event.reply
    if reply is not None and reply.usage is None and event.run_type not in _MAY_CALL_A_MODEL:
        event.reply = None
    return event


def _fill(event: Event, more: Event) -> None:
    for field in _FILLED:
        value = getattr(more, field)
        if value:
            setattr(event, field, value)


def _put_first(event: Event, run: Event) -> None:
    """Complete an event, of which only parts are known, with the run itself: what parts say goes before."""
    _fill(run, event)
    for field in Event.__struct_fields__:
        setattr(event, field, getattr(run, field))


def events_of_batch(body: bytes, *, dimensions: tuple[str, ...]) -> list[Event]:
    """Read a body of `POST /runs/batch`: `{"post": [run, ...], "patch": [run, ...]}`.

    Raises:
        BodyError: 400, it is not JSON; 413, it is longer than LARGEST_BATCH, or has more than MOST_PARTS runs; 422,
            it is no such object, or a run in it is none or has no id.
    """
    _check_length(body)
    if len(body) > _COUNTED_FIRST:
        counted = _decoded(_IDS, body)
        _check_count(counted.post, counted.patch)
    batch = _decoded(_BATCH, body)
    posts, patches = batch.post or [], batch.patch or []
    _check_count(posts, patches)
    events = [_event(run, "post", None, dimensions) for run in posts]
    events += [_event(run, "patch", None, dimensions) for run in patches]
    return events


def event_of_run(body: bytes, op: Op, run_id: str | None = None, *, dimensions: tuple[str, ...]) -> Event:
    """Read a body of `POST /runs` (the id is in the body) or `PATCH /runs/{id}` (the id of the address counts).

    Raises:
        BodyError: 400, it is not JSON; 413, it is longer than LARGEST_BATCH; 422, it is no object, or has no id.
    """
    _check_length(body)
    return _event(body, op, run_id, dimensions)


def _check_length(body: bytes) -> None:
    if len(body) > LARGEST_BATCH:
        raise BodyError(413, f"The body is longer than {LARGEST_BATCH >> 20} MiB.")


def _check_count(posts: Sized | None, patches: Sized | None) -> None:
    if len(posts or ()) + len(patches or ()) > MOST_PARTS:
        raise BodyError(413, f"The body has more than {MOST_PARTS:,} runs.")


def _decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise _no_batch() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = repaired(body)
    except RecursionError:
        raise too_deep() from None
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise _no_batch() from None


def _no_batch() -> BodyError:
    return BodyError(422, "The body must be an object with lists of runs, each with an id: post, patch.")


def _event(body: bytes | Raw, op: Op, run_id: str | None, dimensions: tuple[str, ...]) -> Event:
    run: RunBody = read_run(body)
    event = Event(op=op, run_id=run_id_of(run_id or run.id))
    put_run(event, run, dimensions)
    return _without_words(event)
