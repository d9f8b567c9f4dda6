"""What is known of a run does not depend on how its events came; and it becomes the right calls."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.ingested import OTHER, RUN, calls, held, patched, posted, run
from tests.wire.payloads import DIMENSIONS, tokens

from whyspend.wire.ingest import (
    MOST_VERSIONS,
    Event,
    Held,
    calls_of,
    dropped_of,
    event_of_run,
    is_ended,
    merged,
    to_run,
    trace_of,
)

END = "2026-11-22T04:55:26.355379+00:00"
USAGE = {"input_tokens": 1200, "output_tokens": 300, "input_token_details": {"cache_read": 1024}}


def metadata(**values: object) -> dict[str, object]:
    return {"metadata": values}


def one(*events: Event) -> Held:
    return held(events)[RUN]


def test_usage_that_comes_only_with_the_patch_counts_whichever_comes_first() -> None:
    post = posted(end_time=None, extra=metadata(feature="search", ls_model_name="gpt-4o-mini"), outputs={})
    patch = patched(
        end_time=END, extra=metadata(usage_metadata=USAGE), dotted_order=f"20261122T045525355379Z{RUN}"
    )
    for events in ([post, patch], [patch, post], [patch, post, patch, post]):
        (call,) = calls(events)
        assert tokens(call) == {"input": 176, "cache_read": 1024, "output": 300}
        assert (call.model_requested, call.dimensions[0]) == ("gpt-4o-mini", "search")


def test_an_empty_value_never_overwrites_a_full_one() -> None:
    full = posted(
        extra=metadata(feature="search", usage_metadata=USAGE), tags=["a"], error="ValueError('no')"
    )
    empty = patched(
        extra={}, tags=[], outputs={}, name="", run_type=None, error=None, start_time=None, parent_run_id=None
    )
    whole = to_run(one(full, empty))
    assert (whole.metadata["feature"], whole.tags, whole.name) == ("search", ["a"], "ChatOpenAI")
    assert (whole.status, whole.error_kind) == ("error", "ValueError")
    assert whole.metadata["usage_metadata"].input_tokens == 1200
    assert calls([full, empty]) == calls([full])


def test_metadata_is_merged_key_by_key_and_the_patch_wins() -> None:
    whole = to_run(
        one(
            patched(extra=metadata(env="test", user_tier="pro")),
            posted(extra=metadata(feature="x", env="dev")),
        )
    )
    assert whole.metadata == {"feature": "x", "env": "test", "user_tier": "pro"}


def test_of_two_patches_the_one_that_ended_later_wins() -> None:
    early, late = patched(end_time=END, name="early"), patched(end_time="2026-11-22T05:00:00Z", name="late")
    assert to_run(one(late, early)).name == to_run(one(early, late)).name == "late"


def test_what_was_known_already_gives_the_same_object() -> None:
    known = merged(merged(None, posted()), patched(extra=metadata(a=1)))
    assert merged(known, posted()) is known
    assert merged(known, patched(extra=metadata(a=1))) is known
    assert merged(known, patched(extra=metadata(b=1))) is not known


def test_a_run_has_ended_once_anything_says_so() -> None:
    assert not is_ended(one(posted(end_time=None)))
    assert is_ended(one(posted(end_time=None), patched(end_time=END)))
    assert is_ended(one(posted(end_time=None), patched(error="TimeoutError: late")))


def test_a_pending_status_of_the_post_does_not_outlive_the_end() -> None:
    (call,) = calls([posted(end_time=None, status="pending"), patched(end_time=END)])
    assert call.status == "success"


def test_a_patch_of_few_fields_does_not_say_its_trace() -> None:
    assert trace_of(patched(end_time=END)) is None
    assert trace_of(one(patched(end_time=END), posted(trace_id=None, dotted_order=None))) == RUN
    assert (
        trace_of(patched(dotted_order=f"20261122T045525355379Z{OTHER}.20261122T045525355379Z{RUN}")) == OTHER
    )


def test_a_run_that_never_ends_is_a_call_only_once_it_is_closed() -> None:
    trace = held([posted(end_time=None, extra=metadata(feature="search"))])
    assert calls_of(trace, source="c", dimensions=DIMENSIONS) == []
    (call,) = calls_of(trace, source="c", dimensions=DIMENSIONS, closed={RUN})
    assert (call.status, call.error_kind, call.usage_flag) == ("error", "NeverEnded", "missing")
    assert (call.dimensions[0], call.latency_ms, tokens(call)) == ("search", None, {})


def test_a_closed_run_that_ends_after_all_is_what_it_is() -> None:
    trace = held([posted(end_time=None), patched(end_time=END, extra=metadata(usage_metadata=USAGE))])
    (call,) = calls_of(trace, source="c", dimensions=DIMENSIONS, closed={RUN})
    assert (call.status, call.prompt_total) == ("success", 1200)


def below(run_id: str, **fields: object) -> Event:
    """An LLM run below RUN."""
    dotted = f"20261122T045525355379Z{RUN}.20261122T045525400000Z{run_id}"
    body = run(id=run_id, dotted_order=dotted, parent_run_id=RUN, session_name=None, **fields)
    return event_of_run(json.dumps(body).encode(), "post", dimensions=DIMENSIONS)


def test_calls_inherit_tags_thread_and_project_from_the_runs_above_them() -> None:
    root = posted(run_type="chain", name="agent", extra=metadata(feature="search", session_id="t1"))
    (call,) = calls([below(OTHER, extra=metadata(usage_metadata=USAGE, env="prod")), root])
    assert (call.dimensions, call.attributed) == (("search", "prod", None), ("root", "call", None))
    assert (call.thread_id, call.project, call.root_name, call.trace_id) == ("t1", "proj", "agent", RUN)


def test_a_parent_known_only_by_its_id_is_followed_to_the_root() -> None:
    middle = "01a2019b-ebab-7526-995b-dddc180ff191"
    chain = [
        posted(run_type="chain", extra=metadata(feature="search"), dotted_order=None),
        below(middle, run_type="chain"),
        below(OTHER, extra=metadata(usage_metadata=USAGE)),
    ]
    chain[1].parent_ids, chain[2].parent_ids = (RUN,), (middle,)
    (call,) = calls(chain)
    assert (call.parent_id, call.dimensions[0], call.attributed[0]) == (middle, "search", "root")


def test_runs_that_are_each_others_parents_end_somewhere() -> None:
    around = posted(extra=metadata(usage_metadata=USAGE), dotted_order=None, parent_run_id=OTHER)
    inner = below(OTHER, extra=metadata(usage_metadata={"input_tokens": 1}))
    assert len(calls_of(held([around, inner]), source="c", dimensions=DIMENSIONS)) <= 2


def test_an_outer_run_with_the_same_usage_is_dropped_once_the_inner_one_has_ended() -> None:
    outer = posted(extra=metadata(usage_metadata=USAGE))
    trace = held([outer])
    assert [call.call_id for call in calls_of(trace, source="c", dimensions=DIMENSIONS)] == [RUN]
    assert dropped_of(trace) == []
    trace |= held([below(OTHER, extra=metadata(usage_metadata=USAGE))])
    assert [call.call_id for call in calls_of(trace, source="c", dimensions=DIMENSIONS)] == [OTHER]
    assert dropped_of(trace) == [(1795323325355379, RUN)]


def test_a_run_without_a_start_starts_where_its_dotted_order_says_or_when_it_was_received() -> None:
    assert to_run(one(posted(start_time=None))).started_at == 1795323325355379
    bare = posted(start_time=None, dotted_order=None, end_time=None)
    bare.received_at = 7
    later = posted(start_time=None, dotted_order=None, end_time=None)
    later.received_at = 9
    assert to_run(one(later, bare)).started_at == 7


def test_times_of_javascript_are_milliseconds() -> None:
    whole = to_run(one(posted(start_time=1795323325355, end_time=1795323326355)))
    assert (whole.started_at, whole.ended_at) == (1795323325355000, 1795323326355000)


def test_a_project_that_nobody_named_is_the_default_one() -> None:
    (call,) = calls([posted(session_name=None)])
    assert call.project == "default"


def test_costs_that_the_application_reports_are_kept_exactly() -> None:
    (call,) = calls([posted(run_type="tool", extra=metadata(usage_metadata={"total_cost": 0.0015}))])
    assert (call.kind, call.reported_cost) == ("tool", 1_500_000_000)


def test_an_old_wrapper_of_anthropic_leaves_the_cache_out_of_the_input() -> None:
    extra = {
        "metadata": {
            "ls_provider": "anthropic",
            "ls_method": "traceable",
            "usage_metadata": {
                "input_tokens": 2000,
                "output_tokens": 10,
                "input_token_details": {"cache_read": 1500},
            },
        },
        "runtime": {"sdk": "langsmith-py", "sdk_version": "0.7.13"},
    }
    (call,) = calls([posted(extra=extra)])
    assert (call.prompt_total, call.usage_flag) == (3500, "additive")
    extra["runtime"] = {"sdk": "langsmith-py", "sdk_version": "0.7.14"}
    assert calls([posted(extra=extra)])[0].prompt_total == 2000


words = st.sampled_from(["", "a", "b"])
ends = st.sampled_from([None, END, "2026-11-22T05:00:00Z"])
scalars = st.none() | words | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2)
usages = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": st.integers(0, 12),
        "output_tokens": st.integers(0, 12),
        "total_cost": st.just(1),
    },
)
bodies = st.fixed_dictionaries(
    {
        "end_time": ends,
        "name": words,
        "error": st.sampled_from([None, "ValueError: x", "KeyError: y"]),
        "status": st.sampled_from([None, "success", "error"]),
        "parent_run_ids": st.lists(st.sampled_from([OTHER, RUN]), max_size=2),
        "tags": st.lists(words, max_size=2),
        "outputs": st.fixed_dictionaries({}, optional={"usage_metadata": usages, "model": words}),
        "extra": st.just({})
        | st.fixed_dictionaries(
            {"metadata": st.dictionaries(st.sampled_from(["feature", "env", "k"]), scalars, max_size=3)}
        )
        | st.fixed_dictionaries({"metadata": st.fixed_dictionaries({"usage_metadata": usages})}),
    }
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    op = draw(st.sampled_from(["post", "patch"]))
    body = json.dumps(draw(bodies)).encode()
    event = event_of_run(body, "post" if op == "post" else "patch", RUN, dimensions=DIMENSIONS)
    event.received_at = draw(st.none() | st.integers(1, 3))
    return event


@given(st.lists(events(), min_size=1, max_size=7), st.data())
def test_the_same_events_give_the_same_run_in_any_order_and_however_often_they_come(
    said: list[Event], data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*said, *data.draw(st.lists(st.sampled_from(said), max_size=5))]))
    assert as_text(one(*said)) == as_text(one(*again))
    assert to_run(one(*said)) == to_run(one(*again))
    assert len(one(*said).versions) <= MOST_VERSIONS


@given(st.lists(events(), min_size=1, max_size=5))
def test_merging_changes_neither_of_its_arguments(said: list[Event]) -> None:
    before = msgspec.json.encode(said)
    known = one(*said)
    text = as_text(known)
    merged(known, said[0])
    merged(known, posted(name="another"))
    assert msgspec.json.encode(said) == before
    assert as_text(known) == text


def as_text(run: Held) -> Any:
    """All that is held, with the type of each value: 1, 1.0 and true are not the same."""
    return json.dumps(msgspec.to_builtins(run), sort_keys=True)


def test_a_run_that_is_patched_without_end_stays_small() -> None:
    versions = [patched(end_time=1795323325355 + at, name=str(at)) for at in range(100)]
    known = one(*versions)
    assert len(known.versions) == MOST_VERSIONS
    assert to_run(known).name == "99"
