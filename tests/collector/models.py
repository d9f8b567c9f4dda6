"""The model server of the examples, with Anthropic's API beside OpenAI's; what its answers cost, and whose they are."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from examples.model_server import Handler, Served, text_of, tokens

MILLION = Decimal(1_000_000)

PRICES = {
    "gpt-4o-2024-08-06": ("2.50", "1.25", "0", "10"),
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0", "0.60"),
    "gpt-5-mini-2025-08-07": ("0.25", "0.025", "0", "2"),
    "text-embedding-3-small": ("0.02", "0", "0", "0"),
    "claude-sonnet-4-6": ("3", "0.30", "3.75", "15"),
}
"""Dollars for a million tokens of input, read from a cache, written to one, of output: of the providers' pages."""


class Told(NamedTuple):
    """One call: as it was served, or as the ledger has it."""

    feature: str | None
    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Decimal | None


@dataclass(frozen=True)
class Written(Served):
    """An answer of Anthropic's."""

    written_tokens: int = 0
    """Of the input, what was written to the cache."""


class BothHandler(Handler):
    """OpenAI's API and Anthropic's."""

    def do_POST(self) -> None:  # noqa: N802 - the name is the base class's
        if self.path != "/v1/messages":
            return super().do_POST()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = text_of(body["messages"][-1])
        length, content = tokens(json.dumps(body["messages"])), f"An answer about: {said[:100]}"
        found = Written(
            body["model"],
            said,
            length + 2_048 + 512,
            cached_tokens=2_048,
            output_tokens=tokens(content),
            written_tokens=512,
        )
        head = {
            "id": f"msg_{self.remember(found)}",
            "type": "message",
            "role": "assistant",
            "model": found.model,
            "stop_sequence": None,
        }
        usage = {
            "input_tokens": length,
            "cache_read_input_tokens": found.cached_tokens,
            "cache_creation_input_tokens": found.written_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": found.written_tokens,
                "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": found.output_tokens,
        }
        if body.get("stream"):
            return self._stream(head, usage, content)
        text = [{"type": "text", "text": content}]
        return self.send({**head, "content": text, "stop_reason": "end_turn", "usage": usage})

    def _stream(self, head: dict[str, Any], usage: dict[str, Any], content: str) -> None:
        started = {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        block = {"type": "text", "text": ""}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": started},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": f"{word} "},
                }
                for word in content.split(" ")
            ),
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": usage["output_tokens"]},
            },
            {"type": "message_stop"},
        ]
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        self._send("".join(lines).encode(), "text/event-stream", 200)


def told(served: Served) -> Told:
    """What a ledger must say of an answer that was served."""
    written = served.written_tokens if isinstance(served, Written) else 0
    given, read, kept, made = (Decimal(price) / MILLION for price in PRICES[served.model])
    plain = served.input_tokens - served.cached_tokens - written
    cost = plain * given + served.cached_tokens * read + written * kept + served.output_tokens * made
    return Told(
        owner(served),
        served.model,
        served.input_tokens,
        served.cached_tokens,
        written,
        served.output_tokens,
        served.reasoning_tokens,
        cost.normalize(),
    )


OWNERS = {
    "gpt-4o-2024-08-06": "support-bot",
    "gpt-4o-mini-2024-07-18": "email-drafts",
    "gpt-5-mini-2025-08-07": "summarizer",
    "text-embedding-3-small": "rag-search",
}
"""Which model each feature of the examples calls; besides these, the agent's `rag-search` calls gpt-4o-mini."""


def owner(served: Served) -> str | None:
    """The feature that asked: the application of the tests says it before a colon, the examples have a model each."""
    if said := re.match(r"([a-z-]+): ", served.said):
        return None if said[1] == "nobody" else said[1]
    if served.said == "Are you there?":
        return None
    if served.model.startswith("gpt-4o-mini") and not served.said.startswith("Write a mail"):
        return "rag-search"
    return OWNERS[served.model]
