"""Reads the files that an OpenTelemetry collector writes: its `file` exporter, in JSON or protobuf, also compressed.

Each pull reads what was appended since the last one, and again the 32 MiB before that in each file of the last hour,
for a trace comes in parts: a call when it ends, what is above it later. A call whose ancestor comes with a later pull
gets its tags then, and an outer span whose inner call comes later is removed. All files are read side by side, in the
order in which their spans ended, as several collectors write the parts of one trace. Spans of a trace that lie further
apart than that are judged apart: a call does without the tags of such an ancestor, and an outer span that repeats
such an inner call counts beside it.

The window is not looked at: nothing but reading tells which days a file holds, and reading it is what costs.

Watermarks, for each file, known by a digest of its first line or message, so whatever its name: `at:` the byte of its
content up to which it was read, `of:` its size on disk then. `upto:<source>`, in microseconds UTC: when the
last pull began. What had been written by then is in the ledger.
"""

import heapq
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whyspend.errors import WhyspendError
from whyspend.model import Batch, Call, Finding, Progress, Window
from whyspend.sources.otlp_file.files import TraceFile, end_of, marks, parts, trace_files
from whyspend.sources.otlp_file.packing import has_zstd
from whyspend.sources.otlp_file.pool import APART, SLACK, Pool
from whyspend.sources.otlp_file.reading import Portion, Reading
from whyspend.wire import otlp

AT_ONCE = 1_000
"""Calls that are handed over together."""

RECENT = 3_600_000_000
"""Microseconds before the last pull: a file that was written since may hold the beginning of what is new now."""

SIDE_BY_SIDE = 50
"""Files that are open at a time, the oldest first, each with the spans of one line or message in memory."""

UNPACK = "Install what reads them with: pip install 'whyspend[serve]'."


def _unseen(_: Progress) -> None:
    """Nobody is watching."""


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    path: Path,
    on_progress: Callable[[Progress], None] = _unseen,
) -> Iterator[Batch]:
    """Yield the calls of what is new in the files, oldest first, whatever their days.

    Args:
        window: not looked at.
        source: the configured name; the project of spans that name no service.
        dimensions: the configured keys.
        watermarks: those of the pull before.
        full: read all files again from their beginning.
        path: a file, a folder (all .json, .jsonl, .ndjson, .binpb and .pb in it, also .gz and .zst), or a pattern.
        on_progress: told after each line or message, in MiB.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    began = time.time_ns() // 1000
    files = trace_files(path)
    packed = [file for file in files if file.needs_zstd and not has_zstd()]
    known = [file for file in files if file not in packed]
    held = {} if full else watermarks
    since = (held.get(f"upto:{source}", 0) - RECENT) * 1000
    wanted = parts(known, held, repr((source, dimensions)), before=APART, since=since)
    pull = _Pull(source, dimensions, [Reading(part, dimensions) for part in wanted], not watermarks)
    pull.pool.horizon = _last_written(set(known) - {part.file for part in wanted})
    yield from _gathered(pull.batches(on_progress))
    yield Batch(
        watermarks=pull.marks() | {f"upto:{source}": began},
        notes=(*pull.left_out(), *_not_read(packed)),
    )


def _last_written(files: Collection[TraceFile]) -> int:
    """When the last of these files was written: what they hold ended before, and is not read."""
    return max((file.modified // 1000 for file in files), default=-SLACK) + SLACK


@dataclass
class _Pull:
    """One pull while it goes on."""

    source: str
    dimensions: tuple[str, ...]
    readings: Sequence[Reading]
    is_first: bool
    """No earlier pull came to its end."""
    pool: Pool = field(default_factory=Pool)

    def batches(self, on_progress: Callable[[Progress], None]) -> Iterator[Batch]:
        """Yield the calls of all files, a trace at once."""
        total = sum(reading.total for reading in self.readings)
        place = calls = 0
        for portion in self._in_time():
            place += self._take(portion, place)
            for batch in self.pool.settled(place):
                calls += len(batch.calls)
                yield batch
            on_progress(Progress(min(place, total) // 2**20, total // 2**20, calls, 0))
        yield from self.pool.all_settled()

    def _in_time(self) -> Iterator[Portion]:
        """All files, side by side."""
        for first in range(0, len(self.readings), SIDE_BY_SIDE):
            together = self.readings[first : first + SIDE_BY_SIDE]
            yield from heapq.merge(
                *(reading.in_time() for reading in together), key=lambda portion: portion.latest
            )

    def _take(self, portion: Portion, place: int) -> int:
        """Put the spans of one line or message into the pool; how many bytes it had."""
        reading, part = portion.reading, portion.reading.part
        is_new = portion.offset >= part.new
        is_held = not is_new or (part.new == 0 and not self.is_first)
        for span in portion.batch.spans:
            record = otlp.to_record(span, source=self.source, dimensions=self.dimensions)
            if record is not None:
                self.pool.add(record, place=place, is_new=is_new, is_held=is_held)
        if part.begin and not reading.is_begun and portion.batch.spans:
            self.pool.horizon = max(self.pool.horizon, portion.latest + SLACK)
            reading.is_begun = True
        return portion.size

    def marks(self) -> dict[str, int]:
        """How far each file was read."""
        return {
            key: mark
            for reading in self.readings
            for key, mark in marks(reading.part, reading.read_to).items()
        }

    def left_out(self) -> Iterator[str]:
        """What could not be read, in one sentence each."""
        bad = [reading for reading in self.readings if reading.bad_lines]
        if bad:
            lines = sum(reading.bad_lines for reading in bad)
            where = f"{bad[0].part.file.name} at byte {bad[0].first_bad:,}"
            yield (
                f"left out what is no request of OTLP: {lines:,} of the lines or messages, the first in {where}. "
                "Is it a file of the collector's file exporter?"
            )
        odd = [reading for reading in self.readings if reading.bad_spans]
        if odd:
            spans = sum(reading.bad_spans for reading in odd)
            yield (
                f"left out what has no valid id or start time: {spans:,} of the spans, "
                f"the first in {odd[0].part.file.name}."
            )
        damaged = [reading.part.file.name for reading in self.readings if reading.is_damaged]
        if damaged:
            yield f"read up to where they are damaged: {len(damaged):,} of the compressed files, first {damaged[0]}."


def _not_read(packed: Sequence[TraceFile]) -> Iterator[str]:
    if packed:
        yield f"not read, for they are zstd: {len(packed):,} of the files, first {packed[0].name}. {UNPACK}"


def _gathered(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same in larger batches: a trace has a few calls only."""
    calls: list[Call] = []
    dropped: list[tuple[int, str]] = []
    for batch in batches:
        calls += batch.calls
        dropped += batch.dropped
        if len(calls) + len(dropped) >= AT_ONCE:
            yield Batch(calls=calls, dropped=dropped)
            calls, dropped = [], []
    if calls or dropped:
        yield Batch(calls=calls, dropped=dropped)


