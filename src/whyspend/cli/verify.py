"""`whyspend verify`."""

from pathlib import Path

import click

from whyspend import registry
from whyspend.cli.common import destination, place_options, workspace, write
from whyspend.errors import UsageError
from whyspend.workspace.verifying import verified

MOST = 100


@click.command("verify")
@click.argument("source", required=False)
@click.option(
    "--limit", default=5, show_default=True, type=click.IntRange(1, MOST), help="How many runs to look at."
)
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice([name for name in registry.names("formats") if name not in ("png", "svg")]),
    help="How to write it.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write to this file, whole or not at all."
)
@place_options
def command(
    source: str | None, limit: int, form: str, output: Path | None, config: Path | None, ledger: str | None
) -> None:
    """Show the newest runs of SOURCE: their metadata as it arrived, and what whyspend makes of each.

    Of each run the value of every dimension and where it was found, the usage, and the price. No text of a prompt
    or an answer is read, and nothing is stored.
    """
    place = workspace(config, ledger)
    target = destination(form, output, append=False)
    write(
        verified(place, source or _only(list(place.config.sources)), limit), form, target, False, place.engine
    )


def _only(names: list[str]) -> str:
    if len(names) > 1:
        raise UsageError(
            f"Which source? Configured: {', '.join(names)}. Example: whyspend verify {names[0]}."
        )
    return names[0]
