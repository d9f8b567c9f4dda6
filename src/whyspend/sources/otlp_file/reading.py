"""One file -> its requests, one by one in bounded memory; what cannot be read is counted and passed over.

The file exporter writes a request of JSON as a line. With `format: proto`, or a compression, it writes each request
as a message with its length before it, and compresses each message by itself.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_CUR, BufferedIOBase
from typing import NamedTuple

from whyspend.errors import InputError
from whyspend.sources.otlp_file.files import LENGTH, LONGEST, Part, beginning, is_length
from whyspend.sources.otlp_file.packing import unpacked, unpacked_message
from whyspend.wire.otlp import Batch, read_json, read_protobuf

_CHUNK = 2**20


class Portion(NamedTuple):
    """The spans of one line or message."""

    latest: int
    """When the last of the file's spans so far ended, in microseconds."""
    reading: "Reading"
    batch: Batch
    offset: int
    """The byte where it begins."""
    size: int
    """How many bytes it has."""


@dataclass
class Reading:
    """A part of a file while it is read."""

    part: Part
    dimensions: tuple[str, ...]
    read_to: int = 0
    """Up to which byte all is dealt with; the next pull goes on there."""
    bad_lines: int = 0
    first_bad: int = 0
    """The byte where the first of them begins."""
    bad_spans: int = 0
    is_begun: bool = False
    """Spans of it were taken in."""
    is_damaged: bool = False
    """A compressed file that ends early, or is none."""

    @property
    def total(self) -> int:
        """Bytes to read, as far as can be told beforehand."""
        return self.part.file.size - self.part.begin

    def in_time(self) -> Iterator["Portion"]:
        """Yield what can be read, each with a time that never goes back."""
        latest = 0
        for batch, offset in self.batches():
            latest = max(
                latest, max((span.start if span.end is None else span.end for span in batch.spans), default=0)
            )
            yield Portion(latest, self, batch, offset, self.read_to - offset)

    def batches(self) -> Iterator[tuple[Batch, int]]:
        """Yield the spans of each line or message that can be read, and the byte where it begins.

        Nothing where the file was rotated meanwhile, and another has its name: the next pull finds both.

        Raises:
            InputError: the file cannot be opened.
        """
        path = self.part.file.path
        try:
            with path.open("rb") as plain:
                packing = self.part.file.packing
                if beginning(unpacked(plain, packing)) == self.part.head:
                    plain.seek(0)
                    yield from self._batches(unpacked(plain, packing))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.is_damaged = True
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror or error}. Give this user the right to read it."
            ) from error

    def _batches(self, opened: BufferedIOBase) -> Iterator[tuple[Batch, int]]:
        if is_length(self.part.head):
            return self._messages(opened)
        if self.part.file.is_message:
            return self._document(opened.read(LONGEST))
        return self._lines(opened)

    def _messages(self, opened: BufferedIOBase) -> Iterator[tuple[Batch, int]]:
        while len(head := opened.read(LENGTH)) == LENGTH:
            offset, size = self.read_to, int.from_bytes(head, "big")
            if size > LONGEST:
                self._bad(offset)  # it is no length, so nobody knows where the next message begins
                self.read_to = self.part.file.size
                return
            if offset < self.part.begin:
                opened.seek(size, SEEK_CUR)
                self.read_to += LENGTH + size
                continue
            message = opened.read(size)
            if len(message) < size:
                self.is_damaged = bool(self.part.file.packing)
                return  # half written: it is left for the next pull
            self.read_to += LENGTH + size
            batch = _meaning(unpacked_message(message, LONGEST), self.dimensions)
            if batch is None:
                self._bad(offset)
            else:
                self._count(batch, offset)
                yield batch, offset

    def _lines(self, opened: BufferedIOBase) -> Iterator[tuple[Batch, int]]:
        self.read_to = self.part.begin
        if self.part.begin:
            # Somewhere within a line: the next one begins after its end.
            opened.seek(self.part.begin - 1)
            self.read_to += _skipped(opened) - 1
        while line := opened.readline(LONGEST):
            offset = self.read_to
            if offset == 0 and line.strip() in (b"{", b"["):
                yield from self._document(line + opened.read(LONGEST))
                return
            is_whole = line.endswith(b"\n")
            if not is_whole and len(line) == LONGEST:
                self.read_to += len(line) + _skipped(opened)
                self._bad(offset)
                continue
            batch = read_json(line, self.dimensions) if line.strip() else Batch([])
            if batch is None and not is_whole and not self.part.file.packing:
                return  # half written: it is left for the next pull
            self.read_to += len(line)
            if batch is None:
                self._bad(offset)
            else:
                self._count(batch, offset)
                yield batch, offset

    def _document(self, body: bytes) -> Iterator[tuple[Batch, int]]:
        """A file that is one request, of JSON over many lines or of protobuf; left for the next pull until it is
        whole."""
        batch = _meaning(body, self.dimensions)
        if batch is None:
            self._bad(0)
            return
        self.read_to = len(body)
        self._count(batch, 0)
        yield batch, 0

    def _count(self, batch: Batch, offset: int) -> None:
        if offset >= self.part.new:
            self.bad_spans += batch.unreadable

    def _bad(self, offset: int) -> None:
        if offset >= self.part.new:
            self.first_bad = self.first_bad if self.bad_lines else offset
            self.bad_lines += 1


def _meaning(body: bytes | None, dimensions: tuple[str, ...]) -> Batch | None:
    """Read a request: no message of protobuf can begin as an object or a list of JSON does."""
    if body is None:
        return None
    is_json = body.lstrip()[:1] in (b"{", b"[")
    return read_json(body, dimensions) if is_json else read_protobuf(body, dimensions)


def _skipped(opened: BufferedIOBase) -> int:
    """Pass over the rest of a line; how many bytes it had."""
    passed = 0
    while chunk := opened.readline(_CHUNK):
        passed += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return passed
