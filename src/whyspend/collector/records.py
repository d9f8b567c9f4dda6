"""What stands in the records of the spool: what was said about runs, and in a state what is known of them."""

from msgspec import Struct, msgpack

from whyspend.wire.ingest import Event, Held


class Heard(Struct, gc=False, omit_defaults=True):
    """What one request said."""

    at: int
    """When it came, seconds since the epoch."""
    events: list[Event] = []
    projects: dict[str, str] = {}
    """Projects that were made: their names by id."""


class Kept(Struct, gc=False, omit_defaults=True):
    """A trace, or the projects, as far as they are known."""

    trace: str = ""
    """Its id; empty: this record is about projects."""
    at: int = 0
    """When anything was last said about it, seconds since the epoch."""
    is_published: bool = False
    """The ledger has everything that can be known from its runs."""
    runs: list[Held] = []
    projects: dict[str, str] = {}


_HEARD = msgpack.Decoder(Heard)
_KEPT = msgpack.Decoder(Kept)
_RUNS = msgpack.Decoder(list[Held])


def packed(record: Heard | Kept | list[Held]) -> bytes:
    """A record as bytes."""
    return msgpack.encode(record)


def heard(payload: bytes) -> Heard:
    """Read a record of a file.

    Raises:
        msgspec.DecodeError: it is none, or of another version.
    """
    return _HEARD.decode(payload)


def kept(payload: bytes) -> Kept:
    """Read a record of a state.

    Raises:
        msgspec.DecodeError: it is none, or of another version.
    """
    return _KEPT.decode(payload)


def runs(payload: bytes) -> list[Held]:
    """Read the runs of a trace."""
    return _RUNS.decode(payload)
