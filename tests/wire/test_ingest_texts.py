"""No text of a prompt, an answer or an error is in what is kept of a request."""

import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.ingested import RUN, calls, multipart, part, read_multipart, run
from tests.wire.payloads import DIMENSIONS, Json

from whyspend.wire._outputs import _at_once, _piece_by_piece, _Response
from whyspend.wire.ingest import Event, Parts, event_of_run, events_of_batch

WORD = "SECRETMARKER"
TEXT = f"please {WORD} summarize"

MESSAGE = {
    "lc": 1,
    "type": "constructor",
    "id": [TEXT],
    "kwargs": {"content": TEXT, "additional_kwargs": {TEXT: TEXT}},
}
ODD_USAGE = {
    "input_tokens": TEXT,
    "output_tokens": [TEXT],
    "total_tokens": {TEXT: TEXT},
    "input_token_details": {TEXT: 5, "cache_read": TEXT, f"x-{WORD}": 1},
    "output_token_details": [TEXT],
    "input_cost": TEXT,
    "total_cost": {TEXT: 1},
}
OUTPUTS = {
    WORD: WORD,
    "output": WORD,
    "model": TEXT,
    "service_tier": TEXT,
    "usage": {"speed": TEXT, "service_tier": [TEXT], "server_tool_use": {"web_search_requests": TEXT}},
    "usage_metadata": ODD_USAGE,
    "llm_output": {
        "model_name": TEXT,
        "token_usage": {"prompt_tokens": TEXT, "prompt_tokens_details": {TEXT: TEXT}},
    },
    "generations": [
        [
            {
                "text": WORD,
                "generation_info": {"finish_reason": TEXT, "model_name": {TEXT: 1}},
                "message": MESSAGE | {"kwargs": {"content": WORD, "response_metadata": {"model_name": TEXT}}},
            }
        ]
    ],
}
EVENTS: list[Json] = [
    {"name": "new_token", "time": TEXT, "kwargs": {"token": WORD}},
    {"name": "new_token", "time": "2026-11-22T04:55:25.400000+00:00", "kwargs": {"token": TEXT}},
]
EXTRA = {
    "metadata": {
        "feature": "search",
        "question": TEXT * 40,
        "nested": {TEXT: TEXT},
        "list": [TEXT],
        "usage_metadata": ODD_USAGE,
    },
    "invocation_params": {"model": TEXT, "tools": [{"description": TEXT}], "messages": [TEXT]},
    "options": {"stop": [TEXT]},
    "runtime": {"sdk": "langsmith-py", "sdk_version": TEXT, "platform": TEXT},
}
ERROR = f'RateLimitError("{TEXT}")Traceback (most recent call last): {TEXT}'


def in_multipart() -> list[Event]:
    return read_multipart(
        multipart(
            part(f"post.{RUN}", run(serialized={"kwargs": TEXT}, unknown=TEXT, inputs=TEXT, session_id=TEXT)),
            part(f"post.{RUN}.inputs", {"messages": [MESSAGE]}),
            part(f"post.{RUN}.outputs", OUTPUTS),
            part(f"post.{RUN}.events", EVENTS),
            part(f"post.{RUN}.error", json.dumps(ERROR).encode()),
            part(f"post.{RUN}.serialized", {"repr": TEXT}),
            part(f"post.{RUN}.extra", EXTRA),
            part(f"attachment.{RUN}.{WORD}", TEXT.encode()),
            part("feedback.01a2019b-ebab-7526-995b-dddc180ff111", {"comment": TEXT}),
        )
    )


def in_one_body() -> Json:
    inner: Json = {
        "outputs": OUTPUTS,
        "events": EVENTS,
        "error": ERROR,
        "extra": EXTRA,
        "attachments": {WORD: TEXT},
    }
    return run(inputs={"messages": [MESSAGE]}, serialized={"repr": TEXT}, child_runs=[TEXT], **inner)


def in_batch() -> list[Event]:
    return events_of_batch(json.dumps({"post": [in_one_body()]}).encode(), dimensions=DIMENSIONS)


def in_run() -> list[Event]:
    return [event_of_run(json.dumps(in_one_body()).encode(), "post", dimensions=DIMENSIONS)]


@pytest.mark.parametrize("sent", [in_multipart, in_batch, in_run])
def test_no_text_of_a_prompt_an_answer_or_an_error_is_kept(sent: Any) -> None:
    (event,) = sent()
    assert event.metadata == {"feature": "search"}
    assert (event.status, event.error_kind, event.reply and event.reply.model) == (
        "error",
        "RateLimitError",
        None,
    )
    for encoded in (
        msgspec.msgpack.encode(event),
        msgspec.json.encode(event),
        msgspec.json.encode(calls([event])),
    ):
        assert WORD.encode() not in encoded


