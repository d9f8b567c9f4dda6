"""How good the forecast would have been: past months of the ledger as they looked then, and how they ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Context, Decimal
from statistics import median
from typing import Any

from whyspend.model import Cell, Table, TableColumn
from whyspend.money import usd
from whyspend.reports.forecast.ending import FIGURES, Ending, Present, ending
from whyspend.reports.forecast.pictures import of_months
from whyspend.reports.forecast.reading import Daily, read
from whyspend.trends.forecast import EARLIEST, HISTORY_DAYS

SEEN_ON = (5, 15, 25)
MOST_MONTHS = 12

COLUMNS = (
    TableColumn("month", "text"),
    TableColumn("seen", "date"),
    *FIGURES[:1],
    *FIGURES[2:5],
    *(replace(column, derived=True) for column in FIGURES[5:]),  # `inside` says what matters of the wider one
    TableColumn("actual_usd", "usd"),
    TableColumn("error", "share"),
    TableColumn("inside", "text"),
)
"""`error`: of the forecast, as a share of what the month came to; `inside`: the narrowest interval that held."""

_EXACT = Context(prec=100)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Look:
    """A past month as it looked at the end of one of its days."""

    month: date
    seen: date
    told: Ending
    actual: Decimal
    ahead: Sequence[date]
    """The days that were still to come."""

    @property
    def error(self) -> Decimal | None:
        """By how much the forecast was too high, as a share of the actual; None where there is none."""
        if self.told.forecast is None or not self.actual:
            return None
        return round(_EXACT.divide(self.told.forecast - self.actual, self.actual), 12)

    @property
    def inside(self) -> str:
        """`80 %`, `95 %`, `no`, or nothing where no interval was given."""
        for each in self.told.inside:
            low, high = self.told.at(each.low), self.told.at(each.high)
            if low is not None and high is not None and low <= self.actual <= high:
                return f"{each.level:.0%}".replace("%", " %")
        return "no" if self.told.inside else ""


def answer(data: Any, held: date, today: date) -> Table:
    """One row for each whole month of the last twelve, and day of it; the newest month first."""
    months = list(_months(held, today))
    first = max(held, min([*months, today]) - HISTORY_DAYS * _DAY)
    view = data.watch.between(data, min(first, today), today)
    daily = read(view, [], today, 0).whole
    trust = view.trust()
    looks = [look for month in months for look in _looks(daily, month, held)]
    return Table(
        report="forecast",
        window=view.window,
        columns=COLUMNS,
        rows=tuple(tuple(row[column.name] for column in COLUMNS) for row in map(_row, looks)),
        total={},
        trust=trust,
        notes=(*_notes(looks, months), *view.unpriced_notes(), *data.empty_notes(trust.calls)),
        headline=_headline(looks),
        charts=tuple(of_months(looks, daily)) if data.pictures else (),
    )


def _months(held: date, today: date) -> Iterator[date]:
    """The first days of whole months that are held, the newest first."""
    month = today.replace(day=1)
    for _ in range(MOST_MONTHS):
        month = (month - _DAY).replace(day=1)
        if month < held:
            return
        yield month


def _looks(daily: Daily, month: date, held: date) -> Iterator[Look]:
    end = (month + 31 * _DAY).replace(day=1) - _DAY
    actual = daily.spent(month, end)
    if actual is None:
        return
    amounts = daily.dollars()
    for number in SEEN_ON:
        seen = month.replace(day=number)
        units = daily.spent(month, seen)
        ahead = [(seen + n * _DAY, 1.0) for n in range(1, (end - seen).days + 1)]
        known = {day: amount for day, amount in amounts.items() if day <= seen}
        told = ending(known, None if units is None else usd(units), Present(month, seen, held, seen, ahead))
        yield Look(month, seen, told, usd(actual), [day for day, _ in ahead])


def _row(look: Look) -> dict[str, Cell]:
    return {
        **look.told.cells(),
        "month": f"{look.month:%Y-%m}",
        "seen": look.seen,
        "actual_usd": look.actual,
        "error": look.error,
        "inside": look.inside,
    }


def _headline(looks: Sequence[Look]) -> str:
    parts = []
    for number in SEEN_ON:
        errors = [abs(look.error) for look in looks if look.seen.day == number and look.error is not None]
        if errors:
            parts.append(f"{100 * median(errors):.1f} % off on day {number}")
    return f"The forecast of a month would have been, in the middle, {', '.join(parts)}." if parts else ""


def _notes(looks: Sequence[Look], months: Sequence[date]) -> list[str]:
    if not months:
        return ["No whole past month is held yet. Ask again when one is over, or pull further back."]
    notes = []
    given = [look for look in looks if look.told.inside]
    if given:
        narrow = sum(look.inside == "80 %" for look in given)
        wide = narrow + sum(look.inside == "95 %" for look in given)
        notes.append(
            f"The 80 % interval held {narrow} of {len(given)} times, the 95 % interval {wide}. "
            "The three looks at one month are not independent."
        )
    early = sum(look.told.forecast is None for look in looks)
    if early:
        notes.append(
            f"{early} of {len(looks)} looks were too early: less than {EARLIEST} days of history then."
        )
    notes.append("Of calls only: what is booked beside them is left out.")
    return notes
