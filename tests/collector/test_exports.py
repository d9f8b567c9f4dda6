"""What OpenTelemetry's exporters send to a running collector, what it answers, and what is in the ledger then."""

import gzip
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.collector.models import Told
from tests.collector.running import Serving, cells, priced, serving, zstd
from tests.wire.otlp_payloads import DATA, MARKER, START, Json, llm, message, protobuf, request, span

from whyspend.collector import otlp
from whyspend.config import load
from whyspend.ledger import Ledger
from whyspend.wire.otlp import names
from whyspend.wire.otlp.fields import written_bytes
from whyspend.workspace import Workspace

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "otlp"

PACKING: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd, "identity": bytes}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all tests that only look at its answers."""
    with serving(tmp_path_factory.mktemp("shared")) as found:
        yield found


def post(
    server: Serving,
    content: bytes,
    *,
    kind: str = PROTOBUF,
    packing: str = "",
    path: str = "/v1/traces",
    **headers: str,
) -> httpx2.Response:
    encoding = {"Content-Encoding": packing} if packing else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(
        f"{server.address}{path}",
        content=PACKING[packing](content) if packing in PACKING else content,
        headers={"Content-Type": kind, **encoding, **named},
        timeout=60,
    )


def export(server: Serving, *spans: Json, **said: Any) -> None:
    answer = post(server, protobuf(request(*spans, **said)))
    assert (answer.status_code, answer.content) == (200, b"")


def numbers(folder: Path, columns: str = "input_tokens") -> dict[int, Any]:
    """A column of each call in the ledger, by the number of its span."""
    if not Ledger(folder / "led").snapshot().manifest.files:
        return {}
    rows = cells(folder, "true", f"call_id, {columns}")
    found = {int(row[0].rpartition("-")[2], 16): row[1] if len(row) == 2 else row[1:] for row in rows}
    assert len(found) == len(rows)
    return found


def settled_numbers(folder: Path, server: Serving, columns: str = "input_tokens") -> dict[int, Any]:
    assert server.end() == 0
    return numbers(folder, columns)


@pytest.mark.parametrize("packing", ["", "identity", "gzip", "zstd"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("path", ["/v1/traces", "/otel/v1/traces", "/api/v1/otel/v1/traces"])
def test_every_form_packing_and_path_is_taken_and_answered_in_its_own_form(
    shared: Serving, path: str, kind: str, packing: str
) -> None:
    body = request(llm(1))
    answer = post(shared, protobuf(body) if kind == PROTOBUF else body, kind=kind, packing=packing, path=path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert answer.content == (b"" if kind == PROTOBUF else b"{}")


@pytest.mark.parametrize(
    ("kind", "nothing"), [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b'{"resourceSpans":[]}')]
)
def test_an_empty_request_is_a_success(shared: Serving, kind: str, nothing: bytes) -> None:
    assert post(shared, nothing, kind=kind).status_code == 200


def test_spans_that_cannot_be_read_are_told_and_the_others_taken(tmp_path: Path) -> None:
    body = request(llm(1), llm(2))
    bad = message(body)
    bad.resource_spans[0].scope_spans[0].spans[1].start_time_unix_nano = 0
    with serving(tmp_path) as server:
        answer = post(server, bad.SerializeToString())
        told = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (answer.status_code, told.rejected_spans) == (200, 1)
        assert told.error_message == "1 span without a valid id or start time."
        answer = post(server, body.replace(b'"000000', b'"00000', 1), kind=JSON)
        assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
        assert settled_numbers(tmp_path, server) == {1: 100, 2: 100}


@pytest.mark.parametrize(
    ("content", "kind", "packing", "status", "code"),
    [
        (b"\xff\xff", PROTOBUF, "", 400, 3),
        (b"no json", JSON, "", 400, 3),
        (b"", JSON, "", 400, 3),
        (b"no gzip", PROTOBUF, "x-gzip", 400, 3),
        (request(llm(1) | {"traceId": ""}), JSON, "", 400, 3),
        (protobuf(request(llm(1) | {"startTimeUnixNano": "0"})), PROTOBUF, "", 400, 3),
        (b'{"resourceSpans":[' + b"{}," * 2_000_000 + b"{}]}", JSON, "gzip", 413, 8),
        (b"\x0a\x00" * 1_100_000, PROTOBUF, "gzip", 413, 8),
        (b"", "text/plain", "", 415, 3),
        (b"", "", "", 415, 3),
        (b"", PROTOBUF, "br", 415, 3),
        (b"\x00" * (otlp.REQUEST_BYTES + 1), PROTOBUF, "gzip", 413, 8),
        (b"\x00" * (otlp.REQUEST_BYTES + 1), PROTOBUF, "", 413, 8),
        (b"[" * (otlp.REQUEST_BYTES + 1), JSON, "zstd", 413, 8),
    ],
)
def test_what_is_refused_is_told_as_a_status_in_the_form_of_the_request(
    shared: Serving, content: bytes, kind: str, packing: str, status: int, code: int
) -> None:
    answer = post(shared, content, kind=kind, packing=packing)
    assert answer.status_code == status
    if kind == PROTOBUF:
        told = Status.FromString(answer.content)
        assert (answer.headers["Content-Type"], told.code) == (PROTOBUF, code)
        assert told.message.endswith((".", "?"))
    else:
        assert (answer.headers["Content-Type"], answer.json()["code"]) == (JSON, code)
    assert "Retry-After" not in answer.headers
    assert post(shared, b"").status_code == 200


def test_too_many_spans_are_refused(shared: Serving) -> None:
    least = message(request(span(1)))
    group = least.resource_spans[0].scope_spans[0]
    one = group.spans[0].SerializeToString()
    for count in (otlp.MOST_SPANS, otlp.MOST_SPANS + 1):
        group.ClearField("spans")
        group.MergeFromString(written_bytes(2, one) * count)
        status = post(shared, least.SerializeToString()).status_code
        assert status == (200 if count == otlp.MOST_SPANS else 413)


def test_names_of_a_resource_that_all_its_spans_would_repeat_are_refused(shared: Serving) -> None:
    """A body of some 2 MB that would be 100 MB in memory."""
    least = message(request(llm(1), resource={name: name + "x" * 220 for name in names.KEPT}))
    group = least.resource_spans[0].scope_spans[0]
    one = group.spans[0].SerializeToString()
    for count, status in ((5_000, 200), (15_000, 413)):
        group.ClearField("spans")
        group.MergeFromString(written_bytes(2, one) * count)
        assert post(shared, least.SerializeToString()).status_code == status


def test_without_the_key_nothing_is_taken(tmp_path: Path) -> None:
    body = protobuf(request(llm(1)))
    with serving(tmp_path, "--api-key", "env:COLLECTOR_KEY", COLLECTOR_KEY="secret") as server:
        assert post(server, body).status_code == 401
        assert post(server, body, x_api_key="wrong").status_code == 401
        assert post(server, body, x_api_key="secret").status_code == 200
        assert post(server, body, authorization="Bearer secret").status_code == 200
        assert post(server, body, x_api_key="secret", origin="https://evil.example").status_code == 403


def pulled(folder: Path) -> None:
    """Bring the files of `folder/files` into the ledger `folder/led`, as a source of the collector's name."""
    folder.mkdir(exist_ok=True)
    config = folder / "whyspend.toml"
    config.write_text(
        'ledger = "led"\n[collector]\nsource = "live"\n[sources.collector]\ntype = "otlp_file"\npath = "files"\n'
    )
    place = Workspace(load(config, {}))
    for _ in place.pull("collector", place.window("2025-01-01", "2025-01-01")):
        pass


