"""Reading: what the ledger held at one moment, as SQL over the files that can matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from whyspend.ledger import manifest as manifests
from whyspend.ledger.columns import empty, promoted
from whyspend.ledger.manifest import File, Manifest, Priced, by_dimensions
from whyspend.model import Engine


@dataclass(frozen=True)
class Snapshot:
    """The ledger at one moment: later commits do not change it."""

    root: Path
    manifest: Manifest

    def between(self, start: datetime, end: datetime) -> "Extent":
        """The part with calls that started in [start, end), UTC."""
        first, last = _micros(start), _micros(end)
        files = tuple(file for file in self.manifest.files if file.last >= first and file.first < last)
        return Extent(self.root, files, first, last)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The first and the last start of any call, UTC; None when the ledger is empty."""
        if not self.manifest.files:
            return None
        first = min(file.first for file in self.manifest.files)
        last = max(file.last for file in self.manifest.files)
        return _instant(first), _instant(last)


@dataclass(frozen=True)
class Extent:
    """The files that hold the calls of a span of time."""

    root: Path
    files: tuple[File, ...]
    start: int
    end: int
    """Microseconds UTC, half open."""

    @property
    def used(self) -> frozenset[str]:
        """The columns and marks that are not empty in any of the files."""
        return frozenset().union(*(file.used for file in self.files))

    @property
    def prompt_max(self) -> int:
        """The longest prompt."""
        return max((file.prompt_max for file in self.files), default=0)

    @property
    def price_keys(self) -> tuple[str, ...]:
        """Every price key that occurs."""
        return tuple(sorted(self.priced))

    @property
    def priced(self) -> dict[str, Priced]:
        """What the files hold of each price key."""
        found: dict[str, Priced] = {}
        for file in self.files:
            for key, use in file.priced.items():
                held = found.get(key)
                if held is None:
                    found[key] = use
                elif use != held:
                    quantities = tuple(sorted({*held.quantities, *use.quantities}))
                    found[key] = Priced(quantities, max(held.prompt_max, use.prompt_max))
        return found

    def days(self) -> list["Extent"]:
        """The same, UTC day by UTC day, in order."""
        return [
            Extent(self.root, tuple(files), self.start, self.end)
            for _, files in groupby(self.files, key=lambda file: file.day)
        ]

    def relation(self, engine: Engine, dimensions: Sequence[str]) -> str:
        """SQL of the calls, with the given dimensions as columns.

        Files that lie wholly within the span are not filtered, so their times need not be read.

        Raises:
            LedgerError: a file is cut short, changed or missing; its name and the way out are in the message.
        """
        for file in self.files:
            if what := manifests.damage(self.root, file):
                raise manifests.damaged(file, what)
        parts: list[str] = []
        for held, same in sorted(by_dimensions(self.files).items()):
            inside = [file for file in same if self._holds(file)]
            edge = [file for file in same if not self._holds(file)]
            if inside:
                parts.append(f"SELECT * FROM {self._scan(engine, inside, held, dimensions)}")
            if edge:
                started = engine.micros("started_at")
                parts.append(
                    f"SELECT * FROM {self._scan(engine, edge, held, dimensions)} "
                    f"WHERE {started} >= {self.start} AND {started} < {self.end}"
                )
        if not parts:
            return f"(SELECT {empty(dimensions, engine)}, CAST(NULL AS DATE) AS day WHERE false)"
        return f"({' UNION ALL BY NAME '.join(parts)})"

    def _holds(self, file: File) -> bool:
        """Whether a file lies wholly within the span."""
        return file.first >= self.start and file.last < self.end

    def _scan(self, engine: Engine, files: list[File], held: Sequence[str], wanted: Sequence[str]) -> str:
        return promoted(engine, [str(self.root / file.path) for file in files], held, wanted)


def _micros(instant: datetime) -> int:
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _instant(micros: int) -> datetime:
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
