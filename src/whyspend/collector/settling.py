"""What is known of a trace -> its calls, and what must not stand beside them in the ledger."""

from collections.abc import Iterable

from whyspend.collector.traces import Changed
from whyspend.collector.twins import Settlement
from whyspend.wire.ingest import calls_of, dropped_of
from whyspend.wire.otlp import Record, settle

LANGSMITH = "langsmith"
"""The scope of the spans that LangSmith's SDK writes of runs."""


def settled(changed: Changed, source: str, dimensions: tuple[str, ...]) -> Settlement:
    """The calls of a trace as far as it is known, each once, whether runs or spans told of them.

    Dropped is what may have been published as a call before it was known what it is: a run or span around the real
    one, or one that tells of the same call once more.
    """
    runs, spans = changed.known.runs, changed.known.spans
    if not runs:
        return _of_spans(spans.values(), source)
    calls = calls_of(runs, source=source, dimensions=dimensions, closed=changed.closed)
    dropped = (
        dropped_of(runs, closed=changed.closed) if len(runs) > 1 else []
    )  # a run alone is around no other
    if spans:
        also = _of_spans(spans.values(), source)
        return Settlement(calls + also.calls, dropped + also.dropped, also.exported)
    return Settlement(calls, dropped)


def _of_spans(spans: Iterable[Record], source: str) -> Settlement:
    found = settle(spans)
    calls = [record.call for record in found.calls if record.call is not None]
    for call in calls:
        call.source = source  # the spool may be of a time when it had another name
    exported = frozenset(record.id for record in found.calls if record.scope == LANGSMITH)
    return Settlement(calls, [(record.start, record.id) for record in found.doubles], exported)
