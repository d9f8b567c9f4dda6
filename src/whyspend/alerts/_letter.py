"""A digest as the HTML of a mail: no script, no style sheet, nothing to fetch; every style stands where it is used.

Mail programs differ in what else they understand: tables, few properties, and pictures that come with the mail.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from whyspend.alerts._words import digest_title, fitted
from whyspend.formats import (
    NUMBER_UNITS,
    display,
    for_people,
    is_change,
    speaks_for_itself,
    total_row,
    trust_line,
)
from whyspend.formats._page.markup import Markup, joined, tag
from whyspend.model import Cell, Table, TableColumn
from whyspend.model.digest import Digest, Section

_LONGEST = 500
"""Characters of one text."""
_INK, _FAINT, _RULE, _UP, _DOWN = "#1b1f24", "#59616b", "#e3e6ea", "#b3430f", "#1c659c"
_SANS = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "font-family:ui-monospace,Menlo,Consolas,monospace"
_ROOM = ("max-width:190px;overflow-wrap:break-word", "overflow-wrap:anywhere")
"""For a name, whose words stay whole as long as they can, and for a sentence."""
_SMALL = f"color:{_FAINT};font-size:12px"


def letter(digest: Digest, pictures: Mapping[int, str]) -> str:
    """The page. `pictures` has the Content-ID, in angle brackets, of the picture of each section that has one."""
    first, *others = digest.headline
    sheet = f"max-width:760px;margin:0 auto;padding:20px;{_SANS};font-size:15px;line-height:1.45;color:{_INK}"
    page = tag(
        "div",
        tag("h1", digest_title(digest), style="margin:0;font-size:20px"),
        _line(digest.window.timezone, f"margin:0 0 12px;{_SMALL}"),
        _line(first, "margin:0 0 8px;font-size:18px;font-weight:600"),
        *(_line(each) for each in others),
        *(_section(section, pictures.get(at, "")) for at, section in enumerate(digest.sections)),
        _line(
            trust_line(digest.trust),
            f"margin:28px 0 4px;padding-top:12px;border-top:1px solid {_RULE};{_SMALL}",
        ),
        *(_line(note, f"margin:0 0 4px;{_SMALL}") for note in digest.notes),
        _command(digest.command),
        style=sheet,
    )
    head = tag("head", tag("meta", charset="utf-8"), tag("meta", name="color-scheme", content="light"))
    body = tag("body", page, style="margin:0;padding:0;background:#ffffff")
    return f"<!DOCTYPE html>\n{tag('html', head, body)}\n"


def _section(section: Section, picture: str) -> Markup:
    title = f"margin:28px 0 6px;padding-top:14px;border-top:1px solid {_RULE};font-size:16px"
    return joined(
        tag("h2", section.title, style=title),
        *(_line(sentence) for sentence in section.sentences),
        *_picture(section, picture.strip("<>")),
        *((_table(section.table),) if section.table.rows else ()),
        _command(section.command),
    )


def _picture(section: Section, name: str) -> Iterable[Markup]:
    if name:
        alt = fitted(section.table.charts[0].title, _LONGEST) if section.table.charts else ""
        style = "width:100%;max-width:720px;height:auto;margin:6px 0"
        yield tag("img", src=f"cid:{name}", alt=alt, width="720", style=style)


def _line(text: str, style: str = "margin:0 0 6px") -> Markup:
    return tag("p", fitted(text, _LONGEST), style=style)


def _command(line: str) -> Markup:
    return _line(line, f"margin:8px 0 0;{_MONO};{_SMALL};overflow-wrap:anywhere")


def _table(table: Table) -> Markup:
    table = for_people(table)
    columns = table.columns
    style = f"color:{_FAINT};font-weight:600"
    head = [_cell("th", each, _words(each.name), style) for each in columns]
    rows = [
        [
            _cell("td", each, display(each, value), _color(each, value))
            for each, value in zip(columns, row, strict=True)
        ]
        for row in table.rows
    ]
    if total := total_row(table):
        style = f"font-weight:600;border-top:2px solid {_FAINT}"
        rows.append([_cell("td", each, text, style) for each, text in zip(columns, total, strict=True)])
    lines = (tag("tr", *cells) for cells in (*([] if speaks_for_itself(table) else [head]), *rows))
    return tag("table", *lines, style="border-collapse:collapse;font-size:13px;margin:6px 0")


def _words(name: str) -> str:
    """`cost_usd` is `cost`, for the cells say dollars."""
    return name.removesuffix("_usd").replace("_", " ")


def _cell(name: str, column: TableColumn, text: str, style: str) -> Markup:
    is_number = column.unit in NUMBER_UNITS
    place = (
        "text-align:right;white-space:nowrap"
        if is_number
        else f"text-align:left;{_ROOM[column.unit == 'sentence']}"
    )
    own = f"padding:3px 14px 3px 0;vertical-align:top;border-bottom:1px solid {_RULE};{place}"
    return tag(name, fitted(text, _LONGEST) if text else "", style=f"{own};{style}")


def _color(column: TableColumn, value: Cell) -> str:
    if is_change(column) and isinstance(value, int | Decimal) and value:
        return f"color:{_UP if value > 0 else _DOWN}"
    return ""
