"""From `--since 7d` to a Window: whole days in a time zone, half-open UTC instants inside."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from whyspend.errors import UsageError, nearest
from whyspend.model import Window

EARLIEST, LATEST = date(1990, 1, 1), date(2199, 12, 31)
"""No call of a model lies outside, and the days before and after can still be reckoned with."""

_AGO = re.compile(r"(\d{1,5})([dwm])")
_DAYS = {"d": 1, "w": 7}


def zone(name: str) -> ZoneInfo:
    """The time zone of a name.

    Raises:
        UsageError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"There is no time zone '{name}'.{nearest(name, available_timezones())} "
            "Give an IANA name such as Europe/Berlin."
        ) from None


def window(since: str, until: str, timezone: str, now: datetime) -> Window:
    """The days that a question is about.

    Args:
        since: the first day: `2026-11-01`, `7d` (7 whole days and today), `2w`, `3m`, `today`, `yesterday`;
            empty: `7d`.
        until: the last day, inclusive, in the same forms; empty: today.
        timezone: IANA name in which the days begin and end.
        now: the present instant, with its zone.

    Raises:
        UsageError: a form that is not known, days in the wrong order, or far from any that can hold calls.
    """
    tz = zone(timezone)
    today = now.astimezone(tz).date()
    last = _day(until, today, "--until") if until else today
    first = _day(since, today, "--since") if since else today - timedelta(days=7)
    if since == "" and until:
        first = last - timedelta(days=7)
    if first > last:
        raise UsageError(f"--since {first} is after --until {last}. Give the earlier day as --since.")
    if first < EARLIEST or last > LATEST:
        raise UsageError(
            f"The days {first} to {last} are not between {EARLIEST} and {LATEST}. Give others as --since and --until."
        )
    return of_days(first, last, timezone)


def of_days(first: date, last: date, timezone: str) -> Window:
    """The window of the days [first, last]."""
    tz = zone(timezone)
    start = datetime.combine(first, time(), tz).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), tz).astimezone(UTC)
    return Window(first, last, timezone, start, end)


def before(asked: Window) -> Window:
    """The window of the same number of days just before."""
    days = (asked.until - asked.since).days + 1
    return of_days(asked.since - timedelta(days=days), asked.since - timedelta(days=1), asked.timezone)


PREVIOUS = "previous"
LAST_WEEK, LAST_MONTH, SAME_DAYS = "last-week", "last-month", "same-days-last-month"


def against(text: str, asked: Window, now: datetime) -> Window:
    """The window that another one is compared with.

    Args:
        text: `previous` (or empty): as many days just before; `last-week`: the same weekdays, seven days earlier;
            `last-month`: the whole month before the one in which the window begins; `same-days-last-month`: the same
            day numbers a month earlier, at most the last of that month (31 March is compared with 28 February);
            `FROM..TO`: two days, both inclusive, each in the forms of `--since`.
        asked: the window that is asked about; its time zone holds for both.
        now: the present instant, with its zone.

    Raises:
        UsageError: a form that is not known, days in the wrong order, or windows that overlap.
    """
    first, last = _compared(text, asked, now.astimezone(zone(asked.timezone)).date())
    if first > last:
        raise UsageError(f"--against {text} ends before it begins. Give the earlier day first.")
    if first < EARLIEST or last > LATEST:
        raise UsageError(
            f"The days {first} to {last} of --against are not between {EARLIEST} and {LATEST}. Give others."
        )
    if first <= asked.until and last >= asked.since:
        raise UsageError(
            f"--against {text} ({first} to {last}) overlaps {asked.since} to {asked.until}: one day cannot be on both "
            "sides. Give days before or after, as FROM..TO."
        )
    return of_days(first, last, asked.timezone)


def _compared(text: str, asked: Window, today: date) -> tuple[date, date]:
    if text in ("", PREVIOUS):
        earlier = before(asked)
        return earlier.since, earlier.until
    if text == LAST_WEEK:
        return asked.since - timedelta(days=7), asked.until - timedelta(days=7)
    if text == LAST_MONTH:
        return _months_ago(asked.since.replace(day=1), 1), asked.since.replace(day=1) - timedelta(days=1)
    if text == SAME_DAYS:
        return _months_ago(asked.since, 1), _months_ago(asked.until, 1)
    first, dots, last = text.partition("..")
    if not dots:
        named = (PREVIOUS, LAST_WEEK, LAST_MONTH, SAME_DAYS)
        raise UsageError(
            f"--against cannot be '{text[:60]}'.{nearest(text, named)} Give FROM..TO (2026-10-01..2026-10-31, "
            f"14d..8d), {', '.join(named[:-1])} or {named[-1]}."
        )
    return _day(first.strip(), today, "--against"), _day(last.strip(), today, "--against")


def offsets(timezone: str, start: datetime, end: datetime) -> list[tuple[int, int]]:
    """How far local time is ahead of UTC: (from this instant on, by so much), both in microseconds.

    The first entry holds from the start. Europe/Berlin over October 2026:
    [(…, 7_200_000_000), (2026-10-25 01:00 UTC, 3_600_000_000)].
    """
    tz = zone(timezone)
    found: list[tuple[int, int]] = []
    instant = start
    while instant < end or not found:
        offset = _offset(instant, tz)
        if not found or found[-1][1] != offset:
            found.append((micros(_change(instant, tz) if found else instant), offset))
        instant += timedelta(hours=6)
    return found


def _change(instant: datetime, tz: ZoneInfo) -> datetime:
    """The instant within the 6 hours before at which the offset became what it is now."""
    new = _offset(instant, tz)
    low, high = instant - timedelta(hours=6), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if _offset(middle, tz) == new else (middle, high)
    return high.replace(microsecond=0)


def _offset(instant: datetime, tz: ZoneInfo) -> int:
    ahead = instant.astimezone(tz).utcoffset() or timedelta()
    return round(ahead.total_seconds()) * 1_000_000


def micros(instant: datetime) -> int:
    """A whole second, in microseconds since the epoch."""
    return round(instant.timestamp()) * 1_000_000


def instant(micros: int) -> datetime:
    """Microseconds since the epoch as a time, UTC."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _day(text: str, today: date, option: str) -> date:
    if text == "today":
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    if match := _AGO.fullmatch(text):
        count, unit = int(match[1]), match[2]
        try:
            return _months_ago(today, count) if unit == "m" else today - timedelta(days=count * _DAYS[unit])
        except (OverflowError, ValueError):
            raise UsageError(f"{option} {text} lies before the year 1. Give a smaller number.") from None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} cannot be '{text}'. Give a day (2026-11-01), a number of days, weeks or months (7d, 2w, 3m), "
            "today or yesterday."
        ) from None


def _months_ago(day: date, count: int) -> date:
    month = day.year * 12 + day.month - 1 - count
    first = date(month // 12, month % 12 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first.replace(day=min(day.day, (following - timedelta(days=1)).day))
