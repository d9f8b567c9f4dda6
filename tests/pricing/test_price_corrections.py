"""The files kept by hand: what their rows do to the table, and what is said of a row that cannot be used."""

from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from whyspend.errors import InputError
from whyspend.pricing.book import DATA, FAR_FUTURE, FAR_PAST, HEADER, NO_TIER, TOP_TIER, load
from whyspend.pricing.cells import (
    Cell,
    all_times,
    both,
    common,
    instant,
    merged,
    minus,
    read_cells,
    replaced,
    row,
)
from whyspend.pricing.compile import compiled
from whyspend.pricing.corrections import COLUMNS, Correction, in_contexts, read_corrections
from whyspend.pricing.history import filled_in

DAY = 86_400_000_000
PAGE = "https://example.com/prices"


def usd(**prices: str) -> tuple[tuple[str, Decimal], ...]:
    """Dollars per million tokens, as pico-dollars per token."""
    return tuple((bucket, Decimal(price) * 10**6) for bucket, price in prices.items())


def factor(value: str, model: str = "gpt-*", provider: str = "openai") -> Correction:
    kind = "context_factor"
    return {"provider": provider, "model": model, "kind": kind, "value": value, "source": PAGE, "reason": "x"}


STANDARD = Cell("openai/gpt-9", rates=usd(input_tokens="3", cache_read_tokens="0.3", output_tokens="15"))


def prices_of(cells: list[Cell]) -> dict[tuple[str, int, int], dict[str, str]]:
    return {
        (cell.price, cell.start, cell.end): {bucket: f"{rate / 10**6:f}" for bucket, rate in cell.rates}
        for cell in cells
    }


def test_a_factor_gives_a_context_its_own_cells_within_its_dates() -> None:
    found = prices_of(in_contexts([factor("processing=batch 0.5 2024-04-15 2026-10-12")], [STANDARD]))
    span = (instant("2024-04-15"), instant("2026-10-12"))
    batch = found["openai/gpt-9;processing=batch", *span]
    assert [Decimal(price) for price in batch.values()] == [Decimal("1.5"), Decimal("0.15"), Decimal("7.5")]
    assert len(found) == 2


def test_a_price_that_is_listed_wins_over_a_factor_for_as_long_as_it_is_listed() -> None:
    listed = STANDARD._replace(
        price="openai/gpt-9;processing=batch", start=instant("2026-10-14"), rates=usd(input_tokens="1")
    )
    found = in_contexts([factor("processing=batch 0.5 2024-04-15")], [STANDARD, listed])
    batch = sorted(cell for cell in found if ";" in cell.price)
    assert [(cell.start, cell.end) for cell in batch] == [
        (instant("2024-04-15"), instant("2026-10-14")),
        (instant("2026-10-14"), FAR_FUTURE),
    ]
    assert batch[1] == listed


def test_a_bucket_may_have_a_factor_of_its_own_and_its_parts_follow_it() -> None:
    rates = usd(input_tokens="2", cache_read_tokens="0.2", cache_read_audio_tokens="0.4", web_searches="7")
    row_ = factor("processing=batch 0.5,cache_read_tokens=1 2025-07-07")
    (batch,) = (cell for cell in in_contexts([row_], [STANDARD._replace(rates=rates)]) if ";" in cell.price)
    assert dict(batch.rates) == dict(
        usd(input_tokens="1", cache_read_tokens="0.2", cache_read_audio_tokens="0.4", web_searches="7")
    )


def test_a_bucket_without_a_price_of_its_own_follows_the_one_around_it() -> None:
    rates = usd(input_tokens="5", cache_read_tokens="5", output_tokens="15", reasoning_tokens="15")
    row_ = factor("processing=batch 0.5,cache_read_tokens=1 2024-04-15")
    (batch,) = (cell for cell in in_contexts([row_], [STANDARD._replace(rates=rates)]) if ";" in cell.price)
    assert [rate / 10**6 for _, rate in batch.rates] == [Decimal("2.5")] * 2 + [Decimal("7.5")] * 2


