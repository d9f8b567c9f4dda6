"""The price book as sheets: the models of the ledger with today's rates, one model over time, and what has no price."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from whyspend.errors import UsageError
from whyspend.formats.json import string
from whyspend.model import Cell, Window
from whyspend.pricing.book import BUCKETS, PART_OF, Book, Rate
from whyspend.pricing.globs import provider_names
from whyspend.pricing.names import FIRST_PARTY
from whyspend.pricing.overrides import split_name
from whyspend.pricing.plan import REPORTED, split
from whyspend.pricing.quote import Quotes, cell_at, instant, unit_of
from whyspend.pricing.slots import LATENCY
from whyspend.pricing.stakes import Stake, Unpriced
from whyspend.spelling import visible
from whyspend.workspace import Workspace
from whyspend.workspace.price_words import day, hours, quoted_rate, tier_of
from whyspend.workspace.sheets import Column, Sheet
from whyspend.workspace.unpriced import unpriced
from whyspend.workspace.windows import micros

DAYS = 30

Name = tuple[str | None, str | None, str]
"""Provider, model and context."""

RATES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")

LISTED = (
    Column("provider"),
    Column("model"),
    Column("context"),
    Column("match"),
    Column("input", "rate"),
    Column("output", "rate"),
    Column("cache_read", "rate"),
    Column("cache_write", "rate"),
    Column("tiers", "count"),
    Column("since"),
    Column("source"),
    Column("reason"),
)


OVER_TIME = (
    Column("context"),
    Column("valid_from"),
    Column("valid_to"),
    Column("tier_over", "count"),
    Column("tier_upto", "count"),
    Column("hours_utc"),
    Column("bucket"),
    Column("rate_usd", "rate"),
    Column("per", "count"),
    Column("unit"),
    Column("source"),
    Column("basis"),
    Column("reference"),
)

UNPRICED = (
    Column("provider"),
    Column("model"),
    Column("context"),
    Column("calls", "count"),
    Column("tokens", "count"),
    Column("at_stake_usd", "about"),
    Column("estimated"),
    Column("reason"),
)

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

    def sheet(self, book: str) -> Sheet:
        """All its rates, one a row."""
        head = {"price": string(self.price), "match": string(self.match), "price_book": string(book)}
        return Sheet(
            OVER_TIME, tuple(row for context, cell in self.cells for row in _rates(context, cell)), head
        )


def listed(place: Workspace, provider: str = "", *, every: bool = False) -> Sheet:
    """The models of the ledger's last 30 days, or all of the book, with today's rates in USD per million tokens."""
    book = place.prices.current.book
    names = sorted({*(_of_book(book) if every else _used(place))}, key=lambda name: tuple(map(str, name)))
    wanted = [name for name in names if not provider or _is_of(name[0], provider)]
    rows = tuple(_row(book, name, micros(place.now)) for name in wanted)
    return Sheet(LISTED, rows, {"price_book": string(place.prices.id)})


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


def without_price(place: Workspace, asked: Window) -> tuple[Sheet, list[str]]:
    """The models without a price, with what is at stake; and for each the entry of whyspend.toml, "" for none."""
    found = unpriced(place, asked)
    head = {"since": string(f"{asked.since}"), "until": string(f"{asked.until}")}
    return Sheet(UNPRICED, tuple(_at_stake(*each) for each in found), head), [
        stake.toml for _, stake in found
    ]


def _used(place: Workspace) -> Iterable[Name]:
    """The names of the last 30 days that hold calls: known without reading any."""
    snapshot = place.ledger.snapshot()
    if snapshot.span is None:
        return ()
    end = snapshot.span[1] + timedelta(microseconds=1)
    start = max(end - timedelta(days=DAYS), datetime(1970, 1, 1, tzinfo=UTC))
    return (split(key) for key in snapshot.between(start, end).price_keys if key != REPORTED)


def _of_book(book: Book) -> Iterable[Name]:
    for price in book.prices():
        name, _, context = price.partition(";")
        yield (*split_name(name.removeprefix("user:")), context)


def _is_of(provider: str | None, wanted: str) -> bool:
    return bool({*provider_names(provider)} & {*provider_names(wanted)})


def _row(book: Book, name: Name, now: int) -> tuple[Cell, ...]:
    provider, model, context = name
    match = book.match(*name)
    cells = [cell for cell in book.rates(match.price) if cell.rates] if match.price else []
    cell = cell_at(cells, now, 0)
    head = (provider, model, context or None, match.kind)
    if cell is None:
        reason = match.reason or "no price known for today"
        return (*head, None, None, None, None, None, None, None, reason)
    tiers = sum(1 for other in cells if other.tier_over > 0 and other.valid_from <= now < other.valid_to)
    rates = (quoted_rate(cell, bucket) for bucket in RATES)
    return (*head, *rates, tiers or None, day(cell.valid_from), cell.source, None)


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


def _rates(context: str, cell: Rate) -> Iterator[tuple[Cell, ...]]:
    when = (context or None, instant(cell.valid_from), instant(cell.valid_to), *tier_of(cell), hours(cell))
    origin = (cell.source, cell.basis, cell.reference or None)
    if not cell.rates:
        yield (*when, None, None, None, None, *origin)
    for bucket in own_buckets(cell):
        unit, per = unit_of(bucket)
        yield (*when, bucket, quoted_rate(cell, bucket), per, unit, *origin)


def _at_stake(calls: Unpriced, stake: Stake) -> tuple[Cell, ...]:
    return (
        calls.provider,
        calls.model,
        calls.context or None,
        calls.calls,
        calls.tokens if calls.used else None,
        stake.usd,
        stake.basis or None,
        calls.reason,
    )
