"""When a budget begins and ends: calendar arithmetic in a time zone. A day of 23 hours is a day."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from whyspend.model import Window

PERIODS = ("hour", "day", "week", "month", "quarter")
TIMES = ("hour", "day", "week", "month")
"""Words of `--by` that no filter can have."""

LONGEST_ROLLING = 366

_ROLLING = re.compile(r"rolling ([1-9][0-9]{0,2})d")
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """One period of a budget."""

    period: str
    timezone: str
    since: date
    until: date
    """The local days that it lies in, both inclusive."""
    start: datetime
    end: datetime
    """UTC, half open."""
    name: str
    """Different from any other span of the period, but for a rolling one, which has no end: `2026-11`, `2026-Q4`."""

    @property
    def is_rolling(self) -> bool:
        """Whether it moves with every day."""
        return self.period.startswith("rolling")

    @property
    def window(self) -> Window:
        """Its days as the window of a question."""
        return Window(self.since, self.until, self.timezone, *_bounds(self.since, self.until, self.timezone))


def is_period(period: str) -> bool:
    """Whether a text is a period."""
    return period in PERIODS or 0 < rolling_days(period) <= LONGEST_ROLLING


def rolling_days(period: str) -> int:
    """The days of `rolling 30d`; 0 for any other period."""
    match = _ROLLING.fullmatch(period)
    return int(match[1]) if match else 0


def span(period: str, timezone: str, at: datetime) -> Span:
    """The period that an instant is in.

    Europe/Berlin, month, 2026-10-31 23:30 UTC: that is November there, so 2026-11-01 to 2026-11-30, from
    2026-10-31 23:00 UTC on. An hour is 60 minutes that begin on the local full hour.
    """
    zone = ZoneInfo(timezone)
    local = at.astimezone(zone)
    day = local.date()
    if period == "hour":
        offset = local.utcoffset() or timedelta()
        full = (at.astimezone(UTC) + offset).replace(minute=0, second=0, microsecond=0) - offset
        named = full.astimezone(zone)
        return Span(
            period, timezone, named.date(), named.date(), full, full + _HOUR, f"{named:%Y-%m-%dT%H%z}"
        )
    if days := rolling_days(period):
        return _of_days(period, timezone, day - (days - 1) * _DAY, day, period)
    if period == "day":
        return _of_days(period, timezone, day, day, f"{day}")
    if period == "week":
        monday = day - day.weekday() * _DAY
        year, week, _ = day.isocalendar()
        return _of_days(period, timezone, monday, monday + 6 * _DAY, f"{year}-W{week:02}")
    if period == "month":
        return _of_days(period, timezone, day.replace(day=1), _last(day.year, day.month), f"{day:%Y-%m}")
    first = 3 * ((day.month - 1) // 3) + 1
    name = f"{day.year}-Q{(day.month + 2) // 3}"
    return _of_days(period, timezone, date(day.year, first, 1), _last(day.year, first + 2), name)


def before(held: Span) -> Span:
    """The period just before; of a rolling one, that of the day before."""
    if held.is_rolling:
        return span(
            held.period, held.timezone, _midnight(held.until, held.timezone) - timedelta(microseconds=1)
        )
    return span(held.period, held.timezone, held.start - timedelta(microseconds=1))


def spans(period: str, timezone: str, start: datetime, end: datetime) -> Iterator[Span]:
    """Every period that has a part in [start, end), in order; of a rolling one, that of each day."""
    at = start
    while at < end:
        found = span(period, timezone, at)
        yield found
        at = _midnight(found.until + _DAY, timezone) if found.is_rolling else found.end


def clock(at: datetime, timezone: str) -> str:
    """An instant as a clock in a time zone shows it: `2026-10-25 01:00`.

    With its offset from UTC where the clock shows that twice: `2026-10-25 02:00+02:00` and `2026-10-25 02:00+01:00`.
    """
    local = at.astimezone(ZoneInfo(timezone))
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.isoformat(" ", "minutes") if is_twice else f"{local:%Y-%m-%d %H:%M}"


def of_days(since: date, until: date, timezone: str) -> Window:
    """The window of the days [since, until]."""
    return Window(since, until, timezone, *_bounds(since, until, timezone))


def _of_days(period: str, timezone: str, since: date, until: date, name: str) -> Span:
    return Span(period, timezone, since, until, *_bounds(since, until, timezone), name)


def _bounds(since: date, until: date, timezone: str) -> tuple[datetime, datetime]:
    return _midnight(since, timezone), _midnight(until + _DAY, timezone)


def _midnight(day: date, timezone: str) -> datetime:
    """The first instant of a local day, UTC, also where the clock skips midnight."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def _last(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - _DAY
