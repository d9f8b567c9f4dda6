"""Day files: calls become one Parquet file or several, named by their content and described for the manifest."""

import re
import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from whyspend.ledger import disk
from whyspend.ledger import manifest as manifests
from whyspend.ledger.columns import names_of
from whyspend.ledger.flags import flagged, flags, traced
from whyspend.ledger.manifest import File, Manifest, Priced
from whyspend.model import USAGE_COLUMNS, Engine

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

PORTIONS = """
SELECT trace_id, (sum(calls) OVER (ORDER BY began, trace_id) - calls) // {segment} AS portion FROM (
  SELECT trace_id, count(*) AS calls, min(started_at) AS began FROM traced GROUP BY trace_id)
"""
"""The calls are counted trace by trace, in the order in which these began."""

KEPT = ("traced", "flags", "portions")
"""Tables."""


@dataclass(frozen=True)
class Files:
    """Writes files of one source."""

    root: Path
    engine: Engine
    source: str
    dimensions: tuple[str, ...]

    def keep_traced(self, calls: str) -> int:
        """Keep, as `traced`, what the flags of some calls are worked out of; how many calls these are."""
        self.engine.keep("traced", traced(self.engine, calls, self.dimensions))
        ((rows,),) = self.engine.rows("SELECT count(*) FROM traced")
        return int(rows)

    def forget(self) -> None:
        """Let go of all that was kept."""
        for name in KEPT:
            self.engine.forget(name)

    def written(self, day: date, calls: str, before: str, segment: int | None) -> list[File]:
        """Write calls of one day, of which `traced` is kept: as one file, or as several of about `segment` calls.

        `before` is a relation with the traces of the day before.
        """
        if not (self.root / "manifest.json").exists():
            manifests.swap(self.root, Manifest())  # from now on, files without a manifest are an error
        folder = self.root / "calls" / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        self.engine.keep("flags", flags(self.engine, "traced", before, self.dimensions))
        paths = [self._put(folder, part) for part in self._portions(calls, segment)]
        for changed_folder in (folder, folder.parent, self.root):
            disk.sync_folder(changed_folder)
        return [self._described(day, path, digest) for path, digest in paths]

    def _portions(self, calls: str, segment: int | None) -> list[str]:
        """Relations of about so many of the calls each, in the order of their traces; none parts a trace."""
        if not segment:
            return [calls]
        self.engine.keep("portions", PORTIONS.format(segment=segment))
        found = self.engine.rows("SELECT DISTINCT portion FROM portions ORDER BY 1")
        if len(found) == 1:
            return [calls]
        return [
            f"(SELECT * FROM {calls} WHERE trace_id IN (SELECT trace_id FROM portions WHERE portion = {number}))"
            for (number,) in found
        ]

    def _put(self, folder: Path, calls: str) -> tuple[Path, str]:
        """Write calls under their content's name, with the flags that are kept; where, and its hash."""
        temporary = folder / f".{uuid.uuid4().hex}.tmp"
        names = names_of(self.dimensions, self.engine)
        order = f"project, {self.engine.identifier(self.dimensions[0])}, price_key, started_at, call_id"
        try:
            self.engine.write_parquet(f"{flagged(names, calls)} ORDER BY {order}", str(temporary))
            digest = manifests.sha256(temporary)
            path = folder / f"{_plain(self.source)}-{digest[:16]}.parquet"
            if not path.exists() or manifests.sha256(path) != digest:  # never over a file that may be read
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path, digest

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


def _plain(source: str) -> str:
    """A source's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_]", "_", source)[:40] or "_"
