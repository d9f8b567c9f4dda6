"""`whyspend init`."""

from pathlib import Path

import click

from whyspend.config import write_template


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
def command(folder: Path) -> None:
    """Write a commented whyspend.toml, and a .gitignore line for the ledger.

    Nothing in it is required: every key shows its default. A file that exists is never changed.
    """
    for path in write_template(folder):
        click.echo(f"wrote {path}", err=True)
    click.echo("Next: export LANGSMITH_API_KEY=..., then whyspend doctor, then whyspend pull.", err=True)
