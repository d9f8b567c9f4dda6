"""Bodies made to hurt, on every endpoint that takes one: refused or taken, in bounded memory, others beside them."""

import gzip
import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collector.running import (
    BOUNDARY,
    MULTIPART,
    Run,
    Serving,
    cells,
    llm_run,
    multipart,
    report,
    send,
    serving,
    within,
    zstd,
)

from whyspend.collector import publishing
from whyspend.collector.collecting import collecting
from whyspend.config import load
from whyspend.wire.ingest import BodyError, Event, Parts, events_of, events_of_batch
from whyspend.workspace import Workspace

GROWTH_MB = 512
"""What hostile bodies may add to the memory of the process, however many come at once, as docs/collector.md says."""

MARGIN = 0.8
"""Of it, what these may; measured: 280 MB with 16 senders."""

BEGIN = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'.encode()
RUN_ID = "01a2019b-ebab-7526-995b-000000000000"
WHOLE = multipart([llm_run()])
ZEROS = b"\0" * (300 << 20)


def parts(*names_and_values: tuple[str, bytes]) -> bytes:
    body = b"".join(
        BEGIN + name.encode() + b'"\r\n\r\n' + value + b"\r\n" for name, value in names_and_values
    )
    return body + f"--{BOUNDARY}--\r\n".encode()


def wide_window() -> bytes:
    settings = zstandard.ZstdCompressionParameters(window_log=31, write_content_size=0)
    stream = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return stream.compress(WHOLE) + stream.flush()


Packed = tuple[bytes, str]

Case = tuple[int, int, Callable[[], Packed]]
"""What `/runs/multipart` answers, what `/runs/batch`; the body, and how it is said to be packed."""

PACKED: dict[str, Case] = {
    "zstd cut off": (400, 400, lambda: (zstd(WHOLE)[:-9], "zstd")),
    "gzip cut off": (400, 400, lambda: (gzip.compress(WHOLE)[:-20], "gzip")),
    "no zstd": (400, 400, lambda: (WHOLE, "zstd")),
    "no gzip": (400, 400, lambda: (WHOLE, "gzip")),
    "zstd bomb": (413, 413, lambda: (zstd(ZEROS), "zstd")),
    "gzip bomb": (413, 413, lambda: (gzip.compress(ZEROS), "gzip")),
    "zstd bomb in frames": (413, 413, lambda: (zstd(ZEROS[: 3 << 20]) * 100, "zstd")),
    "gzip bomb in members": (413, 413, lambda: (gzip.compress(ZEROS[: 3 << 20]) * 100, "gzip")),
    "zstd bomb in a zstd bomb": (400, 400, lambda: (zstd(zstd(ZEROS) * 1_000), "zstd")),
    "a window of 2 GiB": (400, 400, lambda: (wide_window(), "zstd")),
    "a million frames": (400, 400, lambda: (zstd(b"") * 1_000_000, "zstd")),
    "a million members": (400, 400, lambda: (gzip.compress(b"") * 1_000_000, "gzip")),
    "unknown encoding": (415, 415, lambda: (WHOLE, "br")),
    "two encodings": (415, 415, lambda: (gzip.compress(zstd(WHOLE)), "zstd, gzip")),
}

PLAIN: dict[str, tuple[int, int, Callable[[], bytes]]] = {
    "nothing": (400, 400, lambda: b""),
    "no UTF-8": (400, 400, lambda: b"\xff\xfe" * 1_000),
    "zeros": (400, 413, lambda: b"\0" * (30 << 20)),
    "spaces": (400, 413, lambda: b" " * (30 << 20)),
    "deep and open": (400, 422, lambda: b"[" * (20 << 20)),
    "deep": (400, 422, lambda: b"[" * (10 << 20) + b"]" * (10 << 20)),
    "deep objects": (400, 422, lambda: b'{"a":' * (3 << 20)),
    "one long number": (400, 422, lambda: b"9" * (20 << 20)),
    "one long text": (400, 422, lambda: b'"' + b"a" * (20 << 20) + b'"'),
    "many keys": (400, 202, lambda: b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(1_000_000)) + b"}"),
    "the same key": (400, 202, lambda: b"{" + b",".join(repeat(b'"id":"a"', 2_000_000)) + b"}"),
    "too long": (413, 413, lambda: b"x" * (33 << 20)),
    "100,000 parts": (413, 400, lambda: parts(*repeat((f"post.{RUN_ID}.inputs", b"{}"), 100_000))),
    "100,000 attachments": (413, 400, lambda: parts(*repeat((f"attachment.{RUN_ID}.a", b"x"), 100_000))),
    "no end": (400, 400, lambda: WHOLE[:-8]),
    "boundaries alone": (400, 400, lambda: f"--{BOUNDARY}\r\n".encode() * 500_000),
    "almost boundaries": (
        413,
        400,
        lambda: parts((f"post.{RUN_ID}.inputs", f"\r\n--{BOUNDARY}x".encode() * 500_000)),
    ),
    "a part's endless head": (400, 400, lambda: BEGIN + b"a" * (20 << 20)),
    "100,000 runs": (400, 413, lambda: json.dumps({"post": [{"id": RUN_ID}] * 100_000}).encode()),
    "100,000 runs at once and no end": (400, 400, lambda: b'{"post":[' + b'{"id":"a"},' * 100_000),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("hostile")) as found:
        assert send(found.address, [llm_run()]) == 202
        yield found


