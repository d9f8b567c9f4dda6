"""HTML: one page in one file, to send and to open from disk; it asks the network for nothing."""

from typing import BinaryIO

from whyspend.formats._frame import title
from whyspend.formats._page import answer, joined, page, tag
from whyspend.model import Table

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
