"""`[collector]`: what `whyspend serve` is told once and for all."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from whyspend.config.lines import Document
from whyspend.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


class Collector(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of the section."""

    source: Annotated[
        str, Meta(description="The name under which the ledger holds the calls that were collected.")
    ] = "collector"
    api_key: Annotated[
        str,
        Meta(
            description="What senders must give as their LangSmith API key: the name of a variable, env:NAME."
        ),
    ] = ""
    close_after_s: Annotated[
        int,
        Meta(
            description="A run that has not ended is given up so many seconds after its trace was last heard of.",
            ge=1,
            le=7 * 86_400,
        ),
    ] = 3_600


def faults(entry: Collector, sources: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong: the place, and a message."""
    if not _NAME.fullmatch(entry.source):
        plain = "Use at most 64 letters, digits, '_' and '-', the first a letter or '_'."
        yield ("source",), f"{entry.source!r} cannot be the name of a source. {plain}"
    elif entry.source in sources:
        yield (
            ("source",),
            f"{entry.source!r} is the name of a source that is pulled. Give the collector another.",
        )
    if entry.api_key and not _VARIABLE.fullmatch(entry.api_key):
        # Whoever wrote the key itself here must not find it in a log.
        yield ("api_key",), 'api_key must be the name of an environment variable: "env:NAME".'


def key(entry: Collector, given: str, document: Document, environ: Mapping[str, str]) -> str:
    """The API key that senders must give; "" where none is configured.

    Args:
        entry: the section.
        given: what a command line says instead, `env:NAME`.
        document: for messages.
        environ: where the key is.

    Raises:
        UsageError: what is given is no name of a variable, or that variable is not set or holds what no header can.
        ConfigError: so is the variable of the section.
    """
    if given and not _VARIABLE.fullmatch(given):
        raise UsageError(
            "--api-key must name an environment variable: env:NAME. Everyone sees a command line."
        )
    written = given or entry.api_key
    if not written:
        return ""
    name = written.removeprefix("env:")
    found = environ.get(name, "").strip()
    if found and found.isascii() and found.isprintable():
        return found
    if found:
        # Clients differ in how they send others, where they do at all; and no message may hold the key.
        message = f"the key in {name} has other signs than ASCII has, which HTTP headers do not carry. Use another key."
    elif given:
        raise UsageError(f"--api-key needs the environment variable {name}, which is not set. Set it.")
    else:
        message = f"the environment variable {name} is not set. Set it."
    raise UsageError(f"--api-key: {message}") if given else document.error(("collector", "api_key"), message)
