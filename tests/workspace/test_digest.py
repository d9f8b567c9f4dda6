"""A digest of small ledgers: what it says where there is little to say, and of which days."""

from pathlib import Path

import pytest
from tests.alerts.hostile import TEXTS
from tests.reports.spending import place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call
from whyspend.model.digest import Digest
from whyspend.workspace import Workspace
from whyspend.workspace.digest import digest, whole_days

NOW = "2026-11-29 10:00"
BUDGETS = '[[budgets]]\nname = "all"\nperiod = "week"\nlimit_usd = {limit}\n'


def week_of(place: Workspace, since: str = "7d", until: str = "") -> Digest:
    return digest(place, whole_days(place, since, until, ""))


def titles(made: Digest) -> list[str]:
    return [section.title for section in made.sections]


def daily(amount: str, days: range, feature: str = "rag-search") -> list[Call]:
    return [spend(f"2026-11-{day:02} 09:00", amount, feature) for day in days]


def test_an_empty_ledger_says_what_to_do(tmp_path: Path, engine: DuckDB) -> None:
    made = week_of(place(tmp_path, engine, "", NOW))
    assert made.headline == ("No calls in these days.",)
    (only,) = made.sections
    assert only.sentences == (
        "The ledger is empty. Bring calls in: whyspend pull, or whyspend serve. Or see an example: whyspend demo.",
    )
    assert made.notes == ()


def test_one_call_is_a_digest_without_a_change(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, [spend("2026-11-27 09:00", "3")])
    made = week_of(where)
    assert made.headline[0] == "$3.00 in these 7 days."
    assert made.sections[0].sentences == ("1 call in 1 request.",)
    assert not any("than in the 7 before" in line for line in made.headline)
    why = next(section for section in made.sections if section.title == "Why it changed")
    assert "one window is not in it, so nothing can be said of what changed" in why.sentences[-1]


