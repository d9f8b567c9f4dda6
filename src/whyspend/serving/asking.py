"""Questions from the server: a few at once, each in a thread and on an engine of its own, so taking in never waits.

asking = Asking(config)
table = await asking.ask(lambda place: place.ask("report", place.window("7d")))
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from whyspend import registry
from whyspend.config import Config
from whyspend.model import Engine
from whyspend.serving.refusing import RefusedError
from whyspend.workspace import Workspace

WORKERS = 4
"""Questions that are worked on at once, so that short ones pass a long one."""

WAITING = 64
"""Questions that may wait beside them; more are told to come again."""

REACHING, REACHING_WAITING = 2, 2
"""The same of questions that also ask sources: a source may take minutes to answer or to fail, and cannot be stopped.
They have threads of their own, so nobody's question to the ledger waits for one."""

SECONDS = 30.0
"""How long an answer may take, the waiting included."""

MEMORY = "200MB"
"""What the engine of one question may hold; larger work spills to a temporary folder."""

CELLS = 1_000_000
"""What a statement may return to it, beyond that memory: some 100 bytes each (measured), and as much again for what is
made of them, so that four such questions at once stay below 1 GB together. A report by `trace_id` has a dozen for each
trace."""

AGAIN_SECONDS = 0.1

Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Asked:
    """A question at work: which engine to stop for it."""

    future: "Future[Any]" = field(default_factory=Future)
    _engine: Engine | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def uses(self, engine: Engine | None) -> None:
        """Say which engine works on it; None: none any more."""
        with self._lock:
            self._engine = engine

    def stop(self) -> None:
        """Stop what its engine does now; never what the engine does for the next question."""
        with self._lock:
            if self._engine:
                self._engine.interrupt()


class _Line:
    """Threads that work on questions of one kind, and how many may wait for them."""

    def __init__(self, workers: int, waiting: int, name: str, full: str) -> None:
        self.threads = ThreadPoolExecutor(workers, name)
        self.places = threading.BoundedSemaphore(workers + waiting)
        self.full = full
        """What is said where no more may wait."""


class Asking:
    """Answers questions for the endpoints of one port."""

    def __init__(
        self, config: Config, *, workers: int = WORKERS, waiting: int = WAITING, memory: str = MEMORY
    ) -> None:
        """Get ready; threads and engines are made when they are needed.

        Args:
            config: says which ledger, prices and rules. It may be replaced: the next question uses the new one.
            workers: questions that are worked on at once.
            waiting: questions that may wait beside them.
            memory: what the engine of each may hold.
        """
        self.config = config
        self._memory = memory
        self._line = _Line(workers, waiting, "asking", "Too many questions at once. Ask again in a second.")
        self._reaching = _Line(
            REACHING,
            REACHING_WAITING,
            "reaching",
            "Sources are being asked already, and some are slow. Ask again in a minute.",
        )
        self._idle: list[Engine] = []
        self._running: set[_Asked] = set()

    async def ask(
        self, question: Callable[[Workspace], Answer], *, seconds: float = SECONDS, reaches: bool = False
    ) -> Answer:
        """Have a question answered; to be asked from the port's event loop.

        Args:
            question: called in a thread, with a workspace of its own (the configuration as it is now, the present
                moment, an engine that nobody else uses meanwhile). What it returns must not need the engine any more.
            seconds: how long it may take.
            reaches: it asks sources, too, and is waited for by no question to the ledger alone.

        Raises:
            RefusedError: 503, too many questions wait; 504, it takes too long, and is stopped.
            WhyspendError: whatever the question raises; an endpoint that lets it pass answers 400 or 500 with it.
        """
        asked = self._begun(question, self._reaching if reaches else self._line)
        try:
            async with asyncio.timeout(seconds):
                answer: Answer = await asyncio.wrap_future(asked.future)
                return answer
        except TimeoutError:
            less = (
                "A source is slow: see whyspend doctor."
                if reaches
                else "Ask for fewer days, or for less of them."
            )
            raise RefusedError(504, f"The answer takes longer than {seconds:g} s. {less}") from None
        finally:
            _stop(asked)

    def state(self) -> tuple[Hashable, ...]:
        """All that answers rest on, but for the time: it changes when any of it does. No file is read for it."""
        root = Path(self.config.ledger)
        files = (self.config.path, root / "manifest.json", root / "prices" / "prices.json")
        return (*map(signature, files), root)

    def begin(self, question: Callable[[Workspace], Answer]) -> "Future[Answer]":
        """Have a question answered for whoever asks from another thread, however long it takes.

        Raises:
            RefusedError: 503, too many questions wait.
        """
        return self._begun(question, self._line).future

    def close(self) -> None:
        """Stop what is asked, and give back the engines."""
        for line in (self._line, self._reaching):
            line.threads.shutdown(wait=False, cancel_futures=True)
        while running := tuple(self._running):  # again: before and between statements nothing can be stopped
            for asked in running:
                asked.stop()
            time.sleep(AGAIN_SECONDS)
        for line in (self._line, self._reaching):
            line.threads.shutdown()
        for engine in self._idle:
            engine.close()

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, asked: _Asked, question: Callable[[Workspace], Answer]) -> Answer:
        place = Workspace(self.config)
        place.engine = engine = self._engine()
        asked.uses(engine)
        is_whole = False
        try:
            answer = question(place)
            is_whole = True
            return answer
        finally:
            asked.uses(None)
            if is_whole:
                self._idle.append(engine)
            else:
                engine.close()  # what a question that ended early has kept there is in nobody's way

    def _begun(self, question: Callable[[Workspace], Any], line: _Line) -> _Asked:
        if not line.places.acquire(blocking=False):
            raise RefusedError(503, line.full)
        asked = _Asked()
        self._running.add(asked)
        asked.future = line.threads.submit(self._answer, asked, question)
        asked.future.add_done_callback(lambda _: self._over(asked, line))
        return asked

    def _over(self, asked: _Asked, line: _Line) -> None:
        self._running.discard(asked)
        line.places.release()

    def _engine(self) -> Engine:
        try:
            return self._idle.pop()  # the one that was used last, so that few are made where few are needed
        except IndexError:
            duckdb = registry.load("engines", "duckdb")
            made: Engine = duckdb.connect(memory_limit=self._memory, most_cells=CELLS)
            return made


Signature = tuple[int, int, int]


def signature(path: Path | None) -> Signature:
    """A file at one moment, by inode, size and time of change: each is replaced by another whenever it changes.

    Zeros where there is none.
    """
    if path is None:
        return 0, 0, 0
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _stop(asked: _Asked) -> None:
    """Stop a question that nobody waits for, again until it ended: between two statements nothing can be stopped."""
    if not asked.future.done():
        asked.stop()
        asyncio.get_running_loop().call_later(AGAIN_SECONDS, _stop, asked)
