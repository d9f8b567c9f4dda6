"""`whyspend close`, `reopen` and `prices update` as a shell meets them. The months are of 2025, long over."""

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.shell import Result, environment, on_a_terminal, piped
from tests.workspace.histories import TEN, UNUSED, altered, history, publish

Run = Callable[..., Result]

MARCH = ("--since", "2025-03-01", "--until", "2025-03-31")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("closing")
    publish(folder / "ledger", history())
    altered(folder / "dearer", TEN)
    return folder


@pytest.fixture
def place(home: Path, published: Path) -> Path:
    """Stand beside a ledger of two months."""
    shutil.copytree(published / "ledger", home / ".whyspend")
    shutil.copytree(published / "dearer", home / "dearer")
    (home / "whyspend.toml").write_text('dimensions = ["feature"]\n', encoding="utf-8")
    return home


def state(place: Path) -> bytes:
    return (place / ".whyspend" / "prices" / "prices.json").read_bytes()


def report(whyspend: Run, *args: str) -> bytes:
    result = whyspend("report", *MARCH, *args)
    assert (result.code, result.err) == (0, "")
    return result.out


@pytest.mark.parametrize("form", ["csv", "json", "text", "markdown"])
@pytest.mark.parametrize("by", ["feature,model", "day"])
def test_a_closed_months_report_has_the_same_bytes_before_and_after_ten_rates_were_altered(
    whyspend: Run, place: Path, form: str, by: str
) -> None:
    assert whyspend("close", "2025-03").code == 0
    before = report(whyspend, "--by", by, "--format", form)
    assert whyspend("prices", "update", "--book", "dearer", "--yes").code == 0
    assert report(whyspend, "--by", by, "--format", form) == before


def test_an_open_months_report_shows_the_difference_of_ten_altered_rates(whyspend: Run, place: Path) -> None:
    before = json.loads(report(whyspend, "--format", "json"), parse_float=Decimal)["total"]["cost_usd"]
    told = whyspend("prices", "update", "--book", "dearer", "--yes", "--format", "json")
    update = json.loads(told.out, parse_float=Decimal)
    after = json.loads(report(whyspend, "--format", "json"), parse_float=Decimal)["total"]["cost_usd"]
    assert update["taken"] is True
    assert len(update["changes"]) == 10
    march = sum(effect["change_usd"] for effect in update["effects"] if effect["month"] == "2025-03")
    assert after - before == march > 0
    assert update["effect_usd"] == sum(effect["change_usd"] for effect in update["effects"])


def test_adjustments_stand_in_todays_report_and_add_up_to_the_exact_difference(
    whyspend: Run, place: Path
) -> None:
    before = json.loads(report(whyspend, "--format", "json"), parse_float=Decimal)["total"]["cost_usd"]
    assert whyspend("close", "2025-03").code == 0
    assert whyspend("close", "2025-02").code == 0
    told = json.loads(
        whyspend("prices", "update", "--book", "dearer", "--yes", "--format", "json").out, parse_float=Decimal
    )
    assert told["effects"] == []
    booked = sum(each["usd"] for each in told["adjustments"] if each["month"] == "2025-03")
    today = whyspend("report", "--since", "yesterday", "--by", "feature,model", "--format", "json")
    answer = json.loads(today.out, parse_float=Decimal)
    assert {row["feature"] for row in answer["rows"]} == {"(adjustment)"}
    assert sum(row["cost_usd"] for row in answer["rows"]) == answer["total"]["cost_usd"] == booked * 3 / 2
    rows = whyspend("report", "--since", "yesterday", "--format", "csv").text.splitlines()
    assert [line.split(",")[2:4] for line in rows[1:]] == [["(adjustment)", "0"]]
    assert whyspend("reopen", "2025-03", "--yes").code == 0
    after = json.loads(report(whyspend, "--format", "json"), parse_float=Decimal)["total"]["cost_usd"]
    assert after - before == booked


def test_close_says_what_it_froze(whyspend: Run, place: Path) -> None:
    result = whyspend("close", "2025-03")
    assert (result.code, result.err) == (0, "")
    assert result.text.startswith("2025-03 is closed (UTC): 21 calls, $")
    assert "1 calls without a price" in result.text


def test_update_shows_rate_date_old_and_new_and_dollars_by_month(whyspend: Run, place: Path) -> None:
    text = whyspend("prices", "update", "--book", "dearer", "--yes").text
    assert re.search(
        r"openai/gpt-4o +output_tokens +always +\$11\.00 +\$12\.21 +1M tokens +genai-prices@", text
    )
    assert re.search(r"2025-03 +openai +gpt-4o +2 +\$22\.00 +\$24\.42 +\+\$2\.42 +0", text)
    assert re.search(r"(?m)^2025-03 changes by \+\$", text)
    assert text.splitlines()[-1].startswith("Taken: genai-prices@")


def test_nobody_there_to_agree_means_that_nothing_is_changed(place: Path) -> None:
    before = state(place)
    for form in ("text", "json"):
        result = piped(["prices", "update", "--book", "dearer", "--format", form], place)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert "Nothing was changed: whyspend prices update --yes --book dearer." in result.err
        assert b"gpt-4o" in result.out
    assert json.loads(result.out)["taken"] is False
    assert state(place) == before


def test_a_book_that_changes_no_figure_is_taken_without_asking(place: Path) -> None:
    same = altered(place / "same", {UNUSED: 150})
    result = piped(["prices", "update", "--book", same], place)
    assert (result.code, result.err) == (0, "")
    assert "1 price list differs that no call of this ledger is priced with" in result.text
    assert "No figure of an open month changes." in result.text
    again = piped(["prices", "update", "--book", same], place)
    assert "Nothing to do" in again.text


