"""What a look for the unusual needs beside the ledger: planned changes, the floor of dollars, the present."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from whyspend.config.planned import Planned
from whyspend.workspace.data import Data
from whyspend.workspace.drivers import moved
from whyspend.workspace.guarding import condition
from whyspend.workspace.keys import Key
from whyspend.workspace.windows import instant, micros, of_days, zone

DAILY = "SELECT {day}, CAST(sum(cost) AS DOUBLE) / 1e24 FROM answer WHERE cost IS NOT NULL GROUP BY 1"

EXPLAINED = 0.5
"""Of a difference: what makes up so much of it is its cause."""

USUAL_DAYS = 28

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Watch:
    """What is meant, what is worth a word, and until when the days are known."""

    planned: tuple[Planned, ...]
    floor_usd: Decimal
    """What is less in a day is no news."""
    now: datetime

    def between(self, data: Data, first: date, last: date) -> Data:
        """The same question of the days [first, last]."""
        return data.of(of_days(first, last, data.window.timezone))

    def known_days(self, data: Data) -> tuple[date, date, bool] | None:
        """The first and the last local day that the ledger can know of, and whether the last is over.

        The first is held from midnight on. The last is that of the present, or up to which every source was pulled.
        None where nothing is held.
        """
        held, upto = data.held_since, data.trust().complete_until
        if held is None:
            return None
        local = zone(data.window.timezone)
        first = (held - timedelta(microseconds=1)).astimezone(local).date() + _DAY
        end = min(self.now, upto or self.now, data.window.end)
        last = (end - timedelta(microseconds=1)).astimezone(local).date()
        return first, last, end >= of_days(last, last, data.window.timezone).end

    def muted_by(
        self, data: Data, where: tuple[Key, object] | None, days: tuple[date, date], difference: float
    ) -> str:
        """The planned change whose calls make up half of a difference or more; empty: there is none.

        Of its calls, the days on which it holds are held against an average day of the four weeks before.

        Args:
            data: the view of the ledger.
            where: a key and its value; None: all calls that the question is about.
            days: the days with the difference, both inclusive.
            difference: dollars off what was expected.
        """
        for entry in self.planned:
            own = [day for day in _between(*days) if entry.holds_on(day)]
            if own and self._excess(self._narrowed(data, where), entry, days, own) / difference >= EXPLAINED:
                return entry.name
        return ""

    def _excess(self, data: Data, entry: Planned, days: tuple[date, date], own: Sequence[date]) -> float:
        held = data.held_since
        first = days[0] - USUAL_DAYS * _DAY
        if held is not None:
            first = min(max(first, held.astimezone(zone(data.window.timezone)).date()), days[0])
        wide = self.between(data, first, days[1])
        if test := condition(data, entry, first, days[1]):
            wide = wide.narrowed(test)
        time = wide.key("day")
        wide.added_up([time])
        spent: dict[date, float] = {
            date(1970, 1, 1) + number * _DAY: usd for number, usd in wide.rows(DAILY.format(day=time.column))
        }
        before = list(_between(first, days[0] - _DAY))
        usual = sum(spent.get(day, 0.0) for day in before) / max(len(before), 1)
        return sum(spent.get(day, 0.0) - usual for day in own)

    def hours(self, data: Data, day: date, hour: int, days: int) -> list[int]:
        """The instants (microseconds UTC) at which an hour of the clock begins on so many days, the last on `day`."""
        local = datetime(day.year, day.month, day.day, hour, tzinfo=zone(data.window.timezone))
        return [micros(local - back * _DAY) for back in range(days - 1, -1, -1)]

    def clock(self, data: Data, hour: int) -> str:
        """What the clock shows at an instant in microseconds UTC: `14:00`."""
        return f"{instant(hour).astimezone(zone(data.window.timezone)):%H:%M}"

    def drivers(
        self,
        data: Data,
        where: tuple[Key, object] | None,
        days: tuple[date, date],
        first: date,
        *,
        rising: bool,
    ) -> tuple[str, ...]:
        """What made some days dearer (or cheaper) than usual, a sentence each, the largest first.

        Args:
            data: the view of the ledger.
            where: a key and its value; None: all calls that the question is about.
            days: the days in question, both inclusive.
            first: the first day that counts as usual.
            rising: whether they were dearer.
        """
        of = "" if where is None else str(data.label(*where))
        return moved(self._narrowed(data, where), days, first, of=of, rising=rising)

    def _narrowed(self, data: Data, where: tuple[Key, object] | None) -> Data:
        if where is None:
            return data
        key, value = where
        said = data.expression(key)
        return data.narrowed(
            f"({said}) IS NULL" if value is None else f"({said}) = {data.engine.literal(str(value))}"
        )


def _between(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * _DAY
