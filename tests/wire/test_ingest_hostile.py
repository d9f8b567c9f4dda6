"""Bodies that are broken, huge or made to hurt: refused with a reason, or read as far as they make sense."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.ingested import (
    BOUNDARY,
    CONTENT_TYPE,
    FOLDERS,
    OTHER,
    RUN,
    calls,
    multipart,
    part,
    read_multipart,
    requests,
    run,
)
from tests.wire.payloads import DIMENSIONS, tokens

from whyspend.wire._run import read_page
from whyspend.wire.ingest import (
    LARGEST_BATCH,
    LARGEST_PART,
    MOST_PARTS,
    BodyError,
    Event,
    Parts,
    event_of_run,
    events_of,
    events_of_batch,
)

USAGE = {"input_tokens": 1200, "output_tokens": 300}
OUTPUTS = {"usage_metadata": USAGE}
RECORDED = [
    (each.body, each.content_type)
    for folder in FOLDERS
    for each in requests(folder)
    if each.path == "/runs/multipart" and len(each.body) < 20_000
]


def status_of(read: Callable[[], object]) -> int:
    with pytest.raises(BodyError) as refused:
        read()
    return refused.value.status


def batch(body: bytes) -> list[Event]:
    return events_of_batch(body, dimensions=DIMENSIONS)


def single(body: bytes) -> Event:
    return event_of_run(body, "post", dimensions=DIMENSIONS)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=x",
        f"multipart/form-data; boundary={'b' * 71}",
    ],
)
def test_what_is_no_multipart_is_refused(content_type: str) -> None:
    assert status_of(lambda: Parts(content_type, dimensions=())) == 400


@pytest.mark.parametrize(
    "content_type", [f'Multipart/Form-Data; charset=utf-8; Boundary="{BOUNDARY}"', CONTENT_TYPE + "; x=y"]
)
def test_a_boundary_may_be_quoted_and_stand_among_other_parameters(content_type: str) -> None:
    (event,) = read_multipart(multipart(part(f"post.{RUN}", run())), content_type)
    assert event.name == "ChatOpenAI"


def test_parts_of_a_run_may_come_in_any_order_and_between_those_of_others() -> None:
    parts = [
        part(f"post.{RUN}.outputs", OUTPUTS),
        part(f"patch.{OTHER}.extra", {"metadata": {"feature": "b"}}),
        part(f"post.{RUN}.extra", {"metadata": {"feature": "a"}}),
        part(f"patch.{OTHER}", run(id=OTHER, trace_id=OTHER)),
        part(f"post.{RUN}", run()),
        part(f"post.{RUN}.error", "TimeoutError('x')"),
    ]
    for ordered in (parts, parts[::-1]):
        found = {event.run_id: event for event in read_multipart(multipart(*ordered))}
        first, second = found[RUN], found[OTHER]
        assert (first.op, first.name, first.metadata, first.error_kind) == (
            "post",
            "ChatOpenAI",
            {"feature": "a"},
            "TimeoutError",
        )
        assert first.reply is not None
        assert first.reply.usage is not None
        assert (second.op, second.name, second.metadata) == ("patch", "ChatOpenAI", {"feature": "b"})


def test_a_run_that_is_patched_twice_in_one_body_gives_two_events() -> None:
    body = multipart(
        part(f"patch.{RUN}", run(name="first")),
        part(f"patch.{RUN}.extra", {"metadata": {"a": 1}}),
        part(f"patch.{RUN}", run(name="second")),
        part(f"patch.{RUN}.extra", {"metadata": {"a": 2}}),
    )
    assert [(event.name, event.metadata["a"]) for event in read_multipart(body)] == [
        ("first", 1),
        ("second", 2),
    ]


def test_parts_are_written_by_browsers_and_other_languages_too() -> None:
    content = json.dumps(run()).encode()
    for head in (
        f'content-disposition: form-data; filename="blob"; name="post.{RUN}"\r\ncontent-type: x; length=9',
        f"Content-Disposition: form-data; name=post.{RUN.upper()}",
        f'X-Other: 1\r\nContent-Disposition: form-data;\r\n name="post.{RUN}"',
    ):
        body = (
            b"preamble\r\n--"
            + BOUNDARY.encode()
            + b" \r\n"
            + head.encode()
            + b"\r\n\r\n"
            + content
            + b"\r\n"
            + multipart()
        )
        assert [event.run_id for event in read_multipart(body, chunk=7)] == [RUN]


def test_a_line_that_begins_like_the_boundary_is_text() -> None:
    answer = f"\r\n--{BOUNDARY}x and \r\n--{BOUNDARY[:-1]}"
    body = multipart(part(f"post.{RUN}.inputs", answer.encode()), part(f"post.{RUN}", run()))
    assert [event.run_id for event in read_multipart(body, chunk=5)] == [RUN]


def test_what_comes_after_the_end_is_not_read() -> None:
    body = multipart(part(f"post.{RUN}", run())) + multipart(part(f"post.{OTHER}", run()))
    assert [event.run_id for event in read_multipart(body)] == [RUN]


@given(st.sampled_from(RECORDED), st.integers(1, 3000), st.data())
def test_a_truncated_body_is_refused_wherever_it_ends(
    recorded: tuple[bytes, str], chunk: int, data: st.DataObject
) -> None:
    body, content_type = recorded
    cut = body[: data.draw(st.integers(0, len(body) - 5))]  # the last are "--\r\n"
    assert status_of(lambda: read_multipart(cut, content_type, chunk)) == 400


@given(st.sampled_from(RECORDED), st.integers(1, 100_000))
def test_chunks_of_any_size_give_the_same_events(recorded: tuple[bytes, str], chunk: int) -> None:
    body, content_type = recorded
    assert read_multipart(body, content_type, chunk) == read_multipart(body, content_type, len(body))


def test_a_wrong_boundary_is_refused() -> None:
    body = multipart(part(f"post.{RUN}", run()))
    assert status_of(lambda: read_multipart(body, "multipart/form-data; boundary=other")) == 400


@given(
    st.sampled_from(RECORDED),
    st.lists(st.tuples(st.integers(0), st.binary(max_size=9)), min_size=1, max_size=8),
    st.integers(1, 5000),
)
def test_a_garbled_body_is_read_or_refused_and_nothing_else(
    recorded: tuple[bytes, str], garbage: list[tuple[int, bytes]], chunk: int
) -> None:
    body, content_type = bytearray(recorded[0]), recorded[1]
    for at, junk in garbage:
        at %= len(body)
        body[at : at + len(junk)] = junk
    try:
        calls(read_multipart(bytes(body), content_type, chunk))
    except BodyError as refused:
        assert refused.status in (400, 413, 422)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b'{"post":[', b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name="]),
)
def test_any_bytes_are_read_or_refused_and_nothing_else(body: bytes, start: bytes) -> None:
    readers: list[Callable[[bytes], object]] = [
        batch,
        single,
        lambda b: read_multipart(b, "multipart/form-data; boundary=x"),
    ]
    for read in readers:
        try:
            read(start + body)
        except BodyError as refused:
            assert refused.status in (400, 413, 422)
            assert str(refused).isascii()


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_json_is_refused_or_read_past(depth: int) -> None:
    deep = nested(depth)
    whole = json.dumps(run()).encode()[:-1] + b',"extra":{"metadata":' + deep + b"}}"
    assert status_of(lambda: batch(deep)) == 422
    assert status_of(lambda: batch(b'{"post":[{"id":' + deep + b"}]}")) == 422
    for read in (lambda: single(whole), lambda: read_multipart(multipart(part(f"post.{RUN}", whole)))):
        try:
            read()
        except BodyError as refused:
            assert refused.status == 422
    body = multipart(
        part(f"post.{RUN}", run()), part(f"post.{RUN}.outputs", b'{"usage_metadata":' + deep + b"}")
    )
    (event,) = read_multipart(body, chunk=100_000)
    assert event.reply is None


@pytest.mark.parametrize("odd", [b'"\xff\xfe"', rb'"\ud83d"', b"NaN", b"1e999", b"[NaN, -Infinity]"])
def test_what_strict_json_forbids_is_mended(odd: bytes) -> None:
    extra = b'{"metadata":{"odd":' + odd + b',"feature":"search"}}'
    outputs = (
        b'{"odd":' + odd + b',"model":' + odd + b',"usage_metadata":{"input_tokens":12,"output_tokens":3}}'
    )
    whole = json.dumps(run()).encode()[:-1] + b',"extra":' + extra + b',"outputs":' + outputs + b"}"
    in_parts = multipart(
        part(f"post.{RUN}", run()), part(f"post.{RUN}.extra", extra), part(f"post.{RUN}.outputs", outputs)
    )
    for events in ([single(whole)], batch(b'{"post":[' + whole + b"]}"), read_multipart(in_parts)):
        (call,) = calls(events)
        assert (call.dimensions[0], tokens(call)) == ("search", {"input": 12, "output": 3})


def test_outputs_that_are_no_utf8_do_not_stop_a_page_of_runs() -> None:
    body = b'{"runs":[{"id":"1","outputs":{"model":"\xff","usage_metadata":{"input_tokens":12}}}]}'
    (found,) = read_page(body, "v1").runs
    assert found.answer is not None
    assert found.answer.usage is not None
    assert found.answer.usage.input_tokens == 12


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[1]",
        b'{"post":1}',
        b'{"post":[1]}',
        b'{"post":[{"name":"no id"}]}',
        b'{"post":[{"id":"a b"}]}',
        b'{"post":[{"id":"' + b"a" * 65 + b'"}]}',
    ],
)
def test_a_batch_that_is_none_is_refused(body: bytes) -> None:
    assert status_of(lambda: batch(body)) == (400 if body in (b"", b"x") else 422)


def test_an_empty_batch_has_no_events() -> None:
    assert batch(b"{}") == batch(b'{"post":null,"patch":[]}') == []


def test_a_part_without_a_name_or_with_endless_headers_is_refused() -> None:
    begin = f"--{BOUNDARY}\r\n".encode()
    assert status_of(lambda: read_multipart(begin + b"\r\n\r\nx")) == 400
    assert status_of(lambda: read_multipart(begin + b"Content-Type: text/plain\r\n\r\nx")) == 400
    assert status_of(lambda: read_multipart(begin + b"X: " + b"y" * 9000)) == 400
    assert status_of(lambda: read_multipart(multipart(part("post.no id", run())))) == 422


def test_too_many_parts_are_refused() -> None:
    tiny = part(f"post.{RUN}.inputs", b"")
    assert read_multipart(multipart(tiny * MOST_PARTS), chunk=100_000) == []
    assert status_of(lambda: read_multipart(multipart(tiny * 100_000), chunk=100_000)) == 413
    almost = part(f"post.{RUN}.inputs", f"\r\n--{BOUNDARY}x".encode() * 100_000)
    assert status_of(lambda: read_multipart(multipart(almost), chunk=100_000)) == 413
    assert status_of(lambda: batch(b'{"post":[' + b",".join(repeat(b"1", MOST_PARTS + 1)) + b"]}")) == 413


def test_a_run_that_is_too_long_is_refused_and_outputs_are_read_past() -> None:
    long = b'{"text":"' + b"a" * LARGEST_PART + b'","usage_metadata":{"input_tokens":12}}'
    for name in (f"post.{RUN}", f"post.{RUN}.extra"):
        assert status_of(lambda name=name: read_multipart(multipart(part(name, long)), chunk=100_000)) == 413  # type: ignore[misc]
    body = multipart(
        part(f"post.{RUN}", run()), part(f"post.{RUN}.outputs", long), part(f"post.{RUN}.inputs", long)
    )
    for chunk in (100_000, len(body)):
        (event,) = read_multipart(body, chunk=chunk)
        assert (event.unread_outputs, event.reply) == (True, None)
    assert single(json.dumps(run()).encode()[:-1] + b',"outputs":' + long + b"}").unread_outputs
    assert status_of(lambda: single(json.dumps(run()).encode()[:-1] + b',"extra":' + long + b"}")) == 413
    odd = json.dumps(run(tags=1, inputs="a" * LARGEST_PART)).encode()
    assert status_of(lambda: single(odd)) == 422
    assert single(json.dumps(run(inputs="a" * LARGEST_PART)).encode()).name == "ChatOpenAI"
    assert status_of(lambda: batch(b" " * (LARGEST_BATCH + 1))) == 413


def test_the_class_of_an_error_and_the_first_token_stand_at_the_beginning_of_long_parts() -> None:
    tokens_of = [{"name": "start", "time": "2026-11-22T04:55:25Z"}]
    tokens_of += [{"name": "new_token", "time": f"2026-11-22T04:55:26.{at:06}Z"} for at in range(5000)]
    error = json.dumps("openai.RateLimitError('slow down') " + "traceback " * 9000).encode()
    body = multipart(
        part(f"post.{RUN}", run()), part(f"post.{RUN}.events", tokens_of), part(f"post.{RUN}.error", error)
    )
    for chunk in (100, 100_000, len(body)):
        (event,) = read_multipart(body, chunk=chunk)
        assert (event.error_kind, event.first_token_at) == ("RateLimitError", 1795323326000000)


@pytest.mark.parametrize("time", [b'"soon"', b'"\xff"', b'"\x00"', b"007", b"9" * 20, b"0"])
def test_a_first_token_at_no_time_says_nothing(time: bytes) -> None:
    happened = b'[{"name":"new_token","time":' + time + b"}]"
    (event,) = read_multipart(multipart(part(f"post.{RUN}", run()), part(f"post.{RUN}.events", happened)))
    assert event.first_token_at is None


def endless(name: str, size: int) -> Iterator[bytes]:
    """A body with one part of this size."""
    yield part(f"post.{RUN}", run()) + part(name, b"")[:-2]
    piece = b"x" * 2**16
    yield from repeat(piece, size // len(piece))
    yield b"\r\n" + multipart()


@pytest.mark.parametrize(
    "name",
    [f"attachment.{RUN}.pdf", f"post.{RUN}.inputs", f"post.{RUN}.outputs", f"post.{RUN}.events", "other"],
)
def test_memory_does_not_grow_with_what_is_read_past(name: str) -> None:
    assert peak_of(endless(name, 200 * 2**20)) < LARGEST_PART * 4


@pytest.mark.parametrize("tiny", [b"{}", b'{"id":"a"}', b"1"])
def test_memory_of_a_batch_of_tiny_runs_is_bounded(tiny: bytes) -> None:
    body = b'{"post":[' + b",".join(repeat(tiny, 2**22 // len(tiny))) + b"]}"
    tracemalloc.start()
    try:
        assert status_of(lambda: batch(body)) in (413, 422)
        assert tracemalloc.get_traced_memory()[1] < 9 * len(body)
    finally:
        tracemalloc.stop()


def many(count: int) -> Iterator[bytes]:
    """A body with this many runs, each of three parts."""
    for at in range(count):
        run_id = f"01a2019b-ebab-7526-995b-{at:012}"
        yield part(f"post.{run_id}", run(id=run_id, tags=["a", "b"]))
        yield part(f"post.{run_id}.extra", {"metadata": {"feature": "search", "usage_metadata": USAGE}})
        yield part(f"post.{run_id}.outputs", {"text": "x" * 10_000, **OUTPUTS})
    yield multipart()


def test_memory_of_many_runs_is_that_of_their_events() -> None:
    assert peak_of(many(3000)) < 3000 * 4000 + LARGEST_PART


def peak_of(chunks: Iterator[bytes]) -> int:
    """Bytes at most in use while a body is read."""
    parts, found = Parts(CONTENT_TYPE, dimensions=DIMENSIONS), list[Any]()
    tracemalloc.start()
    try:
        for chunk in chunks:
            found += parts.feed(chunk)
        parts.close()
        assert events_of(found)[0].name == "ChatOpenAI"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
