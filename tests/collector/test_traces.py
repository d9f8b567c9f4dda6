"""What is held of traces in memory, and what of it survives a restart."""

from pathlib import Path

import msgspec
import pytest
from tests.wire.otlp_payloads import llm, records_of, request

from whyspend.collector import records, spool, traces
from whyspend.collector.records import Heard, Known
from whyspend.collector.traces import Changed, Traces
from whyspend.wire.ingest import Event, calls_of
from whyspend.wire.otlp import Record

DATA = Path(__file__).parent.parent / "data" / "spool"

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


def again(found: Traces, dimensions: tuple[str, ...] = ()) -> Traces:
    """After a restart."""
    fresh = Traces(HOUR, dimensions)
    for payload in found.held():
        fresh.recall(records.kept(payload, dimensions))
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


def test_too_much_that_waits_to_be_published_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = holding((NOON, [start("a"), start("b")]))
    monkeypatch.setattr(traces, "FRESH_BYTES", found.fresh - 1)
    assert found.is_full
    taken(found)
    assert (found.fresh, found.is_full) == (0, False)


def test_projects_survive_and_the_oldest_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MOST_PROJECTS", 2)
    found = Traces(HOUR)
    found.hear([Heard(NOON, projects={str(number): f"project {number}"}) for number in range(3)])
    restarted = again(found)
    assert [restarted.project(str(number)) for number in range(3)] == [None, "project 1", "project 2"]


def spoken(number: int, parent: int | None = None, feature: str | None = None) -> Record:
    """A span that is a call, of trace 1."""
    said = {"feature": feature} if feature else {}
    (record,) = records_of(request(llm(number, parent, attributes=said)), ("feature",))
    return record


def of_spans(*heard: tuple[int, list[Record]]) -> Traces:
    found = Traces(HOUR, ("feature",))
    found.hear([Heard(at, spans=spans, dimensions=("feature",)) for at, spans in heard])
    return found


def test_spans_of_a_trace_are_taken_together_and_survive_a_restart() -> None:
    found = of_spans((NOON, [spoken(2, 1), spoken(3, 1)]))
    (changed,) = taken(found).values()
    assert len(changed.known.spans) == 2
    assert changed.closed == frozenset()
    restarted = again(found, ("feature",))
    assert not taken(restarted)
    restarted.hear([Heard(NOON + 1, spans=[spoken(1)], dimensions=("feature",))])
    (changed,) = taken(restarted).values()
    assert changed.known.spans.keys() == {spoken(number).id for number in (1, 2, 3)}
    assert restarted.open == 0


def test_a_span_that_comes_again_takes_no_more_memory() -> None:
    found = of_spans((NOON, [spoken(1)]))
    taken(found)
    size = found.size
    found.hear([Heard(NOON, spans=[spoken(1)] * 5, dimensions=("feature",))])
    assert found.size > size
    taken(found)
    assert found.size == size


def test_traces_that_wait_for_a_span_are_let_go_after_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many complete ones come, the root of an incomplete one is still awaited; up to a bound of its own."""
    found = Traces(HOUR, ("feature",))
    for number in range(10):
        waits, whole = spoken(2, 1), spoken(1)
        waits.trace_id, whole.trace_id = f"waits-{number}", f"whole-{number}"
        found.hear([Heard(NOON + number, spans=[waits, whole], dimensions=("feature",))])
    taken(found)
    monkeypatch.setattr(traces, "REMEMBERED_BYTES", 0)
    found.forget(NOON + 10)
    assert held_names(found) == [f"waits-{number}" for number in range(10)]
    monkeypatch.setattr(traces, "AWAITED_BYTES", found._awaited // 2)
    found.forget(NOON + 10)
    assert held_names(found) == [f"waits-{number}" for number in range(5, 10)]
    found.forget(NOON + 7 + HOUR)
    assert held_names(found) == ["waits-8", "waits-9"]


def held_names(found: Traces) -> list[str]:
    return [records.kept(payload, ("feature",)).trace for payload in found.held()][1:]


def test_spans_of_other_dimensions_are_moved_to_those_of_now() -> None:
    said = {"feature": "rag", "langsmith.metadata.team": "cx", "env": "prod"}
    (record,) = records_of(request(llm(1, attributes=said)), ("feature", "env"))
    heard = Heard(NOON, spans=[record], dimensions=("feature", "env"))
    (moved,) = records.heard(records.packed(heard), ("team", "env")).spans
    assert moved.call is not None
    assert (moved.call.dimensions, moved.call.attributed) == (("cx", "prod"), ("call", "call"))
    assert moved.call.metadata == '{"feature":"rag"}'
    assert moved.ancestor.dimensions == (None, "prod")


def test_a_spool_that_was_written_before_there_were_spans_is_read() -> None:
    found = Traces(HOUR, ("feature",))
    for is_state, file in spool.recovered(DATA / "before_spans"):
        if is_state:
            for payload in file:
                found.recall(records.kept(payload, ("feature",)))
        else:
            found.hear(records.heard(payload, ("feature",)) for payload in file)
            assert file.torn == 4
    assert found.project("p") == "a project"
    (changed,) = taken(found).values()
    assert changed.known.runs.keys() == {"root", "one", "two"}
    assert not changed.known.unended()


def test_records_of_another_kind_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        records.heard(b"\x93\x01\x02\x03", ())
