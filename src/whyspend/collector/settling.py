"""What is known of a trace -> its calls, and what must not stand beside them in the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from whyspend.collector.traces import Changed, plain
from whyspend.collector.twins import Settlement
from whyspend.model import Call
from whyspend.wire.ingest import calls_of, dropped_of
from whyspend.wire.otlp import LANGSMITH, Record, settle

SPAN_ID = 16
"""The digits of a run's id that stand for it where another instrumentation's span is below it."""


def settled(changed: Changed, source: str, dimensions: tuple[str, ...]) -> Settlement:
    """The calls of a trace as far as it is known, each once, whether runs or spans told of them.

    Dropped is what may have been published as a call before it was known what it is: a run or span around the real
    one, or one that tells of the same call once more.
    """
    runs, spans = changed.known.runs, changed.known.spans
    if not runs:
        return _of_spans(spans, source)
    calls = calls_of(runs, source=source, dimensions=dimensions, closed=changed.closed)
    dropped = (
        dropped_of(runs, closed=changed.closed) if len(runs) > 1 else []
    )  # a run alone is around no other
    if not spans:
        return Settlement(calls, dropped)
    within = _below(calls, spans)
    also = _of_spans({key: span for key, span in spans.items() if key not in within}, source)
    dropped += [(spans[key].start, key) for key in within if spans[key].call is not None]
    return Settlement(calls + also.calls, dropped + also.dropped, also.exported, also.responses)


def _of_spans(spans: Mapping[str, Record], source: str) -> Settlement:
    found = settle(spans.values())
    calls = [record.call for record in found.calls if record.call is not None]
    for call in calls:
        call.source = source  # the spool may be of a time when it had another name
    return Settlement(
        calls,
        [(record.start, record.id) for record in found.doubles],
        frozenset(record.id for record in found.calls if record.scope == LANGSMITH),
        {record.id: record.response_id for record in found.calls if record.response_id},
    )


def _below(calls: Iterable[Call], spans: Mapping[str, Record]) -> set[str]:
    """The spans below runs that are calls: an SDK's own span of what LangSmith's wrapper around it tells."""
    told = {
        f"{plain(call.trace_id)}-{plain(call.call_id)[:SPAN_ID]}" for call in calls if call.kind != "tool"
    }
    below: dict[str | None, list[str]] = defaultdict(list)
    for key, span in spans.items():
        below[span.parent_id].append(key)
    left = list(told)
    while left:
        found = [key for key in below.get(left.pop(), ()) if key not in told]
        told.update(found)
        left += found
    return told & spans.keys()
