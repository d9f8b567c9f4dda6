"""The options of one source: checked against the signature of its `read`, secrets fetched where they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whyspend import registry
from whyspend.config.lines import Document
from whyspend.config.options import Option, converted, missing, options_in, refuse_unknown, value
from whyspend.errors import ConfigError, UsageError, nearest

DEFAULT_SOURCE = "langsmith"
"""Name and type of the one source that exists where none is configured."""

ENVIRONMENT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "langsmith": {
        "api_key": ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"),
        "endpoint": ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"),
        "workspace": ("LANGSMITH_WORKSPACE_ID",),
    },
    "openai_billing": {"api_key": ("OPENAI_ADMIN_KEY",)},
    "anthropic_billing": {"api_key": ("ANTHROPIC_ADMIN_KEY",)},
}
"""By type of source and option: the variables that stand in for an option; the first that is set counts."""

_SUPPLIED = frozenset({"source", "dimensions", "watermarks", "full", "on_progress", "ledger_id"})
"""Parameters of every `read` that the workspace fills in; all other keyword-only ones are options."""


@dataclass(frozen=True)
class SourceConfig:
    """A source to read from. Its options may hold secrets, so they never show."""

    name: str
    """The user's name for it: `[sources.NAME]`."""
    type: str
    """The file in sources/, or the plug-in, that reads it."""
    options: Mapping[str, Any] = field(repr=False)
    """Keyword arguments for its `read`."""


def options_of(kind: str) -> dict[str, Option]:
    """The options of a type of source, by name. Imports the source.

    Raises:
        UsageError: there is no such type.
        ConfigError: it is no source.
    """
    read = getattr(registry.load("sources", kind), "read", None)
    if read is None:
        raise ConfigError(f"The source type {kind!r} has no function read(). Update or remove its plug-in.")
    return options_in(read, _SUPPLIED)


def resolved(
    sources: Mapping[str, SourceConfig], name: str, document: Document, environ: Mapping[str, str]
) -> SourceConfig:
    """Return a source whose options are complete and of the right types, `env:NAME` replaced by its value.

    A relative path (an option of type Path) starts at the folder of the configuration file.

    Raises:
        UsageError: no source has this name.
        ConfigError: an option that is unknown, missing or of a wrong type, or a variable that is not set.
    """
    if name not in sources:
        known = ", ".join(sources)
        raise UsageError(f"There is no source named {name!r}.{nearest(name, sources)} Configured: {known}.")
    written = sources[name]
    options = options_of(written.type)
    refuse_unknown(written.options, options, ("sources", name), written.type, document)
    values: dict[str, Any] = {}
    for key, option in options.items():
        place = ("sources", name, key)
        if key in written.options:
            values[key] = value(written.options[key], option, place, document, environ)
        elif (fallback := _fallback(written.type, key, environ)) is not None:
            values[key] = converted(fallback, option, place, document, strict=False)
        elif option.required:
            raise missing(("sources", name), key, document)
    return SourceConfig(name, written.type, values)


def has_key(kind: str, environ: Mapping[str, str]) -> bool:
    """Whether the environment holds a key for a type of source."""
    return _fallback(kind, "api_key", environ) is not None


def _fallback(kind: str, key: str, environ: Mapping[str, str]) -> str | None:
    variables = ENVIRONMENT.get(kind, {}).get(key, ())
    return next((value for variable in variables if (value := environ.get(variable, "").strip())), None)
