"""A LangSmith on loopback: the reading side of both API versions, as documented, with faults to order.

Runs are kept as `StoredRun` says and rendered per version: v2 with upper-case types, float costs and wrapped
details; v1 with decimal texts, naive times and parents that carry the sums of their children.
"""

import base64
import json
import socket
import threading
import time
import uuid
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from tests.loopback.langsmith_filter import BadFilterError, compile_filter
from tests.loopback.langsmith_runs import StoredProject, StoredRun, row, v1_run, v2_run

KEY = "lsv2_pt_loopback_key_0123456789"

V2_FIELDS = {
    "ID", "NAME", "RUN_TYPE", "STATUS", "START_TIME", "END_TIME", "LATENCY_SECONDS", "FIRST_TOKEN_TIME",
    "ERROR_PREVIEW", "EXTRA", "METADATA", "EVENTS", "INPUTS", "INPUTS_PREVIEW", "OUTPUTS", "OUTPUTS_PREVIEW",
    "MANIFEST", "PARENT_RUN_IDS", "PROJECT_ID", "TRACE_ID", "THREAD_ID", "DOTTED_ORDER", "IS_ROOT", "ERROR",
    "REFERENCE_EXAMPLE_ID", "REFERENCE_DATASET_ID", "TOTAL_TOKENS", "PROMPT_TOKENS", "COMPLETION_TOKENS",
    "TOTAL_COST", "PROMPT_COST", "COMPLETION_COST", "PROMPT_TOKEN_DETAILS", "COMPLETION_TOKEN_DETAILS",
    "PROMPT_COST_DETAILS", "COMPLETION_COST_DETAILS", "PRICE_MODEL_ID", "TAGS", "APP_PATH", "ATTACHMENTS",
    "THREAD_EVALUATION_TIME", "IS_IN_DATASET", "LAST_QUEUED_AT", "SHARE_URL", "FEEDBACK_STATS", "LS_USER_ID",
}  # fmt: skip
V2_BODY = {
    "project_ids", "min_start_time", "max_start_time", "selects", "page_size", "cursor", "filter",
    "trace_filter", "tree_filter", "run_type", "is_root", "has_error", "ids", "trace_id",
    "include_subtree_usage",
}  # fmt: skip
V1_BODY = {
    "session", "id", "run_type", "filter", "start_time", "end_time", "select", "limit", "cursor", "order",
    "is_root",    "trace", "skip_pagination", "skip_prev_cursor",
}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """A request as it arrived."""

    at: float
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Fault:
    """Something that goes wrong with queries for runs: `times` times, after the first `after` of them.

    Kinds: `429` (with Retry-After), `500`, `malformed`, `drop` (the connection breaks within the answer),
    `repeat` (the page before comes again), `loop` (the cursor leads back to the first page), `slow`, `403`.
    """

    kind: str
    times: int = 1
    after: int = 0
    seconds: float = 0.0
    """Of a pause, and what Retry-After says."""


