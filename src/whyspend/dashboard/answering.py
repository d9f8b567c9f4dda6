"""What every page shows of an answer: sentence, pictures, table, trust line, notes, command, downloads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from whyspend import registry
from whyspend.dashboard.desk import Desk
from whyspend.dashboard.grid import MOST_ROWS, Grid, grid, nowhere, records
from whyspend.dashboard.links import address, data_address, links
from whyspend.dashboard.pictures import Picture, pictures
from whyspend.formats._frame import headline, remarks, trust_line
from whyspend.model import Table
from whyspend.spelling import visible
from whyspend.workspace.questions import Question

_HEAD, _LINE = re.compile(r"\[[^ ]*\]"), re.compile(r"""("[^"]*"|[\w-]+) = .*""")
"""Lines of a table of whyspend.toml, as notes have them."""


_AHEAD = ("budgets", "forecast")
"""Reports whose pictures have days to come, of which there is nothing to ask."""


@dataclass(frozen=True)
class Answer:
    """An answer, as templates take it: text that is escaped where it is shown."""

    question: Question
    asks: str
    """In words."""
    address: str
    days: str
    headline: list[str]
    grid: Grid
    pictures: tuple[Picture, ...]
    details: tuple[tuple[str, Grid], ...]
    """More rows by name, such as the cells of causes."""
    trust: str
    notes: list[str]
    """One with line ends is text to copy: lines for whyspend.toml."""
    command: str
    """The command line that gives the same answer."""
    downloads: list[tuple[str, str]]
    """(format, address)."""


def shown(
    desk: Desk, question: Question, table: Table, *, most: int = MOST_ROWS, but: tuple[str, ...] = ()
) -> Answer:
    """An answer for a page: so many rows of it, without some columns."""
    window, link = table.window, links(question, table, desk.config().dimensions)
    days = str(window.since) if window.since == window.until else f"{window.since} to {window.until}"
    return Answer(
        question=question,
        asks=visible(registry.question("reports", question.report)),
        address=address(question),
        days=f"{days}, {window.timezone}",
        headline=headline(table),
        grid=grid(table, link, most=most, but=but),
        pictures=pictures(table.charts, nowhere if question.report in _AHEAD else link),
        details=tuple((visible(name), records(rows, most)) for name, rows in table.details.items() if rows),
        trust=trust_line(table.trust).removeprefix("trust: "),
        notes=_with_blocks(remarks(table)),
        command=desk.line(question),
        downloads=[(form, data_address(question, form)) for form in registry.names("formats")],
    )


def _with_blocks(notes: Iterable[str]) -> list[str]:
    """Notes, where a table for whyspend.toml is one, with line ends. No other has any: see visible."""
    found: list[str] = []
    for note in notes:
        if found and _LINE.fullmatch(note) and _HEAD.fullmatch(found[-1].partition("\n")[0]):
            found[-1] += f"\n{note}"
        else:
            found.append(note)
    return found
