"""The ledger: calls kept once, in plain Parquet, a file for each UTC day and source.

Files are named by their content once and never changed; a manifest that is replaced by rename lists the live ones.
So readers need no lock and always see a whole commit, and a crash leaves the old total or the new.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace as changed

from whyspend.errors import UsageError
from whyspend.ledger import check, leftovers
from whyspend.ledger import manifest as manifests
from whyspend.ledger.check import Fault
from whyspend.ledger.manifest import File, Lost, Manifest
from whyspend.ledger.reader import Extent, Snapshot
from whyspend.ledger.writer import GRACE_SECONDS, Published, Writer
from whyspend.model import Engine, Window

__all__ = [
    "GRACE_SECONDS",
    "Extent",
    "Fault",
    "File",
    "Ledger",
    "Manifest",
    "Published",
    "Snapshot",
    "Writer",
]


@dataclass(frozen=True)
class Ledger:
    """A folder of calls."""

    root: Path

    def drop(self, path: str) -> File:
        """Do without a damaged file: its calls count nowhere from then on, and the manifest says so.

        The file itself is left as it is.

        Raises:
            UsageError: the ledger has no such file, or it is whole.
            LedgerError: another writer does not finish, or the folder cannot be written.
        """
        with manifests.exclusive(self.root):
            held = manifests.read(self.root)
            found = next((file for file in held.files if file.path == path), None)
            if found is None:
                raise UsageError(
                    f"{path} is no file of the ledger. Those that are damaged are named by: whyspend ledger verify."
                )
            if not manifests.damage(self.root, found, thorough=True):
                raise UsageError(f"{path} is whole, so it stays. Only a file that is damaged can be dropped.")
            files = tuple(file for file in held.files if file is not found)
            lost = (*held.lost, Lost(found.day, found.source, found.rows))
            manifests.swap(self.root, changed(held, revision=held.revision + 1, files=files, lost=lost))
        return found

    def snapshot(self) -> Snapshot:
        """What it holds now."""
        return Snapshot(self.root, manifests.read(self.root))

    def writer(
        self,
        engine: Engine,
        source: str,
        dimensions: tuple[str, ...],
        *,
        replace_damaged: bool = False,
        asked: Window | None = None,
        grace: float = GRACE_SECONDS,
        segment: int | None = None,
    ) -> Writer:
        """Begin to publish calls of one source.

        Args:
            engine: does the work.
            source: the configured name; every call that is added becomes a call of it.
            dimensions: those that get columns of their own, at least one.
            replace_damaged: begin damaged days anew instead of refusing: this is a full pull.
            asked: what the full pull reads. Only damaged days that lie wholly within, as UTC days, begin anew.
            grace: seconds for which replaced files stay.
            segment: about how many calls a file holds before the next one of its day begins; None: a day is one file.
        """
        return Writer(self.root, engine, source, dimensions, replace_damaged, asked, grace, segment)

    def faults(self, engine: Engine) -> Iterator[Fault]:
        """What is not as it was written; nothing is changed."""
        return check.faults(self.root, engine)

    def compact(
        self, engine: Engine, dimensions: tuple[str, ...], *, grace: float = GRACE_SECONDS
    ) -> tuple[int, int]:
        """Bring every day to one file with today's dimensions, remove leftovers; (days written again, removed)."""
        days = 0
        for source in sorted({file.source for file in self.snapshot().manifest.files}):
            days += len(self.writer(engine, source, dimensions, grace=grace).compact().days)
        return days, leftovers.remove(self.root, grace)
