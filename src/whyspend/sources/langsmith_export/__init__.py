"""Reads LangSmith's bulk export (Parquet), from a folder or an object store: columnar all the way, without any text.

Each step is a UTC day of the export, as its folders `year=/month=/day=` say it, or a few small ones, and becomes one
SELECT that the engine runs: no Python object per run. The days around it are read only for what belongs to its traces:
runs above its calls, and LLM runs inside them. Files outside such folders are one step, read whole, whatever the
window: nothing but reading tells which days they hold.

What is read: the days of the window, and all days between them and those read before, but each only when its files,
or those around it, are new or changed since. Late exports and repeated ones are so picked up by themselves.

Watermarks: `files:<day>` and `files:` (outside of days) stand for the files as they were read. `from:<project>` and
`upto:<project>`, in microseconds UTC: the ledger holds what the export has in between. The newest day counts as
complete only once a later one exists, for its export may still go on. Files outside of days have no such marks.

A SELECT cannot take rows back: where an outer LLM run was pulled before the file with its inner run came, both stay
in the ledger. Pull once the export of a day and of the day after it is whole, and it cannot happen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

from whyspend.errors import InputError, WhyspendError
from whyspend.model import Batch, Finding, Progress, Window
from whyspend.sources.langsmith_export.files import ExportFile, Place, Schema, fingerprint, place, schema
from whyspend.sources.langsmith_export.runs import REQUIRED, Part
from whyspend.sources.langsmith_export.sql import relation

AT_ONCE = 64 * 2**20
"""Bytes of files up to which days that follow one another are read in one go: half a second of planning a step is
longer than a small day takes to read."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _unseen(_: Progress) -> None:
    """Nobody is watching."""


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    path: str,
    project_names: Mapping[str, str] = {},
    on_progress: Callable[[Progress], None] = _unseen,
) -> Iterator[Batch]:
    """Yield the days of the window that are new or changed, oldest first, as SQL over their files.

    The files of a step must stay as they are until the next one is asked for.

    Args:
        window: whole UTC days that it touches are read.
        source: the configured name.
        dimensions: the configured keys.
        watermarks: those of the pull before.
        full: read days again that did not change.
        path: a folder, a file, or an address such as s3://bucket/prefix.
        project_names: a project's UUID -> its name. An export has only the UUID, which else stands for the name.
        on_progress: told after each step.

    Raises:
        InputError: there is no such folder, or a file in it cannot be read as an export.
        SourceError: the object store cannot be reached, or refuses.
        MissingExtraError: an object store needs the extra `s3`.
    """
    where = place(path)
    try:
        files = where.files()
        if not files:
            raise InputError(
                f"There is no Parquet file below {path}. Set path of this source to where the export was written."
            )
        export = _Export(where, files, source, dimensions, project_names)
        steps = export.steps(window, watermarks, full)
        for done, step in enumerate(steps, start=1):
            yield export.batch(step, steps[done:], watermarks, window)
            on_progress(Progress(done, len(steps), 0, 0))
    finally:
        where.close()


def check(*, path: str, project_names: Mapping[str, str] = {}) -> list[Finding]:
    """Look at what a pull needs: the files, their days and projects, and the columns of the newest one."""
    try:
        where = place(path)
        try:
            return list(_look(path, where, project_names))
        finally:
            where.close()
    except WhyspendError as error:
        what, _, next_step = str(error).partition(". ")
        return [Finding("problem", what, next_step)]


def _look(path: str, where: Place, project_names: Mapping[str, str]) -> Iterator[Finding]:
    files = where.files()
    if not files:
        yield Finding(
            "empty", f"There is no Parquet file below {path}.", "Has the export run, and is this its prefix?"
        )
        return
    days = sorted({file.day for file in files if file.day})
    span = f", {days[0]} to {days[-1]}" if days else ", outside of day folders"
    yield Finding("ok", f"{len(files):,} Parquet files below {path}{span}.")
    newest = max(files, key=lambda file: (file.day or date.min, file.name))
    _needed(newest, schema(where.paths([newest])[newest.name], newest.name))
    yield Finding("ok", f"The newest, {newest.name}, has the columns that are needed.")
    named = {uuid.lower() for uuid in project_names}
    nameless = sorted({file.session for file in files if file.session} - named)
    if nameless:
        yield Finding(
            "ok",
            f"{len(nameless)} projects are shown by their UUID, the first {nameless[0]}.",
            "Name them in project_names of this source.",
        )


@dataclass(frozen=True)
class _Day:
    """The files of one day, or those outside of days."""

    day: date | None
    files: Sequence[ExportFile]
    fingerprint: int
    """Of its files and those of the days around it: any of them can change what it says."""

    @property
    def mark(self) -> str:
        """Under which watermark the fingerprint is kept."""
        return f"files:{self.day or ''}"


