"""How far a pull has come, on stderr: a bar with rate and ETA on a terminal, else one plain line every few seconds."""

import time
from types import TracebackType
from typing import Any, TextIO

from whyspend.model import Progress
from whyspend.workspace import Pulled

SECONDS_BETWEEN_LINES = 5.0


class Shown:
    """The display of one pull. Takes updates from any thread."""

    def __init__(self, source: str, stream: TextIO) -> None:
        """Name the source, and where to write."""
        self._source = source
        self._stream = stream
        self._began = time.monotonic()
        self._spoke = self._began
        self._bar: Any = None
        self._task: Any = None
        self._calls = 0

    def __enter__(self) -> "Shown":
        """Draw the bar, on a terminal."""
        if self._stream.isatty():
            # rich costs a tenth of a second: only a terminal pays for it.
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[said]}", markup=False),
                TimeRemainingColumn(),
                console=Console(file=self._stream),
                transient=True,
            )
            self._task = self._bar.add_task(f"pull {self._source}", total=None, said="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def update(self, progress: Progress) -> None:
        """Show what the source says."""
        self._calls = max(self._calls, progress.calls)
        said = f"{self._calls:,} calls, {self._rate():,.0f}/s"
        if progress.waiting_for:
            said += f", waiting: {progress.waiting_for}"
        if self._bar is not None:
            self._bar.update(
                self._task, total=progress.steps or None, completed=progress.done_steps, said=said
            )
        elif time.monotonic() - self._spoke >= SECONDS_BETWEEN_LINES:
            self._spoke = time.monotonic()
            self._stream.write(
                f"pull {self._source}: step {progress.done_steps} of {progress.steps}, {said}{self._left(progress)}\n"
            )
            self._stream.flush()

    def published(self, done: Pulled) -> None:
        """Count what is in the ledger."""
        self._calls = max(self._calls, done.seen)

    def _rate(self) -> float:
        return self._calls / max(time.monotonic() - self._began, 0.001)

    def _left(self, progress: Progress) -> str:
        if not progress.done_steps:
            return ""
        spent = time.monotonic() - self._began
        seconds = spent / progress.done_steps * (progress.steps - progress.done_steps)
        return f", about {seconds:,.0f} s left"
