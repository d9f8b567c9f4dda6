"""The pictures of what a report is asked beside its question: they say the numbers of its table."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.reports.spending import place, publish, spend
from tests.reports.test_forecast import MIDNIGHT, daily, rows

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Chart, Table
from whyspend.reports._pictures import BARS
from whyspend.spelling import OTHERS
from whyspend.workspace import Workspace

BUDGETS = """
[[budgets]]
name = "all"
limit_usd = 200
[[budgets]]
name = "chat"
where = { feature = "chat" }
limit_usd = 2
period = "day"
[[budgets]]
name = "counted"
limit_calls = 40
"""


def asked(where: Workspace, name: str, **options: Any) -> Table:
    return where.ask(name, where.window("2026-11-01", "2026-11-15"), pictures=True, **options)


def of(answer: Table, picture: str) -> list[Chart]:
    return [chart for chart in answer.charts if chart.picture == picture]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: DuckDB) -> Workspace:
    where = place(tmp_path_factory.mktemp("shop"), engine, BUDGETS, MIDNIGHT)
    varied = [spend(f"2026-10-{day:02} 15:00", f"{day % 7 + 1}", "chat") for day in range(1, 32)]
    publish(where, [*daily(80), *daily(20, feature="chat", usd="3.5"), *varied, *daily(9, feature=None)])
    return where


def test_a_look_back_shows_what_was_expected_and_what_came_to_the_ends_of_the_table(shop: Workspace) -> None:
    answer = asked(shop, "forecast", backtest=True)
    newest = [row for row in rows(answer) if row["month"] == "2026-10"]
    charts = of(answer, "burn_down")
    assert len(charts) == len(newest) == 3
    for row, chart in zip(newest, charts, strict=True):
        *_, (day, used, expected, low, high) = chart.rows
        assert (day, used, expected) == (date(2026, 10, 31), row["actual_usd"], row["forecast_usd"])
        assert (low, high) == (row["low_80_usd"], row["high_80_usd"])
        assert next(each for each in chart.rows if each[2] is not None)[:3] == (
            row["seen"],
            row["spent_usd"],
            row["spent_usd"],
        )
    (ranks,) = of(answer, "ranked_change")
    told = [(row["forecast_usd"], row["actual_usd"]) for row in rows(answer) if row["forecast_usd"]]
    assert [bar[1:] for bar in ranks.rows] == told[:BARS]


def test_a_look_back_that_was_too_early_each_time_has_no_picture(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", "2026-11-16 00:00")
    publish(where, daily(10))
    assert asked(where, "forecast", backtest=True).charts == ()


def test_forecasts_of_budgets_are_drawn_beside_their_limits_and_day_by_day(shop: Workspace) -> None:
    answer = asked(shop, "forecast", budgets=True)
    told = {row["budget"]: row for row in rows(answer)}
    (ranks,) = of(answer, "ranked_change")
    assert {bar[0]: bar[1:] for bar in ranks.rows} == {
        name: (told[name]["forecast_usd"], told[name]["limit_usd"]) for name in ("all", "chat")
    }
    every, counted = of(answer, "burn_down")
    ends = {chart.marks[0][1]: chart.rows[-1] for chart in (every, counted)}
    assert ends[Decimal(200)][2:] == tuple(
        told["all"][name] for name in ("forecast_usd", "low_80_usd", "high_80_usd")
    )
    assert round(Decimal(str(ends[Decimal(40)][2])) / 40, 12) == round(told["counted"]["share_forecast"], 12)


def test_a_backtest_of_budgets_shows_each_period_that_reached_a_threshold_once(shop: Workspace) -> None:
    answer = asked(shop, "budgets", backtest="60d")
    told = {(row["spent_usd"], row["share"]): row for row in rows(answer) if row["spent_usd"] is not None}
    (ranks,) = answer.charts
    shares = [Decimal(str(bar[1])) / Decimal(str(bar[2])) for bar in ranks.rows]
    assert shares == sorted(shares, reverse=True)
    assert len({bar[0] for bar in ranks.rows}) == len(ranks.rows) == BARS
    assert {bar[1] for bar in ranks.rows} <= {spent for spent, _ in told}


def test_a_rule_on_trial_is_drawn_as_it_is_and_as_it_would_be(shop: Workspace) -> None:
    answer = asked(shop, "coverage", try_="when project=p set feature=ops")
    (chart,) = answer.charts
    names = [column.name for column in chart.columns]
    now, then = (dict(zip(names, row, strict=True)) for row in chart.rows)
    assert (now["dimension"], then["dimension"]) == ("feature now", "feature with the rule")
    (moved,) = [row["cost_usd"] for row in rows(answer) if row["owner"] == "untagged"]
    assert (now["untagged"], now["by rule"]) == (moved, None)
    assert (then["untagged"], then["by rule"]) == (0, moved)
    assert now["tagged"] == then["tagged"]


def test_a_rule_that_moves_nothing_has_no_picture(shop: Workspace) -> None:
    assert asked(shop, "coverage", try_="when project=other set feature=ops").charts == ()


def test_rules_and_spellings_are_drawn_with_the_dollars_of_their_rows(tmp_path: Path, engine: DuckDB) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    calls = [
        spend("2026-11-10 10:00", f"{n}", None, project=f"nightly-{n}", name=f"job-{n}") for n in range(1, 16)
    ]
    spelled = [spend("2026-11-10 11:00", usd, name) for name, usd in (("a-b", "4"), ("a_b", "1"))]
    publish(where, [*calls, *spelled])
    answer = asked(where, "coverage", suggest=True, top=0)
    (chart,) = answer.charts
    found = [(f"{row['number']}. {row['value']}", row["cost_usd"]) for row in rows(answer)]
    assert len(found) > BARS
    assert list(chart.rows) == [(*each,) for each in found[:BARS]]
    assert OTHERS not in [row[0] for row in chart.rows]
    (chart,) = asked(where, "coverage", variants=True).charts
    assert chart.rows == (("feature: a-b", Decimal(4)), ("feature: a_b -> a-b", Decimal(1)))


def test_what_a_forecast_has_no_bar_for_is_rounded_once_it_is_added_up(
    tmp_path: Path, engine: DuckDB
) -> None:
    where = place(tmp_path, engine, "", MIDNIGHT)
    odd = [daily(60, feature=f"f-{n:02}", usd="1.23456") for n in range(20)]
    publish(where, [call for calls in odd for call in calls])
    answer = asked(where, "forecast", top=0)
    *_, (name, forecast, spent, rest) = of(answer, "ranked_change")[0].rows
    (row, *_) = rows(answer)
    whole = Decimal("1.23456") * Decimal("21.9")  # 21 workdays and 9 days of weekend of a tenth
    assert row["forecast_usd"] == round(whole, 2)
    assert (name, spent) == (OTHERS, row["spent_usd"] * 9)
    assert forecast == round(whole * 9, 2) != row["forecast_usd"] * 9
    assert rest == round(whole * 9 - row["spent_usd"] * 9, 2)
