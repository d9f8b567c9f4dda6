"""What the spans of OpenTelemetry mean, of any convention: calls, each counted once.

`read_json` and `read_protobuf` read a body, `to_record` keeps what matters of each span, `settle` makes calls of a
trace's records. A `Record` holds no text but names and tags, so it may be kept and stored: `fuller` chooses between
two of one span, `fitted` moves one to other dimensions.
"""

from whyspend.wire.otlp.names import LANGSMITH
from whyspend.wire.otlp.of_json import read_json
from whyspend.wire.otlp.of_protobuf import read_protobuf
from whyspend.wire.otlp.records import Record, fitted, to_record
from whyspend.wire.otlp.spans import Batch, Span, TooManyError
from whyspend.wire.otlp.traces import Settled, fuller, settle

__all__ = [
    "LANGSMITH",
    "Batch",
    "Record",
    "Settled",
    "Span",
    "TooManyError",
    "fitted",
    "fuller",
    "read_json",
    "read_protobuf",
    "settle",
    "to_record",
]
