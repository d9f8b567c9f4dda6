"""The named causes of a change of spend, and the factors whose change each of them is."""

from typing import Literal, NamedTuple, get_args

Driver = Literal[
    "new_feature", "retired_feature", "calendar", "requests", "calls_per_request", "retries", "prompt_size",
    "output_length", "reasoning", "cache_share", "model_switch", "long_context", "service_tier", "list_price",
    "discount", "retagged", "newly_priced", "sampling", "other",
]  # fmt: skip

DRIVERS: tuple[Driver, ...] = get_args(Driver)

UNSPENT: frozenset[Driver] = frozenset({"retagged", "newly_priced", "sampling"})
"""What moves a figure and is no change of spend: a tag landed, a price became known, traces were sampled."""

FACTORS = (
    "days", "busyness", "requests", "sampling", "calls", "outcome", "retries", "model", "priced", "units", "kind",
    "tier", "service", "price", "discount",
)  # fmt: skip
"""The factors of a leaf's cost, version 1. Another list is another explanation (causes.decompose says what each is)."""

OF_FACTOR: dict[str, Driver] = {
    "days": "calendar",
    "busyness": "calendar",
    "requests": "requests",
    "sampling": "sampling",
    "calls": "calls_per_request",
    "outcome": "retries",
    "retries": "retries",
    "model": "model_switch",
    "priced": "newly_priced",
    "kind": "cache_share",
    "tier": "long_context",
    "service": "service_tier",
    "price": "list_price",
    "discount": "discount",
}
"""What the change of each factor is called; that of `units` depends on what they are (Family)."""


class Family(NamedTuple):
    """Kinds of usage that stand for one another: what is read from a cache is not sent anew."""

    name: str
    driver: Driver
    """What it is called when a call has more of them."""


_INPUT = Family("input", "prompt_size")
_AUDIO = Family("input audio", "prompt_size")
_IMAGES = Family("input images", "prompt_size")

_FAMILIES: dict[str, Family] = {
    "input_tokens": _INPUT,
    "cache_read_tokens": _INPUT,
    "cache_write_tokens": _INPUT,
    "cache_write_1h_tokens": _INPUT,
    "input_audio_tokens": _AUDIO,
    "cache_read_audio_tokens": _AUDIO,
    "input_image_tokens": _IMAGES,
    "cache_read_image_tokens": _IMAGES,
    "input_video_tokens": Family("input video", "prompt_size"),
    "output_tokens": Family("output", "output_length"),
    "output_audio_tokens": Family("output audio", "output_length"),
    "output_image_tokens": Family("output images", "output_length"),
    "output_video_tokens": Family("output video", "output_length"),
    "citation_tokens": Family("citations", "output_length"),
    "reasoning_tokens": Family("reasoning", "reasoning"),
}


def family(kind: str) -> Family:
    """What a kind of usage belongs to; searches, seconds and the like are each on their own."""
    return _FAMILIES.get(kind) or Family(kind, "other")
