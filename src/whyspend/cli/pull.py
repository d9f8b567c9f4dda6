"""`whyspend pull`."""

import sys
from pathlib import Path

import click

from whyspend.cli.common import place_options, window_options, workspace
from whyspend.cli.progress import Shown
from whyspend.formats import visible
from whyspend.workspace import Pulled, Workspace


@click.command("pull")
@click.argument("source", required=False)
@window_options
@click.option("--full", is_flag=True, help="Read all of these days again, whatever the ledger holds.")
@place_options
def command(
    source: str | None,
    since: str,
    until: str,
    timezone: str,
    full: bool,
    config: Path | None,
    ledger: str | None,
) -> None:
    """Bring calls in from SOURCE, or from every configured source.

    Only usage is stored, never the text of a prompt or an answer. A pull goes on where the last one ended and reads
    the last 48 hours again; pulling twice changes nothing. Ctrl-C is safe: what was published stays.
    """
    place = workspace(config, ledger)
    asked = place.window(since, until, timezone)
    for name in [source] if source else place.config.sources:
        with Shown(name, sys.stderr) as shown:
            done = Pulled(name)
            for done in place.pull(name, asked, full=full, on_progress=shown.update):
                shown.published(done)
        say(place, done)


def say(place: Workspace, done: Pulled) -> None:
    """What a pull came to, on stderr."""
    if done.billed is not None:
        click.echo(
            f"{done.source}: read {done.billed:,} lines of the bill. Next: whyspend reconcile {done.source}.",
            err=True,
        )
        return
    for note in done.notes:
        click.echo(f"{done.source}: {visible(note)}", err=True)
    removed = f", {done.removed:,} removed" if done.removed else ""
    pending = f" {done.pending:,} runs had not ended; the next pull brings them." if done.pending else ""
    click.echo(
        f"{done.source}: read {done.seen:,} calls, {done.calls:,} new or changed{removed}.{pending} "
        f"Ledger: {place.config.ledger}. Next: whyspend report.",
        err=True,
    )
