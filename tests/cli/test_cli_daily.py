"""`whyspend daily`: one command a morning, whatever the morning is like."""

import csv
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.alerts.servers import receiver
from tests.cli.conftest import Run
from tests.cli.shell import command, environment
from tests.reports.spending import PRICED, place, publish, spend

from whyspend.engines.duckdb import connect
from whyspend.ledger.alerts import exclusive
from whyspend.model import Batch

TODAY = datetime.now(UTC).date()
BUDGET = '[[budgets]]\nname = "all"\nperiod = "rolling 9d"\nlimit_usd = 1000\n'


@pytest.fixture
def spent(home: Path) -> Path:
    """$1 a day and feature in each of the last ten days."""
    engine = connect(threads=1)
    opened = place(home, engine, "\n" + BUDGET, datetime.now(UTC).isoformat())
    calls = [spend(f"{day} 00:00", "1", name) for day in days(10) for name in ("a", "b")]
    publish(opened, calls, since=f"{days(10)[0]}")
    engine.close()
    (home / "whyspend.toml").write_text(PRICED + BUDGET, encoding="utf-8")
    return home


def days(count: int) -> list[date]:
    """So many days up to today."""
    return [TODAY - timedelta(days=n) for n in range(count - 1, -1, -1)]


def history(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="") as file:
        return [(row["since"], row["feature"]) for row in csv.DictReader(file)]


def whole(since: int) -> list[tuple[str, str]]:
    return [(str(day), name) for day in days(since + 1)[:-1] for name in ("a", "b")]


def test_a_day_is_reported_kept_and_told_in_one_command(whyspend: Run, spent: Path) -> None:
    with receiver() as slack:
        (spent / "whyspend.toml").write_text(
            PRICED + BUDGET.replace("1000", "2") + f'[alerts.team]\ntype = "slack"\nurl = "{slack.base}/x"\n'
        )
        result = whyspend("daily", "--no-pull", "-o", "history.csv")
        again = whyspend("daily", "--no-pull", "-o", "history.csv")
    assert (result.code, again.code) == (1, 1)
    assert "report ·" in result.text
    assert "budgets ·" in result.text
    assert len(slack.received) == 1
    assert history(spent / "history.csv") == whole(7)


def test_a_reader_that_goes_away_keeps_nobody_from_being_told(spent: Path) -> None:
    with receiver() as slack:
        (spent / "whyspend.toml").write_text(
            PRICED + BUDGET.replace("1000", "2") + f'[alerts.team]\ntype = "slack"\nurl = "{slack.base}/x"\n'
        )
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            command("daily", "--no-pull", "-o", "history.csv"),
            cwd=spent, env=environment(), stdout=writer, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
        os.close(writer)
    assert done.returncode == 1, "the budget is broken, whoever reads the report"
    assert b"Traceback" not in done.stderr
    assert len(slack.received) == 1
    assert history(spent / "history.csv") == whole(7)


def test_a_history_has_every_whole_day_once_however_late_it_is_run(whyspend: Run, spent: Path) -> None:
    path = spent / "history.csv"
    whyspend("daily", "--no-pull", "--no-notify", "-o", path)
    assert history(path) == whole(7)
    held = path.read_text().splitlines(keepends=True)
    path.write_text("".join(held[: 1 + 2 * 3]))  # as if it was last run four days ago
    result = whyspend("daily", "--no-pull", "--no-notify", "-o", path)
    assert result.code == 0
    assert history(path) == whole(7)
    assert "".join(held) == path.read_text()


