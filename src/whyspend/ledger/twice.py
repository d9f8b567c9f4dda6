"""Calls that the ledger holds under several sources: each of them counts once for every source."""

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

from whyspend.ledger import manifest as manifests
from whyspend.ledger.manifest import File
from whyspend.model import Engine

HELD = """
SELECT sources, count(*) FROM (
  SELECT string_agg(DISTINCT source, ', ' ORDER BY source) AS sources FROM {files}
  WHERE call_id IN (SELECT call_id FROM {files} GROUP BY call_id HAVING min(source) <> max(source))
  GROUP BY call_id)
GROUP BY sources
"""


def held_twice(root: Path, engine: Engine) -> dict[str, int]:
    """How many calls are held under the same sources, by the names of these: `{"collector, langsmith": 20}`.

    A call begins on one day, so only days that several sources have calls of are read. Damaged files are left out.
    """
    days: dict[date, list[File]] = defaultdict(list)
    for file in manifests.read(root).files:
        if not manifests.damage(root, file):
            days[file.day].append(file)
    found: Counter[str] = Counter()
    for files in days.values():
        if len({file.source for file in files}) > 1:
            paths = [str(root / file.path) for file in files]
            found.update(dict(engine.rows(HELD.format(files=engine.scan(paths)))))
    return dict(sorted(found.items()))


def said(sources: str, calls: int) -> tuple[str, str]:
    """What is so, and what to do."""
    names = sources.split(", ")
    counts = "twice" if len(names) == 2 else f"{len(names)} times"
    held = "1 call is held" if calls == 1 else f"{calls:,} calls are held"
    return (
        f"{held} under {len(names)} sources ({sources}): each counts {counts}",
        f"Ask with --where source={names[0]}, and bring calls into this ledger in one way only.",
    )
