"""What is set up, what is missing, and what to do?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from whyspend.model import Finding, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.workspace import Workspace
from whyspend.workspace.checkup import findings
from whyspend.workspace.sheets import question

COLUMNS = (
    TableColumn("part", "word"),
    TableColumn("level", "word"),
    TableColumn("what", "sentence"),
    TableColumn("next_step", "sentence"),
)

OFFLINE = "offline"
"""The option without which sources are asked, too."""

MARKS = {"ok": "ok     ", "empty": "empty  ", "problem": "PROBLEM"}


def run(place: Workspace, *, offline: bool = False) -> Sheet:
    """Say what is set up, what is missing, and what to do. Exits with 1 when there is a problem.

    Args:
        offline: Do not ask the sources: send nothing anywhere.
    """
    found = tuple(findings(place, reach=not offline))
    counts = Counter(finding.level for _, finding in found)
    return Sheet(
        "doctor",
        question("doctor"),
        Rows("findings", COLUMNS, tuple((part, f.level, f.what, f.next_step or None) for part, f in found)),
        facts={"problems": counts["problem"], "empty": counts["empty"], "ok": counts["ok"]},
        words=tuple(_words(found)),
    )


def _words(found: Sequence[tuple[str, Finding]]) -> Iterator[str]:
    """Line by line, below the name of each part."""
    for part, own in groupby(found, key=lambda each: each[0]):
        yield part
        for _, finding in own:
            yield f"  {MARKS[finding.level]}  {finding.what}"
            if finding.next_step:
                yield f"           -> {finding.next_step}"
