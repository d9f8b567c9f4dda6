"""Where the frames of a zstd body end (RFC 8878, 3.1): its decompressor says nothing where the last one is cut off."""

import zstandard

_SKIPPED = range(0x184D2A50, 0x184D2A60)
_HEAD, _CHECKSUM = 8, 4

MOST_BLOCKS = 100_000
"""Blocks and frames of a body; 32 MiB that an encoder wrote have some hundred, and each costs time."""


def is_whole(body: bytes) -> bool:
    """Whether a body is frames and nothing else, the last one whole. False also where it is of too many pieces.

    Raises:
        zstandard.ZstdError: the head of a frame is none.
    """
    at, left = 0, MOST_BLOCKS
    while at < len(body) and left > 0:
        if int.from_bytes(body[at : at + 4], "little") in _SKIPPED:
            at += _HEAD + int.from_bytes(body[at + 4 : at + _HEAD], "little")
            left -= 1
        else:
            at, left = _past_frame(body, at, left)
    return at == len(body)


def _past_frame(body: bytes, at: int, left: int) -> tuple[int, int]:
    """Where a frame ends, and how many more pieces are looked at."""
    head = body[at : at + 18]  # the longest there can be
    at += zstandard.frame_header_size(head)
    is_last = False
    while not is_last and left > 0 and at < len(body):
        block = int.from_bytes(body[at : at + 3], "little")
        is_last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else size)  # 1: one byte that is repeated
        left -= 1
    if not is_last:
        return len(body) + 1, 0
    return at + (_CHECKSUM if zstandard.get_frame_parameters(head).has_checksum else 0), left - 1
