"""Protobuf's wire format: a message as its fields, none of which is decoded before it is asked for.

https://protobuf.dev/programming-guides/encoding. Nothing is believed: a length may not lead out of its message, a
varint has ten bytes at most, and the groups of long ago are refused.
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How a field is written: the last three bits of its tag."""

_FIXED = {FIXED64: 8, FIXED32: 4}
_LONGEST_TAG = 1 << 32
_64_BITS = (1 << 64) - 1


class WireError(Exception):
    """Bytes that are no message."""


def tag(number: int, written: int) -> int:
    """What stands before a field."""
    return number << 3 | written


def fields(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (tag, begin, end) for each field of the message in `body[at:end]`; of a varint (tag, value, end).

    Raises:
        WireError: it is none.
    """
    while at < end:
        head = body[at]
        at += 1
        if head >= 0x80:
            head, at = _varint(body, at - 1, end)
        written = head & 7
        if head < 8 or head >= _LONGEST_TAG:
            raise WireError
        if written == VARINT:
            value, at = _varint(body, at, end)
            yield head, value, at
            continue
        if written == BYTES:
            size, at = (body[at], at + 1) if at < end and body[at] < 0x80 else _varint(body, at, end)
        elif (size := _FIXED.get(written, 0)) == 0:
            raise WireError
        begin, at = at, at + size
        if at > end:
            raise WireError
        yield head, begin, at


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """An integer without a sign, of 64 bits as in every reader, and where it ends."""
    value = shift = 0
    for place in range(at, min(at + 10, end)):
        byte = body[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _64_BITS, place + 1
        shift += 7
    raise WireError


def signed(value: int) -> int:
    """The number with a sign that a varint of an int64 means."""
    return value - (1 << 64) if value >> 63 else value


def written_varint(value: int) -> bytes:
    """A number from 0 to 2**64 - 1 as it is written."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def written_bytes(number: int, content: bytes) -> bytes:
    """A field of bytes, text or another message, as it is written."""
    return written_varint(tag(number, BYTES)) + written_varint(len(content)) + content
