"""`whyspend prices unpriced`: which models have no price, what is at stake, and what to write?"""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, window_options, workspace
from whyspend.cli.price_words import say_idle
from whyspend.cli.sheet import as_text, format_option
from whyspend.workspace.listing import without_price
from whyspend.workspace.sheets import Column, Sheet, as_csv, as_json

TOML = Column("toml")


@click.command("unpriced")
@window_options
@place_options
def command(
    since: str, until: str, timezone: str, form: str, config: Path | None, ledger: str | None
) -> None:
    """List models without a price: calls, tokens, dollars at stake, and the TOML that gives them a price.

    What is at stake is estimated from a neighbour: the model with the most similar name, else the middle one of the
    provider's. It is marked with ~ and is part of no total. Paste what is printed below the table into
    whyspend.toml, put in what you pay, and every report has the price, for the past too.
    """
    place = workspace(config, ledger)
    say_idle(place)
    asked = place.window(since, until, timezone)
    sheet, entries = without_price(place, asked)
    if form == "text":
        some = bool(place.ledger.snapshot().between(asked.start, asked.end).files)
        sys.stdout.write(_text(sheet, entries, some=some))
    elif form == "csv":
        sys.stdout.write(as_csv(sheet.columns, sheet.rows))
    else:
        full = [(*row, entry or None) for row, entry in zip(sheet.rows, entries, strict=True)]
        sys.stdout.write(as_json(sheet.head, "models", (*sheet.columns, TOML), full))


command.params.insert(3, format_option())


def _text(sheet: Sheet, entries: list[str], *, some: bool) -> str:
    if not sheet.rows:
        return "Every call of these days has a price.\n" if some else "There are no calls in these days.\n"
    shown = sheet.without_empty()
    table = as_text(shown.columns, shown.rows)
    useful = list(dict.fromkeys(filter(None, entries)))
    if not useful:
        return table
    return f"{table}\n# For whyspend.toml:\n\n" + "\n".join(useful)
