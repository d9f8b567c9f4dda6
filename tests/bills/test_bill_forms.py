"""Every form of bill: what a line says, to the last digit, and one clear line for what cannot be read."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyspend.errors import InputError
from whyspend.model import Billed
from whyspend.wire import bills

DATA = Path(__file__).parent.parent / "data" / "bills"
DAY = date(2026, 11, 21)


def sample(name: str) -> tuple[Billed, ...]:
    return bills.read((DATA / name).read_bytes(), name).lines


def line(
    provider: str, model: str | None, token_class: str | None, usd: str | None, tokens: int | None
) -> Billed:
    return Billed(DAY, provider, model, token_class, None if usd is None else Decimal(usd), tokens)


def test_a_page_of_openais_costs_has_texts_and_numbers_as_amounts() -> None:
    read = bills.read((DATA / "openai_costs_page.json").read_bytes(), "costs.json")
    assert read.lines == (
        line("openai", "gpt-4.1-mini-2025-04-14", "input", "3.0712500000000000", 7_678_125),
        line("openai", None, None, "0.0000425", None),
    )
    assert (read.since, read.until) == (DAY, date(2026, 11, 22)), "a day without charges is covered, too"
    assert read.notes == ("costs.json says that more pages follow: give all of them, or days are missing.",)


def test_anthropics_amounts_are_cents() -> None:
    assert sample("anthropic_cost_report.json") == (
        line("anthropic", "claude-haiku-4-5-20251001", "output", "42.10875", None),
    )


def test_usage_pages_count_tokens_in_disjoint_classes() -> None:
    openai = {(each.token_class, each.tokens, each.usd) for each in sample("openai_usage_page.json")}
    page = json.loads((DATA / "openai_usage_page.json").read_text())
    result = page["data"][0]["results"][0]
    cached = result["input_cached_tokens"]
    written = result.get("input_cache_write_tokens") or 0
    assert ("cached input", cached, None) in openai
    assert ("input", result["input_tokens"] - cached - written, None) in openai
    anthropic = {each.token_class for each in sample("anthropic_usage.json")}
    assert anthropic <= {"input", "cached input", "cache write", "output"}


def test_openais_dashboard_names_model_class_and_tier_in_one_text() -> None:
    assert sample("openai_dashboard.csv") == (
        line("openai", "gpt-4.1-mini-2025-04-14", "input", "3.0712500000000000", 7_678_125),
        line("openai", "gpt-4.1-mini-2025-04-14", "cached input", "0", 0),
        line("openai", "gpt-4o-2024-08-06", "output", "1.5", 50_000),
        line("openai", None, "web search", "0.02", None),
    )


def test_anthropics_console_has_dollars_and_display_names() -> None:
    assert sample("anthropic_console.csv") == (
        line("anthropic", "claude-haiku-4-5", "input", "0.05", None),
        line("anthropic", "claude-haiku-4-5", "cached input", "0.01", None),
        line("anthropic", "claude-haiku-4-5", "cache write", "0.02", None),
        line("anthropic", "claude-haiku-4-5", "output", "0.25", None),
        line("anthropic", None, "web search", "0.03", None),
    )


def test_focus_rows_of_other_services_are_left_out_and_taxes_have_no_model() -> None:
    assert sample("focus_1_2.csv") == (
        line("openai", "gpt-4o", "input", "2.5", 1_000_000),
        line("openai", "gpt-4o", "cached input", "0.5", 400_000),
        line("openai", None, "other", "0.19", None),
    )


def test_focus_comes_as_json_too() -> None:
    row = {
        "BilledCost": 2.5, "BillingCurrency": "USD", "ChargePeriodStart": "2026-11-21T00:00:00Z",
        "ProviderName": "Microsoft", "x_Model": "gpt-4o", "SkuMeter": "Output Tokens",
    }  # fmt: skip
    for content in (json.dumps([row]), json.dumps({"data": [row]}), f"{json.dumps(row)}\n"):
        assert bills.read(content.encode(), "x").lines == (line("azure", "gpt-4o", "output", "2.5", None),)


def test_a_byte_order_mark_tabs_and_several_pages_are_read() -> None:
    tabs = (DATA / "openai_dashboard.csv").read_text().split("\n")[0].replace(",", "\t") + "\n"
    assert bills.read(b"\xef\xbb\xbf" + tabs.encode(), "x").lines == ()
    page = (DATA / "anthropic_cost_report.json").read_text().strip()
    assert len(bills.read(f"{page}\n{page}\n".encode(), "x").lines) == 2
    assert len(bills.read(f"[{page},{page}]".encode(), "x").lines) == 2


COSTS = "start_time,end_time,amount_value,amount_currency,quantity,quantity_unit,line_item\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b,c\n1,2,3\n", "has columns of no known bill: a, b, c"),
        ("", "has columns of no known bill: none"),
        ("{", "begins like JSON but cannot be read"),
        ("[" * 100_000, "begins like JSON but cannot be read"),
        ("[1]", "no page of a bill"),
        ("{}", "no list of days"),
        ('{"data": [{}]}', "neither start_time nor starting_at"),
        ('{"data": [{"start_time": 0, "results": [3]}]}', "is no record"),
        ('{"data": [{"start_time": 0, "results": 3}]}', "is no record"),
        ('{"data": [{"start_time": 0, "results": [{"amount": 5}]}]}', "'5' where a value and its currency"),
        (f"{COSTS}0001-01-01T00:00:00+14:00,,1,usd,,,x\n", "where a day must be"),
        (f"{COSTS}0,86400,1,eur,,,x\n", "line 2 is in 'eur', not in USD"),
        (f"{COSTS}0,86400,1,usd,1,furlongs,x\n", "counts in 'furlongs'"),
        (f"{COSTS}0,86400,NaN,usd,,,x\n", "'NaN' where a number must be"),
        (f"{COSTS}0,86400,1e99999999,usd,,,x\n", "where a number must be"),
        (f"{COSTS}soon,86400,1,usd,,,x\n", "'soon' where a day must be"),
        (f"{COSTS}99999999999999999,,1,usd,,,x\n", "where a day must be"),
        (f"{COSTS}0,864000,1,usd,,,x\n", "spans more than a day"),
        (f"{COSTS}0,86400,1\n", "has 3 cells, and the header 7"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(content: str, said: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        bills.read(content.encode(), "bill.csv")
    assert said in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        bills.read(b"\xff\xfe\x00", "bill.csv")


@given(st.text(max_size=200) | st.text('{}[]",:0123456789eE.-+ndull\n\t', max_size=200))
def test_no_text_is_a_crash(text: str) -> None:
    for content in (text, COSTS + text, '{"data": [' + text):
        try:
            bills.read(content.encode("utf-8", "replace"), "x")
        except InputError as refused:
            assert "\n" not in str(refused)
