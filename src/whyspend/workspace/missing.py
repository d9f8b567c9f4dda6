"""Where the data ends before the days that are asked about do: what was not brought in is no fall."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from whyspend.config import Config
from whyspend.ledger import Manifest
from whyspend.workspace.windows import instant, micros

LATE = timedelta(days=1)
"""A source that is pulled every day is never so far behind."""

QUIET = timedelta(days=3)
"""Where calls are sent, not pulled, nobody says up to when they are complete: a weekend without any is no gap."""


@dataclass(frozen=True)
class Ended:
    """A source, or a project of one, that is no longer read."""

    at: datetime
    """UTC: up to when it was read."""
    source: str
    project: str = ""

    def said(self) -> str:
        """One line."""
        upto = f"last pulled up to {self.at:%Y-%m-%d %H:%M} UTC"
        if not self.project:
            return f"{self.source} was {upto}: later calls came in another way."
        return f"The project {self.project} of {self.source} was {upto}: it is no longer read."


@dataclass(frozen=True)
class Lost:
    """Calls that were in a damaged file which `ledger drop` did without."""

    day: date
    """UTC."""
    source: str
    calls: int

    @property
    def what(self) -> str:
        """How many of which calls."""
        calls = "1 call" if self.calls == 1 else f"{self.calls:,} calls"
        return f"{calls} of {self.source} on {self.day} (UTC)"

    def said(self) -> str:
        """One line."""
        return f"No total has {self.what}, lost with a damaged file."

    def is_within(self, start: datetime, end: datetime) -> bool:
        """Whether some of its day is in [start, end)."""
        begin = datetime.combine(self.day, time(), UTC)
        return begin < end and start < begin + timedelta(days=1)


@dataclass(frozen=True)
class Reached:
    """Up to when all calls are here."""

    until: datetime | None = None
    """UTC: the oldest watermark of what is still read; None: nobody knows."""
    ended: tuple[Ended, ...] = ()
    lost: tuple[Lost, ...] = ()
    """What is not here although it is before `until`."""

    @property
    def left(self) -> frozenset[str]:
        """The sources that are no longer read."""
        return frozenset(each.source for each in self.ended if not each.project)

    def said(self, start: datetime, end: datetime) -> tuple[str, ...]:
        """A line for each that ended within [start, end), for between its end and what followed may be a gap; and for
        what was lost of these days."""
        return (
            *(each.said() for each in self.ended if start <= each.at < end),
            *(each.said() for each in self.lost if each.is_within(start, end)),
        )


def reached(config: Config, manifest: Manifest, now: datetime) -> Reached:
    """Up to when all calls are here, as far as watermarks say it.

    A source is no longer read once another way in is a day ahead of it. Where the file names sources, that is so of
    a source which it no longer names. Where it names none, only the collector is another way in, and only where it is
    ahead of every source that was pulled: then the ledger has moved to it, and nobody says up to when it is complete.
    A project is no longer read once a pull did not find it. A call that a wrong clock dated ahead of now is ahead of no
    source.
    """
    marks = {name: upto for name, held in manifest.watermarks.items() if (upto := read_upto(held))}
    named = set(config.sources) if config.is_source_named else set()
    ahead = [file.last for file in manifest.files if file.source in named | {config.collector.source}]
    ahead += [mark for name in named for mark in marks.get(name, {}).values()]
    others = {name: max(upto.values()) for name, upto in marks.items() if name not in named}
    left = {
        name: last for name, last in others.items() if ahead and _is_late(last, min(max(ahead), micros(now)))
    }
    if not named and left != others:
        left = {}
    every = [mark for name, upto in marks.items() if name not in left for mark in upto.values()]
    return Reached(
        instant(min(every)) if every else None,
        (
            *(Ended(instant(last), name) for name, last in sorted(left.items())),
            *(each for name in sorted(manifest.watermarks.keys() - left) for each in _gone(name, manifest)),
        ),
        tuple(_lost(manifest)),
    )


def read_upto(held: Mapping[str, int]) -> dict[str, int]:
    """How far each project of a source was read, but for those that a pull no longer found; microseconds UTC."""
    every = {key.removeprefix("upto:"): mark for key, mark in held.items() if key.startswith("upto:")}
    return {project: mark for project, mark in every.items() if not held.get(f"gone:{project}")}


def _lost(manifest: Manifest) -> Iterator[Lost]:
    calls: Counter[tuple[date, str]] = Counter()
    for each in manifest.lost:
        calls[each.day, each.source] += each.calls
    for (day, source), count in sorted(calls.items()):
        yield Lost(day, source, count)


def _gone(source: str, manifest: Manifest) -> Iterator[Ended]:
    held = manifest.watermarks[source]
    for key in sorted(held):
        if key.startswith("upto:") and held.get(f"gone:{key.removeprefix('upto:')}"):
            yield Ended(instant(held[key]), source, key.removeprefix("upto:"))


def _is_late(mark: int, other: int) -> bool:
    return instant(other) - instant(mark) >= LATE


@dataclass(frozen=True)
class DataEnd:
    """Up to when calls are known, where that is before the end of what is asked about."""

    at: datetime
    """UTC: the oldest watermark of any source and project; where there is none, the last call."""
    is_pulled: bool
    """There is a watermark: a pull brings in what is missing."""
    is_partial: bool
    """Some source has later calls."""

    @property
    def is_whole(self) -> bool:
        """Of no source is anything known after it, and a pull would say: days to come are no emptier than usual."""
        return self.is_pulled and not self.is_partial

    def said(self) -> str:
        """One line for a reader of the figures."""
        what = "Not every call" if self.is_partial else "Nothing"
        return f"{what} is known after {self.at:%Y-%m-%d %H:%M} UTC: calls may be missing."


def data_end(complete: datetime | None, last: datetime, end: datetime) -> DataEnd | None:
    """Where the data ends too early; None: it does not.

    Who really stopped calling is still pulled, and the watermark moves on: then the fall is real.

    Args:
        complete: the oldest watermark; None: there is none.
        last: when the last call began.
        end: of what is asked about, and not after the present.
    """
    at = last if complete is None else complete
    if end - at < (QUIET if complete is None else LATE):
        return None
    return DataEnd(at, complete is not None, last > at)
