"""Colours are the same for the same ledger, however it came to be what it is, and cost what is new in it."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workspace.histories import call, publish, workspace

from whyspend.workspace import Workspace, coloring

DAYS = [f"2025-03-{day:02}" for day in range(1, 11)]
NAMES = [None, "", "a", "b", "é", "z", *(f"feature-{number}" for number in range(12))]
MODELS = ("gpt-4", "gpt-4o", "o1")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    coloring.forget()
    yield
    coloring.forget()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workspace]:
    made = workspace(tmp_path)
    yield made
    made.engine.close()


def colors(place: Workspace, *by: str) -> dict[tuple[object, ...], int]:
    data = place.data(place.window("2025-03-01", "2025-03-31"))
    return dict(data.colors([data.key(name) for name in by]))


def test_a_ledger_that_grew_has_the_colours_of_one_that_was_always_so(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls come, change and come late; each time it is as if counted from scratch, day by day and all at once."""
    draw = random.Random(7)
    for step in range(6):
        days = DAYS[: step + 1] if step % 3 == 0 else DAYS[step : step + 1]
        publish(
            tmp_path / "ledger",
            [
                # An id that is there already is another version of that call.
                call(
                    str(draw.randrange(150)),
                    f"{draw.choice(days or DAYS)} 10:00",
                    draw.choice(MODELS),
                    draw.choice(NAMES),
                )
                for _ in range(30)
            ],
        )
        asked = [("feature",), ("model",), ("feature", "model")]
        grown = [colors(place, *by) for by in asked]
        kept = dict(coloring._KNOWN)
        coloring.forget()
        assert [colors(place, *by) for by in asked] == grown
        with monkeypatch.context() as patch:
            patch.setattr(coloring, "MOST_OF_ONE", 0)
            coloring.forget()
            assert [colors(place, *by) for by in asked] == grown
            assert {known.days for known in coloring._KNOWN.values()} == {None}
        coloring.forget()
        coloring._KNOWN.update(kept)
        assert all(0 < len(each) <= coloring.NUMBERS for each in grown)


def test_the_busiest_have_a_colour_each_in_the_order_in_which_they_came(
    place: Workspace, tmp_path: Path
) -> None:
    calls = Counter({f"feature-{number:02}": number for number in range(1, 12)})
    publish(
        tmp_path / "ledger",
        [
            call(f"{name}-{number}", f"2025-03-{20 - int(name[-2:]):02} 10:00", feature=name)
            for name in calls
            for number in range(calls[name])
        ],
    )
    busiest = [name for name, _ in calls.most_common(coloring.NUMBERS)]
    assert colors(place, "feature") == {(name,): number for number, name in enumerate(busiest)}


def test_a_day_that_did_not_change_is_not_counted_again(place: Workspace, tmp_path: Path) -> None:
    """Its files are gone from the disk, and nobody notices."""
    publish(
        tmp_path / "ledger", [call(str(number), f"{DAYS[0]} 10:00", feature="old") for number in range(3)]
    )
    assert colors(place, "feature") == {("old",): 0}
    publish(tmp_path / "ledger", [call("new", f"{DAYS[1]} 10:00", feature="new")])
    for file in (tmp_path / "ledger" / "calls" / f"day={DAYS[0]}").iterdir():
        file.unlink()
    assert colors(place, "feature") == {("old",): 0, ("new",): 1}


def test_single_requests_have_no_colour_of_their_own(place: Workspace, tmp_path: Path) -> None:
    publish(tmp_path / "ledger", [call("a", f"{DAYS[0]} 10:00")])
    assert colors(place, "trace_id") == {}


def test_what_is_remembered_has_a_limit(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coloring, "MOST", 40)
    monkeypatch.setattr(coloring, "MOST_OF_ONE", 30)
    publish(
        tmp_path / "ledger",
        [call(str(number), f"{DAYS[number % 10]} 10:00", feature=f"f{number % 7}") for number in range(70)],
    )
    for by in (("feature",), ("model",), ("feature", "model"), ("day",), ("name",)):
        assert colors(place, *by) == colors(place, *by)
        assert sum(known.size for known in coloring._KNOWN.values()) <= 40
