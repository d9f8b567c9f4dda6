"""What `whyspend reconcile` does beside answering: asks LangSmith or reads a bill, fails beyond the tolerance."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from whyspend.errors import UsageError
from whyspend.model import Bill, Table
from whyspend.reports import reconcile
from whyspend.reports.reconcile import shares
from whyspend.workspace import Workspace, others

OPTIONS = (
    click.Argument(["source"], required=False),
    click.Option(
        ["--bill"],
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Compare with a provider's bill instead: a file of OpenAI's costs or usage, of Anthropic's cost or usage "
        "report (JSON pages or CSV), or in FOCUS format. Repeatable.",
    ),
)
"""In place of, and beside, those that follow from the report."""

Finish = Callable[[], int]


def answered(place: Workspace, ask: "partial[Table]", given: dict[str, Any]) -> tuple[Table, Finish]:
    """The answer, and what to do once it is written, which says the exit code.

    Raises:
        UsageError: options that do not go together.
    """
    source, files = given.pop("source", None) or "", given.pop("bill", ())
    limit = shares.percent(given.get("tolerance", "5%"))
    name, asked = ask.args
    if files and (source or given.get("recorded")):
        raise UsageError("--bill compares with a bill only: leave out SOURCE and --recorded.")
    bill = others.of_files(files) if files else others.fetched(place.config, place.ledger.root, source)
    if bill is not None and given.get("recorded"):
        raise UsageError("--recorded compares with LangSmith's figures, and this is a bill. Leave it out.")
    if bill is not None and ask.keywords.get("where"):
        raise UsageError(
            "A bill is of all calls of a provider: leave out --where, or all others look untraced."
        )
    if bill is not None:
        ask = partial(ask.func, name, _days(place, bill), **ask.keywords)
        other = others.Others(bill=bill)
    elif given.get("recorded"):
        other = others.Others(source=place.config.source(source).name if source else "")
    else:
        if ask.keywords.get("where"):
            raise UsageError("LangSmith cannot filter as --where does. Leave it out, or add --recorded.")
        other = others.langsmith(place.config, source, asked)
    answer = ask(others=other, **given)

    def finish() -> int:
        if reconcile.is_outside(answer, limit):
            click.echo(
                f"whyspend: outside the tolerance of {shares.said(limit)}. The table names the causes.",
                err=True,
            )
            return 1
        return 0

    return answer, finish


def _days(place: Workspace, bill: Bill) -> Any:
    """The days of a bill are UTC; all that it covers, unless others are asked for."""
    typed = click.get_current_context().params
    since, until = typed["since"], typed["until"]
    if not since and not until and bill.since and bill.until:
        since, until = str(bill.since), str(bill.until)
    return place.window(since, until, typed["timezone"] or "UTC")
