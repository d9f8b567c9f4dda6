"""The traces that may still change: what was said about their runs and spans, in memory, as long as it is needed.

Two threads use it. The spool's tells of what is on the disk (`hear`); the publisher's takes what changed, makes calls
of it, and puts it back at rest. A trace at rest is a few hundred bytes a run or span.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from whyspend.collector.records import Heard, Kept, Known, Said, packed
from whyspend.wire.ingest import Event, trace_of

REMEMBERED_SECONDS = 3_600
"""A trace that is complete is kept so long after it was last heard of: what comes later about one of its runs is
merged with the call in the ledger, but no more with the other runs of the trace."""

REMEMBERED_BYTES = 16 << 20
"""What complete traces may take at rest; the ones not heard of for longest are let go first."""

AWAITED_BYTES = 64 << 20
"""What those of them may take of which a span is still to come: an outer one, that ends after those within it, and
may never be sent here."""

HELD_BYTES = 256 << 20
"""What all traces may take; beyond it senders are told to come back later."""

FRESH_BYTES = 128 << 20
"""What of that may wait to be published, so that publishing does not fall behind for long."""

MOST_PROJECTS = 10_000
"""Projects that were made by id, and whose names are known; the oldest are let go first."""

EVENT_BYTES = 1_000
"""What an event takes in memory before it is at rest, about, beside its metadata, tags and ancestors."""

CALL_BYTES, SPAN_BYTES = 2_500, 1_000
"""What a span that is a call takes, and another one; about, and beside its metadata."""

ITEM_BYTES = 100
"""What each of those takes, beside its text."""

UUID_LENGTH = 36

RUN_BYTES = 700
"""What a run takes beside its packed form: its id and where it belongs."""


@dataclass(slots=True)
class Trace:
    """One trace."""

    at: int
    """When anything was last said about it, seconds since the epoch."""
    rest: bytes = b""
    """Its runs and spans, packed."""
    fresh: list[Said] = field(default_factory=list)
    """Said since it was put at rest."""
    fresh_size: int = 0
    """Bytes of it in memory, about."""
    items: int = 0
    """Runs and spans at rest."""
    open: int = 0
    """Runs among them that have not ended, and are waited for."""
    waits: bool = False
    """A span around those at rest is still to come."""


@dataclass(frozen=True)
class Changed:
    """A trace that something was said about since it was last taken, or whose time is over."""

    id: str
    known: Known
    closed: frozenset[str]
    """Runs that are waited for no more."""


@dataclass
class Traces:
    """All that are held."""

    close_after: int
    """Seconds for which runs that have not ended are waited for, from when their trace was last heard of."""
    dimensions: tuple[str, ...] = ()
    """Those of the spans that are heard of."""
    size: int = 0
    """Bytes that they take in memory, about."""
    fresh: int = 0
    """Those of them that are not at rest."""
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
    """Bytes at rest of traces without open runs, that wait for no span."""
    _awaited: int = 0
    """Bytes at rest of those without open runs that wait for a span."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_full(self) -> bool:
        """Whether no more should be taken in for now."""
        return self.size > HELD_BYTES or self.fresh > FRESH_BYTES

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
                for span in record.spans:
                    self._put_in(span.trace_id, span, record.at)

    def _hear(self, event: Event, at: int) -> None:
        known = self._home.get(event.run_id)
        of = plain(trace_of(event) or "") or known or plain(event.run_id)
        if known != of:
            self._home[event.run_id] = of
            if known is not None:
                self._moves.append((event.run_id, known, of))
        self._put_in(of, event, at)

    def _put_in(self, name: str, said: Said, at: int) -> None:
        trace = self._traces.pop(name, None) or Trace(at)
        trace.at = max(at, trace.at)
        self._add(trace, [said])
        self._traces[name] = trace
        self._changed[name] = None

    def _add(self, trace: Trace, said: list[Said]) -> None:
        size = sum(map(size_of, said))
        trace.fresh.extend(said)
        trace.fresh_size += size
        self.size += size
        self.fresh += size

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
                most -= len(fresh) + trace.items
                taken.append((name, trace, fresh))
            is_more = bool(self._changed)
        return [self._merged(name, trace, fresh, now) for name, trace, fresh in taken], is_more

    def again(self, taken: Iterable[Changed]) -> None:
        """Say that these could not be published: they are taken again."""
        with self._lock:
            self._changed |= dict.fromkeys(changed.id for changed in taken)

    def all_again(self) -> None:
        """Say that all that is held must be looked at again."""
        with self._lock:
            self._changed |= dict.fromkeys(self._traces)

    def forget(self, now: int) -> None:
        """Let go of complete traces that are old, or too many."""
        with self._lock:
            gone = []
            complete, awaited = self._complete, self._awaited
            for name, trace in self._traces.items():
                is_young = trace.at + REMEMBERED_SECONDS > now
                if is_young and complete <= REMEMBERED_BYTES and awaited <= AWAITED_BYTES:
                    break
                is_kept = awaited <= AWAITED_BYTES if trace.waits else complete <= REMEMBERED_BYTES
                if trace.open or trace.fresh or name in self._changed or (is_young and is_kept):
                    continue
                gone.append(name)
                if trace.waits:
                    awaited -= len(trace.rest)
                else:
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
            known = Known.at_rest(trace.rest)
            known.add(fresh)
            yield packed(
                Kept(
                    name,
                    trace.at,
                    is_published,
                    list(known.runs.values()),
                    spans=list(known.spans.values()),
                    dimensions=self.dimensions,
                )
            )

    def recall(self, record: Kept) -> None:
        """Take a record of a state in."""
        self._know(record.projects)
        if not record.trace:
            return
        name = plain(record.trace)
        self._traces[name] = trace = Trace(record.at)
        self._home |= dict.fromkeys((run.run_id for run in record.runs), name)
        known = Known.of(record.runs, record.spans)
        self._put(trace, known, len(known.unended()))
        if not record.is_published:
            self._changed[name] = None

    def _merged(self, name: str, trace: Trace, fresh: list[Said], now: int) -> Changed:
        known = Known.at_rest(trace.rest)
        known.add(fresh)
        unended = known.unended()
        is_over = trace.at + self.close_after <= now
        with self._lock:
            self._put(trace, known, 0 if is_over else len(unended))
        return Changed(name, known, unended if is_over else frozenset())

    def _freshly(self, trace: Trace) -> list[Said]:
        """What was said about a trace since it was at rest; it is no more held there."""
        fresh, trace.fresh = trace.fresh, []
        self.size -= trace.fresh_size
        self.fresh -= trace.fresh_size
        trace.fresh_size = 0
        return fresh

    def _put(self, trace: Trace, known: Known, unended: int) -> None:
        """Put what is known at rest, instead of what was."""
        self._count(trace, -1)
        trace.rest, trace.items = known.packed(), len(known)
        trace.open, trace.waits = unended, known.waits()
        self._count(trace, 1)

    def _count(self, trace: Trace, sign: int) -> None:
        self.size += sign * (len(trace.rest) + RUN_BYTES * trace.items)
        self.open += sign * trace.open
        if trace.waits and not trace.open:
            self._awaited += sign * len(trace.rest)
        elif not trace.open:
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
            known = Known.at_rest(left.rest)
            moving = known.runs.pop(run_id, None)
            fresh = self._freshly(left)
            self._add(left, [said for said in fresh if not _is_of(run_id, said)])
            self._add(self._traces[new], list(moving.versions) if moving else [])
            self._add(self._traces[new], [said for said in fresh if _is_of(run_id, said)])
            self._put(left, known, len(known.unended()))
            self._changed[new] = None
            if not known and not left.fresh:
                self._let_go(old)

    def _let_go(self, name: str) -> None:
        trace = self._traces.pop(name)
        self._count(trace, -1)
        self._changed.pop(name, None)
        for run_id in Known.at_rest(trace.rest).runs:
            if self._home.get(run_id) == name:
                del self._home[run_id]


def plain(run_id: str) -> str:
    """The id of a run or trace as OpenTelemetry writes it: of a UUID, LangSmith's SDK takes the digits there."""
    return run_id.replace("-", "") if len(run_id) == UUID_LENGTH else run_id


def _is_of(run_id: str, said: Said) -> bool:
    return isinstance(said, Event) and said.run_id == run_id


def size_of(said: Said) -> int:
    """Bytes that it takes in memory before it is at rest, about."""
    if isinstance(said, Event):
        items = len(said.metadata) + len(said.tags) + len(said.parent_ids)
        texts = sum(len(value) for value in said.metadata.values() if type(value) is str)
        return EVENT_BYTES + ITEM_BYTES * items + texts
    if said.call is None:
        return SPAN_BYTES
    return CALL_BYTES + len(said.call.metadata or "") + ITEM_BYTES * len(said.call.tags or ())
