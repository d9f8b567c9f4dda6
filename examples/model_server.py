"""A model server on this machine that speaks OpenAI's API: no account, no model, the same answers every time.

    python examples/model_server.py            listens on http://127.0.0.1:8322/v1

Chat completions (whole and streamed), tool calls, embeddings. Each reply says its usage as OpenAI's do: cached input
where a long prompt was sent before, reasoning tokens where the model thinks. Only Python's standard library is needed.
"""

import argparse
import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=ThreadingHTTPServer)

ANSWERS_AS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
}
"""The model that answers, by the one that is asked for; others answer under the name they are asked by."""

CACHED_FROM = 1_024
CACHED_BY = 128
"""OpenAI caches prompts of at least so many tokens, and of these whole portions."""


@dataclass(frozen=True)
class Served:
    """One answer as it was given, for tests to compare with what was collected."""

    model: str
    """The model that answered."""
    said: str
    """What the user said last."""
    input_tokens: int
    """All of the prompt, with what was cached."""
    cached_tokens: int = 0
    output_tokens: int = 0
    """All of the answer, with the reasoning."""
    reasoning_tokens: int = 0

    def usage(self) -> dict[str, Any]:
        """The same in OpenAI's words."""
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens, "audio_tokens": 0},
        }


class ModelServer(ThreadingHTTPServer):
    """Answers on loopback, and remembers what it served."""

    def __init__(self, port: int = 0, handler: "type[Handler] | None" = None) -> None:
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.served: list[Served] = []

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL must say."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Answer from a thread of its own for a while."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Answer:
    """What a chat comes to: a text, or tools to call first."""

    served: Served
    content: str | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def finish(self) -> str:
        """OpenAI's word for why it ended."""
        return "tool_calls" if self.tool_calls else "stop"


def answer(body: dict[str, Any]) -> Answer:
    """Answer a chat. The tools that are given are called one after the other, then there is a text."""
    messages, tools = body["messages"], body.get("tools") or []
    asked = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=0)
    done = sum(1 for message in messages[asked:] if message["role"] == "tool")
    said = text_of(messages[asked])
    if done < len(tools):
        calls = [_tool_call(f"call_{len(messages)}", tools[done]["function"], said)]
        return Answer(_served(body, said, json.dumps(calls)), None, calls)
    content = f"An answer to {len(messages)} messages about: {said[:200]}"
    return Answer(_served(body, said, content), content)


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, which may come in parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def tokens(text: str) -> int:
    """About as many as a tokenizer finds in English."""
    return len(text) // 4 + 1


def _served(body: dict[str, Any], said: str, answered: str) -> Served:
    lengths = [tokens(json.dumps(message)) for message in body["messages"]]
    prompt = sum(lengths) + sum(tokens(json.dumps(tool)) for tool in body.get("tools") or [])
    before = prompt - lengths[-1]  # as if all but the last message had been sent before
    thought = 64 * len(body["messages"]) if body["model"].startswith(("gpt-5", "o")) else 0
    return Served(
        ANSWERS_AS.get(body["model"], body["model"]),
        said,
        prompt,
        before // CACHED_BY * CACHED_BY if before >= CACHED_FROM else 0,
        tokens(answered) + thought,
        thought,
    )


def _tool_call(name: str, function: dict[str, Any], said: str) -> dict[str, Any]:
    """Call a function with what the user said for every argument that it needs."""
    needed = function.get("parameters", {}).get("required", [])
    arguments = json.dumps(dict.fromkeys(needed, said[:100]))
    return {"id": name, "type": "function", "function": {"name": function["name"], "arguments": arguments}}


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: ModelServer
    timeout = 30

    def do_POST(self) -> None:
        """Answer a request of an OpenAI client."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answers = {"/v1/chat/completions": self.chat, "/v1/embeddings": self.embed}
        if self.path in answers:
            answers[self.path](body)
        else:
            self.send({"error": {"message": f"There is no {self.path} here.", "type": "not_found"}}, 404)

    def chat(self, body: dict[str, Any]) -> None:
        """`POST /v1/chat/completions`."""
        found = answer(body)
        number = self.remember(found.served)
        head = {"id": f"chatcmpl-{number}", "created": 1_760_000_000, "model": found.served.model}
        if body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            self.send_events(list(_chunks(head, found, usage)))
            return
        message: dict[str, Any] = {"role": "assistant", "content": found.content, "refusal": None}
        if found.tool_calls:
            message["tool_calls"] = found.tool_calls
        choice = {"index": 0, "finish_reason": found.finish, "logprobs": None, "message": message}
        self.send({**head, "object": "chat.completion", "choices": [choice], "usage": found.served.usage()})

    def embed(self, body: dict[str, Any]) -> None:
        """`POST /v1/embeddings`."""
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        said = " ".join(map(str, texts))
        served = Served(body["model"], said, tokens(said))
        self.remember(served)
        vector: Any = [0.25] * 8
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<8f", *vector)).decode()
        data = [{"object": "embedding", "index": at, "embedding": vector} for at in range(len(texts))]
        usage = {"prompt_tokens": served.input_tokens, "total_tokens": served.input_tokens}
        self.send({"object": "list", "model": served.model, "data": data, "usage": usage})

    def remember(self, served: Served) -> int:
        """Keep what was served; its number."""
        self.server.served.append(served)
        return len(self.server.served)

    def send(self, body: dict[str, Any], status: int = 200) -> None:
        """Send JSON."""
        self._send(json.dumps(body).encode(), "application/json", status)

    def send_events(self, events: list[dict[str, Any]]) -> None:
        """Send a stream of server-sent events."""
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self._send("".join([*lines, "data: [DONE]\n\n"]).encode(), "text/event-stream", 200)

    def _send(self, content: bytes, kind: str, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the terminal is for what the server is asked to tell."""


def _chunks(head: dict[str, Any], found: Answer, with_usage: bool) -> Iterator[dict[str, Any]]:
    """The pieces of a streamed answer; the last one has the usage, where it was asked for."""

    def chunk(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {**head, "object": "chat.completion.chunk", "choices": choices, **more}

    def delta(said: dict[str, Any], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}]

    yield chunk(delta({"role": "assistant", "content": ""}))
    for word in (found.content or "").split(" "):
        yield chunk(delta({"content": f"{word} "}))
    for at, call in enumerate(found.tool_calls):
        yield chunk(delta({"tool_calls": [{"index": at, **call}]}))
    yield chunk(delta({}, found.finish))
    if with_usage:
        yield chunk([], usage=found.served.usage())


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=8322)
    server = ModelServer(parser.parse_args().port)
    print(f"OpenAI's API, without a model behind it: export OPENAI_BASE_URL={server.url}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
