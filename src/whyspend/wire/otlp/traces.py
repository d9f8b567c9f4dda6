"""The records of a trace -> its calls, each counted once, with what they inherit.

A call may be told by several spans: an SDK's own around that of the HTTP client's instrumentation, a proxy's within
that of its client, an agent's sum around them all. What counts:

1. A span that came twice is one; exporters resend whole batches.
2. Of a call around calls of the same kind (llm or embedding), the inner ones count where they have token counts.
3. Where only the outer one has them, it counts and the inner ones do not; where none has, the innermost does.
4. Two calls of one kind with the same response id that overlap in time are one, wherever in the trace they are.
5. A call that lies within one of another instrumentation in time, with the same model and counts, is below it, whatever
   the spans say. OpenInference's instrumentation of LangChain leaves the span of the client's call beside its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from whyspend.model import USAGE_COLUMNS, Call
from whyspend.wire._ancestors import inherit
from whyspend.wire._tags import site
from whyspend.wire.otlp.records import Record

DEEPEST = 200
"""Spans above a call that are looked at; no trace of an application is as deep."""


class Settled(NamedTuple):
    """What a trace comes to."""

    calls: list[Record]
    """The records whose calls count, completed by what they inherit."""
    doubles: list[Record]
    """Those that tell of the same calls once more, and must not count."""


def settle(records: Iterable[Record]) -> Settled:
    """Sort the records of one trace, in whatever order they came. Their calls are completed in place."""
    spans = _once(records)
    calls = sorted((record for record in spans.values() if record.call is not None), key=_order)
    _adopt(calls, spans)
    doubles = _outer_and_inner(calls, spans)
    doubles |= _same_response([record for record in calls if record.id not in doubles], spans)
    counted = [record for record in calls if record.id not in doubles]
    for record in counted:
        _complete(record, spans)
    return Settled(counted, [record for record in calls if record.id in doubles])


def _once(records: Iterable[Record]) -> dict[str, Record]:
    """Each span once: of two versions the one with counts, else the one that ended last."""
    found: dict[str, Record] = {}
    for record in records:
        found[record.id] = fuller(found.get(record.id), record)
    return found


def fuller(held: Record | None, record: Record) -> Record:
    """Of two versions of a span, the one that tells more."""
    return record if held is None or _fullness(record) > _fullness(held) else held


def _fullness(record: Record) -> tuple[object, ...]:
    # Told by repr in the end, so that the order of arrival decides nothing. Both are hardly ever different.
    return record.is_counted, record.call is not None, record.end, repr(record)


def _order(record: Record) -> tuple[int, str]:
    return record.start, record.id


def _above(record: Record, spans: dict[str, Record]) -> Iterator[Record]:
    """The spans above, nearest first, as far as they are here."""
    seen = {record.id}
    parent = record.parent_id
    while parent is not None and parent not in seen and parent in spans and len(seen) <= DEEPEST:
        seen.add(parent)
        yield spans[parent]
        parent = spans[parent].parent_id


def _outer_and_inner(calls: Sequence[Record], spans: dict[str, Record]) -> set[str]:
    """The ids of the calls that another one, around or within it, tells better."""
    models = [record for record in calls if record.call is not None and record.call.kind != "tool"]
    outer = _around([record for record in models if record.is_counted], spans)
    left = [record for record in models if record.id not in outer]
    counted = {record.id for record in left if record.is_counted}
    within = {
        record.id
        for record in left
        if not record.is_counted
        and any(above.id in counted and _kind(above) == _kind(record) for above in _above(record, spans))
    }
    silent = [record for record in left if not record.is_counted and record.id not in within]
    return outer | within | (_around(silent, spans) - counted)


def _around(calls: Iterable[Record], spans: dict[str, Record]) -> set[str]:
    """The ids of the calls that are above one of these, and of its kind."""
    found: set[str] = set()
    for record in calls:
        found.update(above.id for above in _above(record, spans) if _kind(above) == _kind(record))
    return found


def _kind(record: Record) -> str:
    return record.call.kind if record.call is not None else ""


def _adopt(calls: Sequence[Record], spans: dict[str, Record]) -> None:
    """Put each call below the call of another instrumentation that it lies in; at most one below each.

    One alone, for two calls that an application makes at once may be alike in everything.
    """
    models = [record for record in calls if _kind(record) not in ("", "tool")]
    if len({record.scope for record in models}) < 2:
        return
    outer = _around(models, spans)
    lone = [record for record in models if not any(_kind(a) == _kind(record) for a in _above(record, spans))]
    free: list[Record] = []
    for record in sorted(lone, key=lambda one: (one.start, -one.end, one.id)):
        free = [other for other in free if other.end >= record.start][-DEEPEST:]
        around = [other for other in free if _repeats(other, record)]
        if around:
            # The one that ends first, so that the others are left for calls that end later.
            closest = min(around, key=lambda one: (one.end, one.id))
            record.parent_id = closest.id
            free.remove(closest)
        elif record.id not in outer:
            free.append(record)


def _repeats(outer: Record, inner: Record) -> bool:
    """Tell whether the outer one may be the same call, told by who called."""
    if outer.scope == inner.scope or outer.end < inner.end or _kind(outer) != _kind(inner):
        return False
    assert outer.call is not None
    assert inner.call is not None
    both = [call.model_answered or call.model_requested or "" for call in (outer.call, inner.call)]
    short, long = sorted(both, key=len)  # gpt-4o and gpt-4o-2024-08-06
    counts = [(call.prompt_total, call.completion_total) for call in (outer.call, inner.call)]
    return bool(short) and long.startswith(short) and (counts[0] == counts[1] or not outer.is_counted)


def _same_response(calls: Sequence[Record], spans: dict[str, Record]) -> set[str]:
    """The ids of the calls whose response another one tells too.

    Only where they overlap in time: some servers give ids that they use again.
    """
    alike: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in calls:
        if record.response_id and _kind(record) != "tool":
            alike[_kind(record), record.response_id].append(record)
    doubles: set[str] = set()
    for some in alike.values():
        if len(some) > 1:
            doubles |= _but_the_fullest(some, spans)
    return doubles


def _but_the_fullest(alike: Sequence[Record], spans: dict[str, Record]) -> set[str]:
    """Of calls in the order of their starts, the ids of all but the fullest of each run that overlaps."""
    doubles: set[str] = set()
    best = alike[0]
    until = best.end
    for record in alike[1:]:
        if record.start > until:
            best = record
        else:
            better = max(best, record, key=lambda one: (_told(one), _depth(one, spans), one.id))
            doubles.add(record.id if better is best else best.id)
            best = better
        until = max(until, record.end)
    return doubles


def _told(record: Record) -> tuple[bool, int]:
    call = record.call
    used = sum(1 for name in USAGE_COLUMNS if getattr(call, name)) if call is not None else 0
    return record.is_counted, used


def _depth(record: Record, spans: dict[str, Record]) -> int:
    return sum(1 for _ in _above(record, spans))


def _complete(record: Record, spans: dict[str, Record]) -> None:
    """Add what the spans above a call tell: dimensions, thread, release, the root's name, the call site."""
    call = record.call
    assert call is not None
    above = list(_above(record, spans))
    named = call.root_name
    inherit(call, tuple(one.id for one in reversed(above)), {one.id: one.ancestor for one in above})
    if named and not _has_root(call, above):
        call.root_name, call.call_site = named, site((named, call.call_site))


def _has_root(call: Call, above: Sequence[Record]) -> bool:
    return call.parent_id is None or bool(above and above[-1].ancestor.is_root)
