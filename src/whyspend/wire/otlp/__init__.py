"""What the spans of OpenTelemetry mean, of any convention: calls, each counted once.

`read_request` reads a body, `to_record` keeps what matters of each span, `settle` makes calls of a trace's records.
"""

from whyspend.wire.otlp.decode import Batch, Span, read_request
from whyspend.wire.otlp.records import Record, to_record
from whyspend.wire.otlp.traces import Settled, settle

__all__ = ["Batch", "Record", "Settled", "Span", "read_request", "settle", "to_record"]
