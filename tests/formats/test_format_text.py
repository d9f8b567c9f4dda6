"""Text on terminals of any width, and in pipes."""

import re
from dataclasses import replace
from decimal import Decimal
from unicodedata import category, east_asian_width

import pytest
from tests.formats.answers import EXPLAINED, UGLY, answer, lines_of, written

ESCAPE = re.compile("\x1b\\[[0-9]*m")


def columns_of(line: str) -> int:
    return sum(
        0 if category(char) == "Mn" else 2 if east_asian_width(char) in "WF" else 1
        for char in ESCAPE.sub("", line)
    )


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 140, 200, 260])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(columns_of, lines_of("text", UGLY, width=width))) <= width


@pytest.mark.parametrize("width", range(1, 300, 7))
def test_money_is_never_cut_at_any_width(width: int) -> None:
    text = "\n".join(lines_of("text", UGLY, width=width))
    for cost in ("$1,234.57", "$3.50", "$0.042", "$0.000000013", "unknown", "$1,238.11"):
        assert re.search(rf"(?<![\d.,]){re.escape(cost)}(?![\d.,…])", text)


def test_columns_stay_aligned_beside_wide_letters_and_combining_marks() -> None:
    table = answer(("日本語", Decimal(1)), ("e\u0301" * 4, Decimal(20)), name="text", cost_usd="usd")
    rows = lines_of("text", table)[4:6]
    assert [columns_of(row) for row in rows] == [16, 16]


def test_without_a_width_every_column_and_every_digit_is_there() -> None:
    text = "\n".join(lines_of("text", UGLY))
    assert "131,529,789" in text
    assert all(column.name in text for column in UGLY.columns)
    assert "…" not in text


def test_derived_columns_go_before_text_is_shortened_or_a_count_left_out() -> None:
    row = ("a long name of a feature", Decimal("0.5"), 1_234)
    table = answer(row, name="text", x_derived="share", calls="calls")
    lines = lines_of("text", table, width=33)
    assert "a long name of a feature  1,234" in lines
    assert "The terminal is too narrow for:" in lines


def test_a_derived_column_never_takes_the_room_of_a_count() -> None:
    row = ("a long name of a feature", Decimal("0.5"), 1_234)
    table = answer(row, name="text", x_derived="share", calls="calls")
    assert [line for line in lines_of("text", table, width=20) if "1,234" in line] == ["a long name …  1,234"]


def test_text_is_shortened_before_a_count_is_left_out() -> None:
    table = answer(("a long name of a feature", 1_234), name="text", calls="calls")
    assert "a long name …  1,234" in lines_of("text", table, width=20)


def test_what_was_left_out_is_named() -> None:
    table = answer(("a long name", 1_234, Decimal("3.2")), name="text", calls="calls", cost_usd="usd")
    lines = lines_of("text", table, width=18)
    assert "a long name  $3.20" in lines
    assert "narrow for: calls" in " ".join(line.strip() for line in lines)


def test_colour_marks_dearer_cheaper_and_unknown_and_only_when_asked() -> None:
    text = written("text", UGLY, color=True).decode()
    assert "\x1b[31m+$210.50\x1b[0m" in text
    assert "\x1b[32m-$1.25\x1b[0m" in text
    assert "\x1b[33munknown\x1b[0m" in text
    assert ESCAPE.sub("", text) == written("text", UGLY).decode()
    assert b"\x1b" not in written("text", UGLY)


@pytest.mark.parametrize("width", [43, 50, 60, 72, 80, 100, 120, 140, 260])
def test_a_sentence_goes_on_below_its_beginning_within_the_terminal(width: int) -> None:
    lines = lines_of("text", EXPLAINED, width=width)
    assert max(map(columns_of, lines)) <= width
    began = next(index for index, line in enumerate(lines) if line.startswith("1  "))
    rows = lines[began : next(index for index, line in enumerate(lines) if "──" in line)]
    room = rows[0].index("agent-copilot") - len("1  +$462.10")
    head = re.compile(rf"([1-4 ]  [ +-]+\$[\d.]+.{{{room}}}| {{{11 + room}}})(?=\S)")
    assert all(head.match(row) for row in rows)
    assert len([row for row in rows if "$" in row[:13]]) == len(EXPLAINED.rows)


