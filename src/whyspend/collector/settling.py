"""What is known of a trace -> its calls, and what must not stand beside them in the ledger."""

from whyspend.collector.records import Known
from whyspend.collector.traces import Changed
from whyspend.model import Batch, Call
from whyspend.wire.ingest import calls_of, dropped_of
from whyspend.wire.otlp import settle


def settled(changed: Changed, source: str, dimensions: tuple[str, ...]) -> Batch:
    """The calls of a trace as far as it is known, each once, whichever tongue told of it.

    Dropped is what may have been published as a call before it was known what it is: a run or span around the real
    one, or one that tells of the same call once more.
    """
    runs, closed = changed.known.runs, changed.closed
    calls = calls_of(runs, source=source, dimensions=dimensions, closed=closed) if runs else []
    dropped = dropped_of(runs, closed=closed) if len(runs) > 1 else []  # a run alone is around no other
    if changed.known.spans:
        of_spans, doubles = _of_spans(changed.known, source)
        calls += of_spans
        dropped += doubles
    return Batch(calls=calls, dropped=dropped)


def _of_spans(known: Known, source: str) -> tuple[list[Call], list[tuple[int, str]]]:
    found = settle(known.spans.values())
    calls = [record.call for record in found.calls if record.call is not None]
    for call in calls:
        call.source = source  # the spool may be of a time when it had another name
    return calls, [(record.start, record.id) for record in found.doubles]
