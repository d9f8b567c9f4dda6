"""Files of messages, each with its length before it, and files in zstd."""

import gzip
from pathlib import Path

import pytest
import zstandard
from tests.sources.test_otlp_file import WHOSE, Place, framed, line, zstd
from tests.wire.otlp_payloads import DATA, MARKER, llm, protobuf, request, span

from whyspend.sources import otlp_file
from whyspend.sources.otlp_file import packing

ONE, TWO, THREE = (request(llm(number, start_ms=number)) for number in (1, 2, 3))

SHAPES = {
    "t.binpb": framed(protobuf(ONE), protobuf(TWO)),
    "no name.json": framed(protobuf(ONE), protobuf(TWO)),
    "compression zstd, proto.jsonl": framed(zstd(protobuf(ONE)), zstd(protobuf(TWO))),
    "compression zstd, json.jsonl": framed(zstd(ONE), zstd(TWO)),
    "lines.jsonl.zst": zstd(line(llm(1)) + line(llm(2, start_ms=2))),
    "two frames.jsonl.zstd": zstd(line(llm(1))) + zstd(line(llm(2, start_ms=2))),
    "messages.binpb.zst": zstd(framed(protobuf(ONE), protobuf(TWO))),
    "messages.binpb.gz": gzip.compress(framed(protobuf(ONE), protobuf(TWO))),
    "one request.binpb": protobuf(request(llm(1), llm(2, start_ms=2))),
    "one request.pb.zst": zstd(protobuf(request(llm(1), llm(2, start_ms=2)))),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_calls_come_of_every_shape_of_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "traces"
    folder.mkdir()
    (folder / name).write_bytes(SHAPES[name])
    place = Place(tmp_path, "traces")
    done = place.pull()
    assert (done.calls, done.notes) == (2, ())
    assert place.numbers() == [1, 2]
    assert place.pull().seen == 0
    assert [finding.level for finding in otlp_file.check(path=folder)] == ["ok", "ok"]


def test_protobuf_gives_the_calls_that_json_gives_and_nothing_of_a_prompt(tmp_path: Path) -> None:
    rows = []
    for name in ("json", "protobuf"):
        (tmp_path / name).mkdir()
        bodies = [path.read_bytes() for path in sorted(DATA.glob("*.json"))]
        assert any(MARKER.encode() in body for body in bodies)
        content = framed(*bodies) if name == "json" else framed(*map(protobuf, bodies))
        (tmp_path / name / "t.json").write_bytes(content)
        place = Place(tmp_path / name, "t.json")
        place.pull()
        rows.append(place.rows())
        held = [path for path in place.workspace.ledger.root.rglob("*") if path.is_file()]
        assert not [path for path in held if MARKER.encode() in path.read_bytes()]
    assert rows[0] == rows[1] != {}


def test_a_pull_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    file = tmp_path / "t.binpb"
    place = Place(tmp_path, "t.binpb")
    file.write_bytes(framed(protobuf(ONE)))
    assert place.pull().calls == 1
    third = framed(protobuf(THREE))
    with file.open("ab") as opened:
        opened.write(framed(protobuf(TWO)) + third[:-5])
    assert place.pull().calls == 1
    assert place.pull().notes == ()
    with file.open("ab") as opened:
        opened.write(third[-5:])
    assert place.pull().calls == 1
    assert place.numbers() == [1, 2, 3]
    file.rename(tmp_path / "moved")
    (tmp_path / "t.binpb").write_bytes((tmp_path / "moved").read_bytes())
    assert place.pull().seen == 0


def test_what_comes_with_a_later_pull_corrects_what_an_earlier_one_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where only a part of the file is read again, which begins within a message."""
    file = tmp_path / "t.binpb"
    place = Place(tmp_path, "t.binpb")
    long_before, before = (request(llm(number, start_ms=-number * 100_000)) for number in (2, 1))
    again = framed(protobuf(before), protobuf(request(llm(4, 3))))
    file.write_bytes(framed(protobuf(long_before)) + again)
    place.pull()
    monkeypatch.setattr(otlp_file, "APART", len(again) + 5)
    with file.open("ab") as opened:
        opened.write(framed(protobuf(request(span(3, attributes={"feature": "rag"})))))
    place.pull()
    owners = {key[-1]: row["feature"] for key, row in place.rows().items()}
    assert owners == {"1": None, "2": None, "4": "rag"}


def test_messages_that_cannot_be_read_are_counted_and_the_others_stay(tmp_path: Path) -> None:
    bad = (b"\xff\xff", b"{no json}", packing.ZSTD + b"no zstd", zstd(b"\xff"))
    (tmp_path / "t.binpb").write_bytes(framed(protobuf(ONE), *bad, protobuf(TWO)))
    place = Place(tmp_path, "t.binpb")
    at = len(framed(protobuf(ONE)))
    assert place.pull().notes == (
        f"left out what is no request of OTLP: 4 of the lines or messages, the first in t.binpb at byte {at}. {WHOSE}",
    )
    assert place.numbers() == [1, 2]


def test_what_comes_after_a_length_that_is_none_is_left_out_and_told_once(tmp_path: Path) -> None:
    (tmp_path / "t.binpb").write_bytes(framed(protobuf(ONE)) + b"\xff\xff\xff\xff" + framed(protobuf(TWO)))
    place = Place(tmp_path, "t.binpb")
    assert [note.partition(":")[0] for note in place.pull().notes] == ["left out what is no request of OTLP"]
    assert place.numbers() == [1]
    assert place.pull().notes == ()


def test_a_message_that_is_huge_when_unpacked_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = zstd(b" " * 5_000_000)
    assert len(bomb) < 2_000
    assert packing.unpacked_message(bomb, 4_999_999) is None
    assert packing.unpacked_message(bomb, 5_000_000) == b" " * 5_000_000
    assert packing.unpacked_message(bomb[:-3], 5_000_000) is None


@pytest.mark.parametrize("shape", ["lines", "messages"])
def test_a_file_in_zstd_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, shape: str) -> None:
    several = [request(llm(number)) for number in range(1, 200)]
    whole = b"".join(body + b"\n" for body in several) if shape == "lines" else framed(*several)
    packed = zstandard.ZstdCompressor(level=1, write_content_size=False).compress(whole)
    body = zstd(line(llm(300)) if shape == "lines" else framed(request(llm(300)))) + packed
    (tmp_path / "t.jsonl.zst").write_bytes(body[:-20])
    place = Place(tmp_path, "t.jsonl.zst")
    done = place.pull()
    assert done.notes == ("read up to where they are damaged: 1 of the compressed files, first t.jsonl.zst.",)
    assert 300 in place.numbers()
    (tmp_path / "t.jsonl.zst").write_bytes(body)
    place.pull()
    assert len(place.numbers()) == 200


def test_a_file_that_was_compressed_with_zstd_is_not_read_again(tmp_path: Path) -> None:
    place = Place(tmp_path, "*.jsonl*")
    body = line(llm(1)) + line(llm(2))
    (tmp_path / "t.jsonl").write_bytes(body)
    place.pull()
    (tmp_path / "t.jsonl").unlink()
    (tmp_path / "t.jsonl.2.zst").write_bytes(zstd(body))
    assert place.pull().seen == 0
    (tmp_path / "t.jsonl.2.zst").write_bytes(zstd(body + line(llm(3))))
    assert place.pull().calls == 1
