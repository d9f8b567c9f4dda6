"""`whyspend anomalies` over ledgers in which every day costs what a test says."""

import io
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.reports.spending import at, place, publish, spend

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.formats import text
from whyspend.model import Call, Table
from whyspend.workspace import Workspace

HOSTILE = ("a'; DROP TABLE answer; --", '=cmd|"x"', "\x1b[31mred", "NULL", "{owner}", "%s", "(all)")
TODAY = datetime.fromisoformat("2026-11-20")
WEEK = (20, 22, 24, 22, 20, 8, 6)
"""Dollars from Monday on."""

Amount = Callable[[date], float]


def usual(day: date) -> float:
    """What a feature costs that nobody changed."""
    return WEEK[day.weekday()] * (1 + (day.toordinal() * 7 % 11 - 5) / 100)


def times(factor: float, since: str, until: str = "2027-01-01") -> Amount:
    """The same, but for some days."""
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    return lambda day: usual(day) * (factor if first <= day <= last else 1)


def calls(amount: Amount, feature: str | None = "rag-search", days: int = 30, **more: Any) -> Iterator[Call]:
    """A call at 10:00 of each day up to yesterday, 2026-11-19."""
    for number in range(days, 0, -1):
        day = (TODAY - timedelta(days=number)).date()
        yield spend(f"{day} 10:00", f"{amount(day):.4f}", feature, **more)


class Shop:
    """A ledger and what is asked of it."""

    def __init__(self, folder: Path, engine: DuckDB) -> None:
        self.folder, self.engine = folder, engine
        self.config = ""
        self.now = "2026-11-20 09:00"

    @property
    def here(self) -> Workspace:
        return place(self.folder, self.engine, "\n" + self.config, self.now)

    def hold(self, *many: Iterator[Call]) -> None:
        publish(
            self.here,
            [call for each in many for call in each],
            since="2026-09-01",
            upto=self.now,
        )

    def ask(self, since: str = "8d", until: str = "", where: tuple[str, ...] = (), **options: Any) -> Table:
        here = self.here
        return here.ask("anomalies", here.window(since, until), where=where, **options)


@pytest.fixture
def shop(tmp_path: Path, engine: DuckDB) -> Shop:
    return Shop(tmp_path, engine)


