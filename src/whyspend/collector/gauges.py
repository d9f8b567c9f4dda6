"""What the collector itself did since it started, as metrics; what the ledger says stands in figures.

Names as https://prometheus.io/docs/practices/naming has them. Nothing here costs more than a look at the spool.
"""

from collections.abc import Iterator

from whyspend.collector import spool
from whyspend.collector.collecting import Collector
from whyspend.serving.answers import CLASSES, Answers
from whyspend.serving.exposition import Metric, metric


def of_collector(collector: Collector, answers: Answers) -> Iterator[Metric]:
    """All of them."""
    counts = collector.publisher.counts
    answered = [({"status": name}, answers.by_class[name]) for name in CLASSES]
    yield Metric("whyspend_requests_total", "counter", "Requests answered.", answered)
    stored = "Starts and ends of runs, stored durably."
    yield metric("whyspend_events_total", "counter", stored, collector.accepted)
    yield metric("whyspend_spans_total", "counter", "Spans, stored durably.", collector.accepted_spans)
    published = "Calls handed to the ledger; again with every change of their trace."
    yield metric("whyspend_published_calls_total", "counter", published, counts.calls)
    pending = "Runs that have not ended, and are waited for."
    yield metric("whyspend_pending_runs", "gauge", pending, collector.traces.open)
    waiting = "Traces that wait to be published."
    yield metric("whyspend_unpublished_traces", "gauge", waiting, collector.traces.changed)
    held = "Memory of traces that may still change."
    yield metric("whyspend_held_bytes", "gauge", held, collector.traces.size)
    taken = "What the spool takes on the disk."
    yield metric("whyspend_spool_bytes", "gauge", taken, spool.size(collector.folder))
    slowest = "CPU time, since the start."
    yield metric("whyspend_slowest_publication_seconds", "gauge", slowest, counts.slowest)
