"""`whyspend prices`: what does a token cost, since when, says who?"""

from importlib import import_module

import click

SUBCOMMANDS = {
    "list": "The models you use, each with its rates, since when, and who says so.",
    "show": "One model over time: every rate with dates, tiers, hours and source.",
    "quote": "What does one call cost, and why? Or many, as lines of JSON.",
    "check": "Do our rates agree with two other sources?",
    "unpriced": "Which models have no price, what is at stake, and what to write into whyspend.toml?",
    "closed": "Which months are closed, since when, and what do they come to?",
    "update": "Take newer prices, after a look at what they change.",
}
"""Each has a file `prices_<name>.py` in this folder, which is imported when it runs."""


class Prices(click.Group):
    """Commands that are imported only when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without importing any."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in SUBCOMMANDS:
            return None
        found: click.Command = import_module(f"whyspend.cli.prices_{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest known name for one that does not exist."""
        if args and args[0] not in SUBCOMMANDS and not args[0].startswith("-"):
            from whyspend.errors import UsageError, nearest

            hint = nearest(args[0], SUBCOMMANDS)
            raise UsageError(
                f"There is no command 'prices {args[0][:40]}'.{hint} There is: {', '.join(SUBCOMMANDS)}."
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.group("prices", cls=Prices)
def command() -> None:
    """What does a token cost, since when, says who?

    A price is looked up in [[prices]] of whyspend.toml, then in our sourced corrections, then in the price lists
    that come with whyspend. An unknown price is never $0.
    """
