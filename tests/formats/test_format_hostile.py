"""Names, tags and notes are hostile text: no format may run, link, hide or break anything because of them."""

import csv
import io
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from unicodedata import category
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.formats.answers import NO_CALLS, UGLY, answer, written
from tests.formats.conftest import ReadBack

from whyspend.formats._cells import display, for_people
from whyspend.formats._frame import headline, remarks
from whyspend.model import Table, TableColumn
from whyspend.spelling import storable

FRAGMENTS = [
    *("=", "+", "-", "@", "\t", "\r", "\n", "\r\n", "\0", "＝", "＋", "－", "＠"),
    *(" ", "\u00a0", "\u3000", "\ufeff", ";", ",", '"', "'", "|", "\\", "`", "``", "*", "_", "~"),
    *("[", "]", "(", ")", "<", ">", "&", "#", "!", "$", "\x7f", "\u202e", "\u2066", "\u200b", "\u200d"),
    *("\x1b[31m", "\x1b]8;;http://x\x07", "\x9b2J", "\u2028", "\ud800", "\udfff", "\U000e0001", "\ufe0f"),
    *("e\u0301", "日本", "🚀", "@octocat", "http://x.y", "www.x.y", "#1", "<script>", "<!--", "-->", "</td>"),
    *("    ", "- ", "# ", "1. ", "---", "&#64;", "${x}", "cmd|' /C calc'!A0", "'; DROP TABLE t; --"),
]
hostile = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=12),
    st.lists(st.sampled_from(FRAGMENTS), max_size=5).map("".join),
)
tables = st.builds(
    lambda report, name, rows, notes: Table(
        report,
        UGLY.window,
        (TableColumn(name, "text"), TableColumn("link", "url"), TableColumn("calls", "calls")),
        tuple((*row, 1) for row in rows),
        {"link": "".join(notes), "calls": len(rows)},
        NO_CALLS,
        tuple(notes),
    ),
    hostile,
    hostile,
    st.lists(st.tuples(st.none() | hostile, hostile), max_size=3),
    st.lists(hostile, max_size=2),
)
names = hostile.filter(bool)
segments = st.dictionaries(names.map(storable), hostile, max_size=2)
said = st.builds(
    lambda column, rows, headline, details: Table(
        "explain",
        UGLY.window,
        (
            TableColumn("#", "place"),
            TableColumn("change_usd", "usd"),
            TableColumn("segment", "segment"),
            TableColumn(column, "sentence"),
            TableColumn("told", "text", told=True),
        ),
        tuple((1, Decimal(-1), segment, sentence, sentence) for segment, sentence in rows),
        {"change_usd": Decimal(1), column: None},
        NO_CALLS,
        headline=headline,
        details=details,
    ),
    names.filter(lambda name: name not in ("#", "change_usd", "segment", "told", "since", "until")),
    st.lists(st.tuples(segments, hostile), min_size=1, max_size=3),
    st.lists(hostile, max_size=3).map("\n".join),
    st.dictionaries(names.map("more {}".format), st.lists(segments, max_size=2), max_size=2),
)
fast = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some = settings(fast, max_examples=50)

BLANKS = re.compile("[\\s\\x00-\\x20\\x7f-\\xa0\u200b\u200d\u202e\u2066\ufeff]*")


def is_active(char: str) -> bool:
    return category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"


def runs_in_a_spreadsheet(cell: str) -> bool:
    return any(part.startswith(("\t", "\r")) or re.match("[=+\\-@＝＋－＠]", BLANKS.sub("", part, count=1))
               for part in cell.split(";"))  # fmt: skip


@fast
@given(tables | said)
def test_no_text_acts_on_a_terminal(table: Table) -> None:
    for name in ("text", "json", "markdown"):
        assert not any(map(is_active, written(name, table).decode()))
    assert not any(category(char) == "Cc" and char != "\n" for char in written("csv", table).decode())


@fast
@given(tables, st.integers(10, 120))
def test_no_text_breaks_the_lines_or_the_colours_of_a_terminal(table: Table, width: int) -> None:
    text = written("text", table, width=width, color=True).decode()
    assert not any(map(is_active, re.sub("\x1b\\[(1|31|32|33|0)m", "", text)))
    whole = written("text", table).decode().split("\n")
    title_heading_rules_total_trust = 9
    assert len(whole) == title_heading_rules_total_trust + max(len(table.rows), 1) + len(table.notes)


@some
@given(said, st.integers(1, 120))
def test_no_sentence_breaks_the_columns_or_the_colours_of_a_terminal(table: Table, width: int) -> None:
    text = written("text", table, width=width, color=True).decode()
    assert not any(map(is_active, re.sub("\x1b\\[(1|31|32|33|0)m", "", text)))
    whole = written("text", table).decode().split("\n")
    title_heading_rules_total_trust = 10
    assert len(whole) == title_heading_rules_total_trust + len(headline(table)) + len(table.rows) - 1


@some
@given(said)
def test_no_sentence_or_segment_runs_in_a_spreadsheet(table: Table) -> None:
    content = written("csv", table).decode()
    rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    assert len(rows) == len(content.split("\n")) - 1 == len(table.rows) + 1
    assert not any(runs_in_a_spreadsheet(cell) for row in rows[1:] for cell in (row[4], *row[5:]))


@some
@given(said)
def test_json_gives_sentences_segments_and_details_back(table: Table) -> None:
    answered = json.loads(written("json", table))
    assert answered.get("headline", "") == storable(table.headline)
    for row, read in zip(table.rows, answered["rows"], strict=True):
        assert list(read.values())[2:] == [stored(row[2]), storable(str(row[3])), storable(str(row[4]))]
    for name, rows in table.details.items():
        assert answered[storable(name)] == [stored(row) for row in rows]


