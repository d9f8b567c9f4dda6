"""What the price commands say alike on stderr."""

import click

from whyspend.workspace import Workspace
from whyspend.workspace.idle import idle_entries


def say_idle(place: Workspace) -> None:
    """Name the entries of whyspend.toml that are for nothing, on stderr."""
    for line in idle_entries(place):
        click.echo(f"whyspend: {line}", err=True)
