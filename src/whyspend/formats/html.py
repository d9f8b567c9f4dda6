"""HTML: one page in one file, to send and to open from disk; it asks the network for nothing."""

from typing import BinaryIO

from whyspend.formats._cells import for_people
from whyspend.formats._frame import sheet_title, shown_digest, title
from whyspend.formats._page import Markup, answer, command_line, figure, joined, of_rows, page, sheet, tag
from whyspend.model import Table
from whyspend.model.digest import Digest, Section
from whyspend.model.sheet import Sheet

PICTURES = True
"""It shows the charts of an answer, so they are wanted."""


def write(table: Table, out: BinaryIO, *, command: str = "", question: str = "") -> None:
    """Write the headline, the pictures, the table with its total, the trust line, the notes and the command; UTF-8.

    Works without scripts; with them rows sort and filter, and bars tell their numbers. Names are text, whatever they
    hold. Numbers read as in text and markdown, and have all their digits as `data-value`.

    Args:
        table: The answer.
        out: Where the bytes go.
        command: The command line that gives the same answer.
        question: What is asked, as the report puts it.
    """
    out.write(page_of(table, command=command, question=question).encode("utf-8"))


def page_of(table: Table, *, command: str = "", question: str = "") -> str:
    """The page as text."""
    report, _, days = title(table).partition(" · ")
    head = tag(
        "header",
        tag("p", f"whyspend {report}", class_="kicker"),
        tag("h1", question or report),
        tag("p", days, class_="days"),
    )
    return page(f"whyspend {title(table)}", joined(head, answer(table, command)))


def write_digest(digest: Digest, out: BinaryIO) -> None:
    """Write the headline, then each section with its picture, its table and its command, and the trust line; UTF-8."""
    name, said, (trust, *notes) = shown_digest(digest)
    title, _, days = name.partition(" · ")
    body = joined(
        tag(
            "header",
            tag("p", f"whyspend {title}", class_="kicker"),
            tag("h1", "What was spent, why, and what to do?"),
            tag("p", days, class_="days"),
        ),
        tag("div", *(tag("p", line) for line in said), class_="headline"),
        *map(_section, digest.sections),
        tag("p", trust, class_="trust"),
        *((tag("ul", *(tag("li", note) for note in notes), class_="notes"),) if notes else ()),
        command_line("The same digest: ", digest.command),
    )
    out.write(page(f"whyspend {name}", body).encode("utf-8"))


def write_sheet(sheet_: Sheet, out: BinaryIO, *, command: str = "") -> None:
    """Write the headline, the pictures, the rows, more rows, the notes, what can be copied and the command; UTF-8."""
    out.write(page(f"whyspend {sheet_title(sheet_)}", sheet(sheet_, command)).encode("utf-8"))


def _section(section: Section) -> Markup:
    table = for_people(section.table)
    return tag(
        "section",
        tag("h2", section.title),
        *(tag("p", sentence) for sentence in section.sentences),
        *map(figure, table.charts[:1]),
        *((of_rows(table, f"Rows of {section.title}"),) if table.rows else ()),
        command_line("All of it: ", section.command),
    )
