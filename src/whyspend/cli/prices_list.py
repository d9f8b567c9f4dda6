"""`whyspend prices list`: the models you use, each with its rates, since when, and who says so."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.price_words import day, quoted_rate, say_idle
from whyspend.cli.sheet import Column, as_csv, as_json, as_text, format_option
from whyspend.formats.json import string
from whyspend.model import Cell
from whyspend.pricing.book import Book
from whyspend.pricing.globs import provider_names
from whyspend.pricing.overrides import split_name
from whyspend.pricing.plan import REPORTED, split
from whyspend.pricing.quote import cell_at
from whyspend.workspace import Workspace
from whyspend.workspace.windows import micros

DAYS = 30

Name = tuple[str | None, str | None, str]
"""Provider, model and context."""

RATES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")

COLUMNS = (
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


@click.command("list")
@click.option("--provider", default="", help="Only models of this provider.")
@click.option(
    "--all", "every", is_flag=True, help="All prices of the book, not only those of models in the ledger."
)
@place_options
def command(provider: str, every: bool, form: str, config: Path | None, ledger: str | None) -> None:
    """List the models of the ledger's last 30 days with today's rates, in USD per million tokens.

    Rates are those of short prompts; `tiers` counts the longer ones that cost something else, and `prices show`
    has them.
    """
    place = workspace(config, ledger)
    say_idle(place)
    book = place.prices.current.book
    names = sorted({*(_listed(book) if every else _used(place))}, key=lambda name: tuple(map(str, name)))
    wanted = [name for name in names if not provider or _is_of(name[0], provider)]
    rows = [_row(book, name, micros(place.now)) for name in wanted]
    if form == "csv":
        sys.stdout.write(as_csv(COLUMNS, rows))
    elif form == "json":
        sys.stdout.write(as_json({"price_book": string(place.prices.id)}, "prices", COLUMNS, rows))
    elif rows:
        kept = [index for index, _ in enumerate(COLUMNS) if any(row[index] is not None for row in rows)]
        sys.stdout.write(as_text([COLUMNS[i] for i in kept], [[row[i] for i in kept] for row in rows]))
        sys.stdout.write(f"\nUSD per million tokens · prices {place.prices.id}\n")
    else:
        click.echo("No such model in the ledger. Every price there is: whyspend prices list --all.", err=True)


command.params.insert(2, format_option())


def _used(place: Workspace) -> Iterable[Name]:
    """The names of the last 30 days that hold calls: known without reading any."""
    snapshot = place.ledger.snapshot()
    if snapshot.span is None:
        return ()
    end = snapshot.span[1] + timedelta(microseconds=1)
    start = max(end - timedelta(days=DAYS), datetime(1970, 1, 1, tzinfo=UTC))
    return (split(key) for key in snapshot.between(start, end).price_keys if key != REPORTED)


def _listed(book: Book) -> Iterable[Name]:
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
