"""What a usage object means: totals and overlapping details become the disjoint quantities of a Call.

The shape is LangChain's and LangSmith's `UsageMetadata`: `input_tokens` and `output_tokens` are the sums of
all kinds, and the details are parts of them which need not add up. Every departure from that which is known
from a real SDK is handled here, beside its worked numbers.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from whyspend.model import Call

LARGEST_COUNT = 2**53
"""No call has nine quadrillion tokens; a larger number is no count (and its sums would not fit a BIGINT)."""

_SERVICE_TIERS = ("flex", "priority")
_PLAIN_INPUT = {
    "cache_read": "cache_read_tokens",
    "cache_creation": "cache_write_tokens",
    "audio": "input_audio_tokens",
    "image": "input_image_tokens",
    "video": "input_video_tokens",
    "cache_read_audio": "cache_read_audio_tokens",
    "cache_read_image": "cache_read_image_tokens",
    "text": "",
}
PLAIN_INPUT_COLUMNS = {
    **_PLAIN_INPUT,
    "ephemeral_5m_input_tokens": "cache_write_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
}
"""The column of each detail that is part of its total and nothing else; `text` is what is left. Two are written by our
own collector alone: of cached audio and images LangChain says that they are audio, and that they are cached.
Where `cache_creation` is 0 or absent, the writes by lifetime are as plain as the rest."""
PLAIN_OUTPUT_COLUMNS = {
    "reasoning": "reasoning_tokens",
    "audio": "output_audio_tokens",
    "image": "output_image_tokens",
    "video": "output_video_tokens",
    "text": "",
}
_INPUT_KINDS = {
    **{key: key for key in _PLAIN_INPUT},
    "cache_read_over_200k": "cache_read",
    "cache_write": "cache_write",
    "ephemeral_5m_input_tokens": "ephemeral_5m",
    "ephemeral_1h_input_tokens": "ephemeral_1h",
    "over_200k": "text",
}
"""`over_200k` marks the context tier (wrap_gemini), `text` what is left: neither is a kind of its own.
Gemini's `text` may also contain the cached tokens, which is one more reason to take no notice of it."""
_OUTPUT_KINDS = {
    **{key: key for key in PLAIN_OUTPUT_COLUMNS},
    "citation_tokens": "citation",
    "accepted_prediction_tokens": "text",
    "rejected_prediction_tokens": "text",
    "over_200k": "text",
}
"""Rejected prediction tokens are part of the output and billed like it."""


class Usage(msgspec.Struct, gc=False, kw_only=True):
    """A `usage_metadata` object as its writer gave it; nothing in it is checked yet."""

    input_tokens: Any = None
    output_tokens: Any = None
    total_tokens: Any = None
    input_token_details: Any = None
    output_token_details: Any = None
    input_cost: Any = None
    output_cost: Any = None
    total_cost: Any = None
    server_tool_use: Any = None
    """As in Anthropic's usage: `web_search_requests`; and `file_search_requests`, which our own collector writes."""

    def has_counts(self) -> bool:
        """Tell whether it holds a token count; it may hold a cost only."""
        return self.input_tokens is not None or self.output_tokens is not None


def as_count(value: object) -> int | None:
    """Give a token count; None for what cannot be one: negative, fractional, absurdly large, or no number."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def put_usage(
    call: Call,
    prompt: object,
    completion: object,
    total: object,
    given: object,
    made: object,
    exclusive: bool,
) -> str:
    """Set the usage columns of a call; return the service tier that was served, or "".

    `given` and `made` are the details of the prompt's and the completion's tokens, `exclusive` says that
    their writer leaves cached tokens out of the prompt. The norm: 1,200 input of which cache_read 1,024 and
    audio 0, 300 output of which reasoning 128 -> input 176, cache_read 1,024, output 172, reasoning 128;
    prompt_total 1,200, completion_total 300.
    """
    if (
        type(prompt) is int
        and type(completion) is int
        and 0 <= prompt <= LARGEST_COUNT
        and 0 <= completion <= LARGEST_COUNT
        and (not total or total == prompt + completion)
        and not exclusive
    ):
        split = type(given) is dict and not given.get("cache_creation")
        text_in = _put_plain(call, prompt, given, PLAIN_INPUT_COLUMNS if split else _PLAIN_INPUT)
        text_out = _put_plain(call, completion, made, PLAIN_OUTPUT_COLUMNS)
        if text_in >= 0 and text_out >= 0:
            call.prompt_total = prompt
            call.completion_total = completion
            call.input_tokens = text_in
            call.output_tokens = text_out
            return ""
    return _put_unusual(
        call, _side(prompt, given, _INPUT_KINDS), _side(completion, made, _OUTPUT_KINDS), total, exclusive
    )


def put_searches(call: Call, usage: Usage) -> None:
    """Set what the provider's own tools did within the call, where a usage object says so."""
    if isinstance(usage.server_tool_use, dict):
        call.web_searches = as_count(usage.server_tool_use.get("web_search_requests")) or call.web_searches
        call.file_searches = as_count(usage.server_tool_use.get("file_search_requests")) or call.file_searches


