"""How far the figures of a kept answer can be trusted."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from whyspend.model import Engine, Trust

TRUST = """
SELECT coalesce(sum(calls), 0), coalesce(sum(priced_calls), 0), coalesce(sum(cost), 0),
  coalesce(sum(cost) FILTER (WHERE {tagged}), 0), coalesce(sum(calls) FILTER (WHERE {tagged}), 0),
  coalesce(sum(estimated), 0), coalesce(sum(sampled), 0)
FROM answer WHERE period = 0
"""


def trusted(engine: Engine, tagged: str, complete_until: datetime | None, price_book: str) -> Trust:
    """The shares of the kept answer; `tagged` is SQL over its rows, of whether the owner is known."""
    ((calls, priced, cost, owned_cost, owned, estimated, sampled),) = engine.rows(TRUST.format(tagged=tagged))
    return Trust(
        calls=int(calls),
        priced=_share(priced, calls),
        tagged_usd=_share(owned_cost, cost),
        tagged_calls=_share(owned, calls),
        estimated=_share(estimated, calls),
        sampled=_share(sampled, calls),
        complete_until=complete_until,
        price_book=price_book,
    )


def _share(part: Any, whole: Any) -> Decimal | None:
    return round(Decimal(part) / Decimal(whole), 12) if whole else None