@pytest.fixture(scope="module")
def taking(shared: Serving) -> list[tuple[str, str, str]]:
    """Method, path and content type of what takes a body; once where a path is the same under a prefix."""
    described: dict[str, Any] = httpx2.get(f"{shared.address}/openapi.json").json()["paths"]
    return [
        (method.upper(), path.replace("{run_id}", RUN_ID), content)
        for path, methods in described.items()
        for method, declared in methods.items()
        if "requestBody" in declared and not path.startswith(("/api/v1", "/otel"))
        for content in declared["requestBody"]["content"]
    ]


def resident_mb(server: Serving, what: str = "VmHWM") -> int:
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith(what)).split()[1]) // 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_hostile_bodies_get_a_sentence_in_bounded_memory_while_others_are_answered(
    shared: Serving, taking: list[tuple[str, str, str]]
) -> None:
    before = resident_mb(shared)
    bodies = [
        *((name, multi, batch, make(), "") for name, (multi, batch, make) in PLAIN.items()),
        *((name, multi, batch, *make()) for name, (multi, batch, make) in PACKED.items()),
    ]
    over = threading.Event()
    with ThreadPoolExecutor(9) as senders:
        beside = senders.submit(_send_until, shared.address, over)

        def told(case: tuple[tuple[str, int, int, bytes, str], tuple[str, str, str]]) -> None:
            (name, multi, batch, body, encoding), (method, path, content) = case
            headers = {"Content-Type": MULTIPART if content == "multipart/form-data" else content}
            headers |= {"Content-Encoding": encoding} if encoding else {}
            answer = httpx2.request(
                method, f"{shared.address}{path}", content=body, headers=headers, timeout=120
            )
            right = {"/runs/multipart": multi, "/runs/batch": batch}.get(path)
            assert answer.status_code in (right, 503) or right is None, (name, path, answer.text)
            assert answer.status_code < 500 or answer.status_code == 503, (name, path, answer.text)
            if answer.status_code >= 400 and answer.headers["content-type"] == "application/json":
                said = answer.json()
                assert said.get("detail", said.get("message")).endswith("."), (name, path, answer.text)

        try:
            list(senders.map(told, [(body, endpoint) for body in bodies for endpoint in taking]))
        finally:
            over.set()
    assert beside.result() > 20
    growth = resident_mb(shared) - before
    assert growth < MARGIN * GROWTH_MB, f"{growth} MB"
    assert shared.process.poll() is None
    assert "Traceback" not in shared.text


def _send_until(address: str, over: threading.Event) -> int:
    """Good runs, one after another; how many were taken. Where there is no room, they are told so."""
    taken = 0
    while not over.wait(0.1):
        status = send(address, [llm_run()])
        assert status in (202, 503)
        taken += status == 202
    return taken


# Runs that are well formed, and full of what nobody would send


TEXTS = [
    "",
    "\0",
    "a\0b",
    "\ud83d",
    "\u202e",
    "9" * 400,
    "1e999",
    "' OR 1=1 --",
    "<script>",
    "é" * 1_000,
    "x" * 100_000,
]
NUMBERS = [
    0,
    -1,
    True,
    1.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    2**53,
    2**63 - 1,
    2**63,
    10**30,
    -(10**400),
]
TIMES = [
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "soon",
    "2026-11-22T04:55:25.123456789123Z", "2026-11-22T04:55:25+99:99", 0, -1, 10**18, 1e300,
]  # fmt: skip
COUNTS = ["input_tokens", "output_tokens", "total_tokens", "input_cost", "total_cost", "cost"]
DETAILS = ["cache_read", "cache_creation", "reasoning", "audio", "ephemeral_1h_input_tokens", "a\0"]
FIELDS = [
    "trace_id", "parent_run_id", "dotted_order", "session_name", "session_id", "name", "run_type", "start_time",
    "end_time", "inputs", "outputs", "extra", "error", "tags", "events", "serialized", "status",
]  # fmt: skip