@pytest.mark.parametrize("width", range(1, 160, 3))
def test_every_word_of_a_sentence_is_there_at_every_width(width: int) -> None:
    lines = [line for line in lines_of("text", EXPLAINED, width=width) if "trust" not in line]
    together = re.sub(r"\s", "", "".join(line[13:] for line in lines))
    for row in EXPLAINED.rows:
        said = str(row[-1]).replace("\x1b", "\\x1b")
        assert re.sub(r"\s", "", said) in together


def test_a_sentence_has_thirty_columns_even_where_there_is_less_room() -> None:
    lines = lines_of("text", answer(("word " * 20, Decimal(1)), said="sentence", cost_usd="usd"), width=20)
    assert "word word word word word word" in [line[:30].strip() for line in lines]


def test_a_word_wider_than_its_room_is_broken_at_a_seam_or_anywhere() -> None:
    words = (
        "see https://smith.example/o/projects/"
        + "x" * 40
        + " 日本語の機能が高くなった理由はこれです"
        + "e\u0301" * 40
    )
    body = lines_of("text", answer((words,), said="sentence"), width=30)[2:9]
    assert body == [
        "",
        "see https://smith.example/o/",
        "projects/" + "x" * 21,
        "x" * 19,
        "日本語の機能が高くなった理由は",
        "これです" + "e\u0301" * 22,
        "e\u0301" * 18,
    ]


def test_a_pipe_gets_each_sentence_in_one_line() -> None:
    lines = lines_of("text", EXPLAINED)
    assert all(any(line.endswith(str(row[-1])) for line in lines) for row in EXPLAINED.rows if row[0] != 2)


def test_numbered_sentences_need_no_headings_and_other_columns_do() -> None:
    assert not any("change_usd" in line for line in lines_of("text", EXPLAINED))
    table = answer((1, Decimal(2), "why", 3), n="place", change_usd="usd", why="sentence", calls="calls")
    assert "n  change_usd  why  calls" in lines_of("text", table)


def test_names_and_figures_keep_their_room_and_the_sentence_takes_the_rest() -> None:
    table = answer(
        ("a-feature-of-some-name", Decimal(5), "w " * 60), name="text", cost_usd="usd", why="sentence"
    )
    lines = lines_of("text", table, width=80)
    row = lines.index(
        next(line for line in lines if line.startswith("a-feature-of-some-name     $5.00  w w"))
    )
    assert lines[row + 1] == " " * 34 + "w " * 22 + "w"


def test_signed_dollars_stand_below_each_other_and_the_total_with_them() -> None:
    lines = lines_of("text", EXPLAINED, width=80)
    ends = [match.end() for line in lines if (match := re.match(r"[\d ] +[+-]\$[\d.]+", line))]
    assert ends == [11] * 6


def test_the_headline_stands_below_the_title_wrapped_and_bold() -> None:
    lines = written("text", EXPLAINED, width=60, color=True).decode().split("\n")
    assert lines[1:5] == [
        "\x1b[1m$6,987.10 -> $7,684.55 (+$697.45, +10 %); $225.39 -> $256.15\x1b[0m",
        "\x1b[1ma day.\x1b[0m",
        "\x1b[1m4 lines explain 92 % of what moved.\x1b[0m",
        "",
    ]


def test_a_headline_may_be_all_there_is_to_say() -> None:
    quiet = replace(EXPLAINED, rows=(), total={}, notes=(), headline="Within normal variation.")
    lines = lines_of("text", quiet)
    assert lines[1:3] == ["Within normal variation.", ""]
    assert lines[3].startswith("trust:")


def test_what_a_sentence_tells_is_neither_shown_nor_missed() -> None:
    text = "\n".join(lines_of("text", EXPLAINED, width=43))
    assert "prompt_size" not in text
    assert "narrow" not in text


def test_lines_end_alike_on_every_system() -> None:
    for name in ("text", "csv", "json", "markdown"):
        for table in (UGLY, EXPLAINED):
            content = written(name, table)
            assert b"\r" not in content
            assert content.endswith(b"\n")
            assert not content.endswith(b"\n\n")
