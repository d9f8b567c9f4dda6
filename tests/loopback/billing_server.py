"""The billing side of OpenAI and Anthropic on loopback: pages of days as documented, with faults to order."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "sk-admin-loopback-key-0123456789"

OPENAI, ANTHROPIC = "/v1/organization/costs", "/v1/organizations/cost_report"


@dataclass
class BillingServer:
    """Change any of it while it runs."""

    charges: dict[date, list[dict[str, Any]]] = field(default_factory=dict)
    """Results by day, as the provider spells them."""
    days_a_page: int = 7
    faults: list[int] = field(default_factory=list)
    """Statuses of the next answers: 429, 500, ..."""
    loses_the_way: bool = False
    """More pages are announced, without their address."""
    loops: bool = False
    """The next page is always the first one."""
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    _http: ThreadingHTTPServer | None = None

    def __enter__(self) -> "BillingServer":
        handler = type("Handler", (_Handler,), {"billing": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
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

    def answer(self, path: str, query: dict[str, list[str]], key: str | None) -> tuple[int, Any]:
        self.requests.append((path, query))
        if self.faults:
            return self.faults.pop(0), {"error": "as ordered"}
        if key != KEY:
            return 401, {"error": f"Incorrect API key provided: {key}"}
        makers: dict[str, Callable[[dict[str, list[str]]], Any]] = {
            OPENAI: self._openai,
            ANTHROPIC: self._anthropic,
        }
        return (200, makers[path](query)) if path in makers else (404, {"error": "not found"})

    def _openai(self, query: dict[str, list[str]]) -> Any:
        assert query.keys() <= {"start_time", "end_time", "bucket_width", "limit", "group_by", "page"}
        assert int(query["limit"][0]) <= 180
        first, last = (_day(int(query[name][0])) for name in ("start_time", "end_time"))
        buckets = [
            {
                "object": "bucket",
                "start_time": _unix(day),
                "end_time": _unix(day + timedelta(1)),
                "results": results,
            }
            for day, results in self._within(first, last)
        ]
        return {"object": "page", **self._paged(buckets, query)}

    def _anthropic(self, query: dict[str, list[str]]) -> Any:
        assert query.keys() <= {"starting_at", "ending_at", "bucket_width", "limit", "group_by[]", "page"}
        assert int(query["limit"][0]) <= 31
        first, last = (datetime.fromisoformat(query[name][0]).date() for name in ("starting_at", "ending_at"))
        buckets = [
            {
                "starting_at": f"{day}T00:00:00Z",
                "ending_at": f"{day + timedelta(1)}T00:00:00Z",
                "results": results,
            }
            for day, results in self._within(first, last)
        ]
        return self._paged(buckets, query)

    def _within(self, first: date, last: date) -> list[tuple[date, list[dict[str, Any]]]]:
        days = (first + timedelta(number) for number in range((last - first).days))
        return [(day, self.charges.get(day, [])) for day in days]

    def _paged(self, buckets: list[Any], query: dict[str, list[str]]) -> dict[str, Any]:
        at = int(query.get("page", ["page_0"])[0].removeprefix("page_"))
        after = 0 if self.loops else at + self.days_a_page
        more = self.loops or after < len(buckets)
        return {
            "data": buckets[at : at + self.days_a_page],
            "has_more": more,
            "next_page": f"page_{after}" if more and not self.loses_the_way else None,
        }


class _Handler(BaseHTTPRequestHandler):
    billing: BillingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        key = self.headers.get("x-api-key") or (self.headers.get("Authorization") or "").removeprefix(
            "Bearer "
        )
        status, content = self.billing.answer(address.path, parse_qs(address.query), key)
        body = json.dumps(content).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0.05")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Silent."""


def _unix(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
