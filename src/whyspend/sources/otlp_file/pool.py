"""The traces that are being read: their spans come apart, and are settled once nothing more of them comes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from whyspend.model import Batch
from whyspend.wire.otlp import Record, settle

APART = 32 * 2**20
"""Bytes of spans within which all of a trace is expected. At 2 KB a span, 16,000 spans of all traces."""

MOST_SPANS = 50_000
"""Held at a time, at about 1 KB each; beyond it the traces that were quiet longest are settled early."""

SLACK = 60_000_000
"""Microseconds by which spans may come late: exporters send every few seconds, in the order of their ends."""


@dataclass
class _Trace:
    place: int = 0
    """Where its last span came."""
    is_new: bool = False
    """Some of its spans were never read before."""
    records: list[Record] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    """The ids of those."""
    held: set[str] = field(default_factory=set)
    """The ids of those that an earlier pull may have published."""


@dataclass
class Pool:
    """Takes records in; gives calls back, each trace at once."""

    horizon: int = 0
    """Microseconds. What began before may have had spans below it in what is not read again."""
    _traces: dict[str, _Trace] = field(default_factory=dict)
    """The one that was quiet longest first."""
    _held: int = 0

    def add(self, record: Record, *, place: int, is_new: bool, is_held: bool) -> None:
        """Take one in, that came at a place in all that is read.

        `is_new`: no pull has judged it. `is_held`: it may be in the ledger.
        """
        trace = self._traces.pop(record.trace_id, None) or _Trace()
        self._traces[record.trace_id] = trace
        trace.place = place
        trace.is_new |= is_new
        trace.records.append(record)
        if is_new:
            trace.new.add(record.id)
        if is_held:
            trace.held.add(record.id)
        self._held += 1

    def settled(self, place: int) -> Iterator[Batch]:
        """Yield the traces of which nothing came for long."""
        while self._traces:
            trace_id, trace = next(iter(self._traces.items()))
            if trace.place >= place - APART and self._held <= MOST_SPANS:
                return
            yield from self._settle(trace_id)

    def all_settled(self) -> Iterator[Batch]:
        """Yield all that is left."""
        for trace_id in list(self._traces):
            yield from self._settle(trace_id)

    def _settle(self, trace_id: str) -> Iterator[Batch]:
        trace = self._traces.pop(trace_id)
        self._held -= len(trace.records)
        if not trace.is_new:
            return  # the pull before had all of it
        found = settle(trace.records)
        calls = [one.call for one in found.calls if one.call is not None and self._is_judged(trace, one)]
        yield Batch(
            calls=calls, dropped=[(one.start, one.id) for one in found.doubles if one.id in trace.held]
        )

    def _is_judged(self, trace: _Trace, record: Record) -> bool:
        """Whether a call is judged by this pull: it is new, or all that can lie below it is here.

        Else an outer span whose inner ones lie further back would come in beside them.
        """
        return record.id in trace.new or record.start >= self.horizon
