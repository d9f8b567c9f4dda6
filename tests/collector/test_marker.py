"""No text of a prompt or an answer is on the disk, in a log, or in anything that the collector answers."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from tests.collector.running import MULTIPART, Run, llm_run, multipart, serving, within, zstd
from tests.collector.test_endpoints import operations

MARKER = "words that nobody may keep"
SPOKEN = {"role": "user", "content": MARKER}


def spoken_run() -> Run:
    """A run with the marker wherever an SDK puts what was said."""
    run = llm_run(text=MARKER)
    return run | {
        "error": f"ValueError('{MARKER}')\n{MARKER}",
        "events": [{"name": "new_token", "time": run["start_time"], "kwargs": {"token": MARKER}}],
        "serialized": {"kwargs": {"template": MARKER}},
    }


def spoken_spans() -> dict[str, Any]:
    """Spans with the marker wherever instrumentations put what was said."""
    texts = {
        "gen_ai.prompt": MARKER,
        "gen_ai.input.messages": json.dumps([SPOKEN]),
        "gen_ai.output.messages": json.dumps([SPOKEN]),
        "gen_ai.system_instructions": MARKER,
        "llm.input_messages.0.message.content": MARKER,
        "traceloop.entity.input": MARKER,
        "ai.prompt": MARKER,
        "ai.response.text": MARKER,
        "input.value": MARKER,
        "langfuse.observation.input": MARKER,
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in texts.items()]
    attributes += [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o-mini"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "10"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "2"}},
    ]
    start = llm_run()["start_time"]
    nanos = int(datetime.fromisoformat(start).timestamp()) * 10**9
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "chat gpt-4o-mini",
        "startTimeUnixNano": str(nanos),
        "endTimeUnixNano": str(nanos + 10**9),
        "attributes": attributes,
        "events": [
            {"name": "gen_ai.content.prompt", "timeUnixNano": str(nanos), "attributes": attributes[:2]}
        ],
        "status": {"code": 2, "message": MARKER},
    }
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "openai"}, "spans": [span]}]}]}


def bodies(path: str, content: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """For an endpoint: a good body, and ones that are broken around the marker."""
    run = spoken_run()
    good = {
        "/runs/multipart": multipart([run]),
        "/runs/batch": json.dumps({"post": [run]}).encode(),
        "/runs": json.dumps(run).encode(),
        "/feedback": json.dumps({"run_id": run["id"], "key": "good", "comment": MARKER}).encode(),
    }.get(path, json.dumps(spoken_spans() if "traces" in path else {"outputs": SPOKEN}).encode())
    headers = {"Content-Type": MULTIPART if path == "/runs/multipart" else content}
    yield good, headers
    yield zstd(good), {**headers, "Content-Encoding": "zstd"}
    at = good.rindex(MARKER.encode())
    yield good[: at + len(MARKER) // 2], headers
    yield good[: at + len(MARKER)], headers
    yield good.replace(MARKER.encode(), MARKER.encode() + b"\xff\x00"), headers
    yield json.dumps([MARKER]).encode(), headers
    yield (
        json.dumps({"post": MARKER, "id": MARKER, "name": {"a": MARKER}, "resourceSpans": MARKER}).encode(),
        headers,
    )
    yield MARKER.encode(), headers
    yield MARKER.encode(), {**headers, "Content-Encoding": "zstd"}
    yield good, {"Content-Type": "application/x-protobuf"}


def test_no_text_is_kept_logged_or_answered_whatever_is_sent_and_wherever(tmp_path: Path) -> None:
    with serving(tmp_path) as server, httpx2.Client(base_url=server.address, timeout=30) as client:
        described = operations(client.get("/openapi.json").json())
        statuses = set()
        for method, path, declared in described:
            for content in declared.get("requestBody", {}).get("content", {}):
                for body, headers in bodies(path, content):
                    answer = client.request(method, path, content=body, headers=headers)
                    statuses.add(answer.status_code)
                    assert MARKER not in answer.text + str(answer.headers), (path, headers)
        assert {200, 202, 400, 422} <= statuses
        within(10, tmp_path, 4)
        for method, path, _ in described:
            if method == "GET":
                assert MARKER not in client.get(path).text, path
        assert server.end() == 0
    assert MARKER not in server.text
    held = [path for path in tmp_path.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]
    assert held == []
