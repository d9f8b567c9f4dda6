"""The traces that may still change: what was said about their runs, in memory, as long as it is needed.

Two threads use it. The spool's tells of what is on the disk (`hear`); the publisher's takes what changed, makes calls
of it, and puts it back at rest. A trace at rest is a few hundred bytes a run.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from whyspend.collector.records import Heard, Kept, packed, runs
from whyspend.wire.ingest import Event, Held, is_ended, merged, trace_of

REMEMBERED_SECONDS = 3_600
"""A trace that is complete is kept so long after it was last heard of: what comes later about one of its runs is
merged with the call in the ledger, but no more with the other runs of the trace."""

REMEMBERED_BYTES = 16 << 20
"""What complete traces may take at rest; the ones not heard of for longest are let go first."""

HELD_BYTES = 256 << 20
"""What all traces may take; beyond it senders are told to come back later."""

MOST_PROJECTS = 10_000
"""Projects that were made by id, and whose names are known; the oldest are let go first."""

EVENT_BYTES = 1_000
"""What an event takes in memory before it is at rest, about, beside its metadata, tags and ancestors."""

ITEM_BYTES = 100
"""What each of those takes, beside its text."""

RUN_BYTES = 400
"""What a run takes beside its packed form: its id and where it belongs."""


@dataclass
class Trace:
    """One trace."""

    at: int
    """When anything was last said about it, seconds since the epoch."""
    rest: bytes = b""
    """Its runs, packed."""
    fresh: list[Event] = field(default_factory=list)
    """Said since it was put at rest."""
    fresh_size: int = 0
    """Bytes of it in memory, about."""
    runs: int = 0
    """Runs at rest."""
    open: int = 0
    """Those of them that have not ended, and are waited for."""


@dataclass(frozen=True)
class Changed:
    """A trace that something was said about since it was last taken, or whose time is over."""

    id: str
    runs: dict[str, Held]
    closed: frozenset[str]
    """Runs that are waited for no more."""


@dataclass
class Traces:
    """All that are held."""

    close_after: int
    """Seconds for which runs that have not ended are waited for, from when their trace was last heard of."""
    size: int = 0
    """Bytes that they take in memory, about."""
    open: int = 0
    """Runs at rest that have not ended, and are waited for."""
    _projects: dict[str, str] = field(default_factory=dict)
    _traces: dict[str, Trace] = field(default_factory=dict)
    """In the order in which they were last heard of."""
    _changed: dict[str, None] = field(default_factory=dict)
    _home: dict[str, str] = field(default_factory=dict)
    """By run: its trace."""
    _moves: list[tuple[str, str, str]] = field(default_factory=list)
    """(run, from, to): runs that first were patched without a word about their trace."""
    _complete: int = 0
    """Bytes at rest of traces without open runs."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_full(self) -> bool:
        """Whether no more should be taken in for now."""
        return self.size > HELD_BYTES

    @property
    def changed(self) -> int:
        """Traces that wait to be published."""
        return len(self._changed)

    def project(self, project_id: str) -> str | None:
        """The name of a project that was made by id."""
        return self._projects.get(project_id)

    # For the spool's thread

    def hear(self, records: Iterable[Heard]) -> None:
        """Take in what is on the disk."""
        with self._lock:
            for record in records:
                self._know(record.projects)
                for event in record.events:
                    self._hear(event, record.at)

    def _hear(self, event: Event, at: int) -> None:
        known = self._home.get(event.run_id)
        of = trace_of(event) or known or event.run_id
        if known != of:
            self._home[event.run_id] = of
            if known is not None:
                self._moves.append((event.run_id, known, of))
        trace = self._traces.pop(of, None) or Trace(at)
        trace.at = max(at, trace.at)
        self._add(trace, [event])
        self._traces[of] = trace
        self._changed[of] = None

    def _add(self, trace: Trace, said: list[Event]) -> None:
        size = sum(map(_size, said))
        trace.fresh.extend(said)
        trace.fresh_size += size
        self.size += size

    def _know(self, projects: dict[str, str]) -> None:
        self._projects |= projects
        while len(self._projects) > MOST_PROJECTS:
            del self._projects[next(iter(self._projects))]

    # For the publisher's thread

    def take(self, now: int, most: int) -> tuple[list[Changed], bool]:
        """Give traces that changed or whose time is over, until they are of so many runs and events; they count as
        published. And tell whether more are left.

        In a trace that nothing was said about for `close_after`, the runs that have not ended are `closed`.
        """
        with self._lock:
            self._move()
            self._changed |= dict.fromkeys(self._overdue(now))
            taken = []
            while self._changed and most > 0:
                name = next(iter(self._changed))
                del self._changed[name]
                trace = self._traces[name]
                fresh = self._freshly(trace)
                most -= len(fresh) + trace.runs
                taken.append((name, trace, fresh))
            is_more = bool(self._changed)
        return [self._merged(name, trace, fresh, now) for name, trace, fresh in taken], is_more

    def again(self, taken: Iterable[Changed]) -> None:
        """Say that these could not be published: they are taken again."""
        with self._lock:
            self._changed |= dict.fromkeys(changed.id for changed in taken)

    def forget(self, now: int) -> None:
        """Let go of complete traces that are old, or too many."""
        with self._lock:
            gone = []
            complete = self._complete
            for name, trace in self._traces.items():
                if trace.at + REMEMBERED_SECONDS > now and complete <= REMEMBERED_BYTES:
                    break
                if not (trace.open or trace.fresh or name in self._changed):
                    gone.append(name)
                    complete -= len(trace.rest)
            for name in gone:
                self._let_go(name)

    def held(self) -> Iterator[bytes]:
        """All that must survive a restart, as records of a state."""
        with self._lock:
            self._move()
            names = list(self._traces)
            projects = dict(self._projects)
        yield packed(Kept(projects=projects))
        for name in names:
            with self._lock:
                trace = self._traces[name]
                fresh = list(trace.fresh)
                is_published = name not in self._changed
            yield packed(Kept(name, trace.at, is_published, list(_with(trace.rest, fresh).values())))

    def recall(self, record: Kept) -> None:
        """Take a record of a state in."""
        self._know(record.projects)
        if not record.trace:
            return
        self._traces[record.trace] = trace = Trace(record.at)
        self._home |= dict.fromkeys((run.run_id for run in record.runs), record.trace)
        self._put(trace, record.runs, sum(not is_ended(run) for run in record.runs))
        if not record.is_published:
            self._changed[record.trace] = None

    def _merged(self, name: str, trace: Trace, fresh: list[Event], now: int) -> Changed:
        found = _with(trace.rest, fresh)
        unended = frozenset(run_id for run_id, run in found.items() if not is_ended(run))
        is_over = trace.at + self.close_after <= now
        with self._lock:
            self._put(trace, list(found.values()), 0 if is_over else len(unended))
        return Changed(name, found, unended if is_over else frozenset())

    def _freshly(self, trace: Trace) -> list[Event]:
        """What was said about a trace since it was at rest; it is no more held there."""
        fresh, trace.fresh = trace.fresh, []
        self.size -= trace.fresh_size
        trace.fresh_size = 0
        return fresh

    def _put(self, trace: Trace, found: list[Held], unended: int) -> None:
        """Put runs at rest, instead of those that were."""
        self._count(trace, -1)
        trace.rest, trace.runs, trace.open = packed(found), len(found), unended
        self._count(trace, 1)

    def _count(self, trace: Trace, sign: int) -> None:
        self.size += sign * (len(trace.rest) + RUN_BYTES * trace.runs)
        self.open += sign * trace.open
        if not trace.open:
            self._complete += sign * len(trace.rest)

    def _overdue(self, now: int) -> list[str]:
        """Traces whose open runs are waited for no more."""
        found = []
        for name, trace in self._traces.items():
            if trace.at + self.close_after > now:
                break
            if trace.open:
                found.append(name)
        return found

    def _move(self) -> None:
        """Bring runs that were patched before it was known where they belong to their traces."""
        moves, self._moves = self._moves, []
        for run_id, old, new in moves:
            if (left := self._traces.get(old)) is None or new not in self._traces:
                continue
            at_rest = runs(left.rest) if left.rest else []
            stays = [run for run in at_rest if run.run_id != run_id]
            before = [event for run in at_rest if run.run_id == run_id for event in run.versions]
            fresh = self._freshly(left)
            self._add(left, [event for event in fresh if event.run_id != run_id])
            self._add(self._traces[new], before + [event for event in fresh if event.run_id == run_id])
            self._put(left, stays, sum(not is_ended(run) for run in stays))
            self._changed[new] = None
            if not stays and not left.fresh:
                self._let_go(old)

    def _let_go(self, name: str) -> None:
        trace = self._traces.pop(name)
        self._count(trace, -1)
        self._changed.pop(name, None)
        for run in runs(trace.rest) if trace.rest else ():
            if self._home.get(run.run_id) == name:
                del self._home[run.run_id]


def _size(event: Event) -> int:
    items = len(event.metadata) + len(event.tags) + len(event.parent_ids)
    texts = sum(len(value) for value in event.metadata.values() if type(value) is str)
    return EVENT_BYTES + ITEM_BYTES * items + texts


def _with(rest: bytes, fresh: Iterable[Event]) -> dict[str, Held]:
    """Runs by id, with what was said about them since."""
    found = {run.run_id: run for run in runs(rest)} if rest else {}
    for event in fresh:
        found[event.run_id] = merged(found.get(event.run_id), event)
    return found
