"""Traces that changed become calls in the ledger, about every second, by the same way as those of a pull."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

from whyspend.collector.records import Heard
from whyspend.collector.settling import settled
from whyspend.collector.spool import Spool
from whyspend.collector.traces import Changed, Traces
from whyspend.collector.twins import Twins
from whyspend.errors import WhyspendError
from whyspend.ledger import Writer

EVERY_SECONDS = 1.0
"""From the start of a publication to that of the next; so the ledger has all news within two seconds."""

REST = 1
"""After a publication that took s seconds of the processor, the next one waits at least so many times s: one that
must write much of the ledger again, for what came late, leaves room for those who send."""

SEGMENT = 20_000
"""Calls in a file of a day, about: a publication writes some of these again, in 0.2 s of a processor (measured)."""

MEMORY = "100MB"
"""For the engine that publishes: some files of that size, and the hashes of the ids of some million calls."""

EVENTS_AT_ONCE = 20_000
"""Events and spans, and those of their traces, that one publication is made of, about."""

TURN_BYTES = 64 << 20
"""How long the spool's files may grow before a state takes their place."""

MERGED_CALLS = 100_000
"""Files of a day that is over are merged as long as that makes one of no more calls: in a step of half a second, so
that what arrives meanwhile is in the ledger in time all the same."""

MERGE_SECONDS = 10.0
"""At least so long between two such steps."""

LOOK_SECONDS = 600.0
"""So long where none was left to do."""

SETTLED_SECONDS = 3_600
"""How long a day is over before its files are merged: what comes late for one of its calls then writes more again."""

STOP_SECONDS = 3.0
"""How long files may be merged at the end."""

AGAIN_SECONDS = 60.0
"""A ledger that cannot be written is tried again as usual, and spoken of once in so many seconds."""


@dataclass
class Counts:
    """What was published since the start."""

    calls: int = 0
    """Handed to the ledger; a call that changed counts again."""
    publications: int = 0
    slowest: float = 0.0
    """Seconds of the processor that a publication took."""


@dataclass
class Publisher:
    """Publishes until it is stopped."""

    traces: Traces
    spool: Spool[Heard]
    writer: Callable[[], Writer]
    """Opens the ledger; called by the thread that publishes."""
    published: Callable[[], None]
    """Called after calls were published."""
    say: Callable[[str], None]
    source: str
    dimensions: tuple[str, ...]
    counts: Counts = field(default_factory=Counts)
    twins: Twins = field(default_factory=Twins)
    crashed: BaseException | None = None
    """What ended the thread, where it should not have ended."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _said: float = float("-inf")
    _merge_at: float = 0.0
    """When to look for files to merge, on the monotonic clock."""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Publish what is known, and end."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether it still publishes."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            pause = EVERY_SECONDS
            while not self._stopping.wait(pause):
                pause = self._publish_some()
            while self._publish_some() == 0:
                pass
            self._merge_all()
            self._turn()
        except BaseException as error:  # the front end ends, and says so
            self.crashed = error

    def _publish_some(self) -> float:
        """Publish what changed; returns how many seconds to wait with the next, 0 where more waits already."""
        began, used = time.monotonic(), time.thread_time()
        now = int(time.time())
        taken, is_more = self.traces.take(now, EVENTS_AT_ONCE)
        if taken and not self._publish(taken):
            self.traces.again(taken)
            return EVERY_SECONDS
        self.traces.forget(now)
        if self.spool.written > TURN_BYTES:
            self._turn()
        took = time.thread_time() - used
        self.counts.slowest = max(took, self.counts.slowest)
        if is_more:
            return 0
        if time.monotonic() >= self._merge_at:
            self._merge_at = time.monotonic() + (MERGE_SECONDS if self._merge(now) else LOOK_SECONDS)
        return max(EVERY_SECONDS - (time.monotonic() - began), REST * took)

    def _publish(self, taken: list[Changed]) -> bool:
        """Publish the calls of some traces whole; tells whether that went through."""
        batch = self.twins.apart(settled(changed, self.source, self.dimensions) for changed in taken)
        if self.twins.began():
            self.traces.all_again()
        if not batch.calls and not batch.dropped:
            return True
        try:
            self._writer.add(batch)
            self._writer.commit()
            self.published()
        except WhyspendError as error:
            self._writer.clear()  # what was added to it is added again
            self._complain(
                f"{error} What was received is safe in the spool, and is published when that is mended."
            )
            return False
        self.counts.publications += 1
        self.counts.calls += len(batch.calls)
        return True

    @cached_property
    def _writer(self) -> Writer:
        return self.writer()

    def _merge(self, now: int) -> bool:
        """Merge some files of a day that is over; tells whether there were any."""
        until = datetime.fromtimestamp(now - SETTLED_SECONDS, UTC).date()
        return self._merge_before(until)

    def _merge_all(self) -> None:
        """Merge files of all days, for a while."""
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until and self._merge_before(date.max):
            pass

    def _merge_before(self, day: date) -> bool:
        try:
            return self._writer.merge(day, MERGED_CALLS)
        except WhyspendError as error:
            self._complain(f"{error} Files of the ledger stay apart until then.")
            return False

    def _turn(self) -> None:
        """Let a state take the place of the spool's files."""
        try:
            self.spool.turn(self.traces.held)
        except OSError as error:
            self._complain(f"The spool cannot be made smaller: {error.strerror}. Check its disk.")

    def _complain(self, sentence: str) -> None:
        if time.monotonic() - self._said >= AGAIN_SECONDS:
            self._said = time.monotonic()
            self.say(sentence)