odd = st.recursive(
    st.none() | st.sampled_from([*TEXTS, *NUMBERS]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TEXTS, *COUNTS]), inner, max_size=4)
    ),
    max_leaves=8,
)
usage = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(COUNTS, st.sampled_from(NUMBERS))
    | {
        f"{side}_token_details": st.dictionaries(
            st.sampled_from(DETAILS), st.sampled_from(NUMBERS), max_size=3
        )
        for side in ("input", "output")
    },
)


@st.composite
def odd_runs(draw: st.DrawFn) -> Run:
    run = llm_run()
    run["extra"] = {
        "metadata": {"usage_metadata": draw(usage), "feature": draw(odd), "ls_model_name": draw(odd)}
    }
    for key in draw(st.lists(st.sampled_from(FIELDS), max_size=4)):
        run[key] = draw(odd)
    for key in ("start_time", "end_time"):
        run[key] = draw(st.sampled_from([run[key], *TIMES]))
    return run


def read_batch(runs: list[Run], op: str) -> list[Event]:
    return events_of_batch(json.dumps({op: runs}).encode(), dimensions=("feature",))


def read_parts(runs: list[Run], op: str) -> list[Event]:
    reading = Parts(MULTIPART, dimensions=("feature",))
    found = reading.feed(multipart(runs, op))
    reading.close()
    return events_of(found)


@pytest.mark.slow
def test_whatever_a_run_says_it_is_published_or_refused_and_reports_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is accepted is in the spool: were the publisher to stumble over it, it would at every start again."""
    monkeypatch.setattr(publishing, "EVERY_SECONDS", 0.05)
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\ndimensions = ["feature"]\n')
    place, said, accepted = Workspace(load(tmp_path / "whyspend.toml", {})), list[str](), set[str]()
    with collecting(place, "collector", 3600, said.append) as collector:

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.lists(odd_runs(), min_size=1, max_size=3), st.sampled_from(["post", "patch"]))
        def send_odd(runs: list[Run], op: str) -> None:
            for read in (read_batch, read_parts):
                fresh = [run | {"id": str(uuid.uuid4())} for run in runs]
                try:
                    events = read(fresh, op)
                except BodyError as refused:
                    assert refused.status in (400, 413, 422)
                    continue
                collector.accept(events).result(10)
                accepted.update(event.run_id for event in events)
            collector.still_well()

        send_odd()
    collector.still_well()
    assert said == []
    held = {str(row[0]) for row in cells(tmp_path, "true", "call_id")}
    assert held <= accepted
    assert len(held) > 100
    assert sum(row["calls"] for row in report(tmp_path, "feature")) > 0


@pytest.mark.parametrize(
    "name",
    [b"a\\u0000b", b"\\ud83d", b"\\u202e", b"<script>", b"a" * 5_000],
    ids=["NUL", "half a pair", "RTL", "tag", "long"],
)
def test_an_odd_name_is_a_name_and_an_odd_id_is_refused(shared: Serving, name: bytes) -> None:
    whole = json.dumps(llm_run()).encode()
    named = whole.replace(b'"ChatOpenAI"', b'"' + name + b'"').replace(b'"tests"', b'"' + name + b'"')
    of_id = b'{"post": [{"id": "' + name + b'"}]}'
    assert httpx2.post(f"{shared.address}/runs", content=named).status_code == 202
    assert httpx2.post(f"{shared.address}/runs/batch", content=of_id).status_code == 422
    assert httpx2.patch(f"{shared.address}/runs/a%00b", content=b"{}").status_code == 422
    assert send(shared.address, [llm_run()]) == 202


def test_of_two_values_of_a_key_one_counts_and_the_call_is_there_once(tmp_path: Path) -> None:
    run = llm_run()
    body = json.dumps(run)[:-1] + ', "name": "again", ' + json.dumps(run)[1:]
    with serving(tmp_path) as server:
        for _ in range(2):
            assert httpx2.post(f"{server.address}/runs", content=body).status_code == 202
        (row,) = within(5, tmp_path, 1)
    assert (row["calls"], row["input_tokens"]) == (1, 10)
