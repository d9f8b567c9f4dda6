"""`whyspend ledger`: what is stored, is it whole, can it be smaller."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.cli.sheet import command_of
from whyspend.errors import LedgerError, UsageError
from whyspend.formats import visible
from whyspend.ledger import Fault, twice
from whyspend.workspace import Workspace


@click.group("ledger")
def command() -> None:
    """What is stored, is it whole, can it be smaller?"""


command.add_command(command_of("ledger info"))


@command.command("verify")
@place_options
def verify(config: Path | None, ledger: str | None) -> None:
    """Compare every file with the manifest: size, hash, rows; each call once; and the price books. Changes nothing.

    Exits with 2 when something is damaged. Names calls that are held under two sources: those count twice.
    """
    place = workspace(config, ledger)
    found = list(place.ledger.faults(place.engine))
    for fault in found:
        click.echo(f"{'note' if fault.harmless else 'DAMAGED'}: {fault.path}: {fault.what}", err=True)
    damaged = [fault for fault in found if not fault.harmless and not fault.prices]
    if damaged:
        raise LedgerError(
            f"{len(damaged)} of the ledger's files are damaged. Nothing was deleted. {_way_out(place, damaged)}"
        )
    if any(fault.prices for fault in found):
        raise LedgerError(
            "What the ledger is priced with is damaged; its calls are whole. Nothing was deleted. "
            f"Restore {place.config.ledger}/prices from a backup."
        )
    for sources, calls in twice.held_twice(place.ledger.root, place.engine).items():
        what, next_step = twice.said(sources, calls)
        click.echo(visible(f"note: {what}. {next_step}"), err=True)
    files = place.ledger.snapshot().manifest.files
    sys.stdout.write(
        f"{place.config.ledger}: {len(files):,} files, {sum(file.rows for file in files):,} calls, all whole\n"
    )


def _way_out(place: Workspace, damaged: Sequence[Fault]) -> str:
    """What can be done about damaged files: a source can be asked again, an application that sent cannot."""
    paths = {fault.path for fault in damaged}
    files = [file for file in place.ledger.snapshot().manifest.files if file.path in paths]
    sent = [file for file in files if file.source not in place.config.sources]
    ways = ["Restore them from a backup."]
    if len(sent) < len(damaged):
        ways.append(
            "Or pull their days anew: whyspend pull SOURCE --since DAY --until DAY --timezone UTC --full."
        )
    if sent:
        them = (
            "them" if len(sent) == len(damaged) else f"those of {', '.join(sorted({f.source for f in sent}))}"
        )
        ways.append(f"No source can be asked for {them} again; to do without: whyspend ledger drop FILE.")
    return " ".join(ways)


@command.command("drop")
@click.argument("file")
@place_options
def drop(file: str, config: Path | None, ledger: str | None) -> None:
    """Do without a damaged FILE, named as `ledger verify` names it: its calls count nowhere from then on.

    For calls that were sent to `whyspend serve`, or whose source is gone, where no backup has the file. The damaged
    file is left where it is; one that is whole is not dropped.
    """
    place = workspace(config, ledger)
    held = next((each for each in place.ledger.snapshot().manifest.files if each.path == file), None)
    if held is not None and held.source in place.config.sources:
        raise UsageError(
            f"{file} is of a source that can be asked again: whyspend pull {held.source} --since {held.day} "
            f"--until {held.day} --timezone UTC --full."
        )
    dropped = place.ledger.drop(file)
    click.echo(
        f"{dropped.path}: its {dropped.rows:,} calls of {dropped.source} on {dropped.day} (UTC) count nowhere now. "
        "The file was left where it is.",
        err=True,
    )


@command.command("compact")
@place_options
def compact(config: Path | None, ledger: str | None) -> None:
    """Make each day of a source one file with today's dimensions as columns, and remove what unfinished writes left."""
    place = workspace(config, ledger)
    days, removed = place.ledger.compact(place.engine, place.config.dimensions)
    click.echo(f"{days:,} days written again, {removed:,} leftovers removed", err=True)
