"""What whyspend.toml may say (Settings), and what the program gets from it (Config)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from whyspend.attribution import Rule
from whyspend.config.lines import Document
from whyspend.config.sources import SourceConfig, resolved
from whyspend.model import DEFAULT_DIMENSIONS

_SOURCE_SCHEMA = {
    "required": ["type"],
    "properties": {"type": {"type": "string", "description": "The kind of source: langsmith, or a plug-in."}},
}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of whyspend.toml, with their defaults. The schema and the template come from here."""

    timezone: Annotated[
        str,
        Meta(description="The time zone in which days begin and end: an IANA name, such as Europe/Berlin."),
    ] = "UTC"
    ledger: Annotated[
        str,
        Meta(description="The folder where calls are kept, seen from this file."),
    ] = ".whyspend"
    dimensions: Annotated[
        tuple[str, ...],
        Meta(
            description="The metadata keys that own costs, each a column of the ledger. "
            "The first one is the owner of a call.",
            min_length=1,
        ),
    ] = DEFAULT_DIMENSIONS
    sources: Annotated[
        dict[str, Annotated[dict[str, Any], Meta(extra_json_schema=_SOURCE_SCHEMA)]],
        Meta(
            description="Where calls come from. The name is yours: `whyspend pull NAME`. Without any, there "
            "is one called langsmith, which uses LANGSMITH_API_KEY, LANGSMITH_ENDPOINT and "
            "LANGSMITH_WORKSPACE_ID."
        ),
    ] = {}
    aliases: Annotated[
        dict[str, dict[str, str]],
        Meta(
            description="Spelling variants of a dimension's values, each folded into the one you want to see."
        ),
    ] = {}
    attribution: Annotated[
        tuple[Rule, ...],
        Meta(
            description="Rules that own the calls that carry no value themselves, nor any run above them. "
            "For each dimension the first rule that matches wins."
        ),
    ] = ()


@dataclass(frozen=True)
class Config:
    """All that is configured, checked. Holds secrets, but never shows them."""

    path: Path | None
    """The file it was read from; None where there is none."""
    timezone: str
    """An IANA name."""
    ledger: str
    """A folder, seen from where the path of the file is seen from; or an address with `://`, as written."""
    dimensions: tuple[str, ...]
    sources: Mapping[str, SourceConfig]
    """By name, with the options as written: ask `source` for those that can be used. Never empty."""
    aliases: Mapping[str, Mapping[str, str]]
    """By dimension: spelling -> value."""
    attribution: tuple[Rule, ...]
    warnings: tuple[str, ...]
    """What works but should not stay so, a line each."""
    document: Document = field(repr=False, compare=False)
    environ: Mapping[str, str] = field(repr=False, compare=False)

    def source(self, name: str) -> SourceConfig:
        """Return a source with options that its `read` accepts, secrets included. Imports the source.

        Raises:
            UsageError: no source has this name.
            ConfigError: an option that is unknown, missing or of a wrong type, or a variable that is not set.
        """
        return resolved(self.sources, name, self.document, self.environ)


def schema() -> dict[str, Any]:
    """The JSON Schema of whyspend.toml, for editors."""
    # By way of JSON, so that defaults are lists and not tuples.
    generated = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Settings)))
    settings = generated["$defs"].pop("Settings")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **settings,
        "title": "whyspend.toml",
        "$defs": generated["$defs"],
    }
