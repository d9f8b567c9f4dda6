"""An answer as HTML: the headline, the pictures, the table, how far to trust it, and what to know."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from whyspend import charts
from whyspend.formats._cells import NUMBER_UNITS, display, for_people, is_change, plain, total_row
from whyspend.formats._frame import headline, remarks, spent, trust_line
from whyspend.formats._page.markup import Markup, joined, tag
from whyspend.formats._page.places import in_sight
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.spelling import visible

SHORT = 30
"""Characters of a cell that is not broken into lines."""

_WEB = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$'()*+,;=%&-]+")


def answer(table: Table, command: str = "") -> Markup:
    """All that is said, in the order in which people read; a fragment for a page that has the style.

    Args:
        table: the answer.
        command: the command line that gives the same answer; empty: nothing is said of one.
    """
    return joined(
        tag("div", *(tag("p", line) for line in said(table)), class_="headline"),
        *(figure(chart) for chart in table.charts),
        *((of_rows(in_sight(for_people(table)), f"All rows of {table.report}"),) if table.columns else ()),
        *_exactly(table),
        tag("p", trust_line(table.trust), class_="trust"),
        *_notes(table),
        *((command_line("The same answer: ", command),) if command else ()),
    )


def command_line(words: str, command: str) -> Markup:
    """A command line that can be copied, after words that say of what it is."""
    return tag("p", words, tag("code", command), class_="command")


def said(table: Table) -> list[str]:
    """The answer in a few words: its headline, else what it comes to and how that changed, else its first note."""
    if lines := headline(table):
        return lines
    cost = table.total.get("cost_usd")
    if isinstance(cost, Decimal) and table.rows:
        return [spent(cost, table.total.get("change_usd"), table.window)]
    return remarks(table)[:1] or ["The rows are the answer."]


def figure(chart: Chart) -> Markup:
    """A picture as wide as a screen and one as wide as a phone, of which the page shows one, and its numbers."""
    wide, narrow = (Markup(charts.svg(chart, width=width)) for width in (charts.WIDE, charts.NARROW))
    numbers = tag("details", tag("summary", "Numbers of this picture"), _numbers(chart))
    return tag(
        "figure",
        tag("figcaption", chart.title),
        tag("div", wide, class_="wide"),
        tag("div", narrow, class_="narrow"),
        numbers,
        data_picture=chart.picture,
        data_by=",".join(chart.by) or None,
    )


def _numbers(chart: Chart) -> Markup:
    marks = [tag("p", f"{name}: {plain(amount)}") for name, amount in chart.marks]
    return joined(grid(chart.columns, chart.rows, None, chart.title, exact=True), *marks)


def of_rows(table: Table, title: str) -> Markup:
    """The rows and the total, as people read them; each cell has its exact value for machines (`data-value`)."""
    total = total_row(table)
    exact = [table.total.get(column.name) for column in table.columns]
    return grid(table.columns, table.rows, list(zip(total, exact, strict=True)) if total else None, title)


def _exactly(table: Table) -> Iterable[Markup]:
    """What sentences tell, and the rows of details, with all digits: folded away."""
    if any(column.told for column in table.columns):
        every = grid(table.columns, table.rows, None, f"Every column of {table.report}", exact=True)
        yield tag("details", tag("summary", "Every column, with all digits"), every)
    for name, rows in table.details.items():
        if rows:
            yield tag("details", tag("summary", f"More rows: {name}"), _records(name, rows))


def _records(name: str, rows: Sequence[Mapping[str, Cell]]) -> Markup:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = [TableColumn(key, "number" if _is_number(rows, key) else "text") for key in keys]
    return grid(columns, [tuple(row.get(key) for key in keys) for row in rows], None, name, exact=True)


def _is_number(rows: Sequence[Mapping[str, Cell]], key: str) -> bool:
    return any(isinstance(row.get(key), int | Decimal) for row in rows)


def grid(
    columns: Sequence[TableColumn],
    rows: Iterable[Sequence[Cell]],
    total: Sequence[tuple[str, Cell]] | None,
    title: str,
    *,
    exact: bool = False,
) -> Markup:
    """A table. Its cells read as for people, or with all digits where it is `exact`; `total` is what stands below."""
    head = tag("tr", *(_heading(column) for column in columns))
    body = [
        tag("tr", *(_cell(column, value, exact) for column, value in zip(columns, row, strict=True)))
        for row in rows
    ]
    foot = (
        (
            tag(
                "tfoot",
                tag("tr", *(_total(column, *cell) for column, cell in zip(columns, total, strict=True))),
            ),
        )
        if total
        else ()
    )
    inside = tag("table", tag("thead", head), tag("tbody", *body), *foot, class_="rows")
    # Who has no mouse scrolls it with the keys.
    return tag("div", inside, class_="scroll", tabindex="0", role="region", aria_label=title)


def _heading(column: TableColumn) -> Markup:
    right = "number" if column.unit in NUMBER_UNITS else None
    return tag(
        "th", visible(column.name).replace("_", " "), scope="col", class_=right, data_column=column.name
    )


def _cell(column: TableColumn, value: Cell, exact: bool) -> Markup:
    shown: str = plain(value) if exact else display(column, value)
    is_number = column.unit in NUMBER_UNITS
    if column.unit == "url" and isinstance(value, str) and _WEB.fullmatch(value):
        shown = tag("a", "open", href=value, rel="noopener noreferrer")
    classes = [_kind(column, shown)]
    if is_change(column) and isinstance(value, int | Decimal) and value:
        classes.append("dearer" if value > 0 else "cheaper")
    return tag("td", shown, class_=" ".join(classes), data_value=plain(value) if is_number else None)


def _kind(column: TableColumn, shown: str) -> str:
    """How a cell is laid out."""
    if column.unit in NUMBER_UNITS:
        return "number"
    if column.unit in ("sentence", "series", "id"):
        return column.unit
    return "short" if len(shown) <= SHORT else "long"


def _total(column: TableColumn, shown: str, value: Cell) -> Markup:
    is_number = column.unit in NUMBER_UNITS
    exact = plain(value) if is_number and value is not None else None
    return tag("td", shown, class_="number" if is_number else None, data_value=exact)


def _notes(table: Table) -> Iterable[Markup]:
    if notes := [note for note in remarks(table) if note not in said(table)]:
        yield tag("ul", *(tag("li", note) for note in notes), class_="notes")
