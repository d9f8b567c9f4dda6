"""The channels of `[alerts.NAME]`: who is told, of what, and with which options of the channel's `send`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from whyspend import registry
from whyspend.config.lines import Document
from whyspend.config.options import missing, options_in, refuse_unknown, value
from whyspend.errors import ConfigError, UsageError, nearest
from whyspend.model import Alert

DIGEST = "digest"
"""What `only` says beside the kinds of alerts: the page that `whyspend digest --notify` sends."""

KINDS: tuple[str, ...] = (
    *(kind for kind in get_args(Alert.__annotations__["kind"]) if kind != "test"),
    DIGEST,
)
"""What `only` can name."""

OWN = ("type", "only", "remind_hours")
"""Keys of every channel; the others are options of its type."""


@dataclass(frozen=True)
class ChannelConfig:
    """A channel to send to. Its options may hold secrets, so they never show."""

    name: str
    """The user's name for it: `[alerts.NAME]`."""
    type: str
    """The file in alerts/, or the plug-in, that sends."""
    only: tuple[str, ...] | None
    """The kinds of alerts that it gets; None: what is usual for its type."""
    remind_hours: int
    """How often it is reminded of what goes on; 0: never."""
    options: Mapping[str, Any] = field(repr=False)
    """Keyword arguments for its `send`."""


def channels(alerts: Mapping[str, Mapping[str, Any]]) -> dict[str, ChannelConfig]:
    """The channels as they are written; their keys are checked already."""
    return {
        name: ChannelConfig(
            name,
            written["type"],
            tuple(written["only"]) if "only" in written else None,
            written.get("remind_hours", 0),
            {key: item for key, item in written.items() if key not in OWN},
        )
        for name, written in alerts.items()
    }


def resolved(
    held: Mapping[str, ChannelConfig], name: str, document: Document, environ: Mapping[str, str]
) -> ChannelConfig:
    """Return a channel with options that its `send` accepts, secrets included. Imports the channel.

    Raises:
        UsageError: no channel has this name.
        ConfigError: an option that is unknown, missing or of a wrong type, or a variable that is not set.
    """
    if name not in held:
        known = ", ".join(held) or "none"
        raise UsageError(f"There is no channel named {name!r}.{nearest(name, held)} Configured: {known}.")
    written = held[name]
    module = registry.load("alerts", written.type)
    send = getattr(module, "send", None)
    if send is None:
        raise ConfigError(
            f"The channel type {written.type!r} has no function send(). Update or remove its plug-in."
        )
    options, place = options_in(send), ("alerts", name)
    refuse_unknown(written.options, options, place, written.type, document)
    values = {
        key: value(written.options[key], option, (*place, key), document, environ)
        for key, option in options.items()
        if key in written.options
    }
    for key, option in options.items():
        if option.required and key not in values:
            raise missing(place, key, document)
    only = written.only if written.only is not None else getattr(module, "ONLY", KINDS)
    return ChannelConfig(name, written.type, tuple(only), written.remind_hours, values)
