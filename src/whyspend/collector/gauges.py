"""`/metrics`: what the collector did since it started, in Prometheus' text format.

Names as https://prometheus.io/docs/practices/naming has them. The only label is the class of an answer's status.
"""

from whyspend.collector import spool
from whyspend.collector.collecting import Collector
from whyspend.serving.answers import CLASSES, Answers


def page(collector: Collector, answers: Answers) -> str:
    """The page."""
    counts = collector.publisher.counts
    lines: list[str] = []

    def put(name: str, kind: str, meaning: str, value: float, label: str = "") -> None:
        head = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        if head[0] not in lines:
            lines.extend(head)
        lines.append(f"{name}{label} {value}")

    for name in CLASSES:
        label = f'{{status="{name}"}}'
        put("whyspend_requests_total", "counter", "Requests answered.", answers.by_class[name], label)
    put("whyspend_events_total", "counter", "Starts and ends of runs, stored durably.", collector.accepted)
    put("whyspend_spans_total", "counter", "Spans, stored durably.", collector.accepted_spans)
    put("whyspend_calls_total", "counter", "Calls published; again where one changed.", counts.calls)
    put(
        "whyspend_untagged_calls_total",
        "counter",
        "Published calls without the first dimension, before rules.",
        counts.untagged,
    )
    put(
        "whyspend_pending_runs",
        "gauge",
        "Runs that have not ended, and are waited for.",
        collector.traces.open,
    )
    put("whyspend_unpublished_traces", "gauge", "Traces that wait to be published.", collector.traces.changed)
    put("whyspend_held_bytes", "gauge", "Memory of traces that may still change.", collector.traces.size)
    put("whyspend_spool_bytes", "gauge", "What the spool takes on the disk.", spool.size(collector.folder))
    put("whyspend_slowest_publication_seconds", "gauge", "CPU time, since the start.", counts.slowest)
    return "\n".join(lines) + "\n"
