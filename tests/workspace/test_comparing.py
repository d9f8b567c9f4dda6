"""Two windows, added up: exact to the last unit, tmp_path, and the same by day as in all."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports import ledgers
from tests.reports.ledgers import ANCHORS, CONDITIONS, ZONES
from tests.workspace.comparisons import WEEKS, compared, days, on
from tests.workspace.histories import call, micros, workspace

from whyspend.engines.duckdb import DuckDB
from whyspend.errors import UsageError
from whyspend.model import Call, Window
from whyspend.money import usd
from whyspend.pricing.plan import Basis
from whyspend.workspace import comparing_values
from whyspend.workspace.comparing import Comparison
from whyspend.workspace.windows import against, of_days

DISCOUNTS = """
[[discounts]]
provider = "openai"
model = "*"
percent = 15
where = { feature = "rag" }
[[discounts]]
provider = "anthropic"
model = "claude-sonnet-*"
percent = 12.5
"""

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

randoms = st.randoms(use_true_random=False)
anchors = st.sampled_from(tuple(ANCHORS))


# Windows


@pytest.mark.parametrize(
    ("text", "since", "until", "first", "last"),
    [
        ("", "2026-11-15", "2026-11-22", "2026-11-07", "2026-11-14"),
        ("previous", "2026-11-22", "2026-11-22", "2026-11-21", "2026-11-21"),
        ("last-week", "2026-11-16", "2026-11-18", "2026-11-09", "2026-11-11"),
        ("last-month", "2026-11-10", "2026-11-20", "2026-10-01", "2026-10-31"),
        ("last-month", "2026-03-31", "2026-04-02", "2026-02-01", "2026-02-28"),
        ("same-days-last-month", "2026-03-29", "2026-03-31", "2026-02-28", "2026-02-28"),
        ("same-days-last-month", "2026-01-05", "2026-01-09", "2025-12-05", "2025-12-09"),
        ("2026-10-01..2026-10-31", "2026-11-01", "2026-11-22", "2026-10-01", "2026-10-31"),
        ("14d .. 8d", "2026-11-15", "2026-11-22", "2026-11-08", "2026-11-14"),
        ("2026-11-21..today", "2026-11-01", "2026-11-10", "2026-11-21", "2026-11-22"),
    ],
)
def test_a_window_is_compared_with_these_days(
    text: str, since: str, until: str, first: str, last: str
) -> None:
    found = against(text, days(since, until), NOW)
    assert (found.since.isoformat(), found.until.isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("last-weak", r"cannot be 'last-weak'.*last-week"),
        ("2026-10-01..soon", r"--against cannot be 'soon'"),
        ("2026-10-02..2026-10-01", "ends before it begins"),
        ("2026-11-01..2026-11-16", "overlaps 2026-11-15 to 2026-11-22"),
        ("last-week", "overlaps"),
        ("1980-01-01..1980-01-02", "are not between"),
    ],
)
def test_another_window_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        against(text, days("2026-11-15", "2026-11-22"), NOW)
    assert "\n" not in str(raised.value)


# Exactness


@settings(max_examples=20, deadline=None)
@given(randoms, anchors, st.booleans())
def test_costs_add_up_to_what_report_shows_to_the_last_unit(
    engine: DuckDB, draw: Random, anchor: date, ruled: bool
) -> None:
    world, config = ledgers.ledger(draw, anchor, draw.choice((0, 1, 30)), ruled)
    with tempfile.TemporaryDirectory() as folder:
        place = ledgers.place(Path(folder), engine, world.calls, config + draw.choice(("", DISCOUNTS)))
        since = anchor + timedelta(draw.choice((0, -1, -2, 1)))
        asked = of_days(since, since + timedelta(draw.choice((0, 1, 2))), draw.choice(ZONES))
        where = tuple(draw.sample(CONDITIONS, draw.choice((0, 0, 1, 2))))
        basis = draw.choice((Basis(), Basis(), Basis("at", micros("2026-11-20 00:00"))))
        text = draw.choice(("previous", "last-week", f"{anchor - timedelta(5)}..{since - timedelta(1)}"))
        by = draw.choice(((), ("name",), ("team", "kind"), ("model", "call_site")))
        found = compared(place, asked, text, by, where=where, basis=basis)
        for later, window in enumerate((found.before, found.after)):
            total = place.ask("report", window, where=where, basis=basis).total
            calls = [row for row in found.cells.calls if row.calls[later]]
            adds_up(found, later, total)
            assert sum(row.calls[later] for row in calls) == total["calls"]
            series_adds_up(found, later)


def adds_up(found: Comparison, later: int, total: Any) -> None:
    cost = sum(row.cost[later] for row in found.cells.usage)
    # A total is unknown where no call has a price.
    assert usd(cost) == (total["cost_usd"] or Decimal(0))
    if "list_cost_usd" in total:
        assert usd(sum(row.listed[later] for row in found.cells.usage)) == (
            total["list_cost_usd"] or Decimal(0)
        )
    unpriced = sum(row.calls[later] - row.priced[later] for row in found.cells.calls)
    assert unpriced == total["unpriced_calls"] == found.unpriced[later]


def series_adds_up(found: Comparison, later: int) -> None:
    window = (found.before, found.after)[later]
    for hours in (False, True):
        series = found.series({}, hours=hours)
        own = [at for at, time in enumerate(series.times) if begins_in(window, time)]
        for name in ("calls", "requests", "priced"):
            counted = sum(getattr(row, name)[later] for row in found.cells.calls)
            assert sum(series.amounts[name][at] for at in own) == counted
        cost = sum(row.cost[later] for row in found.cells.usage)
        assert sum(series.amounts["cost"][at] for at in own) == cost


def begins_in(window: Window, time: int) -> bool:
    return window.start.timestamp() <= time / 1_000_000 < window.end.timestamp()


@settings(max_examples=10, deadline=None)
@given(randoms, anchors)
def test_the_series_of_all_values_of_a_column_add_up_to_the_whole(
    engine: DuckDB, draw: Random, anchor: date
) -> None:
    world, config = ledgers.ledger(draw, anchor, 25, ruled=False)
    with tempfile.TemporaryDirectory() as folder:
        place = ledgers.place(Path(folder), engine, world.calls, config)
        found = compared(place, of_days(anchor - timedelta(1), anchor, draw.choice(ZONES)))
        whole = found.series({}).amounts
        for at, name in enumerate((*found.cells.dimensions, "call_site")):
            values = {(*row.place, row.site)[at] for row in found.cells.calls}
            # Of a value that nobody has, too: its days are there with nothing.
            parts = [found.series({name: value}).amounts for value in {*values, "nobody's"}]
            assert summed(parts, "cost") == whole["cost"]
        models = {row.model for row in found.cells.calls} | {"nobody|knows"}
        assert summed([found.series({"model": model}).amounts for model in models], "calls") == whole["calls"]


def summed(parts: Sequence[Any], name: str) -> list[int]:
    return [sum(column) for column in zip(*(part[name] for part in parts), strict=True)]


@settings(max_examples=10, deadline=None)
@given(randoms, anchors)
def test_folding_values_changes_no_sum(engine: DuckDB, draw: Random, anchor: date) -> None:
    world, config = ledgers.ledger(draw, anchor, 30, ruled=False)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        place = ledgers.place(Path(folder), engine, world.calls, config)
        window = of_days(anchor - timedelta(1), anchor, "UTC")
        fine = compared(place, window, by=("name",))
        for name, value in (("MOST", 8), ("OWNERS", 2), ("ASKED", 1), ("FEW", draw.choice((1, 1000)))):
            patch.setattr(comparing_values, name, value)
        coarse = compared(place, window, by=("name",))
        assert len(coarse.cells.usage) <= len(fine.cells.usage)
        assert by_kind(coarse) == by_kind(fine)
        owners = {row.place[0] for row in coarse.cells.calls} - {None, "(others)"}
        assert len(owners) <= max(2, len({row.place[0] for row in fine.cells.calls}))
        parts = [
            coarse.series({"feature": owner}).amounts for owner in {r.place[0] for r in coarse.cells.calls}
        ]
        if parts:
            assert summed(parts, "cost") == fine.series({}).amounts["cost"]


def by_kind(found: Comparison) -> Counter[tuple[str, str, int, int]]:
    sums: Counter[tuple[str, str, int, int]] = Counter()
    for row in found.cells.usage:
        model = found.cells.calls[row.at].model
        for later in (0, 1):
            sums[row.kind, model, row.tier, later] += row.cost[later]
    return +sums


# Cells


def test_an_empty_ledger_has_no_cells(tmp_path: Path) -> None:
    found = compared(workspace(tmp_path), WEEKS)
    assert (found.cells.calls, found.cells.usage, found.unpriced) == ([], [], (0, 0))
    assert found.cells.days == (7, 7)
    series = found.series({"feature": "rag"})
    assert len(series.times) == 14
    assert series.amounts["calls"] == [0] * 14
    assert found.events({}) == []
    assert found.price_changes() == []


def test_one_call_is_one_row_of_calls_and_one_of_usage(tmp_path: Path) -> None:
    found = compared(on(tmp_path, [call("a", "2025-03-10 10:00", call_site="chat / answer")]), WEEKS)
    (row,) = found.cells.calls
    assert (row.place, row.site, row.failed, row.model) == (
        ("chat", "p"),
        "chat / answer",
        False,
        "openai|gpt-4o",
    )
    assert (row.calls, row.requests, row.priced) == ((0, 1), (0, 1), (0, 1))
    (used,) = found.cells.usage
    assert (used.at, used.tier, used.service, used.kind) == (0, 0, "", "output_tokens")
    assert used.units == (0, 1_000_000)
    assert found.cells.dimensions == ("feature", "project")


def test_failed_calls_are_apart_and_requests_are_where_they_began(tmp_path: Path) -> None:
    calls = [
        call("a", "2025-03-10 10:00", trace_id="t", status="error"),
        call("b", "2025-03-10 10:01", trace_id="t"),
    ]
    found = compared(on(tmp_path, calls), WEEKS)
    assert [(row.failed, row.calls, row.requests) for row in found.cells.calls] == [
        (False, (0, 1), (0, 0)),
        (True, (0, 1), (0, 1)),
    ]


def test_calls_without_a_price_are_counted_and_cost_nothing(tmp_path: Path) -> None:
    calls = [call("a", "2025-03-03 10:00", "made-up"), call("b", "2025-03-10 10:00", "made-up"),
             call("c", "2025-03-10 10:00")]  # fmt: skip
    found = compared(on(tmp_path, calls), WEEKS)
    assert found.unpriced == (1, 1)
    assert [row.priced for row in found.cells.calls] == [(0, 1), (0, 0)]
    assert {found.cells.calls[row.at].model for row in found.cells.usage} == {"openai|gpt-4o"}


def test_a_tier_counts_the_thresholds_that_matter_for_the_model(engine: DuckDB, tmp_path: Path) -> None:
    def long(number: int, model: str, prompt: int) -> Call:
        started = int(datetime(2026, 11, 10, 10, number % 60, tzinfo=UTC).timestamp()) * 1_000_000
        provider = "anthropic" if model.startswith("claude") else "openai"
        return Call(source="prod", project="p", call_id=str(number), trace_id=str(number), provider=provider,
                    model_requested=model, input_tokens=prompt, prompt_total=prompt, usage_source="server",
                    started_at=started, dimensions=(None, None), attributed=(None, None))  # fmt: skip

    sizes = (1_000, 150_000, 200_001, 300_000)
    models = ("claude-sonnet-4-5", "gpt-4o", "claude-haiku-5-5")
    calls = [
        long(10 * at + number, m, size) for at, m in enumerate(models) for number, size in enumerate(sizes)
    ]
    place = ledgers.place(tmp_path, engine, calls)
    found = compared(place, days("2026-11-10", "2026-11-10"))
    tiers = sorted(
        (found.cells.calls[row.at].model.partition("|")[2], row.tier, row.units[1])
        for row in found.cells.usage
    )
    assert tiers == [
        ("claude-haiku-5-5", 0, 1_000),
        ("claude-haiku-5-5", 1, 650_001),
        ("claude-sonnet-4-5", 0, 151_000),
        ("claude-sonnet-4-5", 1, 500_001),
        ("gpt-4o", 0, 651_001),
    ]


def test_services_and_calls_with_a_cost_of_their_own_are_told_apart(engine: DuckDB, tmp_path: Path) -> None:
    batch = call("a", "2026-11-10 10:00", price_context="processing=batch", dimensions=("chat", None),
                 attributed=("call", None))  # fmt: skip
    tool = call("b", "2026-11-10 10:01", kind="tool", provider=None, reported_cost=2 * 10**12, output_tokens=0,
                model_requested=None, usage_source=None, dimensions=("chat", None),
                attributed=("call", None))  # fmt: skip
    found = compared(ledgers.place(tmp_path, engine, [batch, tool]), days("2026-11-10", "2026-11-10"))
    said = {
        (row.service, row.kind, found.cells.calls[row.at].model, row.units[1]) for row in found.cells.usage
    }
    assert said == {
        ("", "reported", "(tools)|(tools)", 1),
        ("processing=batch", "output_tokens", "openai|gpt-4o", 1_000_000),
    }
    assert sum(row.cost[1] for row in found.cells.usage if row.kind == "reported") == 2 * 10**24


def test_requests_that_sampling_left_out_are_stated(tmp_path: Path) -> None:
    calls = [call(f"a{n}", "2025-03-10 10:00", sample_rate=0.25) for n in range(30)]
    calls.append(call("b", "2025-03-03 10:00", sample_rate=1.0))
    (row,) = compared(on(tmp_path, calls), WEEKS).cells.calls
    assert row.thinned == (0.0, 90.0)


def test_a_release_is_no_dimension_unless_asked_for(tmp_path: Path) -> None:
    calls = [call(f"{n}", f"2025-03-{n:02} 10:00", release="1" if n < 8 else "2") for n in range(1, 15)]
    place = on(tmp_path, calls)
    assert compared(place, WEEKS).cells.dimensions == ("feature", "project")
    assert compared(place, WEEKS, by=("release",)).cells.dimensions == ("feature", "project", "release")


def test_a_dimension_whose_values_come_and_go_is_left_out_and_said(engine: DuckDB, tmp_path: Path) -> None:
    calls = [
        call(
            f"{n}",
            f"2025-03-{n:02} 10:00",
            dimensions=("chat", "v1" if n < 8 else "v2"),
            attributed=("call", "call"),
        )
        for n in range(1, 15)
    ]
    found = compared(ledgers.place(tmp_path, engine, calls), WEEKS)
    assert found.cells.dimensions == ("feature", "project")
    assert any(note.startswith("Not told apart by env: its values come and go") for note in found.notes)
    asked = compared(ledgers.place(tmp_path / "again", engine, calls), WEEKS, by=("env",))
    assert asked.cells.dimensions == ("feature", "env", "project")


def test_a_metadata_key_that_separates_the_change_is_found(tmp_path: Path) -> None:
    calls = [
        call(
            f"{day}-{n}",
            f"2025-03-{day:02} {n % 24:02}:{n // 24:02}",
            metadata=f'{{"region": "{("eu", "us")[n % 2]}", "shard": "{n % 3}", "id": "{day}-{n}"}}',
            output_tokens=3_000_000 if day >= 8 and n % 2 else 1_000_000,
        )
        for day in range(1, 15)
        for n in range(60)
    ]
    found = compared(on(tmp_path, calls), WEEKS)
    assert found.cells.dimensions == ("feature", "project", "metadata.region")
    moved = Counter[str | None]()
    for row in found.cells.usage:
        moved[found.cells.calls[row.at].place[2]] += row.cost[1] - row.cost[0]
    assert moved["eu"] == 0 < moved["us"]
    assert found.label("metadata.region", None) == "untagged"


@pytest.mark.parametrize("key", ["prompt_version", "wording"])
@pytest.mark.parametrize("change", [8, 10, 13])
def test_a_metadata_key_whose_values_replace_one_another_is_no_place(
    tmp_path: Path, key: str, change: int
) -> None:
    calls = [
        call(
            f"{day}-{n}",
            f"2025-03-{day:02} {n % 24:02}:{n // 24:02}",
            metadata=f'{{"{key}": "{"new" if day >= change and n % 4 else f"old {n % 2}"}"}}',
            output_tokens=3_000_000 if day >= change and n % 4 else 1_000_000,
        )
        for day in range(1, 15)
        for n in range(96)
    ]
    assert compared(on(tmp_path, calls), WEEKS).cells.dimensions == ("feature", "project")


def test_costs_as_recorded_and_keys_of_the_calendar_are_refused(tmp_path: Path) -> None:
    place = on(tmp_path, [call("a", "2025-03-10 10:00")])
    with pytest.raises(UsageError, match="no price a token"):
        compared(place, WEEKS, basis=Basis("recorded"))
    with pytest.raises(UsageError, match="cannot be told apart by day"):
        compared(place, WEEKS, by=("day",))


def test_trust_and_notes_speak_of_the_windows_without_another_reading(tmp_path: Path) -> None:
    place = on(
        tmp_path, [call("a", "2025-03-10 10:00"), call("b", "2025-03-11 10:00", "made-up", feature=None)]
    )
    data = place.data(WEEKS)
    data.comparison()
    assert data.trust() == place.ask("report", WEEKS).trust
    assert data.unpriced_notes()[0].startswith("Unpriced: 1 call with 1,000,000 tokens, openai/made-up")


def test_a_comparison_of_narrowed_data_is_narrow_on_both_sides(tmp_path: Path) -> None:
    calls = [call(f"{n}", f"2025-03-{n:02} 10:00", feature=("chat", "rag")[n % 2]) for n in range(1, 15)]
    data = on(tmp_path, calls).data(WEEKS).narrowed("feature = 'rag'")
    found = data.comparison()
    assert {row.place[0] for row in found.cells.calls} == {"rag"}
    assert sum(row.calls[0] for row in found.cells.calls) == 4
    assert replace(data, window=found.before).window == found.before


def test_dimensions_may_have_the_names_of_columns_of_the_kept_table(engine: DuckDB, tmp_path: Path) -> None:
    config = 'dimensions = ["failed", "time"]\n'
    calls = [call("a", "2025-03-10 10:00", dimensions=("x", "y"), attributed=("call", "call")),
             call("b", "2025-03-03 10:00", dimensions=("x", None), attributed=("call", None))]  # fmt: skip
    found = compared(ledgers.place(tmp_path, engine, calls, config), WEEKS)
    assert [row.place for row in found.cells.calls] == [("x", "y", "p"), ("x", None, "p")]
    assert found.cells.dimensions == ("failed", "time", "project")
