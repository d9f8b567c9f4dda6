"""Options of a file that the registry finds: checked against its function's signature, `env:` values fetched."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from whyspend.config.fitting import reason
from whyspend.config.lines import Document, Place
from whyspend.errors import nearest

NOUNS = {"sources": "source", "alerts": "channel"}
"""What messages call a section of the file."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Option:
    """What a source or channel can be told."""

    annotation: Any
    """The Python type of the value."""
    required: bool


def options_in(function: Callable[..., Any], but: frozenset[str] = frozenset()) -> dict[str, Option]:
    """The keyword-only parameters of a function, but for some, by name."""
    hints = get_type_hints(function, include_extras=True)
    return {
        name: Option(hints.get(name, Any), parameter.default is parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in but
    }


def refuse_unknown(
    written: Mapping[str, Any], options: Mapping[str, Option], place: Place, kind: str, document: Document
) -> None:
    """Say which option does not exist, and what its type has.

    Raises:
        ConfigError: there is one.
    """
    for key in written:
        if key not in options:
            known = ", ".join(options) or "none"
            message = f"unknown option {key!r} of {_named(place)}.{nearest(key, options)}"
            raise document.error((*place, key), f"{message} The type {kind} has: {known}.")


def missing(place: Place, key: str, document: Document) -> Exception:
    """The error of an option that must be given."""
    section = ".".join(map(str, place))
    return document.error(place, f"{_named(place)} needs {key}. Write {key} = ... below [{section}].")


def value(
    written: object, option: Option, place: Place, document: Document, environ: Mapping[str, str]
) -> Any:
    """What is written for an option, as its type says; `env:NAME` replaced by the variable's value.

    Raises:
        ConfigError: the variable is not set, or the value is of another type.
    """
    if isinstance(written, list):
        fetched: object = [_fetched(item, place, document, environ) for item in written]
    else:
        fetched = _fetched(written, place, document, environ)
    # A variable is always text: "8" from one may fill a number. What is written in the file has its own type.
    return converted(fetched, option, place, document, strict=fetched == written)


def converted(given: object, option: Option, place: Place, document: Document, *, strict: bool) -> Any:
    """A value as the type of its option. A relative path starts at the folder of the configuration file.

    Raises:
        ConfigError: it does not fit.
    """
    folder = document.path.parent if document.path else Path()

    def from_folder(kind: type, item: object) -> object:
        if kind is Path and isinstance(item, str):
            return folder / Path(item).expanduser()
        raise msgspec.ValidationError("Expected `str`")

    try:
        return msgspec.convert(given, option.annotation, strict=strict, dec_hook=from_folder)
    except msgspec.ValidationError as error:
        choices = [str(choice) for choice in get_args(option.annotation) if isinstance(choice, str)]
        said = f"expected one of {', '.join(choices)}" if choices else reason(error)
        raise document.error(place, f"{place[-1]} of {_named(place)}: {said}.") from None


def _fetched(written: object, place: Place, document: Document, environ: Mapping[str, str]) -> object:
    if not isinstance(written, str) or not written.startswith("env:"):
        return written
    variable = written.removeprefix("env:")
    if found := environ.get(variable, "").strip():
        return found
    # Whoever wrote the key itself behind `env:` must not find it in a log.
    named = variable if _VARIABLE.fullmatch(variable) and variable.isupper() else "named there"
    raise document.error(
        place,
        f"{place[-1]} of {_named(place)} needs the environment variable {named}, which is not set. Set it.",
    )


def _named(place: Place) -> str:
    return f"{NOUNS[str(place[0])]} {place[1]!r}"
