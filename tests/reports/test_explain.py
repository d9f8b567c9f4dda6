"""What `explain` says of small ledgers: what moved, what is not held, what is no change, and of bad names."""

import io
import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.cli.conftest import HOSTILE
from tests.reports.spending import at, place, publish, spend

from whyspend import registry
from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Table
from whyspend.workspace import Workspace

NOW = "2026-11-22 12:00"
WEEK = ("2026-11-15", "2026-11-21")
PROFILE = {
    "new_feature", "retired_feature", "calendar", "requests", "calls_per_request", "retries", "prompt_size",
    "output_length", "reasoning", "cache_share", "model_switch", "long_context", "service_tier", "list_price",
    "discount", "retagged", "other",
}  # fmt: skip


def days(first: str, count: int) -> list[str]:
    return [f"{at(first) + timedelta(number):%Y-%m-%d}" for number in range(count)]


def daily(first: str, count: int, usd: str, feature: str | None = "rag-search", **more: Any) -> list[Call]:
    """Five calls a day, a little more on some days and a little less on others."""
    draw = Random(f"{feature} {first}")
    return [
        spend(
            f"{day} {8 + hour:02}:00",
            f"{Decimal(usd) * (95 + draw.randrange(11)) / 100:.6f}",
            feature,
            **more,
        )
        for day in days(first, count)
        for hour in range(5)
    ]


def ledger(folder: Path, engine: DuckDB, calls: Sequence[Call], **marks: str) -> Workspace:
    folder.mkdir(exist_ok=True)
    opened = place(folder, engine, "", NOW)
    if calls:
        publish(opened, calls, **{"since": "2026-10-01", "upto": "2026-11-22", **marks})
    return opened


def explained(asked_of: Workspace, window: tuple[str, str] = WEEK, **asked: Any) -> Table:
    return asked_of.ask("explain", asked_of.window(*window), **asked)


