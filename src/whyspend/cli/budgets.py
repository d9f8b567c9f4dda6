"""What `whyspend budgets` does beside answering: it tells people, and it fails where a budget is broken."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from whyspend.errors import UsageError
from whyspend.formats import visible
from whyspend.model import Alert, Table
from whyspend.workspace import Workspace

if TYPE_CHECKING:
    from whyspend.workspace.notify import Failure

Ask = Callable[..., Table]
Finish = Callable[[], int]

OVER, SET_UP_WRONG, UNREACHED = 1, 2, 3
"""Exit codes: a budget is broken; a channel is set up wrong, or could not be told."""

OPTIONS = (
    click.Option(
        ["--notify"], is_flag=True, help="Tell the configured channels what they were not told yet."
    ),
    click.Option(
        ["--dry-run"], is_flag=True, help="With --notify: print what would be sent, and send nothing."
    ),
)
"""Beside those that follow from the report."""


def answered(place: Workspace, ask: Ask, given: dict[str, Any]) -> tuple[Table, Finish]:
    """The answer, and what to do once it is written, which says the exit code.

    Raises:
        UsageError: options that do not go together.
    """
    wanted, dry_run = given.pop("notify"), given.pop("dry_run")
    if dry_run and not wanted:
        raise UsageError("--dry-run goes with --notify.")
    if wanted and (given.get("limit") or given.get("backtest")):
        raise UsageError("--notify is for the configured budgets. Leave out --limit and --backtest.")
    answer = ask(**given)

    def finish() -> int:
        told = told_of(place, dry_run=dry_run) if wanted else 0
        return max(told, OVER if is_over(answer) else 0)

    return answer, finish


def is_over(answer: Table) -> bool:
    """Whether a budget of an answer is broken; a backtest is about the past, and never is."""
    names = [column.name for column in answer.columns]
    return "status" in names and any(row[names.index("status")] == "over" for row in answer.rows)


def told_of(place: Workspace, *, dry_run: bool = False) -> int:
    """Tell everybody, narrated on stderr; returns the exit code."""
    from whyspend.workspace.notify import Sent, notify

    if not place.config.alerts:
        _say("No channel is configured, so nobody is told. Add one to whyspend.toml: [alerts.team].")
        return 0

    def on_sent(sent: Sent) -> None:
        _say(f"Told {sent.channel}: {shown(sent.alert)}")

    outcome = notify(place, dry_run=dry_run, on_sent=on_sent)
    if outcome.busy:
        _say("Another whyspend is telling what is due. Nothing was sent here.")
        return 0
    if dry_run:
        for sent in outcome.sent:
            _say(f"Would tell {sent.channel}: {shown(sent.alert)}")
            for line in _details(sent.alert):
                _say(f"  {line}")
    if not outcome.sent and not outcome.failed:
        _say("Nothing new to tell.")
    for failure in outcome.failed:
        _say(f"whyspend: channel {failure.channel}: {failure.why} The next run sends it again.")
    return max(map(code_of, outcome.failed), default=0)


def code_of(failure: "Failure") -> int:
    """The exit code of a channel that was not told."""
    return SET_UP_WRONG if failure.is_set_up_wrong else UNREACHED


def shown(alert: Alert) -> str:
    """An alert in one line."""
    state = {"trigger": "", "remind": "still: ", "resolve": "resolved: "}[alert.state]
    return f"{state}{alert.kind}: {alert.title}"


def _details(alert: Alert) -> list[str]:
    facts = [f"{label}: {value}" for label, value in alert.facts]
    causes = [f"- {driver}" for driver in alert.drivers]
    return facts + causes + ([f"More: {alert.command}"] if alert.command else [])


def _say(line: str) -> None:
    click.echo(visible(line), err=True)
