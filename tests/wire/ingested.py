"""Requests of real SDKs as they were recorded (under another name of the platform), and made ones."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import zstandard
from tests.wire.payloads import DIMENSIONS, Json

from whyspend.model import Call
from whyspend.wire.ingest import (
    Event,
    Held,
    Part,
    Parts,
    calls_of,
    event_of_run,
    events_of,
    events_of_batch,
    merged,
    trace_of,
)

DATA = Path(__file__).parent.parent / "data" / "langsmith" / "ingest"
FOLDERS = ("batch", "old_langsmith_0.2.11", "plain_multipart", "zstd")
BOUNDARY = "4f12b030f43f44d8bd87b18c6f2d85e4"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
RUN = "01a2019b-ebab-7526-995b-dddc180ff18f"
OTHER = "01a2019b-ebab-7526-995b-dddc180ff190"


class Request(NamedTuple):
    method: str
    path: str
    content_type: str
    body: bytes


def requests(folder: str) -> Iterator[Request]:
    """What an SDK sent, in its order; bodies decompressed."""
    for file in sorted((DATA / folder).glob("*.txt")):
        head, _, body = file.read_bytes().partition(b"\n\n")
        first, *lines = head.decode().splitlines()
        method, path, _ = first.split()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("content-encoding") == "zstd":
            packed = file.with_suffix(".raw.zstd").read_bytes()
            body = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        yield Request(method, path, headers["content-type"], body)


def read(request: Request, chunk: int = 1000) -> list[Event]:
    """The events of a request, by its address."""
    if request.path == "/runs/multipart":
        return read_multipart(request.body, request.content_type, chunk)
    if request.path == "/runs/batch":
        return events_of_batch(request.body, dimensions=DIMENSIONS)
    if request.method == "POST":
        return [event_of_run(request.body, "post", dimensions=DIMENSIONS)]
    return [event_of_run(request.body, "patch", request.path.rpartition("/")[2], dimensions=DIMENSIONS)]


def read_multipart(body: bytes, content_type: str = CONTENT_TYPE, chunk: int = 1000) -> list[Event]:
    parts, found = Parts(content_type, dimensions=DIMENSIONS), list[Part]()
    for start in range(0, len(body), chunk):
        found += parts.feed(body[start : start + chunk])
    parts.close()
    return events_of(found)


def part(name: str, body: Json | list[Json] | str | bytes) -> bytes:
    """A part as SDKs write it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: application/json\r\n'
    )
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def run(**fields: object) -> Json:
    """The run itself, as it is posted at its end."""
    return {
        "id": RUN,
        "trace_id": RUN,
        "dotted_order": f"20261122T045525355379Z{RUN}",
        "session_name": "proj",
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": "2026-11-22T04:55:25.355379+00:00",
        "end_time": "2026-11-22T04:55:26.355379+00:00",
        **fields,
    }


def posted(**fields: object) -> Event:
    return event_of_run(json.dumps(run(**fields)).encode(), "post", dimensions=DIMENSIONS)


def patched(**fields: object) -> Event:
    return event_of_run(json.dumps(fields).encode(), "patch", RUN, dimensions=DIMENSIONS)


def held(events: Iterable[Event]) -> dict[str, Held]:
    runs: dict[str, Held] = {}
    for event in events:
        runs[event.run_id] = merged(runs.get(event.run_id), event)
    return runs


def traces(runs: dict[str, Held]) -> list[dict[str, Held]]:
    found: dict[str | None, dict[str, Held]] = {}
    for run_id, each in runs.items():
        found.setdefault(trace_of(each), {})[run_id] = each
    return list(found.values())


def calls(events: Iterable[Event]) -> list[Call]:
    return [
        call
        for trace in traces(held(events))
        for call in calls_of(trace, source="collector", dimensions=DIMENSIONS)
    ]
