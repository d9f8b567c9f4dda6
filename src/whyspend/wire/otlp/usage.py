"""The token counts of a span, in whatever convention, become the disjoint quantities of a Call.

The conventions want `input_tokens` to include what was read from and written to a cache, and most SDKs do so. Those
that do not are told by their scope, or by what their numbers say; `usage_flag` is then `additive`.
"""

import ast
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from whyspend.model import Call
from whyspend.wire._amounts import pico
from whyspend.wire._usage import as_count, put_reported, put_usage
from whyspend.wire.otlp import names
from whyspend.wire.otlp.spans import Span, Value

Attributes = Mapping[str, Value]

_OPENLIT = ("openlit",)
_BEDROCK = "opentelemetry.instrumentation.bedrock"
_MODALITIES = (
    ("audio", names.INPUT_AUDIO, names.CACHED_AUDIO, names.OUTPUT_AUDIO),
    ("image", names.INPUT_IMAGE, names.CACHED_IMAGE, names.OUTPUT_IMAGE),
)


class Counted(Struct, gc=False):
    """What a span says about its tokens, nothing of it checked yet."""

    prompt: Any = None
    completion: Any = None
    total: Any = None
    given: dict[str, Any] = field(default_factory=dict)
    """Parts of the prompt, by LangChain's names."""
    made: dict[str, Any] = field(default_factory=dict)
    """Parts of the completion."""
    cached: dict[str, Any] = field(default_factory=dict)
    """Of the cache reads, those of a modality that is a part of the prompt too: audio, image."""
    exclusive: bool = False
    """The prompt leaves out what the cache has."""
    tier: str = ""


def put_counts(call: Call, span: Span) -> str:
    """Set the usage columns of a call; return the service tier that was served, or "".

    A span that names no token, or 0 and 0, has no counts: streams write that where the provider told nothing.
    """
    if (reply := span.reply) is not None:
        call.web_searches = reply.web_searches
        if (usage := reply.usage) is not None and (usage.input_tokens or usage.output_tokens):
            call.usage_source = reply.usage_source
            return put_reported(call, usage, exclusive=False)
    found = _langfuse(span.attributes) or _named(span, call.kind)
    if not found.prompt and not found.completion:
        call.usage_flag = "missing"
        return found.tier
    call.usage_source = "metadata"
    apart = _cached_apart(found)
    served = put_usage(
        call,
        _or_zero(found.prompt),
        _or_zero(found.completion),
        found.total,
        found.given,
        found.made,
        found.exclusive,
    )
    for kind, tokens in apart.items():
        setattr(call, f"cache_read_{kind}_tokens", tokens)
        call.prompt_total += tokens
    return served or found.tier


def put_costs(call: Call, attributes: Attributes) -> None:
    """Take the cost that a span reports, as it reports it."""
    if attributes.keys().isdisjoint(names.COSTS):
        return
    details = _object(attributes.get(names.COST_DETAILS))
    call.reported_input_cost = pico(first(attributes, names.INPUT_COST, details.get("input")))
    call.reported_output_cost = pico(first(attributes, names.OUTPUT_COST, details.get("output")))
    total = details.get("total")
    call.reported_cost = pico(total if total is not None else first(attributes, names.COST))


def first(attributes: Attributes, aliases: tuple[str, ...], otherwise: Any = None) -> Any:
    """The value under the first of these names that is there."""
    for name in aliases:
        if name in attributes:
            return attributes[name]
    return otherwise


def _named(span: Span, kind: str) -> Counted:
    """The counts under names of their own: of the GenAI conventions, OpenInference, the Vercel AI SDK, ..."""
    attributes = span.attributes
    found = Counted(
        prompt=_count(first(attributes, names.INPUT)),
        completion=_count(first(attributes, names.OUTPUT)),
        total=_count(first(attributes, names.TOTAL)),
        given=_python_dict(attributes.get(names.INPUT_DETAILS)),
        made=_python_dict(attributes.get(names.OUTPUT_DETAILS)),
    )
    if kind == "embedding" and found.prompt is None:
        found.prompt = found.total
    _put(found.given, "cache_read", first(attributes, names.CACHE_READ))
    _put(found.given, "cache_creation", first(attributes, names.CACHE_WRITE))
    _put(found.made, "reasoning", first(attributes, names.REASONING))
    for modality, given, cached, made in _MODALITIES:
        _put(found.given, modality, first(attributes, given))
        _put(found.cached, modality, first(attributes, cached))
        _put(found.made, modality, first(attributes, made))
    found.exclusive = _leaves_cache_out(span)
    _complete_by_provider(found, _object(attributes.get(names.PROVIDER_METADATA)))
    return found


def _leaves_cache_out(span: Span) -> bool:
    """Tell whether the writer of a span takes the provider's raw input count, which leaves the cache out.

    Read in their code: Traceloop's instrumentation of Bedrock (0.62, Converse), and OpenLIT's (1.45) of Anthropic.
    Others are told by a cache that is larger than the input, or by a total of all three (`put_usage`).
    """
    if span.scope.startswith(_BEDROCK):
        return True
    provider = str(first(span.attributes, names.PROVIDER, "")).lower()
    return span.scope.startswith(_OPENLIT) and provider == "anthropic"


