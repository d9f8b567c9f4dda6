"""The compiled table gives the answers of genai-prices' own calculator, or a named row says why not."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from shutil import copytree

from tests.pricing.usages import SOURCES, Compared, compared, random_call, sold_by_source

from whyspend.pricing.book import DATA, HEADER, Book, load


def unpriced() -> set[str]:
    with (DATA / "unpriced.csv").open(encoding="utf-8", newline="") as file:
        return {f"{row['provider']}/{row['model']}" for row in csv.DictReader(file)}


def calls(book: Book, prices: Iterable[str], times: int, seed: int) -> list[Compared]:
    dice = random.Random(seed)
    found = (compared(book, price, *random_call(book, dice, price)) for price in prices for _ in range(times))
    return [call for call in found if call]


def differences(found: Iterable[Compared]) -> str:
    """What differs without a named row, by model, readable."""
    wrong: dict[str, list[Compared]] = defaultdict(list)
    for call in found:
        if not call.equal() and not call.named():
            wrong[call.price].append(call)
    return "\n".join(
        f"{price}: {len(group)} calls differ, such as {group[0].usage} at {group[0].moment}: "
        f"{group[0].ours} pico-dollars here, {group[0].theirs} there"
        for price, group in sorted(wrong.items())
    )


def priced() -> list[str]:
    """Without those that unpriced.csv lists with a reason; the source's answer to them is 0 or a guess."""
    without = unpriced()
    return [price for price in sold_by_source() if price.partition(";")[0] not in without]


def test_every_price_of_the_source_gives_its_answer_or_a_named_row_says_otherwise() -> None:
    found = calls(load(), priced(), times=1, seed=20261122)
    assert len(found) > 2_300
    assert differences(found) == ""


def test_prices_with_dates_tiers_windows_or_contexts_give_the_source_s_answer_at_their_edges() -> None:
    special = [price for price in priced() if ";" in price or len(load().rates(price)) > 1]
    found = calls(load(), special, times=10, seed=1)
    assert len(found) > 3_500
    assert differences(found) == ""
    assert sum(call.equal() for call in found) > 3_500


def test_every_named_difference_is_of_a_model_that_a_file_kept_by_hand_or_a_record_names() -> None:
    special = [price for price in priced() if len(load().rates(price)) > 1]
    named = {call.price for call in calls(load(), special, times=8, seed=2) if not call.equal()}
    files = ("corrections.csv", "corrected_rates.csv", "history.csv")
    texts = "\n".join((DATA / name).read_text(encoding="utf-8") for name in files)
    for price in named:
        provider, _, model = price.partition(";")[0].partition("/")
        assert f"{provider},{model}," in texts or f"{provider}/{model}" in texts, price


def test_an_altered_rate_is_found_and_listed_by_its_model(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    copytree(DATA, folder)
    path = folder / "rates.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    altered = next(row for row in rows if row[0] == "openai/gpt-4-turbo")
    altered[HEADER.index("output_tokens")] = "30000100"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    assert "openai/gpt-4-turbo" in SOURCES
    told = differences(calls(load(folder), ["openai/gpt-4-turbo", "openai/gpt-4o"], times=20, seed=3))
    assert told.startswith("openai/gpt-4-turbo: 20 calls differ, such as {")
    assert "gpt-4o" not in told
