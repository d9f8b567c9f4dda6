"""What a run's metadata says about its owner: dimensions, process tags, and the scalars worth keeping."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

LONGEST_TEXT = 256
"""A longer value is no tag: a dimension is cut here, any other value left out, so that no prompt gets in."""

SEPARATOR = " / "
"""Between the parts of a call site."""

THREAD_KEYS = ("thread_id", "session_id", "conversation_id")
NODE_KEY = "langgraph_node"
SAMPLING_KEY = "ls_tracing_sample_rate"
RELEASE_KEYS = ("revision_id", "LANGSMITH_REVISION_ID", "LANGCHAIN_REVISION_ID")
PROCESS_JSON = "LANGCHAIN_METADATA"
_PROCESS_PREFIXES = ("LANGSMITH_", "LANGCHAIN_")
_HAS_A_COLUMN = {*THREAD_KEYS, *RELEASE_KEYS, "usage_metadata"}
_MODEL_PARAMETERS = {
    *("model", "model_name", "temperature", "stop", "stop_sequences", "_type", "stream", "streaming"),
    *("stream_usage", "service_tier", "n", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed"),
    *(
        "max_output_tokens",
        "frequency_penalty",
        "presence_penalty",
        "logprobs",
        "top_logprobs",
        "tool_choice",
    ),
    *("parallel_tool_calls", "timeout", "request_timeout", "max_retries"),
}
_NOBODY_GROUPS_BY = {
    *("checkpoint_id", "checkpoint_ns", "langgraph_checkpoint_ns", "langgraph_step", "langgraph_path"),
    *("langgraph_triggers", "langgraph_request_id", "run_id", "run_attempt", "request_id", "lc_versions"),
}
"""Of nearly as many values as there are calls. `langgraph_node` stays."""
CONTEXT_KEYS = ("cache_ttl", "inference_geo", "processing", "service_tier", "speed")
"""`cache_ttl=12h`: tokens written to a cache for 12 hours, which no response tells from those of 30 minutes."""
WRITTEN_BY_LANGCHAIN = ("_type", "ls_integration")


class Plan(NamedTuple):
    """What to look at in metadata that has these keys. Worked out once for each set of keys."""

    kept: tuple[str, ...]
    """For the metadata column, sorted."""
    process: tuple[str | None, ...]
    """For each dimension the process tag that names it, if there."""
    any_process: bool
    thread: tuple[str, ...]
    release: tuple[str, ...]
    node: bool
    """It names a LangGraph node."""
    sampled: bool
    """It says at which rate traces are sent."""
    context: tuple[str, ...]
    """Keys that say at which terms the call was served."""


@lru_cache(maxsize=1024)
def plan(keys: tuple[str, ...], dimensions: tuple[str, ...]) -> Plan:
    """Sort out the keys of a metadata object."""
    present = set(keys)
    process = tuple(name if (name := _process_tag(key)) in present else None for key in dimensions)
    return Plan(
        tuple(sorted(key for key in keys if key not in dimensions and _is_worth_keeping(key))),
        process,
        PROCESS_JSON in present or any(process),
        tuple(key for key in THREAD_KEYS if key in present),
        tuple(key for key in RELEASE_KEYS if key in present),
        NODE_KEY in present,
        SAMPLING_KEY in present,
        _context_keys(present),
    )


def _is_worth_keeping(key: str) -> bool:
    return (
        len(key) <= LONGEST_TEXT
        and not key.startswith(("ls_", *_PROCESS_PREFIXES))
        and key not in _HAS_A_COLUMN
        and key not in _MODEL_PARAMETERS
        and key not in _NOBODY_GROUPS_BY
    )


def _process_tag(dimension: str) -> str:
    """Name the environment variable that tags a process: user-tier -> LANGSMITH_USER_TIER."""
    return "LANGSMITH_" + "".join(char if char.isalnum() else "_" for char in dimension).upper()


def _context_keys(present: set[str]) -> tuple[str, ...]:
    """LangChain copies the parameters of the *request* into the metadata, `_type` among them: there,
    `service_tier` is what was asked for, not what was served. Written by hand it is the best there is."""
    if any(key in present for key in WRITTEN_BY_LANGCHAIN):
        return ()
    return tuple(key for key in CONTEXT_KEYS if key in present)


def tag_text(value: object) -> str | None:
    """Give the text of a dimension's value; None (untagged) for an empty one and for what is no scalar."""
    if type(value) is not str:
        if type(value) is bool:
            return "true" if value else "false"
        return str(value) if type(value) in (int, float) else None
    text = value.strip()
    return (text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip()) or None


