"""The price book loads fast, alone, and knows itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whyspend.errors import InputError
from whyspend.pricing.book import (
    BUCKETS,
    DATA,
    FAR_FUTURE,
    FAR_PAST,
    HEADER,
    NO_TIER,
    TOP_TIER,
    Rate,
    filled,
    load,
)


def test_loading_imports_neither_the_source_nor_an_engine() -> None:
    code = (
        "import sys; from whyspend.pricing.book import load; load();"
        "print(sorted({'genai_prices', 'pydantic', 'duckdb', 'httpx2', 'rich'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_identity_names_the_source_and_changes_with_any_price(tmp_path: Path) -> None:
    source, _, digest = load().id.partition("/")
    assert source == "genai-prices@0.2.3"
    assert len(digest) == 8
    folder = Path(shutil.copytree(DATA, tmp_path / "data"))
    assert load(folder).id == load().id
    rates = (folder / "rates.csv").read_text(encoding="utf-8")
    (folder / "rates.csv").write_text(rates.replace("2500000", "2600000", 1), encoding="utf-8")
    load.cache_clear()
    assert load(folder).id != load().id


def test_a_plain_price_is_open_on_all_sides() -> None:
    (rate,) = load().rates("openai/gpt-4o-2024-05-13")
    assert rate == Rate(
        price="openai/gpt-4o-2024-05-13",
        valid_from=FAR_PAST,
        valid_to=FAR_FUTURE,
        minute_from=0,
        minute_to=1440,
        weekdays=127,
        tier_over=NO_TIER,
        tier_upto=TOP_TIER,
        rates={
            **dict.fromkeys((name for name in BUCKETS if name.startswith(("input", "cache"))), 5_000_000),
            **dict.fromkeys(
                (name for name in BUCKETS if name.startswith(("output", "reasoning", "citation"))), 15_000_000
            ),
            "web_searches": 10_000_000_000,
            "file_searches": 2_500_000_000,
        },
        source="genai-prices@0.2.3",
        basis="undated",
    )


def test_an_empty_cell_costs_what_it_is_a_part_of_and_a_dash_has_no_price() -> None:
    cells = {"input_tokens": "8", "cache_read_tokens": "1", "input_audio_tokens": "-"}
    rates = filled([cells.get(bucket, "") for bucket in BUCKETS])
    assert rates == {
        "input_tokens": 8,
        "cache_read_tokens": 1,
        "cache_write_tokens": 8,
        "cache_write_1h_tokens": 8,
        "cache_read_audio_tokens": 1,
        "input_image_tokens": 8,
        "cache_read_image_tokens": 1,
        "input_video_tokens": 8,
    }


def test_a_price_that_does_not_exist_has_no_rates() -> None:
    assert load().rates("openai/gpt-9") == ()


def test_a_damaged_price_book_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"rates\.csv cannot be read \(FileNotFoundError\); install whyspend"
    ):
        load(tmp_path)
    (tmp_path / "rates.csv").write_text("price,from\n", encoding="utf-8")
    with pytest.raises(InputError, match="has other columns than this version reads"):
        load(tmp_path)


def copied(tmp_path: Path, name: str, body: str) -> Path:
    """A book of one price, with one file written by hand."""
    folder = tmp_path / "book"
    folder.mkdir()
    files = {
        "rates.csv": f"{','.join(HEADER)}\n",
        "names.csv": "provider,name,model,kind\nopenai,m,m,exact\n",
        "providers.csv": "provider,fallbacks\nopenai,\n",
        "unpriced.csv": "provider,model,reason\n",
        "sources.csv": "source,version\ngenai-prices,1\n",
    }
    for file, text in (files | {name: body}).items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def test_a_book_of_a_version_that_knew_fewer_columns_is_still_read(tmp_path: Path) -> None:
    columns = "price,from,to,input_tokens,output_tokens,source,basis"
    folder = copied(tmp_path, "rates.csv", f"{columns}\nopenai/m,2026-01-01,,8,9,genai-prices,dated\n")
    (rate,) = load(folder).rates("openai/m")
    assert (rate.rates["input_tokens"], rate.rates["reasoning_tokens"], rate.source) == (
        8,
        9,
        "genai-prices@1",
    )
    assert rate.weekdays == 127
    assert "web_searches" not in rate.rates


@pytest.mark.parametrize(
    "row",
    [
        "openai/m", "openai/m,x,,8,9,s,dated", "openai/m,,,8x,9,s,dated", "openai/m,,,-8,9,s,dated",
        "openai/m,2026-01-01,2026-01-01,8,9,s,dated", f"openai/m,,,{10**30},9,s,dated", '"openai/m",,,"8',
    ],
)  # fmt: skip
def test_a_row_that_is_no_price_is_one_line_with_the_file_and_the_price(tmp_path: Path, row: str) -> None:
    columns = "price,from,to,input_tokens,output_tokens,source,basis"
    folder = copied(tmp_path, "rates.csv", f"{columns}\n{row}\n")
    with pytest.raises(InputError, match=r"rates\.csv has a row of 'openai/m' that is no price") as caught:
        load(folder).rates("openai/m")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("rates.csv", ""), ("rates.csv", "price,from,to,source,basis,price\n"), ("rates.csv", "price,new\n"),
        ("names.csv", "provider,name,model,kind\nnobody,m,m,exact\n"), ("names.csv", ""),
        ("providers.csv", "provider,fallbacks\nopenai\n"), ("sources.csv", "source,version\n"),
        ("unpriced.csv", 'provider,model,reason\n"a'),
    ],
)  # fmt: skip
def test_a_file_that_no_compiler_wrote_is_named(tmp_path: Path, name: str, body: str) -> None:
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as caught:
        load(copied(tmp_path, name, body))
    assert "\n" not in str(caught.value)


def test_every_row_of_the_book_can_be_read() -> None:
    book = load()
    assert all(book.rates(price) for price in book.prices())