@dataclass
class LangSmith:
    """What the server holds and how it behaves. Change any of it while it runs."""

    projects: list[StoredProject] = field(default_factory=list)
    release: str = "0.16.20"
    lacks_v2: bool = False
    lacks_v1: bool = False
    bare: bool = False
    """Paths without /api/v1 only, as behind some gateways."""
    ignores_filters: bool = False
    faults: list[Fault] = field(default_factory=list)
    limit: int | None = None
    """Queries in `window_seconds`; more are answered with 429."""
    window_seconds: float = 10.0
    most_on_a_page: int = 1000
    """However many were asked for."""
    most_ids: int = 1000
    requests: list[Recorded] = field(default_factory=list)
    refused: int = 0
    _runs: list[StoredRun] = field(default_factory=list)
    _starts: list[float] = field(default_factory=list)
    """Of the runs, in their order (newest first), negated: so that a window is found by bisection."""
    _by_id: dict[str, StoredRun] = field(default_factory=dict)
    _children: dict[str, list[StoredRun]] = field(default_factory=dict)
    _answers: dict[bytes, bytes] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=deque)
    _queries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _http: ThreadingHTTPServer | None = None

    def hold(self, runs: Iterable[StoredRun]) -> None:
        """Add runs; one with a known id replaces it."""
        with self._lock:
            merged = {run.id: run for run in self._runs} | {run.id: run for run in runs}
            self._runs = sorted(merged.values(), key=lambda run: (run.start, run.id), reverse=True)
            self._starts = [-run.start.timestamp() for run in self._runs]
            self._by_id = merged
            self._children = {}
            for run in self._runs:
                for parent in run.parents:
                    self._children.setdefault(parent, []).append(run)
            self._answers.clear()

    def __enter__(self) -> "LangSmith":
        handler = type("Handler", (_Handler,), {"langsmith": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._http is not None
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def queries(self) -> list[Recorded]:
        """The requests for runs."""
        return [request for request in self.requests if request.path.endswith("/runs/query")]

    def answer(self, method: str, path: str, query: dict[str, list[str]], raw: bytes) -> tuple[int, bytes]:
        """Status and body of a request whose key was right."""
        v1 = path if self.bare else path.removeprefix("/api/v1")
        if not self.bare and path.startswith("/api/v1/"):
            path = v1
        try:
            if (method, path) == ("GET", "/info"):
                return 200, _json({"version": self.release, "instance_flags": {"ch_query_enabled": True}})
            if (method, path) == ("GET", "/sessions"):
                return self._sessions(query)
            if (method, path) == ("POST", "/api/v2/runs/query") and not self.lacks_v2:
                return 200, self._cached(b"v2" + raw, lambda: self._v2(json.loads(raw)))
            if (method, path) == ("POST", "/runs/query") and not self.lacks_v1:
                return 200, self._cached(b"v1" + raw, lambda: self._v1(json.loads(raw)))
        except _RefuseError as refusal:
            return refusal.status, _json({"detail": str(refusal)})
        except BadFilterError as error:
            return 400, _json({"detail": str(error)})
        return 404, _json({"detail": "Not Found"})

    def too_fast(self) -> bool:
        """Count a query; whether it is one too many."""
        if self.limit is None:
            return False
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] < now - self.window_seconds:
                self._recent.popleft()
            if len(self._recent) >= self.limit:
                self.refused += 1
                return True
            self._recent.append(now)
            return False

    def next_fault(self) -> Fault | None:
        """The fault that this query for runs meets."""
        with self._lock:
            self._queries += 1
            for fault in self.faults:
                if fault.times > 0 and self._queries > fault.after:
                    fault.times -= 1
                    return fault
        return None

    def _cached(self, key: bytes, make: Any) -> bytes:
        if key not in self._answers:
            self._answers[key] = make()
        return self._answers[key]

    def _sessions(self, query: dict[str, list[str]]) -> tuple[int, bytes]:
        limit, offset = int(query.get("limit", ["100"])[0]), int(query.get("offset", ["0"])[0])
        if limit > 100:
            raise _RefuseError(422, "limit must be at most 100")
        names = query.get("name")
        some = [project for project in self.projects if names is None or project.name == names[0]]
        return 200, _json([
            {
                "id": project.id, "name": project.name, "tenant_id": str(uuid.UUID(int=7)),
                "start_time": "2026-01-01T00:00:00", "trace_tier": project.trace_tier,
                "longlived_ttl_days": project.longlived_ttl_days,
            }
            for project in some[offset : offset + limit]
        ])  # fmt: skip

    def _v2(self, body: dict[str, Any]) -> bytes:
        _refuse_if(bool(body.keys() - V2_BODY), 422, f"unknown fields {sorted(body.keys() - V2_BODY)}")
        _refuse_if(not body.get("project_ids"), 422, "project_ids is required")
        for project_id in body["project_ids"]:
            _refuse_if(not _is_uuid(project_id), 422, f"project_ids: {project_id!r} is not a UUID")
        size = body.get("page_size", 100)
        _refuse_if(not 1 <= size <= 1000, 400, "page_size must be between 1 and 1000")
        selects = body.get("selects", ["ID"])
        _refuse_if(not set(selects) <= V2_FIELDS, 422, f"selects: {sorted(set(selects) - V2_FIELDS)}")
        _refuse_if(len(body.get("ids", ())) > self.most_ids, 422, f"ids: at most {self.most_ids}")
        size = min(size, self.most_on_a_page)
        now = datetime.now(UTC)
        first = _moment(body.get("min_start_time"), now - timedelta(days=1))
        last = _moment(body.get("max_start_time"), now)
        some = self._matching(body, body["project_ids"], first, last)
        at = _offset(body)
        return _json({
            "items": [v2_run(run, selects) for run in some[at : at + size]],
            "next_cursor": _cursor(at + size) if at + size < len(some) else None,
        })  # fmt: skip

    def _v1(self, body: dict[str, Any]) -> bytes:
        _refuse_if(bool(body.keys() - V1_BODY), 422, f"unknown fields {sorted(body.keys() - V1_BODY)}")
        size = body.get("limit", 100)
        _refuse_if(size > 100, 400, "Limit exceeds maximum allowed value of 100")
        size = min(size, self.most_on_a_page)
        first = _moment(body.get("start_time"), datetime(1970, 1, 1, tzinfo=UTC))
        if "id" in body:  # documented: run ids make the server ignore all other filters
            _refuse_if(len(body["id"]) > 100, 400, "at most 100 ids")
            some = [self._by_id[run_id] for run_id in body["id"] if run_id in self._by_id]
        else:
            some = self._matching(body, body["session"], first, datetime.now(UTC))
        at, select = _offset(body), body.get("select")
        page = some[at : at + size]
        return _json({
            "runs": [v1_run(run, self._children.get(run.id, ()), select) for run in page],
            "cursors": {"next": _cursor(at + size) if at + size < len(some) else None},
        })  # fmt: skip

    def _matching(
        self, body: dict[str, Any], project_ids: list[str], first: datetime, last: datetime
    ) -> list[StoredRun]:
        """Newest first; both bounds inclusive."""
        holds = compile_filter(body["filter"]) if body.get("filter") and not self.ignores_filters else None
        if "ids" in body:
            some = [self._by_id[run_id] for run_id in body["ids"] if run_id in self._by_id]
        else:
            newest = bisect_left(self._starts, -last.timestamp())
            some = self._runs[newest : bisect_right(self._starts, -first.timestamp())]
        return [
            run
            for run in some
            if run.project_id in project_ids
            and first <= run.start <= last
            and (holds is None or holds(row(run)))
        ]


class _RefuseError(Exception):
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    langsmith: LangSmith
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Silent."""

    def _serve(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        body = json.loads(raw) if raw else {}
        self.langsmith.requests.append(
            Recorded(time.monotonic(), method, address.path, query, dict(self.headers.items()), body)
        )
        if self.headers.get("x-api-key") != KEY:
            self._send(401, _json({"detail": f"Invalid token {self.headers.get('x-api-key')}"}))
        elif address.path.endswith("/runs/query"):
            self._serve_runs(method, address.path, query, raw)
        else:
            self._send(*self.langsmith.answer(method, address.path, query, raw))

    def _serve_runs(self, method: str, path: str, query: dict[str, list[str]], raw: bytes) -> None:
        if self.langsmith.too_fast():
            self._send(429, b'{"detail": "Rate limit exceeded"}', {"Retry-After": "1"})
            return
        fault = self.langsmith.next_fault()
        kind = fault.kind if fault else ""
        if fault and kind == "slow":
            time.sleep(fault.seconds)
        if fault and kind in ("429", "500", "403"):
            self._send(int(kind), b'{"detail": "as ordered"}', {"Retry-After": f"{fault.seconds:g}"})
            return
        if kind == "repeat":
            raw = _one_page_back(raw, self.langsmith.most_on_a_page)
        status, body = self.langsmith.answer(method, path, query, raw)
        if kind == "loop":
            body = _leading_back(body)
        elif kind == "malformed":
            body = body[: len(body) // 2]
        if kind == "drop":
            self._break_off(body)
        else:
            self._send(status, body)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break_off(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + 100))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


def _one_page_back(raw: bytes, most: int) -> bytes:
    """The request for the page before: its answer carries the cursor that was just followed."""
    body = json.loads(raw)
    at = max(0, _offset(body) - min(most, body.get("page_size", body.get("limit", 100))))
    return _json(
        {key: value for key, value in body.items() if key != "cursor"}
        | ({"cursor": _cursor(at)} if at else {})
    )


def _leading_back(body: bytes) -> bytes:
    answer = json.loads(body)
    if "items" in answer:
        return _json({**answer, "next_cursor": _cursor(1)})
    return _json({**answer, "cursors": {"next": _cursor(1)}})


def _cursor(at: int) -> str:
    return base64.urlsafe_b64encode(f"offset:{at}".encode()).decode()


def _offset(body: dict[str, Any]) -> int:
    if not body.get("cursor"):
        return 0
    return int(base64.urlsafe_b64decode(body["cursor"]).decode().removeprefix("offset:"))


def _moment(text: str | None, default: datetime) -> datetime:
    return default if text is None else datetime.fromisoformat(text)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _refuse_if(wrong: bool, status: int, detail: str) -> None:
    if wrong:
        raise _RefuseError(status, detail)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
