"""What `whyspend whatif` reads otherwise than the report says: several swaps, each an option of its own."""

from collections.abc import Callable
from typing import Any

import click

from whyspend.model import Table
from whyspend.workspace import Workspace

OPTIONS = (
    click.Option(
        ["--swap"],
        multiple=True,
        metavar="OLD=NEW",
        help="Calls of the model OLD (a name, or a pattern with * and ?) at the prices of NEW (a model, or "
        "provider/model). Repeatable; a call goes by the first that is for it.",
    ),
)
"""In place of those that follow from the report."""


def answered(
    _: Workspace, ask: Callable[..., Table], given: dict[str, Any]
) -> tuple[Table, Callable[[], int]]:
    """The answer; there is nothing to do once it is written."""
    return ask(**given), lambda: 0
