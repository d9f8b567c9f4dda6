"""A LangSmith on loopback that only serves: runs of 2 KB, written from a template, as API v2 pages them.

A process of its own, so that its work is not counted: `python -m bench.page_server RUNS DAYS` prints its port.
Run number i begins i equal steps after the first instant. Traces have 2.6 calls on average, below a root and a node;
every fifth trace carries its tags on the root alone. Runs that are asked for by id are roots and nodes.
"""

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from bench.synthetic import CALLS_OF_A_TRACE, FIRST_DAY, micros

DAY = 86_400_000_000
PROJECT = "11111111-1111-4111-8111-111111111111"
START = micros(FIRST_DAY)

_TRACE_OF_CALL = [trace for trace, calls in enumerate(CALLS_OF_A_TRACE) for _ in range(calls)]
_FIRST_CALL = [sum(CALLS_OF_A_TRACE[:trace]) for trace in range(len(CALLS_OF_A_TRACE))]

_SCATTER = 0x5DEECE66D1B5
"""Odd, so that multiplication modulo 2**48 can be undone: an id looks random and still says its number."""
_GATHER = pow(_SCATTER, -1, 2**48)

_MODELS = (("openai", "gpt-5-mini"), ("anthropic", "claude-sonnet-4-5"), ("google_genai", "gemini-2.5-flash"))

_OWN_TAGS = (
    '"feature":"%s","env":"production","user_tier":"pro","customer_id":"cus_%08x","team":"growth",'
    '"prompt_version":"v12","region":"eu-west-1",'
)
_CALL = (
    '{"id":"%s","name":"ChatModel","run_type":"LLM","status":"SUCCESS","start_time":"%s","end_time":"%s",'
    '"first_token_time":null,"trace_id":"%s","parent_run_ids":["%s","%s"],"project_id":"' + PROJECT + '",'
    '"thread_id":null,"metadata":{%s"ls_provider":"%s","ls_model_name":"%s","ls_model_type":"chat",'
    '"ls_temperature":0.2,"ls_max_tokens":4096,"ls_integration":"langchain_chat_model","ls_run_depth":2,'
    '"ls_method":"langchain","lc_versions":{"langchain-core":"1.7.2","langchain-openai":"1.7.3",'
    '"langgraph":"1.4.9"},"model":"gpt-5-mini","model_name":"gpt-5-mini","stream":false,"_type":"openai-chat",'
    '"stop":null,"temperature":0.2,"max_tokens":4096,"revision_id":"v2.14.0-3-gda4fb5c",'
    '"LANGSMITH_TRACING":"true","LANGSMITH_PROJECT":"prod-chat","LANGSMITH_ENDPOINT":"https://eu.api.smith.langchain.com",'
    '"langgraph_step":3,"langgraph_node":"answer","langgraph_triggers":["branch:to:answer"],'
    '"langgraph_path":["__pregel_pull","answer"],"langgraph_checkpoint_ns":"answer:%s",'
    '"checkpoint_ns":"answer:%s","langgraph_host":"self-hosted","langgraph_api_url":"http://agents.internal:8123",'
    '"graph_id":"support","assistant_id":"%s","usage_metadata":{"input_tokens":%d,"output_tokens":%d,"total_tokens":%d,'
    '"input_token_details":{"cache_read":%d},"output_token_details":{"reasoning":%d}}},'
    '"tags":["seq:step:2"],"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
    '"prompt_token_details":{"raw":{"cache_read":%d}},"completion_token_details":{"raw":{"reasoning":%d}},'
    '"prompt_cost":%r,"completion_cost":%r,"total_cost":%r,"price_model_id":"' + PROJECT + '"}'
)
_ANCESTOR = (
    '{"id":"%s","name":"%s","run_type":"CHAIN","status":"SUCCESS","start_time":"%s","end_time":"%s",'
    '"first_token_time":null,"trace_id":"%s","parent_run_ids":[%s],"project_id":"' + PROJECT + '",'
    '"thread_id":null,"metadata":{%s"ls_integration":"langgraph","ls_method":"traceable","ls_run_depth":%d,'
    '"LANGSMITH_TRACING":"true","LANGSMITH_PROJECT":"prod-chat","revision_id":"v2.14.0-3-gda4fb5c"},"tags":[],'
    '"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"prompt_token_details":null,'
    '"completion_token_details":null,"prompt_cost":null,"completion_cost":null,"total_cost":null,"price_model_id":null}'
)