def test_contexts_combine_but_not_two_ways_of_being_served() -> None:
    rows = [
        factor("processing=batch 0.5 2024-04-15"),
        factor("service_tier=flex 0.5 2025-04-17"),
        factor("inference_geo=us 1.1 2026-02-05"),
    ]
    found = {cell.price: dict(cell.rates) for cell in in_contexts(rows, [STANDARD])}
    assert found.keys() == {
        "openai/gpt-9",
        "openai/gpt-9;processing=batch",
        "openai/gpt-9;service_tier=flex",
        "openai/gpt-9;inference_geo=us",
        "openai/gpt-9;inference_geo=us;processing=batch",
        "openai/gpt-9;inference_geo=us;service_tier=flex",
    }
    both_ = found["openai/gpt-9;inference_geo=us;processing=batch"]
    assert both_["input_tokens"] == Decimal("1650000")


def test_a_factor_concerns_only_the_models_that_its_glob_names() -> None:
    other = STANDARD._replace(price="openai/o3")
    found = in_contexts([factor("processing=batch 0.5 2024-04-15")], [STANDARD, other])
    assert {cell.price for cell in found} == {"openai/gpt-9", "openai/gpt-9;processing=batch", "openai/o3"}


def test_what_is_taken_out_of_a_cell_leaves_the_rest_in_pieces_that_do_not_overlap() -> None:
    hole = Cell("openai/gpt-9", 100 * DAY, 200 * DAY, 60, 240, weekdays=31, over=200_000)
    pieces = minus(STANDARD, [hole])
    assert len(pieces) == 6
    assert not any(common(one, other) for one in pieces for other in [hole, *pieces] if one is not other)
    back = merged([*pieces, both(STANDARD, hole) or STANDARD])
    assert sum(volume(cell) for cell in back) == volume(STANDARD)


def volume(cell: Cell) -> int:
    spans = (cell.end - cell.start) * (cell.minute_to - cell.minute_from) * (cell.upto - cell.over)
    return spans * cell.weekdays.bit_count()


def test_a_corrected_rate_takes_the_place_of_the_source_s_within_its_dates_only() -> None:
    better = STANDARD._replace(start=100 * DAY, end=200 * DAY, rates=usd(input_tokens="9"))
    found = merged(replaced([STANDARD], [better]))
    assert [(cell.start, cell.end, cell.rates) for cell in found] == [
        (FAR_PAST, 100 * DAY, STANDARD.rates),
        (100 * DAY, 200 * DAY, better.rates),
        (200 * DAY, FAR_FUTURE, STANDARD.rates),
    ]


def test_a_record_fills_the_time_before_an_undated_price_and_leaves_a_dated_one_alone() -> None:
    searched = (*STANDARD.rates, ("web_searches", Decimal(10**10)))
    undated = STANDARD._replace(basis="undated", rates=searched)
    record = STANDARD._replace(end=100 * DAY, rates=usd(input_tokens="5"), source="model-prices@1")
    first, second = merged(filled_in([undated], [record], {}))
    assert (first.start, first.end, first.source) == (FAR_PAST, 100 * DAY, "model-prices@1")
    assert dict(first.rates) == {"input_tokens": Decimal(5 * 10**6), "web_searches": Decimal(10**10)}
    assert (second.start, second.rates) == (100 * DAY, searched)
    dated = undated._replace(basis="dated")
    assert filled_in([dated], [record], {}) == [dated]


def test_a_record_goes_on_where_a_price_has_ended_and_not_into_its_gaps() -> None:
    ended = STANDARD._replace(end=100 * DAY, minute_from=60, basis="corrected")
    record = STANDARD._replace(source="model-prices@1")
    assert all_times([ended]).end == 100 * DAY
    found = merged(filled_in([ended], [record], {}))
    assert [(cell.source, cell.start) for cell in found] == [("", FAR_PAST), ("model-prices@1", 100 * DAY)]


