"""The options of one source: checked against the signature of its `read`, secrets fetched where they are."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from whyspend import registry
from whyspend.config.fitting import reason
from whyspend.config.lines import Document, Place
from whyspend.errors import ConfigError, UsageError, nearest

DEFAULT_SOURCE = "langsmith"
"""Name and type of the one source that exists where none is configured."""

ENVIRONMENT: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "langsmith": {
        "api_key": ("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"),
        "endpoint": ("LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"),
        "workspace": ("LANGSMITH_WORKSPACE_ID",),
    }
}
"""By type of source and option: the variables that stand in for an option; the first that is set counts."""

_SUPPLIED = frozenset({"source", "dimensions", "watermarks", "full", "on_progress"})
"""Parameters of every `read` that the workspace fills in; all other keyword-only ones are options."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class SourceConfig:
    """A source to read from. Its options may hold secrets, so they never show."""

    name: str
    """The user's name for it: `[sources.NAME]`."""
    type: str
    """The file in sources/, or the plug-in, that reads it."""
    options: Mapping[str, Any] = field(repr=False)
    """Keyword arguments for its `read`."""


@dataclass(frozen=True)
class Option:
    """What a type of source can be told."""

    annotation: Any
    """The Python type of the value."""
    required: bool


def options_of(kind: str) -> dict[str, Option]:
    """The options of a type of source, by name. Imports the source.

    Raises:
        UsageError: there is no such type.
        ConfigError: it is no source.
    """
    read = getattr(registry.load("sources", kind), "read", None)
    if read is None:
        raise ConfigError(f"The source type {kind!r} has no function read(). Update or remove its plug-in.")
    hints = get_type_hints(read, include_extras=True)
    return {
        name: Option(hints.get(name, Any), parameter.default is parameter.empty)
        for name, parameter in inspect.signature(read).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in _SUPPLIED
    }


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
    _refuse_unknown(written, options, document)
    values: dict[str, Any] = {}
    for key, option in options.items():
        place = ("sources", name, key)
        if key in written.options:
            values[key] = _value(written.options[key], option, place, document, environ)
        elif (fallback := _fallback(written.type, key, environ)) is not None:
            values[key] = _converted(fallback, option, place, document, strict=False)
        elif option.required:
            message = f"source {name!r} needs {key}. Write {key} = ... below [sources.{name}]."
            raise document.error(("sources", name), message)
    return SourceConfig(name, written.type, values)


def _refuse_unknown(written: SourceConfig, options: Mapping[str, Option], document: Document) -> None:
    for key in written.options:
        if key not in options:
            known = ", ".join(options) or "none"
            message = f"unknown option {key!r} of source {written.name!r}.{nearest(key, options)}"
            raise document.error(
                ("sources", written.name, key), f"{message} The type {written.type} has: {known}."
            )


def _fallback(kind: str, key: str, environ: Mapping[str, str]) -> str | None:
    variables = ENVIRONMENT.get(kind, {}).get(key, ())
    return next((value for variable in variables if (value := environ.get(variable, "").strip())), None)


def _value(
    written: object, option: Option, place: Place, document: Document, environ: Mapping[str, str]
) -> Any:
    if isinstance(written, list):
        fetched: object = [_fetched(item, place, document, environ) for item in written]
    else:
        fetched = _fetched(written, place, document, environ)
    # A variable is always text: "8" from one may fill a number. What is written in the file has its own type.
    return _converted(fetched, option, place, document, strict=fetched == written)


def _fetched(written: object, place: Place, document: Document, environ: Mapping[str, str]) -> object:
    if not isinstance(written, str) or not written.startswith("env:"):
        return written
    variable = written.removeprefix("env:")
    if value := environ.get(variable, "").strip():
        return value
    option = f"{place[-1]} of source {place[1]!r}"
    # Whoever wrote the key itself behind `env:` must not find it in a log.
    named = variable if _VARIABLE.fullmatch(variable) and variable.isupper() else "named there"
    raise document.error(place, f"{option} needs the environment variable {named}, which is not set. Set it.")


def _converted(value: object, option: Option, place: Place, document: Document, *, strict: bool) -> Any:
    folder = document.path.parent if document.path else Path()

    def from_folder(kind: type, item: object) -> object:
        if kind is Path and isinstance(item, str):
            return folder / Path(item).expanduser()
        raise msgspec.ValidationError("Expected `str`")

    try:
        return msgspec.convert(value, option.annotation, strict=strict, dec_hook=from_folder)
    except msgspec.ValidationError as error:
        choices = [str(choice) for choice in get_args(option.annotation) if isinstance(choice, str)]
        said = f"expected one of {', '.join(choices)}" if choices else reason(error)
        raise document.error(place, f"{place[-1]} of source {place[1]!r}: {said}.") from None