def put_reported(call: Call, usage: Usage, exclusive: bool) -> str:
    """Set the usage columns of a call from one usage object; see `put_usage`."""
    prompt = 0 if usage.input_tokens is None else usage.input_tokens
    completion = 0 if usage.output_tokens is None else usage.output_tokens
    given, made = usage.input_token_details, usage.output_token_details
    return put_usage(call, prompt, completion, usage.total_tokens, given, made, exclusive)


def _put_plain(call: Call, total: int, details: object, columns: Mapping[str, str]) -> int:
    """Set the columns of the details and return what is left of the total; negative: not as plain as that."""
    if not details:
        return total
    if type(details) is not dict:
        return -1
    for key, count in details.items():
        column = columns.get(key)
        if column is None or type(count) is not int or count < 0:
            return -1
        if count and column:
            setattr(call, column, count)
            total -= count
    return total


class _Side(msgspec.Struct, gc=False):
    """One direction of a usage object, its kinds sorted out."""

    reported: object
    details: Mapping[str, Any]
    total: int
    kinds: dict[str, int]
    tiers: dict[str, int]
    """Of the details without a kind: `flex`, `priority` -> tokens at that tier."""
    served: set[str]
    unknown: bool = False
    """A key that no column stands for: its tokens stay in the text."""
    impossible: bool = False

    def get(self, kind: str) -> int:
        return self.kinds.get(kind, 0)


def _side(total: object, details: object, names: Mapping[str, str]) -> _Side:
    counted = as_count(total)
    odd = counted is None and total is not None
    side = _Side(
        total, details if isinstance(details, dict) else {}, counted or 0, {}, {}, set(), impossible=odd
    )
    for key, value in side.details.items():
        count = as_count(value)
        if count is None:
            side.impossible |= value is not None
            continue
        if key in _SERVICE_TIERS:
            side.tiers[key] = count
            side.served.add(key)
            continue
        tier, _, rest = key.partition("_")
        if tier in _SERVICE_TIERS and rest in names:
            side.served.add(tier)
            key = rest
        kind = names.get(key)
        if kind is None:
            side.unknown = True
        else:
            side.kinds[kind] = side.get(kind) + count
    return side


def _put_unusual(call: Call, given: _Side, made: _Side, total: object, exclusive: bool) -> str:
    writes, writes_1h, writes_fit = _cache_writes(given)
    cached = given.get("cache_read") + writes + writes_1h
    on_top_in, on_top_out, total_fits = _on_top(given, made, cached, total, exclusive)
    input_fits = _put_input(call, given, writes, writes_1h, on_top_in)
    output_fits = _put_output(call, made, on_top_out)
    tier, tier_fits = _served_tier(given, made, writes + writes_1h)

    fits = writes_fit and total_fits and input_fits and output_fits and tier_fits
    contradiction = not fits or given.impossible or made.impossible
    flags = ["additive"] if on_top_in or on_top_out else []
    if contradiction:
        flags.append("contradiction")
    call.usage_flag = ",".join(flags) or None
    if contradiction or given.unknown or made.unknown or (given.get("cache_creation") and writes + writes_1h):
        call.usage_raw = _as_json(given, made, total)
    return tier


def _cache_writes(given: _Side) -> tuple[int, int, bool]:
    """Return tokens written to the default cache, to the 1-hour cache, and whether the counts can be true.

    `cache_creation` is the sum of the two lifetimes where both are given (langsmith-sdk issue 2150), so it is
    never added to them: cache_creation 500, 5m 500 -> 500, not 1,000; cache_creation 700, 5m 100, 1h 500 ->
    the 100 of unstated lifetime are default ones: 200 and 500. LangChain sets cache_creation to 0 instead.
    """
    written = max(given.get("cache_creation"), given.get("cache_write"))
    short, long = given.get("ephemeral_5m"), given.get("ephemeral_1h")
    unstated = max(written - short - long, 0)
    return short + unstated, long, not written or written >= short + long


