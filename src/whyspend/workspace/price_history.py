"""One model over time: all its rates, as the price book has them."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from whyspend.errors import UsageError
from whyspend.pricing.book import BUCKETS, PART_OF, Book, Rate
from whyspend.pricing.names import FIRST_PARTY
from whyspend.pricing.quote import Quotes
from whyspend.pricing.slots import LATENCY
from whyspend.spelling import visible
from whyspend.workspace import Workspace

Cells = Sequence[tuple[str, Rate]]
"""The cells of a model, each with its context."""


@dataclass(frozen=True)
class History:
    """One model over time."""

    price: str
    """The name under which the book has it."""
    match: str
    """How the name that was asked for led there."""
    cells: Cells
    left_out: int
    """Combinations of contexts that are not shown."""


def history(place: Workspace, model: str, *, every: bool = False) -> History:
    """All rates of a model.

    Args:
        place: whose price book.
        model: such as openai/gpt-4o.
        every: combinations of contexts, too.

    Raises:
        UsageError: no price of that name is known.
    """
    prices = place.prices
    book = prices.current.book
    provider, name = Quotes(prices).named(model)
    match = book.match(provider, name, "")
    if match.price is None:
        raise UsageError(f"{visible(model[:80])}: {match.reason}.{_nearest(book, model)}")
    contexts = _contexts(book, match.price)
    kept = [context for context in contexts if every or ";" not in context]
    cells = [("", cell) for cell in book.rates(match.price)]
    cells += [(context, cell) for context in kept for cell in book.rates(f"{match.price};{context}")]
    return History(match.price, match.kind, cells, len(contexts) - len(kept))


def _nearest(book: Book, model: str) -> str:
    """The names that were perhaps meant, of whoever makes the model first."""
    names = {price.partition(";")[0] for price in book.prices()}
    bare: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (name.partition("/")[0] not in FIRST_PARTY, name)):
        bare.setdefault(name.partition("/")[2], name)
    found = difflib.get_close_matches(model.lower(), names, n=3) if "/" in model else []
    found += [bare[name] for name in difflib.get_close_matches(model.lower().rpartition("/")[2], bare, n=3)]
    close = list(dict.fromkeys(found))[:3]
    return f" Did you mean {' or '.join(close)}?" if close else " All names: whyspend prices list --all."


def _contexts(book: Book, price: str) -> list[str]:
    """The other ways in which a model is served: `service_tier=flex`, `inference_geo=us;processing=batch`."""
    found = {other.removeprefix(f"{price};") for other in book.prices() if other.startswith(f"{price};")}
    return sorted(found, key=lambda context: (context.count(";"), context))


def own_buckets(cell: Rate) -> list[str]:
    """The buckets that do not just cost what they are a part of."""
    return [
        bucket
        for bucket in (*BUCKETS, LATENCY)
        if bucket in cell.rates and cell.rates[bucket] != cell.rates.get(PART_OF.get(bucket, ""))
    ]
