"""Bodies as they are sent: read to their end or refused, in little time and memory."""

import gzip
import os
import time
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from whyspend.serving import RefusedError
from whyspend.serving.bodies import BODY_BYTES, PIECE, unpacked

WORDS = b"".join(b"%x " % (number * 2_654_435_761 % 2**32) for number in range(20_000))
NOISE = os.urandom(20_000)


def read(body: bytes, encoding: str) -> bytes:
    return b"".join(unpacked(body, encoding))


def status_of(body: bytes, encoding: str) -> int:
    with pytest.raises(RefusedError) as refused:
        read(body, encoding)
    return refused.value.status


def compressed(body: bytes, *, checksum: bool = False, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size).compress(body)


@given(
    st.lists(st.sampled_from([b"", b"a", WORDS, NOISE, b"\0" * 500_000]), max_size=4),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_frames_and_members_are_read_one_after_another_and_a_cut_one_is_refused(
    texts: list[bytes], checksum: bool, size: bool, data: st.DataObject
) -> None:
    ways = {
        "zstd": b"".join(compressed(text, checksum=checksum, size=size) for text in texts),
        "gzip": b"".join(gzip.compress(text, 1) for text in texts or [b""]),
    }
    for encoding, body in ways.items():
        assert read(body, encoding) == b"".join(texts)
        if texts:
            last = len(compressed(texts[-1], checksum=checksum, size=size)) if encoding == "zstd" else 18
            cut = data.draw(st.integers(1, last - 1))
            assert status_of(body[:-cut], encoding) == 400


def test_frames_that_are_to_be_skipped_are() -> None:
    skipped = b"\x5f\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert read(skipped + compressed(WORDS) + skipped, "zstd") == WORDS
    assert status_of(compressed(WORDS) + skipped[:-1], "zstd") == 400


@pytest.mark.parametrize("encoding", ["zstd", "gzip"])
@pytest.mark.parametrize("tail", [b"x", b"\0" * 30, b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"])
def test_what_follows_and_is_of_no_frame_is_refused(encoding: str, tail: bytes) -> None:
    whole = compressed(WORDS) if encoding == "zstd" else gzip.compress(WORDS)
    assert status_of(whole + tail, encoding) == 400


@pytest.mark.parametrize(
    ("encoding", "piece"),
    [
        ("zstd", compressed(b"")),
        ("zstd", compressed(b"x")),
        ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0"),
        ("zstd", b"\x28\xb5\x2f\xfd\0\x58" + b"\0\0\0" * 1_000),
        ("gzip", gzip.compress(b"")),
        ("gzip", gzip.compress(b"x")),
    ],
    ids=["empty frames", "tiny frames", "skipped frames", "empty blocks", "empty members", "tiny members"],
)
def test_a_body_of_a_million_pieces_is_refused_in_little_time(encoding: str, piece: bytes) -> None:
    body = piece * (BODY_BYTES // len(piece))
    began = time.thread_time()
    assert status_of(body, encoding) == 400
    assert time.thread_time() - began < 2  # measured: 0.2 s


def test_text_of_many_slices_is_unpacked_in_time_that_grows_with_its_length_alone() -> None:
    """An inflater copies what it was given and did not take: all of the rest, again and again, were it given whole."""
    body = gzip.compress(WORDS * 250, 1)
    began = time.thread_time()
    assert sum(map(len, unpacked(body, "gzip"))) == 250 * len(WORDS)
    assert time.thread_time() - began < 4  # measured: 0.5 s; given whole: 11 s


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("zstd", compressed(b"\0" * (300 << 20))),
        ("zstd", compressed(b"\0" * (3 << 20)) * 100),
        ("gzip", gzip.compress(b"\0" * (300 << 20))),
        ("gzip", gzip.compress(b"\0" * (3 << 20)) * 100),
    ],
    ids=["one frame", "many frames", "one member", "many members"],
)
def test_a_bomb_is_refused_at_the_limit_and_never_whole_in_memory(encoding: str, body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError, match="256 MiB") as refused:
            for piece in unpacked(body, encoding):
                assert len(piece) <= PIECE
        assert refused.value.status == 413
        assert tracemalloc.get_traced_memory()[1] < 8 * PIECE
    finally:
        tracemalloc.stop()


def test_a_window_that_would_take_much_memory_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=0)
    stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    body = stream.compress(NOISE) + stream.flush()
    assert status_of(body, "zstd") == 400


def test_a_bomb_within_a_bomb_is_unpacked_once() -> None:
    inner = compressed(b"\0" * (300 << 20))
    assert read(compressed(inner), "zstd") == inner
    assert read(gzip.compress(inner), "gzip") == inner


@given(st.binary(max_size=200), st.sampled_from([b"", compressed(WORDS)[:6], gzip.compress(b"x")[:10]]))
def test_any_bytes_are_read_or_refused(body: bytes, start: bytes) -> None:
    for encoding in ("zstd", "gzip"):
        try:
            read(start + body, encoding)
        except RefusedError as refused:
            assert refused.status == 400
