"""One file -> its requests, line by line in bounded memory; what cannot be read is counted and passed over."""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from typing import NamedTuple

from whyspend.errors import InputError
from whyspend.sources.otlp_file.files import Part, first_line
from whyspend.wire.otlp import Batch, read_json

LONGEST = 64 * 2**20
"""Bytes of a line, or of a file that is one JSON document. A collector sends some 8,192 spans at a time."""

_CHUNK = 2**20


class Portion(NamedTuple):
    """The spans of one line."""

    latest: int
    """When the last of the file's spans so far ended, in microseconds."""
    reading: "Reading"
    batch: Batch
    offset: int
    """The byte where the line begins."""
    size: int
    """How many bytes it has."""


@dataclass
class Reading:
    """A part of a file while it is read."""

    part: Part
    dimensions: tuple[str, ...]
    read_to: int = 0
    """Up to which byte all lines are dealt with; the next pull goes on there."""
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
        """Yield the spans of each line that can be read, and the byte where the line begins.

        Nothing where the file was rotated meanwhile, and another has its name: the next pull finds both.

        Raises:
            InputError: the file cannot be opened.
        """
        path = self.part.file.path
        try:
            with path.open("rb") as plain:
                opened: BufferedIOBase = gzip.GzipFile(fileobj=plain) if self.part.file.is_gzip else plain
                if first_line(opened) == self.part.head:
                    yield from self._batches(opened)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.is_damaged = True
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror or error}. Give this user the right to read it."
            ) from error

    def _batches(self, opened: BufferedIOBase) -> Iterator[tuple[Batch, int]]:
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
            if batch is None and not is_whole and not self.part.file.is_gzip:
                return  # half written: it is left for the next pull
            self.read_to += len(line)
            if batch is None:
                self._bad(offset)
            else:
                self._count(batch, offset)
                yield batch, offset

    def _document(self, body: bytes) -> Iterator[tuple[Batch, int]]:
        """A file that is one JSON document over many lines; left for the next pull until it is whole."""
        batch = read_json(body, self.dimensions)
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


def _skipped(opened: BufferedIOBase) -> int:
    """Pass over the rest of a line; how many bytes it had."""
    passed = 0
    while chunk := opened.readline(_CHUNK):
        passed += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return passed
