"""What moved a spend, held against the weeks before: exact per day, and in words that fit an alert."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.reports.spending import place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.model import Call
from whyspend.pricing.plan import Basis
from whyspend.workspace import Workspace
from whyspend.workspace.data import Data
from whyspend.workspace.drivers import grown, moved
from whyspend.workspace.windows import of_days

DAY = timedelta(days=1)
SPIKE = date(2026, 11, 17)
"""A Tuesday."""


def calls(
    count: int, usd: str, first: date, last: date, feature: str = "rag", weekend: int = 0
) -> Iterator[Call]:
    """So many equal calls a day (at weekends `weekend` of them, where it is not 0)."""
    for number in range((last - first).days + 1):
        day = first + number * DAY
        for hour in range(weekend if weekend and day.weekday() > 4 else count):
            yield spend(f"{day} {hour + 6:02}:00", usd, feature)


def asked(folder: Path, engine: DuckDB, *many: Iterator[Call]) -> Data:
    where: Workspace = place(folder, engine, "", "2026-11-20 09:00")
    publish(where, [call for each in many for call in each], since="2026-10-01", upto="2026-11-20 09:00")
    return where.data(of_days(SPIKE, SPIKE, "UTC"))


def test_a_day_is_held_against_an_average_day_of_the_four_weeks_before(
    tmp_path: Path, engine: DuckDB
) -> None:
    data = asked(
        tmp_path, engine, calls(2, "1", date(2026, 10, 10), SPIKE - DAY), calls(6, "1", SPIKE, SPIKE)
    )
    said = moved(data, (SPIKE, SPIKE), date(2026, 10, 10), rising=True)
    assert said == ("+$4.00 everywhere: more requests, from 2 to 6 a day",)
    assert moved(data, (SPIKE, SPIKE), date(2026, 10, 10), rising=False) == ()


def test_what_is_usual_for_a_weekday_is_no_cause(tmp_path: Path, engine: DuckDB) -> None:
    """A Tuesday of 14 calls where weekdays have 7 and weekends 1: it is held against 7, not against 5.3."""
    data = asked(
        tmp_path,
        engine,
        calls(7, "1", date(2026, 10, 10), SPIKE - DAY, weekend=1),
        calls(14, "1", SPIKE, SPIKE),
    )
    (said,) = moved(data, (SPIKE, SPIKE), date(2026, 10, 10), rising=True)
    assert 5 < Decimal(said.split(" ")[0].removeprefix("+$")) < 9
    assert "weekdays" not in said


def test_where_fewer_weeks_are_known_these_are_usual(tmp_path: Path, engine: DuckDB) -> None:
    data = asked(
        tmp_path, engine, calls(3, "1", date(2026, 11, 6), SPIKE - DAY), calls(6, "1.5", SPIKE, SPIKE + DAY)
    )
    said = moved(data, (SPIKE, SPIKE + DAY), date(2026, 11, 6), of="rag", rising=True)
    amounts = [Decimal(each.split(" ")[0].removeprefix("+$")) for each in said]
    assert sum(amounts) == 2 * (9 - 3)
    assert all("rag" not in each and "everywhere" not in each for each in said)
    assert moved(data, (SPIKE, SPIKE), SPIKE - 6 * DAY, rising=True) == ()


def test_whose_calls_they_are_is_not_said_again_and_small_causes_are_left_out(
    tmp_path: Path, engine: DuckDB
) -> None:
    data = asked(
        tmp_path,
        engine,
        calls(2, "1", date(2026, 10, 10), SPIKE - DAY),
        calls(8, "1", SPIKE, SPIKE),
        calls(2, "1", date(2026, 10, 10), SPIKE - DAY, "chat"),
        calls(2, "1.1", SPIKE, SPIKE, "chat"),
    )
    (said,) = moved(data, (SPIKE, SPIKE), date(2026, 10, 10), rising=True)
    assert said.startswith("+$6.00 rag: more requests, from 2 to 8 a day")


@pytest.mark.parametrize("basis", [Basis("recorded")])
def test_recorded_costs_have_no_causes_and_no_error(tmp_path: Path, engine: DuckDB, basis: Basis) -> None:
    where = place(tmp_path, engine, "", "2026-11-20 09:00")
    publish(where, list(calls(2, "1", date(2026, 10, 10), SPIKE)), since="2026-10-01")
    data = where.data(of_days(SPIKE, SPIKE, "UTC"), basis=basis)
    assert moved(data, (SPIKE, SPIKE), date(2026, 10, 10), rising=True) == ()
    assert grown(data, data.window) == ()