def test_a_reader_of_parts_holds_no_text_when_a_part_is_over() -> None:
    parts = Parts("multipart/form-data; boundary=b", dimensions=DIMENSIONS)
    found = parts.feed(f'--b\r\nContent-Disposition: form-data; name="post.{RUN}.outputs"\r\n\r\n'.encode())
    found += parts.feed(json.dumps(OUTPUTS).encode())
    found += parts.feed(b"\r\n--b")
    found += parts.feed(b"--\r\n" + TEXT.encode())
    assert WORD.encode() not in pickle.dumps([vars_of(parts), msgspec.to_builtins(found)])


def vars_of(parts: Parts) -> list[Any]:
    return [bytes(value) for value in vars(parts).values() if isinstance(value, (bytes, bytearray))]


def test_one_word_that_a_chain_returns_as_its_model_is_not_kept() -> None:
    body = run(run_type="chain", outputs={"model": WORD, "service_tier": WORD})
    event = event_of_run(json.dumps(body).encode(), "post", dimensions=DIMENSIONS)
    assert WORD.encode() not in msgspec.msgpack.encode(event)


def test_a_long_value_of_a_dimension_is_cut_and_any_other_long_one_left_out() -> None:
    body = run(extra={"metadata": {"feature": "f" * 300, "question": "q" * 257, "note": "n" * 256}})
    event = event_of_run(json.dumps(body).encode(), "post", dimensions=DIMENSIONS)
    assert event.metadata == {"feature": "f" * 256, "note": "n" * 256}


keys = st.sampled_from(
    [
        *("usage_metadata", "generations", "llm_output", "message", "kwargs", "response_metadata", "usage"),
        *(
            "token_usage",
            "model",
            "model_name",
            "service_tier",
            "generation_info",
            "input_tokens",
            "output_tokens",
        ),
        *("input_token_details", "prompt_tokens", "prompt_tokens_details", "cached_tokens", "text", TEXT),
    ]
)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.just(TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(anything, anything, st.sampled_from(["llm", "chain"]))
def test_whatever_an_application_returns_no_text_of_it_is_kept_and_it_can_be_stored(
    outputs: Any, usage: Any, kind: str
) -> None:
    body = run(outputs=outputs, run_type=kind, extra={"metadata": {"usage_metadata": usage}})
    event = event_of_run(json.dumps(body).encode(), "post", dimensions=DIMENSIONS)
    encoded = msgspec.msgpack.encode(event)
    assert WORD.encode() not in encoded
    assert WORD.encode() not in msgspec.json.encode(calls([event]))
    assert msgspec.msgpack.decode(encoded, type=Event) == event


counts = st.dictionaries(
    st.sampled_from(["prompt_tokens", "completion_tokens", "input_tokens"]), st.integers(0, 9)
)
usages = st.none() | anything | counts
responses = (
    st.none()
    | anything
    | st.fixed_dictionaries({}, optional={"model": anything, "token_usage": usages, "usage": usages})
)
generations = st.fixed_dictionaries(
    {},
    optional={
        "text": st.just(TEXT),
        "generation_info": responses,
        "message": st.none()
        | st.fixed_dictionaries(
            {
                "kwargs": st.fixed_dictionaries(
                    {}, optional={"usage_metadata": usages, "response_metadata": responses}
                )
            }
        ),
    },
)
usual_outputs = st.fixed_dictionaries(
    {},
    optional={
        "usage_metadata": usages,
        "llm_output": responses,
        "model_name": st.none() | st.just("gpt"),
        "generations": st.lists(st.lists(generations, max_size=2), max_size=2),
    },
)


@given(anything | usual_outputs)
def test_outputs_read_at_once_say_what_they_say_piece_by_piece(outputs: Any) -> None:
    raw = msgspec.Raw(json.dumps(outputs).encode())
    at_once, piece_by_piece = _at_once(raw), _piece_by_piece(raw)
    if at_once is not None:
        assert piece_by_piece is not None
        at_once.top = [
            _Response(*(getattr(each, name) for name in _Response.__struct_fields__)) for each in at_once.top
        ]
        assert at_once == piece_by_piece


@given(anything, anything, anything)
def test_a_field_of_another_shape_is_taken_as_not_there(odd: Any, extra: Any, tags: Any) -> None:
    body = run(
        name=odd, start_time=odd, tags=tags, extra=extra, parent_run_ids=tags, error=odd, thread_id=odd
    )
    event = event_of_run(json.dumps(body).encode(), "post", dimensions=DIMENSIONS)
    assert (event.run_id, event.run_type) == (RUN, "llm")
    assert event.started_at
