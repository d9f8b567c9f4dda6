"""What the calls of a span of time cost, by price key: the figures that closing and updating prices rest on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from whyspend.ledger import Extent, Snapshot
from whyspend.model import Engine
from whyspend.pricing import view
from whyspend.pricing.plan import Basis, Prices, plan, span_of
from whyspend.workspace.windows import instant

SPENT = """
SELECT asked, CAST(sum(calls) AS BIGINT), CAST(sum(priced_calls) AS BIGINT), CAST(sum(cost) AS VARCHAR)
FROM ({spend}) spent GROUP BY asked ORDER BY asked
"""


@dataclass(frozen=True)
class Spent:
    """What calls cost together."""

    calls: int = 0
    priced: int = 0
    """Calls with a price."""
    units: int | None = None
    """1e-24 dollars; None: no call has a price."""


def spent(
    snapshot: Snapshot,
    prices: Prices,
    start: int,
    end: int,
    engine: Engine,
    attribution: Mapping[str, str],
) -> dict[str, Spent]:
    """What the calls that began in [start, end), microseconds UTC, cost at these prices, by price key."""
    extent = snapshot.between(instant(start), instant(end))
    if not extent.files:
        return {}
    made = plan(
        prices,
        span_of(extent),
        Basis(),
        engine,
        owners(prices, attribution, engine),
    )
    view.offer(made, engine)
    relation = view.spend(made, engine, extent.relation(engine, tuple(attribution)), {"asked": "price_key"})
    return {
        key: Spent(calls, priced, None if cost is None else int(cost))
        for key, calls, priced, cost in engine.rows(SPENT.format(spend=relation))
    }


def owners(prices: Prices, attribution: Mapping[str, str], engine: Engine) -> dict[str, str]:
    """The SQL of each dimension that a discount may look at.

    A closed month may have one on a dimension that is configured no longer: that is in the metadata then.
    """
    named = {name for era in prices.eras for discount in era.discounts for name in discount.where}
    gone = sorted(named - attribution.keys())
    return {
        **attribution,
        **{name: f"nullif(trim({engine.json_text('metadata', name)}), '')" for name in gone},
    }


def together(parts: Iterable[Spent]) -> Spent:
    """Several as one."""
    calls = priced = 0
    units: int | None = None
    for part in parts:
        calls, priced = calls + part.calls, priced + part.priced
        if part.units is not None:
            units = part.units + (units or 0)
    return Spent(calls, priced, units)


def calls_between(snapshot: Snapshot, start: int, end: int, engine: Engine, dimensions: Sequence[str]) -> int:
    """How many calls began in [start, end), microseconds UTC; days that lie within are not read for it."""
    extent = snapshot.between(instant(start), instant(end))
    inside = [file for file in extent.files if file.first >= start and file.last < end]
    edge = Extent(extent.root, tuple(file for file in extent.files if file not in inside), start, end)
    ((calls,),) = engine.rows(f"SELECT count(*) FROM {edge.relation(engine, dimensions)}")
    return sum(file.rows for file in inside) + int(calls)