@dataclass(frozen=True)
class Stock:
    """So many runs, over so many days."""

    runs: int
    days: int

    @property
    def step(self) -> int:
        """Microseconds between two runs."""
        return self.days * DAY // self.runs

    def began(self, number: int) -> int:
        """When a run began."""
        return START + number * self.step

    def between(self, first: int, last: int) -> range:
        """The numbers of the runs that began in [first, last]."""
        low = max(0, -((START - first) // self.step) if first > START else 0)
        return range(low, max(low, min(self.runs, (last - START) // self.step + 1)))

    def call(self, number: int) -> str:
        """A model call."""
        trace = _trace(number)
        started = self.began(number)
        node = self.id("b", number)
        provider, model = _MODELS[trace % 3]
        prompt, completion = 500 + number * 7919 % 4000, 20 + number * 104729 % 900
        cached, reasoning = (
            prompt // 256 * 128 if number % 3 == 0 else 0,
            completion // 2 if trace % 3 != 1 else 0,
        )
        input_cost, output_cost = prompt * 2.5e-07, completion * 2e-06
        return _CALL % (
            self.id("a", number), _iso(started), _iso(started + 2_345_678), self.root(trace), self.root(trace), node,
            _tags(trace) if trace % 5 else "", provider, model, node, node, node,
            prompt, completion, prompt + completion, cached, reasoning,
            prompt, completion, prompt + completion, cached, reasoning,
            input_cost, output_cost, input_cost + output_cost,
        )  # fmt: skip

    def ancestor(self, run_id: str) -> str:
        """A root (`8c`) or a node (`8b`)."""
        number = int(run_id[24:], 16) * _GATHER % 2**48
        is_root = run_id[19] == "c"
        trace = number if is_root else _trace(number)
        root, started = self.root(trace), _iso(self.began(_first_call(trace)))
        return _ANCESTOR % (
            run_id, "support_graph" if is_root else "answer", started, started, root, "" if is_root else f'"{root}"',
            _tags(trace) if is_root else "", 0 if is_root else 1,
        )  # fmt: skip

    def root(self, trace: int) -> str:
        """The id of a trace."""
        return self.id("c", trace, self.began(_first_call(trace)))

    def id(self, kind: str, number: int, began: int = 0) -> str:
        """A UUID of version 7 that says the number: a a call, b its node, c a root."""
        time = f"{(began or self.began(number)) // 1000:012x}"
        clock, order = number * 7919 % 4096, number * 104729 % 4096
        return f"{time[:8]}-{time[8:]}-7{clock:03x}-{kind}{order:03x}-{number * _SCATTER % 2**48:012x}"


def _trace(number: int) -> int:
    blocks, rest = divmod(number, len(_TRACE_OF_CALL))
    return blocks * len(CALLS_OF_A_TRACE) + _TRACE_OF_CALL[rest]


def _first_call(trace: int) -> int:
    blocks, rest = divmod(trace, len(CALLS_OF_A_TRACE))
    return blocks * len(_TRACE_OF_CALL) + _FIRST_CALL[rest]


def _tags(trace: int) -> str:
    return _OWN_TAGS % (f"feature-{trace * 7919 % 40}", trace * 104729 % 50_000)


def _iso(micros_utc: int) -> str:
    seconds, rest = divmod(micros_utc, 1_000_000)
    return f"{datetime.utcfromtimestamp(seconds):%Y-%m-%dT%H:%M:%S}.{rest:06d}+00:00"  # noqa: DTZ004  the offset stands behind


def page(stock: Stock, query: dict[str, Any]) -> bytes:
    """The answer to one query: newest first, or what was asked for by id."""
    if ids := query.get("ids"):
        return f'{{"items":[{",".join(map(stock.ancestor, ids))}],"next_cursor":null}}'.encode()
    found = stock.between(_instant(query["min_start_time"]), _instant(query["max_start_time"]))
    at, size = int(query.get("cursor") or 0), query.get("page_size", 100)
    numbers = found[::-1][at : at + size]
    following = f'"{at + size}"' if at + size < len(found) else "null"
    return f'{{"items":[{",".join(map(stock.call, numbers))}],"next_cursor":{following}}}'.encode()


def _instant(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def serve(stock: Stock) -> None:
    """Print the port, and answer until the process ends."""
    pages: dict[bytes, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if "/sessions" in self.path:
                self._send(
                    msgspec.json.encode(
                        [{"id": PROJECT, "name": "prod-chat"}]
                        if "offset=0" in self.path or "name=" in self.path
                        else []
                    )
                )
            else:
                self._send(b'{"version":"0.16.20"}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if body not in pages:
                pages[body] = page(stock, json.loads(body))
            self._send(pages[body])

        def _send(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is http.server's
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Stock(int(sys.argv[1]), int(sys.argv[2])))
