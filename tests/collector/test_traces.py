"""What is held of traces in memory, and what of it survives a restart."""

import msgspec
import pytest

from whyspend.collector import records, traces
from whyspend.collector.records import Heard, Known
from whyspend.collector.traces import Changed, Traces
from whyspend.wire.ingest import Event, calls_of

NOON = 1_760_000_000
HOUR = 3_600


def start(run_id: str, trace_id: str | None = None, *parents: str) -> Event:
    return Event(
        op="post",
        run_id=run_id,
        trace_id=trace_id or run_id,
        parent_ids=parents,
        run_type="llm",
        started_at=NOON * 1_000_000,
    )


def end(run_id: str, trace_id: str | None = None) -> Event:
    return Event(op="patch", run_id=run_id, trace_id=trace_id, ended_at=(NOON + 1) * 1_000_000)


def holding(*heard: tuple[int, list[Event]]) -> Traces:
    found = Traces(HOUR)
    found.hear([Heard(at, events) for at, events in heard])
    return found


def taken(found: Traces, now: int = NOON, most: int = 1_000) -> dict[str, Changed]:
    return {changed.id: changed for changed in found.take(now, most)[0]}


def again(found: Traces) -> Traces:
    """After a restart."""
    fresh = Traces(HOUR)
    for payload in found.held():
        fresh.recall(records.kept(payload, ()))
    return fresh


def test_a_trace_is_taken_once_until_something_is_said_about_it() -> None:
    found = holding((NOON, [start("a"), end("a")]))
    assert list(taken(found)) == ["a"]
    assert not taken(found)
    found.hear([Heard(NOON + 1, [end("a", "a")])])
    assert list(taken(found)) == ["a"]


def test_a_late_run_is_seen_together_with_the_rest_of_its_trace() -> None:
    found = holding((NOON, [start("a"), start("b", "a", "a")]))
    assert taken(found)["a"].known.runs.keys() == {"a", "b"}
    found.hear([Heard(NOON + 9, [end("b")])])
    late = taken(found)["a"]
    assert late.known.runs.keys() == {"a", "b"}
    assert len(late.known.runs["b"].versions) == 2


def test_a_patch_that_names_no_trace_waits_for_the_start_of_its_run() -> None:
    found = holding((NOON, [end("b")]))
    assert list(taken(found)) == ["b"]
    found.hear([Heard(NOON, [start("b", "a", "a"), start("a")])])
    together = taken(found)
    assert list(together) == ["a"]
    assert len(together["a"].known.runs["b"].versions) == 2
    assert again(found).size == found.size


def test_more_than_is_asked_for_is_taken_next_time() -> None:
    found = holding((NOON, [start(str(number)) for number in range(10)]))
    portions = [found.take(NOON, 4) for _ in range(4)]
    assert [(len(portion), is_more) for portion, is_more in portions] == [
        (4, True),
        (4, True),
        (2, False),
        (0, False),
    ]


def test_what_could_not_be_published_is_taken_again() -> None:
    found = holding((NOON, [start("a"), end("a")]))
    failed, _ = found.take(NOON, 10)
    found.again(failed)
    assert taken(found) == {changed.id: changed for changed in failed}


def test_a_run_is_closed_an_hour_after_its_trace_was_last_heard_of_and_only_once() -> None:
    found = holding((NOON, [start("a"), start("b", "a", "a"), end("b", "a")]))
    assert taken(found)["a"].closed == frozenset()
    assert found.open == 1
    found.hear([Heard(NOON + 60, [end("b", "a")])])
    taken(found, NOON + 60)
    assert not taken(found, NOON + 60 + HOUR - 1)
    assert taken(found, NOON + 60 + HOUR)["a"].closed == {"a"}
    assert found.open == 0
    assert not taken(found, NOON + 60 + HOUR + 1)


def test_a_run_that_ends_after_it_was_closed_becomes_an_ordinary_call() -> None:
    found = holding((NOON, [start("a")]))
    closed = taken(found, NOON + HOUR)["a"]
    (call,) = calls_of(closed.known.runs, source="collector", dimensions=("feature",), closed=closed.closed)
    assert (call.status, call.error_kind) == ("error", "NeverEnded")
    found.hear([Heard(NOON + HOUR + 5, [end("a")])])
    ended = taken(found, NOON + HOUR + 5)["a"]
    (call,) = calls_of(ended.known.runs, source="collector", dimensions=("feature",), closed=ended.closed)
    assert (call.status, call.error_kind) == ("success", None)


def test_a_restart_knows_what_was_published_and_what_was_not() -> None:
    found = holding((NOON, [start("a"), end("a"), start("open")]))
    taken(found)
    found.hear([Heard(NOON + 1, [start("new")])])
    restarted = again(found)
    assert (found.open, restarted.open) == (1, 2)  # at a restart all is at rest
    assert list(taken(restarted, NOON + 1)) == ["new"]
    assert list(taken(restarted, NOON + HOUR + 1)) == ["open", "new"]


def test_what_a_state_and_the_files_after_it_both_say_counts_once() -> None:
    found = holding((NOON, [start("a"), end("a")]))
    restarted = again(found)
    restarted.hear([Heard(NOON, [start("a"), end("a")])])
    assert taken(restarted)["a"].known.runs == taken(found)["a"].known.runs


def test_complete_traces_are_let_go_after_an_hour_and_open_ones_are_not() -> None:
    found = Traces(2 * HOUR)
    found.hear([Heard(NOON, [start("a"), end("a"), start("open")])])
    taken(found)
    found.forget(NOON + HOUR - 1)
    assert len(list(found.held())) == 3
    found.forget(NOON + HOUR)
    assert [records.kept(payload, ()).trace for payload in found.held()] == ["", "open"]
    found.hear([Heard(NOON + HOUR, [end("open")])])
    taken(found)
    found.forget(NOON + 3 * HOUR)
    assert found.size == 0


def test_where_there_are_too_many_the_oldest_complete_ones_are_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = holding(*((NOON + number, [start(str(number)), end(str(number))]) for number in range(10)))
    taken(found, NOON + 10)
    one = len(Known.of(records.kept(list(found.held())[1], ()).runs, ()).packed())
    monkeypatch.setattr(traces, "REMEMBERED_BYTES", 4 * one)
    found.forget(NOON + 10)
    assert [records.kept(payload, ()).trace for payload in found.held()] == ["", "6", "7", "8", "9"]


def test_too_much_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = holding((NOON, [start("a")]))
    assert not found.is_full
    monkeypatch.setattr(traces, "HELD_BYTES", found.size - 1)
    assert found.is_full


def test_projects_survive_and_the_oldest_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_PROJECTS", 2)
    found = Traces(HOUR)
    found.hear([Heard(NOON, projects={str(number): f"project {number}"}) for number in range(3)])
    restarted = again(found)
    assert [restarted.project(str(number)) for number in range(3)] == [None, "project 1", "project 2"]


def test_records_of_another_kind_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        records.heard(b"\x93\x01\x02\x03", ())
