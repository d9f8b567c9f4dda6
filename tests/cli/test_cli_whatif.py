"""`whyspend whatif` from the shell: swaps are repeatable, names are hostile, every format has the same figures."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from tests.cli.conftest import HOSTILE, Run
from tests.cli.shell import Result

Ask = Callable[[Sequence[str]], Result]

FORMATS = ("csv", "json", "markdown", "text")


def test_two_swaps_are_two_effects_that_add_up_to_the_change(ask: Ask) -> None:
    done = ask(["whatif", "--swap", "gpt-4o=gpt-4.1-mini", "--swap", "made-up*=gpt-4o", "--format", "json"])
    assert (done.code, done.err) == (0, "")
    answer = json.loads(done.out, parse_float=Decimal)
    assert [row["option"] for row in answer["effects"]] == [
        "swap gpt-4o -> gpt-4.1-mini",
        "swap made-up* -> gpt-4o",
    ]
    assert sum(row["change_usd"] for row in answer["effects"]) == answer["total"]["change_usd"] < 0
    assert answer["headline"].startswith("$")


def test_rows_are_those_of_the_report_and_their_parts_add_up(ask: Ask) -> None:
    given = ["--by", "feature,model", "--format", "csv"]
    report = list(csv.DictReader(io.StringIO(ask(["report", *given]).text)))
    whatif = list(csv.DictReader(io.StringIO(ask(["whatif", "--batch", *given]).text)))
    costs = {(row["feature"], row["model"]): (row["calls"], row["cost_usd"]) for row in report}
    assert {(row["feature"], row["model"]): (row["calls"], row["cost_usd"]) for row in whatif} == costs
    assert all(
        not row["cost_usd"] or Decimal(row["whatif_usd"]) * 2 == Decimal(row["cost_usd"]) for row in whatif
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name(ask: Ask, name: str, form: str) -> None:
    done = ask(["whatif", "--swap", f"{name}=gpt-4.1-mini", "--by", "feature,name", "--format", form])
    assert (done.code, done.err) == (0, "")
    assert b"\x1b" not in done.out
    refused = ask(["whatif", "--swap", f"gpt-4o={name}", "--format", form])
    assert (refused.code, refused.out) == (2, b"")
    assert refused.err.count("\n") == 1
    assert "\x1b" not in refused.err


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--swap", "gpt-4o"),
        ("--swap", "gpt-4o=nothing-like-it"),
        ("--cache-hit", "most"),
        ("--prices-at", "2026-13-01"),
        ("--batch", "--prices", "recorded"),
        ("--batch", "--by", "whatif_usd"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_2(ask: Ask, given: Sequence[str]) -> None:
    done = ask(["whatif", *given])
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)


def test_an_empty_ledger_and_an_option_that_matches_nothing_exit_with_0(
    whyspend: Run, ask: Ask, home: Path
) -> None:
    empty = whyspend("whatif", "--batch", "--ledger", home / "none")
    assert (empty.code, "The ledger is empty." in empty.text) == (0, True)
    nothing = ask(["whatif", "--swap", "claude-*=gpt-4o", "--drop-retries"])
    assert (nothing.code, nothing.text.count("Nothing changes by")) == (0, 2)


def test_the_help_names_every_option(whyspend: Run) -> None:
    said = whyspend("whatif", "--help").text
    for option in (
        "--swap OLD=NEW",
        "--cache-hit",
        "--batch",
        "--drop-retries",
        "--prices-at",
        "--by",
        "--where",
    ):
        assert option in said
