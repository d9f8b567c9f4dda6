"""Text on terminals of any width, and in pipes."""

import re
from decimal import Decimal
from unicodedata import category, east_asian_width

import pytest
from tests.formats.answers import UGLY, answer, lines_of, written

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


def test_lines_end_alike_on_every_system() -> None:
    for name in ("text", "csv", "json", "markdown"):
        content = written(name, UGLY)
        assert b"\r" not in content
        assert content.endswith(b"\n")
        assert not content.endswith(b"\n\n")
