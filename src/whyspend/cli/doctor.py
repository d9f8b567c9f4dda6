"""`whyspend doctor`."""

from whyspend.cli.sheet import command_of
from whyspend.model.sheet import Sheet


def _code(found: Sheet) -> int:
    return 1 if found.facts["problems"] else 0


command = command_of("doctor", code=_code)
