"""How many tokens another model makes of the same text: never a number, always an interval.

What the same calls show in the user's own traffic goes before all of this (workspace/swapping.py). Without it there is
one published measurement, of Claude's tokenizers; everything else is a rule of thumb, and called one.
"""

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Tokens:
    """Tokens of a new model for one token of the old, at least and at most."""

    low: Fraction
    high: Fraction
    source: str
    """Who says so, for people."""


SAME = Tokens(Fraction(1), Fraction(1), "the same tokenizer")

_O200K = re.compile(r"gpt-(4o|4\.1|4\.5|5|oss)|chatgpt-4o|o[134]\b")
"""As the package gpt-tokenizer lists them, which ships the encodings (src/models, read 2026-11)."""
_CL100K = re.compile(r"gpt-(4|3\.5|35)|text-embedding")
"""github.com/openai/tiktoken, tiktoken/model.py."""
_CLAUDE = re.compile(r"claude-(?:(opus|sonnet|haiku|[a-z]+)-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")

_OTHER = Tokens(Fraction("0.75"), Fraction("1.33"), "a rule of thumb for two tokenizers, not measured")

_NEWER_CLAUDE = Tokens(
    Fraction(1),
    Fraction("1.42"),
    "platform.claude.com on token counting: about 30 % more; simonwillison.net, 2026-06-30: 1.42 for English, "
    "1.00 for Mandarin",
)
"""From Claude's tokenizer before Opus 4.7 and Sonnet 5 to the one since."""


def between(old: str, new: str) -> Tokens:
    """Tokens of `new` for one of `old`: names of models as runs carry them, or of the price book."""
    before, after = _tokenizer(old), _tokenizer(new)
    if before == after:
        return SAME
    match before, after:
        case "claude", "claude 2026":
            return _NEWER_CLAUDE
        case "claude 2026", "claude":
            return Tokens(1 / _NEWER_CLAUDE.high, 1 / _NEWER_CLAUDE.low, _NEWER_CLAUDE.source)
        case _:
            return _OTHER


def _tokenizer(model: str) -> str:
    """What a model's tokenizer is called here; models of one unknown family are taken to share one."""
    name = model.strip().lower().rpartition("/")[2]
    if found := _CLAUDE.search(name):
        version = (int(found[2]), int(found[3] or 0))
        return "claude 2026" if version >= ((4, 7) if found[1] == "opus" else (5, 0)) else "claude"
    if "claude" in name:
        return "claude"
    if _O200K.search(name):
        return "o200k"
    if _CL100K.search(name):
        return "cl100k"
    family = re.match(r"[a-z]+", name)
    return f"{family[0]}" if family else name
