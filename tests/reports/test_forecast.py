"""Where a period will end: spent exactly, the rest an estimate, and nothing that pretends."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.reports.spending import at, place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Table
from whyspend.workspace import Workspace

MIDNIGHT = "2026-11-16 00:00"
"""A Monday: 11 workdays and 4 days of weekend are left of the month."""


def rows(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def asked(where: Workspace, **options: Any) -> Table:
    return where.ask("forecast", where.window(), **options)


def daily(
    count: int, until: str = "2026-11-15", feature: str | None = "rag-search", usd: str = "10", **more: str
) -> list[Call]:
    """A call each noon up to a day: $10, and a tenth at weekends."""
    last = at(f"{until} 12:00")
    calls = []
    for back in range(count - 1, -1, -1):
        when = last - timedelta(days=back)
        amount = Decimal(usd) / 10 if when.weekday() > 4 else Decimal(usd)
        calls.append(spend(when.isoformat(), str(amount), feature, **more))
    return calls


@pytest.mark.parametrize("count", [60, 130])
def test_a_month_ends_at_what_is_spent_and_the_usual_weekdays(
    tmp_path: Path, engine: DuckDB, count: int
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [*daily(count), *daily(count, feature="chat", usd="1.234567")])
    answer = asked(where)
    rag, chat = rows(answer)
    assert rag["spent_usd"] == 105  # 10 workdays and 5 days of weekend
    assert (rag["rest_usd"], rag["forecast_usd"]) == (114, 219)
    assert chat["spent_usd"] == Decimal("12.96295") and chat["forecast_usd"] == Decimal("27.04")
    assert answer.total["spent_usd"] == Decimal("117.96295")
    assert answer.total["forecast_usd"] == Decimal("246.04")
    low, high = rag["low_80_usd"], rag["high_80_usd"]
    assert rag["low_95_usd"] <= low < 219 < high <= rag["high_95_usd"]
    assert answer.headline.startswith("2026-11 will probably end at $246.04, in 8 of 10 cases between $")
    assert (answer.window.since, answer.window.until) == (date(2026, 11, 1), date(2026, 11, 30))


def test_five_days_are_too_early_and_no_number_pretends(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, daily(5), since="2026-11-11")
    answer = asked(where)
    (row,) = rows(answer)
    told = ("rest_usd", "forecast_usd", "low_80_usd", "high_80_usd", "low_95_usd", "high_95_usd")
    assert [row[name] for name in told] == [None] * 6
    assert [answer.total[name] for name in told] == [None] * 6
    assert row["basis"] == "too early: 5 of 14 days"
    assert row["spent_usd"] == Decimal(32)
    assert "too early to say" in answer.headline
    assert "So far it was $6.40 a day, over 5 whole days; that is no forecast." in answer.headline


def test_two_weeks_have_a_forecast_and_no_interval_yet(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, daily(14), since="2026-11-02")
    answer = asked(where)
    (row,) = rows(answer)
    assert row["forecast_usd"] == row["spent_usd"] + 114
    assert (row["low_80_usd"], row["high_95_usd"]) == (None, None)
    assert any(note.startswith("No interval: 14 days of history are too few") for note in answer.notes)


def test_of_today_only_what_is_left_is_expected(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", "2026-11-16 18:00")
    publish(where, [*daily(60), spend("2026-11-16 09:00", "7")])
    (row,) = rows(asked(where, period="day"))
    assert (row["spent_usd"], row["rest_usd"], row["forecast_usd"]) == (7, Decimal("2.50"), Decimal("9.50"))


def test_days_after_the_last_pull_are_estimated_and_not_nothing(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", "2026-11-18 12:00")
    publish(where, daily(60), upto=MIDNIGHT)
    answer = asked(where)
    assert rows(answer)[0]["forecast_usd"] == 219
    assert answer.notes[0] == "Nothing is known after 2026-11-16 00:00 UTC: what came later is estimated."
    publish(where, [spend("2026-11-16 09:00", "7")])  # of another source, that was pulled since
    (row,) = rows(asked(where))
    assert (row["spent_usd"], row["forecast_usd"]) == (112, 219)


def test_what_nobody_pulled_for_weeks_is_estimated_too_also_in_its_picture(
    tmp_path: Path, engine: DuckDB
) -> None:
    """Of no source is anything known after the 16th, so the days up to the 28th are no fall."""
    where = place(tmp_path, engine, "", "2026-11-28 12:00")
    publish(where, daily(60), upto=MIDNIGHT)
    answer = where.ask("forecast", where.window(), pictures=True)
    assert rows(answer)[0]["forecast_usd"] == 219
    assert answer.notes[0] == "Nothing is known after 2026-11-16 00:00 UTC: what came later is estimated."
    chart = answer.charts[0]
    assert [row[0].day for row in chart.rows if row[1] is not None] == list(range(1, 16))  # type: ignore[union-attr]
    assert chart.rows[-1][2] == 219


def test_a_past_day_is_seen_as_it_was_known_then(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", "2026-12-20 12:00")
    publish(where, [*daily(60), *daily(30, "2026-12-15", usd="700")])
    answer = where.ask("forecast", where.window("2026-11-10", "2026-11-15"))
    assert rows(answer)[0]["forecast_usd"] == 219


@pytest.mark.parametrize(
    ("zone", "now"),
    [("Asia/Kolkata", "2026-11-15 18:30"), ("America/New_York", "2026-11-16 05:00")],
)
def test_days_are_those_of_the_time_zone(tmp_path: Path, engine: DuckDB, zone: str, now: str) -> None:
    where = place(tmp_path, engine, f'timezone = "{zone}"\n', now)
    publish(where, daily(60))  # noon UTC is the same day in both
    (row,) = rows(asked(where))
    assert (row["spent_usd"], row["forecast_usd"]) == (105, 219)
    assert where.window().timezone == zone


@pytest.mark.parametrize(
    ("period", "ends", "rest"), [("week", "2026-11-22", 52), ("quarter", "2026-12-31", 352)]
)
def test_weeks_and_quarters_have_an_end_too(
    tmp_path: Path, engine: DuckDB, period: str, ends: str, rest: int
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, daily(60))
    answer = asked(where, period=period)
    assert (str(answer.window.until), rows(answer)[0]["rest_usd"]) == (ends, rest)


def test_spent_is_what_the_report_says_to_the_last_digit(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", "2026-11-16 10:00")
    publish(where, [*daily(60, usd="0.123457"), spend("2026-11-16 09:00", "0.000001", None)])
    report = where.ask("report", where.window("2026-11-01", "2026-11-16"))
    answer = asked(where)
    assert answer.total["spent_usd"] == report.total["cost_usd"]
    assert {row["feature"]: row["spent_usd"] for row in rows(answer)} == {
        row["feature"]: row["cost_usd"] for row in rows(report)
    }


def test_a_feature_that_began_is_too_early_and_one_that_ended_brings_nothing(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [*daily(60), *daily(6, feature="new"), *daily(60, "2026-11-04", feature="gone")])
    answer = asked(where)
    found = {row["feature"]: row for row in rows(answer)}
    assert (found["new"]["basis"], found["new"]["forecast_usd"]) == ("too early: 6 of 14 days", None)
    assert found["gone"]["basis"] == "nothing since 2026-11-05"
    assert found["gone"]["forecast_usd"] == found["gone"]["spent_usd"] == 31
    assert answer.total["forecast_usd"] is not None
    assert any(note.startswith("Too early for 1 of 3 rows") for note in answer.notes)


def test_unpriced_calls_are_said_and_never_expected_to_be_free(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [*daily(60), *daily(30, feature="dark", model="unheard of")])
    answer = asked(where)
    found = {row["feature"]: row for row in rows(answer)}
    assert [found["dark"][name] for name in ("spent_usd", "rest_usd", "forecast_usd")] == [None] * 3
    assert found["dark"]["unpriced_calls"] == 15
    assert any(note.startswith("Of known cost only: 30 calls") for note in answer.notes)
    assert answer.total["forecast_usd"] == 219


def test_nothing_held_is_an_answer_too(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    for options in ({}, {"backtest": True}, {"budgets": True}, {"period": "day"}):
        assert rows(asked(where, **options)) == []
    assert "too early" in asked(where).headline


def test_the_dearest_are_shown_and_the_others_added_up(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [call for n in range(1, 6) for call in daily(40, feature=f"f{n}", usd=str(n))])
    answer = asked(where, top=2)
    assert [row["feature"] for row in rows(answer)] == ["f5", "f4", "(others)"]
    assert sum(row["spent_usd"] for row in rows(answer)) == answer.total["spent_usd"]
    assert rows(answer)[2]["rest_usd"] == Decimal("68.40")  # of $6 a workday
    assert len(rows(asked(where, top=0))) == 5
    by_two = asked(where, by=("feature", "env"), top=1)
    assert [(row["feature"], row["env"]) for row in rows(by_two)] == [("f5", "production"), ("(others)", "")]


def test_hostile_names_are_values_like_any_other(tmp_path: Path, engine: DuckDB) -> None:
    names = {"=HYPERLINK(1)", "'; DROP TABLE x; --", "\x1b[31m", "(others)", "t" * 5_000}
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [call for name in names for call in daily(20, feature=name)])
    assert {row["feature"] for row in rows(asked(where))} == names


# Budgets


def test_a_budget_says_where_it_ends_and_on_which_day_it_runs_out(tmp_path: Path, engine: DuckDB) -> None:
    config = (
        '\n[[budgets]]\nname = "tight"\nlimit_usd = 150\n[[budgets]]\nname = "wide"\nlimit_usd = 1000\n'
        '[[budgets]]\nname = "over"\nlimit_usd = 50\n[[budgets]]\nname = "calls"\nlimit_calls = 20\n'
        '[[budgets]]\nname = "hourly"\nlimit_usd = 1\nperiod = "hour"\n'
    )
    where = place(tmp_path, engine, config, MIDNIGHT)
    publish(where, daily(60))
    answer = asked(where, budgets=True)
    found = {row["budget"]: row for row in rows(answer)}
    assert found["tight"]["forecast_usd"] == 219
    assert found["tight"]["runs_out"] == date(2026, 11, 20)  # $45 left, $10 a workday: Friday
    assert found["wide"]["runs_out"] is None
    assert found["over"]["runs_out"] == date(2026, 11, 6)  # $51 after a Sunday and five workdays
    assert (found["calls"]["share"], found["calls"]["share_forecast"]) == (Decimal("0.75"), Decimal("1.5"))
    assert found["calls"]["runs_out"] == date(2026, 11, 21)
    assert found["hourly"]["forecast_usd"] is None
    assert "tight will probably run out on 2026-11-20." in answer.notes


def test_budgets_project_what_the_forecast_says(tmp_path: Path, engine: DuckDB) -> None:
    config = '\n[[budgets]]\nname = "b"\nlimit_usd = 500\n[[budgets]]\nname = "e"\neach = "feature"\nlimit_usd = 300\n'
    where = place(tmp_path, engine, config, "2026-11-16 17:00")
    publish(where, [*daily(90), *daily(90, feature="chat", usd="3.21")])
    told = rows(asked(where, budgets=True))
    projected = rows(where.ask("budgets", where.window()))
    assert [row["forecast_usd"] for row in told] == [round(row["projected_usd"], 2) for row in projected]
    assert asked(where).total["forecast_usd"] == told[0]["forecast_usd"]


# How good it was


def test_a_backtest_shows_past_months_as_they_looked_then(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, daily(120))  # since July 19
    answer = asked(where, backtest=True)
    found = rows(answer)
    assert [row["month"] for row in found] == ["2026-10"] * 3 + ["2026-09"] * 3 + ["2026-08"] * 3
    october = found[1]
    assert (october["seen"], october["actual_usd"]) == (date(2026, 10, 15), 229)
    assert (october["forecast_usd"], october["error"], october["inside"]) == (229, 0, "80 %")
    assert "0.0 % off on day 15" in answer.headline
    assert any("The 80 % interval held 7 of 7 times" in note for note in answer.notes)


def test_a_backtest_knows_nothing_of_the_days_after(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [*daily(60, "2026-10-15"), *daily(31, usd="1000")])
    found = {row["seen"]: row for row in rows(asked(where, backtest=True))}
    assert found[date(2026, 10, 15)]["forecast_usd"] == 229
    assert found[date(2026, 10, 15)]["inside"] == "no"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": "year"}, "--period cannot be 'year'"),
        ({"by": ("day",)}, "cannot group by day"),
        ({"top": -1}, "less than 0"),
        ({"budgets": True, "backtest": True}, "two questions"),
        ({"budgets": True, "by": ("env",)}, "do not go with --budgets"),
        ({"backtest": True, "period": "week"}, "do not go with --backtest"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    tmp_path: Path, engine: DuckDB, options: dict[str, Any], message: str
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    with pytest.raises(UsageError, match=message) as error:
        asked(where, **options)
    assert "\n" not in str(error.value)


def test_where_narrows_the_forecast_but_a_budget_says_itself_of_which_calls(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    publish(where, [*daily(60), *daily(60, feature="chat")])
    answer = where.ask("forecast", where.window(), where=("feature=chat",))
    assert answer.total["forecast_usd"] == 219
    with pytest.raises(UsageError, match="does not go with --budgets"):
        where.ask("forecast", where.window(), where=("feature=chat",), budgets=True)