@dataclass
class _Export:
    """The files of one export, and how to name what is in them."""

    where: Place
    files: Sequence[ExportFile]
    source: str
    dimensions: tuple[str, ...]
    project_names: Mapping[str, str]
    schemas: dict[str, Schema] = field(default_factory=dict)

    def steps(self, window: Window, watermarks: Mapping[str, int], full: bool) -> list[list[_Day]]:
        """What must be read, oldest first; files outside of days at the end."""
        first, last, asked = _first_day(window, watermarks), _last_day(window), window.start.date()
        steps: list[list[_Day]] = []
        for day in self._days(first, last):
            again = full and (day.day is None or day.day >= asked)
            if not again and watermarks.get(day.mark) == day.fingerprint:
                continue
            if steps and _fits(steps[-1], day):
                steps[-1].append(day)
            else:
                steps.append([day])
        return steps

    def _days(self, first: date, last: date) -> Iterator[_Day]:
        settings = (self.dimensions, sorted(self.project_names.items()))
        known = sorted(day for day in self._by_day if day and first <= day <= last)
        for day in known:
            around = [file for near in (day - _DAY, day, day + _DAY) for file in self._of(near)]
            yield _Day(day, self._of(day), fingerprint(around, settings))
        if outside := self._of(None):
            yield _Day(None, outside, fingerprint(outside, settings))

    def _of(self, day: date | None) -> Sequence[ExportFile]:
        return self._by_day.get(day, ())

    @cached_property
    def _by_day(self) -> dict[date | None, list[ExportFile]]:
        found: dict[date | None, list[ExportFile]] = {}
        for file in self.files:
            found.setdefault(file.day, []).append(file)
        return found

    def batch(
        self,
        step: Sequence[_Day],
        still: Sequence[Sequence[_Day]],
        watermarks: Mapping[str, int],
        window: Window,
    ) -> Batch:
        """One step as SQL, with the watermarks that hold once it is published."""
        wanted = [file for day in step for file in day.files]
        first, last = step[0].day, step[-1].day
        around = [*self._of(first - _DAY), *self._of(last + _DAY)] if first and last else []
        paths = self.where.paths([*wanted, *around])
        sql = relation(
            [*self._parts(wanted, paths, wanted=True), *self._parts(around, paths, wanted=False)],
            source=self.source,
            dimensions=self.dimensions,
            project_names=self.project_names,
        )
        marks = {day.mark: day.fingerprint for day in step}
        ahead = [days[0].day for days in still if days[0].day]
        if first is not None:
            marks |= self._held(ahead, watermarks, window)
        return Batch(relation=sql, watermarks=marks)

    def _parts(
        self, files: Sequence[ExportFile], paths: Mapping[str, Path], *, wanted: bool
    ) -> Iterator[Part]:
        """The files in groups that can be read as one: of one export, project and schema."""
        groups: dict[tuple[str, str, bytes], list[ExportFile]] = {}
        for file in files:
            found = self._schema(file, paths[file.name])
            groups.setdefault((file.export, file.session, found.signature), []).append(file)
        for (_, session, _), some in groups.items():
            columns = self.schemas[some[0].name].columns
            newest = max(file.modified for file in some)
            yield Part([str(paths[file.name]) for file in some], columns, session, wanted, newest)

    def _schema(self, file: ExportFile, path: Path) -> Schema:
        if file.name not in self.schemas:
            self.schemas[file.name] = schema(path, file.name)
            _needed(file, self.schemas[file.name])
        return self.schemas[file.name]

    def _held(self, ahead: Sequence[date], watermarks: Mapping[str, int], window: Window) -> dict[str, int]:
        """`from:` and `upto:` of every project once a step is published: up to the next day that must be read, at
        most to the newest that exists. What was held before stays held, and grows backwards only without a gap."""
        days = sorted(day for day in self._by_day if day)
        names = {uuid.lower(): name for uuid, name in self.project_names.items()}
        projects = {
            names.get(file.session.lower(), file.session or self.source) for file in self.files if file.day
        }
        # A project that lost its old name, or has no files any more, is as complete as the others.
        projects |= {key.removeprefix("upto:") for key in watermarks if key.startswith("upto:")}
        upto = _micros(min(ahead[0] if ahead else _last_day(window) + _DAY, days[-1]))
        since = _micros(max(days[0], window.start.date()))
        held_since, held_upto = _lowest(watermarks, "from:"), _lowest(watermarks, "upto:")
        if held_since is not None and held_upto is not None:
            since = min(since, held_since) if upto >= held_since else held_since
            upto = max(upto, held_upto)
        return {
            key: value
            for name in projects
            for key, value in ((f"from:{name}", since), (f"upto:{name}", upto))
        }


def _fits(step: Sequence[_Day], day: _Day) -> bool:
    """Whether a day may be read in one go with those before: it follows them, and all are small."""
    last = step[-1].day
    follows = last is not None and day.day == last + _DAY
    return follows and sum(file.size for each in (*step, day) for file in each.files) <= AT_ONCE


def _needed(file: ExportFile, found: Schema) -> None:
    """Refuse a file without the columns that say what cost what, and when."""
    missing = [column for column in REQUIRED if column not in found.columns]
    if missing:
        raise InputError(
            f"The export file {file.name} has no column {missing[0]}. Export with all fields, or with at least "
            "id, trace_id, run_type, start_time, end_time, extra and the tokens and costs in export_fields."
        )


def _first_day(window: Window, watermarks: Mapping[str, int]) -> date:
    """The first day to look at: where the window begins, or where the ledger does."""
    asked, held = window.start.date(), _lowest(watermarks, "from:")
    return asked if held is None else min(asked, (_EPOCH + timedelta(microseconds=held)).date())


def _last_day(window: Window) -> date:
    """The last UTC day that the window touches."""
    return (window.end - timedelta(microseconds=1)).date()


def _lowest(watermarks: Mapping[str, int], prefix: str) -> int | None:
    return min((mark for key, mark in watermarks.items() if key.startswith(prefix)), default=None)


def _micros(day: date) -> int:
    """The first instant of a UTC day, in microseconds since the epoch."""
    return (datetime.combine(day, time(), UTC) - _EPOCH) // timedelta(microseconds=1)
