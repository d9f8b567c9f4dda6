"""Records in a file that is only appended to: length, checksum, payload. What a crash tore off is seen and left out.

A record is 4 bytes of length and 4 bytes of CRC-32 of the payload, both little endian, then the payload. A length of
0 is no record: a file system may show a torn end as zeros.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("<II")

LONGEST = 256 << 20
"""A length beyond this is a torn end, and nothing is read for it."""


def framed(payload: bytes) -> bytes:
    """A payload as a record."""
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


@dataclass
class Records:
    """The payloads of a file, in order, up to its end or to where it is torn."""

    path: Path
    torn: int = 0
    """Bytes at the end that are no whole record, known when all was read: they were never acknowledged."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each payload.

        Raises:
            OSError: the file cannot be read.
        """
        size = self.path.stat().st_size
        read = 0
        with self.path.open("rb") as file:
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                if not 0 < length <= min(LONGEST, size - read):
                    break
                payload = file.read(length)
                if len(payload) != length or zlib.crc32(payload) != checksum:
                    break
                read += _HEAD.size + length
                yield payload
        self.torn = size - read
