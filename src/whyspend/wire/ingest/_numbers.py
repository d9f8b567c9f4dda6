"""Usage objects and outputs, reduced to numbers and names: whatever else an application wrote there is not kept."""

import re

from msgspec import Raw

from whyspend.wire._amounts import pico
from whyspend.wire._outputs import Answer, read_outputs
from whyspend.wire._usage import PLAIN_INPUT_COLUMNS, PLAIN_OUTPUT_COLUMNS, Usage
from whyspend.wire.ingest._event import Reply
from whyspend.wire.ingest._json import repaired
from whyspend.wire.ingest._refusing import BodyError

MOST_DETAILS = 100
NO_COUNT = -1
"""Stands for what was no number: as impossible as it, and no text."""
_LONGEST_COST = 64
_DETAIL = re.compile(r"[A-Za-z_][0-9A-Za-z_]{0,39}").fullmatch
_USUAL_DETAILS = {*PLAIN_INPUT_COLUMNS, *PLAIN_OUTPUT_COLUMNS}
_TERM = re.compile(r"[0-9A-Za-z_-]{1,32}").fullmatch
_MODEL = re.compile(r"[!-~]{1,256}").fullmatch


def numbers_only(usage: Usage) -> Usage | None:
    """Let go of what is no number in a usage object; None where nothing is left."""
    usage.input_tokens = _count(usage.input_tokens)
    usage.output_tokens = _count(usage.output_tokens)
    usage.total_tokens = _count(usage.total_tokens)
    usage.input_token_details = _details(usage.input_token_details)
    usage.output_token_details = _details(usage.output_token_details)
    usage.input_cost = _cost(usage.input_cost)
    usage.output_cost = _cost(usage.output_cost)
    usage.total_cost = _cost(usage.total_cost)
    usage.server_tool_use = _details(usage.server_tool_use)
    empty = not usage.has_counts() and usage.total_cost is usage.input_cost is usage.output_cost is None
    return None if empty else usage


def _count(value: object) -> int | float | None:
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else NO_COUNT
    return value if value is None or type(value) is float else NO_COUNT


def _details(details: object) -> dict[str, int | float | None] | None:
    if type(details) is not dict or not details:
        return None
    if len(details) > MOST_DETAILS:
        details = dict(list(details.items())[:MOST_DETAILS])
    for key, count in details.items():
        if type(count) is not int or key not in _USUAL_DETAILS or not 0 <= count < 2**63:
            return {key: _count(count) for key, count in details.items() if _DETAIL(key)}
    return details


def _cost(value: object) -> int | float | str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_COST and pico(value) is not None else None
    return value if isinstance(value, (int, float)) and pico(value) is not None else None


def model_name(value: object) -> str | None:
    """Give what can be the name of a model: no spaces, at most 256 characters of ASCII."""
    return value if isinstance(value, str) and _MODEL(value) else None


def reply_of(outputs: bytes) -> Reply | None:
    """Read the outputs of a run; None where they say nothing that is kept."""
    if b"usage" not in outputs and b"model" not in outputs and b"service_tier" not in outputs:
        return None  # nothing that is kept stands under another word
    answer = read_outputs(Raw(outputs)) if _is_utf8(outputs) else None
    if answer is None:
        try:
            answer = read_outputs(Raw(repaired(outputs)))
        except BodyError:
            return None
    return _reply(answer) if answer is not None else None


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _reply(answer: Answer) -> Reply | None:
    usage = numbers_only(answer.usage) if answer.usage is not None else None
    reply = Reply(
        usage,
        answer.usage_source if usage is not None else None,
        model_name(answer.model),
        _term(answer.service_tier),
        _term(answer.speed),
        _term(answer.inference_geo),
        answer.web_searches,
    )
    return None if reply == Reply() else reply


def _term(value: object) -> str | None:
    return value if isinstance(value, str) and _TERM(value) else None


def answer_of(reply: Reply | None) -> Answer | None:
    """Give what `to_call` takes of the outputs."""
    if reply is None:
        return None
    return Answer(
        reply.usage,
        reply.usage_source,
        reply.model,
        reply.service_tier,
        reply.speed,
        reply.inference_geo,
        reply.web_searches,
    )
