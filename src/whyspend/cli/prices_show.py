"""`whyspend prices show`: one model over time, every rate with dates, tiers, hours and source."""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.sheet import FORMATS, as_text, format_option
from whyspend.formats._page import figure, grid, joined, page, tag
from whyspend.model import Cell, TableColumn
from whyspend.pricing.book import BUCKETS
from whyspend.pricing.slots import LATENCY
from whyspend.spelling import visible
from whyspend.workspace.listing import Cells, History, history, own_buckets
from whyspend.workspace.price_steps import steps
from whyspend.workspace.price_words import hours, quoted_rate, tier, tier_of, validity
from whyspend.workspace.questions import shell_line
from whyspend.workspace.sheets import Column, Sheet, as_csv, as_json


@click.command("show")
@click.argument("model", metavar="PROVIDER/MODEL")
@click.option("--all", "every", is_flag=True, help="Show combinations of contexts, too.")
@place_options
def command(model: str, every: bool, form: str, config: Path | None, ledger: str | None) -> None:
    """Show all rates of a model over time: dates, context tiers, hours, ways of serving, source.

    A bucket that is not shown costs what the bucket that it is a part of costs: reasoning as output, images as input.
    """
    place = workspace(config, ledger)
    found = history(place, model, every=every)
    sheet = found.sheet(place.prices.id)
    if form == "text":
        sys.stdout.write(_text(found.price, found.match, found.cells))
        if found.left_out:
            sys.stdout.write(
                f"Combinations of these contexts that are not shown: {found.left_out} (--all).\n"
            )
    elif form == "html":
        sys.stdout.write(_page(found, sheet, place.prices.id, model))
    elif form == "csv":
        sys.stdout.write(as_csv(sheet.columns, sheet.rows))
    else:
        sys.stdout.write(as_json(sheet.head, "rates", sheet.columns, sheet.rows))


command.params.insert(2, format_option(*FORMATS, "html"))


def _page(found: History, sheet: Sheet, prices: str, model: str) -> str:
    """All rates as a page, below the picture of what changed."""
    units = {"text": "text", "count": "number", "rate": "usd"}
    columns = [TableColumn(column.name, units[column.kind]) for column in sheet.columns]
    drawn = steps(found)
    asked = tag("code", shell_line(["whyspend", "prices", "show", model]))
    body = joined(
        tag(
            "header",
            tag("p", "whyspend prices show", class_="kicker"),
            tag("h1", f"What does {found.price} cost?"),
            tag("p", f"prices {prices}", class_="days"),
        ),
        *((figure(drawn),) if drawn else ()),
        grid(columns, sheet.rows, None, f"All rates of {found.price}", exact=True),
        tag("p", "The same answer: ", asked, class_="command"),
    )
    return page(f"whyspend prices show {found.price}", body)


def _text(price: str, kind: str, cells: Cells) -> str:
    shown = {bucket for _, cell in cells for bucket in own_buckets(cell)}
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
