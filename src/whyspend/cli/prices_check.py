"""`whyspend prices check`: do our rates agree with two other sources?"""

from whyspend.cli.sheet import command_of
from whyspend.model.sheet import Sheet


def _code(found: Sheet) -> int:
    return 1 if found.facts["unexplained"] else 0


command = command_of("prices check", code=_code)
