"""The pictures of coverage: how the owners were found, and the places that have none."""

from collections.abc import Iterable, Mapping, Sequence

from whyspend.model import Chart, TableColumn
from whyspend.reports._pictures import ranked
from whyspend.reports.coverage.amounts import Amount, usd
from whyspend.reports.coverage.split import ADJUSTMENT, ORDER, Split

COLORS: Mapping[str, int] = {"tagged": 0, "inherited": 4, "environment": 2, "by rule": 1}


def pictures(dimension: str, parts: Split, places: Sequence[tuple[str, Amount]]) -> Iterable[Chart]:
    """Dollars by how an owner was found, a bar for each dimension; and the places of the dimension without one."""
    owners = [owner for owner in (*ORDER, ADJUSTMENT) if any(owner in own for own in parts.values())]
    rows = tuple(
        (name, *(usd(own[owner].cost) if owner in own else None for owner in owners))
        for name, own in parts.items()
    )
    if owners:
        columns = (TableColumn("dimension", "text"), *(TableColumn(owner, "usd") for owner in owners))
        yield Chart("shares", "How owners were found", columns, rows, colors=COLORS)
    bars = [(name, usd(amount.cost), None) for name, amount in places]
    named = (TableColumn("place", "text"), TableColumn("cost_usd", "usd"))
    yield from ranked(
        f"Dollars without {dimension}, by place", named, bars, colors=dict.fromkeys(dict(places), 0)
    )