def all_cells(folder: Path) -> list[tuple[Any, ...]]:
    columns = "* EXCLUDE (ingested_at) REPLACE (epoch_us(started_at) AS started_at)"
    return sorted(cells(folder, "true", columns), key=lambda row: row[:3])


def same_calls(folder: Path, bodies: dict[str, bytes]) -> int:
    """Send and pull the same requests; how many calls both gave."""
    files = folder / "pulled" / "files"
    files.mkdir(parents=True)
    for name, body in bodies.items():
        (files / f"{name}.json").write_bytes(body)
    pulled(folder / "pulled")
    wanted = all_cells(folder / "pulled")
    for kind in (PROTOBUF, JSON):
        with serving(folder / kind) as server:
            for body in bodies.values():
                content = protobuf(body) if kind == PROTOBUF else body
                assert post(server, content, kind=kind, packing="gzip").status_code == 200
            assert server.end() == 0
        assert all_cells(folder / kind) == wanted
        held = [path for path in (folder / kind).rglob("*") if path.is_file()]
        assert held and not [path for path in held if MARKER.encode() in path.read_bytes()]
    return len(wanted)


def test_every_convention_gives_the_calls_that_a_pull_of_its_file_gives(tmp_path: Path) -> None:
    paths = sorted(DATA.glob("*.json"))
    texts = {path.stem: path.read_text() for path in paths}
    assert all(MARKER in texts[name] for name in ("genai_latest", "langfuse", "openinference"))
    bodies = {
        name: re.sub(r'("traceId": )"..', rf'\1"{number:02x}', text).encode()
        for number, (name, text) in enumerate(texts.items())
    }
    assert same_calls(tmp_path, bodies) >= len(bodies)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not here")
def test_the_samples_give_the_calls_that_a_pull_of_them_gives(tmp_path: Path) -> None:
    assert same_calls(tmp_path, {path.stem: path.read_bytes() for path in SAMPLES.glob("*.json")}) == 5


