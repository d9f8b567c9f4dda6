"""Laws that hold for any run."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.payloads import DIMENSIONS, Json, call_of, counted, run_of, v1_run, v2_run, written

from whyspend.model import Call
from whyspend.wire.langsmith import to_call

INPUT = tuple(name for name in Call.__struct_fields__ if name.startswith(("input_", "cache_")))
OUTPUT = (
    *(name for name in Call.__struct_fields__ if name.startswith("output_")),
    "reasoning_tokens",
    "citation_tokens",
)
KINDS = [
    "audio",
    "cache_creation",
    "cache_read",
    "cache_read_over_200k",
    "cache_write",
    "ephemeral_1h_input_tokens",
    "ephemeral_5m_input_tokens",
    "flex",
    "flex_cache_creation",
    "flex_cache_read",
    "image",
    "new_kind",
    "over_200k",
    "priority",
    "priority_cache_read",
    "text",
    "video",
    "reasoning",
    "flex_reasoning",
    "citation_tokens",
    "accepted_prediction_tokens",
]

counts = st.integers(0, 2000)
odd = (
    counts
    | st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
details = st.dictionaries(st.sampled_from(KINDS), counts, max_size=5)
odd_details = st.dictionaries(st.sampled_from(KINDS) | st.text(max_size=5), odd, max_size=5)


def adds_up(call: Call) -> bool:
    given_tokens = sum(getattr(call, name) for name in INPUT)
    made_tokens = sum(getattr(call, name) for name in OUTPUT)
    return (given_tokens, made_tokens) == (call.prompt_total, call.completion_total)


def assert_honest(call: Call) -> None:
    assert "contradiction" in (call.usage_flag or "") or adds_up(call)
    assert all(0 <= getattr(call, name) < 2**60 for name in (*INPUT, *OUTPUT))


@given(counts, counts, details, details, counts | st.none())
def test_buckets_add_up_to_the_totals_or_a_contradiction_is_flagged(
    prompt: int, completion: int, given_details: Json, made_details: Json, total: int | None
) -> None:
    assert_honest(counted(prompt, completion, given_details, made_details, total_tokens=total))


@given(odd, odd, odd_details, odd_details, odd)
def test_whatever_an_application_writes_as_usage_is_honest(
    prompt: Any, completion: Any, given_details: Json, made_details: Json, total: Any
) -> None:
    usage = {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": total,
        "input_token_details": given_details,
        "output_token_details": made_details,
    }
    assert_honest(written(usage))


@given(counts, counts, details)
def test_details_that_fit_leave_the_totals_alone(prompt: int, completion: int, given_details: Json) -> None:
    call = counted(prompt, completion, given_details, total_tokens=prompt + completion)
    if call.usage_flag is None and call.usage_source:
        assert (call.prompt_total, call.completion_total) == (prompt, completion)


@given(details, details)
def test_reading_a_run_twice_gives_the_same_call(given_details: Json, made_details: Json) -> None:
    run = run_of(v2_run(prompt_tokens=900, completion_tokens=90, prompt_token_details={"raw": given_details}))
    first = to_call(run, source="prod", project="chat", dimensions=DIMENSIONS)
    assert first == to_call(run, source="prod", project="chat", dimensions=DIMENSIONS)


@given(details, details, st.none() | counts)
def test_the_shape_of_the_api_does_not_matter(
    given_details: Json, made_details: Json, total: int | None
) -> None:
    same: Json = {"prompt_tokens": 900, "completion_tokens": 90, "total_tokens": total, "total_cost": 0.25}
    new = v2_run(
        **same, prompt_token_details={"raw": given_details}, completion_token_details={"raw": made_details}
    )
    old = v1_run(**same, prompt_token_details=given_details, completion_token_details=made_details)
    assert call_of(new) == call_of(old | {"total_cost": "0.2500"}, "v1")


MARKER = "the text of a prompt"


@given(
    st.recursive(
        st.just(MARKER),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["generations", "message", "kwargs", "content", "usage", "text"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_no_text_of_inputs_outputs_or_errors_gets_into_a_call(tree: Any) -> None:
    usage = {"input_tokens": MARKER, "note": MARKER, "input_token_details": {"cache_read": MARKER, MARKER: 3}}
    generation = {"text": MARKER, "message": {"kwargs": {"content": tree, "usage_metadata": usage}}}
    for outputs in (
        tree,
        {"generations": [[generation]], "llm_output": tree},
        {"usage_metadata": usage, "x": tree},
    ):
        run = v1_run(
            inputs=tree, outputs=outputs, events=tree, serialized=tree, error=f"{MARKER} (x)", status="ERROR"
        )
        call = call_of(run | {"prompt_tokens": 5, "prompt_token_details": {"cache_read": 9}}, "v1")
        assert MARKER not in msgspec.json.encode(call).decode()
        assert MARKER not in json.dumps(msgspec.to_builtins(call))
