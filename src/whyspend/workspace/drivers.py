"""Why a spend moved, a sentence a cause: what alerts, budgets and anomalies carry.

Explaining needs an import that nothing else here does, so it is made where something has to be explained.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from whyspend.model import Window
from whyspend.money import usd
from whyspend.workspace.adjusting import dollars
from whyspend.workspace.data import Data
from whyspend.workspace.windows import of_days

if TYPE_CHECKING:
    from whyspend.causes.cells import Cells, Pair

DEAREST = """
SELECT {owner}, model, CAST(sum(cost) AS VARCHAR) FROM answer WHERE cost IS NOT NULL GROUP BY 1, 2
ORDER BY sum(cost) DESC, 1, 2 LIMIT {most}
"""

MOST = 3

WORTH_IT = Decimal("0.1")
"""Of the largest cause: what is less is left to `explain`."""

USUAL_WEEKS = 4

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)

Told = Iterable[tuple[Decimal, str]]
"""Dollars and a sentence each."""


def grown(data: Data, days: Window, condition: str = "") -> tuple[str, ...]:
    """The causes of what the days cost more than as many days before, the largest first; at most 3.

    None where the ledger does not hold the days before, nothing grew, or costs are as recorded.

    Args:
        data: the view of the ledger.
        days: which days.
        condition: SQL over a ledger row; empty for all calls.
    """
    part = _part(data, days, condition)
    held = data.held_since
    if held is None or held > part.earlier.start or data.basis.kind == "recorded":
        return ()
    from whyspend.reports import explain
    from whyspend.workspace.comparing import compare

    return _said(explain.told(compare(part, part.earlier)), rising=True)


def dearest(data: Data, days: Window, condition: str = "") -> tuple[str, ...]:
    """The owners and models that some days cost most for, a line each; at most 3. Arguments as in `grown`."""
    part = _part(data, days, condition)
    owner = part.key(data.dimensions[0])
    part.added_up([owner])
    found = part.rows(DEAREST.format(owner=owner.column, most=MOST))
    return tuple(
        f"{part.label(owner, name)}, {model or 'no model name'}: {dollars(_usd(cost))}"
        for name, model, cost in found
    )


def moved(data: Data, days: tuple[date, date], first: date, *, of: str = "", rising: bool) -> tuple[str, ...]:
    """The causes of what some days cost more (or less) than usual days before them, the largest first; at most 3.

    The days are held against the four weeks before them (as many as there are since `first`), per day and with the
    weekdays told apart, as `explain` does it. A Tuesday of $30 after four weeks of $70 each, on five equal
    weekdays, is $30 against $14: the causes share +$16.

    Args:
        data: the view of the ledger, filters included.
        days: the local days, both inclusive.
        first: the first local day that counts as usual, a week before at the latest.
        of: whose calls these are, as people read it: sentences need not say it again.
        rising: whether causes of more are asked for, or of less.
    """
    since, until = days
    weeks = min((since - first).days // 7, USUAL_WEEKS)
    if weeks < 1 or data.basis.kind == "recorded":
        return ()
    from whyspend.reports import explain
    from whyspend.workspace.comparing import compare

    zone = data.window.timezone
    found = compare(data.of(of_days(since, until, zone)), of_days(since - weeks * _WEEK, since - _DAY, zone))
    usual_days = found.cells.days[0]
    told = explain.told(replace(found, cells=_as_often(found.cells)), without={"calendar"})
    return _said(((amount / usual_days, said) for amount, said in told), rising=rising, of=of)


def _as_often(cells: "Cells") -> "Cells":
    """Two windows as if they had the same number of days: each counted as often as the other has days.

    One day against 28: the day counts 28 times, the 28 days once.
    """
    days, later_days = cells.days
    times = (later_days, days)

    def counted(pair: "Pair") -> "Pair":
        return pair[0] * times[0], pair[1] * times[1]

    return replace(
        cells,
        days=counted(cells.days),
        calls=[
            row._replace(
                calls=counted(row.calls),
                requests=counted(row.requests),
                priced=counted(row.priced),
                thinned=(row.thinned[0] * times[0], row.thinned[1] * times[1]),
            )
            for row in cells.calls
        ],
        usage=[
            row._replace(units=counted(row.units), listed=counted(row.listed), cost=counted(row.cost))
            for row in cells.usage
        ],
    )


def _said(told: Told, *, rising: bool, of: str = "") -> tuple[str, ...]:
    """Those of one direction that are worth a line."""
    same_way = [(amount, said) for amount, said in told if amount and (amount > 0) is rising]
    least = WORTH_IT * max((abs(amount) for amount, _ in same_way), default=Decimal(0))
    kept: Sequence[tuple[Decimal, str]] = [each for each in same_way if abs(each[0]) >= least][:MOST]
    return tuple(f"{dollars(amount, signed=True)} {_short(said, of)}" for amount, said in kept)


def _short(said: str, of: str) -> str:
    """A sentence of explain, without whose calls these are, and without a word on chance: an alert is about none."""
    said = said.removesuffix(", within normal variation")
    if not of:
        return said
    said = said.removeprefix("everywhere: ").removeprefix(f"{of}: ")
    return said.removeprefix(f"{of}, ")


def _part(data: Data, days: Window, condition: str) -> Data:
    asked = replace(data, window=days, where=())
    return asked.narrowed(condition) if condition else asked


def _usd(units: Any) -> Decimal:
    return usd(int(units)) or Decimal(0)
