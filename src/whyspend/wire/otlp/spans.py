"""What is read of a request of OTLP, whatever it is written in: spans, with the attributes that matter."""

import sys

from msgspec import Struct

from whyspend.wire.ingest import Reply

Value = str | int | float | bool | list[str]
LONGEST_VALUE = 20_000
"""Characters of a text that is looked at, such as a JSON object of usage."""
LONGEST_KEY = 256
PARTS = 20
"""Attributes of a span, on average: beyond it a request is made to hurt."""
LAST_MICROS = 253_402_300_800_000_000
"""The year 10000, in microseconds since the epoch."""


class TooManyError(Exception):
    """A request of more spans than are taken at once."""


class Span(Struct, gc=False):
    """One span as its exporter wrote it."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    parent_id: str | None
    name: str
    start: int
    """Microseconds since the epoch, UTC."""
    end: int | None
    failed: bool
    error_type: str | None
    """The class that an exception event names."""
    first_token: int | None
    """Microseconds, where an event says so."""
    scope: str
    scope_version: str
    attributes: dict[str, Value]
    resource: dict[str, Value]
    reply: Reply | None = None
    """What LangSmith's SDK wrote of a run's outputs, without the answer."""


class Batch(Struct, gc=False):
    """The spans of one request."""

    spans: list[Span]
    unreadable: int = 0
    """Spans without a valid id or start, or of another shape."""
    most: int = sys.maxsize
    """Spans that are taken, readable or not; and all that they are made of may be so many times PARTS."""
    parts: int = 0

    def pass_part(self) -> None:
        """Count a resource, a scope, an attribute or an event.

        Raises:
            TooManyError: it is one more than are taken.
        """
        self.parts += 1
        if self.parts > self.most * PARTS:
            raise TooManyError

    def take(self, span: Span | None) -> None:
        """Take one in; None is one that cannot be read.

        Raises:
            TooManyError: it is one more than are taken.
        """
        if len(self.spans) + self.unreadable >= self.most:
            raise TooManyError
        if span is None:
            self.unreadable += 1
        else:
            self.spans.append(span)


def micros(nanos: float | None) -> int | None:
    """Microseconds of a time in nanoseconds since the epoch; 0 and what no calendar has are no time."""
    if nanos is None or not 0 < nanos < LAST_MICROS * 1000:
        return None
    return int(nanos) // 1000