def test_on_a_terminal_it_asks_and_no_is_no(place: Path) -> None:
    before = state(place)
    quiet = environment(TERM="xterm-256color", NO_COLOR="1", COLUMNS=None)
    result = on_a_terminal(["prices", "update", "--book", "dearer"], place, env=quiet, answer=b"n\n")
    assert result.code == 2
    assert "Take these prices? [y/N]" in result.text
    assert state(place) == before
    result = on_a_terminal(["prices", "update", "--book", "dearer"], place, env=quiet, answer=b"y\n")
    assert result.code == 0
    assert state(place) != before


def test_reopening_needs_a_yes(place: Path) -> None:
    assert piped(["close", "2025-03"], place).code == 0
    before = state(place)
    result = piped(["reopen", "2025-03"], place)
    assert result.code == 2
    assert "Nothing was changed: whyspend reopen 2025-03 --yes." in result.err
    assert state(place) == before
    result = piped(["reopen", "2025-03", "--yes"], place)
    assert result.code == 0
    assert result.text.startswith("2025-03 is open and costs $")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("close",), "Missing argument"),
        (("close", "2999-01"), "is not between"),
        (("close", "2199-01"), "is not over"),
        (("close", "\x1b[31m"), "is not a month"),
        (("reopen", "2025-03"), "is not closed"),
        (("prices", "update", "--book", "no-such-folder"), "holds no price book"),
        (("prices", "update", "--book", "."), "holds no price book"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    whyspend: Run, place: Path, args: tuple[str, ...], said: str
) -> None:
    result = whyspend(*args)
    assert (result.code, result.out) == (2, b"")
    assert said in result.err
    assert result.err.count("\n") == 1
    assert result.err.strip().isprintable()


def test_a_corrupted_prices_file_is_one_line_and_exit_code_2_for_every_command(
    whyspend: Run, place: Path
) -> None:
    (place / ".whyspend" / "prices" / "prices.json").write_bytes(b"{]")
    for args in (
        ("report", *MARCH), ("close", "2025-03"), ("reopen", "2025-03"), ("prices", "update", "--book", "dearer"),
    ):  # fmt: skip
        result = whyspend(*args)
        assert (result.code, result.out) == (2, b"")
        assert "is not what whyspend wrote" in result.err
        assert result.err.count("\n") == 1


def test_the_prices_option_of_a_report_chooses_the_basis_of_closed_months_too(
    whyspend: Run, place: Path
) -> None:
    before = report(whyspend)
    assert whyspend("close", "2025-03").code == 0
    assert whyspend("prices", "update", "--book", "dearer", "--yes").code == 0
    closed = report(whyspend, "--format", "csv")
    assert report(whyspend, "--prices", "then", "--format", "csv") == closed
    assert report(whyspend, "--prices", "now", "--format", "csv") != closed
    assert report(whyspend, "--prices", "2025-03-05", "--format", "csv") != closed
    assert b"as recorded by the source" in report(whyspend, "--prices", "recorded")
    assert b"as recorded" not in before


def test_without_a_book_update_compiles_the_installed_prices(whyspend: Run, place: Path) -> None:
    result = whyspend("prices", "update", "--yes", "--format", "json")
    assert result.code == 0
    told = json.loads(result.out)
    assert told["new"].startswith("genai-prices@")
    assert told["taken"] is True


def test_two_closings_at_once_leave_both_months_closed_or_say_so(place: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda month: piped(["close", month], place), ("2025-02", "2025-03")))
    closed = {month["month"] for month in json.loads(state(place))["closed"]}
    said = {month for month, result in zip(("2025-02", "2025-03"), done, strict=True) if result.code == 0}
    assert closed == said != set()
    for result in done:
        assert result.code == 0 or "changed by another whyspend in the meantime" in result.err


def test_verifying_the_ledger_checks_what_it_is_priced_with(whyspend: Run, place: Path) -> None:
    assert "all whole" in whyspend("ledger", "verify").text
    prices = place / ".whyspend" / "prices"
    (rates,) = prices.glob("*/rates.csv")
    body = rates.read_bytes()
    rates.write_bytes(body + b"more")
    result = whyspend("ledger", "verify")
    assert (result.code, result.out) == (2, b"")
    assert f"DAMAGED: prices/{rates.parent.name}: " in result.err
    assert "its calls are whole" in result.err
    rates.write_bytes(body)
    assert whyspend("close", "2025-03").code == 0
    (prices / "prices.json").unlink()
    result = whyspend("ledger", "verify")
    assert (result.code, result.out) == (2, b"")
    assert "prices.json is gone" in result.err


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("rates.csv", ""), ("rates.csv", "price,from\n"), ("names.csv", "a\n"), ("sources.csv", "source,version\n"),
        ("rates.csv", "price,from,to,source,basis,input_tokens\nopenai/gpt-4o,,,s,dated,-2500000\n"),
        ("rates.csv", "price,from,to,source,basis,input_tokens\nopenai/gpt-4o,x,,s,dated,2500000\n"),
    ],
)  # fmt: skip
def test_a_book_that_no_compiler_wrote_is_one_line_and_changes_nothing(
    whyspend: Run, place: Path, file: str, body: str
) -> None:
    before = state(place)
    (place / "dearer" / file).write_text(body, encoding="utf-8")
    result = whyspend("prices", "update", "--book", place / "dearer", "--yes")
    assert (result.code, result.out) == (2, b"")
    assert f"{file} " in result.err
    assert result.err.count("\n") == 1
    assert state(place) == before
