"""What whyspend.toml may say (Settings), and what the program gets from it (Config)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from whyspend.attribution import Rule
from whyspend.config import channels
from whyspend.config.channels import ChannelConfig
from whyspend.config.collector import Collector
from whyspend.config.collector import key as collector_key
from whyspend.config.lines import Document
from whyspend.config.planned import Planned
from whyspend.config.sources import SourceConfig, resolved
from whyspend.config.spikes import Spikes
from whyspend.model import DEFAULT_DIMENSIONS
from whyspend.pricing.discounts import Discount
from whyspend.pricing.entries import UserPrice
from whyspend.pricing.quotas import FreeQuota
from whyspend.reports.budgets.entries import Budget

_SOURCE_SCHEMA = {
    "required": ["type"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The kind of source: langsmith, langsmith_export, otlp_file, a bill, or a plug-in.",
        }
    },
}

_CHANNEL_SCHEMA = {
    "required": ["type"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The kind of channel: slack, pagerduty, webhook, email, github, apprise, or a plug-in.",
        },
        "only": {
            "type": "array",
            "items": {"enum": list(channels.KINDS)},
            "description": "The kinds of alerts that it gets, and digest, what `whyspend digest --notify` sends. "
            "Default: all; of pagerduty over_budget and spike.",
        },
        "remind_hours": {
            "type": "integer",
            "minimum": 0,
            "description": "How often it is told again of what goes on. Default: 0, never.",
        },
    },
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
    prices: Annotated[
        tuple[UserPrice, ...],
        Meta(
            description="Your own prices, which win over the price list: in US dollars per million tokens, per "
            "request or per second. On days that no entry is for, the price list holds."
        ),
    ] = ()
    discounts: Annotated[
        tuple[Discount, ...],
        Meta(
            description="What your contract takes off list prices, or puts on them. All entries that match a call "
            "apply, one on top of the other."
        ),
    ] = ()
    free_quotas: Annotated[
        tuple[FreeQuota, ...],
        Meta(
            description="What a provider gives for free each day or month, taken off a day as an adjustment. Only "
            "for a ledger that holds all calls that share the quota."
        ),
    ] = ()
    budgets: Annotated[
        tuple[Budget, ...],
        Meta(description="What calls may cost, or use, in a period. Asked with: whyspend budgets."),
    ] = ()
    alerts: Annotated[
        dict[str, Annotated[dict[str, Any], Meta(extra_json_schema=_CHANNEL_SCHEMA)]],
        Meta(
            description="Who is told by `whyspend budgets --notify`, `whyspend daily` and `whyspend digest --notify`. "
            "The name is yours; every key beside type, only and remind_hours is an option of the type."
        ),
    ] = {}
    spikes: Annotated[
        Spikes,
        Meta(description="What is told without a budget: spikes, and what is new or missing."),
    ] = Spikes()
    planned: Annotated[
        tuple[Planned, ...],
        Meta(
            description="Changes that are meant: what they explain is muted, in `whyspend anomalies` and in alerts."
        ),
    ] = ()
    collector: Annotated[
        Collector,
        Meta(description="How `whyspend serve` collects what applications trace."),
    ] = Collector()


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
    is_source_named: bool
    """Whether the file names a source."""
    is_source_configured: bool
    """Whether it does, or the environment has a key for the one that is there without any."""
    aliases: Mapping[str, Mapping[str, str]]
    """By dimension: spelling -> value."""
    attribution: tuple[Rule, ...]
    prices: tuple[UserPrice, ...]
    discounts: tuple[Discount, ...]
    free_quotas: tuple[FreeQuota, ...]
    budgets: tuple[Budget, ...]
    alerts: Mapping[str, ChannelConfig]
    """By name, with the options as written: ask `channel` for those that can be used."""
    spikes: Spikes
    planned: tuple[Planned, ...]
    collector: Collector
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

    def channel(self, name: str) -> ChannelConfig:
        """Return a channel with options that its `send` accepts, secrets included. Imports the channel.

        Raises:
            UsageError: no channel has this name.
            ConfigError: an option that is unknown, missing or of a wrong type, or a variable that is not set.
        """
        return channels.resolved(self.alerts, name, self.document, self.environ)

    def collector_key(self, given: str = "") -> str:
        """Return the API key that the collector demands; "" where none is configured.

        `given` is what a command line says instead, `env:NAME`.

        Raises:
            UsageError: `given` names no variable, or one that is not set or holds what no header can carry.
            ConfigError: so is the variable that is configured.
        """
        return collector_key(self.collector, given, self.document, self.environ)


def schema() -> dict[str, Any]:
    """The JSON Schema of whyspend.toml, for editors."""
    # By way of JSON, so that defaults are lists and not tuples.
    generated = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Settings)))
    settings = generated["$defs"].pop("Settings")
    whole: dict[str, Any] = _in_toml(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **settings,
            "title": "whyspend.toml",
            "$defs": generated["$defs"],
        }
    )
    return whole


def _in_toml(part: Any) -> Any:
    """A part of a schema as TOML has it: decimals are numbers there, and what is left out is not null."""
    if isinstance(part, list):
        return [_in_toml(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "decimal":
        return {**{key: item for key, item in part.items() if key != "format"}, "type": "number"}
    kinds = [kind for kind in part.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        rest = {key: item for key, item in part.items() if key not in ("anyOf", "default")}
        return _in_toml({**rest, **kinds[0]})
    return {key: _in_toml(item) for key, item in part.items()}
