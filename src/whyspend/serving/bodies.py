"""The body of a request: taken in up to a limit, and unpacked in pieces, so that a bomb is never whole in memory."""

import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import zstandard

from whyspend.serving.frames import is_whole
from whyspend.serving.refusing import RefusedError

BODY_BYTES = 32 << 20
"""The longest body, as it is sent. The SDK sends batches of about 20 MiB before compression."""

UNPACKED_BYTES = 256 << 20
"""The longest body, unpacked. It is read in pieces; attachments are read past."""

IN_FLIGHT_BYTES = 128 << 20
"""Bodies of all requests that are being taken in or wait to be read, as they are sent."""

PIECE = 256 << 10
SLICE = 4 << 10
"""What an inflater is given at once: what it does not take, it copies."""

MOST_MEMBERS = 1_000
"""Members of a gzip body; each costs time and memory, however little is in it."""

WINDOW_BYTES = 8 << 20
"""The memory that a zstd body may ask for: what RFC 8878, 3.1.1.1.2, recommends to support."""

_BROKEN = (zlib.error, zstandard.ZstdError)


@dataclass
class Room:
    """How much of the memory for bodies is taken. One event loop uses it, so it needs no lock."""

    limit: int = IN_FLIGHT_BYTES
    taken: int = 0

    def take(self, amount: int) -> None:
        """Take some.

        Raises:
            RefusedError: 503, there is none left.
        """
        if self.taken + amount > self.limit:
            raise RefusedError(503, "Too many requests at once. Send it again in a second.")
        self.taken += amount

    def give_back(self, amount: int) -> None:
        """Let go of some."""
        self.taken -= amount


async def whole(stream: AsyncIterator[bytes], declared: str, room: Room) -> bytes:
    """Take a body in; its length is taken from `room`, and is the caller's to give back.

    Raises:
        RefusedError: 413, it is too long; 400, its declared length is none; 503, there is no room.
    """
    if declared and not (declared.isascii() and declared.isdigit()):
        raise RefusedError(400, "Content-Length is no number.")
    if declared and int(declared) > BODY_BYTES:
        raise too_long()
    pieces: list[bytes] = []
    length = 0
    with ExitStack() as undone:
        # Whatever ends it early, a client that goes away among it: the room must not stay taken.
        undone.callback(lambda: room.give_back(length))
        async for piece in stream:
            if length + len(piece) > BODY_BYTES:
                raise too_long()
            room.take(len(piece))
            length += len(piece)
            pieces.append(piece)
        undone.pop_all()
    return b"".join(pieces)


def unpacked(body: bytes, encoding: str) -> Iterator[bytes]:
    """Yield a body in pieces of at most 256 KiB, decompressed as `Content-Encoding` says.

    Raises:
        RefusedError: 415, an encoding that is not known; 400, it is broken; 413, it is too long.
    """
    length = 0
    try:
        for piece in _pieces(body, encoding):
            length += len(piece)
            if length > UNPACKED_BYTES:
                raise RefusedError(413, f"The body is longer than {UNPACKED_BYTES >> 20} MiB when unpacked.")
            yield piece
    except _BROKEN:
        raise RefusedError(400, f"The body is not what Content-Encoding says: {encoding}.") from None


def too_long() -> RefusedError:
    """The refusal of a body that is too long as it is sent."""
    return RefusedError(413, f"The body is longer than {BODY_BYTES >> 20} MiB.")


def _pieces(body: bytes, encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]
    elif encoding == "zstd":
        yield from _unzstd(body)
    elif encoding in ("gzip", "x-gzip"):
        yield from _gunzipped(body)
    else:
        raise RefusedError(415, "Content-Encoding can be zstd, gzip or identity.")


def _unzstd(body: bytes) -> Iterator[bytes]:
    if not is_whole(body):
        raise zstandard.ZstdError("cut off")
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    with decompressor.stream_reader(body, read_across_frames=True) as reader:
        while piece := reader.read(PIECE):
            yield piece


def _gunzipped(body: bytes) -> Iterator[bytes]:
    """Yield what the members of a gzip body hold, one after another (RFC 1952, 2.2)."""
    inflating, members = zlib.decompressobj(wbits=31), 1
    for start in range(0, len(body), SLICE):
        rest = body[start : start + SLICE]
        while rest:
            if inflating.eof:
                inflating, members = zlib.decompressobj(wbits=31), members + 1
                if members > MOST_MEMBERS:
                    raise zlib.error("too many members")
            if piece := inflating.decompress(rest, PIECE):
                yield piece
            rest = inflating.unconsumed_tail or inflating.unused_data
    if not inflating.eof:
        raise zlib.error("cut off")
