"""Where the data ends before the days that are asked about do: what was not brought in is no fall."""

from dataclasses import dataclass
from datetime import datetime, timedelta

LATE = timedelta(days=1)
"""A source that is pulled every day is never so far behind."""

QUIET = timedelta(days=3)
"""Where calls are sent, not pulled, nobody says up to when they are complete: a weekend without any is no gap."""


@dataclass(frozen=True)
class DataEnd:
    """Up to when calls are known, where that is before the end of what is asked about."""

    at: datetime
    """UTC: the oldest watermark of any source and project; where there is none, the last call."""
    is_pulled: bool
    """There is a watermark: a pull brings in what is missing."""
    is_partial: bool
    """Some source has later calls."""

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
