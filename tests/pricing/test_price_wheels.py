"""What is taken over from model-prices and litellm, and what is not believed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whyspend.errors import InputError
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST
from whyspend.pricing.cells import Cell, instant, read_cells
from whyspend.pricing.check import OTHERS
from whyspend.pricing.wheels import Wheels, by_token, history, litellm_name, main, others


def record(start: str | None, basis: str = "models.dev commit", **rates: Any) -> dict[str, Any]:
    dated = {"valid_from": start or "2025-06-05T00:00:00Z", "valid_from_basis": basis}
    return {"start": start, "rates": {"source": "https://example.com/c", **dated, **rates}}


def unzipped(folder: Path, prices: dict[str, Any], entries: dict[str, Any]) -> Wheels:
    """Both wheels as they lie in a folder."""
    files = {
        "model_prices/snapshot.json": {"prices": prices},
        "litellm/model_prices_and_context_window_backup.json": entries,
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(json.dumps(data), encoding="utf-8")
    for name in ("model_prices-0.0.5.dist-info", "litellm-1.109.1.dist-info"):
        (folder / name).mkdir()
    return Wheels(folder)


def of(cells: list[Cell], price: str) -> list[tuple[int, int, str, dict[str, str]]]:
    return [
        (cell.start, cell.end, cell.basis, {bucket: f"{rate / 10**6:f}" for bucket, rate in cell.rates})
        for cell in cells
        if cell.price == price
    ]


def test_a_model_that_nobody_else_lists_gets_all_its_records_and_an_undated_past(tmp_path: Path) -> None:
    records = [
        record(None, input=5, output=30),
        record("2026-08-21T00:00:00Z", "documented", input=4, output=20, cache_read=0.4),
    ]
    wheels = unzipped(tmp_path, {"openai": {"gpt-99": {"standard": records}}}, {})
    found = of(history(wheels), "openai/gpt-99")
    launch, change = instant("2025-06-05"), instant("2026-08-21")
    assert [line[:3] for line in found] == [
        (FAR_PAST, launch, "undated"),
        (launch, change, "first observed"),
        (change, FAR_FUTURE, "documented"),
    ]
    assert "cache_read_tokens" not in found[1][3]
    assert Decimal(found[2][3]["cache_read_tokens"]) == Decimal("0.4")


def test_an_undated_price_is_contradicted_only_by_a_change_whose_date_is_documented(tmp_path: Path) -> None:
    change = "2025-09-01T00:00:00Z"
    page_of_today = record(change, "documented", input=0.15, output=0.6)
    page_of_today["recorded"] = record(change, input=0.15, output=0.6)["rates"]
    prices = {
        "o3-mini": [record(None, input=5, output=15), record(change, "documented", input=1.1, output=4.4)],
        "gpt-4o": [record(None, input=5, output=15), record(change, input=2.5, output=10)],
        "gpt-4o-mini": [record(None, input=5, output=15), page_of_today],
        "gpt-4.1": [record(None, input=5, output=15), record(change, "documented", input=7, output=9)],
    }
    wheels = unzipped(tmp_path, {"openai": {name: {"standard": prices[name]} for name in prices}}, {})
    found = history(wheels)
    assert {cell.price for cell in found} == {"openai/o3-mini"}
    assert max(cell.end for cell in found) == instant("2025-09-01")


def test_images_zero_prices_and_thinking_surcharges_are_not_taken_for_text(tmp_path: Path) -> None:
    prices = {
        "gpt-99-image": {"standard": [record(None, input=5, output=30)]},
        "gpt-99-preview": {"standard": [record(None, input=0, output=0)]},
    }
    hybrid = {
        "standard": [record(None, input=0.4, output=1.2)],
        "thinking": [record(None, input=0.4, output=4)],
    }
    wheels = unzipped(tmp_path, {"openai": prices, "alibaba": {"qwen-99": hybrid}}, {})
    cells = history(wheels)
    assert {cell.price for cell in cells} == {"alibaba/qwen-99"}
    assert "reasoning_tokens" not in dict(cells[0].rates)


def test_litellm_is_asked_last_with_its_tiers_and_only_for_tokens(tmp_path: Path) -> None:
    tokens = {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-06}
    tiered = {**tokens, "output_cost_per_token": 4e-06, "input_cost_per_token_above_200k_tokens": 2e-06}
    entries = {
        "gemini/gemini-99": tiered,
        "gemini/gemini-2.5-pro": tiered,
        "gemini/gemini-99-hours": {**tokens, "input_cost_per_second": 0.1},
        "vertex_ai/gemini-99": {**tokens, "litellm_provider": "vertex_ai-language-models"},
    }
    found = history(unzipped(tmp_path, {}, entries))
    assert (found[0].price, found[0].upto) == ("google/gemini-99", 200_000)
    assert {cell.price for cell in found} == {"google/gemini-99"}
    assert {cell.source for cell in found} == {"litellm@1.109.1"}


def test_current_rates_are_those_of_the_day_without_zeros(tmp_path: Path) -> None:
    records = [
        record(None, input=5, output=30),
        record("2026-08-21T00:00:00Z", "documented", input=4, output=20, cache_read=0),
    ]
    wheels = unzipped(tmp_path, {"openai": {"gpt-99": {"standard": records}}}, {})
    rows = others(wheels, instant("2026-11-01"))
    assert [(row[1], row[4], row[5], row[6]) for row in rows] == [
        ("gpt-99", "input_tokens", "4000000", "model-prices@0.0.5"),
        ("gpt-99", "output_tokens", "20000000", "model-prices@0.0.5"),
    ]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("gemini/gemini-2.5-pro", "gemini-2.5-pro"),
        ("azure/eu/gpt-4o", "eu/gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("accounts/x", "accounts/x"),
    ],
)
def test_a_word_that_only_litellm_puts_before_a_name_is_taken_off(key: str, name: str) -> None:
    assert litellm_name(key) == name


def test_what_is_not_billed_by_the_token_alone_is_told_apart() -> None:
    chat = {"mode": "chat", "input_cost_per_token": Decimal("1e-6")}
    assert by_token("gpt-99", chat)
    assert not by_token("gpt-99-audio", chat)
    assert not by_token("gpt-99", {**chat, "output_cost_per_image": Decimal("0.04")})
    assert not by_token("gpt-99", {**chat, "input_cost_per_token": 0})
    assert not by_token("jais-30b-chat", {**chat, "input_cost_per_token": Decimal("0.0032")})


def test_both_files_are_written_with_the_versions_of_their_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unzipped(tmp_path, {"openai": {"gpt-99": {"standard": [record(None, input=5, output=30)]}}}, {})
    assert main([str(tmp_path), str(tmp_path)]) == 0
    told = (
        "model-prices@0.0.5 and litellm@1.109.1: 2 cells of 1 prices in history.csv, 2 rates in others.csv."
    )
    assert capsys.readouterr().out.strip() == told
    assert {cell.price for cell in read_cells(tmp_path / "history.csv")} == {"openai/gpt-99"}
    assert (tmp_path / "others.csv").read_text(encoding="utf-8").startswith(",".join(OTHERS))


def test_a_folder_without_the_wheels_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unzip the wheels of model-prices and litellm into one folder"):
        Wheels(tmp_path)
