"""HTML: every number of the answer, and of its names nothing but text."""

import base64
import hashlib
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from tests.charts.samples import SAMPLES
from tests.formats.answers import EXPLAINED, NO_CALLS, UGLY, written
from tests.formats.test_format_hostile import said, tables

from whyspend.formats._cells import NUMBER_UNITS, display, for_people, plain, total_row
from whyspend.formats._page import script, style
from whyspend.model import Table

VOID = {"br", "col", "input", "link", "meta"}
KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "p", "div", "span", "figure"),
    *("figcaption", "details", "summary", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "ul", "li"),
    *("code", "a", "script", "svg", "g", "rect", "line", "path", "text"),
}
PICTURED = replace(UGLY, charts=tuple(SAMPLES.values()))


class Page(HTMLParser):
    """A page as a browser sees it: its elements, and the rows of its tables."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[tuple[str, str | None]]]] = []
        self.open: list[str] = []
        self.cell: list[str] | None = None
        self.words: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append(("", dict(attrs).get("data-value")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)
        if {"td", "th"} & set(self.open):
            text, value = self.tables[-1][-1][-1]
            self.tables[-1][-1][-1] = (text + data, value)


def check(table: Table) -> Page:
    """Nothing in a page is more than it should be, whatever the answer holds."""
    page = Page(written("html", table, command="whyspend report", question="What?"))
    assert page.open == []
    assert {tag for tag, _ in page.elements} <= KNOWN
    assert [tag for tag, _ in page.elements].count("script") == 1
    for tag, attributes in page.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset")
        ]
        if "href" in attributes:
            assert tag == "a"
            assert re.match("https?://", attributes["href"] or "")
    return page


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(tables)
def test_names_are_text_whatever_they_hold(table: Table) -> None:
    check(table)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(said)
def test_sentences_are_text_whatever_they_hold(table: Table) -> None:
    check(table)


@pytest.mark.parametrize("table", [UGLY, EXPLAINED, PICTURED], ids=["table", "sentences", "pictures"])
def test_a_page_shows_what_markdown_and_text_show(table: Table) -> None:
    page, people = check(table), for_people(table)
    at = sum(1 for _ in table.charts)
    heading, *rows = page.tables[at]
    assert [text for text, _ in heading] == [column.name.replace("_", " ") for column in people.columns]
    for row, cells in zip(people.rows, rows, strict=False):
        for column, value, (text, exact) in zip(people.columns, row, cells, strict=True):
            assert text == display(column, value)
            assert exact == (plain(value) if column.unit in NUMBER_UNITS else None)
    assert [text for text, _ in rows[-1]] == total_row(people)


def test_a_picture_has_its_numbers_in_a_table_beside_it() -> None:
    page = check(PICTURED)
    for chart, (_, *rows) in zip(PICTURED.charts, page.tables, strict=False):
        assert len(rows) == len(chart.rows)
        for row, cells in zip(chart.rows, rows, strict=True):
            for value, (_, exact) in zip(row, cells, strict=True):
                if isinstance(value, Decimal):
                    assert Decimal(exact or "") == value
        assert all(f"{name}: {plain(amount)}" in "".join(page.words) or not name.isprintable()
                   for name, amount in chart.marks)  # fmt: skip


def test_what_sentences_tell_and_the_details_are_there_with_all_digits() -> None:
    page = check(EXPLAINED)
    _, every, cells = page.tables
    assert [text for text, _ in every[0]] == [column.name.replace("_", " ") for column in EXPLAINED.columns]
    assert "462.104000000001" in [text for text, _ in every[1]]
    assert "-0.0000000000004" in [text for text, _ in cells[2]]


def test_a_page_may_run_its_own_script_and_style_and_ask_nobody() -> None:
    page = check(PICTURED)
    (rules,) = [a["content"] for tag, a in page.elements if tag == "meta" and "http-equiv" in a]
    for kind, text in (("style-src", style()), ("script-src", script())):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in (rules or "")
    assert (rules or "").startswith("default-src 'none'")
    assert "unsafe" not in (rules or "")
    assert "http" not in style() + script()
    assert "</" not in style() + script()


@pytest.mark.parametrize(
    ("total", "change", "sentence"),
    [
        ("20", "5", "$20.00 in these 7 days, $5.00 more than in the 7 before (+33.3 %)."),
        ("20", "-5", "$20.00 in these 7 days, $5.00 less than in the 7 before (-20.0 %)."),
        ("20", "0", "$20.00 in these 7 days, as much as in the 7 before."),
        ("20", "20", "$20.00 in these 7 days, $20.00 more than in the 7 before."),
        ("20", None, "$20.00 in these 7 days."),
    ],
)
def test_an_answer_without_a_headline_begins_with_what_it_comes_to(
    total: str, change: str | None, sentence: str
) -> None:
    sums = {"cost_usd": Decimal(total)} | ({"change_usd": Decimal(change)} if change else {})
    assert sentence in check(replace(UGLY, total=sums)).words


def test_the_question_the_command_and_the_trust_line_are_said() -> None:
    page = check(UGLY)
    assert "What?" in page.words
    assert "whyspend report" in page.words
    assert any(words.startswith("trust: 98.2 % of calls priced") for words in page.words)


def test_an_answer_without_rows_columns_or_calls_is_a_page() -> None:
    assert (
        "No rows in this window." in check(Table("report", UGLY.window, UGLY.columns, (), {}, NO_CALLS)).words
    )
    check(Table("report", UGLY.window, (), (), {}, NO_CALLS))
