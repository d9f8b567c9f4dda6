"""Is the ledger whole, and how large is what in it? Nothing here changes or deletes a thing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whyspend.ledger import leftovers, prices
from whyspend.ledger import manifest as manifests
from whyspend.ledger.manifest import File
from whyspend.model import Engine

REPEATED = """
SELECT source, call_id, count(*) AS times FROM {files} GROUP BY source, call_id HAVING count(*) > 1
ORDER BY source, call_id LIMIT 5
"""

PARTED = """
SELECT source, day, trace_id, count(DISTINCT file) AS files FROM ({parts}) GROUP BY source, day, trace_id
HAVING count(DISTINCT file) > 1 ORDER BY source, day, trace_id LIMIT 5
"""


@dataclass(frozen=True)
class Fault:
    """Something in the ledger's folder that is not as it was written."""

    path: str
    what: str
    harmless: bool = False
    """It is not part of the ledger, so no figure depends on it."""
    prices: bool = False
    """It is no calls, but what they are priced with: pulling anew does not bring it back."""


def faults(root: Path, engine: Engine) -> Iterator[Fault]:
    """Compare every live file with the manifest, and the price books; then look for what does not belong here."""
    manifest = manifests.read(root)
    whole: list[File] = []
    for file in manifest.files:
        fault = _compared(root, file, engine)
        if fault:
            yield fault
        else:
            whole.append(file)
    if whole:
        names = [str(root / file.path) for file in whole]
        for source, call, times in engine.rows(REPEATED.format(files=engine.scan(names))):
            yield Fault("manifest.json", f"the call {call} of {source} is there {times} times")
        yield from _parted(root, whole, engine)
    for place, what in prices.faults(root):
        yield Fault(place, what, prices=True)
    for path in leftovers.unlisted(root, manifest):
        what = "left by a write that did not finish" if leftovers.is_ours(path) else "foreign; not read"
        yield Fault(path.relative_to(root).as_posix(), what, harmless=True)


def _parted(root: Path, files: Sequence[File], engine: Engine) -> Iterator[Fault]:
    """Traces that are in several files of one day: each of them counts as a request of its own there."""
    days = Counter((file.day, file.source) for file in files)
    parts = [
        f"SELECT source, day, trace_id, {at} AS file FROM {engine.scan([str(root / file.path)])}"
        for at, file in enumerate(files)
        if days[file.day, file.source] > 1
    ]
    if parts:
        for source, day, trace, times in engine.rows(PARTED.format(parts=" UNION ALL ".join(parts))):
            yield Fault("manifest.json", f"the trace {trace} of {source} is in {times} files of {day}")


def _compared(root: Path, file: File, engine: Engine) -> Fault | None:
    if what := manifests.damage(root, file, thorough=True):
        return Fault(file.path, what)
    ((rows,),) = engine.rows(f"SELECT count(*) FROM {engine.scan([str(root / file.path)])}")
    return None if rows == file.rows else Fault(file.path, f"{rows:,} rows, the manifest says {file.rows:,}")
