"""The writing side of LangSmith's API, as far as its SDKs use it: what they send is answered 202 once it is durable.

Paths are the same with and without `/api/v1` before them: SDKs append theirs to whatever LANGSMITH_ENDPOINT says.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from whyspend.collector.bodies import BODY_BYTES, RefusedError, Room, too_long, unpacked, whole
from whyspend.collector.collecting import Collector
from whyspend.collector.gauges import Answers, page
from whyspend.collector.guard import Guard
from whyspend.collector.spool import FullError
from whyspend.wire.ingest import BodyError, Event, Parts, event_of_run, events_of, events_of_batch

BODY_SECONDS = 60
"""How long a body may take to arrive."""

RETRY_SECONDS = "1"

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
    "instance_flags": {"zstd_compression_enabled": True},
}
"""What `GET /info` says, as a LangSmith of that version does: SDKs then send batches of 100 runs, in zstd."""

PREFIXES = ("", "/api/v1")

Read = Callable[[Request, bytes], list[Event]]


class _Project(msgspec.Struct):
    """What is read of the body of `POST /sessions`."""

    name: str
    id: str | None = None


@dataclass
class Front:
    """Answers requests for one collector."""

    collector: Collector
    answers: Answers
    room: Room = field(default_factory=Room)
    reader: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "reader"))
    """One thread unpacks and reads bodies: so what is unpacked is in memory once."""

    async def info(self, _: Request) -> Response:
        """`GET /info`."""
        return JSONResponse(INFO)

    async def multipart(self, request: Request) -> Response:
        """`POST /runs/multipart`."""
        return await self._take(request, self._of_multipart)

    async def batch(self, request: Request) -> Response:
        """`POST /runs/batch`."""
        return await self._take(request, self._of_batch)

    async def run(self, request: Request) -> Response:
        """`POST /runs`."""
        return await self._take(request, self._of_post)

    async def patch(self, request: Request) -> Response:
        """`PATCH /runs/{id}`."""
        return await self._take(request, self._of_patch)

    async def feedback(self, request: Request) -> Response:
        """`POST /feedback`: taken, and dropped. It says nothing of costs."""
        length = 0
        async for piece in request.stream():
            length += len(piece)
            if length > BODY_BYTES:
                raise too_long()
        return JSONResponse({}, 202)

    async def projects(self, request: Request) -> Response:
        """`GET /sessions?name=`: a project of that name. Projects are made by the first run that names them."""
        name = request.query_params.get("name")
        return JSONResponse([_project(name)] if name else [])

    async def make_project(self, request: Request) -> Response:
        """`POST /sessions`."""
        body = await self._body(request)
        try:
            asked = msgspec.json.decode(b"".join(unpacked(body, _encoding(request))), type=_Project)
        except msgspec.DecodeError:
            raise RefusedError(422, "A project needs a name.") from None
        finally:
            self.room.give_back(len(body))
        if len(asked.name) > 256 or len(asked.id or "") > 64:
            raise RefusedError(422, "The name or id of the project is too long.")
        if asked.id:
            await self._durable(self.collector.make_project(asked.id, asked.name))
        return JSONResponse(_project(asked.name, asked.id))

    async def health(self, _: Request) -> Response:
        """`GET /healthz`: 200 while what is sent can be stored."""
        failed = self.collector.spool.failed
        if failed or self.collector.traces.is_full:
            why = failed.strerror or "the disk" if failed else "too much is held in memory"
            return PlainTextResponse(f"cannot store: {why}\n", 503)
        return PlainTextResponse("ok\n")

    async def metrics(self, _: Request) -> Response:
        """`GET /metrics`, for Prometheus."""
        return PlainTextResponse(page(self.collector, self.answers), media_type="text/plain; version=0.0.4")

    async def _take(self, request: Request, read: Read) -> Response:
        body = await self._body(request)
        try:
            events = await asyncio.get_running_loop().run_in_executor(self.reader, read, request, body)
        finally:
            self.room.give_back(len(body))
        if events:
            await self._durable(self.collector.accept(events))
        return JSONResponse({}, 202)

    async def _body(self, request: Request) -> bytes:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await whole(request.stream(), request.headers.get("content-length", ""), self.room)
        except TimeoutError:
            raise RefusedError(408, f"The body took longer than {BODY_SECONDS} s.") from None

    async def _durable(self, done: "Future[None]") -> None:
        try:
            await asyncio.wrap_future(done)
        except OSError:
            raise RefusedError(
                503, "The disk of the collector cannot be written. Send it again later."
            ) from None

    def _of_multipart(self, request: Request, body: bytes) -> list[Event]:
        parts = Parts(request.headers.get("content-type", ""), dimensions=self.collector.dimensions)
        found = []
        for piece in unpacked(body, _encoding(request)):
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


def application(collector: Collector, guard: Guard) -> ASGIApp:
    """The web application of a collector."""
    answers = Answers()
    front = Front(collector, answers)
    below_prefixes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("/info", "GET", front.info),
        ("/runs/multipart", "POST", front.multipart),
        ("/runs/batch", "POST", front.batch),
        ("/runs", "POST", front.run),
        ("/runs/{run_id}", "PATCH", front.patch),
        ("/feedback", "POST", front.feedback),
        ("/sessions", "GET", front.projects),
        ("/sessions", "POST", front.make_project),
    ]
    routes = [
        Route(prefix + path, endpoint, methods=[method])
        for prefix in PREFIXES
        for path, method, endpoint in below_prefixes
    ]
    routes += [Route("/healthz", front.health), Route("/metrics", front.metrics)]
    found = Starlette(
        routes=routes,
        exception_handlers={
            RefusedError: _refused,
            BodyError: _refused,
            FullError: _full,
            ClientDisconnect: _gone,
        },
    )
    return _Guarded(found, guard, answers)


@dataclass(frozen=True)
class _Guarded:
    """Lets in who may speak, before anything of a body is read; counts the answers."""

    inner: ASGIApp
    guard: Guard
    answers: Answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        answer = self.inner
        if refusal := self.guard.refusal(headers):
            answer = _said(*refusal)
        await answer(scope, receive, self.answers.counting(send))


def _said(status: int, why: str) -> Response:
    # A body that is not read must not be taken for the next request on the connection.
    headers = (
        {"Connection": "close"} if status != 503 else {"Connection": "close", "Retry-After": RETRY_SECONDS}
    )
    return JSONResponse({"detail": why}, status, headers=headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError | BodyError)
    return _said(error.status, str(error))


async def _full(_: Request, __: Exception) -> Response:
    return _said(503, "The collector holds as much as it may. Send it again in a second.")


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)


def _json(request: Request, body: bytes) -> bytes:
    """A JSON body, unpacked; it is read whole, so it may be no longer than one that is not packed."""
    pieces: list[bytes] = []
    length = 0
    for piece in unpacked(body, _encoding(request)):
        length += len(piece)
        if length > BODY_BYTES:
            raise RefusedError(
                413, f"JSON may be {BODY_BYTES >> 20} MiB long. Send less at once, or as multipart."
            )
        pieces.append(piece)
    return b"".join(pieces)


def _encoding(request: Request) -> str:
    return request.headers.get("content-encoding", "").strip().lower()


def _project(name: str, project_id: str | None = None) -> dict[str, object]:
    """A project as LangSmith describes it, with what the SDK requires."""
    return {
        "id": project_id or str(uuid.uuid5(uuid.NAMESPACE_URL, f"whyspend:project:{name}")),
        "name": name,
        "tenant_id": str(uuid.UUID(int=0)),
        "reference_dataset_id": None,
        "start_time": datetime(1970, 1, 1, tzinfo=UTC).isoformat(),
    }
