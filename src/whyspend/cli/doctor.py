"""`whyspend doctor`."""

from pathlib import Path

import click

from whyspend.cli.common import place_options, workspace
from whyspend.formats import visible
from whyspend.workspace.checkup import findings

MARKS = {"ok": "ok     ", "empty": "empty  ", "problem": "PROBLEM"}


@click.command("doctor")
@place_options
def command(config: Path | None, ledger: str | None) -> int:
    """Say what is set up, what is missing, and what to do. Exits with 1 when there is a problem."""
    place = workspace(config, ledger)
    section, problems = "", 0
    for part, finding in findings(place):
        if part != section:
            section = part
            click.echo(visible(section))
        click.echo(f"  {MARKS[finding.level]}  {visible(finding.what)}")
        if finding.next_step:
            click.echo(f"           -> {visible(finding.next_step)}")
        problems += finding.level == "problem"
    return 1 if problems else 0
