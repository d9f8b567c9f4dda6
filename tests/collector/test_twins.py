"""Calls that LangSmith's SDK tells as runs and as spans count once, whichever comes first."""

import time

import msgspec
import pytest
from tests.collector.test_traces import HOUR, NOON

from whyspend.collector import twins
from whyspend.collector.records import Heard, kept
from whyspend.collector.settling import settled
from whyspend.collector.traces import Traces
from whyspend.collector.twins import Twins
from whyspend.model import Batch
from whyspend.wire.ingest import Event
from whyspend.wire.otlp import Record, Span, to_record

DIMENSIONS = ("feature",)


def run(number: int, name: str = "model") -> Event:
    at = (NOON + number) * 1_000_000
    return Event(
        op="post",
        run_id=f"run-{number}",
        trace_id=f"run-{number}",
        name=name,
        run_type="llm",
        started_at=at,
        ended_at=at + 40_000,
    )


def span(
    number: int,
    off: int = 0,
    scope: str = "langsmith",
    name: str = "model",
    response: str = "",
    trace: str = "",
    parent: str | None = None,
) -> Record:
    at = (NOON + number) * 1_000_000 + off
    found = Span(
        trace_id=trace or f"{number:032x}",
        span_id=f"{number:016x}",
        parent_id=parent,
        name=name,
        start=at,
        end=at + 40_000,
        failed=False,
        error_type=None,
        first_token=None,
        scope=scope,
        scope_version="",
        attributes={"gen_ai.operation.name": "chat", "gen_ai.response.id": response},
        resource={},
    )
    record = to_record(found, source="collector", dimensions=DIMENSIONS)
    assert record is not None
    return record


def said(found: Traces, *told: Event | Record) -> None:
    events = [one for one in told if isinstance(one, Event)]
    spans = [one for one in told if isinstance(one, Record)]
    found.hear([Heard(NOON, events, spans=spans)])


def published(found: Traces, apart: Twins) -> Batch:
    """As the publisher does it."""
    batch = apart.apart(settled(changed, "collector", DIMENSIONS) for changed in found.take(NOON, 1000)[0])
    if apart.began():
        found.all_again()
    return batch


def ids(batch: Batch) -> tuple[list[str], list[str]]:
    return sorted(call.call_id for call in batch.calls), sorted({call_id for _, call_id in batch.dropped})


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_span_of_a_run_that_came_before_it_is_no_call(off: int) -> None:
    found, apart = Traces(HOUR), Twins()
    said(found, run(1), run(2))
    assert ids(published(found, apart)) == (["run-1", "run-2"], [])
    said(found, span(1, off), span(3))
    published(found, apart)  # what is held is looked at again
    assert ids(published(found, apart)) == ([span(3).id, "run-1", "run-2"], [span(1).id])


def test_a_span_that_came_before_its_run_is_taken_out_and_stays_out() -> None:
    found, apart = Traces(HOUR), Twins()
    said(found, span(1), span(3))
    assert ids(published(found, apart)) == ([span(1).id, span(3).id], [])
    said(found, run(1))
    published(found, apart)
    said(found, run(1))
    assert ids(published(found, apart)) == (["run-1"], [span(1).id])
    said(found, span(1))
    assert ids(published(found, apart)) == ([], [span(1).id])


def test_calls_of_a_batch_that_are_alike_in_everything_stay_as_many_as_they_are() -> None:
    """A coarse clock says the same start and duration of all of them."""
    numbers = range(5)
    spans = [span(1, trace=f"{number:032x}") for number in numbers]
    runs = [msgspec.structs.replace(run(1), run_id=f"run-{n}", trace_id=f"run-{n}") for n in numbers]
    for first, second in ((spans, runs), (runs, spans)):
        found, apart, ledger = Traces(HOUR), Twins(), set[str]()
        for told in (first, [], second, []):
            said(found, *told)
            calls, dropped = ids(published(found, apart))
            ledger = (ledger | set(calls)) - set(dropped)
        assert ledger == {f"run-{number}" for number in numbers}


