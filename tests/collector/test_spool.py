"""What the spool promised is there, whatever happened after."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from whyspend.collector import framing, spool
from whyspend.collector.spool import FullError, Spool


def lines(folder: Path) -> list[tuple[bool, list[bytes]]]:
    return [(is_state, list(found)) for is_state, found in spool.recovered(folder)]


@pytest.fixture
def heard() -> list[int]:
    return []


@pytest.fixture
def spooling(tmp_path: Path, heard: list[int]) -> Iterator[Spool[int]]:
    found = Spool[int](tmp_path / "spool", heard.extend)
    found.start()
    yield found
    found.stop()


def test_what_was_written_is_told_in_the_order_of_the_file(spooling: Spool[int], heard: list[int]) -> None:
    def write(first: int) -> None:
        for done in [spooling.append(b"%d" % number, number) for number in range(first, first + 200)]:
            done.result(10)

    threads = [threading.Thread(target=write, args=(first,)) for first in (1_000, 2_000, 3_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((is_state, found),) = lines(spooling.folder)
    assert not is_state
    assert [int(payload) for payload in found] == heard
    assert sorted(heard) == [first + number for first in (1_000, 2_000, 3_000) for number in range(200)]


def test_whoever_gives_up_waiting_keeps_nobody_else_from_being_told(
    spooling: Spool[int], heard: list[int]
) -> None:
    given_up = [spooling.append(b"%d" % number, number) for number in range(50)]
    for done in given_up:
        done.cancel()
    spooling.append(b"50", 50).result(10)
    assert spooling.crashed is None
    assert heard == list(range(51))


@pytest.mark.parametrize("cut", [1, 3, 8, 9, 12])
def test_a_torn_last_record_is_left_out_and_the_others_are_whole(
    spooling: Spool[int], tmp_path: Path, cut: int
) -> None:
    for number in range(3):
        spooling.append(b"record %d" % number, number).result(10)
    path = spooling.folder / "0000000001.log"
    torn = tmp_path / "torn.log"
    torn.write_bytes(path.read_bytes()[:-cut])
    records = framing.Records(torn)
    assert list(records) == [b"record 0", b"record 1"]
    assert records.torn == 16 - cut


def test_zeros_and_garbage_at_the_end_are_no_records(tmp_path: Path) -> None:
    whole = framing.framed(b"one") + framing.framed(b"two")
    for garbage in (b"\0" * 4096, b"\xff" * 40, framing.framed(b"three")[:-1] + b"?"):
        path = tmp_path / "file.log"
        path.write_bytes(whole + garbage)
        records = framing.Records(path)
        assert list(records) == [b"one", b"two"]
        assert records.torn == len(garbage)


def test_a_start_goes_on_in_a_new_file(tmp_path: Path) -> None:
    for number in range(3):
        found = Spool[int](tmp_path, lambda _: None)
        found.start()
        found.append(b"%d" % number, number).result(10)
        found.stop()
    assert lines(tmp_path) == [(False, [b"0"]), (False, [b"1"]), (False, [b"2"])]


def test_a_state_takes_the_place_of_the_files_before_it(spooling: Spool[int]) -> None:
    spooling.append(b"old", 1).result(10)
    spooling.turn(lambda: iter([b"all", b"of it"]))
    spooling.append(b"new", 2).result(10)
    assert lines(spooling.folder) == [(True, [b"all", b"of it"]), (False, [b"new"])]
    spooling.turn(lambda: iter([b"both"]))
    assert lines(spooling.folder) == [(True, [b"both"]), (False, [])]
    assert len(list(spooling.folder.iterdir())) == 2


def test_a_state_that_cannot_be_made_removes_nothing(spooling: Spool[int]) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    spooling.append(b"old", 1).result(10)
    with pytest.raises(OSError, match="No space"):
        spooling.turn(failing)
    spooling.append(b"new", 2).result(10)
    assert lines(spooling.folder) == [(False, [b"old"]), (False, [b"new"])]


def test_a_disk_that_cannot_be_written_is_told_and_nothing_of_it_is_read_again(tmp_path: Path) -> None:
    heard: list[int] = []
    found = Spool[int](tmp_path, heard.extend)
    found.start()
    found.append(b"one", 1).result(10)
    os.close(found._file)
    found._file = os.open(tmp_path / "0000000001.log", os.O_RDONLY)  # it refuses to be written
    with pytest.raises(OSError, match="Bad file descriptor"):
        found.append(b"two", 2).result(10)
    found.append(b"three", 3).result(10)
    found.stop()
    assert heard == [1, 3]
    assert [payload for _, payloads in lines(tmp_path) for payload in payloads] == [b"one", b"three"]


def test_more_than_may_wait_is_refused(spooling: Spool[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "WAITING_BYTES", 100)
    with spooling._turn:  # the disk stands still
        first = spooling.append(b"x" * 101, 1)  # alone it may be of any length
        while spooling._queue:
            time.sleep(0.01)
        second = spooling.append(b"x" * 50, 1)
        with pytest.raises(FullError):
            spooling.append(b"x" * 50, 1)
    assert (first.result(10), second.result(10)) == (None, None)
    spooling.append(b"x" * 50, 1).result(10)