def _on_top(given: _Side, made: _Side, cached: int, whole: object, exclusive: bool) -> tuple[int, int, bool]:
    """Return how many cached and how many reasoning tokens came on top of the totals, and if the sum fits.

    Input: old wrap_anthropic (langsmith before 0.7.14) and old ChatBedrockConverse leave cached tokens out:
    input 12, cache_read 4,000 -> prompt_total 4,012. A cache larger than the input shows it, or a
    total_tokens that is the sum of all three.
    Output: wrap_gemini leaves thoughts out: input 100, output 20, reasoning 30, total 150 -> all output 50.
    """
    thoughts = made.get("reasoning") + made.get("citation")
    plain = given.total + made.total
    total = as_count(whole) or 0
    on_top_in = cached if exclusive or cached > given.total else 0
    if not total:
        return on_top_in, thoughts if thoughts > made.total else 0, whole is None or whole == 0
    if total == plain:
        return on_top_in, 0, True
    if cached and total == plain + cached:
        return cached, 0, True
    if thoughts and total == plain + thoughts:
        return on_top_in, thoughts, True
    if cached and thoughts and total == plain + cached + thoughts:
        return cached, thoughts, True
    return on_top_in, 0, False


def _put_input(call: Call, given: _Side, writes: int, writes_1h: int, on_top: int) -> bool:
    """Set the input columns; return False where the details cannot all be true.

    Audio and images may be cached too, and then a token is in two details: input 1,000, audio 800,
    cache_read 600 -> at least 400 are cached audio: text 0, audio 400, cache_read 200, cached audio 400.
    What cannot be true is kept as it came: input 500, audio 800 -> audio 800, text 0, prompt_total 500.
    """
    read, audio, image = given.get("cache_read"), given.get("audio"), given.get("image")
    video = given.get("video")
    cached_audio, cached_image = given.get("cache_read_audio"), given.get("cache_read_image")
    call.prompt_total = given.total + on_top
    text = call.prompt_total - read - writes - writes_1h - audio - image - video - cached_audio - cached_image
    both = -text if text < 0 and not video and bool(audio) != bool(image) else 0
    both = both if both <= min(read, audio + image) else 0
    call.input_tokens = max(text, 0)
    call.cache_read_tokens = read - both
    call.cache_write_tokens = writes
    call.cache_write_1h_tokens = writes_1h
    call.input_audio_tokens = audio - both if audio else 0
    call.cache_read_audio_tokens = cached_audio + (both if audio else 0)
    call.input_image_tokens = image - both if image else 0
    call.cache_read_image_tokens = cached_image + (both if image else 0)
    call.input_video_tokens = video
    return text + both >= 0


def _put_output(call: Call, made: _Side, on_top: int) -> bool:
    """Set the output columns; return False where the details cannot all be true.

    Output 100, reasoning 300, total_tokens says that nothing is on top -> reasoning 300, text 0,
    completion_total 100, and a contradiction.
    """
    call.completion_total = made.total + on_top
    text = call.completion_total - sum(count for kind, count in made.kinds.items() if kind != "text")
    call.output_tokens = max(text, 0)
    call.reasoning_tokens = made.get("reasoning")
    call.output_audio_tokens = made.get("audio")
    call.output_image_tokens = made.get("image")
    call.output_video_tokens = made.get("video")
    call.citation_tokens = made.get("citation")
    return text >= 0


def _served_tier(given: _Side, made: _Side, writes: int) -> tuple[str, bool]:
    """Return the service tier that was served, and whether all of the call was served at it.

    LangChain and wrap_openai name the tier in the keys: input 1,200 = flex 176 + flex_cache_read 1,024.
    `flex` is the input less cache reads, so cache writes are still in it; only keys with a prefix are kinds.
    Tokens of two tiers in one call cannot be told apart by bucket: flagged, and priced at neither.
    """
    served = given.served | made.served
    if len(served) != 1:
        return "", not served
    tier = next(iter(served))
    rest_in = given.total - given.get("cache_read")
    rest_out = made.total - made.get("reasoning")
    fits_in = given.tiers.get(tier, rest_in) in (rest_in, rest_in - writes)
    return tier, fits_in and made.tiers.get(tier, rest_out) == rest_out


def _as_json(given: _Side, made: _Side, total: object) -> str:
    """Write the usage object down again: numbers under short names only, so that no text can get in."""
    whole = {
        "input_tokens": _number(given.reported),
        "output_tokens": _number(made.reported),
        "total_tokens": _number(total),
        "input_token_details": _numbers(given.details),
        "output_token_details": _numbers(made.details),
    }
    return msgspec.json.encode(whole).decode()


def _numbers(details: Mapping[str, Any]) -> dict[str, int | float | None]:
    names = [key for key in details if len(key) <= 40 and key.isascii() and key.isidentifier()]
    return {key: _number(details[key]) for key in names[:40]}


def _number(value: object) -> int | float | None:
    return value if type(value) in (int, float) else None  # type: ignore[return-value]
