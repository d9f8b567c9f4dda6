"""Sending a digest: to which channels, and with which pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from whyspend import registry
from whyspend.config.channels import DIGEST, ChannelConfig
from whyspend.errors import ConfigError
from whyspend.model.digest import Digest, Section
from whyspend.workspace import Workspace
from whyspend.workspace.notify import FAILURES, Failure, failure_of


def receivers(place: Workspace, names: Sequence[str] = ()) -> list[str]:
    """The channels that get digests: those whose `only` lets them and whose type can; or those that are named.

    Raises:
        UsageError: no channel has one of these names.
        ConfigError: one that is named, or whose `only` names digests, is of a type that cannot.
    """
    if names:
        for name in names:
            _must_take(place.config.channel(name))
        return list(dict.fromkeys(names))
    return [name for name, channel in place.config.alerts.items() if _takes(channel)]


def drawn(made: Digest) -> Digest:
    """The digest with its first chart of each section as a bitmap.

    Raises:
        MissingExtraError: what draws bitmaps is not installed.
    """
    return replace(made, sections=tuple(map(_drawn, made.sections)))


def send(place: Workspace, made: Digest, names: Sequence[str]) -> Iterator[tuple[str, Failure | None]]:
    """Send to each channel: its name, and how it failed, or None where it was accepted."""
    for name in names:
        try:
            channel = place.config.channel(name)
            registry.load("alerts", channel.type).send_digest(made, **channel.options)
        except FAILURES as error:
            yield name, failure_of(name, error)
        else:
            yield name, None


def _takes(channel: ChannelConfig) -> bool:
    if channel.only is not None and DIGEST in channel.only:
        _must_take(channel)
        return True
    return channel.only is None and _can(channel)


def _must_take(channel: ChannelConfig) -> None:
    if not _can(channel):
        raise ConfigError(
            f"The channel {channel.name} takes no digest: its type {channel.type} cannot show one. "
            "Name another channel as --to, or take digest out of its `only`."
        )


def _can(channel: ChannelConfig) -> bool:
    return hasattr(registry.load("alerts", channel.type), "send_digest")


def _drawn(section: Section) -> Section:
    from whyspend.charts.png import png

    charts = section.table.charts
    return replace(section, picture=png(charts[0].title, charts[:1])) if charts else section
