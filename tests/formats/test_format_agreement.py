"""All formats of one answer agree, cell for cell."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.formats.answers import EXPLAINED, NO_CALLS, UGLY, answer, lines_of, written
from tests.formats.conftest import TIME, ReadBack

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import InputError
from whyspend.formats import csv as csv_format
from whyspend.formats._cells import display, for_people, plain, total_row
from whyspend.model import Cell, Table, TableColumn
from whyspend.spelling import storable

NAMES = [column.name for column in UGLY.columns]
CODE = re.compile(r"(`+)(.+?)\1")


def exact_rows(table: Table) -> list[tuple[Any, ...]]:
    """The rows as machines should read them: as they are, but for half surrogate pairs."""
    return [tuple(storable(cell) if isinstance(cell, str) else cell for cell in row) for row in table.rows]


def read_json(table: Table) -> Any:
    return json.loads(written("json", table), parse_float=Decimal)


def read_csv(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written("csv", table).decode(), newline=""), strict=True))


def markdown_cell(cell: str) -> str:
    """What a renderer shows: in a code span, one blank on both sides is no part of the text."""
    if not (span := CODE.fullmatch(cell)):
        return cell
    text = span[2].replace("\\|", "|")
    padded = text.strip() and text[0] == text[-1] == " "
    return text[1:-1] if padded else text


def test_json_holds_every_cell_exactly() -> None:
    answered = read_json(UGLY)
    rows = [tuple(row[name] for name in NAMES) for row in answered["rows"]]
    lists = [tuple(list(c) if isinstance(c, tuple) else c for c in row) for row in exact_rows(UGLY)]
    assert rows == lists
    assert answered["total"] == UGLY.total


def test_json_has_exactly_the_promised_keys() -> None:
    answered = read_json(UGLY)
    assert list(answered) == ["report", "window", "columns", "rows", "total", "trust", "notes"]
    assert list(answered["window"]) == ["since", "until", "timezone"]
    assert all(list(column) == ["name", "unit"] for column in answered["columns"])
    assert all(list(row) == NAMES for row in answered["rows"])
    assert answered["trust"] == {
        "calls": 17263,
        "priced": Decimal("0.98204"),
        "tagged_usd": Decimal("0.94"),
        "tagged_calls": Decimal("0.9121"),
        "estimated": Decimal("0.003"),
        "sampled": 0,
        "complete_until": "2026-11-21T14:00:00Z",
        "price_book": "genai-prices@0.2.3/3f9a",
    }


def test_money_in_json_is_a_plain_number() -> None:
    lines = lines_of("json", answer((Decimal("0.000000012500"),), cost_usd="usd"))
    assert '    {"cost_usd": 0.0000000125}' in lines


def test_csv_has_the_promised_header() -> None:
    assert lines_of("csv", UGLY)[0] == (
        "since,until,feature,env,user_tier,calls,requests,input_tokens,cache_read_tokens,cache_write_tokens,"
        "output_tokens,reasoning_tokens,cost_usd,unpriced_calls"
    )
    assert written("csv", UGLY).startswith(csv_format.header_line(UGLY))


def test_csv_without_its_header_is_the_same_rows() -> None:
    assert csv_format.header_line(UGLY) + written("csv", UGLY, header=False) == written("csv", UGLY)


def test_csv_holds_every_figure_exactly_and_unknown_as_nothing() -> None:
    _, *lines = read_csv(UGLY)
    for line, row in zip(lines, UGLY.rows, strict=True):
        assert line[:2] == ["2026-11-15", "2026-11-21"]
        for text, cell, column in zip(line[2:], row[:12], UGLY.columns[:12], strict=True):
            if cell is None:
                assert text == ""
            elif column.unit != "text":
                assert Decimal(text) == cell
                assert "E" not in text


def test_parquet_holds_every_cell_exactly_with_its_type(parquet: ReadBack) -> None:
    columns, rows = parquet(UGLY)
    assert [name for name, _ in columns] == ["since", "until", *NAMES]
    days = (UGLY.window.since, UGLY.window.until)
    lists = [tuple(list(c) if isinstance(c, tuple) else c for c in row) for row in exact_rows(UGLY)]
    assert rows == [days + row for row in lists]
    assert dict(columns)["cost_usd"] == "DECIMAL(38,12)"


def test_markdown_shows_what_text_shows() -> None:
    lines = [line for line in lines_of("markdown", UGLY) if line.startswith("|")][2:]
    for row, line in zip(UGLY.rows, lines[:-1], strict=True):
        shown = [markdown_cell(cell[1:-1]) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert shown == [display(column, cell) for column, cell in zip(UGLY.columns, row, strict=True)]
    totals = [cell for cell in total_row(UGLY) or [] if cell]
    assert re.findall(r"\*\*(.+?)\*\*", lines[-1]) == totals


def test_text_shows_every_cell_by_the_rule_of_its_column() -> None:
    lines = lines_of("text", UGLY)[4:]
    for row, line in zip(UGLY.rows, lines, strict=False):
        shown = [display(column, cell) for column, cell in zip(UGLY.columns, row, strict=True)]
        assert re.sub(r"\s+", "", line) == re.sub(r"\s+", "", "".join(shown))


def test_an_answer_in_sentences_is_whole_in_json() -> None:
    answered = read_json(EXPLAINED)
    assert list(answered) == [
        "report", "window", "headline", "columns", "rows", "total", "cells", "none", "trust", "notes",
    ]  # fmt: skip
    assert answered["headline"] == EXPLAINED.headline
    names = [column.name for column in EXPLAINED.columns]
    for row, read in zip(EXPLAINED.rows, answered["rows"], strict=True):
        assert read == dict(
            zip(names, [plain(c) if isinstance(c, datetime) else c for c in row], strict=True)
        )
    assert list(answered["total"]) == ["change_usd", "before", "after", "change"]
    assert answered["total"] == EXPLAINED.total
    assert answered["cells"] == list(EXPLAINED.details["cells"])
    assert answered["none"] == []


def test_a_row_of_details_is_one_line_of_json() -> None:
    line = '    {"feature": "agent-copilot", "driver": "prompt_size", "change_usd": 462.104000000001},'
    assert line in lines_of("json", EXPLAINED)


def test_csv_and_parquet_hold_what_a_sentence_tells_and_no_headline(parquet: ReadBack) -> None:
    header, *lines = read_csv(EXPLAINED)
    columns, rows = parquet(EXPLAINED)
    assert header == [name for name, _ in columns]
    assert header[2:] == [
        "#",
        "driver",
        "segment",
        "change_usd",
        "before",
        "after",
        "unit",
        "row_since",
        "why",
    ]
    types = [type_ for _, type_ in columns[2:]]
    decimal = "DECIMAL(38,12)"
    assert types == ["BIGINT", "VARCHAR", "VARCHAR", *[decimal] * 3, "VARCHAR", TIME, "VARCHAR"]
    for cells, line, row in zip(EXPLAINED.rows, lines, rows, strict=True):
        for cell, text, value in zip(cells, line[2:], row[2:], strict=True):
            if cell is None:
                assert (text, value) == ("", None)
            elif isinstance(cell, int | Decimal):
                assert Decimal(text) == value == cell
            elif isinstance(cell, datetime):
                assert text == plain(cell)
                assert value == f"{cell:%Y-%m-%d %H:%M:%S}+00"
            else:
                assert value == plain(cell)
                assert text == plain(cell).replace("\x1b", "\\x1b")


def test_columns_of_sentences_without_rows_keep_their_parquet_types(parquet: ReadBack) -> None:
    full, _ = parquet(EXPLAINED)
    empty, rows = parquet(replace(EXPLAINED, rows=()))
    assert (empty, rows) == (full, [])


def test_people_read_the_same_sentences_in_text_and_in_markdown() -> None:
    read = for_people(EXPLAINED)
    text = [line for line in lines_of("text", EXPLAINED) if "$" in line[:13]][1:-1]
    tables = [line for line in lines_of("markdown", EXPLAINED) if line.startswith("|")][2:-1]
    for row, line, cells in zip(read.rows, text, tables, strict=True):
        shown = [display(column, cell) for column, cell in zip(read.columns, row, strict=True)]
        assert line.split(maxsplit=len([c for c in shown if c]) - 1) == [cell for cell in shown if cell]
        renderer = re.sub(r"<!-- -->|\\(?=[^\w\s])", "", cells)
        assert renderer == f"| {' | '.join(shown)} |"


def test_markdown_names_a_segment_as_code_and_says_the_headline() -> None:
    lines = lines_of("markdown", answer(({"env": "a|b"}, 1), where="segment", calls="calls"))
    assert "| `env a\\|b` | 1 |" in lines
    assert lines_of("markdown", EXPLAINED)[2:5] == [
        "$6,987.10 -\\> $7,684.55 (+$697.45, +10 %); $225.39 -\\> $256.15 a day.",
        "4 lines explain 92 % of what moved.",
        "",
    ]


@pytest.mark.parametrize("name", ["text", "csv", "json", "markdown"])
def test_an_answer_without_rows_or_calls_is_still_an_answer(name: str) -> None:
    table = Table("report", UGLY.window, UGLY.columns, (), {}, NO_CALLS)
    text = written(name, table).decode()
    assert "feature" in text
    if name in ("text", "markdown"):
        assert "No rows in this window." in text
        assert "trust: no calls in this window" in text
        assert "Total" not in text


def test_an_answer_without_rows_keeps_its_parquet_types(parquet: ReadBack) -> None:
    full, _ = parquet(UGLY)
    empty, rows = parquet(Table("report", UGLY.window, UGLY.columns, (), {}, NO_CALLS))
    assert (empty, rows) == (full, [])


def test_an_answer_without_columns_can_be_written(parquet: ReadBack) -> None:
    table = Table("report", UGLY.window, (), (), {}, NO_CALLS)
    assert read_json(table)["columns"] == []
    assert read_csv(table) == [["since", "until"]]
    assert parquet(table)[1] == []
    assert "No rows" in "\n".join(lines_of("text", table, width=80))
    assert "No rows" in "\n".join(lines_of("markdown", table))


def test_unknown_stays_unknown_in_every_format(parquet: ReadBack) -> None:
    table = Table(
        "report", UGLY.window, UGLY.columns, ((None,) * 15,) * 2, dict.fromkeys(NAMES[3:]), NO_CALLS
    )
    assert all(value is None for row in read_json(table)["rows"] for value in row.values())
    assert all(text == "" for line in read_csv(table)[1:] for text in line[2:])
    assert all(value is None for row in parquet(table)[1] for value in row[2:])
    for name in ("text", "markdown"):
        rows = [line for line in lines_of(name, table) if "untagged" in line or "Total" in line]
        assert len(rows) == 3
        assert not any(re.search(r"\d", line) for line in rows)


def test_days_times_flags_and_averages_keep_their_types(parquet: ReadBack) -> None:
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    row: tuple[Cell, ...] = (
        date(2026, 11, 21),
        noon,
        True,
        Decimal("2.5"),
        2**70,
        "https://x.example/r/1?a=b&c_d",
    )
    names = ("day", "started_at", "flag", "calls_a_day", "tokens", "link")
    units = ("date", "date", "text", "calls", "tokens", "url")
    table = Table("report", UGLY.window, tuple(map(TableColumn, names, units)), (row,), {}, NO_CALLS)
    columns, rows = parquet(table)
    types = [type_ for _, type_ in columns[2:]]
    assert types == ["DATE", TIME, "VARCHAR", "DECIMAL(38,12)", "DECIMAL(38,12)", "VARCHAR"]
    assert rows[0][2:4] == (date(2026, 11, 21), "2026-11-21 12:00:00+00")
    assert read_csv(table)[1][2:] == [
        "2026-11-21",
        "2026-11-21T12:00:00Z",
        "true",
        "2.5",
        str(2**70),
        "https://x.example/r/1?a=b&c_d",
    ]
    assert list(read_json(table)["rows"][0].values()) == [
        "2026-11-21",
        "2026-11-21T12:00:00Z",
        True,
        Decimal("2.5"),
        2**70,
        "https://x.example/r/1?a=b&c_d",
    ]
    assert "| <https://x.example/r/1?a=b&c_d> |" in "\n".join(lines_of("markdown", table))


def test_a_price_finer_than_a_pico_dollar_is_not_rounded_in_parquet(parquet: ReadBack) -> None:
    cost = Decimal("1234.0000000000000001")
    columns, rows = parquet(answer((cost,), (Decimal(2),), cost_usd="usd"))
    assert columns[2] == ("cost_usd", "DECIMAL(38,16)")
    assert [row[2] for row in rows] == [cost, 2]


def test_a_quotient_keeps_the_digits_that_a_decimal_has(parquet: ReadBack) -> None:
    third = Decimal("12345678901234") + Decimal(1) / 3
    columns, rows = parquet(answer((third,), (Decimal(1) / 30000,), cost_usd="usd"))
    assert columns[2] == ("cost_usd", "DECIMAL(38,24)")
    assert rows[1][2] == Decimal("0.000033333333333333333333")


def test_a_number_too_large_for_parquet_is_refused_by_name(engine: DuckDB) -> None:
    with pytest.raises(InputError, match=r"Column 'cost_usd' .* 31 digits .* Use --format csv or json\."):
        written("parquet", answer((Decimal(10**30),), cost_usd="usd"), engine=engine)
