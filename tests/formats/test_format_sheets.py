"""What is no answer of a report, in every format: the same cells everywhere, and names that do nothing."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.formats.answers import SHEET, written_sheet
from tests.formats.test_format_hostile import hostile, is_active, runs_in_a_spreadsheet, shown_text
from tests.formats.test_format_html import KNOWN, Page

from whyspend.engines.duckdb import DuckDB
from whyspend.formats._cells import display, plain, sheet_for_people
from whyspend.model import Cell, Chart, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.spelling import storable

FORMS = ("text", "csv", "json", "markdown", "html", "svg")

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

COLUMNS = (
    TableColumn("model", "word"),
    TableColumn("rate_usd", "rate"),
    TableColumn("reason", "sentence"),
    TableColumn("reference", "url"),
)


def made(cells: list[tuple[str, str, str]], texts: list[str]) -> Sheet:
    rows = tuple((model, Decimal("0.5"), reason, address) for model, reason, address in cells)
    bars = tuple((model, Decimal("0.5")) for model, _, _ in cells)
    about, headline, title, note, block = texts
    return Sheet(
        "prices list",
        about,
        Rows("prices", COLUMNS, rows),
        about=about,
        facts={"price_book": note, "where": (about, title)},
        headline=(headline,),
        more=(Rows("more", COLUMNS[:1], tuple(row[:1] for row in rows), title or "t"),),
        charts=(Chart("ranked_change", title, (COLUMNS[0], COLUMNS[1]), bars),) if bars else (),
        notes=(note,),
        block=f"# For whyspend.toml:\n{block}\n",
    )


sheets = st.builds(
    made,
    st.lists(st.tuples(hostile, hostile, hostile), max_size=3),
    st.lists(hostile, min_size=5, max_size=5),
)


@some
@given(sheets)
def test_nothing_of_a_sheet_acts_on_a_terminal(sheet: Sheet) -> None:
    for form in ("text", "json", "markdown"):
        assert not any(map(is_active, written_sheet(form, sheet).decode())), form
    narrow = written_sheet("text", sheet, width=40, color=True).decode()
    assert not any(map(is_active, re.sub("\x1b\\[(1|0)m", "", narrow)))


@some
@given(sheets)
def test_nothing_of_a_sheet_runs_in_a_spreadsheet(sheet: Sheet) -> None:
    content = written_sheet("csv", sheet).decode()
    rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    assert len(rows) == len(content.split("\n")) - 1 == len(sheet.main.rows) + 1
    assert not any(runs_in_a_spreadsheet(cell) for row in rows for cell in row)


@some
@given(sheets)
def test_json_gives_every_text_of_a_sheet_back(sheet: Sheet) -> None:
    found = json.loads(written_sheet("json", sheet), parse_float=Decimal)
    assert found["price_book"] == storable(str(sheet.facts["price_book"]))
    for row, values in zip(sheet.main.rows, found["prices"], strict=True):
        assert list(values.values()) == [storable(c) if isinstance(c, str) else c for c in row]


@some
@given(sheets)
def test_names_of_a_sheet_are_text_in_html_and_in_pictures(sheet: Sheet) -> None:
    page = Page(written_sheet("html", sheet, command="whyspend prices list"))
    assert page.open == []
    assert {tag for tag, _ in page.elements} <= {*KNOWN, "pre"}
    assert [tag for tag, _ in page.elements].count("script") == 1
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
        if "href" in attributes:
            assert tag == "a"
            assert re.match("https?://", attributes["href"] or "")
    assert "<script" not in written_sheet("svg", sheet).decode()


@some
@given(sheets)
def test_names_of_a_sheet_are_text_in_markdown(sheet: Sheet) -> None:
    tokens = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(written_sheet("markdown", sheet).decode())
    )
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    shown = [
        text
        for rows in sheet_for_people(sheet)
        for row in rows.rows
        for text in (display(column, cell) for column, cell in zip(rows.columns, row, strict=True))
    ]
    rendered = ["".join(shown_text(child) for child in cell.children or ()) for cell in cells]
    assert [text.strip() for text in rendered] == [text.strip() for text in shown]
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<!-- -->"}
    assert not [part for part in parts if part.type in ("image", "em_open", "s_open")]
    kinds = [token.type for token in tokens]
    assert kinds.count("fence") == 1
    assert not {"heading_open", "blockquote_open", "ordered_list_open", "html_block", "hr"} & {*kinds}


def test_parquet_has_every_column_with_its_type(engine: DuckDB, tmp_path: Path) -> None:
    path = tmp_path / "sheet.parquet"
    path.write_bytes(written_sheet("parquet", SHEET, engine=engine))
    file = f"read_parquet({engine.literal(str(path))})"
    assert engine.columns(f"SELECT * FROM {file}") == [
        ("model", "VARCHAR"),
        ("since", "DATE"),
        ("calls", "BIGINT"),
        ("rate_usd", "DECIMAL(38,12)"),
        ("at_stake_usd", "DECIMAL(38,12)"),
        ("empty", "VARCHAR"),
        ("reason", "VARCHAR"),
        ("reference", "VARCHAR"),
        ("toml", "VARCHAR"),
    ]
    assert engine.rows(f"SELECT * FROM {file}") == list(SHEET.main.rows)


def test_people_read_the_same_in_text_markdown_and_html() -> None:
    (rows, *_), page = sheet_for_people(SHEET), Page(written_sheet("html", SHEET))
    assert [column.name for column in rows.columns] == [
        "model", "since", "calls", "rate_usd", "at_stake_usd", "reason", "reference",
    ]  # fmt: skip
    assert [display(*pair) for pair in zip(rows.columns, rows.rows[2], strict=True)] == [
        "–", "–", "–", "$1,250.00", "~$0.000000010", "日本語の機能🚀", "–",
    ]  # fmt: skip
    heading, *cells = page.tables[0]
    assert [text for text, _ in heading] == [column.name.replace("_", " ") for column in rows.columns]
    for row, shown in zip(rows.rows, cells, strict=True):
        assert [text for text, _ in shown] == list(_in_html(rows, row))
        assert shown[3][1] == plain(row[3])


def _in_html(rows: Rows, row: tuple[Cell, ...]) -> Iterator[str]:
    for column, cell in zip(rows.columns, row, strict=True):
        is_address = column.unit == "url" and str(cell).startswith("https://")
        yield "open" if is_address else display(column, cell)


def test_where_people_read_another_table_the_page_has_all_digits_below() -> None:
    pivot = Rows("prices", (TableColumn("input", "rate"),), ((Decimal("0.0375"),),))
    page = Page(written_sheet("html", replace(SHEET, people=pivot, more=())))
    assert [text for text, _ in page.tables[0][1]] == ["$0.0375"]
    assert [text for text, _ in page.tables[1][3]][3] == "1250"
    assert b"$0.0375" in written_sheet("text", replace(SHEET, people=pivot))


def test_what_can_be_copied_stands_line_by_line() -> None:
    html = written_sheet("html", SHEET).decode()
    assert "<pre># For whyspend.toml:\n\n[[prices]]\nmodel = &quot;```&lt;/pre&gt;&quot;</pre>" in html
    assert written_sheet("text", SHEET).decode().endswith('\n[[prices]]\nmodel = "```</pre>"\n')
    assert '````toml\n# For whyspend.toml:\n\n[[prices]]\nmodel = "```</pre>"\n````' in (
        written_sheet("markdown", SHEET).decode()
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_without_rows_says_why(form: str) -> None:
    empty = Sheet("prices closed", "Which?", Rows("months", COLUMNS, ()), notes=("No month is closed yet.",))
    said = {"csv": "model,rate_usd,reason,reference\n", "json": '{\n  "months": []\n}\n', "svg": "no picture"}
    assert said.get(form, "No month is closed yet.") in written_sheet(form, empty).decode()
