"""Where a page ended, as the text that leads to the next one.

It names the last run, not how many came before: runs that arrive meanwhile move nothing. And it keeps the span of time
of the first page, for "the last day" is another one a second later. What is in it is checked like any other input.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from whyspend.errors import UsageError

_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The years 1 to 9999."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in the order of runs."""

    started: int
    """Microseconds since the epoch."""
    source: str
    call_id: str


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What the text holds."""

    of: str
    """What was asked for."""
    since: int | None
    """Microseconds since the epoch."""
    until: int | None
    last: Place


def digest(identity: Mapping[str, Any]) -> str:
    """What tells a question from others."""
    written = msgspec.json.encode(identity, order="deterministic")
    return hashlib.blake2b(written, digest_size=8).hexdigest()


def written(cursor: Cursor) -> str:
    """The text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read(text: str, of: str) -> Cursor:
    """Read a cursor.

    Args:
        text: as it came.
        of: the digest of the question that it comes with.

    Raises:
        UsageError: it is none of ours, or of another question.
    """
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Cursor)
    except (ValueError, msgspec.DecodeError, UnicodeError):
        raise UsageError("The cursor is none of this collector's. Ask without one, from the start.") from None
    if found.of != of:
        raise UsageError("The cursor is of another question. Ask without one, from the start.")
    times = [each for each in (found.since, found.until, found.last.started) if each is not None]
    if not all(_EARLIEST <= each < _LATEST for each in times):
        raise UsageError("The cursor names no time. Ask without one, from the start.")
    return found
