"""What is held, and how fresh is it?"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from whyspend.ledger import Snapshot
from whyspend.ledger.manifest import File, Manifest
from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.workspace import Workspace
from whyspend.workspace.closing import today
from whyspend.workspace.missing import read_upto
from whyspend.workspace.sheets import question
from whyspend.workspace.sheets.pictures import by_day
from whyspend.workspace.windows import instant

SOURCES = (
    TableColumn("source", "word"),
    TableColumn("type", "word"),
    TableColumn("calls", "calls"),
    TableColumn("bytes", "count"),
    TableColumn("first_day", "date"),
    TableColumn("last_day", "date"),
    TableColumn("complete_until", "date"),
)

COLUMNS = (
    TableColumn("column", "word"),
    TableColumn("bytes", "count"),
    TableColumn("bytes_per_call", "number"),
)

DAYS = (
    TableColumn("day", "date"),
    TableColumn("source", "word"),
    TableColumn("calls", "calls"),
    TableColumn("bytes", "count"),
)


def run(place: Workspace) -> Sheet:
    """Rows, days, sources, watermarks, and bytes per call and column."""
    snapshot = place.ledger.snapshot()  # one for all figures: a collector may publish meanwhile
    manifest, files = snapshot.manifest, snapshot.manifest.files
    calls, size = sum(file.rows for file in files), sum(file.bytes for file in files)
    first, last = (files[0].day, files[-1].day) if files else (None, None)
    days = tuple(_days(files))
    return Sheet(
        "ledger info",
        question("ledger info"),
        Rows("sources", SOURCES, tuple(_sources(place, manifest))),
        about=place.config.ledger,
        facts={
            "ledger": place.config.ledger,
            "revision": manifest.revision,
            "calls": calls,
            "files": len(files),
            "bytes": size,
            "first_day": first,
            "last_day": last,
        },
        headline=(
            f"{calls:,} calls in {len(files):,} files, {size:,} bytes, {size / calls:.1f} a call",
            f"days {first} to {last} (UTC), revision {manifest.revision}",
        )
        if files
        else ("It is empty. Bring calls in: whyspend pull.",),
        more=(
            Rows("columns", COLUMNS, tuple(_columns(place, snapshot, calls)), "Bytes of each column"),
            Rows("days", DAYS, days, "Each day and source", is_long=True),
        ),
        charts=by_day({(day, source): calls for day, source, calls, _ in days}, today(place)),
        notes=tuple(_stale(place, files)),
    )


def _sources(place: Workspace, manifest: Manifest) -> Iterator[tuple[Cell, ...]]:
    """A row for each source that is configured or holds calls."""
    config = place.config
    others = {config.collector.source: "collected here"}
    for name in sorted({*config.sources, *(file.source for file in manifest.files)}):
        own = [file for file in manifest.files if file.source == name]
        upto = read_upto(manifest.watermarks.get(name, {})).values()
        yield (
            name,
            config.sources[name].type if name in config.sources else others.get(name, "not configured"),
            sum(file.rows for file in own),
            sum(file.bytes for file in own),
            min((file.day for file in own), default=None),
            max((file.day for file in own), default=None),
            instant(min(upto)) if upto else None,
        )


def _columns(place: Workspace, snapshot: Snapshot, calls: int) -> Iterator[tuple[Cell, ...]]:
    paths = [str(snapshot.root / file.path) for file in snapshot.manifest.files]
    for name, size in place.engine.column_bytes(paths) if paths else ():
        yield name, size, round(Decimal(size) / calls, 2)


def _days(files: tuple[File, ...]) -> Iterator[tuple[date, str, int, int]]:
    sums: dict[tuple[date, str], tuple[int, int]] = {}
    for file in files:
        calls, size = sums.get((file.day, file.source), (0, 0))
        sums[file.day, file.source] = calls + file.rows, size + file.bytes
    for (day, source), (calls, size) in sorted(sums.items()):
        yield day, source, calls, size


def _stale(place: Workspace, files: tuple[File, ...]) -> Iterator[str]:
    stale = sum(1 for file in files if file.dimensions != place.config.dimensions)
    if stale:
        yield f"{stale} files were written with other dimensions. Bring them up to date: whyspend ledger compact."
