"""Slack on loopback, as far as an app needs it: it takes messages and files, and refuses what Slack would refuse."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from tests.alerts.servers import serving

TOKEN = "xoxb-0123456789-loopback"
CHANNEL = "C0123456789"
PNG = b"\x89PNG\r\n\x1a\n"

RICH = {"rich_text_section", "rich_text_preformatted"}
MOST_BLOCKS = 50
MOST_CHARACTERS = 13_000
"""Of all blocks of a message: beyond it Slack says msg_blocks_too_long."""


@dataclass
class Slack:
    """What was posted, and what it is told to do."""

    endpoint: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Each with `blocks`, and `files` where it has some: (title, bytes)."""
    uploads: dict[str, bytes] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    """Method -> the error that it answers."""
    called: list[str] = field(default_factory=list)

    def answer(self, method: str, kind: str, token: str, body: bytes) -> dict[str, Any]:
        self.called.append(method)
        if method in self.failing:
            return {"ok": False, "error": self.failing[method]}
        if token != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        if method == "files.getUploadURLExternal":
            return self._place(kind, body)
        if not kind.startswith("application/json"):
            return {"ok": False, "error": "invalid_form_data"}
        given = json.loads(body)
        if given.get("channel", given.get("channel_id")) != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if not _are_blocks(given["blocks"]):
            return {"ok": False, "error": "invalid_blocks"}
        files = []
        for each in given.get("files", []):
            if len(self.uploads.get(each["id"], b"")) != self.lengths[each["id"]]:
                return {"ok": False, "error": "file_not_found"}
            files.append((each["title"], self.uploads[each["id"]]))
        self.messages.append({**given, "files": files})
        return {"ok": True, "ts": "1700000000.000100"}

    def _place(self, kind: str, body: bytes) -> dict[str, Any]:
        """JSON is not taken here, unlike by the other methods."""
        if kind != "application/x-www-form-urlencoded":
            return {"ok": False, "error": "invalid_arguments"}
        given = parse_qs(body.decode())
        name = f"F{len(self.lengths):09}"
        self.lengths[name] = int(given["length"][0])
        return {"ok": True, "upload_url": f"{self.endpoint}/upload/{name}", "file_id": name}


def _are_blocks(blocks: list[dict[str, Any]]) -> bool:
    kinds = {block["type"] for block in blocks}
    texts = [text for block in blocks for text in _texts(block)]
    return (
        0 < len(blocks) <= MOST_BLOCKS
        and kinds <= {"rich_text", "section", "header", "context"}
        and all(texts)
        and sum(map(len, texts)) <= MOST_CHARACTERS
    )


def _texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["text"]] if isinstance(part.get("text"), str) else []
        return own + [text for value in part.values() for text in _texts(value)]
    return [text for item in part for text in _texts(item)] if isinstance(part, list) else []


@contextmanager
def slack() -> Iterator[Slack]:
    """A server for an app."""
    running = Slack()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.headers.get("Content-Type", "")
            place = self.path.removeprefix("/")
            if place.startswith("upload/"):
                running.uploads[place.removeprefix("upload/")] = body
                self._say(b"OK")
                return
            told = running.answer(place, kind, self.headers.get("Authorization", ""), body)
            self._say(json.dumps(told).encode())

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Silent."""

    with serving(Handler) as running.endpoint:
        yield running
