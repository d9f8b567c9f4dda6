"""`whyspend prices list`: the models you use, each with its rates, since when, and who says so."""

from whyspend.cli.price_words import say_idle
from whyspend.cli.sheet import command_of

command = command_of("prices list", before=say_idle)
