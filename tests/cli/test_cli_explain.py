"""`whyspend explain` from the shell: its formats have the same figures, and a wrong question is one line and exit 2."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from tests.cli.shell import Result

Ask = Callable[[Sequence[str]], Result]


def test_every_format_has_the_same_lines_and_dollars(ask: Ask) -> None:
    answers = {form: ask(["explain", "--format", form]) for form in ("text", "json", "csv", "markdown")}
    assert {(done.code, done.err) for done in answers.values()} == {(0, "")}
    held = json.loads(answers["json"].out, parse_float=Decimal)
    sheet = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    assert [Decimal(row["change_usd"]) for row in sheet] == [row["change_usd"] for row in held["rows"]]
    assert [row["driver"] for row in sheet] == [row["driver"] for row in held["rows"]]
    for form in ("text", "markdown"):
        lines = answers[form].text.split("\n")
        assert sum("$" in line and "Total" in line for line in lines) == 1
    assert all(b"\x1b" not in done.out for done in answers.values())


def test_json_carries_what_a_dashboard_needs(ask: Ask) -> None:
    held = json.loads(ask(["explain", "--by", "feature,model", "--format", "json"]).out, parse_float=Decimal)
    assert {"driver", "segment", "change_usd", "before", "after", "unit", "since", "sentence"} <= set(
        held["rows"][0]
    )
    assert {"before", "after", "change"} <= set(held["total"])
    assert set(held["cells"][0]) == {"feature", "model", "driver", "change_usd"}
    change = held["total"]["change"]
    assert held["total"]["after"] - held["total"]["before"] == change
    assert sum(cell["change_usd"] for cell in held["cells"]) == change
    assert abs(sum(row["change_usd"] for row in held["rows"]) - change) < Decimal("0.000000001")


def test_the_requests_of_a_line_have_ids_and_links(ask: Ask) -> None:
    done = ask(["explain", "--driver", "1", "--top", "2", "--format", "csv"])
    assert (done.code, done.err) == (0, "")
    found = list(csv.DictReader(io.StringIO(done.text)))
    assert 1 <= len(found) <= 2
    assert all(row["line"] == "1" and "trace-" in row["trace_id"] and row["unusual"] for row in found)
    assert ask(["explain", "--show-requests"]).code == 0


@pytest.mark.parametrize(
    "given",
    [
        ("--against", "previous"),
        ("--against", "last-week"),
        ("--against", "last-month"),
        ("--against", "same-days-last-month"),
        ("--against", "2026-11-08..2026-11-10"),
        ("--prices", "now"),
        ("--prices", "2026-11-01"),
        ("--where", "feature=chat"),
        ("--where", "feature=nothing-like-it"),
        ("--by", "project,provider,call_site"),
    ],
)
def test_each_form_of_the_question_is_answered(ask: Ask, given: Sequence[str]) -> None:
    done = ask(["explain", *given])
    assert (done.code, done.err) == (0, "")
    assert done.text.startswith("explain · 2026-11-15 to 2026-11-21 · UTC\n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--against", "last-wek"), "Did you mean 'last-week'?"),
        (("--against", "2026-11-16..2026-11-18"), "overlaps 2026-11-15 to 2026-11-21"),
        (("--against", "2026-11-31..2026-12-01"), "--against cannot be '2026-11-31'"),
        (("--driver", "99"), "There is no line 99"),
        (("--driver", "x"), "--driver"),
        (("--top", "0"), "counted from 1"),
        (("--by", "day"), "cannot be told apart by day"),
        (("--by", "calls"), "Cannot group by 'calls'"),
        (("--prices", "recorded"), "Leave --prices recorded away."),
        (("--format", "xml"), "--format"),
    ],
)
def test_a_wrong_question_is_one_line_and_exit_2(ask: Ask, given: Sequence[str], said: str) -> None:
    done = ask(["explain", *given])
    assert (done.code, done.out) == (2, b"")
    assert said in done.err
    assert done.err.strip().count("\n") == 0
    assert "\x1b" not in done.err
