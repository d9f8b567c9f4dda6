"""Up to when the calls are here: of a source that is no longer read, nobody says so for ever."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.reports.spending import at, place, spend

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Batch, Call, Table
from whyspend.workspace import Workspace
from whyspend.workspace.checkup import findings
from whyspend.workspace.closing import close
from whyspend.workspace.digest import digest, whole_days
from whyspend.workspace.missing import Ended, Reached, reached
from whyspend.workspace.signals import signals

NOW = "2026-11-29 10:00"
END = "2026-11-12 06:00"
"""Up to when the old source was pulled."""
NAMED = '[sources.prod]\ntype = "langsmith"\napi_key = "k"\n'
ENDED = "langsmith was last pulled up to 2026-11-12 06:00 UTC: later calls came in another way."


def bring(where: Workspace, source: str, days: range, upto: str = "", **more: str) -> None:
    writer = where.ledger.writer(where.engine, source, where.config.dimensions)
    writer.add(Batch(calls=[brought(day) for day in days]))
    marks = {"upto:p": upto, "from:p": "2026-11-01" if upto else "", **more}
    writer.commit({name: int(at(text).timestamp()) * 1_000_000 for name, text in marks.items() if text})


def brought(day: int) -> Call:
    return spend(f"2026-11-{day:02} 05:00", "2")


def moved(folder: Path, engine: DuckDB, config: str = "") -> Workspace:
    """A ledger that was pulled from LangSmith, and takes its calls in with the collector since."""
    where = place(folder, engine, "\n" + config, NOW)
    bring(where, "langsmith", range(1, 13), END)
    bring(where, "collector", range(13, 29))
    return where


def asked(where: Workspace, since: str, until: str = "") -> Table:
    return where.ask("report", where.window(since, until))


def known(where: Workspace) -> Reached:
    return reached(where.config, where.ledger.snapshot().manifest, where.now)


def test_a_ledger_that_moved_to_the_collector_does_not_end_where_the_pulls_ended(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = moved(tmp_path, engine)
    answer = asked(where, "7d")
    assert answer.trust.complete_until is None, "nobody says up to when what is sent is complete"
    assert not any("langsmith" in note or "missing" in note for note in answer.notes)
    assert digest(where, whole_days(where, "", "", "")).headline[0].startswith("$14.00 in these 7 days, ")


def test_the_key_of_the_applications_in_the_environment_makes_no_difference(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = moved(tmp_path, engine)
    where.config = load(tmp_path / "whyspend.toml", {"LANGSMITH_API_KEY": "of the collector"})
    assert asked(where, "7d").trust.complete_until is None


def test_days_around_the_move_say_that_something_may_be_missing_between(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = moved(tmp_path, engine)
    assert ENDED in asked(where, "2026-11-08", "2026-11-14").notes
    assert ENDED in asked(where, "2026-11-15", "2026-11-21").notes, "it is compared with the days of the move"
    assert ENDED not in asked(where, "2026-11-22", "2026-11-28").notes
    explained = where.ask("explain", where.window("2026-11-08", "2026-11-14")).headline
    assert ENDED in explained.split("\n")


def test_only_doctor_goes_on_naming_it(tmp_path: Path, engine: DuckDB) -> None:
    where = moved(tmp_path, engine)
    told = [(finding.level, finding.what) for part, finding in findings(where) if part == "ledger"]
    assert ("ok", ENDED) in told
    data = where.data(where.window())
    assert not any(each.case.kind == "stale" for each in signals(data, where.config, where.now))


def test_a_day_after_the_last_pull_it_still_counts(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    bring(where, "langsmith", range(1, 29), "2026-11-28 06:00")
    bring(where, "collector", range(20, 30))
    assert known(where) == Reached(at("2026-11-28 06:00"))


def test_a_source_that_is_named_counts_however_old_it_is(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + NAMED, NOW)
    bring(where, "prod", range(1, 13), END)
    bring(where, "collector", range(13, 29))
    assert known(where) == Reached(at(END))


def test_a_source_that_is_no_longer_named_does_not_hold_back_one_that_is(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "\n" + NAMED, NOW)
    bring(where, "langsmith", range(1, 13), END)
    assert known(where) == Reached(at(END)), "nothing else has come yet"
    bring(where, "prod", range(0), "2026-11-29 09:00")
    assert known(where) == Reached(at("2026-11-29 09:00"), (Ended(at(END), "langsmith"),))
    assert asked(where, "7d").trust.complete_until == at("2026-11-29 09:00")


def test_a_ledger_that_is_read_without_its_configuration_ends_where_its_oldest_source_does(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", NOW)
    bring(where, "eu", range(1, 13), END)
    bring(where, "us", range(1, 29), "2026-11-29 09:00")
    assert known(where) == Reached(at(END))
    bring(where, "collector", range(13, 30))
    assert known(where) == Reached(at(END)), "us is pulled, so eu may be too"


def test_a_project_that_is_gone_holds_nothing_back_and_counts_again_once_it_is_there(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "\n" + NAMED, NOW)
    bring(
        where, "prod", range(1, 29), "2026-11-29 09:00", **{"upto:old": END, "gone:old": "2026-11-12 09:00"}
    )
    assert known(where) == Reached(at("2026-11-29 09:00"), (Ended(at(END), "prod", "old"),))
    gone = "The project old of prod was last pulled up to 2026-11-12 06:00 UTC: it is no longer read."
    assert gone in asked(where, "2026-11-08", "2026-11-14").notes
    assert gone not in asked(where, "2026-11-22", "2026-11-28").notes
    writer = where.ledger.writer(where.engine, "prod", where.config.dimensions)
    writer.commit({"gone:old": 0})
    assert known(where) == Reached(at(END))


def test_a_month_after_the_move_is_not_held_up_by_the_old_source(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + NAMED, "2026-12-02 10:00")
    bring(where, "langsmith", range(0), "2026-10-12", **{"from:p": "2026-09-01"})
    bring(where, "prod", range(1, 29), "2026-12-02", **{"from:p": "2026-10-01"})
    assert close(where, "2026-11").month.calls == 28


def test_the_watermark_of_the_collector_is_none_so_the_weekend_rule_holds(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = moved(tmp_path, engine)
    where.now += timedelta(days=7)
    assert digest(where, whole_days(where, "", "", "")).headline[0] == (
        "The data ends 2026-11-28 05:00 UTC: see first whether calls still come in (whyspend doctor)."
    )


def test_what_was_lost_with_a_damaged_file_is_said_of_its_days_and_keeps_a_month_from_being_whole(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "\n" + NAMED, "2026-12-02 10:00")
    bring(where, "prod", range(1, 29), "2026-12-02", **{"from:p": "2026-10-01"})
    lost = next(file for file in where.ledger.snapshot().manifest.files if file.day.day == 12)
    (where.ledger.root / lost.path).write_bytes(b"cut")
    where.ledger.drop(lost.path)
    said = "No total has 1 call of prod on 2026-11-12 (UTC), lost with a damaged file."
    assert said in asked(where, "2026-11-10", "2026-11-16").notes
    assert said in asked(where, "2026-11-17", "2026-11-23").notes, "it is compared with the days of the loss"
    assert said not in asked(where, "2026-11-24", "2026-11-30").notes
    explained = where.ask("explain", where.window("2026-11-17", "2026-11-23"))
    assert said in explained.headline
    bring(where, "prod", range(29, 30))
    assert said in asked(where, "2026-11-10", "2026-11-16").notes, "a later commit keeps it"
    with pytest.raises(UsageError, match="2026-11 is not whole: it lacks 1 call of prod on 2026-11-12"):
        close(where, "2026-11")
    assert close(where, "2026-11", force=True).month.calls == 28


def test_a_call_that_a_wrong_clock_dated_ahead_ends_no_source(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOW)
    bring(where, "langsmith", range(1, 29), "2026-11-29 08:00")
    bring(where, "collector", range(30, 31))
    assert known(where) == Reached(at("2026-11-29 08:00"))
