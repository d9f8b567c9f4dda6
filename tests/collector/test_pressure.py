"""Where no more can be stored, senders are told to come back later; nothing is acknowledged that is not durable."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.collector.running import MULTIPART, cells, llm_run, multipart

from whyspend.collector import Figures, endpoints, publishing, spool, traces
from whyspend.collector.collecting import Collector, collecting
from whyspend.config import load
from whyspend.serving import Answers, Asking, Guard, Room, application
from whyspend.workspace import Workspace

said: list[str] = []


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    said.clear()
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    with collecting(Workspace(load(tmp_path / "whyspend.toml", {})), "collector", 3600, said.append) as found:
        yield found


def ask(collector: Collector, method: str, path: str, content: bytes = b"") -> httpx2.Response:
    async def answered() -> httpx2.Response:
        answers = Answers()
        figures = Figures(Asking(load(collector.folder.parents[1] / "whyspend.toml", {})), "collector")
        app = application(endpoints(collector, figures, answers), Guard("", is_local=True), answers)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=content, headers={"Content-Type": MULTIPART})

    return asyncio.run(answered())


def test_a_full_memory_is_answered_with_503_and_when_to_come_back(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = multipart([llm_run()])
    monkeypatch.setattr(traces, "HELD_BYTES", -1)
    answer = ask(collector, "POST", "/runs/multipart", body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert ask(collector, "GET", "/healthz").status_code == 503
    monkeypatch.undo()
    assert ask(collector, "POST", "/runs/multipart", body).status_code == 202
    assert ask(collector, "GET", "/healthz").status_code == 200


def test_a_queue_that_is_full_is_answered_with_503(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "WAITING_BYTES", 10)
    with collector.spool._turn:  # the disk stands still
        for number in range(2):  # the first is being written, the second waits
            collector.make_project(str(number), "name")
            while not number and collector.spool._queue:
                time.sleep(0.01)
        assert ask(collector, "POST", "/runs/multipart", multipart([llm_run()])).status_code == 503


def test_too_many_bodies_at_once_are_refused_and_room_is_given_back() -> None:
    room = Room(limit=100)
    room.take(60)
    with pytest.raises(Exception, match="Too many requests"):
        room.take(60)
    room.give_back(60)
    room.take(100)


def test_a_disk_that_fails_is_answered_with_503_and_the_next_file_works(
    collector: Collector, tmp_path: Path
) -> None:
    os.close(collector.spool._file)
    collector.spool._file = os.open(tmp_path / "led" / "spool" / "0000000001.log", os.O_RDONLY)
    body = multipart([llm_run()])
    answer = ask(collector, "POST", "/runs/multipart", body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert ask(collector, "GET", "/healthz").status_code == 503
    assert ask(collector, "POST", "/runs/multipart", body).status_code == 202
    assert ask(collector, "GET", "/healthz").status_code == 200


def test_while_the_ledger_cannot_be_written_runs_are_taken_and_published_when_it_can(tmp_path: Path) -> None:
    said.clear()
    led = tmp_path / "led"
    (led / "calls").mkdir(parents=True)
    (led / "manifest.json").write_text("{broken")
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    place = Workspace(load(tmp_path / "whyspend.toml", {}))
    with collecting(place, "collector", 3600, said.append) as collector:
        assert ask(collector, "POST", "/runs/multipart", multipart([llm_run()])).status_code == 202
        for _ in range(100):
            if said:
                break
            asyncio.run(asyncio.sleep(0.1))
    assert [sentence for sentence in said if "safe in the spool" in sentence] == said
    (led / "manifest.json").unlink()
    (led / "calls").rmdir()
    with collecting(place, "collector", 3600, said.append):
        pass
    assert cells(tmp_path, "true", "count(*)") == [(1,)]


def test_at_the_end_all_is_published_however_much_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "EVENTS_AT_ONCE", 3)
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    place = Workspace(load(tmp_path / "whyspend.toml", {}))
    with collecting(place, "collector", 3600, said.append) as collector:
        body = multipart([llm_run() for _ in range(10)])
        assert ask(collector, "POST", "/runs/multipart", body).status_code == 202
    assert cells(tmp_path, "true", "count(*)") == [(10,)]


def test_a_spool_that_is_no_spool_of_ours_is_told_and_left_alone(tmp_path: Path) -> None:
    from whyspend.collector.framing import framed
    from whyspend.errors import LedgerError

    folder = tmp_path / "led" / "spool"
    folder.mkdir(parents=True)
    (folder / "0000000001.log").write_bytes(framed(b"not of this kind"))
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    place = Workspace(load(tmp_path / "whyspend.toml", {}))
    with (
        pytest.raises(LedgerError, match=r"0000000001\.log cannot be read"),
        collecting(place, "collector", 3600, said.append),
    ):
        pass
    assert (folder / "0000000001.log").exists()
