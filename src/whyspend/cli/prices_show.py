"""`whyspend prices show`: one model over time, every rate with dates, tiers, hours and source."""

from whyspend.cli.sheet import command_of

command = command_of("prices show")
