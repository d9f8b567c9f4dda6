"""GitHub's comments of one pull request, on loopback: as much of its REST API as a sticky comment meets."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LISTED = "/repos/acme/product/issues/7/comments"
ONE = re.compile(r"/repos/acme/product/issues/comments/(\d+)")
TOKEN = "Bearer token-of-the-job"
LONGEST = 65_536


@dataclass
class Comments:
    base: str = ""
    held: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    """Statuses of the next answers."""
    requests: list[str] = field(default_factory=list)
    """`POST /repos/...`, as they came."""

    def said_by(self, author: str, body: str, *, is_bot: bool = False, association: str = "NONE") -> None:
        """One more comment at the end."""
        user = {"login": author, "type": "Bot" if is_bot else "User"}
        number = 1_000 + len(self.held)
        self.held.append({"id": number, "user": user, "author_association": association, "body": body})

    def bodies(self, author: str) -> list[str]:
        return [comment["body"] for comment in self.held if comment["user"]["login"] == author]


@contextmanager
def comments() -> Iterator[Comments]:
    """A server without comments."""
    running = Comments()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self._listed)

        def do_POST(self) -> None:
            self._answer(self._made)

        def do_PATCH(self) -> None:
            self._answer(self._changed)

        def _answer(self, act: Any) -> None:
            running.requests.append(f"{self.command} {self.path}")
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if running.refusals:
                status, said = running.refusals.pop(0), None
            elif self.headers["Authorization"] != TOKEN:
                status, said = 401, None
            else:
                status, said = act(json.loads(sent) if sent else {})
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        def _listed(self, _: Any) -> tuple[int, Any]:
            asked = urlsplit(self.path)
            if asked.path != LISTED:
                return 404, None
            query = {name: int(values[0]) for name, values in parse_qs(asked.query).items()}
            first = (query["page"] - 1) * query["per_page"]
            return 200, running.held[first : first + query["per_page"]]

        def _made(self, sent: Any) -> tuple[int, Any]:
            if self.path != LISTED:
                return 404, None
            if len(sent["body"]) > LONGEST:
                return 422, None
            running.said_by("github-actions[bot]", sent["body"], is_bot=True)
            return 201, running.held[-1]

        def _changed(self, sent: Any) -> tuple[int, Any]:
            found = ONE.fullmatch(self.path)
            for comment in running.held:
                if found and comment["id"] == int(found[1]):
                    comment["body"] = sent["body"]
                    return 200, comment
            return 404, None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.base = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
