"""Publishing: calls are merged into the day files they belong to, and one manifest swap makes them visible."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from time import time as now

from msgspec.structs import replace as changed

from whyspend.ledger import disk
from whyspend.ledger import manifest as manifests
from whyspend.ledger.columns import names_of, promoted
from whyspend.ledger.flags import NO_TRACES, flagged, flags
from whyspend.ledger.manifest import File, Manifest, Priced, Retired
from whyspend.ledger.merging import BEFORE, KEPT, NOTHING_BEFORE, merged
from whyspend.ledger.staging import TABLES, Stage, neighbour, neighbours
from whyspend.model import USAGE_COLUMNS, Batch, Engine, Window

GRACE_SECONDS = 3600
"""How long a replaced file stays for readers that began before the commit."""

STATISTICS = """
SELECT price_key, count(*), {first}, {last}, max(prompt_total), {used} FROM {file} GROUP BY price_key ORDER BY price_key
"""

MARKS = {
    "no_usage": "usage_source IS NULL AND kind <> 'tool'",
    "usage_estimated": "usage_estimated <> 0",
    "sampled": "sample_rate < 1",
    "request_mixed": "request_mixed <> 0",
    "unreported": "reported_cost IS NULL",
    **{name: f"{name} <> 0" for name in USAGE_COLUMNS},
}
"""What a file is asked once, when it is written, so that reports need not ask again."""


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
    """Collects the calls of one source and publishes them whole."""

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

    @property
    def waiting(self) -> int:
        """Calls added since the last commit."""
        return self._stage.waiting

    def add(self, batch: Batch) -> None:
        """Take calls in; nothing is visible before `commit`."""
        self._stage.add(batch)

    def commit(self, watermarks: Mapping[str, int] | None = None) -> Published:
        """Publish what was added, and with it how far the source has come. All days of it, or nothing.

        Raises:
            LedgerError: a live file is damaged, another writer does not finish, or the folder cannot be written.
            InputError: a source's relation has calls without a key, a project or a start.
        """
        with manifests.exclusive(self.root):
            before = manifests.read(self.root)
            files = {file.day: file for file in before.files if file.source == self.source}
            live = dict(files)
            try:
                published = self._publish(live)
            finally:
                for name in TABLES:
                    self.engine.forget(name)
            held = before.watermarks.get(self.source, {})
            marks = held | dict(watermarks or {})
            new_links = self._stage.links.items() - before.links.get(self.source, {}).items()
            if published.days or marks != held or new_links:
                self._swap(before, files, live, marks)
            self._stage.clear()
            return published

    def compact(self) -> Published:
        """Write days again whose dimensions are not today's, and remove what no reader can still need.

        The keys that are configured now get columns of their own, from the metadata; those that no longer are go
        back into it.
        """
        with manifests.exclusive(self.root):
            before = manifests.read(self.root)
            files = {file.day: file for file in before.files if file.source == self.source}
            live = dict(files)
            old = sorted(day for day, file in files.items() if file.dimensions != self.dimensions)
            for day in old:
                self._flag_again(day, live)
            if old or self._expired(before.retired):
                self._swap(before, files, live, before.watermarks.get(self.source, {}))
        return Published(sum(live[day].rows for day in old), 0, tuple(old))

    @cached_property
    def _stage(self) -> Stage:
        return Stage(self.engine, self.source, self.dimensions)

    # Merging

    def _publish(self, live: dict[date, File]) -> Published:
        """Write the new version of every day that what was added changes, and say so in `live`."""
        days = self._stage.keep()
        near = [
            self._whole(day, live, beside=True) for day in sorted({n for d in days for n in neighbours(d)})
        ]
        left = self._stage.keep_moved(self.root, [file for file in near if file])
        touched: set[date] = set()
        to_flag: set[date] = set()
        calls = removed = 0
        for day in sorted({*days, *left}):
            upserts, gone = self._merge(day, live, moves=bool(left))
            if upserts or gone:
                touched.add(day)
                calls += upserts
                ((count,),) = self.engine.rows("SELECT count(*) FROM before WHERE removed")
                removed += count
                if (after := neighbour(day, 1)) and self._shares_traces(after, live):
                    to_flag.add(after)
        # Days are merged in order, so a day that was merged after the one before it has right flags already.
        for day in sorted(to_flag - touched):
            self._flag_again(day, live)
        ((seen,),) = self.engine.rows("SELECT count(*) FROM incoming")
        return Published(calls, removed, tuple(sorted(touched | to_flag)), seen)

    def _merge(self, day: date, live: dict[date, File], *, moves: bool) -> tuple[int, int]:
        """Write the new version of one day, if anything in it changed; (calls new or changed, calls gone).

        Keeps `upserts`, the calls that are new or changed (of a new day just their ids), and `before`, what those
        and the gone ones were.
        """
        names = names_of(self.dimensions, self.engine)
        stays = "AND call_id NOT IN (SELECT call_id FROM dropped)" if self._stage.drops else ""
        arrived = f"(SELECT {names} FROM incoming WHERE day = DATE '{day}' {stays})"
        old = self._old(day, live, moves)
        if old:
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
        if old:
            calls = "day_calls"
            self.engine.keep(calls, KEPT.format(columns=names, old=old))
        ((rows,),) = self.engine.rows(f"SELECT count(*) FROM {calls}")
        if rows:
            live[day] = self._write(day, calls, live)
        else:
            live.pop(day, None)
        return upserts, gone

    def _old(self, day: date, live: Mapping[date, File], moves: bool) -> str:
        """The relation of what is held of a day, with today's dimensions; empty text where nothing is.

        Calls that move here from another day are held here, but for those that are here already.
        """
        file = self._whole(day, live)
        own = ""
        if file:
            own = promoted(self.engine, [str(self.root / file.path)], file.dimensions, self.dimensions)
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

    def _whole(self, day: date, live: Mapping[date, File], *, beside: bool = False) -> File | None:
        """The live file of a day; None where there is none, or where a full pull begins the damaged day anew.

        `beside`: only its traces or ids are wanted, for another day. A full pull then does without a damaged one:
        when that is replaced in its turn, this is made good.
        """
        file = live.get(day)
        what = manifests.damage(self.root, file) if file else ""
        if file is None or not what:
            return file
        if self.replace_damaged and (beside or self._is_read_in_full(day)):
            return None
        raise manifests.damaged(file, what)

    def _is_read_in_full(self, day: date) -> bool:
        start = datetime.combine(day, time.min, UTC)
        return self.asked is None or (
            self.asked.start <= start and self.asked.end - start >= timedelta(days=1)
        )

    # Writing

    def _write(self, day: date, calls: str, live: Mapping[date, File]) -> File:
        """Write one day file under its content's name."""
        if not (self.root / "manifest.json").exists():
            manifests.swap(self.root, Manifest())  # from now on, files without a manifest are an error
        folder = self.root / "calls" / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{uuid.uuid4().hex}.tmp"
        names = names_of(self.dimensions, self.engine)
        order = f"project, {self.engine.identifier(self.dimensions[0])}, price_key, started_at, call_id"
        self.engine.keep("flags", flags(self.engine, calls, self._traces_before(day, live), self.dimensions))
        try:
            self.engine.write_parquet(f"{flagged(names, calls)} ORDER BY {order}", str(temporary))
            digest = manifests.sha256(temporary)
            path = folder / f"{_plain(self.source)}-{digest[:16]}.parquet"
            if not path.exists() or manifests.sha256(path) != digest:  # never over a file that may be read
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
            self.engine.forget("flags")
        for changed_folder in (folder, folder.parent, self.root):
            disk.sync_folder(changed_folder)
        return self._described(day, path, digest)

    def _traces_before(self, day: date, live: Mapping[date, File]) -> str:
        """A relation with the traces of the day before."""
        before = neighbour(day, -1)
        file = self._whole(before, live, beside=True) if before else None
        return self.engine.scan([str(self.root / file.path)]) if file else NO_TRACES

    def _described(self, day: date, path: Path, digest: str) -> File:
        found = self.engine.rows(
            STATISTICS.format(
                first=f"min({self.engine.micros('started_at')})",
                last=f"max({self.engine.micros('started_at')})",
                used=", ".join(f"bool_or({test}) IS TRUE" for test in MARKS.values()),
                file=self.engine.scan([str(path)]),
            )
        )
        priced: dict[str, Priced] = {}
        used: set[str] = set()
        for key, _, _, _, longest, *marks in found:
            own = {name for name, mark in zip(MARKS, marks, strict=True) if mark}
            used |= own
            priced[key] = Priced(tuple(name for name in USAGE_COLUMNS if name in own), longest)
        state = path.stat()
        return File(
            path=path.relative_to(self.root).as_posix(),
            day=day,
            source=self.source,
            rows=sum(row[1] for row in found),
            bytes=state.st_size,
            sha256=digest,
            modified=state.st_mtime_ns,
            dimensions=self.dimensions,
            first=min(row[2] for row in found),
            last=max(row[3] for row in found),
            used=frozenset(used),
            priced=priced,
        )

    def _shares_traces(self, day: date, live: Mapping[date, File]) -> bool:
        """Whether a day holds the rest of traces that just changed on the day before."""
        file = self._whole(day, live, beside=True)
        if file is None:
            return False
        ((shared,),) = self.engine.rows(
            f"SELECT count(*) FROM {self.engine.scan([str(self.root / file.path)])} "
            "WHERE trace_id IN (SELECT trace_id FROM upserts UNION ALL SELECT trace_id FROM before)"
        )
        return bool(shared)

    def _flag_again(self, day: date, live: dict[date, File]) -> None:
        """Write a day again, with today's dimensions and the flags that follow from the day before as it is now."""
        file = self._whole(day, live)
        if file:
            calls = promoted(self.engine, [str(self.root / file.path)], file.dimensions, self.dimensions)
            live[day] = self._write(day, calls, live)

    # The next manifest

    def _swap(
        self, before: Manifest, files: Mapping[date, File], live: Mapping[date, File], marks: dict[str, int]
    ) -> None:
        """Commit; then remove what was replaced long ago."""
        paths = {file.path for file in live.values()}
        retired = [old for old in before.retired if old.path not in paths]
        retired += [Retired(file.path, int(now())) for file in files.values() if file.path not in paths]
        expired = self._expired(retired)
        others = [file for file in before.files if file.source != self.source]
        links = before.links.get(self.source, {}) | self._stage.links
        manifests.swap(
            self.root,
            changed(
                before,
                revision=before.revision + 1,
                files=tuple(sorted([*others, *live.values()], key=lambda file: (file.day, file.source))),
                watermarks={**before.watermarks, self.source: marks},
                links={**before.links, self.source: links},
                retired=tuple(old for old in retired if old not in expired),
            ),
        )
        for old in expired:
            _remove(self.root / old.path)

    def _expired(self, retired: Sequence[Retired]) -> list[Retired]:
        return [old for old in retired if old.at + self.grace <= now()]


def _plain(source: str) -> str:
    """A source's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_]", "_", source)[:40] or "_"


def _remove(path: Path) -> None:
    # On Windows a reader may still hold the file: then it stays until `ledger compact`.
    try:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
    except OSError:
        return  # other files of that day are live
