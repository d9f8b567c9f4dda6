"""Bars beside the numbers of a text: which column has them, how long they are, and when they give way."""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.answers import EXPLAINED, UGLY, answer, lines_of, written

from whyspend.formats import _bars, _grid
from whyspend.formats.text import table_lines
from whyspend.model import Cell, Table, TableColumn

LENGTHS = {letter: at for at, letter in enumerate(" ▏▎▍▌▋▊▉█")} | {"▕": 1, "▐": 4}
INK = "".join(LENGTHS).strip() + "│»"

SHARE = TableColumn("share", "share", derived=True)
USED = TableColumn("share", "share")
CHANGE = TableColumn("change_usd", "usd")

values = st.lists(st.none() | st.decimals(-1_000_000, 1_000_000, places=4), min_size=1, max_size=12)
widths = st.integers(_bars.NARROWEST, _bars.WIDEST)


def table(*rows: tuple[Cell, ...], columns: Sequence[TableColumn]) -> Table:
    return replace(answer(), columns=(TableColumn("feature", "text"), *columns), rows=rows)


def length(ink: str) -> Decimal:
    """How much of its columns is filled."""
    return Decimal(sum(LENGTHS[letter] for letter in ink)) / 8


def sides(bar: str) -> tuple[Decimal, Decimal]:
    """What is filled below zero and above."""
    below, _, above = bar.rpartition("│")
    return length(below), length(above)


def drawn_of(table: Table) -> str:
    at = _bars.drawn_column(table)
    return "" if at is None else table.columns[at].name


@given(values, widths)
def test_bars_have_one_scale_and_are_exact_to_an_eighth_on_the_right_and_a_quarter_on_the_left(
    cells: list[Decimal | None], width: int
) -> None:
    known = [value for value in cells if value is not None]
    bars = _bars.bars(CHANGE, cells, width)
    if not any(known):
        assert bars == [""] * len(cells)
        return
    high, low = max(*known, Decimal(0)), max(-min(known), Decimal(0))
    left = next((bar.index("│") for bar in bars if "│" in bar), 0)
    right = width - left - 1 if low else width
    column = max(high / right if right else Decimal(0), low / left if left else Decimal(0))
    for value, bar in zip(cells, bars, strict=True):
        below, above = sides(bar)
        assert abs(max(value or Decimal(0), Decimal(0)) / column - above) <= Decimal("0.12501")
        assert abs(max(-(value or Decimal(0)), Decimal(0)) / column - below) <= Decimal("0.31251")
        assert (below > 0, above > 0) == ((value or 0) < 0, (value or 0) > 0)


@given(values, widths, st.sampled_from([SHARE, USED, CHANGE]))
def test_no_bar_is_wider_than_its_lane_and_more_is_never_shorter(
    cells: list[Decimal | None], width: int, column: TableColumn
) -> None:
    bars = _bars.bars(column, cells, width)
    assert max(map(_grid.display_width, bars)) <= width
    known = sorted((value, bar) for value, bar in zip(cells, bars, strict=True) if value is not None)
    if column is USED:
        filled = [length(re.sub("│", "", bar).replace("»", "█")) for _, bar in known]
    else:
        filled = [above - below for below, above in (sides(bar) for _, bar in known)]
    assert filled == sorted(filled)


@given(st.lists(st.decimals(0, 3, places=4), min_size=1, max_size=12), widths)
def test_a_limit_stands_in_one_column_and_only_what_is_over_goes_beyond_it(
    shares: list[Decimal], width: int
) -> None:
    bars = _bars.bars(USED, shares, width)
    if not any(shares):
        return
    assert len({bar.index("│") for bar in bars}) == 1
    for share, bar in zip(shares, bars, strict=True):
        within, _, beyond = bar.partition("│")
        assert bool(beyond) == (share > 1)
        assert abs(min(share, Decimal(1)) * len(within) - length(within)) <= Decimal("0.125")


@pytest.mark.parametrize("width", range(1, 300, 7))
@pytest.mark.parametrize("of", [UGLY, EXPLAINED])
def test_bars_take_only_room_that_no_number_and_no_name_wants(of: Table, width: int) -> None:
    def bare(lines: list[str]) -> str:
        return re.sub(rf"[{INK}▁▂▃▄▅▆▇─\s]", "", "".join(sorted("".join(lines))))

    with_bars, without = (table_lines(of, width, drawn=drawn) for drawn in (True, False))
    assert bare(with_bars) == bare(without)
    widest = max(map(_grid.display_width, without))
    assert max(map(_grid.display_width, with_bars)) <= max(width, widest)


def test_shares_of_the_whole_are_drawn_beside_the_share_and_the_total_is_not() -> None:
    rows = [("rag-search", Decimal("0.72")), ("untagged", Decimal("0.25")), ("(others)", Decimal("0.03"))]
    whole = replace(table(*rows, columns=(SHARE,)), total={"share": Decimal(1)})
    assert lines_of("text", whole, width=40)[3:10] == [
        "feature      share",
        "──────────  ────────────",
        "rag-search  72.0 % █████",
        "untagged    25.0 % █▊",
        "(others)     3.0 % ▎",
        "──────────  ────────────",
        "Total        100 %",
    ]


