"""multipart/form-data, read as it comes in."""

import re
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from whyspend.wire.ingest._event import Event, Op
from whyspend.wire.ingest._fields import (
    HEAD_OF_ERROR,
    HEAD_OF_EVENTS,
    put_error,
    put_events,
    put_extra,
    put_outputs,
    put_run,
    read_run,
    run_id_of,
)
from whyspend.wire.ingest._refusing import LARGEST_PART, MOST_PARTS, BodyError

_LONGEST_HEADERS = 8192
_BOUNDARY = re.compile(
    r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))', re.IGNORECASE
).search
_NAME = re.compile(rb'[;\s]name="?([^";\r\n]{1,512})"?', re.IGNORECASE).search
_USUAL = re.compile(
    rb'\r\nContent-Disposition: form-data; name="(post|patch)\.([0-9a-f-]{36})(?:\.([a-z]+))?"'
    rb"(?:\r\n[^\r\n]{1,200}){0,8}\r\n\r\n"
).match
"""The headers of a part as every SDK writes them, from the end of the boundary to the start of the body."""
_AFTER_BOUNDARY = (b"--", b"\r\n")
_PADDING = (b" ", b"\t")


class Part(Struct, gc=False):
    """Parts of a run that came one after the other, already reduced to what is kept of them: small, and no text.

    While the body is read, its event may still be completed.
    """

    event: Event
    """What these parts alone say."""
    whole: bool
    """The run itself is among them, not only its `extra`, outputs, error or events."""


Body = bytes | bytearray


class _Field(NamedTuple):
    put: Callable[[Event, Body, tuple[str, ...]], None]
    limit: int
    """Bytes that are kept of it."""
    refused: bool = False
    """A longer one is refused; else what is beyond the limit is read past."""


def _put_run(event: Event, body: Body, dimensions: tuple[str, ...]) -> None:
    put_run(event, read_run(body), dimensions)


_OPS: dict[bytes, Op] = {b"post": "post", b"patch": "patch"}
_FIELDS = {
    b"": _Field(_put_run, LARGEST_PART, refused=True),
    b"extra": _Field(put_extra, LARGEST_PART, refused=True),
    b"outputs": _Field(put_outputs, LARGEST_PART + 1),  # the one byte more shows that it was too large
    b"error": _Field(put_error, HEAD_OF_ERROR),
    b"events": _Field(put_events, HEAD_OF_EVENTS),
}
"""What is read. `inputs`, `serialized`, attachments, feedback and what nobody knows yet are read past."""


