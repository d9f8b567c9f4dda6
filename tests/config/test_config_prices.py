"""Prices, discounts and free quotas in whyspend.toml: read exactly, and what is wrong is told in one line."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from whyspend.config import Config, load, schema
from whyspend.errors import ConfigError
from whyspend.pricing.book import BUCKETS
from whyspend.pricing.entries import NAMES


def written(folder: Path, text: str) -> Config:
    path = folder / "whyspend.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {})


def test_a_rate_is_read_as_it_is_written(tmp_path: Path) -> None:
    """0.1 as a float is 0.1000000000000000055; a price book must not begin with that."""
    text = "[[prices]]\nmodel = 'm'\ninput = 0.1\noutput = 1_000.000001\ncache_read = 3\nper_second = 1e-4"
    (entry,) = written(tmp_path, text).prices
    assert entry.input == Decimal("0.1")
    assert entry.output == Decimal("1000.000001")
    assert entry.cache_read == 3
    assert entry.per_second == Decimal("0.0001")


def test_numbers_of_other_keys_stay_what_they_were(tmp_path: Path) -> None:
    text = "[sources.s]\ntype = 'langsmith'\nshare = 0.5\n[[prices]]\nmodel = 'm'\ninput = 0.1"
    assert type(written(tmp_path, text).sources["s"].options["share"]) is float


def test_an_entry_has_a_name_for_every_bucket() -> None:
    assert {named.bucket for named in NAMES.values()} == {*BUCKETS, "latency_ms"}


def test_days_tiers_and_conditions_are_read(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "[[prices]]\nmodel = 'm'\nfrom = 2026-01-01\nto = 2026-02-01\ninput = 1\n"
        "tiers = [{ over = 200_000, input = 2 }]\n"
        "[[discounts]]\nwhere = { feature = 'rag', env = ['a', 'b-*'] }\npercent = 12.5\n"
        "[[free_quotas]]\nprovider = 'google'\nunit = 'web_searches'\namount = 5",
    )
    assert (config.prices[0].start, config.prices[0].end) == (date(2026, 1, 1), date(2026, 2, 1))
    assert config.prices[0].tiers[0].input == 2
    assert config.discounts[0].factor == Decimal("0.875")
    assert config.discounts[0].where == {"feature": "rag", "env": ("a", "b-*")}
    assert config.free_quotas[0].per == "day"


def test_in_the_schema_a_rate_is_a_number() -> None:
    found = schema()["$defs"]["UserPrice"]["properties"]
    assert found["input"]["type"] == "number"
    assert "null" not in json.dumps(found)


PRICE = "[[prices]]\nprovider = 'azure'\nmodel = 'our-gpt4o'\n"
NAMED = "[[prices]] entry 1 (azure/our-gpt4o): "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PRICE, f"line 1: {NAMED}it has no rate. Give one, such as input = 2.50, or same_as."),
        (PRICE + "input = -1", f"line 4: {NAMED}input = -1 is no price: it must be 0 or more."),
        (PRICE + "input = nan", f"line 4: {NAMED}input = NaN is no price"),
        (PRICE + "input = inf", f"line 4: {NAMED}input = Infinity is no price"),
        (PRICE + "input = 0.0000001", f"line 4: {NAMED}input = 1E-7 has more than 6 decimals. Round it."),
        (PRICE + "input = 2_500_000", f"line 4: {NAMED}input is more than $1,000,000."),
        (PRICE + "inptu = 1", f"line 4: {NAMED}unknown key 'inptu'. Did you mean 'input'?"),
        (PRICE + "cache_reads = 1", f"line 4: {NAMED}unknown key 'cache_reads'. Did you mean 'cache_read'?"),
        (PRICE + "input = true", f"line 4: {NAMED}prices.input: expected a number"),
        (
            PRICE + "input = 1\nfrom = 2026-02-01\nto = 2026-02-01",
            f"{NAMED}'to' (2026-02-01) must be a later day",
        ),
        (PRICE + "input = 1\nsame_as = 'openai/gpt-4o'", f"line 4: {NAMED}it has both same_as and input."),
        (PRICE + "input = 1\ncontext = 'batch'", f"line 5: {NAMED}context is written KEY=VALUE"),
        (
            PRICE + "input = 1\noutput = 2\ntiers = [{ over = 5, input = 2 }]",
            f"line 6: {NAMED}the entry names output, and the other does not.",
        ),
        (
            PRICE + "input = 1\ntiers = [{ over = 0, input = 2 }]",
            f"line 5: {NAMED}over = 0 must be above 0, and no other tier's.",
        ),
        (
            PRICE + "input = 1\n" + PRICE.replace("azure", "Azure") + "input = 2\nfrom = 2026-01-01",
            "line 5: [[prices]] entry 2 (Azure/our-gpt4o): its days overlap with those of entry 1,",
        ),
        ("[[prices]]\ninput = 1", "line 1: [[prices]] entry 1: prices: 'model' is missing."),
        ("[[prices]]\nmodel = ' '\ninput = 1", "line 2: [[prices]] entry 1 ( ): model is empty."),
        (
            "[[discounts]]\npercent = 101",
            "line 2: [[discounts]] entry 1 (*/*): percent must be a number from",
        ),
        ("[[discounts]]\npercent = 0.00000000001", "percent has more than 10 decimals. Round it."),
        ("[[discounts]]\npercent = 1e-30", "percent has more than 10 decimals. Round it."),
        ("prices = [1]", "line 1: [[prices]] entry 1: prices: expected a table, got a whole number"),
        (
            "[[discounts]]\nname = 'c'\nprovider = ''\npercent = 1",
            "[[discounts]] entry 1 (c): provider is empty.",
        ),
        (
            "[[discounts]]\npercent = 1\nwhere = { featur = 'a' }",
            "line 3: [[discounts]] entry 1 (*/*): 'featur' is not a dimension. Configured: feature, env, user_tier.",
        ),
        ("[[discounts]]\npercent = 1\nwhere = { feature = [] }", "the condition on 'feature' is empty"),
        (
            "[[free_quotas]]\nprovider = 'google'\nunit = 'web_search'\namount = 1",
            "[[free_quotas]] entry 1 (google/*): 'web_search' is nothing that is counted. Did you mean 'web_",
        ),
        (
            "[[free_quotas]]\nprovider = 'google'\nunit = 'calls'\namount = 1\nper = 'year'",
            "[[free_quotas]] entry 1 (google): free_quotas.per: this cannot stand here. Write 'day' or 'month'.",
        ),
        (
            "[[budgets]]\nname = 'a'\nlimit_usd = 5\nwarn_at = ['x']",
            "budgets.warn_at: expected a number, got a text that is none. Write a number without quotes, such as",
        ),
        (
            "[[budgets]]\nname = 'a'\nlimit_usd = 'much'",
            "line 3: [[budgets]] entry 1 (a): budgets.limit_usd: expected a number, got a text that is none. Write",
        ),
    ],
)
def test_a_bad_entry_is_told_in_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_entries_for_different_days_contexts_or_providers_do_not_overlap(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        f"{PRICE}input = 1\nto = 2026-01-01\n{PRICE}input = 2\nfrom = 2026-01-01\n"
        f"{PRICE}input = 1\ncontext = 'processing=batch'\n[[prices]]\nmodel = 'our-gpt4o'\ninput = 4",
    )
    assert len(config.prices) == 4
