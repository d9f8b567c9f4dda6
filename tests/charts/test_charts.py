"""Charts are drawn with their exact numbers, whatever the names, in colours that everybody can tell apart."""

import math
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.charts.samples import DAY, FIRST, HOSTILE, NAME, SAMPLES, usd

from whyspend import charts
from whyspend.charts.ink import wide
from whyspend.charts.palette import DARK, LIGHT, Colors, class_of
from whyspend.charts.png import FONT, png
from whyspend.charts.scales import day_ticks, dollars, rounded_out
from whyspend.model import Chart, Picture, TableColumn
from whyspend.spelling import visible

SVG = "{http://www.w3.org/2000/svg}"
KINDS = get_args(Picture)
KNOWN = {"svg", "g", "rect", "line", "path", "text", "title", "style"}

# How people without one kind of cone see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)


def parsed(picture: Picture, width: int = charts.WIDE, theme: charts.Theme | None = None) -> ET.Element:
    """A picture for a page; with a theme one that stands alone."""
    chart = SAMPLES[picture]
    drawn = charts.poster("t", [chart], width=width, theme=theme) if theme else charts.svg(chart, width=width)
    return ET.fromstring(drawn)


def tips(root: ET.Element) -> list[str]:
    return [title.text or "" for title in root.iter(f"{SVG}title")]


@pytest.mark.parametrize("theme", [None, "light", "dark", "auto"])
@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
@pytest.mark.parametrize("picture", KINDS)
def test_every_picture_is_plain_svg_whatever_the_names(
    picture: Picture, width: int, theme: charts.Theme | None
) -> None:
    root = parsed(picture, width=width, theme=theme)
    elements = [element.tag.removeprefix(SVG) for element in root.iter()]
    assert set(elements) <= KNOWN
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or name in ("style", "href")]
    assert elements.count("style") == (theme is not None)
    numbers = [
        float(value)
        for element in root.iter(f"{SVG}rect")
        for name, value in element.attrib.items()
        if name in ("x", "y", "width", "height")
    ]
    assert all(math.isfinite(number) for number in numbers)
    assert min(numbers) >= -1


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
@pytest.mark.parametrize("picture", KINDS)
def test_no_bar_and_no_word_begins_outside_of_its_picture(picture: Picture, width: int) -> None:
    root = parsed(picture, width=width)
    for element in root.iter(f"{SVG}rect"):
        assert float(element.attrib["x"]) + float(element.attrib["width"]) <= width + 1
        assert (
            float(element.attrib["y"]) + float(element.attrib["height"]) <= float(root.attrib["height"]) + 1
        )
    for element in root.iter(f"{SVG}text"):
        assert 0 <= float(element.attrib["x"]) <= width + 1
        assert 0 <= float(element.attrib["y"]) <= float(root.attrib["height"])


def test_a_bar_says_its_name_its_day_and_its_number() -> None:
    root = parsed("stacked_time")
    bars = [element for element in root.iter(f"{SVG}rect") if "data-at" in element.attrib]
    assert len(bars) == 9 * 5
    assert bars[0].attrib["data-at"] == "2026-11-15"
    assert bars[0].attrib["data-name"] == HOSTILE[0]
    assert tips(root)[0] == f"2026-11-15, {HOSTILE[0]}: $1.00"


def test_stacked_bars_are_as_high_as_their_amounts() -> None:
    root = parsed("stacked_time")
    chart = SAMPLES["stacked_time"]
    bars = [element for element in root.iter(f"{SVG}rect") if "data-at" in element.attrib]
    amounts = [float(cell) for row in chart.rows for cell in row[1:]]  # type: ignore[arg-type]
    heights = [float(bar.attrib["height"]) for bar in bars]
    scale = sum(heights) / sum(amounts)
    assert all(abs(high - scale * amount) < 0.2 for high, amount in zip(heights, amounts, strict=True))


