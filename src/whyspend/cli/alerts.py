"""`whyspend alerts`: does every channel work?"""

from pathlib import Path

import click

from whyspend.cli.budgets import code_of
from whyspend.cli.common import place_options, workspace
from whyspend.errors import ConfigError
from whyspend.formats import visible


@click.group("alerts")
def command() -> None:
    """The channels of [alerts.NAME] in whyspend.toml. They are told by: whyspend budgets --notify, whyspend daily."""


@command.command("test")
@click.argument("channel", nargs=-1)
@place_options
def test(channel: tuple[str, ...], config: Path | None, ledger: str | None) -> int:
    """Send a sample to each CHANNEL, or to all that are configured.

    Exits with 3 if one does not take it, and with 2 if one is set up wrong.
    """
    from whyspend.workspace import notify

    place = workspace(config, ledger)
    if not place.config.alerts:
        raise ConfigError("No channel is configured. Add one to whyspend.toml: [alerts.team] with a type.")
    worst = 0
    for name, failure in notify.send_samples(place, channel):
        click.echo(visible(f"{name}: {failure.why if failure else 'took the sample'}"), err=bool(failure))
        worst = max(worst, code_of(failure) if failure else 0)
    return worst
