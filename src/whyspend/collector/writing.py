"""The writing side of LangSmith's API, as far as its SDKs use it: what they send is answered 202 once it is durable.

Paths are the same with and without `/api/v1` before them: SDKs append theirs to whatever LANGSMITH_ENDPOINT says.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from whyspend.collector.collecting import Collector
from whyspend.collector.intake import Intake, durable, encoding, in_one, read_past
from whyspend.collector.reading import described
from whyspend.serving import BODY_REFUSALS, JSON, Endpoint, RefusedError, Reply, Schema
from whyspend.serving.bodies import BODY_BYTES, unpacked
from whyspend.wire.ingest import Event, Parts, event_of_run, events_of, events_of_batch

INFO = {
    "version": "0.16.20",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_qsize_trigger": 1_000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
    },
    "instance_flags": {"zstd_compression_enabled": True, "ch_query_enabled": True, "sdb_query_enabled": True},
}
"""What `GET /info` says, as a LangSmith of that version does: SDKs then send batches of 100 runs, in zstd, and may ask
in both versions of the API."""

PREFIXES = ("", "/api/v1")

Answer = Callable[[Request], Awaitable[Response]]
Read = Callable[[Request, bytes], list[Event]]

_RUN: Schema = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string", "format": "uuid"}},
    "description": "A run as the SDKs send it; what is not known is read past.",
}
_CHANGE: Schema = {"type": "object", "description": "What is new about a run, as the SDKs send it."}
_RUNS: Schema = {
    "type": ["array", "null"],
    "items": _RUN,
}
_BATCH: Schema = {"type": "object", "properties": {"post": _RUNS, "patch": _RUNS}}
_PROJECT: Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 256},
        "id": {"type": ["string", "null"], "maxLength": 64},
    },
}
_ANYTHING: Schema = {}

_TAKEN: Mapping[int, Reply] = {202: Reply("It is on the disk.", {JSON: {"type": "object"}})}


class _Project(msgspec.Struct):
    """What is read of the body of `POST /sessions`."""

    name: str
    id: str | None = None


@dataclass(frozen=True)
class Writing:
    """Takes runs in for one collector."""

    collector: Collector
    intake: Intake

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        facts = {200: Reply("The facts.", {JSON: {"type": "object"}})}
        made = {200: Reply("The project.", {JSON: {"type": "object"}})}
        return [
            Endpoint("GET", "/info", self.info, PREFIXES, replies=facts),
            _taking("POST", "/runs/multipart", self.multipart, {"multipart/form-data": _ANYTHING}),
            _taking("POST", "/runs/batch", self.batch, {JSON: _BATCH}),
            _taking("POST", "/runs", self.run, {JSON: _RUN}),
            _taking("PATCH", "/runs/{run_id}", self.patch, {JSON: _CHANGE}),
            _taking("POST", "/feedback", self.feedback, {JSON: _ANYTHING}),
            _taking("POST", "/sessions", self.make_project, {JSON: _PROJECT}, made),
        ]

    async def info(self, _: Request) -> Response:
        """What an SDK must know before it sends, and a pull before it reads: whose calls these are."""
        return JSONResponse({**INFO, "whyspend": {"ledger": self.collector.ledger_id}})

    async def multipart(self, request: Request) -> Response:
        """Take runs in, in parts of a multipart body."""
        return await self._take(request, self._of_multipart)

    async def batch(self, request: Request) -> Response:
        """Take runs in, as lists of posts and patches."""
        return await self._take(request, self._of_batch)

    async def run(self, request: Request) -> Response:
        """Take the start of a run in, or a whole one."""
        return await self._take(request, self._of_post)

    async def patch(self, request: Request) -> Response:
        """Take the end of a run in."""
        return await self._take(request, self._of_patch)

    async def feedback(self, request: Request) -> Response:
        """Take feedback, and drop it: it says nothing of costs."""
        await read_past(request)
        return JSONResponse({}, 202)

    async def make_project(self, request: Request) -> Response:
        """Make a project, so that runs can name it by its id."""
        asked = await self.intake.read(request, _asked_project)
        if len(asked.name) > 256 or len(asked.id or "") > 64:
            raise RefusedError(422, "The name or id of the project is too long.")
        if asked.id:
            await durable(partial(self.collector.make_project, asked.id, asked.name))
        return JSONResponse(described(asked.name, asked.id or ""))

    async def _take(self, request: Request, read: Read) -> Response:
        events = await self.intake.read(request, read)
        if events:
            await durable(partial(self.collector.accept, events))
        return JSONResponse({}, 202)

    def _of_multipart(self, request: Request, body: bytes) -> list[Event]:
        parts = Parts(request.headers.get("content-type", ""), dimensions=self.collector.dimensions)
        found = []
        for piece in unpacked(body, encoding(request)):
            found += parts.feed(piece)
        parts.close()
        return events_of(found)

    def _of_batch(self, request: Request, body: bytes) -> list[Event]:
        return events_of_batch(_json(request, body), dimensions=self.collector.dimensions)

    def _of_post(self, request: Request, body: bytes) -> list[Event]:
        return [event_of_run(_json(request, body), "post", dimensions=self.collector.dimensions)]

    def _of_patch(self, request: Request, body: bytes) -> list[Event]:
        run_id = request.path_params["run_id"]
        return [event_of_run(_json(request, body), "patch", run_id, dimensions=self.collector.dimensions)]


def _taking(
    method: str, path: str, answer: Answer, body: Mapping[str, Schema], replies: Mapping[int, Reply] = _TAKEN
) -> Endpoint:
    """An endpoint that takes a body in."""
    return Endpoint(method, path, answer, PREFIXES, replies, BODY_REFUSALS, body)


def _json(request: Request, body: bytes) -> bytes:
    """A JSON body, unpacked; it is read whole, so it may be no longer than one that is not packed."""
    refusal = f"JSON may be {BODY_BYTES >> 20} MiB long. Send less at once, or as multipart."
    return in_one(request, body, BODY_BYTES, refusal)


def _asked_project(request: Request, body: bytes) -> _Project:
    try:
        return msgspec.json.decode(_json(request, body), type=_Project)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(422, "A project needs a name.") from None