Owner = tuple[tuple[str | None, ...], tuple[str | None, ...]]
"""The values of the dimensions, and where each was found."""


def own_tags(metadata: Mapping[str, Any], dimensions: Sequence[str]) -> Owner:
    """Give the values of the dimensions in a run's own metadata."""
    try:
        return _owner(*map(metadata.get, dimensions))
    except TypeError:  # a list or an object, where a tag should be, cannot be remembered
        values = map(metadata.get, dimensions)
        return _owner(*[value if isinstance(value, (str, int, float)) else None for value in values])


@lru_cache(maxsize=8192, typed=True)
def _owner(*values: object) -> Owner:
    """Remembered, for applications repeat their tags."""
    texts = tuple([tag_text(value) for value in values])
    return texts, tuple(["call" if text else None for text in texts])


def process_tags(
    metadata: Mapping[str, Any], dimensions: Sequence[str], found: Plan
) -> tuple[str | None, ...]:
    """Give the value of each dimension that the process was tagged with.

    SDKs copy `LANGSMITH_*` and `LANGCHAIN_*` variables into the metadata as they are: `LANGSMITH_FEATURE=x`
    tags a whole deployment, and `LANGCHAIN_METADATA` holds JSON that no SDK parses.
    """
    parsed = _parsed(metadata.get(PROCESS_JSON))
    return tuple(
        (tag_text(metadata[name]) if name else None) or tag_text(parsed.get(key))
        for key, name in zip(dimensions, found.process, strict=True)
    )


def _parsed(text: object) -> Mapping[str, Any]:
    return _parsed_text(text) if isinstance(text, str) and len(text) <= 10_000 else {}


@lru_cache(maxsize=64)
def _parsed_text(text: str) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def other_metadata(metadata: Mapping[str, Any], kept: tuple[str, ...]) -> str | None:
    """Write the remaining scalars as one JSON object, keys sorted; None where there are none."""
    rest: dict[str, str | int | float] = {}
    for key in kept:
        value = metadata[key]
        if is_kept(value):
            rest[key] = value
    return msgspec.json.encode(rest).decode() if rest else None


def is_kept(value: object) -> bool:
    """Tell whether a value has a place in the metadata column: a scalar, and no text that could be a prompt."""
    if type(value) is str:
        return 0 < len(value) <= LONGEST_TEXT
    return type(value) is bool or type(value) is float or (type(value) is int and abs(value) < 2**63)


def sample_rate(value: object) -> float | None:
    """Give the share of traces that an application sends; None for what is no share."""
    try:
        rate = float(value) if isinstance(value, (int, float, str)) else 0.0
    except (ValueError, OverflowError):
        return None
    return rate if 0 < rate <= 1 else None


def site(parts: tuple[str | None, ...]) -> str | None:
    """Join what is known of a place in the code; a name that repeats the one before it adds nothing."""
    known: list[str] = []
    for part in parts:
        if part and part != (known[-1] if known else None):
            known.append(part)
    return SEPARATOR.join(known) or None


def first_text(metadata: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """Give the first of these keys that has a value, as text."""
    for key in keys:
        if key in metadata and (text := tag_text(metadata[key])):
            return text
    return None


def short(text: str | None) -> str | None:
    """Cut a name that is too long to be one; empty is none."""
    if not text:
        return None
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT]
