"""What stands in the records of the spool: what was said about traces, and in a state what is known of them.

A trace is told in either of two tongues, or both: by the runs of LangSmith's SDKs, which begin and end, and by the
spans of OpenTelemetry, which come once they have ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Struct, msgpack

from whyspend.wire.ingest import Event, Held, is_ended, merged
from whyspend.wire.otlp import Record, fitted, fuller

Said = Event | Record
"""What may be said about a trace."""


class Heard(Struct, gc=False, omit_defaults=True):
    """What one request said."""

    at: int
    """When it came, seconds since the epoch."""
    events: list[Event] = []
    projects: dict[str, str] = {}
    """Projects that were made: their names by id."""
    spans: list[Record] = []
    dimensions: tuple[str, ...] = ()
    """What the values on the spans are of."""


class Kept(Struct, gc=False, omit_defaults=True):
    """A trace, or the projects, as far as they are known."""

    trace: str = ""
    """Its id; empty: this record is about projects."""
    at: int = 0
    """When anything was last said about it, seconds since the epoch."""
    is_published: bool = False
    """The ledger has everything that can be known from its runs and spans."""
    runs: list[Held] = []
    projects: dict[str, str] = {}
    spans: list[Record] = []
    dimensions: tuple[str, ...] = ()


class _Rest(Struct, gc=False, omit_defaults=True):
    """What is known of a trace, at rest."""

    runs: list[Held] = []
    spans: list[Record] = []


@dataclass
class Known:
    """What is known of a trace, by the ids of its runs and spans."""

    runs: dict[str, Held] = field(default_factory=dict)
    spans: dict[str, Record] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.runs) + len(self.spans)

    @classmethod
    def of(cls, runs: Iterable[Held], spans: Iterable[Record]) -> "Known":
        """What these say."""
        return cls({run.run_id: run for run in runs}, {span.id: span for span in spans})

    @classmethod
    def at_rest(cls, payload: bytes) -> "Known":
        """Read what was packed; nothing is nothing known."""
        if not payload:
            return cls()
        found = _REST.decode(payload)
        return cls.of(found.runs, found.spans)

    def packed(self) -> bytes:
        """All of it as bytes."""
        return msgpack.encode(_Rest(list(self.runs.values()), list(self.spans.values())))

    def add(self, said: Iterable[Said]) -> None:
        """Take in what was said since; the same gives the same in any order, and however often it comes."""
        for one in said:
            if isinstance(one, Event):
                self.runs[one.run_id] = merged(self.runs.get(one.run_id), one)
            else:
                self.spans[one.id] = fuller(self.spans.get(one.id), one)

    def unended(self) -> frozenset[str]:
        """The runs that have not ended."""
        return frozenset(run_id for run_id, run in self.runs.items() if not is_ended(run))

    def waits(self) -> bool:
        """Whether a span is still to come: inner ones come before those around them."""
        return any(span.parent_id not in self.spans for span in self.spans.values() if span.parent_id)


_HEARD = msgpack.Decoder(Heard)
_KEPT = msgpack.Decoder(Kept)
_REST = msgpack.Decoder(_Rest)


def packed(record: Heard | Kept) -> bytes:
    """A record as bytes."""
    return msgpack.encode(record)


def heard(payload: bytes, dimensions: tuple[str, ...]) -> Heard:
    """Read a record of a file, for the dimensions that are configured now.

    Raises:
        msgspec.DecodeError: it is none, or of another version.
    """
    found = _HEARD.decode(payload)
    found.spans = [fitted(span, found.dimensions, dimensions) for span in found.spans]
    found.dimensions = dimensions
    return found


def kept(payload: bytes, dimensions: tuple[str, ...]) -> Kept:
    """Read a record of a state, for the dimensions that are configured now.

    Raises:
        msgspec.DecodeError: it is none, or of another version.
    """
    found = _KEPT.decode(payload)
    found.spans = [fitted(span, found.dimensions, dimensions) for span in found.spans]
    found.dimensions = dimensions
    return found
