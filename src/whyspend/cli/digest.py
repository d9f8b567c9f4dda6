"""`whyspend digest`: the week on one page, printed and sent."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whyspend.cli.budgets import code_of
from whyspend.cli.common import destination, output_option, place_options, typed, workspace, write
from whyspend.errors import MissingExtraError, UsageError
from whyspend.formats import visible
from whyspend.model.digest import Digest
from whyspend.workspace.questions import SHARED
from whyspend.workspace.writing import forms_of, has_pictures

if TYPE_CHECKING:
    from whyspend.workspace import Workspace


@click.command("digest")
@click.option("--since", default="", help="First day: 2026-11-01, 7d, 2w, 3m, yesterday. Default: 7d.")
@click.option("--until", default="", help="Last day, inclusive. Default: yesterday, the last whole day.")
@click.option("--timezone", default="", help=SHARED["timezone"])
@click.option("--where", multiple=True, help=SHARED["where"])
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(forms_of(Digest)),
    help="How to write it.",
)
@output_option
@click.option("--notify", is_flag=True, help="Send it to the channels that get digests.")
@click.option(
    "--to",
    multiple=True,
    metavar="CHANNEL",
    help="With --notify: only to this channel, whatever its `only` says. Repeatable.",
)
@click.option("--again", is_flag=True, help="With --notify: also to channels that got it already.")
@click.option("--dry-run", is_flag=True, help="With --notify: say who would get it, and send nothing.")
@place_options
def command(
    since: str,
    until: str,
    timezone: str,
    where: tuple[str, ...],
    form: str,
    output: Path | None,
    notify: bool,
    to: tuple[str, ...],
    again: bool,
    dry_run: bool,
    config: Path | None,
    ledger: str | None,
) -> int:
    """The week on one page: what was spent, why it changed, budgets, month end, what is odd, what has no owner.

    The days end yesterday unless --until says otherwise. Exits with 3 if a channel does not take it, and with 2 if
    one is set up wrong: run it again, and only those get it that did not.
    """
    from whyspend.workspace.digest import digest, whole_days

    if (to or again or dry_run) and not notify:
        raise UsageError(f"{'--to' if to else '--again' if again else '--dry-run'} goes with --notify.")
    place = workspace(config, ledger)
    target = destination(form, output, append=False)
    wants = notify or has_pictures(form)
    asked = whole_days(place, since, until, timezone)
    made = digest(place, asked, where=where, pictures=wants, words=typed(config, ledger))
    try:
        write(made, form, target, False, place.engine)
        sys.stdout.flush()
    finally:  # a full disk, or a reader that went away, is no reason to tell nobody
        code = _told(place, made, to, where, again, dry_run) if notify else 0
    return code


def _told(
    place: "Workspace", made: Digest, to: tuple[str, ...], where: tuple[str, ...], again: bool, dry_run: bool
) -> int:
    """Send it, narrated on stderr; returns the exit code."""
    from whyspend.workspace.sending import drawn, had, receivers, send

    names = receivers(place, to)
    if not names:
        _say("No channel gets digests, so nobody is told. Add one to whyspend.toml: [alerts.team].")
        return 0
    if dry_run:
        for name in names:
            got = None if again else had(place, made, name, where)
            _say(_had(name, got) if got else f"Would send to {name}: {' '.join(made.headline)}")
        return 0
    try:
        made = drawn(made)
    except MissingExtraError as error:
        _say(f"It is sent without pictures. {error}")
    worst = 0
    for each in send(place, made, names, where=where, again=again):
        if each.failure:
            _say(f"whyspend: channel {each.channel}: {each.failure.why}")
            worst = max(worst, code_of(each.failure))
        else:
            _say(_had(each.channel, each.got) if each.got else f"Sent to {each.channel}.")
    return worst


def _had(name: str, got: datetime) -> str:
    return f"{name} has it since {got:%Y-%m-%d %H:%M} UTC; --again sends it once more."


def _say(line: str) -> None:
    click.echo(visible(line), err=True)