def _complete_by_provider(found: Counted, metadata: Mapping[str, Any]) -> None:
    """Complete the counts of the Vercel AI SDK from what the provider answered.

    Anthropic: 12 input tokens, 4,000 read and 700 written, 500 of these for an hour. The SDK's versions 4 and 5 write
    inputTokens 12, version 6 writes 4,712; the provider's own 12 tells which.
    """
    if not metadata:
        return
    anthropic = _member(metadata, "anthropic")
    raw = _member(anthropic, "usage")
    _put(found.given, "cache_read", _count(raw.get("cache_read_input_tokens")))
    written = raw.get("cache_creation_input_tokens", anthropic.get("cacheCreationInputTokens"))
    _put(found.given, "cache_creation", _count(written))
    for key, count in _member(raw, "cache_creation").items():
        if key in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"):
            _put(found.given, key, count)
    plain = as_count(raw.get("input_tokens"))
    if plain is not None and plain == found.prompt:
        found.exclusive = True
    openai = _member(metadata, "openai")
    _put(found.given, "cache_read", _count(openai.get("cachedPromptTokens")))
    _put(found.made, "reasoning", _count(openai.get("reasoningTokens")))
    for tier in (raw.get("service_tier"), openai.get("serviceTier"), openai.get("service_tier")):
        found.tier = found.tier or (tier if isinstance(tier, str) else "")


def _langfuse(attributes: Attributes) -> Counted | None:
    """The counts of Langfuse's SDK: one JSON object with any keys, which beats every other attribute.

    Its norm is parts that add up: input 80, input_cached_tokens 30, output 40, total 150. Where the parts are more than
    the total, they are within input and output: input 6, output 2055, completion_details.reasoning 1104, total 2061.
    OpenAI's own names (`prompt_tokens`) mean totals, too.
    """
    details = {
        key: count for key, count in _object(attributes.get(names.USAGE_DETAILS)).items() if count is not None
    }
    if not details:
        return None
    found = Counted(total=details.pop("total", None))
    found.total = details.pop("total_tokens", found.total)
    bases: dict[str, int] = {"prompt": 0, "completion": 0}
    named = set()
    for key, value in details.items():
        count = as_count(value)
        side, kind = _langfuse_kind(key)
        if count is None or not side:
            continue
        named.add(key)
        if not kind:
            bases[side] += count
        else:
            _add(found.given if side == "prompt" else found.made, kind, count)
    given, made = _parts(found.given), _parts(found.made)
    within = as_count(found.total)
    whole = "prompt_tokens" in named if within is None else sum(bases.values()) + given + made > within
    found.prompt, found.completion = bases["prompt"], bases["completion"]
    if not whole:
        found.prompt += given
        found.completion += made
    return found


def _parts(details: Mapping[str, int]) -> int:
    """All tokens of the details; cache writes by lifetime are within those of any."""
    by_lifetime = sum(count for kind, count in details.items() if kind.startswith("ephemeral_"))
    return sum(details.values()) - min(by_lifetime, details.get("cache_creation", 0))


def _langfuse_kind(key: str) -> tuple[str, str]:
    """Which side a key of Langfuse's is on, and which part of it; "" for the side itself, or for no known key."""
    name = key.lower()
    is_output = any(word in name for word in ("output", "completion", "reasoning", "thought"))
    side = "completion" if is_output and "cache" not in name else "prompt"
    if name in (
        "input",
        "prompt_tokens",
        "input_tokens",
        "prompt",
        "output",
        "output_tokens",
        "completion_tokens",
    ):
        return side, ""
    if "cache_creation" in name or "cache_write" in name or name.startswith("ephemeral_"):
        lifetime = next((time for time in ("5m", "1h") if time in name), "")
        return "prompt", f"ephemeral_{lifetime}_input_tokens" if lifetime else "cache_creation"
    for word, kind in (("cache", "cache_read"), ("reasoning", "reasoning"), ("thought", "reasoning")):
        if word in name:
            return side, kind
    for kind in ("audio", "image", "video"):
        if kind in name:
            return side, kind
    return "", ""


def _cached_apart(found: Counted) -> dict[str, int]:
    """Take the cache reads that are of a modality out of both counts that hold them; what they are.

    pydantic-ai: input 120, cache_read 30, audio 5, cached audio 2 -> cached audio 2, audio 3, cache_read 28. Only
    where all of it can be true and lies within the prompt; else it stays as it is.
    """
    apart: dict[str, int] = {}
    for kind, count in found.cached.items():
        both = as_count(_count(count))
        read, of_kind = as_count(found.given.get("cache_read")), as_count(found.given.get(kind))
        prompt = as_count(found.prompt)
        if not both or read is None or of_kind is None or prompt is None or found.exclusive:
            continue
        if both > min(read, of_kind) or read > prompt:
            continue
        apart[kind] = both
        found.given["cache_read"], found.given[kind] = read - both, of_kind - both
        found.prompt = prompt - both
        total = as_count(found.total)
        found.total = total - both if total and total >= both else found.total
    return apart


def _put(details: dict[str, Any], kind: str, value: Any) -> None:
    if value is not None and details.get(kind) in (None, 0):
        details[kind] = _count(value)


def _add(details: dict[str, Any], kind: str, count: int) -> None:
    details[kind] = details.get(kind, 0) + count


def _count(value: Any) -> Any:
    """A number that was written as text, as a number; all else as it is, to be judged by `put_usage`."""
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
        else value
    )


def _or_zero(value: Any) -> Any:
    return 0 if value is None else value


def _python_dict(text: Any) -> dict[str, Any]:
    """LangSmith's exporter writes a dict with `str()`: `{'cache_read': 10}`, which is no JSON."""
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return (
        {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}
    )


def _object(text: Any) -> dict[str, Any]:
    """A JSON object in a text; empty for anything else."""
    if not isinstance(text, str) or text.lstrip()[:1] != "{":
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _member(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
