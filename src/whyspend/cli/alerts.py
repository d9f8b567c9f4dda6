"""`whyspend alerts`: does every channel work?"""

from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.errors import ConfigError
from whyspend.formats._cells import visible


@click.group("alerts")
def command() -> None:
    """The channels of [alerts.NAME] in whyspend.toml. They are told by: whyspend budgets --notify, whyspend daily."""


@command.command("test")
@click.argument("channel", nargs=-1)
@place_options
def test(channel: tuple[str, ...], config: Path | None, ledger: str | None) -> int:
    """Send a sample to each CHANNEL, or to all that are configured; exits with 3 if one does not take it."""
    from whyspend.workspace import notify

    place = workspace(config, ledger)
    if not place.config.alerts:
        raise ConfigError("No channel is configured. Add one to whyspend.toml: [alerts.team] with a type.")
    outcome = notify.send_samples(place, channel)
    for name, why in outcome:
        click.echo(visible(f"{name}: {why or 'took the sample'}"), err=bool(why))
    return 3 if any(why for _, why in outcome) else 0
