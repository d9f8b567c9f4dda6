"""What was received reaches the ledger in segments of its day, and these become one file when nobody waits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.collector.running import cells

from whyspend.collector import publishing
from whyspend.collector.collecting import Collector, collecting
from whyspend.config import load
from whyspend.ledger import File, Ledger
from whyspend.wire.ingest import Event
from whyspend.workspace import Workspace

TODAY = int(datetime.now(UTC).replace(hour=12).timestamp()) * 1_000_000
LONG_AGO = 1_760_000_000_000_000


@contextmanager
def running(folder: Path) -> Iterator[Collector]:
    """A collector on the ledger `folder/led`."""
    (folder / "whyspend.toml").write_text('ledger = "led"\n')
    said: list[str] = []
    with collecting(Workspace(load(folder / "whyspend.toml", {})), "collector", 3600, said.append) as found:
        yield found
    assert said == []


def runs(first: int, last: int, latency: int = 1, start: int = TODAY) -> list[Event]:
    return [
        Event(
            op="patch",
            run_id=f"run-{number}",
            trace_id=f"run-{number}",
            run_type="llm",
            started_at=start + number,
            ended_at=start + number + latency * 1_000_000,
        )
        for number in range(first, last)
    ]


def files(folder: Path) -> tuple[File, ...]:
    return Ledger(folder / "led").snapshot().manifest.files


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def published(folder: Path, calls: int) -> None:
    until(lambda: sum(file.rows for file in files(folder)) == calls)


def test_a_day_is_kept_in_segments_while_it_grows_and_in_one_file_after_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "SEGMENT", 5)
    with running(tmp_path) as collector:
        collector.accept(runs(0, 8)).result(5)
        published(tmp_path, 8)
        full, small = files(tmp_path)
        collector.accept(runs(8, 11)).result(5)
        published(tmp_path, 11)
        assert full in files(tmp_path)
        assert small not in files(tmp_path)
        collector.accept(runs(2, 3, latency=7)).result(5)
        until(lambda: full not in files(tmp_path))
    assert [file.rows for file in files(tmp_path)] == [11]
    assert cells(tmp_path, "latency_ms = 7000", "call_id") == [("run-2",)]


def test_the_files_of_a_day_that_is_over_are_merged_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "SEGMENT", 5)
    monkeypatch.setattr(publishing, "MERGED_CALLS", 12)
    monkeypatch.setattr(publishing, "MERGE_SECONDS", 0.0)
    with running(tmp_path) as collector:
        collector.accept(runs(0, 23, start=LONG_AGO)).result(5)
        until(lambda: sorted(file.rows for file in files(tmp_path)) == [5, 8, 10])


def test_what_the_ledger_could_not_take_is_published_once_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "SEGMENT", 5)
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    said: list[str] = []
    place = Workspace(load(tmp_path / "whyspend.toml", {}))
    with collecting(place, "collector", 3600, said.append) as collector:
        collector.accept(runs(0, 8)).result(5)
        published(tmp_path, 8)
        lost = tmp_path / "led" / files(tmp_path)[0].path
        lost.rename(lost.with_suffix(".away"))
        collector.accept(runs(8, 10)).result(5)
        until(lambda: bool(said))
        collector.accept(runs(10, 12)).result(5)
        lost.with_suffix(".away").rename(lost)
        published(tmp_path, 12)
    assert "safe in the spool" in said[0]
    assert len(cells(tmp_path, "true", "DISTINCT call_id")) == 12
