"""Figures of `/metrics` are asked for again when they may have changed, and as often as what they cost allows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.workspace.histories import call, publish, workspace

from whyspend.collector.kept import PAUSE, Kept
from whyspend.errors import LedgerError
from whyspend.serving import Asking
from whyspend.workspace import Workspace


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    publish(tmp_path / "ledger", [call("a", "2025-02-11 10:00")])
    with Asking(workspace(tmp_path).config, workers=1) as asking:
        yield asking


def calls(place: Workspace) -> int:
    total = place.ask("report", place.window("2025-02-11", "2025-02-12")).total["calls"]
    assert isinstance(total, int)
    return total


def kept(
    question: Callable[[Workspace], int], heard: list[int], moment: Callable[[], int], seconds: float = 3_600
) -> Kept[int]:
    return Kept(question, seconds, moment, lambda found, _: heard.append(found))


def settle(each: Kept[int], asking: Asking) -> None:
    """Look until no answer is awaited."""
    until = time.monotonic() + 20
    while each.fresh(asking):
        assert time.monotonic() < until
        time.sleep(0.01)


def free(each: Kept[int]) -> None:
    """Let the time until the next one be over."""
    each._not_before = 0


def test_nothing_is_asked_again_while_nothing_changed_and_the_answer_is_told_again(asking: Asking) -> None:
    """The rate of spending falls while nothing comes in."""
    heard: list[int] = []
    each = kept(calls, heard, lambda: 1)
    settle(each, asking)
    free(each)
    settle(each, asking)
    assert (each.asks, heard) == (1, [1, 1])


def test_a_change_of_the_ledger_the_configuration_or_the_day_is_asked_for(
    asking: Asking, tmp_path: Path
) -> None:
    heard: list[int] = []
    days = [1]
    each = kept(calls, heard, lambda: days[-1])
    settle(each, asking)
    publish(tmp_path / "ledger", [call("b", "2025-02-11 11:00")])
    free(each)
    settle(each, asking)
    assert (each.asks, heard) == (2, [1, 2])
    days.append(2)
    free(each)
    settle(each, asking)
    asking.config = replace(asking.config, timezone="Europe/Berlin")
    free(each)
    settle(each, asking)
    assert each.asks == 4


def test_an_answer_that_took_long_is_asked_for_as_much_less_often(asking: Asking, tmp_path: Path) -> None:
    def slow(place: Workspace) -> int:
        time.sleep(0.3)
        return calls(place)

    heard: list[int] = []
    each = kept(slow, heard, lambda: 1, seconds=0)
    settle(each, asking)
    publish(tmp_path / "ledger", [call("b", "2025-02-11 11:00")])
    settle(each, asking)
    assert heard[-1] == 2  # the first time counts for nothing: it loads the code, too
    publish(tmp_path / "ledger", [call("c", "2025-02-11 12:00")])
    settle(each, asking)
    assert (each.asks, heard[-1]) == (2, 2)
    assert each._not_before > time.monotonic() + PAUSE * 0.3 - 5


def test_what_failed_is_asked_again_though_nothing_changed(asking: Asking) -> None:
    heard: list[int] = []

    def failing(place: Workspace) -> int:
        if each.asks == 1:
            raise LedgerError("damaged")
        return calls(place)

    each = kept(failing, heard, lambda: 1)
    settle(each, asking)
    assert each.failed
    free(each)
    settle(each, asking)
    assert (each.failed, heard) == (False, [1])


def test_a_fault_that_nobody_expects_is_told_and_ends_nothing(asking: Asking) -> None:
    heard: list[int] = []
    each = kept(lambda place: len(place.engine.rows("SELECT nobody")), heard, lambda: 1)
    settle(each, asking)
    assert (each.failed, heard) == (True, [])
    each.question = calls
    free(each)
    settle(each, asking)
    assert (each.failed, heard) == (False, [1])
