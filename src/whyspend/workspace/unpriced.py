"""The calls of some days that have no price, with what is at stake."""

from whyspend.model import USAGE_COLUMNS
from whyspend.pricing import view
from whyspend.pricing.plan import REPORTED, Basis, plan, span_of, split
from whyspend.pricing.stakes import Stake, Unpriced, stake
from whyspend.workspace import Workspace
from whyspend.workspace.data import Data
from whyspend.workspace.windows import micros

UNPRICED = """
SELECT asked, coalesce(reason, ''), CAST(sum(calls - priced_calls) AS BIGINT), {used}
FROM ({spend}) spent WHERE asked <> '{reported}'
GROUP BY ALL HAVING sum(calls - priced_calls) > 0
"""
"""Tokens only of calls that all have no price: beside priced calls stand such without any counts."""

USED = "CAST(coalesce(sum(of_{bucket}) FILTER (WHERE priced_calls = 0), 0) AS BIGINT)"


COUNT = "SELECT count(*) FROM {calls}"


def unpriced(place: Workspace, data: Data) -> list[tuple[Unpriced, Stake]]:
    """The unpriced calls that a question is about by name and reason, the most dollars at stake first."""
    start, end = micros(data.window.start), micros(data.window.end)
    book = place.prices.current.book
    found = [(calls, stake(book, calls, start, end)) for calls in _unpriced(place, data)]
    return sorted(found, key=lambda each: (-(each[1].usd or 0), -each[0].calls, _named(each[0])))


def _named(calls: Unpriced) -> tuple[str, ...]:
    """All that tells it from others: the engine gives them in no order of its own."""
    return calls.model or "", calls.provider or "", calls.context, calls.reason


def no_calls(data: Data) -> list[str]:
    """Why there are no calls, where there are none; else nothing."""
    ((calls,),) = data.rows(COUNT.format(calls=data.calls()))
    return list(data.empty_notes(calls))


def _unpriced(place: Workspace, data: Data) -> list[Unpriced]:
    extent = data.snapshot.between(data.window.start, data.window.end)
    if not extent.files:
        return []
    made = plan(place.prices, span_of(extent), Basis(), place.engine, place.attribution)
    view.offer(made, place.engine)
    buckets = [bucket for bucket in USAGE_COLUMNS if bucket in extent.used]
    spend = view.spend(
        made,
        place.engine,
        data.calls(),
        {"asked": "price_key"},
        measures={f"of_{bucket}": bucket for bucket in buckets},
    )
    used = ", ".join(USED.format(bucket=bucket) for bucket in buckets) or "0"
    rows = place.engine.rows(UNPRICED.format(used=used, spend=spend, reported=REPORTED))
    return [
        Unpriced(*split(key), reason, calls, {b: n for b, n in zip(buckets, amounts, strict=False) if n})
        for key, reason, calls, *amounts in rows
    ]
