"""How files, and messages in them, are compressed: gzip by a file's name, zstd by how it begins (RFC 8878, 3.1.1)."""

import gzip
from importlib.util import find_spec
from io import BufferedIOBase, BufferedReader, BytesIO, RawIOBase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

ZSTD = b"\x28\xb5\x2f\xfd"
_ONCE = 1024
"""Bytes that are unpacked at a time: at most 256 blocks, so 32 MiB."""


def has_zstd() -> bool:
    """Whether zstd can be read."""
    return find_spec("zstandard") is not None


def unpacked(plain: BufferedIOBase, packing: str) -> BufferedIOBase:
    """What a file that is open holds. Reading raises EOFError where it ends early, or is broken."""
    if packing == "gzip":
        return gzip.GzipFile(fileobj=plain)
    return BufferedReader(_Zstd(plain)) if packing == "zstd" else plain


def unpacked_message(message: bytes, longest: int) -> bytes | None:
    """A message without its compression; None where that is broken, or it is longer."""
    if not message.startswith(ZSTD):
        return message
    try:
        found = unpacked(BytesIO(message), "zstd").read(longest + 1)
    except EOFError:
        return None
    return found if len(found) <= longest else None


class _Zstd(RawIOBase):
    """The content of one zstd frame after another. (The reader of the package says nothing of a frame that is cut.)"""

    def __init__(self, plain: BufferedIOBase) -> None:
        self._plain = plain
        self._frame: ZstdDecompressionObj | None = None
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: "bytearray | memoryview") -> int:  # type: ignore[override]
        while not self._ready and (chunk := self._plain.read(_ONCE)):
            self._ready = self._unpack(chunk)
        if not self._ready and self._frame is not None:
            raise EOFError
        count = min(len(room), len(self._ready))
        room[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _unpack(self, chunk: bytes) -> bytes:
        from zstandard import ZstdDecompressor, ZstdError

        pieces = []
        try:
            while chunk:
                frame = self._frame = self._frame or ZstdDecompressor().decompressobj()
                pieces.append(frame.decompress(chunk))
                chunk = b""
                if frame.eof:
                    chunk, self._frame = frame.unused_data, None
        except ZstdError:
            raise EOFError from None
        return b"".join(pieces)
