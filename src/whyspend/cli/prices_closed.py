"""`whyspend prices closed`: which months are closed, since when, and what do they come to?"""

from whyspend.cli.sheet import command_of

command = command_of("prices closed")
