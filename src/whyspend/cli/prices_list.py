"""`whyspend prices list`: the models you use, each with its rates, since when, and who says so."""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.price_words import say_idle
from whyspend.cli.sheet import as_text, format_option
from whyspend.workspace.listing import listed
from whyspend.workspace.sheets import as_csv, as_json


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
    sheet = listed(place, provider, every=every)
    if form == "csv":
        sys.stdout.write(as_csv(sheet.columns, sheet.rows))
    elif form == "json":
        sys.stdout.write(as_json(sheet.head, "prices", sheet.columns, sheet.rows))
    elif sheet.rows:
        shown = sheet.without_empty()
        sys.stdout.write(as_text(shown.columns, shown.rows))
        sys.stdout.write(f"\nUSD per million tokens · prices {place.prices.id}\n")
    else:
        click.echo("No such model in the ledger. Every price there is: whyspend prices list --all.", err=True)


command.params.insert(2, format_option())
