"""`whyspend daily`: every morning, in one command with one exit code."""

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from whyspend.cli import let_go_of_stdout
from whyspend.cli.budgets import OVER, is_over, told_of
from whyspend.cli.common import place_options, workspace, write
from whyspend.cli.progress import Shown
from whyspend.cli.pull import say
from whyspend.errors import InputError, SourceError, WhyspendError
from whyspend.formats import visible
from whyspend.ledger.alerts import exclusive
from whyspend.model import Table, Window
from whyspend.workspace import Pulled, Workspace
from whyspend.workspace.missing import reached, read_upto
from whyspend.workspace.pulling import to_pull
from whyspend.workspace.windows import instant, of_days

LOCK = "daily.lock"
DAYS = 7
_DAY = timedelta(days=1)


@click.command("daily")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep a history in this CSV file: the report of each whole day that it does not hold yet.",
)
@click.option(
    "--by", default="feature", show_default=True, help="Group the report by these keys, with commas."
)
@click.option("--no-pull", is_flag=True, help="Leave out the pull: the calls come in another way.")
@click.option("--no-notify", is_flag=True, help="Tell nobody.")
@place_options
def command(
    output: Path | None, by: str, no_pull: bool, no_notify: bool, config: Path | None, ledger: str | None
) -> int:
    """Pull every source, report the last week, look at the budgets, and tell who must know.

    Report and budgets go to stdout. A step that fails does not stop the next one. The exit code is the worst of all:
    3 a source or channel could not be reached, 2 a source, a channel or the history file is not as it must be, 1 a
    budget is broken, 0 all is well. It can be started twice: the second one says so and leaves the work to the first.
    It can be a day late, or ten: the pull goes on where it stopped, and the history gets each day once.
    """
    place = workspace(config, ledger)
    with exclusive(place.ledger.root, LOCK, seconds=0) as is_ours:
        if not is_ours:
            click.echo(
                "Another whyspend daily is at work here. Nothing was done; it does everything.", err=True
            )
            return 0
        return _run(
            place, tuple(part.strip() for part in by.split(",") if part.strip()), output, no_pull, no_notify
        )


def _run(place: Workspace, by: tuple[str, ...], output: Path | None, no_pull: bool, no_notify: bool) -> int:
    code, complete = (0, _held(place)) if no_pull else _pulled(place)
    now = replace(place, now=datetime.now(UTC))  # what was just pulled is not in the future
    code = max(code, _shown(now, now.ask("report", now.window(), by=by), "\n"))
    if output is not None:
        code = max(code, _keep_history(now, by, output, complete))
    answer = now.ask("budgets", now.window())
    code = max(code, _shown(now, answer))
    told = 0 if no_notify else told_of(now)
    return max(code, told, OVER if is_over(answer) else 0)


def _shown(place: Workspace, answer: Table, end: str = "") -> int:
    """Print an answer; the exit code. A full disk, or a reader that went away, is no reason to tell nobody."""
    try:
        write(answer, "text", None, False, place.engine)
        click.echo(end, nl=False)
        sys.stdout.flush()
    except OSError as error:
        let_go_of_stdout()
        if isinstance(error, BrokenPipeError):
            return 0
        click.echo(
            f"whyspend: standard output cannot be written: {error.strerror}. Check the disk. "
            "The rest is done all the same.",
            err=True,
        )
        return 2
    return 0


def _pulled(place: Workspace) -> tuple[int, datetime]:
    """Bring in every source; the worst exit code, and until when all that was to come is there."""
    worst, complete = 0, place.now
    for name in to_pull(place):
        try:
            with Shown(name, sys.stderr) as shown:
                done = Pulled(name)
                for done in place.pull(name, _since(place, name)):
                    shown.published(done)
            say(place, done)
        except WhyspendError as error:
            worst = max(worst, 3 if isinstance(error, SourceError) else 2)
            click.echo(visible(f"whyspend: source {name}: {error}"), err=True)
            complete = min(complete, min(_marks(place, name), default=datetime(1970, 1, 1, tzinfo=UTC)))
    return worst, complete


def _held(place: Workspace) -> datetime:
    """Until when all of every source is there that is pulled; now where the calls come without a watermark."""
    left = reached(place.config, place.ledger.snapshot().manifest, place.now).left
    read = [name for name in place.config.sources if name not in left]
    return min((mark for name in read for mark in _marks(place, name)), default=place.now)


def _since(place: Workspace, name: str) -> Window:
    """The last week, or more where the last pull was longer ago."""
    zone = ZoneInfo(place.config.timezone)
    today = place.now.astimezone(zone).date()
    reached = max(_marks(place, name), default=place.now).astimezone(zone).date()
    return of_days(min(today - DAYS * _DAY, reached), today, place.config.timezone)


def _marks(place: Workspace, name: str) -> list[datetime]:
    """How far each project of a source was pulled."""
    held = place.ledger.snapshot().manifest.watermarks.get(name, {})
    return [instant(mark) for mark in read_upto(held).values()]


def _keep_history(place: Workspace, by: tuple[str, ...], output: Path, complete: datetime) -> int:
    """Append the report of each whole day after the last that the file holds, and that is all here; the exit code."""
    added = 0
    try:
        for day in _missing(place, output, complete):
            answer = place.ask("report", day, by=by)
            if answer.rows:
                write(answer, "csv", output, True, place.engine)
                added += 1
    except WhyspendError as error:  # the budgets are still to be looked at
        click.echo(visible(f"whyspend: {error}"), err=True)
        return 2
    click.echo(visible(f"{output}: {added} {'day' if added == 1 else 'days'} added."), err=True)
    return 0


def _missing(place: Workspace, output: Path, complete: datetime) -> Iterator[Window]:
    zone = ZoneInfo(place.config.timezone)
    today = place.now.astimezone(zone).date()
    last = _last_day(output)
    day = today - DAYS * _DAY if last is None else last + _DAY
    while day < today:
        whole = of_days(day, day, place.config.timezone)
        if whole.end > complete:
            return
        yield whole
        day += _DAY


def _last_day(output: Path) -> date | None:
    """The last day that a history holds; None where there is no file, or only its header.

    Raises:
        InputError: it is no history of ours.
    """
    if not output.exists():
        return None
    try:
        rows = csv.DictReader(io.StringIO(output.read_text(encoding="utf-8-sig"), newline=""))
        return max((date.fromisoformat(row["until"]) for row in rows), default=None)
    except (KeyError, ValueError, TypeError, csv.Error):
        raise InputError(
            f"{output} is no history that whyspend wrote: a CSV file with a column `until`. Give another file as -o."
        ) from None
