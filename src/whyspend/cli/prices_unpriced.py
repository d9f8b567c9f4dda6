"""`whyspend prices unpriced`: which models have no price, what is at stake, and what to write?"""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, window_options, workspace
from whyspend.cli.price_words import say_idle
from whyspend.cli.sheet import Column, as_csv, as_json, as_text, format_option
from whyspend.formats.json import string
from whyspend.model import Cell
from whyspend.pricing.stakes import Stake, Unpriced
from whyspend.workspace.unpriced import unpriced

COLUMNS = (
    Column("provider"),
    Column("model"),
    Column("context"),
    Column("calls", "count"),
    Column("tokens", "count"),
    Column("at_stake_usd", "about"),
    Column("estimated"),
    Column("reason"),
)
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
    found = unpriced(place, asked)
    rows = [_row(calls, stake) for calls, stake in found]
    if form == "text":
        some = bool(place.ledger.snapshot().between(asked.start, asked.end).files)
        sys.stdout.write(_text(rows, [stake.toml for _, stake in found], some=some))
    elif form == "csv":
        sys.stdout.write(as_csv(COLUMNS, rows))
    else:
        head = {"since": string(f"{asked.since}"), "until": string(f"{asked.until}")}
        full = [(*row, stake.toml or None) for row, (_, stake) in zip(rows, found, strict=True)]
        sys.stdout.write(as_json(head, "models", (*COLUMNS, TOML), full))


command.params.insert(3, format_option())


def _row(calls: Unpriced, stake: Stake) -> tuple[Cell, ...]:
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


def _text(rows: list[tuple[Cell, ...]], entries: list[str], *, some: bool) -> str:
    if not rows:
        return "Every call of these days has a price.\n" if some else "There are no calls in these days.\n"
    kept = [index for index, column in enumerate(COLUMNS) if any(row[index] is not None for row in rows)]
    table = as_text([COLUMNS[index] for index in kept], [[row[index] for index in kept] for row in rows])
    useful = list(dict.fromkeys(filter(None, entries)))
    if not useful:
        return table
    return f"{table}\n# For whyspend.toml:\n\n" + "\n".join(useful)
