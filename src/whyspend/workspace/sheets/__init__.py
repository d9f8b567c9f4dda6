"""What is known without a report, such as prices: each file is a question and `run(place, **options)` -> Sheet.

A command, an address of the JSON API and a page come from the same file: `prices_list.py` is `whyspend prices list` and
`/api/prices/list`. The options are the keyword-only parameters of `run`, and its docstring is the help.
"""

from importlib import import_module
from types import ModuleType

from whyspend.errors import UsageError, nearest

NAMES = (
    "prices list",
    "prices show",
    "prices check",
    "prices unpriced",
    "prices closed",
    "ledger info",
    "doctor",
)
"""By the words of their commands; nothing is imported to know them."""


def load(name: str) -> ModuleType:
    """Import the file of a sheet.

    Raises:
        UsageError: there is no such sheet.
    """
    if name not in NAMES:
        raise UsageError(f"There is no '{name[:40]}'.{nearest(name, NAMES)} There is: {', '.join(NAMES)}.")
    return import_module(f"{__name__}.{name.replace(' ', '_')}")


def question(name: str) -> str:
    """The first line of the file's docstring."""
    return (load(name).__doc__ or "").strip().split("\n")[0]