def test_a_waterfall_leads_from_its_first_amount_to_its_last() -> None:
    chart = Chart(
        "waterfall", "t", (NAME, *usd("usd")),
        (("then", Decimal(10)), ("more", Decimal(5)), ("less", Decimal(-3)), ("now", Decimal(12))),
    )  # fmt: skip
    root = ET.fromstring(charts.svg(chart))
    bars = [element.attrib for element in root.iter(f"{SVG}rect")]
    ends = [(float(bar["x"]), float(bar["x"]) + float(bar["width"])) for bar in bars]
    assert [bar["class"] for bar in bars] == ["total", "up", "down", "total"]
    assert ends[0][1] == pytest.approx(ends[1][0], abs=0.2)
    assert ends[1][1] == pytest.approx(ends[2][1], abs=0.2)
    assert ends[2][0] == pytest.approx(ends[3][1], abs=0.2)


def test_the_steps_of_a_waterfall_read_as_cents_that_add_up_like_the_table_below_it() -> None:
    third = Decimal(1) / 3
    steps = tuple((f"step {number}", third) for number in range(3))
    rows = (("then", Decimal(1)), *steps, ("now", 1 + 3 * third))
    added = Chart("waterfall", "t", (NAME, TableColumn("usd", "usd", adds_up=True)), rows)
    assert changes(added) == ["+$0.34", "+$0.33", "+$0.33"]
    alone = Chart("waterfall", "t", (NAME, *usd("usd")), rows)
    assert changes(alone) == ["+$0.33", "+$0.33", "+$0.33"], "where the table rounds each by itself"


def changes(chart: Chart) -> list[str]:
    """The words beside the bars that say a change."""
    words = [element.text or "" for element in ET.fromstring(charts.svg(chart)).iter(f"{SVG}text")]
    return [word for word in words if word.startswith("+$")]


def test_a_change_that_is_told_is_shown_as_it_is_told() -> None:
    row = ("untagged", Decimal("100.00"), Decimal("84.9451"), Decimal("15.06"))
    chart = Chart("ranked_change", "t", (NAME, *usd("forecast_usd", "spent_usd", "rest_usd")), (row,))
    words = [element.text for element in ET.fromstring(charts.svg(chart)).iter(f"{SVG}text")]
    assert "$100.00 (+$15.06)" in words


def test_a_name_has_one_colour_in_every_picture_and_greys_are_fixed() -> None:
    numbers = {"rag": 3}
    assert class_of("rag", numbers) == "n3"
    assert class_of("untagged", numbers) == "none"
    assert class_of("(others)", numbers) == "others"
    assert class_of("another", {}) == class_of("another", numbers)
    assert class_of("another", {}).endswith("pale")


