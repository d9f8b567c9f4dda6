"""Where one series will end in a period, as cells: what is spent is exact, what is to come an estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

from whyspend.model import Cell, TableColumn
from whyspend.spelling import cents, money
from whyspend.trends.forecast import EARLIEST, MEDIAN_FROM, Days, Outlook, days, forecast
from whyspend.trends.intervals import Interval, intervals

FIGURES = (
    TableColumn("spent_usd", "usd"),
    TableColumn("rest_usd", "usd", derived=True),
    TableColumn("forecast_usd", "usd"),
    TableColumn("low_80_usd", "usd"),
    TableColumn("high_80_usd", "usd"),
    TableColumn("low_95_usd", "usd"),
    TableColumn("high_95_usd", "usd"),
)

BASIS = TableColumn("basis", "text", derived=True)

_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)


@dataclass(frozen=True)
class Present:
    """What is known when, of a period."""

    since: date
    """The first day of the period."""
    today: date
    """The last day that may hold calls."""
    held: date
    """The first whole day that the ledger holds."""
    last: date
    """The last day that is whole and was pulled."""
    ahead: Sequence[tuple[date, float]]
    """The days after it that are in the period, with the share of each that is not known yet."""

    @property
    def seen(self) -> date:
        """The last day of which anything is known."""
        return next((day for day, share in self.ahead[:1] if share < 1), self.last)


@dataclass(frozen=True)
class Ending:
    """Where a series will end."""

    spent: Decimal | None
    """Exact; None: no price is known."""
    outlook: Outlook
    inside: Sequence[Interval]

    @property
    def forecast(self) -> Decimal | None:
        """What is spent and an estimate of the rest, to the cent; None where it is too early."""
        return self.at(self.outlook.rest)

    def at(self, rest: float | None) -> Decimal | None:
        """What is spent, and so much more."""
        if self.spent is None or rest is None:
            return None
        return cents(_EXACT.add(self.spent, Decimal(rest)))

    def cells(self) -> dict[str, Cell]:
        """By the names of FIGURES, and `basis`."""
        bounds = {f"low_{each.level:.0%}".rstrip("%") + "_usd": self.at(each.low) for each in self.inside}
        bounds |= {f"high_{each.level:.0%}".rstrip("%") + "_usd": self.at(each.high) for each in self.inside}
        rest = self.outlook.rest
        return {
            **dict.fromkeys(column.name for column in FIGURES),
            "spent_usd": self.spent,
            "rest_usd": None if rest is None or self.spent is None else cents(Decimal(rest)),
            "forecast_usd": self.forecast,
            **bounds,
            BASIS.name: short(self.outlook),
        }


def ending(amounts: Mapping[date, float], spent: Decimal | None, present: Present) -> Ending:
    """The forecast of a series of dollars a day.

    Days after the last pull are expected as any other; what the ledger holds of them already is spent, and only the
    rest is still to come.
    """
    held = days(amounts, present.held, present.last)
    outlook = forecast(held, present.ahead)
    began = any(amounts.get(day) for day, _ in present.ahead)
    if not outlook.history and (began or (present.last - present.held).days + 1 < EARLIEST):
        outlook = Outlook("too early", 0)
    inside = intervals(held, present.ahead, outlook)
    here = _came(amounts, outlook, present)
    if not here:
        return Ending(spent, outlook, inside)
    lower = tuple(
        Interval(each.level, max(each.low - here, 0.0), max(each.high - here, 0.0)) for each in inside
    )
    scale = max((outlook.rest or 0.0) - here, 0.0) / (outlook.rest or 1.0)
    return Ending(spent, replace(outlook, daily=tuple(scale * part for part in outlook.daily)), lower)


def _came(amounts: Mapping[date, float], outlook: Outlook, present: Present) -> float:
    """What came already of days that count as wholly to come, because not every source was pulled so far."""
    return sum(
        min(amounts.get(day, 0.0), told)
        for (day, share), told in zip(present.ahead, outlook.daily, strict=False)
        if day <= present.today and share == 1
    )


def short(outlook: Outlook) -> str:
    """What an outlook rests on, in a few words."""
    if outlook.method == "too early":
        return f"too early: {outlook.history} of {EARLIEST} days"
    said = {
        "nothing": "nothing so far",
        "ended": f"nothing since {outlook.since}",
        "mean": "weekday mean",
        "median": "weekday median",
        "drift": "weekdays and drift",
    }[outlook.method]
    if outlook.since and outlook.method != "ended":
        said += f" since {outlook.since}"
    return said + (", monthly job" if outlook.months else "")


def why_no_interval(outlook: Outlook) -> str:
    """Why there is a figure without an interval; empty where that is not so."""
    if outlook.method == "mean" and outlook.history < MEDIAN_FROM:
        return (
            f"No interval: {outlook.history} days of history are too few for one that holds; "
            f"it takes {MEDIAN_FROM}."
        )
    return ""


def rate(held: Days) -> str:
    """How it went so far, in words, where it is too early for a forecast; empty where nothing is known."""
    if not held.amounts:
        return ""
    said = cents(Decimal(sum(held.amounts) / len(held.amounts)))
    return f"So far it was {money(said)} a day, over {len(held.amounts)} whole days; that is no forecast."


def dollars(amount: Decimal | None) -> str:
    """Dollars for people, which may be unknown."""
    return "unknown" if amount is None else money(amount)
