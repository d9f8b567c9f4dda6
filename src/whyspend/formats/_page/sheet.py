"""A sheet as HTML: the pictures, the rows as people read them, all of them with their digits, and what to copy."""

from collections.abc import Iterable

from whyspend.formats._cells import sheet_for_people
from whyspend.formats._frame import subject
from whyspend.formats._page.answer import command_line, figure, grid
from whyspend.formats._page.markup import Markup, joined, tag
from whyspend.model.sheet import Rows, Sheet


def sheet(held: Sheet, command: str = "") -> Markup:
    """All that is said, in the order in which people read; a fragment for a page that has the style."""
    about = subject(held)
    return joined(
        tag(
            "header",
            tag("p", f"whyspend {held.name}", class_="kicker"),
            tag("h1", held.question),
            *((tag("p", about, class_="days"),) if about else ()),
        ),
        *(
            (tag("div", *(tag("p", line) for line in held.headline), class_="headline"),)
            if held.headline
            else ()
        ),
        *map(figure, held.charts),
        *_tables(held),
        *_exactly(held),
        *((tag("ul", *(tag("li", note) for note in held.notes), class_="notes"),) if held.notes else ()),
        *((_block(held.block),) if held.block else ()),
        *((command_line("The same answer: ", command),) if command else ()),
    )


def _tables(held: Sheet) -> Iterable[Markup]:
    """The first ones as they are, more folded away."""
    for rows in sheet_for_people(held):
        title = rows.title or f"All rows of {held.name}"
        made = grid(rows.columns, rows.rows, None, title)
        yield tag("details", tag("summary", title), made) if rows.title else made


def _exactly(held: Sheet) -> Iterable[Markup]:
    """The rows that machines have, where people are shown others: folded away."""
    if held.people and held.main.rows:
        every = _every(held.main, f"All {held.main.name} of {held.about or held.name}")
        yield tag("details", tag("summary", "Every column, with all digits"), every)


def _every(rows: Rows, title: str) -> Markup:
    return grid(rows.columns, rows.rows, None, title, exact=True)


def _block(text: str) -> Markup:
    """Text to copy, line by line as it stands."""
    lines = [joined(line) for line in text.splitlines()]
    return tag("pre", Markup("\n".join(lines)))
