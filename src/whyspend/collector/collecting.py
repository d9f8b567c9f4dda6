"""A collector at work: what is accepted goes to the spool, then into traces, then into the ledger."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from whyspend import registry
from whyspend.collector import publishing, records, spool
from whyspend.collector.framing import Records
from whyspend.collector.publishing import Publisher
from whyspend.collector.records import Heard
from whyspend.collector.spool import Spool
from whyspend.collector.traces import Traces
from whyspend.errors import LedgerError, UsageError
from whyspend.ledger import Writer, disk, identity
from whyspend.wire.ingest import Event
from whyspend.wire.otlp import Record
from whyspend.workspace import Workspace, prices

GRACE_SECONDS = 120
"""How long a day's file that was replaced stays for readers. A pull leaves it for an hour; the collector may replace
it every second."""

FOLDER = "spool"


@dataclass
class Collector:
    """What the front end talks to."""

    folder: Path
    dimensions: tuple[str, ...]
    traces: Traces
    spool: Spool[Heard]
    publisher: Publisher
    source: str
    """The name under which the ledger holds its calls."""
    ledger_id: str
    """By which a pull into the same ledger knows that it would count these calls twice."""
    accepted: int = 0
    """Events since the start that are on the disk."""
    accepted_spans: int = 0
    """Spans likewise."""

    def accept(self, events: list[Event]) -> "Future[None]":
        """Take events in; the future is done when they are on the disk.

        Raises:
            FullError: too much is held already; send it again later.
        """
        if self.traces.is_full:
            raise spool.FullError
        now = time.time()
        for event in events:
            event.received_at = int(now * 1_000_000)
            if event.session_name is None and event.session_id is not None:
                event.session_name = self.traces.project(event.session_id)
        return self._append(Heard(int(now), events))

    def accept_spans(self, spans: list[Record]) -> "Future[None]":
        """Take spans in, made for `dimensions`; the future is done when they are on the disk.

        Raises:
            FullError: too much is held already; send it again later.
        """
        if self.traces.is_full:
            raise spool.FullError
        return self._append(Heard(int(time.time()), spans=spans, dimensions=self.dimensions))

    def make_project(self, project_id: str, name: str) -> "Future[None]":
        """Remember the name of a project that an application made by id.

        Raises:
            FullError: too much is held already; send it again later.
        """
        return self._append(Heard(int(time.time()), projects={project_id: name}))

    def still_well(self) -> None:
        """End the program where one of its threads ended that never should."""
        for crashed in (self.spool.crashed, self.publisher.crashed):
            if crashed:
                raise crashed

    def _append(self, heard: Heard) -> "Future[None]":
        done = self.spool.append(records.packed(heard), heard)
        self.accepted += len(heard.events)
        self.accepted_spans += len(heard.spans)
        return done


@contextmanager
def collecting(
    place: Workspace, source: str, close_after: int, say: Callable[[str], None]
) -> Iterator[Collector]:
    """Run a collector on the ledger of a workspace; at the end everything is published.

    Args:
        place: says which ledger, and which dimensions get columns.
        source: the name under which the ledger holds its calls.
        close_after: seconds for which a run that does not end is waited for.
        say: tells the user a sentence.

    Raises:
        UsageError: another collector runs on this ledger, or the name is one of a source that is pulled.
        LedgerError: the spool cannot be read or written.
    """
    if source in place.config.sources:
        raise UsageError(
            f"{source!r} is the name of a source that is pulled. Give the collector another: --source."
        )
    folder = place.ledger.root / FOLDER
    with ExitStack() as stack:
        try:
            if not stack.enter_context(disk.locked(folder / ".lock", 0)):
                raise UsageError(
                    f"Another `whyspend serve` runs on the ledger {place.ledger.root}. Use that one, or end it."
                )
            collector = stack.enter_context(_running(place, folder, source, close_after, say))
        except OSError as error:
            raise LedgerError(
                f"The spool {folder} cannot be used: {error.strerror or error}. "
                "Check the disk, and who may write there."
            ) from None
        yield collector


@contextmanager
def _running(
    place: Workspace, folder: Path, source: str, close_after: int, say: Callable[[str], None]
) -> Iterator[Collector]:
    traces = Traces(close_after, place.config.dimensions)
    _recover(folder, traces, say)
    spooling = Spool(folder, traces.hear)
    engine = registry.load("engines", "duckdb").connect(memory_limit=publishing.MEMORY, threads=1)

    def writer() -> Writer:
        return place.ledger.writer(
            engine, source, place.config.dimensions, grace=GRACE_SECONDS, segment=publishing.SEGMENT
        )

    def priced() -> None:
        prices.keep_first(place.ledger.root)

    publisher = Publisher(traces, spooling, writer, priced, say, source, place.config.dimensions)
    spooling.start()
    publisher.start()
    try:
        yield Collector(
            folder,
            place.config.dimensions,
            traces,
            spooling,
            publisher,
            source,
            identity.made(place.ledger.root),
        )
    finally:
        publisher.stop()
        spooling.stop()
        engine.close()


def _recover(folder: Path, traces: Traces, say: Callable[[str], None]) -> None:
    """Read what an earlier collector left, in whatever moment it ended."""
    for is_state, found in spool.recovered(folder):
        try:
            if is_state:
                _recall(found, traces)
            else:
                traces.hear(records.heard(payload, traces.dimensions) for payload in found)
        except msgspec.DecodeError as error:
            raise LedgerError(
                f"{found.path} cannot be read: {error}. It may be of a later whyspend: upgrade. "
                "Or move it away: what it holds and the ledger does not, is lost then."
            ) from None
        if found.torn:
            say(
                f"{found.path}: the last {found.torn:,} bytes were not written whole, so nobody was told they were."
            )


def _recall(found: Records, traces: Traces) -> None:
    for payload in found:
        traces.recall(records.kept(payload, traces.dimensions))
    if found.torn:
        raise LedgerError(
            f"{found.path} is damaged: its last {found.torn:,} bytes cannot be read. Restore it from a backup. "
            "Or move it away: what it holds and the ledger does not, is lost then."
        )
