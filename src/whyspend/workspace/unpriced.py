"""The calls of some days that have no price, with what is at stake."""

from whyspend.model import USAGE_COLUMNS, Window
from whyspend.pricing import view
from whyspend.pricing.plan import REPORTED, Basis, plan, span_of, split
from whyspend.pricing.stakes import Stake, Unpriced, stake
from whyspend.workspace import Workspace
from whyspend.workspace.windows import micros

UNPRICED = """
SELECT asked, coalesce(reason, ''), CAST(sum(calls - priced_calls) AS BIGINT), {used}
FROM ({spend}) spent WHERE asked <> '{reported}'
GROUP BY ALL HAVING sum(calls - priced_calls) > 0
"""
"""Tokens only of calls that all have no price: beside priced calls stand such without any counts."""

USED = "CAST(coalesce(sum(of_{bucket}) FILTER (WHERE priced_calls = 0), 0) AS BIGINT)"


def unpriced(place: Workspace, asked: Window) -> list[tuple[Unpriced, Stake]]:
    """The unpriced calls of a window by name and reason, the most dollars at stake first."""
    start, end = micros(asked.start), micros(asked.end)
    book = place.prices.current.book
    found = [(calls, stake(book, calls, start, end)) for calls in _unpriced(place, asked)]
    return sorted(found, key=lambda each: (-(each[1].usd or 0), -each[0].calls, each[0].model or ""))


def _unpriced(place: Workspace, asked: Window) -> list[Unpriced]:
    extent = place.ledger.snapshot().between(asked.start, asked.end)
    if not extent.files:
        return []
    made = plan(place.prices, span_of(extent), Basis(), place.engine, place.attribution)
    view.offer(made, place.engine)
    buckets = [bucket for bucket in USAGE_COLUMNS if bucket in extent.used]
    spend = view.spend(
        made,
        place.engine,
        extent.relation(place.engine, place.config.dimensions),
        {"asked": "price_key"},
        measures={f"of_{bucket}": bucket for bucket in buckets},
    )
    used = ", ".join(USED.format(bucket=bucket) for bucket in buckets) or "0"
    rows = place.engine.rows(UNPRICED.format(used=used, spend=spend, reported=REPORTED))
    return [
        Unpriced(*split(key), reason, calls, {b: n for b, n in zip(buckets, amounts, strict=False) if n})
        for key, reason, calls, *amounts in rows
    ]