def _seen(color: str, eye: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """In Oklab, where distances are as eyes see them."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    r, g, b = (min(max(sum(x * y for x, y in zip(row, linear, strict=True)), 0), 1) for row in eye)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    middle = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_are_told_apart_without_red_green_or_blue(colors: Colors) -> None:
    """Better than the usual palette for this (Okabe and Ito's has 7.6 by the same measure)."""
    drawn = [*colors.names, colors.others, colors.none]
    worst = min(math.dist(_seen(a, eye), _seen(b, eye)) for a, b in combinations(drawn, 2) for eye in EYES)
    assert 100 * worst > 9
    assert all(100 * math.dist(_seen(colors.up, eye), _seen(colors.down, eye)) > 9 for eye in EYES)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_words_are_readable(colors: Colors) -> None:
    for words in (colors.ink, colors.faint):
        low, high = sorted((_luminance(words), _luminance(colors.paper)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e3))
def test_an_axis_has_a_few_round_ticks_around_its_amounts(low: float, times: float) -> None:
    span = max(abs(low), 1e-9) * times
    ticks, first, last = rounded_out(low, low + span)
    assert 2 <= len(ticks) <= 9
    assert first <= low + span * 1e-6
    assert last >= low + span * (1 - 1e-6)
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize(
    ("ticks", "said"),
    [
        ([0, 10, 20], ["$0", "$10", "$20"]),
        ([0, 2.5, 5], ["$0", "$2.50", "$5.00"]),
        ([0, 0.002, 0.004], ["$0", "$0.002", "$0.004"]),
        ([0, 0.00025, 0.0005], ["$0", "$0.00025", "$0.00050"]),
        ([-5, 0, 5], ["-$5", "$0", "$5"]),
        ([0, 5000, 10000], ["$0", "$5k", "$10k"]),
        ([0, 500_000, 1_000_000], ["$0", "$0.5M", "$1M"]),
    ],
)
def test_money_axes_are_short_and_alike(ticks: list[float], said: list[str]) -> None:
    assert dollars(ticks) == said


@pytest.mark.parametrize("count", [1, 7, 30, 92, 400])
@pytest.mark.parametrize("room", [5, 12])
def test_there_is_room_for_the_days_that_have_words(count: int, room: int) -> None:
    days = [FIRST + timedelta(n) for n in range(count)]
    assert 1 <= len(day_ticks(days, room)) <= room


@pytest.mark.parametrize("picture", KINDS)
def test_a_picture_of_nothing_but_zeros_is_drawn(picture: Picture) -> None:
    chart = SAMPLES[picture]
    rows = tuple((row[0], *(Decimal(0) for _ in row[1:])) for row in chart.rows)
    ET.fromstring(charts.svg(replace(chart, rows=rows, marks=())))


def test_a_picture_of_one_row_is_drawn() -> None:
    for picture in ("stacked_time", "ranked_change", "histogram", "shares", "price_steps", "burn_down"):
        chart = SAMPLES[picture]
        ET.fromstring(charts.svg(replace(chart, rows=chart.rows[:1])))
    ET.fromstring(charts.svg(Chart("stacked_time", "t", (DAY, *usd("a")), ((FIRST, None),))))


@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_a_histogram_whose_edges_have_many_digits_shows_them_whole(width: int) -> None:
    rows = tuple((Decimal(f"0.{at}99999999"), Decimal(f"0.{at + 1}99999999"), 1) for at in range(1, 8))
    root = ET.fromstring(charts.svg(replace(SAMPLES["histogram"], rows=rows, marks=()), width=width))
    words = [text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("$0.")]
    halves = [(float(word.attrib["x"]), wide(word.text or "") / 2) for word in words]
    assert halves
    assert all(half <= x <= width - half for x, half in halves)
    assert all(x + half < y - other for (x, half), (y, other) in pairwise(halves))


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
@pytest.mark.parametrize("picture", KINDS)
def test_a_bitmap_is_made_of_it(picture: Picture, theme: charts.Theme) -> None:
    drawn = png("t", [SAMPLES[picture]], theme=theme, zoom=1)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")


def test_pictures_stand_below_one_another_in_one_that_stands_alone() -> None:
    root = ET.fromstring(charts.poster("report of a week", [SAMPLES["shares"], SAMPLES["waterfall"]]))
    titles = [e for e in root.iter(f"{SVG}text") if e.attrib.get("class") == "title"]
    assert [title.text for title in titles] == [SAMPLES["shares"].title, SAMPLES["waterfall"].title]
    alone = [charts.svg(SAMPLES[name]) for name in ("shares", "waterfall")]
    heights = [float(ET.fromstring(each).attrib["height"]) for each in alone]
    assert float(root.attrib["height"]) == pytest.approx(sum(heights) + 2 * 30 + 3 * 16)
    assert float(titles[1].attrib["y"]) > heights[0]


def test_an_answer_without_a_picture_is_one_that_says_so() -> None:
    root = ET.fromstring(charts.poster("forecast of a week", []))
    assert [e.text for e in root.iter(f"{SVG}text")] == ["forecast of a week: no picture"]


def test_a_bitmap_has_words_where_the_machine_has_no_font() -> None:
    from resvg_py import svg_to_bytes

    drawn = charts.poster("t", [SAMPLES["histogram"]], theme="light")
    mute = svg_to_bytes(svg_string=drawn, skip_system_fonts=True)
    told = svg_to_bytes(
        svg_string=drawn, skip_system_fonts=True, font_files=[str(FONT)], sans_serif_family="DejaVu Sans"
    )
    assert len(told) > 1.2 * len(mute)


def test_hostile_names_read_as_they_are_and_not_more() -> None:
    drawn = charts.svg(SAMPLES["shares"])
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert not re.search(r"[\x00-\x08\x1b\u202e\ud800]", drawn)
    assert visible(HOSTILE[2]) in " ".join(tips(ET.fromstring(drawn)))
