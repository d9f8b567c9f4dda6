"""Where the data ends before the days that are asked about do: what was not brought in is no fall."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from whyspend.config import Config
from whyspend.ledger import Manifest
from whyspend.workspace.windows import instant

LATE = timedelta(days=1)
"""A source that is pulled every day is never so far behind."""

QUIET = timedelta(days=3)
"""Where calls are sent, not pulled, nobody says up to when they are complete: a weekend without any is no gap."""


@dataclass(frozen=True)
class Reached:
    """Up to when all calls are here."""

    until: datetime | None = None
    """UTC: the oldest watermark of the sources that are still read; None: nobody knows."""
    ended: tuple[tuple[str, datetime], ...] = ()
    """The sources that are no longer read, and up to when they were last."""

    def said(self, start: datetime, end: datetime) -> tuple[str, ...]:
        """A line for each source that ended within [start, end): between its end and what followed may be a gap."""
        return tuple(ended(name, at) for name, at in self.ended if start <= at < end)


def ended(name: str, at: datetime) -> str:
    """That a source is no longer read."""
    return f"{name} was last pulled up to {at:%Y-%m-%d %H:%M} UTC: later calls came in another way."


def reached(config: Config, manifest: Manifest) -> Reached:
    """Up to when all calls are here, as far as watermarks say it.

    A source is no longer read once another way in is a day ahead of it. Where the file names sources, that is so of
    a source which it no longer names. Where it names none, only the collector is another way in, and only where it is
    ahead of every source that was pulled: then the ledger has moved to it, and nobody says up to when it is complete.
    """
    marks = {name: upto for name, held in manifest.watermarks.items() if (upto := list(_upto(held)))}
    named = set(config.sources) if config.is_source_named else set()
    ahead = [file.last for file in manifest.files if file.source in named | {config.collector.source}]
    ahead += [mark for name in named for mark in marks.get(name, ())]
    others = {name: max(upto) for name, upto in marks.items() if name not in named}
    left = {name: last for name, last in others.items() if ahead and _is_late(last, max(ahead))}
    if not named and left != others:
        left = {}
    every = [mark for name, upto in marks.items() if name not in left for mark in upto]
    return Reached(
        instant(min(every)) if every else None,
        tuple((name, instant(last)) for name, last in sorted(left.items())),
    )


def _is_late(mark: int, other: int) -> bool:
    return instant(other) - instant(mark) >= LATE


def _upto(held: dict[str, int]) -> Iterator[int]:
    return (mark for key, mark in held.items() if key.startswith("upto:"))


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
