"""What of a LangSmith project must still be read, and what is held once it was. No input, no output.

All times are microseconds since the epoch, UTC; all spans are half-open, `[start, end)`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

REREAD = 48 * HOUR
"""LangSmith takes runs and their ends for 24 h after the start: each pull reads twice that again."""

SEAM = HOUR
"""Longer than any LLM call that is wrapped in another one."""

PATIENCE = 7 * DAY
"""A run that has not ended for so long never will; until then the watermark waits for it."""


@dataclass(frozen=True)
class Held:
    """What the ledger holds of one project: everything that started in `[since, upto)`, without a gap."""

    since: int
    upto: int
    older_since: int = 0
    older_upto: int = 0
    """`[older_since, older_upto)`: how far a read of older days has come that was asked for later and has not
    yet reached `since`. Empty (0, 0) when there is none."""


@dataclass(frozen=True)
class Span:
    """A stretch to read. What is held afterwards reaches back to `base`, even from an earlier pull."""

    base: int
    start: int
    end: int


def held(watermarks: Mapping[str, int], project: str) -> Held | None:
    """What the watermarks say of a project; none: it was never pulled."""
    upto = watermarks.get(f"upto:{project}")
    if upto is None:
        return None
    since = watermarks.get(f"from:{project}", upto)
    older_since = watermarks.get(f"older_from:{project}", since)
    older_upto = watermarks.get(f"older_upto:{project}", since)
    if older_since < older_upto < since:
        return Held(since, upto, older_since, older_upto)
    return Held(since, upto)


def watermarks(project: str, now_held: Held) -> dict[str, int]:
    """The same, as the ledger keeps it."""
    kept = {f"from:{project}": now_held.since, f"upto:{project}": now_held.upto}
    if now_held.older_upto:
        kept |= {
            f"older_from:{project}": now_held.older_since,
            f"older_upto:{project}": now_held.older_upto,
        }
    return kept


def spans(before: Held | None, start: int, end: int, full: bool) -> tuple[Span, ...]:
    """What to read so that `[start, end)` is held, without a gap to what is held already; oldest first.

    Never pulled: all of it. Else the last 48 h again and all that came since, even where `start` is later;
    and what `start` reaches further back than `since`, up to it. With `full`, all that was asked for again.

    Worked example, in days: held [10, 20), asked [12, 21) -> [18, 21). Asked [5, 21) -> [5, 10) and [18, 21).
    Asked [25, 26) -> [18, 26): a gap would be a wrong total for ever.
    """
    if before is None:
        return (Span(start, start, end),) if start < end else ()
    if full:
        first, last = min(start, before.upto), max(end, before.since)
        return (Span(first, first, _with_seam(before, last)),)
    found = []
    if start < before.since or before.older_upto:
        found.append(_older(before, start))
    again = max(before.since, before.upto - REREAD)
    if again < end:
        found.append(Span(again, again, _with_seam(before, end)))
    return tuple(found)


def _older(before: Held, start: int) -> Span:
    """From the asked start, or from where an interrupted read of older days stopped, to what is held."""
    end = _with_seam(before, before.since)
    if before.older_upto and before.older_since <= start:
        return Span(before.older_since, max(before.older_since, before.older_upto - REREAD), end)
    return Span(start, start, end)


def _with_seam(before: Held, end: int) -> int:
    """A little of what is held is read again, so that an outer run before the seam meets its inner run."""
    return max(end, min(end + SEAM, before.upto))


def after(before: Held | None, span: Span, upto: int) -> Held | None:
    """What is held once the span has been read up to an instant; as before where that is no progress."""
    if upto <= span.start:
        return before
    if before is None:
        return Held(span.base, upto)
    if upto < before.since:
        return Held(before.since, before.upto, span.base, upto)
    joined = Held(min(span.base, before.since), max(upto, before.upto))
    if joined.since < before.since or not before.older_upto:
        return joined
    return Held(joined.since, joined.upto, before.older_since, before.older_upto)


def waits_for(pending_since: int, now: int) -> bool:
    """Whether a run that has not ended is young enough that the watermark may not leave it behind.

    The next pull reads from the watermark less 48 h. So the watermark stops 48 h after the oldest such run.
    """
    return pending_since > now - PATIENCE


def days(span: Span) -> Iterator[tuple[int, int]]:
    """The UTC days of a span, the first and the last cut to it."""
    start = span.start
    while start < span.end:
        end = min(span.end, (start // DAY + 1) * DAY)
        yield start, end
        start = end


def parts(start: int, end: int, count: int) -> list[tuple[int, int]]:
    """A stretch in that many equal parts, at least a second each."""
    count = max(1, min(count, (end - start) // SECOND))
    edges = [start + (end - start) * i // count for i in range(count + 1)]
    return [(edges[i], edges[i + 1]) for i in range(count)]


def micros(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(since_epoch: int) -> datetime:
    """The other way round, in UTC."""
    return _EPOCH + timedelta(microseconds=since_epoch)
