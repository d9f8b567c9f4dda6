"""What is known of a run from all that was said about it, in whatever order it came."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import msgspec
from msgspec import Struct

from whyspend.wire._run import Run, leaves_cache_out
from whyspend.wire._usage import Usage
from whyspend.wire.ingest._event import Event, Reply, Scalar
from whyspend.wire.ingest._numbers import answer_of

MOST_VERSIONS = 16
"""Of one run, told apart by operation and end time; above it the two that count least become one."""


class Held(Struct, gc=False):
    """A run as far as it is known."""

    run_id: str
    versions: tuple[Event, ...]
    """What was said, one for each operation and end time. The last wins where two disagree."""


def merged(held: Held | None, event: Event) -> Held:
    """Add an event. The same events give the same Held in any order and however often they come.

    A patch beats a post, a later end time an earlier one, and whatever says something what says nothing. Metadata
    is merged key by key, usage as a whole. Neither argument is changed; where nothing new was said, `held` itself
    is returned.
    """
    if held is None:
        return Held(event.run_id, (event,))
    versions = {_age(version): version for version in held.versions}
    age = _age(event)
    known = versions.get(age)
    versions[age] = event if known is None else _alike(known, event)
    if known is not None and versions[age] == known:
        return held
    ordered = [versions[key] for key in sorted(versions)]
    if len(ordered) > MOST_VERSIONS:
        ordered[:2] = [_over(ordered[0], ordered[1])]
    return Held(held.run_id, tuple(ordered))


def _age(event: Event) -> tuple[bool, int]:
    return event.op == "patch", event.ended_at or 0


def _alike(one: Event, other: Event) -> Event:
    """Join two events of one age: of two values the greater counts, so that their order does not."""
    return _joined(one, other, lambda a, b: max(a, b, key=_greatness))


def _over(older: Event, newer: Event) -> Event:
    """Join two events of different age: of two values the newer counts."""
    return _joined(older, newer, lambda a, b: b)


def _greatness(value: object) -> tuple[bool, float, bytes]:
    """Put any two values of one field in order: an error before a success, more tokens before fewer."""
    usage = value.usage if isinstance(value, Reply) else value
    counts = (usage.input_tokens, usage.output_tokens) if isinstance(usage, Usage) else ()
    return value == "error", float(sum(count or 0 for count in counts)), msgspec.json.encode(value)


_Pick = Callable[[Any, Any], Any]


def _joined(one: Event, other: Event, pick: _Pick) -> Event:
    values: dict[str, Any] = {}
    for field in Event.__struct_fields__:
        a, b = getattr(one, field), getattr(other, field)
        if a is b or not b:
            values[field] = a
        elif not a:
            values[field] = b
        else:
            values[field] = _RULES.get(field, _pick)(a, b, pick)
    return Event(**values)


def _pick(a: Any, b: Any, pick: _Pick) -> Any:
    return pick(a, b)


def _key_by_key(a: dict[str, Scalar], b: dict[str, Scalar], pick: _Pick) -> dict[str, Scalar]:
    both = {key: pick(a[key], b[key]) for key in a.keys() & b.keys()}
    return {**a, **b, **both}


def _earliest(a: int, b: int, _: _Pick) -> int:
    return min(a, b)


def _longest(a: tuple[str, ...], b: tuple[str, ...], pick: _Pick) -> tuple[str, ...]:
    """Of ancestors: a `parent_run_id` alone says less than a `dotted_order`."""
    return pick(a, b) if len(a) == len(b) else max(a, b, key=len)


def _counted_first(a: Usage, b: Usage, pick: _Pick) -> Usage:
    return pick(a, b) if a.has_counts() == b.has_counts() else (a if a.has_counts() else b)


def _used_first(a: Reply, b: Reply, pick: _Pick) -> Reply:
    return pick(a, b) if (a.usage is None) == (b.usage is None) else (b if a.usage is None else a)


_RULES: dict[str, Callable[[Any, Any, _Pick], Any]] = {
    "received_at": _earliest,
    "parent_ids": _longest,
    "metadata": _key_by_key,
    "usage": _counted_first,
    "reply": _used_first,
}


def _known(held: Held) -> Event:
    """Give all that is known of a run as one event."""
    return reduce(_over, held.versions)


def trace_of(seen: Held | Event) -> str | None:
    """Give the id of the trace: as it was said, else the first of its ancestors, else of a posted root its own.

    None for a patch that does not say where it belongs: look for the run by its id.
    """
    event = seen if isinstance(seen, Event) else _known(seen)
    if event.trace_id or event.parent_ids:
        return event.trace_id or event.parent_ids[0]
    posted = event.op == "post" or (isinstance(seen, Held) and seen.versions[0].op == "post")
    return event.run_id if posted else None


def is_ended(held: Held) -> bool:
    """Tell whether the run is over: it has an end time, or an error."""
    return any(version.ended_at or version.status == "error" for version in held.versions)


def to_run(held: Held) -> Run:
    """Give the run as `wire.langsmith.to_call` takes it; project_id is the name of its project, if it names one."""
    event = _known(held)
    metadata: dict[str, Any] = dict(event.metadata)
    if event.usage is not None:
        metadata["usage_metadata"] = event.usage
    failed = event.status == "error"
    return Run(
        event.run_id,
        event.trace_id or (event.parent_ids[0] if event.parent_ids else event.run_id),
        event.parent_ids,
        event.session_name or event.session_id,
        event.thread_id,
        event.name,
        event.run_type or "",
        "error" if failed else "success" if event.ended_at else "pending",
        event.error_kind if failed else None,
        event.started_at or event.received_at or event.ended_at,
        event.ended_at,
        event.first_token_at,
        metadata,
        list(event.tags) or None,
        *(None,) * 9,
        answer=answer_of(event.reply),
        invocation_model=event.invocation_model,
        exclusive_cache=_leaves_cache_out(event),
    )


def _leaves_cache_out(event: Event) -> bool:
    runtime = {"sdk": "langsmith-py", "sdk_version": event.sdk_version} if event.sdk_version else None
    return leaves_cache_out(event.metadata, event.invoked, runtime)
