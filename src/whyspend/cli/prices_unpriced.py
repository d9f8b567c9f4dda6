"""`whyspend prices unpriced`: which models have no price, what is at stake, and what to write?"""

from whyspend.cli.price_words import say_idle
from whyspend.cli.sheet import command_of

command = command_of("prices unpriced", before=say_idle)
