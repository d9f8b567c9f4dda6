"""`whyspend doctor`."""

import sys

import click

from whyspend.cli.sheet import command_of
from whyspend.formats import visible
from whyspend.model.sheet import Sheet
from whyspend.workspace import Workspace
from whyspend.workspace.pulling import to_pull


def _waiting_for(place: Workspace) -> None:
    """Say to who waits at a terminal who is asked: one that cannot be reached takes a while to show it."""
    names = to_pull(place)
    if names and sys.stderr.isatty() and not click.get_current_context().params["offline"]:
        click.echo(visible(f"Asking {', '.join(names)} ..."), err=True)


def _code(found: Sheet) -> int:
    return 1 if found.facts["problems"] else 0


command = command_of("doctor", before=_waiting_for, code=_code)
