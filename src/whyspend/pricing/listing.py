"""The names that genai-prices lists for its models, for `genai.py`: written out one by one.

The source matches names by rules, first hit wins: `contains gemini-1.5-flash` takes gemini-1.5-flash-8b,
which costs half. So no rule is used as a rule. A name is listed if it is a model's id or the text of one of
its clauses, or if it follows from the id by a naming scheme that the provider documents; and only if the
source itself resolves it to the same model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from genai_prices.types import (
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    Provider,
)

from whyspend.pricing.corrections import Correction

REGIONS = ("", "us.", "eu.", "apac.", "au.", "jp.", "in.", "us-gov.")
"""Where a Bedrock model runs, as the names of AWS's cross-region profiles begin."""

DOCUMENTED: Mapping[str, Sequence[str]] = {
    "anthropic": ("claude-2.0", "claude-2.1"),
    "google": (
        "claude-3-5-sonnet-v2", "gemini-1.5-flash-001", "gemini-1.5-flash-002", "gemini-1.5-flash-latest",
        "gemini-1.5-pro-001", "gemini-1.5-pro-002", "gemini-1.5-pro-latest", "gemini-2.0-flash-001",
        "gemini-2.0-flash-lite-001", "gemini-2.5-flash-lite-preview-06-17",
        "gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-native-audio-preview-09-2025",
        "gemini-2.5-pro-preview-03-25",
        "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro-preview-06-05",
    ),
    "openai": ("ft:gpt-3.5-turbo-0125", "ft:gpt-3.5-turbo-0613", "ft:gpt-3.5-turbo-1106"),
}  # fmt: skip
"""Snapshots whose names end in no date that can be read off: taken from the providers' own model pages, and
listed only where the source, too, resolves them to the model."""


def renamed_names(provider: Provider, fixes: Iterable[Correction]) -> dict[str, str]:
    """Name -> why it has no price, or '' if it has one: the names that do not mean one model for ever."""
    found = {name: reason for model in provider.models for name, reason in _moving(model)}
    for fix in fixes:
        if fix["provider"] == provider.id and fix["kind"] in ("refused", "moved"):
            found[fix["model"]] = fix["value"] if fix["kind"] == "refused" else ""
    return found


def _moving(model: ModelInfo) -> Iterator[tuple[str, str]]:
    """`gemini-flash-latest` is listed for today's Flash; it meant others before, no one says until when."""
    own = _literals(model)
    for name in own:
        stem = name.removesuffix("latest").rstrip("-")
        if name.endswith("-latest") and not model.id.endswith("latest") and stem not in own:
            yield name, "the name means another model from time to time; use a dated one"


def names_of(provider: Provider, model: ModelInfo) -> Iterator[list[str]]:
    """Each name that means this model, as (provider, name, model, kind)."""
    own = model.id.lower()
    yield [
        provider.id,
        own,
        model.id,
        "free" if provider.id == "openrouter" and own.endswith(":free") else "exact",
    ]
    spellings = {
        *_literals(model),
        *(_bedrock(model.id) if provider.id == "aws" else ()),
        *DOCUMENTED.get(provider.id, ()),
    }
    for name in sorted(spellings - {own}):
        if provider.find_model(name) is model and not name.endswith(("-", "@")):
            yield [provider.id, name, model.id, "alias"]


def _bedrock(model: str) -> Iterator[str]:
    """`regional.amazon.nova-2-lite-v1:0` is called `us.amazon.nova-2-lite-v1:0`, also without its version."""
    scope, _, rest = model.partition(".")
    core = rest if scope in ("regional", "global") else model
    for region in ("global.",) if scope == "global" else REGIONS:
        for name in (core, core.removesuffix(":0"), re.sub(r"-v\d+:\d+$", "", core)):
            yield f"{region}{name}"


def _literals(model: ModelInfo) -> set[str]:
    """The texts of the source's clauses. As whole names they mean the model, even where a clause takes more:
    `starts_with claude-3-7-sonnet` lists claude-3-7-sonnet, and says nothing sure of claude-3-7-sonnet-x.
    """
    return {text.lower() for text in _texts(model.match)}


def _texts(clause: MatchLogic) -> Iterator[str]:
    match clause:
        case ClauseOr(or_=parts):
            for part in parts:
                yield from _texts(part)
        case ClauseEquals(equals=text) | ClauseStartsWith(starts_with=text):
            yield text
        case ClauseContains(contains=text) | ClauseEndsWith(ends_with=text):
            yield text
        case _:
            return
