"""Publishing: calls are merged into the day files they belong to, and one manifest swap makes them visible."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby
from pathlib import Path
from time import time as now

from msgspec.structs import replace as changed

from whyspend.ledger import manifest as manifests
from whyspend.ledger.columns import names_of, promoted
from whyspend.ledger.files import Files
from whyspend.ledger.flags import NO_TRACES, TRACE_COLUMNS
from whyspend.ledger.index import Index
from whyspend.ledger.manifest import File, Manifest, Retired, by_dimensions
from whyspend.ledger.merging import BEFORE, KEPT, NOTHING_BEFORE, merged
from whyspend.ledger.staging import TABLES, Stage, neighbour, neighbours
from whyspend.model import Batch, Engine, Window

GRACE_SECONDS = 3600
"""How long a replaced file stays for readers that began before the commit."""

ADDED = """SELECT call_id AS id FROM incoming UNION SELECT trace_id FROM incoming UNION SELECT call_id FROM dropped"""

KNOWN = """
SELECT count(*) FROM {old} WHERE call_id IN (
  SELECT call_id FROM incoming UNION ALL SELECT call_id FROM dropped UNION ALL SELECT call_id FROM moved)
"""

CHANGED = "SELECT trace_id AS id FROM upserts UNION SELECT trace_id FROM before"

Live = dict[date, tuple[File, ...]]
"""The live files of one source by day; a day without calls is not in it."""


@dataclass(frozen=True)
class Published:
    """What a commit changed."""

    calls: int = 0
    """New, or changed."""
    removed: int = 0
    days: tuple[date, ...] = ()
    seen: int = 0
    """Calls that were brought, changed or not."""


@dataclass
class Writer:
    """Collects the calls of one source and publishes them whole.

    A day may be kept in several files, its segments: then a commit writes anew only the last, small one, and those
    that hold one of the calls or traces at hand. In any case each call is in one file of its day, and so are all
    calls of a trace, so a file's flags need no look at the others.
    """

    root: Path
    engine: Engine
    source: str
    dimensions: tuple[str, ...]
    replace_damaged: bool = False
    """Where a live file of the source turns out to be damaged: begin that day anew (a full pull). Until that pull is
    through, the day holds what it has brought so far."""
    asked: Window | None = None
    """The days that are read in full: a damaged UTC day that is only partly within is not begun anew, for the rest
    of it would be lost. None: every day is."""
    grace: float = GRACE_SECONDS
    segment: int | None = None
    """About how many calls a file holds before the next one of its day begins; None: each day that is written
    becomes one file."""

    @property
    def waiting(self) -> int:
        """Calls added since the last commit."""
        return self._stage.waiting

    def add(self, batch: Batch) -> None:
        """Take calls in; nothing is visible before `commit`."""
        self._stage.add(batch)

    def clear(self) -> None:
        """Forget what was added since the last commit."""
        self._stage.clear()

    def commit(self, watermarks: Mapping[str, int] | None = None) -> Published:
        """Publish what was added, and with it how far the source has come. All days of it, or nothing.

        Raises:
            LedgerError: a live file is damaged, another writer does not finish, or the folder cannot be written.
            InputError: a source's relation has calls without a key, a project or a start.
        """
        with manifests.exclusive(self.root):
            before = manifests.read(self.root)
            live = self._live(before)
            try:
                published = self._publish(live)
            finally:
                for name in TABLES:
                    self.engine.forget(name)
            held = before.watermarks.get(self.source, {})
            marks = held | dict(watermarks or {})
            new_links = self._stage.links.items() - before.links.get(self.source, {}).items()
            if published.days or marks != held or new_links:
                self._swap(before, live, marks)
            self._stage.clear()
            return published

    def compact(self) -> Published:
        """Write days again that are several files or whose dimensions are not today's, each as one file; and remove
        what no reader can still need.

        The keys that are configured now get columns of their own, from the metadata; those that no longer are go
        back into it.
        """
        with manifests.exclusive(self.root):
            before = manifests.read(self.root)
            live = self._live(before)
            old = sorted(
                day
                for day, files in live.items()
                if len(files) > 1 or any(file.dimensions != self.dimensions for file in files)
            )
            for day in old:
                self._rewrite(day, self._whole(day, live), live, segment=None)
            if old or self._expired(before.retired):
                self._swap(before, live, before.watermarks.get(self.source, {}))
        return Published(sum(file.rows for day in old for file in live[day]), 0, tuple(old))

    def merge(self, until: date, most: int) -> bool:
        """Make one file of some segments of a day before `until`, of no more than `most` calls; False: none are left.

        So that each step is short, and a reader of a day that is over need not open many files.
        """
        with manifests.exclusive(self.root):
            before = manifests.read(self.root)
            live, known = self._live(before), self._index.known()
            for day in sorted(day for day, files in live.items() if day < until and len(files) > 1):
                if some := _together(self._whole(day, live), most):
                    self._rewrite(day, some, live, segment=None)
                    self._swap(before, live, before.watermarks.get(self.source, {}))
                    # Days that are over are rarely asked about again: what the next commit needs was known before.
                    self._index.keep_only(known & {file.path for files in live.values() for file in files})
                    return True
        return False

    @cached_property
    def _stage(self) -> Stage:
        return Stage(self.engine, self.source, self.dimensions)

    @cached_property
    def _index(self) -> Index:
        return Index(self.root, self.engine)

    def _live(self, manifest: Manifest) -> Live:
        """The live files of the source by day."""
        own = [file for file in manifest.files if file.source == self.source]
        return {day: tuple(files) for day, files in groupby(own, key=lambda file: file.day)}

    # Merging

    def _publish(self, live: Live) -> Published:
        """Write the new version of every day that what was added changes, and say so in `live`."""
        days = self._stage.keep()
        near = {day: self._whole(day, live, beside=True) for day in {n for d in days for n in neighbours(d)}}
        here = self._concerned(near)
        left = self._stage.keep_moved(self.root, here)
        touched: set[date] = set()
        to_flag: dict[date, list[File]] = {}
        calls = removed = 0
        for day in sorted({*days, *left}):
            upserts, gone = self._merge(day, live, here, moves=bool(left))
            if upserts or gone:
                touched.add(day)
                calls += upserts
                ((count,),) = self.engine.rows("SELECT count(*) FROM before WHERE removed")
                removed += count
                if (after := neighbour(day, 1)) and (sharing := self._sharing_traces(after, live)):
                    to_flag[after] = sharing
        # Days are merged in order, so a file that was merged after the day before it has right flags already.
        flagged_again = set()
        for day, sharing in sorted(to_flag.items()):
            for files in self._each_if_segments([file for file in sharing if file in live.get(day, ())]):
                self._rewrite(day, files, live, self.segment)
                flagged_again.add(day)
        if self.segment:
            self._index.keep_only({file.path for day in near for file in live.get(day, ())})
        ((seen,),) = self.engine.rows("SELECT count(*) FROM incoming")
        return Published(calls, removed, tuple(sorted(touched | flagged_again)), seen)

    def _concerned(self, near: Mapping[date, Sequence[File]]) -> list[File]:
        """Of files near by, those that may hold a call or a trace of what was added."""
        return self._holding([file for day in sorted(near) for file in near[day]], ADDED)

    def _merge(self, day: date, live: Live, here: Sequence[File], *, moves: bool) -> tuple[int, int]:
        """Write the new version of one day, if anything in it changed; (calls new or changed, calls gone).

        `here`: the files that may hold what was added. Keeps `upserts`, the calls that are new or changed (where all
        are new just their ids), and `before`, what those and the gone ones were.
        """
        names = names_of(self.dimensions, self.engine)
        stays = "AND call_id NOT IN (SELECT call_id FROM dropped)" if self._stage.drops else ""
        arrived = f"(SELECT {names} FROM incoming WHERE day = DATE '{day}' {stays})"
        whole = self._whole(day, live)
        files = [file for file in whole if file in here]
        old = self._old(day, files, moves)
        is_held = bool(old) and self._holds_any(old)
        if is_held:
            moving = f"(SELECT call_id FROM moved WHERE \"from day\" = DATE '{day}')"
            leaving = f"(SELECT call_id FROM dropped UNION ALL {moving})"
            self.engine.keep("upserts", merged(arrived, old, self.dimensions, self.engine))
            self.engine.keep("before", BEFORE.format(old=old, moving=moving, leaving=leaving))
        else:
            self.engine.keep("upserts", f"SELECT call_id, trace_id FROM {arrived}")
            self.engine.keep("before", NOTHING_BEFORE)
        ((upserts, gone),) = self.engine.rows(
            "SELECT (SELECT count(*) FROM upserts), (SELECT count(*) FROM before WHERE leaves)"
        )
        if not upserts and not gone:
            return 0, 0
        calls = arrived
        if is_held:
            calls = "day_calls"
            self.engine.keep(calls, KEPT.format(columns=names, old=old))
        elif old:
            calls = f"(SELECT {names} FROM {old} UNION ALL SELECT {names} FROM {arrived})"
        _put(live, day, [file for file in whole if file not in files])
        _put(live, day, [*live.get(day, ()), *self._write(day, calls, live, self.segment)])
        return upserts, gone

    def _old(self, day: date, files: Sequence[File], moves: bool) -> str:
        """The relation of what is held of a day in these files, with today's dimensions; empty text where nothing is.

        Calls that move here from another day are held here, but for those that are here already.
        """
        own = self._held(files) if files else ""
        if not moves:
            return own
        names = names_of(self.dimensions, self.engine)
        moved = f"SELECT DISTINCT ON (call_id) {names} FROM moved WHERE \"to day\" = DATE '{day}'"
        if not own:
            return f"({moved})"
        return (
            f"(SELECT {names} FROM {own} UNION ALL "
            f"SELECT {names} FROM ({moved}) WHERE call_id NOT IN (SELECT call_id FROM {own}))"
        )

    def _holds_any(self, old: str) -> bool:
        """Whether any call that was added is held already, or leaves; if not, there is nothing to merge."""
        ((count,),) = self.engine.rows(KNOWN.format(old=old))
        return bool(count)

    def _held(self, files: Sequence[File]) -> str:
        """The relation of all calls in some files, with today's dimensions."""
        parts = [
            promoted(self.engine, self._paths(alike), held, self.dimensions)
            for held, alike in by_dimensions(files).items()
        ]
        names = names_of(self.dimensions, self.engine)
        every = " UNION ALL ".join(f"SELECT {names} FROM {part}" for part in parts)
        return parts[0] if len(parts) == 1 else f"({every})"

    def _paths(self, files: Sequence[File]) -> list[str]:
        return [str(self.root / file.path) for file in files]

    def _holding(self, files: Sequence[File], ids: str) -> list[File]:
        """Of whole files, those that may hold a call or a trace of these ids (SQL that yields `id`).

        Where days have segments, the small ones count among them: they are quickly read, and change too often to be
        worth an index. Where each day is one file it is written anew anyway.
        """
        if not self.segment:
            return list(files)
        found = self._index.holding([file for file in files if file.rows >= self.segment], ids)
        return [file for file in files if file.rows < self.segment or file in found]

    def _whole(self, day: date, live: Live, *, beside: bool = False) -> tuple[File, ...]:
        """The live files of a day; none where a full pull begins the damaged day anew.

        `beside`: only their traces or ids are wanted, for another day. A full pull then does without damaged ones:
        when those are replaced in their turn, this is made good.
        """
        files = live.get(day, ())
        found = [(file, what) for file in files if (what := manifests.damage(self.root, file))]
        if not found:
            return files
        if self.replace_damaged and beside:
            bad = {file.path for file, _ in found}
            return tuple(file for file in files if file.path not in bad)
        if self.replace_damaged and self._is_read_in_full(day):
            return ()
        raise manifests.damaged(*found[0])

    def _is_read_in_full(self, day: date) -> bool:
        start = datetime.combine(day, time.min, UTC)
        return self.asked is None or (
            self.asked.start <= start and self.asked.end - start >= timedelta(days=1)
        )

    # Writing

    def _rewrite(self, day: date, files: Sequence[File], live: Live, segment: int | None) -> None:
        """Write some files of a day again, with today's dimensions, and the flags that follow from the day before as
        it is now."""
        if files:
            written = self._write(day, self._held(files), live, segment)
            _put(live, day, [*(file for file in live[day] if file not in files), *written])

    def _write(self, day: date, calls: str, live: Live, segment: int | None) -> list[File]:
        """Write calls of one day, with all others of their traces: as one file, or as several of about `segment`."""
        files = Files(self.root, self.engine, self.source, self.dimensions)
        try:
            if not files.keep_traced(calls):
                return []
            return files.written(day, calls, self._traces_before(day, live), segment)
        finally:
            files.forget()

    def _traces_before(self, day: date, live: Live) -> str:
        """A relation with the traces of the day before, at least those that the calls in `traced` are of."""
        before = neighbour(day, -1)
        files = self._whole(before, live, beside=True) if before else ()
        found = self._holding(files, "SELECT DISTINCT trace_id AS id FROM traced")
        parts = [self.engine.scan(self._paths(alike)) for alike in by_dimensions(found).values()]
        every = " UNION ALL ".join(f"SELECT {TRACE_COLUMNS} FROM {part}" for part in parts)
        return f"({every})" if every else NO_TRACES

    def _sharing_traces(self, day: date, live: Live) -> list[File]:
        """The files of a day that hold the rest of traces that just changed on the day before."""
        found = self._holding(self._whole(day, live, beside=True), CHANGED)
        return [file for file in found if self._shares_traces(file)]

    def _shares_traces(self, file: File) -> bool:
        ((shared,),) = self.engine.rows(
            f"SELECT count(*) FROM {self.engine.scan(self._paths([file]))} "
            f"WHERE trace_id IN (SELECT id FROM ({CHANGED}))"
        )
        return bool(shared)

    def _each_if_segments(self, files: list[File]) -> list[list[File]]:
        """Files that are written again each for itself, or as one where a day is one file."""
        return [[file] for file in files] if self.segment else [files]

    # The next manifest

    def _swap(self, before: Manifest, live: Live, marks: dict[str, int]) -> None:
        """Commit; then remove what was replaced long ago."""
        own = [file for files in live.values() for file in files]
        paths = {file.path for file in own}
        was = [file.path for file in before.files if file.source == self.source]
        retired = [old for old in before.retired if old.path not in paths]
        retired += [Retired(path, int(now())) for path in was if path not in paths]
        expired = self._expired(retired)
        others = [file for file in before.files if file.source != self.source]
        links = before.links.get(self.source, {}) | self._stage.links
        manifests.swap(
            self.root,
            changed(
                before,
                revision=before.revision + 1,
                files=tuple(sorted([*others, *own], key=_in_order)),
                watermarks={**before.watermarks, self.source: marks},
                links={**before.links, self.source: links},
                retired=tuple(old for old in retired if old not in expired),
            ),
        )
        for old in expired:
            _remove(self.root / old.path)

    def _expired(self, retired: Sequence[Retired]) -> list[Retired]:
        return [old for old in retired if old.at + self.grace <= now()]


def _in_order(file: File) -> tuple[date, str, int, str]:
    return file.day, file.source, file.first, file.path


def _put(live: Live, day: date, files: Iterable[File]) -> None:
    """Make these the live files of a day; a day without any is gone."""
    live[day] = tuple(files)
    if not live[day]:
        del live[day]


def _together(files: Iterable[File], most: int) -> list[File]:
    """The smallest of some files that hold no more than `most` calls in all, if there are two or more."""
    some: list[File] = []
    for file in sorted(files, key=lambda file: file.rows):
        if sum(chosen.rows for chosen in some) + file.rows > most:
            break
        some.append(file)
    return some if len(some) > 1 else []


def _remove(path: Path) -> None:
    # On Windows a reader may still hold the file: then it stays until `ledger compact`.
    try:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
    except OSError:
        return  # other files of that day are live