def test_what_is_less_than_nothing_goes_left_from_a_common_zero_and_what_is_unknown_has_no_bar() -> None:
    rows = [("rag", Decimal(30)), ("refunds", Decimal(-15)), ("evals", Decimal(0)), ("new", None)]
    assert lines_of("text", table(*rows, columns=(CHANGE,)), width=80)[4:8] == [
        "rag         +$30.00    │██████",
        "refunds     -$15.00 ███│",
        "evals         $0.00    │",
        "new         unknown",
    ]


def test_what_is_over_its_limit_is_seen_to_be_and_far_over_ends_in_a_mark() -> None:
    rows = [("a", Decimal("0.5")), ("b", Decimal(1)), ("c", Decimal("1.25")), ("d", Decimal(9))]
    lines = lines_of("text", table(*rows, columns=(USED,)), width=80)
    assert lines[4:8] == [
        "a         50.0 % ███   │",
        "b          100 % ██████│",
        "c        125.0 % ██████│█▌",
        "d        900.0 % ██████│██»",
    ]
    colored = written("text", table(*rows, columns=(USED,)), width=80, color=True).decode()
    assert re.findall("\x1b\\[31m(.*?)\x1b", colored) == ["██████│█▌", "██████│██»"]


def test_bars_of_changes_have_the_colours_of_the_changes_and_only_when_asked() -> None:
    rows = [("rag", Decimal(30)), ("refunds", Decimal(-15))]
    colored = written("text", table(*rows, columns=(CHANGE,)), width=80, color=True).decode()
    assert "\x1b[31m   │██████\x1b[0m" in colored
    assert "\x1b[32m███│\x1b[0m" in colored
    assert re.sub("\x1b\\[\\d+m", "", colored).encode() == written(
        "text", table(*rows, columns=(CHANGE,)), width=80
    )


def test_the_causes_of_a_change_are_drawn_around_a_common_zero_before_what_they_say() -> None:
    lines = [line for line in lines_of("text", EXPLAINED, width=100) if re.match(r"[1-4] +[+-]\$", line)]
    assert [re.split(r"  (?=\w)", line[12:])[0].rstrip() for line in lines] == [
        "  │█████████",
        "  │█████▌",
        "  │██▎",
        "▕█│",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [("only", Decimal("0.5"))],
        [("a", Decimal("0.5")), ("b", Decimal("0.50"))],
        [("a", Decimal("0.5")), ("b", None)],
        [("a", None), ("b", None)],
        [],
    ],
)
def test_rows_that_cannot_be_compared_have_no_bars(rows: list[tuple[Cell, ...]]) -> None:
    assert drawn_of(table(*rows, columns=(SHARE,))) == ""


def test_a_pipe_has_no_bars_and_neither_has_any_other_format() -> None:
    rows = [("a", Decimal("0.5")), ("b", Decimal("0.25"))]
    for name in ("text", "csv", "markdown", "json", "html"):
        assert not set(INK) & set(written(name, table(*rows, columns=(SHARE,))).decode())


def test_a_terminal_that_cannot_show_a_number_does_not_draw_it() -> None:
    rows = [("a-name-of-some-length", Decimal(i), Decimal(i) / 10) for i in range(1, 4)]
    money = TableColumn("cost_usd", "usd")
    lines = lines_of("text", table(*rows, columns=(money, SHARE)), width=34)
    assert "narrow for: share" in re.sub(r"\s+", " ", " ".join(lines))
    assert not set(INK) & set("".join(lines))


def test_what_is_drawn_follows_from_the_columns_alone() -> None:
    def of(*columns: tuple[Any, ...]) -> str:
        made = [TableColumn(*column) for column in columns]
        rows: list[tuple[Cell, ...]] = [
            ("a", *[Decimal(i) for i in range(len(made))]),
            ("b", *[Decimal(-i) - 1 for i in range(len(made))]),
        ]
        return drawn_of(table(*rows, columns=made))

    cost, spent = ("cost_usd", "usd"), ("spent_usd", "usd")
    share, change = ("share", "share", True), ("change_usd", "usd", True)
    assert of(cost, share, change) == "share"
    assert of(cost, change, share) == "change_usd"
    assert of(share, ("share_forecast", "share")) == "share_forecast"
    assert of(cost, share, ("purity", "share")) == "share"
    assert of(spent, ("forecast_usd", "usd"), ("low_80_usd", "usd")) == "forecast_usd"
    assert of(("calls", "calls"), cost, ("url", "url", True)) == "cost_usd"
    assert of(("day", "date"), cost) == ""
    assert of(("calls", "calls"), ("tokens", "tokens")) == ""
