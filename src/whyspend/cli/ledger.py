"""`whyspend ledger`: what is stored, is it whole, can it be smaller."""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.errors import LedgerError
from whyspend.formats import visible
from whyspend.ledger import twice


@click.group("ledger")
def command() -> None:
    """What is stored, is it whole, can it be smaller?"""


@command.command("info")
@place_options
def info(config: Path | None, ledger: str | None) -> None:
    """Rows, days, sources, watermarks, and bytes per call and column."""
    place = workspace(config, ledger)
    snapshot = place.ledger.snapshot()
    files = snapshot.manifest.files
    if not files:
        click.echo(f"{place.config.ledger}: empty. Bring calls in: whyspend pull.")
        return
    rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
    click.echo(
        f"{place.config.ledger}: {rows:,} calls in {len(files):,} files, {size:,} bytes, {size / rows:.1f} a call"
    )
    click.echo(f"days {files[0].day} to {files[-1].day} (UTC), revision {snapshot.manifest.revision}")
    for source in sorted({file.source for file in files}):
        own = [file for file in files if file.source == source]
        click.echo(f"  {source}: {sum(file.rows for file in own):,} calls, {own[0].day} to {own[-1].day}")
    stale = [file for file in files if file.dimensions != place.config.dimensions]
    if stale:
        click.echo(
            f"{len(stale)} files were written with other dimensions. Bring them up to date: whyspend ledger compact."
        )
    click.echo(f"{'column':<28}{'bytes':>16}{'a call':>10}")
    for name, held in place.engine.column_bytes([str(snapshot.root / file.path) for file in files]):
        click.echo(f"{name:<28}{held:>16,}{held / rows:>10.2f}")


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
            f"{len(damaged)} of the ledger's files are damaged. Nothing was deleted. Pull their days anew: "
            "whyspend pull SOURCE --since DAY --until DAY --timezone UTC --full."
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


@command.command("compact")
@place_options
def compact(config: Path | None, ledger: str | None) -> None:
    """Make each day of a source one file with today's dimensions as columns, and remove what unfinished writes left."""
    place = workspace(config, ledger)
    days, removed = place.ledger.compact(place.engine, place.config.dimensions)
    click.echo(f"{days:,} days written again, {removed:,} leftovers removed", err=True)
