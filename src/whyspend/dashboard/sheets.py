"""What a page shows of a sheet: pictures, tables, what to know, the command, and the downloads."""

from dataclasses import dataclass

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.grid import Grid, Link, nowhere, plain_grid
from whyspend.dashboard.links import sheet_address
from whyspend.dashboard.pictures import Picture, pictures
from whyspend.formats._cells import sheet_for_people
from whyspend.formats._frame import subject
from whyspend.model.sheet import Rows, Sheet
from whyspend.spelling import visible
from whyspend.workspace.sheet_questions import SheetQuestion
from whyspend.workspace.writing import forms_of


@dataclass(frozen=True)
class Part:
    """A table of a sheet."""

    title: str
    """Empty for the first one, of which the page says what it is."""
    grid: Grid


@dataclass(frozen=True)
class Leaf:
    """A sheet, as templates take it: text that is escaped where it is shown."""

    name: str
    question: str
    about: str
    """Of what it is."""
    headline: list[str]
    parts: list[Part]
    """The first one has the rows; none: there are none."""
    pictures: tuple[Picture, ...]
    notes: list[str]
    block: str
    command: str
    """The command line that gives the same answer."""
    downloads: list[tuple[str, str]]
    """(format, address)."""


def leaf(desk: Desk, question: SheetQuestion, sheet: Sheet, link: Link = nowhere) -> Leaf:
    """A sheet for a page; `link` says where the cells of its rows lead."""
    return Leaf(
        name=sheet.name,
        question=visible(sheet.question),
        about=subject(sheet),
        headline=[visible(line) for line in sheet.headline],
        parts=[_part(rows, link) for rows in sheet_for_people(sheet)],
        pictures=pictures(sheet.charts),
        notes=[visible(note) for note in sheet.notes],
        block="\n".join(map(visible, sheet.block.splitlines())),
        command=desk.line(question),
        downloads=[(form, sheet_address(question, form)) for form in forms_of(Sheet)],
    )


def _part(rows: Rows, link: Link) -> Part:
    return Part(visible(rows.title), plain_grid(rows.columns, rows.rows, link))
