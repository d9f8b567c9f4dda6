"""What free quotas take off each day, as adjustments: see pricing.quotas for the rule."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from whyspend.ledger import Snapshot
from whyspend.model import Engine
from whyspend.money import usd
from whyspend.pricing.plan import CALLS, Basis, Prices, plan, span_of, split
from whyspend.pricing.quotas import FreeQuota, Used, given_free
from whyspend.workspace.adjusting import Adjustment
from whyspend.workspace.spending import owners
from whyspend.workspace.windows import micros

USED = """
SELECT {day}, price_key, {slot} AS slot, {units} FROM {calls} GROUP BY {groups}
"""

Quotas = Sequence[tuple[int, int, Sequence[FreeQuota]]]
"""(start, end, the quotas that hold between), microseconds UTC; a UTC day has those of its first instant."""


def adjustments(
    first: date,
    last: date,
    quotas: Quotas,
    snapshot: Snapshot,
    prices: Prices,
    engine: Engine,
    attribution: Mapping[str, str],
) -> list[Adjustment]:
    """What quotas take off the UTC days [first, last]. Earlier days of a month use up its quota too."""
    asked = [
        (start, end, own) for start, end, own in quotas if own and start < _midnight(last + timedelta(1))
    ]
    units = sorted({quota.unit for _, _, own in asked for quota in own})
    if not units:
        return []
    used = list(_used(first.replace(day=1), last, units, snapshot, prices, engine, attribution))
    return [
        Adjustment(free.day, free.provider, free.model, usd(-free.cost) or Decimal(0), free.reason)
        for start, end, own in asked
        for free in given_free(own, used)
        if free.day >= first and start <= _midnight(free.day) < end
    ]


def _used(
    first: date,
    last: date,
    units: Sequence[str],
    snapshot: Snapshot,
    prices: Prices,
    engine: Engine,
    attribution: Mapping[str, str],
) -> Iterator[tuple[str, Used]]:
    """How much of each unit was used, by UTC day, model and price."""
    begin, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    extent = snapshot.between(begin, end)
    made = plan(prices, span_of(extent), Basis(), engine, owners(prices, attribution, engine))
    priced = {(row.price_key, row.slot): row for row in made.rows}
    sql = USED.format(
        day=engine.day_number("day"),
        slot=made.slot,
        units=", ".join("count(*)" if unit == CALLS else f"CAST(sum({unit}) AS BIGINT)" for unit in units),
        calls=extent.relation(engine, tuple(attribution)),
        groups=", ".join(("1", "2", *(() if made.slot.isdigit() else ("3",)))),
    )
    for day, key, slot, *amounts in engine.rows(sql):
        row = priced[key, slot]
        provider, model, _ = split(key)
        for unit, amount in zip(units, amounts, strict=True):
            rate = (row.rates or {}).get(unit, 0) * row.factor
            if amount and rate:
                yield unit, Used(date(1970, 1, 1) + timedelta(days=day), provider, model, amount, rate)


def _midnight(day: date) -> int:
    return micros(datetime.combine(day, time(), UTC))
