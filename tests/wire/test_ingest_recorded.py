"""What real SDKs sent gives the calls that it means, however it is cut up."""

import msgspec
import pytest
from tests.wire.ingested import DATA, FOLDERS, calls, read, requests
from tests.wire.payloads import DIMENSIONS, tokens

from whyspend.model import Call
from whyspend.wire.ingest import Event
from whyspend.wire.langsmith import inherit, outer_runs, read_page, to_ancestor, to_call


def expected(folder: str) -> dict[str, Call]:
    """The calls among the runs as they were merged by the recorder, read as LangSmith's own answer is."""
    body = (DATA / folder / "merged.json").read_bytes()
    projects = {run["id"]: run["session_name"] for run in msgspec.json.decode(body)["runs"]}
    runs = read_page(body, "v1").runs
    above = {run.id: to_ancestor(run, DIMENSIONS) for run in runs}
    outer, found = outer_runs(runs), {}
    for run in runs:
        call = to_call(run, source="collector", project=projects[run.id], dimensions=DIMENSIONS)
        if call is not None and run.id not in outer:
            inherit(call, run.parent_ids, above)
            found[run.id] = call
    return found


@pytest.mark.parametrize("chunk", [64, 1000, 262_144])
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recorded_request_gives_the_calls_that_its_merged_runs_are(folder: str, chunk: int) -> None:
    events = [event for request in requests(folder) for event in read(request, chunk)]
    found = {call.call_id: call for call in calls(events)}
    for call in found.values():
        call.first_token_ms = None  # events, which say it, are left out of LangSmith's answers
    assert found == expected(folder)
    assert found


@pytest.mark.parametrize("folder", FOLDERS)
def test_recorded_requests_may_come_twice_and_in_any_order(folder: str) -> None:
    events = [event for request in requests(folder) for event in read(request)]
    again = [*reversed(events), *events]
    by_id = {call.call_id: call for call in calls(again)}
    assert by_id == {call.call_id: call for call in calls(events)}


def test_the_zstd_recording_counts_every_call_with_tokens_model_and_tags() -> None:
    found = calls([event for request in requests("zstd") for event in read(request)])
    counted = [call for call in found if call.kind == "llm" and not call.usage_flag]
    assert len(found) == 35
    assert {call.model_answered or call.model_requested for call in counted} == {
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-mini",  # outputs were hidden
    }
    usual = {"input": 176, "cache_read": 1024, "output": 172, "reasoning": 128}
    assert [tokens(call) for call in counted] == [usual] * 30
    assert sorted(call.dimensions[0] or "" for call in found if call.usage_flag == "missing") == [
        "A2-stream-default",
        "E-openai-stream-nousage",
    ]
    assert [call.price_context for call in found if call.name == "my-custom-name"] == ["service_tier=flex"]
    assert {call.reported_cost for call in found if call.kind == "tool"} == {1_500_000_000}


def test_a_streamed_call_says_when_its_first_token_came() -> None:
    found = calls([event for request in requests("zstd") for event in read(request)])
    streamed = [call for call in found if (call.dimensions[0] or "").startswith("A2-stream")]
    assert [call.first_token_ms for call in streamed] == [51, 4]


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_event_comes_back_from_msgpack_and_json_as_it_was(folder: str) -> None:
    for request in requests(folder):
        for event in read(request):
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=Event) == event
            assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event
