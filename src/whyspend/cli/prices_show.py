"""`whyspend prices show`: one model over time, every rate with dates, tiers, hours and source."""

import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.price_words import hours, quoted_rate, tier, tier_of, validity
from whyspend.cli.sheet import Column, as_csv, as_json, as_text, format_option
from whyspend.errors import UsageError
from whyspend.formats import visible
from whyspend.formats.json import string
from whyspend.model import Cell
from whyspend.pricing.book import BUCKETS, PART_OF, Book, Rate
from whyspend.pricing.names import FIRST_PARTY
from whyspend.pricing.quote import Quotes, instant, unit_of
from whyspend.pricing.slots import LATENCY

LONG = (
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

Cells = Sequence[tuple[str, Rate]]
"""The cells of a model, each with its context."""


@click.command("show")
@click.argument("model", metavar="PROVIDER/MODEL")
@click.option("--all", "every", is_flag=True, help="Show combinations of contexts, too.")
@place_options
def command(model: str, every: bool, form: str, config: Path | None, ledger: str | None) -> None:
    """Show all rates of a model over time: dates, context tiers, hours, ways of serving, source.

    A bucket that is not shown costs what the bucket that it is a part of costs: reasoning as output, images as input.
    """
    prices = workspace(config, ledger).prices
    book = prices.current.book
    provider, name = Quotes(prices).named(model)
    match = book.match(provider, name, "")
    if match.price is None:
        raise UsageError(f"{visible(model[:80])}: {match.reason}.{_nearest(book, model)}")
    contexts = _contexts(book, match.price)
    kept = [context for context in contexts if every or ";" not in context]
    cells = [("", cell) for cell in book.rates(match.price)]
    cells += [(context, cell) for context in kept for cell in book.rates(f"{match.price};{context}")]
    if form == "text":
        sys.stdout.write(_text(match.price, match.kind, cells))
        if more := len(contexts) - len(kept):
            sys.stdout.write(f"Combinations of these contexts that are not shown: {more} (--all).\n")
        return
    rows = [row for context, cell in cells for row in _rows(context, cell)]
    if form == "csv":
        sys.stdout.write(as_csv(LONG, rows))
    else:
        head = {"price": string(match.price), "match": string(match.kind), "price_book": string(prices.id)}
        sys.stdout.write(as_json(head, "rates", LONG, rows))


command.params.insert(2, format_option())


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


def _own_buckets(cell: Rate) -> list[str]:
    """The buckets that do not just cost what they are a part of."""
    return [
        bucket
        for bucket in (*BUCKETS, LATENCY)
        if bucket in cell.rates and cell.rates[bucket] != cell.rates.get(PART_OF.get(bucket, ""))
    ]


def _rows(context: str, cell: Rate) -> Iterator[tuple[Cell, ...]]:
    when = (context or None, instant(cell.valid_from), instant(cell.valid_to), *tier_of(cell), hours(cell))
    origin = (cell.source, cell.basis, cell.reference or None)
    if not cell.rates:
        yield (*when, None, None, None, None, *origin)
    for bucket in _own_buckets(cell):
        unit, per = unit_of(bucket)
        yield (*when, bucket, quoted_rate(cell, bucket), per, unit, *origin)


def _text(price: str, kind: str, cells: Cells) -> str:
    shown = {bucket for _, cell in cells for bucket in _own_buckets(cell)}
    buckets = [bucket for bucket in (*BUCKETS, LATENCY) if bucket in shown]
    head = (Column("context"), Column("valid"), Column("for"), Column("hours (UTC)"))
    columns = (
        *head,
        *(Column(bucket.removesuffix("_tokens"), "rate") for bucket in buckets),
        Column("source"),
    )
    origins = list(dict.fromkeys((cell.source, cell.basis, cell.reference) for _, cell in cells))
    rows: list[tuple[Cell, ...]] = [
        (
            context or None,
            validity(cell.valid_from, cell.valid_to),
            tier(*tier_of(cell)),
            hours(cell),
            *(quoted_rate(cell, bucket) for bucket in buckets),
            f"[{origins.index((cell.source, cell.basis, cell.reference)) + 1}]",
        )
        for context, cell in cells
    ]
    kept = [index for index, _ in enumerate(columns) if any(row[index] is not None for row in rows)]
    table = as_text([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])
    notes = [
        f"[{number}] {visible(', '.join(filter(None, origin)))}\n" for number, origin in enumerate(origins, 1)
    ]
    return f"{visible(price)} ({kind})\n\n{table}\nUSD per million tokens, per search, per call.\n{''.join(notes)}"