def test_each_step_of_the_vercel_ai_sdk_is_a_call_and_their_sum_is_none(tmp_path: Path) -> None:
    """Two steps of `generateText` around a tool, as @ai-sdk sends them: gpt-5-mini at $0.25, $0.025, $2 a million."""

    def told(number: int, parent: int | None, operation: str, given: int, read: int, made: int) -> Json:
        said = {"ai.operationId": operation, "operation.name": f"{operation} support-bot"}
        said |= {"ai.model.id": "gpt-5-mini", "ai.model.provider": "openai.responses"}
        counts = {"ai.usage.inputTokens": given, "ai.usage.cachedInputTokens": read}
        counts |= {"ai.usage.outputTokens": made, "ai.usage.totalTokens": given + made}
        return span(number, parent, attributes={"ai.telemetry.functionId": "support-bot", **said, **counts})

    now = time.time_ns() // 1_000_000 - START // 1000
    spans = [
        told(1, None, "ai.generateText", 3_000, 1_024, 90),
        told(2, 1, "ai.generateText.doGenerate", 1_200, 0, 30),
        span(3, 1, name="ai.toolCall", attributes={"ai.operationId": "ai.toolCall"}),
        told(4, 1, "ai.generateText.doGenerate", 1_800, 1_024, 60),
    ]
    for each in spans:
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            each[key] = str(int(each[key]) + now * 1_000_000)
    with serving(tmp_path) as server:
        assert post(server, request(*spans, scope="ai"), kind=JSON).status_code == 200
        assert server.end() == 0
    assert sorted(priced(tmp_path)) == [
        Told("support-bot", "gpt-5-mini", 1_200, 0, 0, 30, 0, Decimal("0.00036")),
        Told("support-bot", "gpt-5-mini", 1_800, 1_024, 0, 60, 0, Decimal("0.0003396")),
    ]


def test_what_comes_again_counts_once(tmp_path: Path) -> None:
    body = protobuf(request(llm(1), llm(2)))
    with serving(tmp_path) as server:
        for _ in range(3):
            assert post(server, body).status_code == 200
        export(server, llm(2), llm(3))
        assert settled_numbers(tmp_path, server) == {1: 100, 2: 100, 3: 100}
        assert "whyspend_spans_total 8" not in server.text


def published(folder: Path, wanted: dict[int, Any], columns: str = "input_tokens") -> None:
    """Wait until the ledger holds these calls, while the collector runs."""
    until = time.monotonic() + 20
    while numbers(folder, columns) != wanted:
        assert time.monotonic() < until, numbers(folder, columns)
        time.sleep(0.1)


def test_spans_of_one_trace_may_come_in_several_requests_the_inner_ones_first(tmp_path: Path) -> None:
    """An inner call, then one around it that repeats its counts, then the root that says whose it is."""
    with serving(tmp_path) as server:
        export(server, llm(3, 2))
        published(tmp_path, {3: (100, None, None)}, "input_tokens, feature, root_name")
        export(server, llm(2, 1, tokens=(100, 20)), llm(4, 1, tokens=(7, 1)))
        export(
            server, span(1, name="request", attributes={"feature": "rag", "gen_ai.usage.input_tokens": 107})
        )
        told = {3: (100, "rag", "request"), 4: (7, "rag", "request")}
        published(tmp_path, told, "input_tokens, feature, root_name")


def test_an_outer_call_that_came_first_is_taken_out_when_its_inner_one_comes(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        export(server, llm(1, tokens=(100, 20)))
        published(tmp_path, {1: 100})
        export(server, llm(2, 1, tokens=(100, 20)))
        published(tmp_path, {2: 100})


def test_the_sums_of_agents_are_not_counted_and_one_response_once(tmp_path: Path) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 200}
    twice = {"gen_ai.response.id": "r-1"}
    with serving(tmp_path) as server:
        export(server, llm(2, 1, attributes=twice))
        published(tmp_path, {2: 100})
        export(server, llm(3, 1, attributes={**twice, "gen_ai.usage.cache_read.input_tokens": 10}))
        export(server, span(1, attributes=agent))
        published(tmp_path, {3: 90})


def test_what_was_answered_survives_a_kill_before_it_is_published(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        export(server, *(llm(number, 99) for number in range(1, 21)))
        server.end(signal.SIGKILL)
    assert not (tmp_path / "led" / "manifest.json").exists()
    with serving(tmp_path) as server:
        export(
            server, *(llm(number, 99) for number in range(15, 31)), span(99, attributes={"feature": "rag"})
        )
        assert settled_numbers(tmp_path, server, "feature") == dict.fromkeys(range(1, 31), "rag")
    with serving(tmp_path) as server:  # from the state that the end left
        export(server, span(99, attributes={"feature": "other"}, ms=2000))
        assert settled_numbers(tmp_path, server, "feature") == dict.fromkeys(range(1, 31), "other")


def test_spans_in_the_spool_are_moved_to_the_dimensions_of_the_next_start(tmp_path: Path) -> None:
    said = {"feature": "rag", "langsmith.metadata.team": "cx"}
    with serving(tmp_path) as server:
        export(server, llm(1, attributes=said))
        server.end(signal.SIGKILL)
    (tmp_path / "whyspend.toml").write_text('dimensions = ["team", "env"]\n')
    with serving(tmp_path) as server:
        assert settled_numbers(tmp_path, server, "team, team_from, metadata") == {
            1: ("cx", "call", json.dumps({"feature": "rag"}, separators=(",", ":")))
        }
