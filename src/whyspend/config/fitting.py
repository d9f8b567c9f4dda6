"""The first part of a file that does not fit the model, and why, in the words of TOML."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec.structs import fields

from whyspend.config.lines import Place
from whyspend.errors import nearest

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "decimal": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time",
}

_NO_NUMBER = "Invalid decimal string"
"""What msgspec says of a text where an exact number must be."""

_A_NUMBER = " Write a number without quotes, such as 0.8."


def misfit(value: object, kind: Any, place: Place = ()) -> tuple[Place, str] | None:
    """Find the innermost part that does not fit its type: its place and a message; None where all fits.

    msgspec names the types but neither the keys of a table nor a line, so the parts are tried one by one.
    """
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct) and isinstance(value, dict):
        known = [field.encode_name for field in fields(bare)]
        if unknown := [key for key in value if key not in known]:
            return (*place, unknown[0]), _unknown(unknown[0], known)
    for key, item, item_kind in _parts(value, bare):
        if found := misfit(item, item_kind, (*place, key)):
            return found
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        hint = _hint(value, bare, place) or (_A_NUMBER if _NO_NUMBER in str(error) else "")
        return place, f"{_named(place)}: {reason(error)}.{hint}"
    return None


def reason(error: msgspec.ValidationError) -> str:
    """Say why a value does not fit. Names types, never the value: it may be a secret.

    ``Expected `str | array`, got `int` - at `$.when``` becomes `expected text or a list, got a whole number`.
    """
    said = str(error).partition(" - at ")[0]
    if missing := re.fullmatch(r"Object missing required field `(.*)`", said):
        return f"{missing[1]!r} is missing"
    if said == _NO_NUMBER:
        return "expected a number, got a text that is none"
    if not said.startswith("Expected `"):
        return "this cannot stand here"
    named = re.sub(r"`([^`]*)`", _in_words, said)
    return named[:1].lower() + named[1:]


def _in_words(kinds: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds[1].split(" | "))


def _parts(value: object, kind: Any) -> Iterator[tuple[str | int, object, Any]]:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        kinds = {field.encode_name: field.type for field in fields(kind)}
        yield from ((key, item, kinds[key]) for key, item in value.items())
    elif isinstance(value, dict) and get_origin(kind) in (dict, Mapping):
        yield from ((key, item, get_args(kind)[1]) for key, item in value.items())
    elif isinstance(value, list) and get_origin(kind) is tuple:
        yield from ((index, item, get_args(kind)[0]) for index, item in enumerate(value))


def _unknown(key: str, known: Sequence[str]) -> str:
    hint = nearest(key, known) or f" Known: {', '.join(known)}."
    return f"unknown key {key!r}.{hint}"


def _hint(value: object, kind: Any, place: Place) -> str:
    if get_origin(kind) is Literal:
        return f" Write {' or '.join(repr(word) for word in get_args(kind))}."
    if isinstance(value, dict) and get_origin(kind) is tuple:
        return f" Write [[{_named(place)}]], with two brackets."
    if isinstance(value, dict) and place[-1:] == ("metadata",):
        return ' Write "metadata.KEY" in quotes: a bare dot makes a table.'
    return ""


def _named(place: Place) -> str:
    """`aliases.feature.rag` for a place; an item of a list is told by its line and its list."""
    return ".".join(key if key.isidentifier() else repr(key) for key in place if isinstance(key, str))
