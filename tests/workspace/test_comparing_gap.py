"""Windows with days between them: what happened there is dated there."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.workspace.comparisons import WEEKS, compared, days, on
from tests.workspace.histories import call, micros

from whyspend.model import Call, Table
from whyspend.workspace import Workspace

AGAINST = "2025-02-15..2025-02-24"
"""The window after is 2025-03-08 to 2025-03-14: 11 days lie between."""


def history(step: str, *, without: Sequence[str] = ()) -> Iterator[Call]:
    """Six calls a day, of 1,000 tokens before an instant and of 3,000 from then on, with a release of its own."""
    first, change = date(2025, 2, 15), micros(step)
    for at in range(28):
        day = str(first + timedelta(days=at))
        for hour in (0, 4, 8, 12, 16, 20) if day not in without else ():
            started = f"{day} {hour:02}:30"
            is_new = micros(started) >= change
            yield call(
                started, started, output_tokens=3000 + at if is_new else 1000 + at, release="2.1" if is_new else "2.0"
            )  # fmt: skip


def explained(place: Workspace) -> Table:
    return place.ask("explain", WEEKS, against=AGAINST)


def first_line(table: Table) -> dict[str, object]:
    return dict(zip((column.name for column in table.columns), table.rows[0], strict=True))


def test_a_step_between_the_windows_is_dated_at_its_own_hour(tmp_path: Path) -> None:
    line = first_line(explained(on(tmp_path, list(history("2025-03-03 08:00")))))
    assert (line["driver"], line["since"]) == ("output_length", datetime(2025, 3, 3, 8, tzinfo=UTC))
    assert line["lines_up"] == "confirmed"
    assert "since Mar 3 08:00 (release 2.1)" in str(line["sentence"])


def test_a_step_with_the_first_day_of_the_later_window_is_dated_there(tmp_path: Path) -> None:
    line = first_line(explained(on(tmp_path, list(history("2025-03-08 00:00")))))
    assert line["since"] == datetime(2025, 3, 8, tzinfo=UTC)


def test_where_the_ledger_holds_no_call_between_there_is_no_moment(tmp_path: Path) -> None:
    between = [str(date(2025, 2, 25) + timedelta(days=at)) for at in range(11)]
    line = first_line(explained(on(tmp_path, list(history("2025-03-03 08:00", without=between)))))
    assert (line["driver"], line["since"]) == ("output_length", None)


def test_a_feature_that_began_between_the_windows_is_new_since_its_first_call(tmp_path: Path) -> None:
    calls = [
        *history("2025-12-01"),
        *(call(f"new {n}", f"2025-03-{n:02} 09:30", feature="rag") for n in range(2, 15)),
    ]
    table = explained(on(tmp_path, calls))
    assert first_line(table)["driver"] == "new_feature"
    assert first_line(table)["since"] == datetime(2025, 3, 2, 9, tzinfo=UTC)


def test_the_days_between_are_read_with_the_days_at_both_sides(tmp_path: Path) -> None:
    found = compared(on(tmp_path, list(history("2025-03-03 08:00"))), WEEKS, AGAINST)
    series = found.in_between({"feature": "chat"})
    assert series is not None
    assert (series.times[0], series.times[-1]) == (micros("2025-02-24"), micros("2025-03-08"))
    assert series.amounts["calls"] == [6] * 13
    some = found.in_between(
        {}, hours=True, between=(micros("2025-03-03"), micros("2025-03-04")), names=("priced",)
    )
    assert some is not None
    assert sum(some.amounts["priced"]) == 6
    assert len(some.times) == 24


def test_neighbours_have_no_days_between(tmp_path: Path) -> None:
    found = compared(on(tmp_path, list(history("2025-03-03 08:00"))), WEEKS)
    assert found.in_between({}) is None
    later = compared(on(tmp_path / "turned", list(history("2025-03-03 08:00"))), days("2025-02-15", "2025-02-24"),
                     "2025-03-08..2025-03-14")  # fmt: skip
    series = later.in_between({}, names=("calls",))
    assert series is not None
    assert series.amounts["calls"] == [6] * 13


def test_the_figures_that_are_asked_for_are_those_of_all_figures(tmp_path: Path) -> None:
    calls = [
        *history("2025-03-03 08:00"),
        call("failed", "2025-03-09 10:00", status="error", output_tokens=0),
    ]
    calls += [
        call("own", "2025-03-10 10:00", "made-up", reported_cost=10**12),
        call("no price", "2025-03-10", "other"),
    ]
    found = compared(on(tmp_path, calls), WEEKS, AGAINST)
    for hours in (False, True):
        every = found.series({}, hours=hours)
        names = [name for name in every.amounts if name not in ("cost", "listed", "units:reported")]
        some = found.series(
            {}, hours=hours, names=[name for name in names if not name.startswith("tier:")] + ["tier:"]
        )
        assert some.times == every.times
        assert {name: some.amounts[name] for name in names} == {name: every.amounts[name] for name in names}
