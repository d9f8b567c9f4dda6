"""What do the models in use cost today, and says who?"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.pricing.book import Book
from whyspend.pricing.globs import is_same_provider
from whyspend.pricing.overrides import split_name
from whyspend.pricing.plan import REPORTED, split
from whyspend.pricing.quote import cell_at
from whyspend.workspace import Workspace
from whyspend.workspace.price_words import day, quoted_rate
from whyspend.workspace.sheets import question
from whyspend.workspace.sheets.pictures import named, ranked
from whyspend.workspace.windows import micros

DAYS = 30

Name = tuple[str | None, str | None, str]
"""Provider, model and context."""

RATES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")

COLUMNS = (
    TableColumn("provider", "word"),
    TableColumn("model", "word"),
    TableColumn("context", "word"),
    TableColumn("match", "word"),
    TableColumn("input", "rate"),
    TableColumn("output", "rate"),
    TableColumn("cache_read", "rate"),
    TableColumn("cache_write", "rate"),
    TableColumn("tiers", "count"),
    TableColumn("since", "word"),
    TableColumn("source", "word"),
    TableColumn("reason", "sentence"),
)


def run(place: Workspace, *, provider: str = "", all_: bool = False) -> Sheet:
    """List the models of the ledger's last 30 days with today's rates, in USD per million tokens.

    Rates are those of short prompts; `tiers` counts the longer ones that cost something else, and `prices show`
    has them.

    Args:
        provider: Only models of this provider.
        all_: All prices of the book, not only those of models in the ledger.
    """
    book, identity = place.prices.current.book, place.prices.id
    names = sorted({*(_of_book(book) if all_ else _used(place))}, key=lambda name: tuple(map(str, name)))
    wanted = [name for name in names if not provider or is_same_provider(name[0], provider)]
    rows = tuple(_row(book, name, micros(place.now)) for name in wanted)
    note = f"USD per million tokens · prices {identity}"
    if not rows:
        note = "No such model in the ledger. Every price there is: whyspend prices list --all."
    charts = (
        ranked(
            f"{name.capitalize()} today: USD per million tokens", TableColumn(name, "rate"), _bars(rows, name)
        )
        for name in ("output", "input")
    )
    return Sheet(
        "prices list",
        "What do all models cost today, and says who?" if all_ else question("prices list"),
        Rows("prices", COLUMNS, rows),
        facts={"price_book": identity},
        charts=tuple(chart for each in charts for chart in each),
        notes=(*((f"Only models of {provider}.",) if provider else ()), note),
    )


def _bars(rows: Iterable[tuple[Cell, ...]], name: str) -> Iterable[tuple[str, Decimal | None]]:
    at = [column.name for column in COLUMNS].index(name)
    for row in rows:
        if isinstance(amount := row[at], Decimal):
            yield named(*row[:3]), amount


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