def test_other_spans_and_other_moments_are_other_calls() -> None:
    found, apart = Traces(HOUR), Twins()
    said(found, run(1), span(1, off=5), span(2, scope="openai"))
    said(found, run(4), span(4, name="another"))
    published(found, apart)
    assert ids(published(found, apart))[0] == sorted(["run-1", "run-4", span(1).id, span(2).id, span(4).id])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", ["anthropic", "langsmith"])
def test_a_response_that_another_sdk_tells_in_a_trace_of_its_own_counts_for_its_owner(
    first: str, together: bool
) -> None:
    found, apart, ledger = Traces(HOUR), Twins(), set[str]()
    both = [span(1, scope="langsmith", response="r"), span(2, scope="anthropic", response="r")]
    both = both if first == "langsmith" else both[::-1]
    for some in [both, []] if together else [both[:1], both[1:], []]:
        said(found, *some)
        calls, dropped = ids(published(found, apart))
        ledger = (ledger | set(calls)) - set(dropped)
    assert ledger == {span(1).id}


def test_spans_below_a_run_that_is_a_call_tell_of_that_call() -> None:
    """The SDK sets the context of other instrumentations by the digits of the run's id and of its trace."""
    uuid = "01a229dd-cb62-737a-bea8-bb9924c1a6b5"
    digits = uuid.replace("-", "")
    found, apart = Traces(HOUR), Twins()
    outer = span(2, scope="httpx", trace=digits, parent=digits[:16])
    inner = span(3, scope="anthropic", trace=digits, parent=outer.id[-16:])
    beside = span(4, scope="anthropic", trace=digits, parent="f" * 16)
    call = run(1)
    call.run_id = call.trace_id = uuid
    said(found, inner)
    assert ids(published(found, apart)) == ([inner.id], [])
    said(found, outer, beside, call)
    assert ids(published(found, apart)) == (sorted([uuid, beside.id]), sorted([inner.id, outer.id]))


def test_spans_a_thousand_deep_below_a_run_take_no_longer_than_beside_it() -> None:
    """Each is looked at once: 30,000 of them took half a minute when each level looked at all."""
    uuid = "01a229dd-cb62-737a-bea8-bb9924c1a6b5"
    digits = uuid.replace("-", "")
    call = run(1)
    call.run_id = call.trace_id = uuid
    chain = [span(2, trace=digits, parent=digits[:16])]
    chain += [span(number, trace=digits, parent=f"{number - 1:016x}") for number in range(3, 30_000)]
    found = Traces(HOUR)
    said(found, call, *chain)
    ((changed,), _) = found.take(NOON, 100_000)
    began = time.thread_time()
    batch = settled(changed, "collector", DIMENSIONS)
    assert time.thread_time() - began < 5
    assert ([call.call_id for call in batch.calls], len(batch.dropped)) == ([uuid], len(chain))


def test_after_a_restart_the_runs_before_it_are_known() -> None:
    before, apart = Traces(HOUR), Twins()
    said(before, run(1))
    published(before, apart)
    found, apart = Traces(HOUR, DIMENSIONS), Twins()
    for payload in before.held():
        found.recall(kept(payload, DIMENSIONS))
    assert published(found, apart).calls == []
    said(found, span(1))
    published(found, apart)
    assert ids(published(found, apart)) == (["run-1"], [span(1).id])


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "MOST", 10)
    found, apart = Traces(HOUR), Twins()
    said(found, *(span(number) for number in range(100)), *(run(number) for number in range(200, 300)))
    published(found, apart)
    assert (len(apart._spans), len(apart._runs)) == (10, 10)
    said(found, *(span(number // 3, trace=f"{number + 500:032x}") for number in range(300)))
    published(found, apart)
    assert len(apart._spans) == 10 - 10 % 3, "calls that are alike are calls, too"
