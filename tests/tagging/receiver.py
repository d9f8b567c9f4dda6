"""A LangSmith endpoint and an OpenAI-compatible server on one loopback port, for real clients to talk to."""

import json
import threading
from contextlib import AbstractContextManager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from examples.model_server import running

Run = dict[str, Any]

# No `zstd_compression_enabled`: the newest SDK then sends plain multipart, which needs no extra package.
INFO = {
    "version": "0.16.20",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20971520,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
    },
    "instance_flags": {},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": "ok", "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}


class Receiver(ThreadingHTTPServer):
    """Keeps every run it was sent, merged by run id."""

    daemon_threads = False  # closing waits for them, so that no request outlives the test

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[str, Run] = {}
        self.unexpected: list[str] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def merge(self, run: Run) -> None:
        """A patch may come first and may carry empty fields: an empty value never overwrites a full one."""
        with self._lock:
            known = self.runs.setdefault(str(run["id"]), {"extra": {"metadata": {}}})
            extra = run.pop("extra", None) or {}
            known["extra"]["metadata"].update(extra.get("metadata") or {})
            known.update({key: value for key, value in run.items() if value not in (None, {}, [])})


def receiving() -> AbstractContextManager[Receiver]:
    return running(Receiver())


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = 30

    def do_GET(self) -> None:
        self._answer(200, INFO) if self.path == "/info" else self._refuse()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/chat/completions":
            self._answer(200, COMPLETION)
        elif self.path == "/runs/multipart":
            for run in _from_parts(self.headers["Content-Type"], body):
                self.server.merge(run)
            self._answer(202, {})
        elif self.path == "/runs/batch":
            batch = json.loads(body)
            for run in [*batch.get("post", []), *batch.get("patch", [])]:
                self.server.merge(run)
            self._answer(202, {})
        elif self.path == "/runs":
            self.server.merge(json.loads(body))
            self._answer(202, {})
        else:
            self._refuse()

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.startswith("/runs/"):
            return self._refuse()
        self.server.merge({"id": self.path.removeprefix("/runs/"), **json.loads(body)})
        return self._answer(202, {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Requests are looked at in `runs` and `unexpected`, not on the terminal."""

    def _refuse(self) -> None:
        self.server.unexpected.append(f"{self.command} {self.path}")
        self._answer(404, {"detail": "not here"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _from_parts(content_type: str, body: bytes) -> list[Run]:
    """The runs of a multipart body: parts `post.<id>`, `patch.<id>`, their fields in `post.<id>.extra` ..."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    runs: dict[str, Run] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        verb, run_id, *field = name.split(".")
        assert verb in ("post", "patch"), name
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes), name
        run = runs.setdefault(f"{verb}.{run_id}", {"id": run_id})
        run.update({field[0]: json.loads(payload)} if field else json.loads(payload))
    return list(runs.values())