def rows(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def text(answer: Table, form: str = "text", **options: Any) -> str:
    out = io.BytesIO()
    registry.load("formats", form).write(answer, out, **options)
    return out.getvalue().decode()


# What moved.


def test_a_prompt_that_doubled_is_named_with_its_day_and_numbers(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        *daily("2026-11-08", 9, "0.05"),
        *daily("2026-11-17", 5, "0.10"),
        *daily("2026-11-08", 14, "0.05", "chat"),
    ]
    (line, *_) = rows(explained(ledger(tmp_path, engine, calls)))
    assert (line["line"], line["driver"], line["unit"]) == (1, "prompt_size", "tokens/call")
    assert line["segment"] == {"feature": "rag-search"}
    assert line["since"] == at("2026-11-17 08:00")
    assert Decimal("1.1") < line["change_usd"] < Decimal("1.4")
    assert line["sentence"].startswith("rag-search: prompts grew from 50.")


def test_a_new_feature_and_one_that_is_gone_are_named_whole(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        *daily("2026-11-08", 14, "0.05"),
        *daily("2026-11-08", 7, "0.20", "old"),
        *daily("2026-11-16", 6, "0.30", "new"),
    ]
    found = {row["driver"]: row for row in rows(explained(ledger(tmp_path, engine, calls)))}
    assert found["new_feature"]["sentence"] == "new: is new since Nov 16 08:00 (model dollar-1)"
    assert found["retired_feature"]["sentence"] == "old: has no calls any more"
    assert found["retired_feature"]["segment"] == {"feature": "old"}


def test_two_windows_that_are_alike_are_within_normal_variation(engine: DuckDB, tmp_path: Path) -> None:
    answer = explained(ledger(tmp_path, engine, daily("2026-11-08", 14, "0.05")))
    assert "Within normal variation" in answer.headline
    assert {row["normal"] for row in rows(answer) if row["line"]} <= {"yes"}
    assert all(row["since"] is None for row in rows(answer))


def test_windows_of_different_length_are_compared_by_day_and_in_total(engine: DuckDB, tmp_path: Path) -> None:
    opened = ledger(tmp_path, engine, daily("2026-10-18", 35, "0.05"))
    answer = explained(opened, against="2026-10-18..2026-11-14")
    assert " a day against 2026-10-18 to 2026-11-14" in answer.headline
    assert "everywhere: 7 days instead of 28" in [row["sentence"] for row in rows(answer)]


def test_a_window_beyond_a_gap_claims_no_moment_that_nobody_saw(engine: DuckDB, tmp_path: Path) -> None:
    calls = [*daily("2026-10-18", 7, "0.05"), *daily("2026-11-15", 7, "0.10")]
    (line, *_) = rows(explained(ledger(tmp_path, engine, calls), against="2026-10-18..2026-10-24"))
    assert line["driver"] == "prompt_size"
    assert line["since"] is None
    assert "between Oct 25 and Nov 15" in line["sentence"]


# What is not held.


def test_an_empty_ledger_says_how_to_fill_it(engine: DuckDB, tmp_path: Path) -> None:
    answer = explained(ledger(tmp_path, engine, []))
    assert (answer.rows, answer.details["cells"]) == ((), [])
    assert answer.notes[-1].startswith(
        "The ledger is empty. Bring calls in: whyspend pull, or whyspend serve."
    )
    assert [answer.total[name] for name in ("before", "after", "change")] == [0, 0, 0]


def test_a_ledger_that_begins_with_the_window_makes_no_feature_new(engine: DuckDB, tmp_path: Path) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-15", 7, "0.05"), since="2026-11-15")
    answer = explained(opened)
    assert "The ledger begins 2026-11-15 00:00 UTC: one window is not in it" in answer.headline
    assert [(row["line"], row["driver"], row["sentence"]) for row in rows(answer)] == [
        (None, "other", "not explained")
    ]
    assert {cell["driver"] for cell in answer.details["cells"]} == {"other"}
    with pytest.raises(UsageError, match="no line 1: explain has 0"):
        explained(opened, driver=1)


def test_a_window_before_that_is_held_in_part_is_compared_by_its_days(engine: DuckDB, tmp_path: Path) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-12", 10, "0.05"), since="2026-11-12")
    answer = explained(opened)
    assert "the window before is shortened to the days that it holds" in answer.headline
    assert "everywhere: 7 days instead of 3" in [row["sentence"] for row in rows(answer)]
    assert "more requests" not in text(answer)


def test_days_after_the_last_pull_are_said_to_be_missing(engine: DuckDB, tmp_path: Path) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-08", 10, "0.05"), upto="2026-11-18")
    assert "Nothing is known after 2026-11-18 00:00 UTC: calls may be missing." in explained(opened).headline


def test_of_days_after_the_end_of_the_data_nothing_is_said_to_have_changed(
    engine: DuckDB, tmp_path: Path
) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-01", 14, "0.05"), upto="2026-11-15")
    answer = explained(opened)
    assert answer.headline.endswith(
        "Nothing is known after 2026-11-15 00:00 UTC: calls may be missing.\nNothing can be said of what changed."
    )
    assert [row["sentence"] for row in rows(answer)] == ["not explained"]


def test_one_call_in_one_window_is_an_answer(engine: DuckDB, tmp_path: Path) -> None:
    opened = ledger(tmp_path, engine, [spend("2026-11-16 10:00", "2.5")])
    assert [row["change_usd"] for row in rows(explained(opened))] == [Decimal("2.5")]
    assert [row["change_usd"] for row in rows(explained(opened, ("2026-11-18", "2026-11-21")))] == [
        Decimal("-2.5")
    ]


def test_calls_without_a_price_are_no_spend_and_are_said(engine: DuckDB, tmp_path: Path) -> None:
    calls = [*daily("2026-11-08", 14, "0.05"), *daily("2026-11-15", 7, "9", model="nobody-knows")]
    answer = explained(ledger(tmp_path, engine, calls))
    change = answer.total["change"]
    assert isinstance(change, Decimal)
    assert abs(change) < 1
    assert any(note.startswith("Unpriced: 35 calls") for note in answer.notes)


# What is no change of spend.


def at_site(calls: list[Call], site: str) -> list[Call]:
    return [msgspec.structs.replace(call, call_site=site) for call in calls]


def test_calls_that_got_their_tag_moved_and_are_no_new_feature(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        *daily("2026-11-08", 14, "0.05", "chat"),
        *at_site(daily("2026-11-08", 7, "0.50", None), "digest / send"),
        *at_site(daily("2026-11-15", 7, "0.50", "digest"), "digest / send"),
    ]
    answer = explained(ledger(tmp_path, engine, calls))
    assert not {row["driver"] for row in rows(answer)} & {"new_feature", "retired_feature"}
    assert any(
        "of spend before moved to digest with its tags: no change of spend, net $0.00" in note
        for note in answer.notes
    )
    moved = {
        cell["feature"]: cell["change_usd"]
        for cell in answer.details["cells"]
        if cell["driver"] == "retagged"
    }
    assert set(moved) == {"digest", "untagged"}
    assert sum(moved.values()) == 0  # type: ignore[arg-type]


# Which requests, and wrong questions.


def test_the_requests_of_a_line_are_the_dearest_of_its_place(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        *daily("2026-11-08", 9, "0.05"),
        *daily("2026-11-17", 5, "0.10"),
        *daily("2026-11-08", 14, "0.05", "chat"),
    ]
    answer = explained(ledger(tmp_path, engine, calls), driver=1, top=3)
    found = rows(answer)
    assert len(found) == 3
    assert all(row["line"] == 1 and row["started_at"] >= at("2026-11-17") for row in found)
    assert all("input tokens per call (usual " in row["unusual"] for row in found)
    assert answer.headline.startswith("1. +")


def fallen(engine: DuckDB, tmp_path: Path) -> Workspace:
    """Prompts of chat shrank, those of rag-search grew: a line, and one of the rest."""
    calls = [
        *daily("2026-11-08", 9, "0.05"),
        *daily("2026-11-17", 5, "0.10"),
        *daily("2026-11-08", 7, "0.30", "chat"),
        *daily("2026-11-15", 7, "0.10", "chat"),
    ]
    return ledger(tmp_path, engine, calls)


def risen(engine: DuckDB, tmp_path: Path) -> Workspace:
    calls = [
        *daily("2026-11-08", 9, "0.05"),
        *daily("2026-11-17", 5, "0.10"),
        *daily("2026-11-08", 14, "0.05", "chat"),
    ]
    return ledger(tmp_path, engine, calls)


def test_behind_a_line_are_its_own_cells_which_add_up_to_it(engine: DuckDB, tmp_path: Path) -> None:
    opened = fallen(engine, tmp_path)
    lines = [row for row in rows(explained(opened)) if row["line"]]
    assert len(lines) > 1
    for line in lines:
        cells = explained(opened, driver=line["line"]).details["cells"]
        assert {cell["line"] for cell in cells} == {line["line"]}
        moved = sum(cell["change_usd"] for cell in cells)  # type: ignore[misc]
        assert abs(moved - line["change_usd"]) < Decimal("0.000000001")
        assert {"feature", "call_site", "model"} <= set(cells[0])


def test_behind_a_line_it_is_said_whose_calls_are_counted_and_when(engine: DuckDB, tmp_path: Path) -> None:
    answer = explained(risen(engine, tmp_path / "risen"), driver=1)
    assert answer.notes[0].startswith("Calls and cost are those of rag-search; what else a request did")
    assert answer.notes[1].endswith("beyond what was usual 2026-11-08 to 2026-11-14.")
    opened = fallen(engine, tmp_path / "fallen")
    answer = explained(opened, driver=1)
    assert answer.headline.splitlines()[1].startswith("Line 1 of 2: $12.29 -> $6.52")
    assert answer.notes[1].startswith("The line became cheaper: the requests are of 2026-11-08 to 2026-11-14")
    assert explained(opened, driver=2).notes[0].startswith("The line is the rest beside other lines:")
    assert "Line 2: the rest" in explained(opened, show_requests=True).notes[0]


def test_lines_above_their_requests_say_the_dollars_that_the_table_says(
    engine: DuckDB, tmp_path: Path
) -> None:
    """Cents that are rounded one by one would be others than those that add up."""
    opened = fallen(engine, tmp_path)
    table, above = text(explained(opened)), explained(opened, show_requests=True).headline.splitlines()
    assert above
    for line in above:
        amount = line.split()[1]
        assert amount in table, (line, table)


def test_the_days_behind_a_line_are_told_apart_where_it_changed(engine: DuckDB, tmp_path: Path) -> None:
    chart = explained(risen(engine, tmp_path), driver=1, pictures=True).charts[0]
    assert chart.title == "Spend by day: rag-search"
    assert [column.name for column in chart.columns] == ["day", "before Nov 17 08:00", "since Nov 17 08:00"]
    zero = Decimal(0)
    shown = [(row[1] == zero, row[2] == zero) for row in chart.rows]
    assert shown == [(False, True)] * 9 + [(True, False)] * 5


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"driver": 9}, "There is no line 9"),
        ({"driver": -1}, "counted from 1"),
        ({"top": 0}, "counted from 1"),
        ({"against": "nonsense"}, "--against cannot be 'nonsense'"),
        ({"against": "2026-11-20..2026-11-21"}, "overlaps"),
        ({"against": "2026-11-10..2026-11-01"}, "ends before it begins"),
        ({"by": ("day",)}, "cannot be told apart by day"),
    ],
)
def test_a_question_that_cannot_be_is_refused_in_one_line(
    engine: DuckDB, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-08", 14, "0.05"))
    with pytest.raises(UsageError, match=said) as raised:
        explained(opened, **asked)
    assert "\n" not in str(raised.value)


# Names.


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_name_in_every_format(engine: DuckDB, tmp_path: Path, name: str) -> None:
    calls = [
        *daily("2026-11-08", 14, "0.05"),
        *at_site(daily("2026-11-08", 7, "0.05", name, customer=name), name),
        *at_site(daily("2026-11-15", 7, "0.50", name, customer=name), name),
    ]
    answer = explained(ledger(tmp_path, engine, calls))
    assert answer.rows
    for form, options in (("text", {"width": 80}), ("markdown", {}), ("csv", {}), ("json", {})):
        written = text(answer, form, **options)
        assert "\x1b" not in written
        assert "\u202e" not in written
    assert "<script>" not in text(answer, "markdown")
    held = json.loads(text(answer, "json"), parse_float=Decimal)
    assert [row["segment"] for row in held["rows"]] == [row["segment"] for row in rows(answer)]
    assert {row["driver"] for row in held["rows"]} <= PROFILE


def test_a_change_below_a_cent_is_told_in_the_headline_as_in_its_line(tmp_path: Path, engine: DuckDB) -> None:
    opened = ledger(tmp_path, engine, daily("2026-11-08", 7, "0.000004") + daily("2026-11-15", 7, "0.000008"))
    answer = explained(opened)
    assert answer.headline is not None
    assert answer.headline.startswith("$0.00014 -> $0.00028 (+$0.00014, +100.0 %)")
