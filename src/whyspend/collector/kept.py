"""A question that is asked again and again: as often as its answer may be old, as what it costs allows, and not at all
while nothing changed that it rests on."""

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from whyspend.config import Config
from whyspend.serving import Asking, RefusedError
from whyspend.workspace import Workspace

PAUSE = 50
"""After an answer that took s seconds the next one is asked for so many times s later, at the soonest: however much the
ledger holds, that is one fiftieth of the machine's time at the most. Not so after the first: it loads the code, too."""

Found = TypeVar("Found")


@dataclass
class Kept(Generic[Found]):
    """The last answer to a question. Whoever uses it holds a lock."""

    question: Callable[[Workspace], Found]
    seconds: float
    """How old the answer may be, where that is not too often."""
    moment: Callable[[], Hashable]
    """What the answer rests on of the present, beside what the asking rests on (Asking.state)."""
    heard: Callable[[Found, float], None]
    """Given each answer, and when it was asked for; the last one again where nothing changed."""
    failed: bool = False
    """The last answer is that the ledger cannot be read."""
    asks: int = 0
    """How often it was asked."""
    _not_before: float = float("-inf")
    _asked_at: float = 0.0
    _rests_on: Hashable = None
    _config: Config | None = None
    """With which it was asked; its file may be read again later than it changes."""
    _last: Found | None = None
    _took: float = 0.0
    _future: "Future[Found] | None" = None

    def fresh(self, asking: Asking) -> bool:
        """Ask where it is time; tells whether an answer is awaited."""
        self._hear()
        now = time.monotonic()
        if self._future is not None or now < self._not_before:
            return self._future is not None
        rests_on = asking.state(), self.moment()
        self._not_before = now + self.seconds
        if self._last is not None and rests_on == self._rests_on and self._config is asking.config:
            self.heard(self._last, now)
            return False
        try:
            self._future = asking.begin(self._timed)
        except RefusedError:  # too many questions: those of people come first
            return False
        self._asked_at, self._rests_on, self._config = now, rests_on, asking.config
        self.asks += 1
        return True

    def _timed(self, place: Workspace) -> Found:
        began = time.monotonic()
        try:
            return self.question(place)
        finally:
            self._took = time.monotonic() - began

    def _hear(self) -> None:
        if self._future is None or not self._future.done():
            return
        future, self._future = self._future, None
        if self.asks > 1:
            self._not_before = max(self._not_before, time.monotonic() + PAUSE * self._took)
        # Whatever went wrong, also a fault of the engine: /metrics says so, and taking in goes on.
        self.failed = future.cancelled() or future.exception() is not None
        self._last = None if self.failed else future.result()
        if self._last is not None:
            self.heard(self._last, self._asked_at)
