"""Where in a TOML text a key stands. tomllib says what a file means, not where it says so."""

import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from whyspend.errors import ConfigError

Place = tuple[str | int, ...]
"""The way to a value: `("attribution", 1, "set", "feature")` is in the second `[[attribution]]`."""


@dataclass(frozen=True)
class Document:
    """The text of a configuration file, and messages that point into it. May hold secrets: never shown."""

    path: Path | None
    """None where there is no file; then messages stand alone."""
    text: str = field(repr=False)

    def error(self, place: Place, message: str) -> ConfigError:
        """Say what is wrong at a place: `whyspend.toml line 12: ...`."""
        return ConfigError(self.pointing(place, message))

    def pointing(self, place: Place, message: str) -> str:
        """Put the file and the line of a place before a message."""
        if self.path is None:
            return message[:1].upper() + message[1:]
        return f"{self.shown()} line {line_of(self.text, place)}: {message}"

    def shown(self) -> str:
        """The file as a user would call it from where they are."""
        if self.path is None:
            return "the environment"
        here = Path.cwd()
        return str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path)

    def parsed(self, *, exact: Collection[str] = ()) -> dict[str, Any]:
        """Read the text as TOML; numbers with decimals under the keys of `exact` as Decimal.

        Raises:
            ConfigError: it is not TOML, or a key is given twice.
        """
        try:
            content = tomllib.loads(self.text)
            if any(key in content for key in exact):
                decimals = tomllib.loads(self.text, parse_float=_decimal)
                content |= {key: decimals[key] for key in exact if key in content}
            return content
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{self.shown()} {_explained(self.text, str(error))}") from None
        except RecursionError:
            raise ConfigError(f"{self.shown()} cannot be read: its values are nested too deep.") from None


def _decimal(written: str) -> Decimal:
    """A TOML number with decimals, which may be written 1_000.5."""
    return Decimal(written.replace("_", ""))


def line_of(text: str, place: Place) -> int:
    """The line on which the statement of a place begins, or of what is around an absent one."""
    found = _places(text)
    return next((found[place[:size]] for size in range(len(place), 0, -1) if place[:size] in found), 1)


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement of a TOML text (a `[header]`, or a key with its value) and the line on which it begins.

    A statement is the shortest run of whole lines that is TOML by itself, so tomllib does all the reading.
    What cannot be read comes last, as an empty statement.
    """
    start, chunk = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        chunk += line + "\n"
        try:
            parsed = tomllib.loads(chunk)
        except tomllib.TOMLDecodeError:
            continue
        if parsed:
            yield start, chunk, parsed
        start, chunk = number + 1, ""
    if chunk:
        yield start, chunk, {}


def _places(text: str) -> dict[Place, int]:
    found: dict[Place, int] = {}
    table: Place = ()
    last: dict[Place, int] = {}
    for line, chunk, parsed in _statements(text):
        if chunk.lstrip().startswith("["):
            table = _header(parsed, last)
            places = [table[:size] for size in range(1, len(table) + 1)]
        else:
            places = [table + place for place in _within(parsed)]
        for place in places:
            found.setdefault(place, line)
    return found


def _header(parsed: dict[str, Any], last: dict[Place, int]) -> Place:
    """The place of a `[table]` or `[[table]]`; `last` holds the index of the newest item of each array."""
    place: Place = ()
    node: Any = parsed
    while node:
        key, node = next(iter(node.items()))
        place = (*place, key)
        if isinstance(node, list):
            last[place] = last.get(place, -1) + 1
            node = node[0]
        if place in last:
            place = (*place, last[place])
    return place


def _within(value: object) -> Iterator[Place]:
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield (key,)
        for place in _within(item):
            yield (key, *place)


def _explained(text: str, reason: str) -> str:
    """tomllib's reason with the line on which the statement begins that it could not read."""
    starts = [start for start, _, _ in _statements(text)]
    where = re.search(r" \(at line (\d+), column \d+\)$| \(at end of document\)$", reason)
    known = int(where[1]) if where and where[1] else None
    # A value over several lines is told by its first: that is where the key stands.
    line = max((start for start in starts if known is None or start <= known), default=1)
    said = reason[: where.start()] if where else reason
    if "Cannot overwrite" in said or "Cannot declare" in said or "Duplicate" in said:
        return f"line {line}: this key or table was given before. Keep one of the two."
    hint = " Text values stand in quotes." if said == "Invalid value" else ""
    return f"line {line}: not valid TOML: {said[:1].lower()}{said[1:]}.{hint}"
