"""How a segment of a comparison went by day and hour, and what happened meanwhile."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from tests.reports import ledgers
from tests.workspace.comparisons import WEEKS, compared, days, on
from tests.workspace.histories import call, micros

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call
from whyspend.pricing.plan import Basis

# Time


def test_days_without_calls_are_there_with_nothing(tmp_path: Path) -> None:
    found = compared(on(tmp_path, [call("a", "2025-03-10 10:00")]), WEEKS)
    series = found.series({"feature": "chat"})
    assert len(series.times) == 14
    assert series.times[0] == micros("2025-03-01")
    assert series.amounts["calls"] == [0] * 9 + [1] + [0] * 4
    assert series.amounts["model:openai|gpt-4o"][9] == 1
    assert series.amounts["units:output_tokens"][9] == series.amounts["tier:0"][9] == 1_000_000


def test_hours_between_two_instants_are_read_alone(tmp_path: Path) -> None:
    calls = [call(f"{h}", f"2025-03-10 {h:02}:30") for h in range(24)]
    found = compared(on(tmp_path, calls), WEEKS)
    span = (micros("2025-03-10 06:00"), micros("2025-03-10 09:00"))
    series = found.series({}, hours=True, between=span)
    assert series.times == tuple(micros(f"2025-03-10 {h:02}:00") for h in (6, 7, 8))
    assert series.amounts["calls"] == [1, 1, 1]
    day = found.series({}, between=span)
    assert (day.times, day.amounts["calls"]) == ((micros("2025-03-10"),), [24])


def test_the_days_of_a_clock_change_have_23_hours(tmp_path: Path) -> None:
    window = days("2025-03-30", "2025-03-30", "Europe/Berlin")
    found = compared(on(tmp_path, [call("a", "2025-03-30 10:00")]), window)
    series = found.series({}, hours=True)
    assert len(series.times) == 24 + 23
    assert sum(series.amounts["calls"]) == 1


def test_a_term_that_nobody_tells_apart_is_refused(tmp_path: Path) -> None:
    found = compared(on(tmp_path, [call("a", "2025-03-10 10:00")]), WEEKS)
    with pytest.raises(UsageError, match="not told apart by 'colour'"):
        found.series({"colour": "red"})


def test_windows_of_the_same_weekdays_are_equally_busy(tmp_path: Path) -> None:
    calls = [call(f"{n}", f"2025-03-{n:02} 10:00") for n in range(1, 15)]
    assert compared(on(tmp_path, calls), WEEKS).cells.busyness == {"chat": (1.0, 1.0)}


def test_a_weekend_is_less_busy_whatever_the_growth_between(tmp_path: Path) -> None:
    calls = []
    for n in range(1, 29):
        weekend = date(2025, 3, n).weekday() > 4
        growth = 2 if n > 22 else 1
        calls += [call(f"{n}-{i}", f"2025-03-{n:02} 10:00") for i in range(growth * (2 if weekend else 10))]
    found = compared(on(tmp_path, calls), days("2025-03-23", "2025-03-28"), "2025-03-01..2025-03-22")
    before, after = found.cells.busyness["chat"]
    weights = [10 / (54 / 7)] * 5 + [2 / (54 / 7)] * 2
    assert before == pytest.approx(mean([weights[date(2025, 3, n).weekday()] for n in range(1, 23)]))
    assert after == pytest.approx(mean([weights[date(2025, 3, n).weekday()] for n in range(23, 29)]))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def test_weekdays_that_occur_once_say_nothing(tmp_path: Path) -> None:
    calls = [call(f"{n}", f"2025-03-{n:02} 10:00") for n in range(1, 15)]
    assert compared(on(tmp_path, calls), days("2025-03-08", "2025-03-10")).cells.busyness == {}


# Events


def test_a_release_that_came_within_the_days_is_an_event(tmp_path: Path) -> None:
    calls = [
        call(f"{n}", f"2025-03-{n:02} 10:00", release="2.13" if n < 11 else "2.14",
             metadata=f'{{"prompt_version": "{1 if n < 9 else 2}", "region": "eu"}}')
        for n in range(1, 15)
    ]  # fmt: skip
    found = compared(on(tmp_path, calls), WEEKS).events({"feature": "chat"})
    assert [(event.name, event.value, event.first, event.last) for event in found] == [
        ("prompt_version", "1", None, micros("2025-03-08 10:00")),
        ("prompt_version", "2", micros("2025-03-09 10:00"), None),
        ("release", "2.13", None, micros("2025-03-10 10:00")),
        ("release", "2.14", micros("2025-03-11 10:00"), None),
    ]


def test_a_new_model_is_an_event_of_its_segment_only(tmp_path: Path) -> None:
    calls = [
        call(f"{n}", f"2025-03-{n:02} 10:00", "gpt-4o" if n < 11 else "gpt-4o-mini") for n in range(1, 15)
    ]
    calls += [call(f"other {n}", f"2025-03-{n:02} 10:00", feature="rag") for n in range(1, 15)]
    found = compared(on(tmp_path, calls), WEEKS)
    assert [event.value for event in found.events({"feature": "chat"})] == [
        "openai|gpt-4o",
        "openai|gpt-4o-mini",
    ]
    assert found.events({"feature": "rag"}) == []
    assert found.label("model", "openai|gpt-4o-mini") == "gpt-4o-mini"


def test_a_price_that_changed_within_the_days_is_listed(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        Call(source="prod", project="p", call_id=f"{n}", trace_id=f"{n}", provider="mistralai", usage_source="server",
             model_requested="mistral-large-4", output_tokens=1000, started_at=micros(f"2026-10-{n} 10:00"),
             dimensions=("drafts", None), attributed=("call", None))
        for n in range(25, 32)
    ]  # fmt: skip
    place = ledgers.place(tmp_path, engine, calls)
    found = compared(place, days("2026-10-29", "2026-10-31")).price_changes()
    assert [(each.at, each.model, each.kind, each.old, each.new) for each in found] == [
        (micros("2026-10-29"), "mistralai|mistral-large-4", "output_tokens", 4_180_000, 2_100_000)
    ]
    fixed = compared(place, days("2026-10-29", "2026-10-31"), basis=Basis("at", micros("2026-11-20")))
    assert fixed.price_changes() == []


def test_a_discount_that_began_within_the_days_is_listed(tmp_path: Path) -> None:
    text = '[[discounts]]\nprovider = "openai"\nmodel = "gpt-4o"\npercent = 20\nfrom = 2025-03-09\n'
    calls = [call(f"{n}", f"2025-03-{n:02} 10:00") for n in range(1, 15)]
    found = compared(on(tmp_path, calls, text), WEEKS)
    (change,) = found.price_changes()
    assert (change.at, change.kind, change.old, change.new) == (
        micros("2025-03-09"), "discount", 10**12, 8 * 10**11,
    )  # fmt: skip
    (used,) = found.cells.usage
    assert used.cost == (used.listed[0], used.listed[1] // 7 + used.listed[1] * 6 // 7 * 8 // 10)
