"""Our current rates beside those of two other lists."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest

from whyspend.errors import InputError
from whyspend.pricing.book import DATA, HEADER, load
from whyspend.pricing.check import DIFFERENCES, OTHERS, check

READ = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When the three lists were put side by side; prices that change later are no contradiction."""
DAY = "2026-11-22"


def test_no_current_rate_of_a_maker_contradicts_another_list_without_a_reason() -> None:
    found = check(load(), READ)
    unexplained = [comparison for comparison in found if comparison.status == "unexplained"]
    assert unexplained == []
    assert {"openai", "anthropic", "google"} <= {comparison.provider for comparison in found}


@pytest.mark.parametrize(("provider", "least"), [("openai", 1_000), ("anthropic", 400), ("google", 200)])
def test_the_three_large_labs_agree_with_two_other_lists_almost_everywhere(provider: str, least: int) -> None:
    mine = [comparison for comparison in check(load(), READ) if comparison.provider == provider]
    agree = [comparison for comparison in mine if comparison.status == "agree"]
    assert len(agree) > least
    assert len(agree) > 0.95 * len(mine)
    assert {comparison.source.partition("@")[0] for comparison in mine} == {"litellm", "model-prices"}


def test_every_explained_difference_has_its_page() -> None:
    explained = [comparison for comparison in check(load(), READ) if comparison.status == "explained"]
    assert explained
    assert all(c.reason and c.reference.startswith("https://") for c in explained)


def test_every_explanation_explains_something_at_some_hour() -> None:
    with (DATA / "differences.csv").open(encoding="utf-8", newline="") as file:
        reasons = {(row["source"], row["reason"]) for row in csv.DictReader(file)}
    peak = datetime(2026, 11, 23, 2, tzinfo=UTC)
    found = [*check(load(), READ), *check(load(), READ.replace(hour=16)), *check(load(), peak)]
    used = {(c.source.partition("@")[0], c.reason) for c in found if c.status == "explained"}
    assert reasons - used == set()


def test_a_rate_of_ours_that_is_wrong_is_found_beside_both_other_lists(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    copytree(DATA, folder)
    with (folder / "rates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    wrong = next(row for row in rows if row[0] == "anthropic/claude-opus-4-5" and not row[HEADER.index("to")])
    wrong[HEADER.index("output_tokens")] = "26000000"
    with (folder / "rates.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    found = [c for c in check(load(folder), READ) if c.status == "unexplained"]
    assert {(c.provider, c.model, c.bucket, c.ours, c.theirs) for c in found} >= {
        ("anthropic", "claude-opus-4-5", "output_tokens", 26_000_000, 25_000_000)
    }
    assert {c.source.partition("@")[0] for c in found} == {"litellm", "model-prices"}


def test_a_tier_is_compared_with_the_rate_of_a_prompt_just_above_it(tmp_path: Path) -> None:
    lines = [
        (
            "x-ai",
            "grok-4.20",
            "",
            "200000",
            "input_tokens",
            "2500000",
            "litellm@1",
            "https://example.com",
            DAY,
        ),
        ("x-ai", "grok-4.20", "", "", "input_tokens", "9", "litellm@1", "https://example.com", DAY),
        ("x-ai", "no-such-model", "", "", "input_tokens", "9", "litellm@1", "https://example.com", DAY),
    ]
    write(tmp_path / "others.csv", OTHERS, lines)
    write(tmp_path / "differences.csv", DIFFERENCES, [])
    above, below = check(load(), READ, tmp_path)
    assert (above.ours, above.tier_over, above.status) == (2_500_000, 200_000, "agree")
    assert (below.ours, below.tier_over, below.status) == (1_250_000, None, "unexplained")


def test_rates_are_compared_as_of_the_day_on_which_the_other_list_was_read(tmp_path: Path) -> None:
    # gpt-4o cost $5.00 per million until 2024-08-06.
    for day, rate in (("2024-08-01", "5000000"), ("2026-11-22", "2500000")):
        line = ("openai", "gpt-4o", "", "", "input_tokens", rate, "litellm@1", "https://example.com", day)
        write(tmp_path / "others.csv", OTHERS, [line])
        write(tmp_path / "differences.csv", DIFFERENCES, [])
        (found,) = check(load(), folder=tmp_path)
        assert (found.status, found.read.isoformat()) == ("agree", day)


def write(path: Path, header: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


def test_files_of_comparisons_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"differences\.csv cannot be read \(FileNotFoundError\)"):
        check(load(), READ, tmp_path)
    write(tmp_path / "differences.csv", ("provider",), [])
    with pytest.raises(InputError, match=r"differences\.csv must have the columns provider, model, context"):
        check(load(), READ, tmp_path)
