"""How budgets stand: exactly what the calls cost, in the period of the calendar."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.reports.spending import at, place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Table
from whyspend.workspace import Workspace

NOON = "2026-11-20 12:00"
DAILY = '[[budgets]]\nname = "rag"\nwhere = { feature = "rag-search" }\nperiod = "day"\nlimit_usd = 2\n'


def rows(answer: Table) -> list[dict[str, Any]]:
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


def asked(where: Workspace, **options: Any) -> Table:
    return where.ask("budgets", where.window(), **options)


def test_a_budget_holds_what_its_calls_cost_in_its_period_to_the_last_digit(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "\n" + DAILY + "warn_at = [0.5]\n", NOON)
    calls = [
        spend("2026-11-20 00:00", "0.600001"),
        spend("2026-11-20 11:59", "0.5"),
        spend("2026-11-20 01:00", "9", "chat"),
        spend("2026-11-19 23:59", "7"),
    ]
    publish(where, calls)
    (row,) = rows(asked(where))
    assert row["spent_usd"] == Decimal("1.100001")
    assert (row["status"], row["share"]) == ("warn", Decimal("0.5500005"))
    assert row["pace"] == Decimal("1.100001")  # 55 % of the limit after half of the day
    assert row["left_per_day_usd"] == Decimal("0.899999")


@pytest.mark.parametrize(
    ("usd", "status"), [("0.99", "ok"), ("1", "warn"), ("2", "warn"), ("2.000001", "over")]
)
def test_a_warning_is_at_its_share_and_over_is_above_the_limit(
    tmp_path: Path, engine: DuckDB, usd: str, status: str
) -> None:
    where = place(tmp_path, engine, "\n" + DAILY + "warn_at = [0.5]\n", NOON)
    publish(where, [spend("2026-11-20 10:00", usd)])
    (row,) = rows(asked(where))
    assert row["status"] == status


@pytest.mark.parametrize(
    ("where", "usd"),
    [
        ('{ feature = "rag-search" }', 3),
        ('{ feature = "rag*", env = "production" }', 1),
        ('{ feature = ["rag-search", "chat"] }', 7),
        ('{ "feature!" = ["rag-search", "chat"] }', 8),
        ('{ feature = "untagged" }', 8),
        ('{ model = "dollar-2" }', 2),
        ('{ provider = "self", project = "q" }', 4),
        ("{}", 15),
    ],
)
def test_a_budget_is_of_the_calls_that_where_would_find(
    tmp_path: Path, engine: DuckDB, where: str, usd: int
) -> None:
    config = f'\n[[budgets]]\nname = "b"\nlimit_usd = 100\nperiod = "month"\nwhere = {where}\n'
    opened = place(tmp_path, engine, config, NOON)
    calls = [
        spend("2026-11-01 00:00", "1"),
        spend("2026-11-02 00:00", "2", env="staging", model="dollar-2"),
        spend("2026-11-03 00:00", "4", "chat", project="q"),
        spend("2026-11-04 00:00", "8", None),
    ]
    publish(opened, calls)
    (row,) = rows(asked(opened))
    assert row["spent_usd"] == usd


def test_each_value_has_a_budget_of_its_own_and_calls_without_one_have_none(
    tmp_path: Path, engine: DuckDB
) -> None:
    config = '\n[[budgets]]\nname = "any"\neach = "customer_id"\nlimit_usd = 2\n'
    where = place(tmp_path, engine, config, NOON)
    calls = [spend("2026-11-10 10:00", str(n), customer=f"c{n}") for n in range(1, 6)]
    publish(where, [*calls, spend("2026-11-10 10:00", "50")])
    found = [(row["value"], row["status"], row["spent_usd"]) for row in rows(asked(where, top=1))]
    assert found == [("c5", "over", 5), ("c4", "over", 4), ("c3", "over", 3), ("c2", "warn", 2)]
    assert len(rows(asked(where, top=0))) == 5


@pytest.mark.parametrize("each", ["customer_id", "model", "provider", "project"])
@pytest.mark.parametrize("period", ["hour", "day", "week", "month", "quarter", "rolling 2d"])
def test_for_each_value_a_budget_holds_what_one_without_would(
    tmp_path: Path, engine: DuckDB, each: str, period: str
) -> None:
    """The two are read in different ways: by the ends of periods, and day by day."""
    value = {"model": "dollar-1", "provider": "self"}.get(each, "a1")
    limit = f'limit_usd = 9\nperiod = "{period}"\n'
    config = f'timezone = "Asia/Kolkata"\n[[budgets]]\nname = "e"\neach = "{each}"\n{limit}'
    config += f'[[budgets]]\nname = "one"\nwhere = {{ {each} = "{value}" }}\n{limit}'
    where = place(tmp_path, engine, config, NOON)
    calls = [
        spend(when, usd, customer="a1", project="a1")
        for when, usd in (
            *(("2026-11-20 11:45", "1"), ("2026-11-20 11:15", "2"), ("2026-11-20 00:10", "4")),
            *(("2026-11-19 18:00", "8"), ("2026-11-17 18:00", "16"), ("2026-11-02 00:00", "32")),
            ("2026-10-02 00:00", "64"),
        )
    ]
    publish(where, calls)
    values, one = rows(asked(where))
    # 12:00 UTC is 17:30 there, and a day ends at 18:30 UTC.
    known = {"hour": 1, "day": 7, "week": 31, "month": 63, "quarter": 127, "rolling 2d": 15}
    assert values["spent_usd"] == one["spent_usd"] == known[period]
    assert values["projected_usd"] == one["projected_usd"]


def test_tokens_and_calls_can_be_limited_too(tmp_path: Path, engine: DuckDB) -> None:
    config = (
        '\n[[budgets]]\nname = "t"\nperiod = "day"\nlimit_tokens = 1_000_000\n'
        '[[budgets]]\nname = "c"\nperiod = "week"\nlimit_calls = 2\n'
    )
    where = place(tmp_path, engine, config, NOON)
    publish(where, [spend("2026-11-20 10:00", "0.9", model="unheard of"), spend("2026-11-16 00:00", "0.2")])
    tokens, calls = rows(asked(where))
    assert (tokens["tokens"], tokens["limit_tokens"], tokens["status"]) == (900_000, 1_000_000, "warn")
    assert (calls["calls"], calls["limit_calls"], calls["status"]) == (2, 2, "warn")
    assert tokens["spent_usd"] is None  # its only call has no price


def test_calls_without_a_price_are_said_and_never_nothing(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + DAILY, NOON)
    publish(where, [spend("2026-11-20 10:00", "1", model="unheard of")])
    answer = asked(where)
    (row,) = rows(answer)
    assert (row["status"], row["spent_usd"], row["share"], row["unpriced_calls"]) == (
        "unpriced",
        None,
        None,
        1,
    )
    assert any("1 call inside without a price" in note for note in answer.notes)
    publish(where, [spend("2026-11-20 10:00", "1.5")])
    (row,) = rows(asked(where))
    assert (row["spent_usd"], row["unpriced_calls"]) == (Decimal("1.5"), 1)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_a_budget_s_period_ends_at_local_midnight(tmp_path: Path, engine: DuckDB, zone: str) -> None:
    """A call a minute before and one at the midnight that begins each period, around a change of the clock."""
    config = f'timezone = "{zone}"\n' + "".join(
        f'[[budgets]]\nname = "{period}"\nperiod = "{period}"\nlimit_usd = 1000\n'
        for period in ("day", "week", "month", "quarter", "rolling 3d")
    )
    noon = datetime(2026, 11, 1, 12, tzinfo=ZoneInfo(zone))
    where = place(tmp_path, engine, config, noon.isoformat())
    midnights = [datetime(2026, 9, 30, tzinfo=ZoneInfo(zone)) + timedelta(days=n) for n in range(33)]
    instants = [m.replace(fold=0) + timedelta(minutes=minutes) for m in midnights for minutes in (0, 1439)]
    publish(where, [spend(instant.isoformat(), "1") for instant in instants])
    found = {row["budget"]: row["spent_usd"] for row in rows(asked(where))}
    # Two calls a day; 2026-11-01 is a Sunday, the first day of its month.
    assert found == {"day": 2, "week": 14, "month": 2, "quarter": 64, "rolling 3d": 6}


def test_the_sum_of_budgets_is_that_of_the_report(tmp_path: Path, engine: DuckDB) -> None:
    draw = random.Random(7)
    config = 'timezone = "Europe/Berlin"\n' + "".join(
        f'[[budgets]]\nname = "{name}"\nwhere = {{ feature = "{name}" }}\nlimit_usd = 10\nperiod = "month"\n'
        for name in ("a", "b", "untagged")
    )
    where = place(tmp_path, engine, config, "2026-10-31 12:00")
    calls = [
        spend(
            (at("2026-09-20") + timedelta(minutes=draw.randrange(41 * 1440))).isoformat(),
            f"{draw.randrange(10**6)}e-6",
            draw.choice(("a", "b", None)),
        )
        for _ in range(300)
    ]
    publish(where, calls)
    report = where.ask("report", where.window("2026-10-01", "2026-10-31"))
    costs = {row["feature"]: row["cost_usd"] for row in rows(report)}
    assert {row["budget"]: row["spent_usd"] for row in rows(asked(where))} == costs


# Where a period will end


def test_a_short_history_goes_on_at_the_rate_so_far(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, '\n[[budgets]]\nname = "b"\nlimit_usd = 30\n', "2026-11-11 00:00")
    publish(where, [spend("2026-11-03 10:00", "6")], since="2026-11-01")
    answer = asked(where)
    (row,) = rows(answer)
    assert row["projected_usd"] == 18  # $6 in 10 of 30 days
    assert any("the rate so far" in note for note in answer.notes)


def test_with_two_weeks_of_history_weekdays_count(tmp_path: Path, engine: DuckDB) -> None:
    """$10 on workdays, $1 on Saturdays and Sundays; a day of $500 is no reason to expect another."""
    where = place(tmp_path, engine, '\n[[budgets]]\nname = "b"\nlimit_usd = 300\n', "2026-11-16 00:00")
    calls = []
    for number in range(46):
        day = at("2026-10-01 12:00") + timedelta(days=number)
        calls.append(spend(day.isoformat(), "500" if number == 35 else "1" if day.weekday() > 4 else "10"))
    publish(where, calls, since="2026-10-01")
    answer = asked(where)
    (row,) = rows(answer)
    used = row["spent_usd"]
    assert row["projected_usd"] == used + 11 * 10 + 4 * 1  # 2026-11-16 to 30: 11 workdays, 4 days of weekend
    assert any("weekdays, from 28 days of history" in note for note in answer.notes)


def test_a_period_that_has_only_just_begun_has_no_projection(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + DAILY, "2026-11-20 02:00")
    publish(where, [spend("2026-11-20 01:00", "1")], since="2026-11-20")
    (row,) = rows(asked(where))
    assert row["projected_usd"] is None


def test_a_past_day_is_seen_as_it_stood_at_its_end(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + DAILY, NOON)
    publish(where, [spend("2026-11-18 23:00", "3"), spend("2026-11-20 01:00", "1")])
    (row,) = rows(where.ask("budgets", where.window("2026-11-12", "2026-11-18")))
    assert (str(row["from"]), row["spent_usd"], row["status"]) == ("2026-11-18", 3, "over")


# Backtest, trying, and who has none


def test_the_hour_that_comes_twice_has_two_labels_now_and_in_a_backtest(
    tmp_path: Path, engine: DuckDB
) -> None:
    hourly = 'name = "h"\nperiod = "hour"\nlimit_usd = 1\nwarn_at = []\n'
    where = place(
        tmp_path, engine, f'timezone = "America/New_York"\n[[budgets]]\n{hourly}', "2026-11-01 06:30"
    )
    publish(where, [spend(f"2026-11-01 0{hour}:10", "2") for hour in (4, 5, 6)])
    (row,) = rows(asked(where))
    assert (row["from"], row["to"]) == ("2026-11-01 01:00-05:00", "2026-11-01 01:59-05:00")
    told = rows(asked(where, backtest="2d"))
    assert [(each["fired"], each["from"], each["to"]) for each in told] == [
        ("2026-11-01 00:00", "2026-11-01 00:00", "2026-11-01 00:59"),
        ("2026-11-01 01:00-04:00", "2026-11-01 01:00-04:00", "2026-11-01 01:59-04:00"),
        ("2026-11-01 01:00-05:00", "2026-11-01 01:00-05:00", "2026-11-01 01:59-05:00"),
    ]


def test_a_backtest_says_when_each_threshold_was_reached(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "\n" + DAILY + "warn_at = [0.5]\n", NOON)
    calls = [
        *(spend("2026-11-10 08:10", "1.5"), spend("2026-11-10 17:59", "1"), spend("2026-11-12 03:00", "1")),
        *(spend("2026-11-13 03:00", "0.9"), spend("2026-10-01 03:00", "9")),
    ]
    publish(where, calls)
    answer = asked(where, backtest="30d")
    assert [(row["fired"], row["threshold"], row["spent_usd"]) for row in rows(answer)] == [
        ("2026-11-10 08:00", Decimal("0.5"), Decimal("2.5")),
        ("2026-11-10 17:00", 1, Decimal("2.5")),
        ("2026-11-12 03:00", Decimal("0.5"), 1),
    ]
    assert "rag: in 30 days it would have reached 50 % 2 times, 100 % 1 times of its limit." in answer.notes


def test_a_candidate_is_tried_with_where_and_each(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", NOON)
    calls = [
        spend("2026-11-20 10:00", "3", customer="c1"),
        spend("2026-11-20 10:00", "1", "chat", customer="c2"),
    ]
    publish(where, calls)
    (row,) = rows(where.ask("budgets", where.window(), where=("feature=rag*",), limit="2", period="day"))
    assert (row["spent_usd"], row["status"]) == (3, "over")
    tried = asked(where, limit="2 calls", each="customer_id")
    assert [(row["value"], row["calls"]) for row in rows(tried)] == [("c1", 1), ("c2", 1)]
    tried = asked(where, limit="2", period="rolling 7d", each="customer_id", backtest="9d")
    assert [(row["value"], row["threshold"]) for row in rows(tried)] == [
        *(("c1", Decimal("0.5")), ("c1", Decimal("0.8")), ("c1", 1), ("c2", Decimal("0.5")))
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": "a lot"}, "--limit 'a lot' is no amount"),
        ({"limit": "0"}, "must be a number above 0"),
        ({"limit": "1.5 calls"}, "is no amount"),
        ({"limit": "1", "period": "year"}, "'year' is not a period"),
        ({"limit": "1", "each": "day"}, "cannot look at day"),
        ({"each": "env"}, "belong to a budget that is tried"),
        ({"backtest": "3 months"}, "is no number of days"),
        ({"top": -1}, "less than 0"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    tmp_path: Path, engine: DuckDB, options: dict[str, Any], message: str
) -> None:
    where = place(tmp_path, engine, "", NOON)
    with pytest.raises(UsageError, match=message) as error:
        asked(where, **options)
    assert "\n" not in str(error.value)


def test_features_without_a_budget_are_named_and_new_ones_by_themselves(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "\n" + DAILY, NOON)
    calls = [spend("2026-11-18 10:00", "6", name) for name in ("rag-search", "chat", "brand-new")]
    publish(where, [*calls, spend("2026-11-10 10:00", "4", "chat")], since="2026-10-01")
    notes = asked(where).notes
    assert "No budget names feature brand-new ($6.00), chat ($6.00) (2026-11-13 to 2026-11-20)." in notes
    assert "New since 2026-11-13, without a budget: brand-new ($6.00)." in notes


def test_a_budget_that_is_over_says_what_grew_and_one_that_is_not_says_nothing(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(
        tmp_path, engine, "\n" + DAILY + DAILY.replace('"rag"', '"all"').replace("= 2", "= 99"), NOON
    )
    calls = [spend("2026-11-19 10:00", "0.5") for _ in range(2)]
    publish(where, [*calls, *(spend("2026-11-20 10:00", "0.5") for _ in range(6))], since="2026-11-01")
    answer = asked(where)
    assert list(answer.details["drivers"]) == [
        {
            "budget": "rag",
            "value": "",
            "kind": "cause",
            "driver": "+$2.00 everywhere: more requests, from 2 to 6 a day",
        }
    ]
    assert answer.headline == "1 budget is over: rag, $3.00 of $2.00."
    assert answer.notes[0] == (
        "rag is over, 150 % of its limit: +$2.00 everywhere: more requests, from 2 to 6 a day."
    )


def test_a_budget_that_will_be_over_by_its_end_is_said_so_before_it_is(
    tmp_path: Path, engine: DuckDB
) -> None:
    """$6 after 12 of 24 hours is $12 at the same rate."""
    daily = '[[budgets]]\nname = "rag"\nlimit_usd = {limit}\nperiod = "day"\nwarn_at = [0.9]\n'
    calls = [spend("2026-11-20 10:00", "6")]

    def said(limit: int) -> str:
        folder = tmp_path / str(limit)
        folder.mkdir()
        where = place(folder, engine, "\n" + daily.format(limit=limit), NOON)
        publish(where, calls, since="2026-11-20")
        return asked(where).headline

    assert said(10) == "1 budget will probably be over: rag, $12.00 of $10.00 by 2026-11-20."
    assert said(20) == "No budget is over, and none is expected to be."


def test_of_days_that_nobody_pulled_a_budget_expects_what_is_usual(tmp_path: Path, engine: DuckDB) -> None:
    """$1 a day up to the 20th, of which nothing later is known on the 28th: $30 by the end, not $20."""
    monthly = '\n[[budgets]]\nname = "rag"\nlimit_usd = 25\n'
    where = place(tmp_path, engine, monthly, "2026-11-28 12:00")
    first = datetime(2026, 10, 1, 10, tzinfo=UTC)
    calls = [spend(f"{first + timedelta(n):%Y-%m-%d} 10:00", "1") for n in range(51)]
    publish(where, calls, since="2026-10-01", upto="2026-11-21")
    answer = where.ask("budgets", where.window(), pictures=True)
    assert answer.headline == "1 budget will probably be over: rag, $30.00 of $25.00 by 2026-11-30."
    assert answer.notes[0] == "Nothing is known after 2026-11-21 00:00 UTC: calls may be missing."
    known = [row for row in answer.charts[0].rows if row[1] is not None]
    assert known[-1][0] == date(2026, 11, 20)
    assert answer.charts[0].rows[-1][2] == 30


def test_of_many_budgets_that_are_over_three_are_explained_and_the_others_counted(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(
        tmp_path, engine, '\n[[budgets]]\nname = "any"\neach = "customer_id"\nlimit_usd = 1\n', NOON
    )
    publish(where, [spend("2026-11-20 10:00", f"{n}", customer=f"c{n}") for n in range(2, 8)])
    answer = asked(where)
    told = {row["value"] for row in answer.details["drivers"]}
    assert told == {"c7", "c6", "c5"}
    assert "3 more are over or near and not explained here; their rows say which." in answer.notes


def test_hostile_names_are_values_like_any_other(tmp_path: Path, engine: DuckDB) -> None:
    names = (
        "=HYPERLINK(1)",
        "<script>",
        "*b*<!channel>",
        "\x1b[31m",
        "t" * 10_000,
        "\u202e",
        "'; DROP TABLE x; --",
        "%",
    )
    config = '\n[[budgets]]\nname = "<!here> \\u001b[31m"\neach = "feature"\nlimit_usd = 1\n'
    where = place(tmp_path, engine, config, NOON)
    calls: list[Call] = [spend("2026-11-20 10:00", "2", name) for name in names]
    publish(where, calls)
    assert {row["value"] for row in rows(asked(where))} == set(names)