def stored(segment: object) -> dict[str, str]:
    assert isinstance(segment, Mapping)
    return {storable(name): storable(value) for name, value in segment.items()}


@some
@given(said)
def test_parquet_gives_sentences_and_segments_back(parquet: ReadBack, table: Table) -> None:
    _, rows = parquet(table)
    for row, read in zip(table.rows, rows, strict=True):
        parts = [part.split("=") for part in read[4].split(";") if part]
        assert {unquote(name): unquote(value) for name, value in parts} == stored(row[2])
        assert read[5:] == (storable(str(row[3])),) * 2


@some
@given(said)
def test_a_markdown_renderer_shows_sentences_and_the_headline_as_text(table: Table) -> None:
    tokens = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written("markdown", table).decode())
    )
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    rendered = ["".join(shown_text(child) for child in cell.children or ()) for cell in cells]
    people = for_people(table)
    shown = [
        display(column, cell) for row in people.rows for column, cell in zip(people.columns, row, strict=True)
    ]
    assert [text.strip() for text in rendered[: len(shown)]] == [text.strip() for text in shown]
    assert len(cells) == len(shown) + 4
    paragraphs = [tokens[i + 1] for i, token in enumerate(tokens) if token.type == "paragraph_open"]
    spoken = "".join(shown_text(child) for child in paragraphs[1].children or ())
    assert spoken.startswith("\n".join(headline(table)) or "trust:")
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<!-- -->"}
    assert not [part for part in parts if part.type in ("link_open", "image", "em_open", "s_open")]
    blocks = {token.type for token in tokens}
    assert not {"heading_open", "blockquote_open", "ordered_list_open", "bullet_list_open"} & blocks
    assert not {"html_block", "fence", "code_block", "hr"} & blocks


def shown_text(part: Token) -> str:
    if part.type == "softbreak":
        return "\n"
    return "" if part.type == "html_inline" else part.content


@fast
@given(tables)
def test_no_text_runs_in_a_spreadsheet_or_breaks_a_row(table: Table) -> None:
    content = written("csv", table).decode()
    rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    assert len(rows) == len(content.split("\n")) - 1 == len(table.rows) + 1
    for line in rows:
        assert len(line) == 5
        assert not any(map(runs_in_a_spreadsheet, line))


@fast
@given(tables)
def test_json_gives_every_text_back(table: Table) -> None:
    answered = json.loads(written("json", table))
    assert answered["report"] == storable(table.report)
    assert answered["notes"] == [storable(note) for note in table.notes]
    for row, values in zip(table.rows, answered["rows"], strict=True):
        assert values["link"] == storable(str(row[1]))


@some
@given(tables)
def test_parquet_gives_every_text_back(parquet: ReadBack, table: Table) -> None:
    _, rows = parquet(table)
    texts = [tuple(storable(cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows]
    assert [row[2:] for row in rows] == texts


@fast
@given(tables)
def test_no_text_is_markup_in_markdown(table: Table) -> None:
    content = written("markdown", table).decode()
    lines = [line for line in content.split("\n") if line.startswith("|")]
    assert len(lines) == len(table.rows) + 3
    for line in lines:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4
    prose = [*(line for line in content.split("\n") if not line.startswith("|")), lines[0]]
    bare = re.sub(r"\\[^\w\s]|<!-- -->|&#36;", "\0", "\n".join(prose))
    assert not re.search(r"[<`\[\]~]", bare)
    assert not re.search(r"[@#]\w|://|www\.\w", bare)


@fast
@given(tables)
def test_a_markdown_renderer_shows_every_text_as_text(table: Table) -> None:
    tokens = (
        MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written("markdown", table).decode())
    )
    cells = [tokens[index + 1] for index, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 3 * (len(table.rows) + 1)
    shown = [
        display(column, cell) for row in table.rows for column, cell in zip(table.columns, row, strict=True)
    ]
    rendered = ["".join(child.content for child in cell.children or ()) for cell in cells]
    assert [text.strip() for text in rendered[: len(shown)]] == [text.strip() for text in shown]
    parts = [part for token in tokens for part in token.children or ()]
    assert {part.content for part in parts if part.type == "html_inline"} <= {"<!-- -->"}
    links = [part.attrs["href"] for part in parts if part.type == "link_open"]
    assert all(str(link).startswith(("http://", "https://")) for link in links)
    blocks = [token.type for token in tokens if token.type.endswith("_open")]
    assert blocks.count("list_item_open") == len(remarks(table))
    assert not {"heading_open", "blockquote_open", "ordered_list_open"} & set(blocks)
    assert not {"html_block", "fence", "code_block", "hr"} & {token.type for token in tokens}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\t=1"),
        ("\tplain", "'\\tplain"),
        ("\rplain", "'\\rplain"),
        ("  =1", "'  =1"),
        ("\u00a0\u200b=1", "'\u00a0\u200b=1"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ("a=1", "a=1"),
        ("rag-search", "rag-search"),
        ("a\0b\nc", "a\\x00b\\nc"),
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(name: str, cell: str) -> None:
    content = written("csv", answer((name,), feature="text"), header=False).decode()
    assert next(csv.reader([content]))[2] == cell


def test_a_hostile_column_name_is_neutralised_too() -> None:
    table = Table("report", UGLY.window, (TableColumn("=1|x\x1b[2J", "text"),), (("v",),), {}, NO_CALLS)
    assert written("csv", table).startswith(b"since,until,'=1|x\\x1b[2J\n")
    assert b"| =1\\|x\\\\x1b\\[2J |" in written("markdown", table)