class Parts:
    """Reads a multipart body in chunks of any size; what costs do not need is read past and never kept.

    Holds at most LARGEST_PART and one chunk. Parts may come in any order. It is for one request and one thread.
    """

    def __init__(self, content_type: str, *, dimensions: tuple[str, ...]) -> None:
        """Begin a body.

        `dimensions`: those of the ledger; these keys of the metadata are kept, whatever they are called.

        Raises:
            BodyError: 400, the content type is not multipart/form-data, or has no boundary of 1 to 70 characters.
        """
        found = _BOUNDARY(content_type)
        if not content_type.strip().lower().startswith("multipart/form-data") or not found:
            raise BodyError(400, "The Content-Type must be multipart/form-data with a boundary.")
        self._mark = b"\r\n--" + (found[1] or found[2]).encode()
        self._dimensions = dimensions
        self._buffer = bytearray(b"\r\n")  # so that the first boundary looks like every other
        self._start = 0
        """Where in the buffer the body of the part begins."""
        self._searched = 0
        """Up to here there is no boundary."""
        self._count = 0
        self._over = False
        self._field: _Field | None = None
        """Of the part that is being read; None: before the first, or it is read past."""
        self._head: Body | None = None
        """The beginning of a part whose rest is read past."""
        self._part: Part | None = None
        """The latest, which the part that is being read belongs to, unless its field is None."""
        self._key: tuple[Op, bytes] | None = None

    def feed(self, chunk: bytes) -> list[Part]:
        """Read on; give what this chunk brought.

        Raises:
            BodyError: 400, a part has no name or no JSON; 413, a part is too large, or there are too many; 422, a
                run is no object or has no id. After that, the body cannot be read on.
        """
        found: list[Part] = []
        if self._over:
            return found
        self._buffer += chunk
        while self._read_on(found):
            pass
        done = min(self._start, self._searched)
        del self._buffer[:done]
        self._start -= done
        self._searched -= done
        return found

    def close(self) -> None:
        """Say that the body is over.

        Raises:
            BodyError: 400, its closing boundary never came.
        """
        if not self._over:
            raise BodyError(400, "The body is cut off, or its boundary is not that of the Content-Type.")

    def _read_on(self, found: list[Part]) -> bool:
        """Look for the end of a part and the headers of the next; tell whether to look on."""
        at = self._buffer.find(self._mark, self._searched)
        if at < 0:
            self._searched = max(self._searched, len(self._buffer) - len(self._mark))
            self._pass_by()
            return False
        headers = at + len(self._mark)
        usual = _USUAL(self._buffer, headers)
        if usual is None:
            return self._read_unusual(at, headers, found)
        self._finish(at)
        self._open(usual[1], usual[2], usual[3] or b"", found)
        self._start = usual.end()
        self._searched = self._start - 2  # an empty part ends where it begins
        return True

    def _read_unusual(self, at: int, headers: int, found: list[Part]) -> bool:
        """Read on at a boundary without the usual headers after it, or with only some of them as yet."""
        after = bytes(self._buffer[headers : headers + 2])
        if len(after) == 2 and after not in _AFTER_BOUNDARY and after[:1] not in _PADDING:
            self._count_one()
            self._searched = at + 1  # a longer word that begins like the boundary
            return True
        if after == b"--":
            self._finish(at)
            self._over = True
            self._start = self._searched = len(self._buffer)
            return False
        end = self._buffer.find(b"\r\n\r\n", headers)
        if (end if end >= 0 else len(self._buffer)) - headers > _LONGEST_HEADERS:
            raise BodyError(400, "The headers of a part are too long.")
        if end < 0:
            self._searched = at
            self._pass_by()
            return False
        name = _NAME(self._buffer, headers, end)
        if name is None:
            raise BodyError(400, "A part has no name in its Content-Disposition.")
        self._finish(at)
        kind, _, rest = name[1].partition(b".")
        run_id, _, field = rest.partition(b".")
        self._open(kind, run_id, field, found)
        self._start = end + 4
        self._searched = end + 2
        return True

    def _open(self, kind: bytes, run_id: bytes, field: bytes, found: list[Part]) -> None:
        """Begin the part of this name."""
        self._count_one()
        op = _OPS.get(kind)
        self._field = _FIELDS.get(field) if op else None
        if op is None or self._field is None:
            return
        if not field or self._key != (op, run_id):
            self._key = op, run_id
            self._part = Part(Event(op=op, run_id=run_id_of(run_id.decode("utf-8", "replace"))), not field)
            found.append(self._part)

    def _count_one(self) -> None:
        """Count a part, or what only looks like one: both take time."""
        self._count += 1
        if self._count > MOST_PARTS:
            raise BodyError(413, f"The body has more than {MOST_PARTS:,} parts.")

    def _pass_by(self) -> None:
        """Let go of what need not be kept of a part whose end has not come."""
        if self._field is not None and self._head is None:
            if self._searched - self._start <= self._field.limit:
                return
            self._head = self._beginning(self._field, self._searched)
        self._start = max(self._start, self._searched)

    def _beginning(self, field: _Field, end: int) -> Body:
        if field.refused and end - self._start > field.limit:
            raise BodyError(413, f"A part is longer than {LARGEST_PART >> 20} MiB.")
        return self._buffer[self._start : min(end, self._start + field.limit)]

    def _finish(self, end: int) -> None:
        """Read the part that ends here."""
        if self._field is not None and self._part is not None:
            body = self._head if self._head is not None else self._beginning(self._field, end)
            self._field.put(self._part.event, body, self._dimensions)
        self._field = self._head = None
