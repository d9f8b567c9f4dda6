"""How one cell is written: the rules for numbers and words, with worked examples."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import unquote

import pytest
from tests.formats.answers import EXPLAINED, NO_CALLS, TRUST, UGLY, answer, lines_of

from whyspend.formats._cells import (
    display,
    for_people,
    instant,
    plain,
    sparkline,
    total_row,
)
from whyspend.formats._frame import trust_line
from whyspend.model import Cell, TableColumn, Trust
from whyspend.spelling import exact, money, percent, visible


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        (Decimal("0.000000012500"), "0.0000000125"),
        (Decimal("12.00"), "12"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.0"), "0"),
        (Decimal("-1E-12"), "-0.000000000001"),
        (Decimal("12345678901234567890123456789.123456789012"), "12345678901234567890123456789.123456789012"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_a_number_for_machines_has_all_its_digits_and_no_exponent(number: int | Decimal, digits: str) -> None:
    assert exact(number) == digits


def test_what_is_not_a_number_is_refused_instead_of_written() -> None:
    with pytest.raises(ValueError, match="unknown is None"):
        exact(Decimal("NaN"))


@pytest.mark.parametrize("name", ["text", "csv", "json", "markdown"])
def test_a_float_is_refused_because_it_has_lost_digits_already(name: str) -> None:
    lossy: Cell = 0.1  # type: ignore[assignment]
    with pytest.raises(AssertionError):
        lines_of(name, answer((lossy,), cost_usd="usd"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1234.565", "$1,234.57"),
        ("1234.56", "$1,234.56"),
        ("1", "$1.00"),
        ("0.996", "$1.00"),
        ("0.5", "$0.50"),
        ("0.0449", "$0.045"),
        ("0.0042", "$0.0042"),
        ("0.00999", "$0.010"),
        ("0.000000012345", "$0.000000012"),
        ("0", "$0.00"),
        ("-3.456", "-$3.46"),
        ("-0.0042", "-$0.0042"),
        ("123456789012345678901234567890.125", "$123,456,789,012,345,678,901,234,567,890.13"),
    ],
)
def test_money_for_people_has_cents_and_below_a_dollar_two_digits(value: str, shown: str) -> None:
    assert money(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.123", "12.3 %"),
        ("0.9996", ">99.9 %"),
        ("0." + "9" * 40, ">99.9 %"),
        ("0.9994", "99.9 %"),
        ("1", "100 %"),
        ("1.0004", "100.0 %"),
        ("12.5", "1,250.0 %"),
        ("0.0004", "<0.1 %"),
        ("0", "0 %"),
        ("-0.0004", ">-0.1 %"),
        ("-0.9996", "<-99.9 %"),
        ("-1", "-100.0 %"),
    ],
)
def test_a_share_is_never_rounded_up_to_all_or_down_to_nothing(value: str, shown: str) -> None:
    assert percent(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("series", "blocks"),
    [
        (("0", "1", "50", "100"), "▁▂▅█"),
        (("0", "0", "0"), "▁▁▁"),
        ((None, "0", None, "2"), " ▁ █"),
        ((None, None), "  "),
        (("-5", "0.000000000001", "1"), "▁▂█"),
        ((), ""),
    ],
)
def test_a_day_with_spend_is_never_drawn_like_a_day_without(
    series: tuple[str | None, ...], blocks: str
) -> None:
    assert sparkline(tuple(None if day is None else Decimal(day) for day in series)) == blocks


@pytest.mark.parametrize(
    ("unit", "value", "shown", "short"),
    [
        ("tokens", 9_999, "9,999", "9,999"),
        ("tokens", 12_345, "12,345", "12.3k"),
        ("tokens", 999_950, "999,950", "1.00M"),
        ("tokens", 1_200_000_000, "1,200,000,000", "1.20B"),
        ("tokens", 10**16, "10,000,000,000,000,000", "10,000T"),
        ("calls", 1_234_567, "1,234,567", "1,234,567"),
        ("calls", Decimal("12.345"), "12.3", "12.3"),
        ("ms", 12_345, "12,345 ms", "12,345 ms"),
        ("number", 412, "412", "412"),
        ("number", Decimal("5123.4071"), "5,123", "5,123"),
        ("number", 12_345, "12,350", "12,350"),
        ("number", Decimal("0.71349"), "0.7135", "0.7135"),
        ("number", Decimal("0.50"), "0.5", "0.5"),
        ("number", Decimal("0.0000123456"), "0.00001235", "0.00001235"),
        ("number", Decimal("-1.66666"), "-1.667", "-1.667"),
        ("number", 0, "0", "0"),
        ("number", None, "–", "–"),
        ("place", 12, "12", "12"),
        ("place", None, "", ""),
        ("sentence", "a\nb", "a\\nb", "a\\nb"),
        ("sentence", None, "–", "–"),
        ("segment", {"feature": "x", "env": "y\t"}, "feature x, env y\\t", "feature x, env y\\t"),
        ("segment", {}, "everywhere", "everywhere"),
        ("segment", None, "–", "–"),
        ("time", datetime(2026, 11, 10, 14, 0, 59, tzinfo=UTC), "2026-11-10 14:00", "2026-11-10 14:00"),
        ("time", None, "–", "–"),
        ("usd", None, "unknown", "unknown"),
        ("text", None, "(untagged)", "(untagged)"),
        ("share", None, "–", "–"),
        ("text", True, "yes", "yes"),
        ("date", date(2026, 11, 21), "2026-11-21", "2026-11-21"),
        ("date", datetime(2026, 11, 21, 9, tzinfo=UTC), "2026-11-21 09:00:00 UTC", "2026-11-21 09:00:00 UTC"),
    ],
)
def test_a_cell_for_people_follows_its_unit(unit: str, value: Cell, shown: str, short: str) -> None:
    column = TableColumn("x", unit)
    assert display(column, value) == shown
    assert display(column, value, compact=True) == short


def test_a_change_shows_its_sign_and_other_money_only_a_minus() -> None:
    change, cost = TableColumn("change_usd", "usd"), TableColumn("cost_usd", "usd")
    assert [display(change, Decimal(n)) for n in ("2", "-2", "0")] == ["+$2.00", "-$2.00", "$0.00"]
    assert [display(cost, Decimal(n)) for n in ("2", "-2", "0")] == ["$2.00", "-$2.00", "$0.00"]
    assert display(TableColumn("change", "share"), Decimal(1)) == "+100 %"


def test_times_are_written_in_utc_whatever_their_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    assert instant(datetime(2026, 11, 21, 15, tzinfo=berlin)) == "2026-11-21T14:00:00Z"
    assert instant(datetime(2026, 11, 21, 14, 0, 0, 5)) == "2026-11-21T14:00:00.000005Z"  # noqa: DTZ001


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name", "plain name"),
        ("日本語 é", "日本語 é"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("fil\u3164ler\ufe0f", "fil\\u3164ler\\ufe0f"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("\udc80", "\\udc80"),
    ],
)
def test_what_acts_or_hides_in_a_name_is_shown_as_its_escape(name: str, shown: str) -> None:
    assert visible(name) == shown


def test_the_trust_line_says_what_is_missing_in_the_order_that_matters() -> None:
    assert trust_line(TRUST) == (
        "trust: 98.2 % of calls priced · owner known for 94.0 % of dollars, 91.2 % of calls "
        "· 0.3 % estimated · none sampled · complete until 2026-11-21 14:00 UTC "
        "· prices genai-prices@0.2.3/3f9a"
    )


def test_the_trust_line_without_calls_says_so() -> None:
    assert trust_line(NO_CALLS) == (
        "trust: no calls in this window · completeness unknown · prices genai-prices@0.2.3/3f9a"
    )


def test_the_trust_line_without_any_price_still_says_whose_calls_they_are() -> None:
    unpriced = Trust(5, Decimal(0), None, Decimal("0.9999"), Decimal(1), None, None, "")
    assert trust_line(unpriced) == (
        "trust: 0 % of calls priced · owner known for >99.9 % of calls · 100 % estimated · "
        "sampled calls unknown · completeness unknown · prices unknown"
    )


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ({}, ""),
        ({"feature": "x", "env": "y"}, "feature=x;env=y"),
        ({"a;b": "c=d", "e%": "f%3B"}, "a%3Bb=c%3Dd;e%25=f%253B"),
        ({"=cmd": "=1+1", "日本": "-ー", "－k": ""}, "%3Dcmd=%3D1+1;日本=-ー;%EF%BC%8Dk="),
    ],
)
def test_a_segment_is_text_from_which_it_can_be_read_back(segment: dict[str, str], text: str) -> None:
    assert plain(segment) == text
    pairs = [part.split("=") for part in text.split(";") if part]
    assert {unquote(name): unquote(value) for name, value in pairs} == segment


def test_people_read_times_in_the_zone_of_the_window_and_nothing_twice() -> None:
    at = TableColumn("at", "time")
    moment = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    read = for_people(replace(answer((moment,), (None,), at="time"), window=UGLY.window))
    assert [display(at, row[0]) for row in read.rows] == ["2026-11-22 00:30", "–"]
    assert [column.name for column in for_people(EXPLAINED).columns] == ["#", "change_usd", "why"]
    assert for_people(UGLY) is UGLY


def test_the_total_is_named_where_words_stand_and_only_if_a_column_has_one() -> None:
    assert total_row(for_people(EXPLAINED)) == ["", "+$697.45", "Total"]
    assert (
        total_row(replace(EXPLAINED, total={"before": 1, "change": 2}, columns=EXPLAINED.columns[:2])) is None
    )