def test_a_record_of_a_name_that_means_another_model_to_the_source_is_left_out() -> None:
    record = STANDARD._replace(price="openai/gpt-9-latest", source="model-prices@1")
    assert filled_in([STANDARD], [record], {("openai", "gpt-9-latest"): "gpt-9"}) == [STANDARD]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "openai,gpt-9,context_facter,x 1 2026-01-01,https://x,y",
            "is called 'context_facter'. Did you mean",
        ),
        ("openai,gpt-9,context_factor,processing=batch 0.5,https://x,y", "is no value for context_factor"),
        (
            "openai,gpt-9,context_factor,processing 0.5 2026-01-01,https://x,y",
            "is no value for context_factor",
        ),
        ("openai,gpt-9,context_factor,a=b half 2026-01-01,https://x,y", "is no value for context_factor"),
        ("openai,gpt-9,context_factor,a=b -1 2026-01-01,https://x,y", "above 0 and below 100"),
        (
            "openai,gpt-9,context_factor,a=b 1 2026-02-01 2026-01-01,https://x,y",
            "no time between FROM and TO",
        ),
        ('openai,gpt-9,context_factor,"a=b 1,soup=2 2026-01-01",https://x,y', "no bucket is called soup"),
        ("openai,gpt-9,ends,soon,https://x,y", "'soon' is no value for ends"),
        ("openai,gpt-9,moved,2026-01-01 a b,https://x,y", "is no value for moved"),
        ("openai,gpt-9,ends,2026-01-01,,y", "source must not be empty"),
    ],
)
def test_a_correction_that_cannot_be_used_is_named_by_file_and_line(
    tmp_path: Path, line: str, told: str
) -> None:
    path = tmp_path / "corrections.csv"
    path.write_text(
        ",".join(COLUMNS) + f"\nopenai,gpt-9,ends,2026-01-01,{PAGE},y\n{line}\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"^corrections\.csv line 3: ") as raised:
        read_corrections(path)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"input_tokens": "cheap"}, "line 2 (openai/gpt-9) cannot be read"),
        ({"input_tokens": "-5"}, "line 2 (openai/gpt-9) has a negative price"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "line 2 (openai/gpt-9) holds for no call"),
        ({"price": "gpt-9"}, "line 2 (gpt-9) holds for no call"),
        ({"from": "yesterday"}, "line 2 (openai/gpt-9) cannot be read"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_by_file_and_line(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    path = tmp_path / "corrected_rates.csv"
    cells = {"price": "openai/gpt-9", "input_tokens": "3000000", **changes}
    line = ",".join(cells.get(name, "") for name in HEADER)
    path.write_text(f"{','.join(HEADER)}\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_cells(path)
    assert told in str(raised.value)


def test_two_cells_that_price_the_same_calls_are_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "corrected_rates.csv"
    cells = [STANDARD._replace(end=200 * DAY), STANDARD._replace(start=200 * DAY), STANDARD._replace(upto=9)]
    lines = [",".join(HEADER), *(",".join(row(cell)) for cell in cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 4 \(openai/gpt-9\) prices the same calls as line 2; change"):
        read_cells(path)


def test_a_cell_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    cell = Cell(
        "openai/gpt-9;processing=batch", 100 * DAY, 200 * DAY + 43_200_000_000, 60, 240, 31, 200_000, TOP_TIER,
        usd(input_tokens="3", cache_read_tokens="0.3", output_tokens="15"), "corrections", "corrected", "", PAGE,
    )  # fmt: skip
    path = tmp_path / "cells.csv"
    path.write_text(f"{','.join(HEADER)}\n{','.join(row(cell))}\n", encoding="utf-8")
    assert read_cells(path) == [cell]
    assert row(Cell("a/b", over=NO_TIER))[1:8] == [""] * 7


def test_every_row_kept_by_hand_has_a_page_and_a_reason_and_does_something() -> None:
    rates = (DATA / "rates.csv").read_text(encoding="utf-8")
    names = (DATA / "unpriced.csv").read_text(encoding="utf-8")
    for line in read_corrections(DATA / "corrections.csv"):
        assert line["source"].startswith("https://"), line["place"]
        assert line["reason"] or line["kind"] == "refused", line["place"]
        assert line["source"] in rates or line["value"] in names, line["place"]


def test_a_compiled_folder_is_a_complete_price_book(tmp_path: Path) -> None:
    compiled(tmp_path / "new" / "book")
    assert load(tmp_path / "new" / "book").id == load().id


def test_a_wrong_row_stops_the_compiler_with_its_line(tmp_path: Path) -> None:
    from whyspend.pricing.compile import tables

    folder = tmp_path / "hand"
    copytree(DATA, folder)
    with (folder / "corrections.csv").open("a", encoding="utf-8") as file:
        file.write("openai,gpt-4o,ends,never,https://x,y\n")
    with pytest.raises(InputError, match=r"corrections\.csv line \d+: 'never' is no value for ends"):
        tables(folder)
