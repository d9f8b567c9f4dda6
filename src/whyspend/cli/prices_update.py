"""`whyspend prices update`."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import click

from whyspend.cli.close import amount, booked_lines
from whyspend.cli.common import confirmed, place_options, workspace
from whyspend.cli.sheet import as_text, format_option
from whyspend.errors import InputError, UsageError
from whyspend.formats import visible
from whyspend.formats.json import literal, object_of, string
from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Rows
from whyspend.money import usd
from whyspend.workspace.changes import Change
from whyspend.workspace.updating import Comparison, Effect, compare, installed, take

SHOWN = 50
"""Rates in the text; JSON has all."""

CHANGES = (
    TableColumn("price", "word"),
    TableColumn("rate", "word"),
    TableColumn("for", "word"),
    TableColumn("from", "word"),
    TableColumn("to", "word"),
    TableColumn("old_usd", "rate"),
    TableColumn("new_usd", "rate"),
    TableColumn("per", "word"),
    TableColumn("source", "word"),
)
EFFECTS = (
    TableColumn("month", "word"),
    TableColumn("provider", "word"),
    TableColumn("model", "word"),
    TableColumn("calls", "count"),
    TableColumn("old_usd", "rate"),
    TableColumn("new_usd", "rate"),
    TableColumn("change_usd", "word"),
    TableColumn("newly_priced", "count"),
)
BOOKED = tuple(TableColumn(n, "word") for n in ("on", "month", "provider", "model", "usd", "reason"))
RENAMED = tuple(
    TableColumn(name, "word") for name in ("provider", "model", "context", "old_price", "new_price")
)


@click.command("update")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--book",
    type=click.Path(path_type=Path, file_okay=False),
    help="Take the compiled price book of this folder, instead of the installed one.",
)
@format_option("text", "json")
@place_options
def command(yes: bool, book: Path | None, form: str, config: Path | None, ledger: str | None) -> None:
    """Take newer prices, after a look at what they change: which rates, since when, and how many dollars by month.

    The ledger keeps the price book that it is priced with, so a newer package changes nothing by itself. This command
    compiles the installed genai-prices (without it: takes the book that came with whyspend), shows the difference and
    asks before it changes the past. Closed months stay as they are: what is different there is booked today, as
    adjustments. So is what an edit of [[prices]] or [[discounts]] changes for them.
    """
    place = workspace(config, ledger)
    if book is not None and not (book / "rates.csv").is_file():
        raise InputError(
            f"{book} holds no price book: there is no rates.csv in it. Give another folder as --book."
        )
    with installed(book) as folder:
        found = compare(place, folder)
        if form == "text":
            click.echo(_text(found), nl=False)
        if not found.is_new and not found.changes_the_past:
            if form == "json":
                click.echo(_json(found, taken=False), nl=False)
            return
        if found.changes_the_past:
            again = f"whyspend prices update --yes{f' --book {book}' if book else ''}"
            try:
                confirmed(yes, "Take these prices?", again)
            except UsageError:
                if form == "json":
                    click.echo(_json(found, taken=False), nl=False)
                raise
        take(place, found)
    if form == "json":
        click.echo(_json(found, taken=True), nl=False)
    else:
        click.echo(f"Taken: {visible(found.new_id)}." if found.is_new else "Booked.")


def _text(found: Comparison) -> str:
    if not found.is_new and not found.changes_the_past:
        return f"{visible(found.old_id)} is in use, and it is the newest at hand. Nothing to do.\n"
    parts = [f"In use: {visible(found.old_id)}. New: {visible(found.new_id)}.\n"] if found.is_new else []
    if found.changes:
        parts.append(as_text(CHANGES, map(_change, found.changes[:SHOWN])))
    if len(found.changes) > SHOWN:
        parts.append(f"{len(found.changes) - SHOWN:,} more rates differ; --format json lists all.\n")
    if found.renamed:
        parts.append(as_text(RENAMED, map(_renamed, found.renamed)))
    if found.elsewhere:
        lists = "price list differs" if found.elsewhere == 1 else "price lists differ"
        parts.append(f"{found.elsewhere:,} {lists} that no call of this ledger is priced with.\n")
    parts += _effects(found)
    return "\n".join(parts)


def _effects(found: Comparison) -> Iterator[str]:
    if found.effects:
        yield as_text(EFFECTS, map(_shown_effect, found.effects))
        yield "".join(f"{line}\n" for line in _months(found.effects))
    elif found.is_new:
        yield "No figure of an open month changes.\n"
    lines = booked_lines(found.corrections.adjustments, found.corrections.lost)
    if lines:
        yield "".join(f"{line}\n" for line in ["Closed months stay as they are:", *lines])


def _months(effects: Iterable[Effect]) -> Iterator[str]:
    sums: dict[str, int] = {}
    for effect in effects:
        sums[effect.month] = sums.get(effect.month, 0) + effect.units
    for month, units in sums.items():
        yield f"{month} changes by {amount(usd(units), signed=True)}."


def _change(change: Change) -> list[Cell]:
    return [
        change.price, change.bucket, change.condition, change.since, change.until, change.old_usd, change.new_usd,
        change.unit, change.source,
    ]  # fmt: skip


def _renamed(each: object) -> list[Cell]:
    return [getattr(each, name) for name in ("provider", "model", "context", "old", "new")]


def _effect(effect: Effect) -> list[Cell]:
    return [
        effect.month, effect.provider, effect.model, effect.after.calls, usd(effect.before.units),
        usd(effect.after.units), usd(effect.units), effect.newly_priced,
    ]  # fmt: skip


def _shown_effect(effect: Effect) -> list[Cell]:
    cells = _effect(effect)
    return [*cells[:6], amount(usd(effect.units), signed=True), cells[7]]


def _json(found: Comparison, *, taken: bool) -> str:
    adjustments: list[list[Cell]] = [
        [each.on, each.month, each.provider, each.model, each.usd, each.reason]
        for each in found.corrections.adjustments
    ]
    tables: dict[str, str] = {
        "renamed": _list(RENAMED, map(_renamed, found.renamed)),
        "effects": _list(EFFECTS, map(_effect, found.effects)),
        "adjustments": _list(BOOKED, adjustments),
    }
    head = {
        "in_use": string(found.old_id),
        "new": string(found.new_id),
        "taken": literal(taken),
        "differing_elsewhere": literal(found.elsewhere),
        "effect_usd": literal(usd(sum(effect.units for effect in found.effects)) or Decimal(0)),
        **tables,
    }
    return object_of(head, Rows("changes", CHANGES, tuple(tuple(_change(each)) for each in found.changes)))


def _list(columns: tuple[TableColumn, ...], rows: Iterable[list[Cell]]) -> str:
    objects = (
        "{"
        + ", ".join(f"{string(c.name)}: {literal(cell)}" for c, cell in zip(columns, row, strict=True))
        + "}"
        for row in rows
    )
    return "[" + ", ".join(objects) + "]"