def check(*, path: Path) -> list[Finding]:
    """Look at what a pull needs: the files, and what the newest of them holds."""
    try:
        return list(_look(path))
    except WhyspendError as error:
        what, _, next_step = str(error).partition(". ")
        return [Finding("problem", what, next_step)]


def _look(path: Path) -> Iterator[Finding]:
    files = trace_files(path)
    packed = [file for file in files if file.needs_zstd and not has_zstd()]
    if packed:
        yield Finding(
            "problem", f"Compressed with zstd, which cannot be read: {len(packed):,} of the files.", UNPACK
        )
    known = [file for file in files if file not in packed]
    if not known:
        return
    size = sum(file.size for file in known)
    yield Finding("ok", f"{len(known):,} files of traces at {path}, {size / 2**20:,.1f} MiB.")
    yield _newest(known[-1])


def _newest(file: TraceFile) -> Finding:
    """What the end of the newest file holds."""
    reading = Reading(end_of(file, APART), ())
    spans = calls = 0
    for batch, offset in reading.batches():
        spans += len(batch.spans)
        records = (otlp.to_record(span, source="", dimensions=()) for span in batch.spans)
        calls += sum(1 for record in records if record is not None and record.call is not None)
        if offset > reading.part.begin + APART:  # a compressed file is read from its beginning
            break
    if not spans:
        return Finding(
            "empty" if not reading.bad_lines else "problem",
            f"The newest, {file.name}, holds no span that can be read.",
            "Does a pipeline of traces end in the file exporter?",
        )
    if not calls:
        return Finding(
            "empty",
            f"The newest, {file.name}, holds {spans:,} spans, none of them a call of a model.",
            "Is the application instrumented for its LLM client?",
        )
    return Finding("ok", f"The newest, {file.name}, holds {calls:,} calls in {spans:,} spans.")
