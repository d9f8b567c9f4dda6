"""What a reader must know of an answer and of its prices, one line each."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from whyspend.ledger.prices import Closed
from whyspend.model import Engine, Window
from whyspend.money import usd
from whyspend.pricing.book import Book
from whyspend.pricing.plan import TOOLS, split
from whyspend.workspace.adjusting import EXACT, Adjustment, dollars

DISCOUNTED = "SELECT count(*) FROM answer WHERE period = 0 AND list_cost <> cost"

LISTED = "SELECT CAST(sum(list_cost) AS VARCHAR), CAST(sum(cost) AS VARCHAR) FROM answer WHERE period = 0"

UNPRICED = """
SELECT coalesce(reason, ''), coalesce(provider, ''), coalesce(model, ''), sum(calls - priced_calls) AS unpriced,
  sum(input_tokens + output_tokens) FILTER (WHERE priced_calls = 0)
FROM answer WHERE period = 0
GROUP BY 1, 2, 3 HAVING sum(calls - priced_calls) > 0 ORDER BY unpriced DESC, 2, 3, 1
"""

UNPRICED_BEFORE = "SELECT coalesce(sum(calls - priced_calls), 0) FROM answer WHERE period = 1"

SHOWN = 5

EMPTY = (
    "The ledger is empty. Bring calls in: whyspend pull, or whyspend serve. Or see an example: whyspend demo."
)


def is_discounted(engine: Engine) -> bool:
    """Whether some call of the kept answer costs more or less than its list price."""
    ((other,),) = engine.rows(DISCOUNTED)
    return bool(other)


def of_discounts(engine: Engine) -> Iterator[str]:
    """What discounts do to the kept answer."""
    ((listed, paid),) = engine.rows(LISTED)
    off = usd(int(paid) - int(listed)) or Decimal(0)
    what = "discounts" if off <= 0 else "surcharges"
    yield f"List price {dollars(usd(int(listed)))}, {what} {dollars(off, signed=True)}."


def of_unpriced(engine: Engine) -> Iterator[str]:
    """One line for each cause of unpriced calls in the kept answer, most calls first."""
    found = engine.rows(UNPRICED)
    for reason, provider, model, calls, tokens in found[:SHOWN]:
        name = f"{provider}/{model}" if provider and model else model or provider or "no model name"
        size = f" with {int(tokens):,} tokens" if tokens else ""
        counted = f"{int(calls):,} call{'' if calls == 1 else 's'}"
        yield f"Unpriced: {counted}{size}, {'tool runs' if provider == TOOLS else name}: {reason}."
    if len(found) > SHOWN:
        yield f"Unpriced: {len(found) - SHOWN} more models or reasons."


def of_change(engine: Engine, earlier: Window, is_open: bool) -> Iterator[str]:
    """What the kept answer's comparison leaves out; `is_open`: not all of the days before is closed."""
    ((calls,),) = engine.rows(UNPRICED_BEFORE)
    days = f"{earlier.since} to {earlier.until}"
    if calls:
        counted = f"{int(calls):,} call{'' if calls == 1 else 's'}"
        yield f"The change leaves out {counted} of {days} without a price."
    if is_open:
        yield f"Not all of {days} is closed: for the change, open days are priced as at closing."


def of_adjustments(booked: Iterable[Adjustment], asked: Window) -> Iterator[str]:
    """Each adjustment of the window, the largest first."""
    own = [each for each in booked if asked.since <= each.on <= asked.until]
    own.sort(key=lambda each: (-abs(each.usd), each.reason, each.model or ""))
    yield from (each.said() for each in own[:SHOWN])
    if len(own) > SHOWN:
        yield f"Adjustments: {len(own) - SHOWN} more, {dollars(_sum(own[SHOWN:]), signed=True)}."


def of_late(month: Closed, calls: int) -> Iterator[str]:
    """Whether a closed month holds more calls, or fewer, than when it was closed."""
    late = calls - month.calls
    if late > 0:
        came = f"{late:,} call{'' if late == 1 else 's'}"
        yield f"{came} of {month.month} came after it was closed; they are priced as it was priced then."
    if late < 0:
        yield f"{month.month} holds {-late:,} call{'' if late == -1 else 's'} less than when it was closed."


def of_newer(newer: Book, held: Book, lacking: Iterable[str]) -> Iterator[str]:
    """Whether a newer price book knows prices for names that lack one."""
    known = sum(_adds(newer, held, key) for key in lacking)
    if known:
        models = "an unpriced model" if known == 1 else f"{known:,} unpriced models"
        yield f"The installed price book ({newer.id}) knows prices for {models}: whyspend prices update."


def _adds(newer: Book, held: Book, price_key: str) -> bool:
    """Whether one book has a price for a name that the other has not, or another one."""
    price, before = newer.match(*split(price_key)).price, held.match(*split(price_key)).price
    return price is not None and (before is None or newer.rates(price) != held.rates(before))


def _sum(booked: Iterable[Adjustment]) -> Decimal:
    total = Decimal(0)
    for each in booked:
        total = EXACT.add(total, each.usd)
    return total
