"""The spool: what was accepted is on the disk before it is acknowledged, with one fsync for all that wait.

LEDGER/spool/0000000012.log holds records (see framing); files are only appended to, and read again at a start.
LEDGER/spool/0000000012.state holds, as records, all that the files up to that number are still needed for: when it
is whole, they are removed. A start reads the newest state and the files after it, then begins a new file.
"""

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from whyspend.collector.framing import Records, framed
from whyspend.ledger import disk

WAITING_BYTES = 32 << 20
"""Records that may wait for the disk, if there is more than one; beyond it senders are told to come back later."""

_NAME = re.compile(r"(\d{10})\.(log|state)")

Kept = TypeVar("Kept")


class FullError(Exception):
    """So much waits for the disk already that nothing more is taken in."""


@dataclass(frozen=True)
class _Waiting(Generic[Kept]):
    record: bytes
    kept: Kept
    done: "Future[None]"


@dataclass
class Spool(Generic[Kept]):
    """Appends records durably, from any thread.

    `kept` goes with a record: when that is on the disk, `on_durable` is called with it, in the order of the file and
    before anyone is told.
    """

    folder: Path
    on_durable: Callable[[Sequence[Kept]], None]
    number: int = 0
    """Of the file that is written."""
    written: int = 0
    """Bytes in files since the last state."""
    failed: OSError | None = None
    """Why the last attempt to write failed; None: it did not."""
    crashed: BaseException | None = None
    """What ended the thread, where it should not have ended."""
    _queue: list[_Waiting[Kept]] = field(default_factory=list)
    _queued: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)
    _stopping: bool = False
    _file: int = -1
    _length: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)
    """Held while a file is written, and while the next one is begun."""
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin a new file and write what comes.

        Raises:
            OSError: the folder cannot be written.
        """
        disk.make_folder(self.folder)
        self.number = max((number for number, _, _ in _files(self.folder)), default=0)
        self.written = sum(path.stat().st_size for _, kind, path in _files(self.folder) if kind == "log")
        self._begin()
        self._thread = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what still waits, and end."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread:
            self._thread.join()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def is_running(self) -> bool:
        """Whether records are still written."""
        return self._thread is not None and self._thread.is_alive()

    def append(self, payload: bytes, kept: Kept) -> "Future[None]":
        """Take a record; the future is done when it is on the disk, or has the OSError that kept it from there.

        Raises:
            FullError: too much waits already.
        """
        record = framed(payload)
        waiting = _Waiting(record, kept, Future())
        waiting.done.set_running_or_notify_cancel()  # who waits may give up; what is written is told all the same
        with self._news:
            if self._stopping or (self._queue and self._queued + len(record) > WAITING_BYTES):
                raise FullError
            self._queue.append(waiting)
            self._queued += len(record)
            self._news.notify()
        return waiting.done

    def turn(self, held: Callable[[], Iterator[bytes]]) -> None:
        """Begin a new file, write what is held in its place, and remove the files that are no longer needed.

        Args:
            held: payloads that say all that the files up to now are still needed for; called once the file is
                turned, so it may know more than they say, but never less.

        Raises:
            OSError: the folder cannot be written; nothing is removed.
        """
        with self._turn:
            old = self.number
            before, self.written = self.written, 0
            self._begin()
        try:
            put_state(self.folder / f"{old:010}.state", held())
        except OSError:
            self.written += before
            raise
        for number, kind, path in _files(self.folder):
            if number < old or (number == old and kind == "log"):
                path.unlink(missing_ok=True)

    def _begin(self) -> None:
        path = self.folder / f"{self.number + 1:010}.log"
        file = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666
        )
        disk.sync_folder(self.folder)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._length, self.number = file, 0, self.number + 1

    def _write_all(self) -> None:
        try:
            while batch := self._next():
                self._write(batch)
        except BaseException as error:  # the front end ends, and says so
            self.crashed = error

    def _next(self) -> list[_Waiting[Kept]]:
        """All that waits; nothing: it is time to end."""
        with self._news:
            while not self._queue and not self._stopping:
                self._news.wait()
            batch, self._queue, self._queued = self._queue, [], 0
            return batch

    def _write(self, batch: Sequence[_Waiting[Kept]]) -> None:
        body = b"".join(waiting.record for waiting in batch)
        with self._turn:
            try:
                self._put(body)
            except OSError as error:
                self.failed = error
                for waiting in batch:
                    waiting.done.set_exception(error)
                return
            self.failed = None
            self.on_durable([waiting.kept for waiting in batch])
        for waiting in batch:
            waiting.done.set_result(None)

    def _put(self, body: bytes) -> None:
        """Write and sync. After a failure the file is cut back to what was acknowledged, and a new one begins."""
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            # What an fsync that failed left on the disk, nobody can say: that file is done with.
            with suppress(OSError):
                os.ftruncate(self._file, self._length)
            self._begin()
            raise
        self._length += len(body)
        self.written += len(body)


def put_state(path: Path, payloads: Iterable[bytes]) -> None:
    """Write records as a file that is whole or not there."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        for payload in payloads:
            file.write(framed(payload))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    disk.sync_folder(path.parent)


def recovered(folder: Path) -> Iterator[tuple[bool, Records]]:
    """What a start must read, in order: the newest state (True), then each file after it (False)."""
    files = sorted(_files(folder))
    states = [(number, path) for number, kind, path in files if kind == "state"]
    last = states[-1][0] if states else 0
    if states:
        yield True, Records(states[-1][1])
    for number, kind, path in files:
        if kind == "log" and number > last:
            yield False, Records(path)


def size(folder: Path) -> int:
    """Bytes that the spool takes on the disk."""
    return sum(path.stat().st_size for _, _, path in _files(folder))


def _files(folder: Path) -> list[tuple[int, str, Path]]:
    if not folder.is_dir():
        return []
    found = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return [(int(match[1]), match[2], path) for match, path in found if match]
