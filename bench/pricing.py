"""Pricing with every layer in use, against DuckDB's plain GROUP BY of the same columns by the same keys.

In use are: the compiled book with its corrections; the user's own prices with globs, tiers, dates, a copy and a price
by the second; discounts by provider, by date and by owner; a month that was closed in another time zone, at a book in
which ten rates differ and with a discount of its own. The floor reads the columns that all of this needs, and adds
them up by feature, price key and day; it prices nothing.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench import measure, synthetic
from bench.measure import Measured
from bench.synthetic import DIMENSIONS, FIRST_DAY, LAST_DAY

ROUNDS = 5

BY = {"feature": "feature", "day": "day"}

FLOOR = """
SELECT feature, price_key, day, count(*), {sums}, sum(latency_ms), count(usage_source), max(prompt_total),
  max(started_at)::VARCHAR, max(env)
FROM {calls} GROUP BY feature, price_key, day
"""

PRICED = """
SELECT feature, provider, model, day, CAST(sum(calls) AS BIGINT), CAST(sum(priced_calls) AS BIGINT),
  CAST(sum(cost) AS VARCHAR), CAST(sum(list_cost) AS VARCHAR), {sums}
FROM ({spend}) spent GROUP BY ALL
"""
"""As a report asks: integers of more than 18 digits as text, which reads five times as fast as a Decimal."""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """What the layers cost."""
    root = str(synthetic.ledger(folder, rows))
    found = measure.apart(__name__, "priced_and_floor", root=root)
    yield Measured(
        "pricing: CPU of 90 days with all layers in use, against a plain GROUP BY",
        found["priced"] / found["floor"],
        f"{found['priced']:.2f} against {found['floor']:.2f} CPU s; {found['calls']:,} calls, "
        f"{found['rows']:,} rows of prices",
    )
    yield Measured(
        "pricing: the same with the price list alone",
        found["listed"] / found["floor"],
        f"{found['listed']:.2f} CPU s; to find the prices of all layers: {1000 * found['plan']:.0f} ms",
    )


def priced_and_floor(root: str) -> dict[str, Any]:
    """CPU seconds of pricing with all layers, with the price list alone, and of the floor, in one process."""
    from whyspend import registry
    from whyspend.ledger import Ledger
    from whyspend.model import USAGE_COLUMNS
    from whyspend.pricing import book, view
    from whyspend.pricing.plan import Basis, Prices, of, plan, span_of

    engine = registry.load("engines", "duckdb").connect()
    day = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC) + timedelta(days=1)
    extent = Ledger(Path(root)).snapshot().between(day - timedelta(days=(LAST_DAY - FIRST_DAY).days + 1), day)
    span = span_of(extent)
    relation = extent.relation(engine, DIMENSIONS)
    dimensions = {name: name for name in DIMENSIONS}
    sums = ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in view.SHOWN)

    def ask(prices: Prices) -> list[Any]:
        made = plan(prices, span, Basis(), engine, dimensions)
        view.offer(made, engine)
        sql = PRICED.format(spend=view.spend(made, engine, relation, BY), sums=sums)
        answer: list[Any] = engine.rows(
            sql if made.discounted else sql.replace("CAST(sum(list_cost) AS VARCHAR), ", "")
        )
        return answer

    every = layers()
    floor = FLOOR.format(
        sums=", ".join(f"sum({name})" for name in USAGE_COLUMNS if name in extent.used), calls=relation
    )
    made = plan(every, span, Basis(), engine, dimensions)
    answer = ask(every)
    found = measure.least(
        ROUNDS,
        {
            "floor": lambda: engine.rows(floor),
            "priced": lambda: ask(every),
            "listed": lambda: ask(of(book.load())),
            "plan": lambda: plan(every, span, Basis(), engine, dimensions),
        },
    )
    calls = sum(int(row[4]) for row in answer)
    return {**found, "calls": calls, "rows": len(made.rows), "slot": made.slot}


def layers() -> Any:
    """Prices with every layer in use."""
    from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, load
    from whyspend.pricing.discounts import Discount
    from whyspend.pricing.entries import Tier, UserPrice
    from whyspend.pricing.overrides import overridden
    from whyspend.pricing.plan import Era, Prices

    tier = Tier(over=200_000, input=Decimal(3), cache_read=Decimal("0.3"), output=Decimal(12))
    entries = [
        UserPrice(provider="azure", model="gpt-4o*", same_as="openai/gpt-4o"),
        UserPrice(
            model="gpt-5.6*", start=date(2026, 10, 10), input=Decimal("1.5"), cache_read=Decimal("0.15"),
            output=Decimal(6), tiers=(tier,),
        ),
        UserPrice(provider="cohere", model="*", per_second=Decimal("0.0006")),
        UserPrice(model="llama-3*", input=Decimal("0.1"), output=Decimal("0.4"), per_request=Decimal("0.0001")),
    ]  # fmt: skip
    discounts = (
        Discount(provider="openai", percent=Decimal(15)),
        Discount(provider="openai", model="gpt-4*", percent=Decimal(5), start=date(2026, 10, 1)),
        Discount(provider="anthropic", where={"feature": "rag-search"}, percent=Decimal("12.5")),
        Discount(provider="google*", where={"env": ("staging", "dev")}, percent=Decimal(-10)),
    )
    altered = [
        UserPrice(
            provider="anthropic", model=model, input=Decimal(2), output=Decimal(9), cache_read=Decimal("0.2"),
            cache_write=Decimal("2.5"), cache_write_1h=Decimal(4),
        )
        for model in (
            "claude-haiku-4-5", "claude-haiku-5-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5",
            "claude-sonnet-5-5", "claude-opus-4-5", "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5",
        )
    ]  # fmt: skip
    book = overridden(load(), entries)
    closed = overridden(load(), [*altered, *entries])
    # October in Berlin.
    start, end = (
        int(datetime(2026, *when, tzinfo=UTC).timestamp()) * 1_000_000 for when in ((9, 30, 22), (10, 31, 23))
    )
    return Prices(
        (
            Era(FAR_PAST, start, book, discounts),
            Era(start, end, closed, (*discounts[1:], Discount(provider="openai", percent=Decimal(10)))),
            Era(end, FAR_FUTURE, book, discounts),
        )
    )