def test_a_source_that_is_away_is_3_and_does_not_stop_the_rest(
    whyspend: Run, spent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver((401, {}, b"no")) as server:
        monkeypatch.setenv("LANGSMITH_API_KEY", "key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.base)
        (spent / "whyspend.toml").write_text(PRICED + BUDGET.replace("1000", "2"))
        result = whyspend("daily", "-o", "history.csv")
    assert result.code == 3
    assert "source langsmith" in result.err
    assert "budgets ·" in result.text
    # Nobody knows whether these days are whole.
    assert not (spent / "history.csv").exists()


def test_a_source_that_is_set_up_wrong_is_2(whyspend: Run, spent: Path) -> None:
    (spent / "whyspend.toml").write_text(
        PRICED + '[sources.x]\ntype = "langsmith"\napi_key = "env:NOT_SET"\n'
    )
    result = whyspend("daily")
    assert result.code == 2
    assert "NOT_SET" in result.err
    assert "report ·" in result.text


def test_a_second_one_leaves_the_work_to_the_first(whyspend: Run, spent: Path) -> None:
    with exclusive(spent / ".whyspend", "daily.lock"):
        result = whyspend("daily", "--no-pull", "-o", "history.csv")
    assert (result.code, result.out) == (0, b"")
    assert "Another whyspend daily is at work" in result.err
    assert not (spent / "history.csv").exists()


def test_several_started_together_leave_no_gap_and_no_double(spent: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "whyspend", "daily", "--no-pull", "-o", "history.csv"],
            cwd=spent,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert history(spent / "history.csv") == whole(7)


def test_a_file_of_another_kind_is_not_touched(whyspend: Run, spent: Path) -> None:
    (spent / "notes.csv").write_text("a,b\n1,2\n")
    result = whyspend("daily", "--no-pull", "-o", "notes.csv")
    assert result.code == 2
    assert "is no history that whyspend wrote" in result.err
    assert (spent / "notes.csv").read_text() == "a,b\n1,2\n"


def test_the_demo_source_is_pulled_and_its_history_kept(whyspend: Run, home: Path) -> None:
    (home / "whyspend.toml").write_text('[sources.demo]\ntype = "demo"\n')
    result = whyspend("daily")
    assert result.code == 0
    assert "demo: read" in result.err


def test_a_history_that_cannot_be_kept_does_not_stop_the_budgets(whyspend: Run, spent: Path) -> None:
    (spent / "notes.csv").write_text("a,b\n1,2\n")
    result = whyspend("daily", "--no-pull", "-o", "notes.csv")
    assert result.code == 2
    assert "budgets ·" in result.text


def test_without_a_pull_only_days_that_were_pulled_whole_are_kept(whyspend: Run, spent: Path) -> None:
    engine = connect(threads=1)
    opened = place(spent, engine, "\n" + BUDGET, datetime.now(UTC).isoformat())
    publish(opened, [spend(f"{days(4)[0]} 11:00", "1", "c")], upto=f"{days(4)[0]} 12:00")
    engine.close()
    source = '[sources.prod]\ntype = "langsmith"\napi_key = "env:NOT_SET"\n'
    (spent / "whyspend.toml").write_text(PRICED + BUDGET + source, encoding="utf-8")
    result = whyspend("daily", "--no-pull", "--no-notify", "-o", "history.csv")
    assert result.code == 0, result.err
    assert max(day for day, _ in history(spent / "history.csv")) == str(days(5)[0])


@pytest.fixture
def collected(home: Path) -> Path:
    """Ten calls that a collector took in, and no source."""
    engine = connect(threads=1)
    opened = place(home, engine, "", datetime.now(UTC).isoformat())
    writer = opened.ledger.writer(engine, opened.config.collector.source, opened.config.dimensions)
    calls = [spend(f"{day} 00:00", "1") for day in days(10)]
    for call in calls:
        call.source = opened.config.collector.source
    writer.add(Batch(calls=calls))
    writer.commit()
    engine.close()
    return home


def test_where_a_collector_takes_the_calls_in_no_source_is_missed(whyspend: Run, collected: Path) -> None:
    looked, done = whyspend("doctor"), whyspend("daily")
    assert (looked.code, done.code) == (0, 0)
    assert "LangSmith" not in done.err
    assert "no source to pull is configured; the collector brought 10 calls" in looked.text
    assert "PROBLEM" not in looked.text and "report ·" in done.text


@pytest.mark.parametrize("how", ["a key", "the file"])
def test_a_source_that_is_configured_is_missed_beside_a_collector(
    whyspend: Run, collected: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "a key":
        monkeypatch.setenv("LANGSMITH_API_KEY", "no-key-of-anyone")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    else:
        (collected / "whyspend.toml").write_text(PRICED + '[sources.prod]\ntype = "langsmith"\n')
    looked = whyspend("doctor")
    assert looked.code == 1 and "PROBLEM" in looked.text and "no source to pull" not in looked.text
