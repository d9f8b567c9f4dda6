"""`whyspend demo`."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import click

from whyspend.cli.common import is_for_terminal, write
from whyspend.cli.progress import Shown
from whyspend.config import SourceConfig, load
from whyspend.errors import UsageError
from whyspend.ledger.manifest import Manifest, exclusive, swap
from whyspend.sources import demo
from whyspend.workspace import Workspace

SOURCE = "demo"
"""Name and type of the only source."""

DEFAULT_LEDGER = ".whyspend-demo"

WEEK = ("2026-11-15", "2026-11-21")

NEXT: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Why is this month dearer than the three weeks before?",
        ("explain", "--since", "2026-11-01", "--until", "2026-11-21"),
    ),
    ("Where will the month end?", ("forecast", "--until", "2026-11-21")),
    ("What was out of the ordinary?", ("anomalies", "--since", "2026-11-08", "--until", "2026-11-14")),
    ("Which customers cost the most?", ("report", "--by", "customer_id", "--top", "10")),
    ("Which single requests were the dearest?", ("requests", "--where", "feature=agent-copilot", "--top", "10")),
    ("Where do the untagged dollars come from?", ("coverage",)),
    ("Which calls have no price, and why?", ("prices", "unpriced")),
    ("What would the lead read on Monday?", ("digest",)),
)  # fmt: skip
"""What to try next: the question, and the command line that answers it but for --ledger and the days."""


@click.command("demo")
@click.option("--ledger", default=DEFAULT_LEDGER, show_default=True, help="Folder for the demo's own ledger.")
def command(ledger: str) -> None:
    """See what each feature of a made-up product cost in a week, without an account.

    Makes 60 days of calls, always the same, in a ledger of their own; then shows the last week and says what to
    try next. Nothing is sent anywhere. Delete the ledger's folder when you are done.
    """
    place = _workspace(ledger)
    _fill(place)
    answer = place.ask("report", place.window(*WEEK), for_terminal=is_for_terminal("text", None))
    write(answer, "text", None, False, place.engine)
    click.echo(_advice(ledger), err=True)


def suggestions(ledger: str) -> list[tuple[str, list[str]]]:
    """(question, arguments of whyspend) for the demo's ledger, complete with the days."""
    return [(question, _completed(arguments, ledger)) for question, arguments in NEXT]


def _completed(arguments: tuple[str, ...], ledger: str) -> list[str]:
    days = [] if {"--since", "--until"} & set(arguments) else ["--since", WEEK[0], "--until", WEEK[1]]
    return [*arguments, *days, "--ledger", ledger]


def _workspace(ledger: str) -> Workspace:
    """All defaults, whatever is configured around here: the same figures for everybody."""
    sources = MappingProxyType({SOURCE: SourceConfig(SOURCE, SOURCE, MappingProxyType({}))})
    return Workspace(replace(load(None, {}), ledger=ledger, sources=sources))


def _fill(place: Workspace) -> None:
    """Make the history where it is not there yet, or not as this version tells it."""
    root = place.ledger.root
    held = place.ledger.snapshot().manifest
    _refuse_real_calls(root, held)
    if _is_there(root, held):
        click.echo(f"{root} holds the demo's 60 days already.", err=True)
        return
    _make_room(root, held)
    click.echo(
        f"Made {_pull(place):,} calls of a product that does not exist, {demo.FIRST_DAY} to {demo.LAST_DAY}, "
        f"in {root}. Delete that folder when you are done.",
        err=True,
    )


def _refuse_real_calls(root: Path, held: Manifest) -> None:
    others = sorted({file.source for file in held.files} - {SOURCE})
    if others:
        raise UsageError(
            f"{root} holds calls of {others[0]!r}, not only the demo's. Give another folder as --ledger, "
            f"or none for {DEFAULT_LEDGER}."
        )


def _is_there(root: Path, held: Manifest) -> bool:
    """Whether all of today's history is held, in files as long as they were written."""
    if not demo.holds_all(held.watermarks.get(SOURCE, {})):
        return False
    paths = [(root / file.path, file.bytes) for file in held.files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _make_room(root: Path, held: Manifest) -> None:
    """Remove another version's history. Only files that the manifest named are touched.

    The manifest goes first, so that a crash leaves an empty ledger and some leftovers, not half a history.
    """
    if not held.revision:
        return
    with exclusive(root):
        swap(root, Manifest(revision=held.revision + 1))
        for path in [*(file.path for file in held.files), *(file.path for file in held.retired)]:
            (root / path).unlink(missing_ok=True)


def _pull(place: Workspace) -> int:
    """Bring the history in through the same door as every source; the number of calls."""
    days = place.window(demo.FIRST_DAY.isoformat(), demo.LAST_DAY.isoformat())
    calls = 0
    with Shown(SOURCE, sys.stderr) as shown:
        for done in place.pull(SOURCE, days, on_progress=shown.update):
            shown.published(done)
            calls = done.calls
    return calls


def _advice(ledger: str) -> str:
    lines = ["", "Something changed in these 60 days, more than once. Try next:"]
    for question, arguments in suggestions(ledger):
        lines += [f"  {question}", f"    {shlex.join(['whyspend', *arguments])}"]
    lines += [
        "  All of it as pages in a browser (needs whyspend[serve])",
        f"    {shlex.join(['whyspend', 'serve', '--ledger', ledger])}",
        "With calls of your own: whyspend init, then whyspend pull; or whyspend serve, and send them there.",
    ]
    return "\n".join(lines)
