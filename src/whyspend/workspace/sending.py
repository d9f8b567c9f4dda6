"""Sending a digest: to which channels, and with which pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from whyspend import registry
from whyspend.config.channels import DIGEST, ChannelConfig
from whyspend.errors import ConfigError, LedgerError
from whyspend.ledger import digests
from whyspend.ledger.digests import Got
from whyspend.model.digest import Digest, Section
from whyspend.workspace import Workspace
from whyspend.workspace.notify import FAILURES, Failure, failure_of
from whyspend.workspace.windows import instant, micros


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


@dataclass(frozen=True)
class Delivery:
    """What sending to one channel came to: it got the digest, unless one of these is there."""

    channel: str
    failure: Failure | None = None
    got: datetime | None = None
    """It has it already, since then; nothing was sent."""


def send(
    place: Workspace, made: Digest, names: Sequence[str], *, where: Sequence[str] = (), again: bool = False
) -> Iterator[Delivery]:
    """Send to each channel that does not have the digest of these days; what it is not sent for is written down.

    Args:
        place: configuration and ledger.
        made: the digest, with its pictures.
        names: of channels.
        where: of which calls the digest is.
        again: also to those that have it.

    Raises:
        LedgerError: another process sends for too long, or who got what cannot be read or written.
    """
    root, known = place.ledger.root, key_of(made, where)
    with digests.exclusive(root) as is_ours:
        if not is_ours:
            raise LedgerError(
                "Another whyspend is sending digests of this ledger. Nothing was sent here; run it again after that."
            )
        state = digests.read(root)
        for name in names:
            if not again and (at := state.when(name, known)) is not None:
                yield Delivery(name, got=instant(at))
                continue
            try:
                channel = place.config.channel(name)
                registry.load("alerts", channel.type).send_digest(made, **channel.options)
            except FAILURES as error:
                yield Delivery(name, failure_of(name, error))
                continue
            state = state.with_one(Got(channel=name, digest=known, at=micros(place.now)))
            digests.write(root, state)
            yield Delivery(name)


def had(place: Workspace, made: Digest, name: str, where: Sequence[str] = ()) -> datetime | None:
    """Since when a channel has a digest; None: it does not."""
    at = digests.read(place.ledger.root).when(name, key_of(made, where))
    return None if at is None else instant(at)


def key_of(made: Digest, where: Sequence[str]) -> str:
    """What digests are told apart by: their days, the time zone, of which calls they are, and whether some are missing.

    Who got one that asks to bring in what is missing gets the whole one, too, once that is done.
    """
    days = f"{made.window.since}..{made.window.until} {made.window.timezone}"
    return " ".join([days, *([] if made.is_whole else ["incomplete"]), *sorted(where)])


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