def test_the_days_end_yesterday_unless_today_is_asked_for(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    for since, until, first, last in (
        ("", "", "2026-11-22", "2026-11-28"),
        ("7d", "", "2026-11-22", "2026-11-28"),
        ("today", "", "2026-11-29", "2026-11-29"),
        ("2026-11-01", "today", "2026-11-01", "2026-11-29"),
        ("2026-11-01", "2026-11-07", "2026-11-01", "2026-11-07"),
    ):
        asked = whole_days(where, since, until, "")
        assert (str(asked.since), str(asked.until)) == (first, last), (since, until)
    with pytest.raises(UsageError):
        whole_days(where, "2026-12-05", "", "")


def test_no_change_and_no_budget_read_well(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, daily("2", range(1, 29)), since="2026-11-01", upto=NOW)
    made = week_of(where)
    assert made.headline[0] == "$14.00 in these 7 days, as much as in the 7 before."
    assert not any(line.startswith("Largest cause") for line in made.headline)
    budgets = next(section for section in made.sections if section.title == "Budgets")
    assert budgets.table.rows == ()
    assert budgets.sentences[0].startswith("No budget is configured. Try one: whyspend budgets --limit 50")
    owners = next(section for section in made.sections if section.title == "Who owns it")
    assert owners.sentences == ("Every call has an owner: feature is known for all.",)


def test_a_rise_an_overrun_and_what_to_do_are_in_the_headline(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + BUDGETS.format(limit=20), NOW)
    publish(where, [*daily("2", range(1, 22)), *daily("6", range(22, 29))], since="2026-11-01", upto=NOW)
    first, cause, ending, over, do = week_of(where, "2026-11-22", "2026-11-28").headline
    assert first == "$42.00 in these 7 days, $28.00 more than in the 7 before (+200.0 %)."
    assert cause.startswith(
        "Largest cause: +$28.00 everywhere: prompts grew from 2.0M to 6.0M input tokens per call"
    )
    assert ending.startswith("2026-11 will probably end at ")
    assert over == "Over budget: all (180.0 % of its limit)."
    assert do == (
        "Next: see the requests behind the largest cause: "
        "whyspend explain --driver 1 --since 2026-11-22 --until 2026-11-28"
    )


def test_the_largest_overrun_comes_first_and_many_are_counted(tmp_path: Path, engine: DuckDB) -> None:
    config = "\n" + '[[budgets]]\nname = "any"\neach = "feature"\nperiod = "month"\nlimit_usd = 1\n'
    where = place(tmp_path, engine, config, NOW)
    calls = [spend("2026-11-25 09:00", f"{cost}", f"f{cost}") for cost in range(1, 13)]
    publish(where, calls, since="2026-11-01", upto=NOW)
    made = week_of(where)
    budgets = next(section for section in made.sections if section.title == "Budgets")
    assert budgets.sentences[:2] == (
        "12 budgets: 11 over, 1 near the limit.",
        "The 8 that matter most are shown.",
    )
    assert [row[2] for row in budgets.table.rows] == ["over"] * 8
    over = next(line for line in made.headline if line.startswith("Over budget"))
    assert over.count("of its limit") == 3 and over.endswith(", 8 more.")
    assert "Near the budget" in " ".join(made.headline)


def test_what_nobody_owns_comes_next_where_nothing_rose(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    calls = [spend(f"2026-11-{day:02} 09:00", "2", None) for day in range(1, 29)]
    publish(where, calls, since="2026-11-01", upto=NOW)
    made = week_of(where)
    assert made.headline[-1].startswith("Next: Best next fix, $14.00: ")
    owners = next(section for section in made.sections if section.title == "Who owns it")
    assert owners.table.total == {}
    assert [column.name for column in owners.table.columns][-1] == "fix"


def test_calls_without_a_price_are_said_and_never_nothing(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, [spend("2026-11-27 09:00", "3", model="unheard-of")], since="2026-11-01", upto=NOW)
    made = week_of(where)
    assert made.headline[0] == "1 call in these days, none of known cost."
    assert made.sections[0].sentences == (
        "1 call in 1 request, 1 of them without a price: their cost is not in any figure here.",
    )
    assert any(note.startswith("Unpriced: 1 call") for note in made.notes)


def test_a_window_before_that_is_only_partly_held_is_no_change(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, daily("2", range(19, 29)), since="2026-11-19", upto=NOW)
    assert week_of(where).headline[0] == "$14.00 in these 7 days."


def test_a_digest_of_some_calls_says_so_and_leaves_budgets_out(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + BUDGETS.format(limit=1), NOW)
    publish(
        where, [*daily("2", range(1, 29)), *daily("5", range(1, 29), "chat")], since="2026-11-01", upto=NOW
    )
    asked = whole_days(where, "", "", "")
    made = digest(where, asked, where=("feature=chat",), words=("--ledger", "a b"))
    assert made.headline[0].startswith("$35.00 ")
    assert "Budgets" not in titles(made)
    assert made.notes[0] == "Only calls with feature=chat."
    for line in (made.command, *(section.command for section in made.sections)):
        assert "--where feature=chat" in line and line.endswith("--ledger 'a b'")


def test_hostile_names_leave_the_digest_whole(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    names = [name.encode("utf-8", "replace").decode().replace("\0", "") for name in TEXTS if name.strip()]
    calls = [
        spend(f"2026-11-{day:02} 09:00", f"{place + day}", name)
        for day in range(8, 29)
        for place, name in enumerate(names, 1)
    ]
    publish(where, calls, since="2026-11-01", upto=NOW)
    made = week_of(where)
    assert titles(made) == [
        "What was spent", "Why it changed", "Budgets", "Where the month will end", "Out of the ordinary", "Who owns it"
    ]  # fmt: skip


LATER = "2026-12-09 10:00"
"""A week after every call of these tests."""


def test_days_after_the_end_of_the_data_are_no_fall(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + BUDGETS.format(limit=1), LATER)
    publish(where, daily("2", range(1, 29)), since="2026-11-01", upto="2026-11-28 22:42")
    made = digest(where, whole_days(where, "", "", ""), words=("--ledger", "x"))
    assert made.headline == (
        "The data ends 2026-11-28 22:42 UTC: bring in what is missing first (whyspend pull).",
        "Next: bring in what is missing: whyspend pull --since 2026-11-28 --ledger x",
    )
    (only,) = made.sections
    assert only.table.rows == () and only.table.total == {}
    assert only.sentences == ("Nothing is known after 2026-11-28 22:42 UTC: calls may be missing.",)


def test_days_of_which_the_last_are_missing_have_no_cause_and_no_change(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, daily("2", range(1, 26)), since="2026-11-01", upto="2026-11-26")
    made = week_of(where)
    assert made.headline == (
        "The data ends 2026-11-26 00:00 UTC: bring in what is missing first (whyspend pull).",
        "$8.00 in these 7 days.",
        "Next: bring in what is missing: whyspend pull --since 2026-11-26",
    )
    ending = next(section for section in made.sections if section.title == "Where the month will end")
    assert ending.sentences[-1] == "Nothing is known after 2026-11-26 00:00 UTC: calls may be missing."


def test_who_really_stopped_calling_is_told_of_the_fall(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, daily("2", range(1, 22)), since="2026-11-01", upto="2026-11-29 06:00")
    spent, cause, *_ = week_of(where).headline
    assert spent == "$0.00 in these 7 days, $14.00 less than in the 7 before (-100.0 %)."
    assert cause.startswith("Largest cause: -$14.00 everywhere: ")


def test_calls_that_are_sent_end_with_the_last_of_them_but_a_weekend_is_no_gap(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", LATER)
    publish(where, daily("2", range(1, 29)))
    assert week_of(where).headline == (
        "The data ends 2026-11-28 09:00 UTC: see first whether calls still come in (whyspend doctor).",
        "Next: see whether calls still come in: whyspend doctor",
    )
    assert week_of(where, "2026-11-23", "2026-11-30").headline[0].startswith("$12.00 in these 8 days, ")


def test_one_source_that_is_behind_is_said_too(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    publish(where, daily("2", range(1, 29)), since="2026-11-01", upto="2026-11-20")
    made = week_of(where)
    assert made.headline[:2] == (
        "Calls are complete only until 2026-11-20 00:00 UTC: bring in what is missing first (whyspend pull).",
        "$14.00 in these 7 days.",
    )
    assert "Not every call is known after 2026-11-20 00:00 UTC: calls may be missing." in made.notes


def test_reports_and_forecasts_of_missing_days_say_so_first(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", LATER)
    publish(where, daily("2", range(1, 29)), since="2026-11-01", upto="2026-11-28 22:42")
    for report, said in (("report", "calls may be missing"), ("forecast", "what came later is estimated")):
        answer = where.ask(report, where.window("2026-11-20"))
        assert answer.notes[0] == f"Nothing is known after 2026-11-28 22:42 UTC: {said}.", report
        before = where.ask(report, where.window("2026-11-20", "2026-11-28"))
        assert not any("Nothing is known" in note for note in before.notes), report


def test_what_began_before_the_days_is_told_with_its_own_days(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    dear = range(20, 25)
    calls = [*daily("20", range(1, 20)), *daily("90", dear), *daily("20", range(25, 29))]
    publish(where, calls, since="2026-11-01", upto=NOW)
    odd = next(section for section in week_of(where).sections if section.title == "Out of the ordinary")
    assert ", 2026-11-22 to 2026-11-28: " in odd.sentences[0]
    assert " more than expected, from 2026-11-20 to 2026-11-2" in odd.sentences[0]
    assert odd.sentences[1].startswith("The parts named are the largest")
