"""A made-up product's 60 days, 2026-09-23 to 2026-11-21 (UTC): always the same, made when they are read.

Five features, three environments, three tiers, 40 customers, four providers, caches, a nightly job, paid
searches, failed calls, code that nobody tagged. Every model but one has a real, dated price in the price book.

What was planted, each from one exact moment on:

| since (UTC)      | where                                | what                                               |
|------------------|--------------------------------------|----------------------------------------------------|
| 2026-10-14 00:00 | nightly, `nightly_digest / digest`   | through the batch API, at half the price           |
| 2026-10-20 11:00 | summarizer, `summarize_document / *` | another model: gpt-4o -> gpt-5.4-mini              |
| 2026-10-29 00:00 | email-drafts, `draft_email`          | list price of mistral-large-4: 1.36/4.18 ->        |
|                  |                                      | 0.70/2.10 USD per million input/output tokens      |
| 2026-11-03 09:00 | rag-search, `search / answer`        | the prompt doubled: twice as many passages         |
| 2026-11-10 14:00 | agent-copilot, `copilot / act`       | the agent began to loop: about twice the calls     |
| 2026-11-12 00:00 | email-drafts in staging              | some calls of a model that nobody has heard of     |

The first is there because the price book has batch prices from that day on. The price of mistral-large-4 is as
it really was; before, on 2026-10-20, a promotion of 0.68/2.09 had ended.
Beside these only what any product has: weekdays and weekends, busy hours, 3 % more requests a month, and a
new release with each change of the code (2.12.0 the model, 2.13.0 the prompt, 2.14.0 the loop).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from whyspend.errors import InputError
from whyspend.model import Batch, Call, Progress, Window
from whyspend.sources.demo import product as product
from whyspend.sources.demo.product import DAY, FIRST_DAY, LAST_DAY
from whyspend.sources.demo.requests import calls_of_day

__all__ = ["FIRST_DAY", "HISTORY", "LAST_DAY", "PROJECTS", "holds_all", "read"]

HISTORY = "1"
"""Names the history. Whoever changes the generator changes it too, so that older ledgers are made anew."""

PROJECTS = ("nightly", "prod-agents", "prod-chat", "staging")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _unseen(_: Progress) -> None:
    """Nobody is watching."""


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    history: str = HISTORY,
    on_progress: Callable[[Progress], None] = _unseen,
) -> Iterator[Batch]:
    """Yield the calls of the window that are not held yet, one UTC day a batch; they are published in one step.

    `history` is any text: another text is another history of the same product, with other numbers and the same
    causes. Watermarks, in microseconds UTC: `from:PROJECT` and `upto:PROJECT`, as for a LangSmith source, and
    `history:HISTORY`, which says whose they are.

    Raises:
        InputError: the ledger holds another history of this source; both would be added up.
    """
    _refuse_another(watermarks, source, history)
    wanted = _wanted(window, watermarks, full)
    if wanted is None:
        return
    start, end = wanted
    begins = range(start // DAY * DAY, end, DAY)
    calls = 0
    for number, day in enumerate(begins, start=1):
        batch = _between(calls_of_day(day, history, source, dimensions), start, end)
        calls += len(batch)
        last = number == len(begins)
        yield Batch(calls=batch, watermarks=_marks(watermarks, start, end, history) if last else None)
        on_progress(Progress(number, len(begins), calls, 0))


def holds_all(watermarks: Mapping[str, int]) -> bool:
    """Whether these are the watermarks of all 60 days of today's history."""
    return f"history:{HISTORY}" in watermarks and all(
        watermarks.get(f"from:{project}") == product.BEGIN
        and watermarks.get(f"upto:{project}") == product.END
        for project in PROJECTS
    )


def _refuse_another(watermarks: Mapping[str, int], source: str, history: str) -> None:
    held = [key.removeprefix("history:") for key in watermarks if key.startswith("history:")]
    if any(name != history for name in held):
        raise InputError(
            f"The ledger holds history {held[0]!r} of source {source!r}, not {history!r}: their calls would be "
            "added up. Pull into another ledger folder."
        )


def _wanted(window: Window, watermarks: Mapping[str, int], full: bool) -> tuple[int, int] | None:
    """What to read, so that what is held stays one stretch without a gap; none: it is all there.

    Worked example, in days: held [10, 20), asked [12, 25) -> [20, 25). Asked [5, 12) -> [5, 10).
    Asked [22, 25) -> [20, 25). With `full`, asked [12, 15) -> [12, 15), asked [22, 25) -> [20, 25).
    """
    start, end = max(_micros(window.start), product.BEGIN), min(_micros(window.end), product.END)
    since, upto = watermarks.get(f"from:{PROJECTS[0]}"), watermarks.get(f"upto:{PROJECTS[0]}")
    if start >= end:
        return None
    if since is None or upto is None:
        return start, end
    if full:
        return min(start, upto), max(end, since)
    if start >= since:
        start = upto
    elif end <= upto:
        end = since
    return (start, end) if start < end else None


def _marks(watermarks: Mapping[str, int], start: int, end: int, history: str) -> dict[str, int]:
    """What is held once [start, end) is, too."""
    marks = {f"history:{history}": product.END}
    for project in PROJECTS:
        marks[f"from:{project}"] = min(start, watermarks.get(f"from:{project}", start))
        marks[f"upto:{project}"] = max(end, watermarks.get(f"upto:{project}", end))
    return marks


def _between(calls: list[Call], start: int, end: int) -> list[Call]:
    return [call for call in calls if start <= call.started_at < end]


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