def rows(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_a_quiet_week_says_so(shop: Shop) -> None:
    shop.hold(calls(usual), calls(usual, "chat"))
    table = shop.ask()
    assert table.rows == ()
    assert table.headline == "Nothing was out of the ordinary, 2026-11-12 to 2026-11-20."


def test_a_spike_says_whose_when_how_much_and_why(shop: Shop) -> None:
    shop.hold(calls(times(3, "2026-11-17", "2026-11-17")), calls(usual, "chat"))
    (row,) = rows(shop.ask())
    assert (row["value"], row["kind"], row["since"], row["lasted"]) == (
        "rag-search",
        "spike",
        date(2026, 11, 17),
        "1 day",
    )
    assert row["actual_usd"] == Decimal(f"{times(3, '2026-11-17')(date(2026, 11, 17)):.4f}")
    assert row["impact_usd"] == row["actual_usd"] - row["expected_usd"]
    assert row["expected_usd"] == pytest.approx(Decimal(22), rel=Decimal("0.1"))
    assert row["why"] == "+$45.23 prompts grew from 17.5M to 62.7M input tokens per call"
    assert row["sentence"] == (
        "rag-search: spike since 2026-11-17 10:00 (1 day), $62.70 instead of about $22.06: "
        "+$45.23 prompts grew from 17.5M to 62.7M input tokens per call"
    )


def test_a_line_reads_in_eighty_columns_with_its_sign_and_what_was_expected(shop: Shop) -> None:
    shop.hold(calls(times(3, "2026-11-17", "2026-11-17")), calls(times(0, "2026-11-18"), "chat"))
    out = io.BytesIO()
    text.write(shop.ask(top=0), out, width=80)
    shown = out.getvalue().decode()
    assert max(map(len, shown.splitlines())) <= 80
    assert "1  -$45.81 ▐████│      chat: drop since 2026-11-18 (2 days), $0.00 instead of\n" in shown
    assert "2  +$40.64      │████  rag-search: spike since 2026-11-17 10:00 (1 day), $62.70\n" in shown


def test_a_shift_is_one_line_with_all_its_days_and_old_news_after_a_week(shop: Shop) -> None:
    shop.hold(calls(times(2, "2026-11-02"), days=40))
    (row,) = rows(shop.ask("2026-11-01", "2026-11-19"))
    assert (row["kind"], row["since"], row["lasted"]) == ("shift", date(2026, 11, 2), "7 days")
    assert rows(shop.ask("2026-11-10", "2026-11-19")) == []


def test_what_began_before_the_window_and_goes_on_is_told_with_its_first_day(shop: Shop) -> None:
    shop.hold(calls(times(2, "2026-11-16")))
    (row,) = rows(shop.ask("2026-11-18", "2026-11-19"))
    assert (row["since"], row["lasted"]) == (date(2026, 11, 16), "4 days so far")


def test_two_whole_days_of_nothing_are_a_drop_and_today_is_none(shop: Shop) -> None:
    shop.hold(calls(times(0, "2026-11-18")), calls(usual, "chat"))
    (row,) = rows(shop.ask())
    assert (row["value"], row["kind"], row["since"], row["lasted"]) == (
        "rag-search",
        "drop",
        date(2026, 11, 18),
        "2 days",
    )
    assert row["impact_usd"] < 0
    assert rows(shop.ask("8d", "2026-11-18")) == []


def test_a_ledger_that_was_not_pulled_shows_no_fall(shop: Shop) -> None:
    shop.hold(calls(usual))
    shop.now = "2026-11-28 09:00"
    table = shop.ask("14d")
    assert table.rows == ()
    assert "Nothing is known yet of the days after 2026-11-20." in table.notes


def test_what_all_values_do_together_is_told_once_of_the_whole(shop: Shop) -> None:
    # Each is too small for the gate; together they are not.
    def small(day: date) -> float:
        return times(2, "2026-11-18", "2026-11-18")(day) / 6

    shop.hold(*(calls(small, f"feature-{number}") for number in range(12)))
    (row,) = rows(shop.ask())
    assert row["value"] == "(all)"


def test_hundreds_of_customers_do_not_make_hundreds_of_lines(shop: Shop) -> None:
    days = [(TODAY - timedelta(days=number)).date() for number in range(30, 0, -1)]
    shop.hold(
        iter(
            spend(
                f"{day} 10:00",
                f"{0.5 + (day.toordinal() * customer * 7919 % 100) / 20:.2f}",
                customer=f"c{customer}",
            )
            for customer in range(1, 301)
            for day in days
        )
    )
    assert len(shop.ask(by="customer_id").rows) <= 3


def test_top_shows_the_largest_and_says_how_many_there_are(shop: Shop) -> None:
    shop.hold(*(calls(times(2 + number, "2026-11-18"), f"f{number}") for number in range(4)))
    table = shop.ask(top=2)
    assert [row["value"] for row in rows(table)] == ["f3", "f2"]
    assert "The 2 with the largest impact of 4 are shown; --top 0 shows all." in table.notes
    with pytest.raises(UsageError, match="less than 0"):
        shop.ask(top=-1)


def test_by_a_time_is_refused(shop: Shop) -> None:
    shop.hold(calls(usual, days=2))
    with pytest.raises(UsageError, match="is a time"):
        shop.ask(by="day")


PLANNED = """
[[planned]]
name = "launch"
from = 2026-11-18
to = 2026-11-25
where = { feature = "rag-*" }
note = "as decided"
"""


def test_a_planned_change_is_muted_and_shown_when_asked(shop: Shop) -> None:
    shop.config = PLANNED
    shop.hold(calls(times(3, "2026-11-18")), calls(times(3, "2026-11-18"), "chat"))
    table = shop.ask()
    assert [row["value"] for row in rows(table)] == ["chat"]
    assert any(note.startswith("Muted, for it is planned (launch): 1 line, +$") for note in table.notes)
    shown = {row["value"]: row["sentence"] for row in rows(shop.ask(include_muted=True))}
    assert shown["rag-search"].startswith("rag-search: planned (launch), spike since 2026-11-18")
    assert "planned" not in shown["chat"]


def test_a_plan_for_other_days_or_too_little_of_the_difference_mutes_nothing(shop: Shop) -> None:
    shop.config = PLANNED.replace("2026-11-18", "2026-11-20")
    shop.hold(calls(times(3, "2026-11-18")))
    assert len(shop.ask().rows) == 1
    shop.config = PLANNED.replace('feature = "rag-*"', 'env = "staging"')
    assert len(shop.ask().rows) == 1
    shop.config = PLANNED.replace('where = { feature = "rag-*" }\n', "")
    assert shop.ask().rows == ()


def test_with_little_history_nothing_is_said_and_the_answer_says_why(shop: Shop) -> None:
    shop.hold(calls(usual), calls(lambda _: 30, "brand-new", days=4))
    notes = shop.ask().notes
    assert "With less than 7 days of history nothing can be said of feature brand-new." in notes
    assert any("false alarms a series and year" in note for note in notes)


def test_a_young_ledger_and_an_empty_one_say_so(shop: Shop) -> None:
    assert shop.ask().headline == "No day of these is known, so nothing can be said."
    publish(shop.here, list(calls(usual, days=4)), since="2026-11-16", upto=shop.now)
    notes = shop.ask().notes
    assert any("nothing is said of a day with less than 7 before it" in note for note in notes)


def test_calls_without_a_price_count_nothing_and_are_said(shop: Shop) -> None:
    shop.hold(calls(usual), calls(times(5, "2026-11-18"), model="unheard of"))
    table = shop.ask()
    assert table.rows == ()
    assert "8 calls without a price in these days count nothing here." in table.notes


def test_one_dear_hour_is_told_with_its_clock(shop: Shop) -> None:
    start = at("2026-10-28 00:30")
    hours = int((at("2026-11-20 00:00") - start) / timedelta(hours=1)) + 1
    steady = (
        spend((start + timedelta(hours=n)).isoformat(), f"{2 + n * 7 % 11 / 20:.2f}") for n in range(hours)
    )
    shop.hold(steady, iter([spend("2026-11-18 14:10", "15")]))
    (row,) = rows(shop.ask())
    assert (row["kind"], row["since"], row["hour"], row["lasted"]) == (
        "spike",
        date(2026, 11, 18),
        "14:00",
        "1 hour",
    )
    assert row["actual_usd"] > 15


def test_names_are_data_whatever_they_hold(shop: Shop) -> None:
    shop.hold(*(calls(times(4, "2026-11-18"), text) for text in HOSTILE))
    told = {row["value"]: row["why"] for row in rows(shop.ask(top=0))}
    assert set(told) == set(HOSTILE)
    assert all(why.startswith("+$") for why in told.values())


def test_only_the_calls_of_where_are_looked_at(shop: Shop) -> None:
    shop.hold(calls(times(3, "2026-11-18")), calls(usual, "chat"))
    assert shop.ask(where=("feature=chat",)).rows == ()
    (row,) = rows(shop.ask(where=("feature=rag-search",), by="model"))
    assert row["value"] == "dollar-1"


def test_days_are_local_days(shop: Shop) -> None:
    shop.config = 'timezone = "America/New_York"\n'
    # 23:00 in New York is the day after in UTC.
    late = [
        spend(f"{(TODAY - timedelta(days=n)).date()} 04:00", "60" if n == 2 else "12")
        for n in range(40, 0, -1)
    ]
    shop.hold(iter(late))
    (row,) = rows(shop.ask())
    assert row["since"] == date(2026, 11, 17)
