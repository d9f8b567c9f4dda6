"""Which channel is to be told what, now: from what is the case, and what it was told before. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from whyspend.config import ChannelConfig
from whyspend.ledger.alerts import Told

State = Literal["trigger", "remind", "resolve"]

FULL = Decimal(1)
NONE = Decimal(0)

SAID_WHEN_OVER = ("over_budget", "stale")
"""Kinds of which people want to hear that they are over. A channel that keeps incidents hears it of every kind."""

MOST_AT_ONCE = 10
"""Messages of one kind about budgets to one channel in one run."""

REMEMBERED = timedelta(days=30) // timedelta(microseconds=1)
"""Microseconds after its end for which what is over is remembered."""

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Case:
    """Something that is so, and may be told."""

    key: str
    kind: str
    """What it is when it is full; a budget below its limit is `near_budget`."""
    title: str
    level: Decimal = FULL
    """How far it is: a threshold of a budget, 0 for none; else 1."""
    until: int | None = None
    """See Told.until."""
    is_past: bool = False
    """Its period has ended."""
    thresholds: tuple[Decimal, ...] = (FULL,)


@dataclass(frozen=True)
class Due:
    """One message to one channel, and what is to be written down once it was accepted."""

    channel: str
    state: State
    kind: str
    case: Case | None
    """None: it is no longer so."""
    told: Told
    said: bool = True
    """False: nothing is sent, only written down."""
    more: int = 0
    """So many others of its kind are not sent."""


def due(
    cases: Sequence[Case],
    told: Iterable[Told],
    channels: Sequence[ChannelConfig],
    incidents: frozenset[str],
    now: int,
) -> Iterator[Due]:
    """What is to be sent, channel by channel.

    Args:
        cases: all that is so.
        told: what was told.
        channels: with what they want to hear (`only`, never None here).
        incidents: names of the channels that keep something open until it is resolved.
        now: microseconds UTC.
    """
    held = {(each.channel, each.key): each for each in told}
    for channel in channels:
        keeps = channel.name in incidents
        for case in cases:
            known = held.pop((channel.name, case.key), None)
            if found := _of_case(channel, case, known, keeps, now):
                yield found
        for (name, _), known in list(held.items()):
            if name == channel.name and not known.closed:
                del held[name, known.key]
                yield _over(channel.name, None, known, keeps, now)


def quieted(dues: Iterable[Due], incidents: frozenset[str], most: int = MOST_AT_ONCE) -> list[Due]:
    """The same with at most so many messages of budgets of one kind to a channel; the last says how many more.

    A budget for each customer may be broken by hundreds on the first day. What keeps incidents hears every end.
    """
    groups: dict[tuple[str, str, str], list[Due]] = {}
    for each in dues:
        groups.setdefault((each.channel, each.state, each.kind), []).append(each)
    found = []
    for (channel, state, kind), group in groups.items():
        said = [each for each in group if each.said]
        hears_all = kind not in ("over_budget", "near_budget") or (
            state == "resolve" and channel in incidents
        )
        if hears_all or len(said) <= most:
            found += group
            continue
        found += [each for each in group if not each.said]
        found += [*said[: most - 1], replace(said[most - 1], more=len(said) - most)]
        found += [
            replace(each, said=False, told=msgspec.structs.replace(each.told, silent=state == "trigger"))
            for each in said[most:]
        ]
    return found


def remembered(told: Iterable[Told], channels: Iterable[str], now: int) -> tuple[Told, ...]:
    """What is still worth knowing: nothing of channels that are gone, nor of what is long over."""
    names = set(channels)
    return tuple(
        each
        for each in told
        if each.channel in names
        and not (each.closed and (each.until is None or each.until + _kept(each) <= now))
    )


def _kept(told: Told) -> int:
    """A period may get late calls; what is not told again for a while may be told right after."""
    return REMEMBERED if told.kind in ("over_budget", "near_budget") else 0


def _of_case(channel: ChannelConfig, case: Case, known: Told | None, keeps: bool, now: int) -> Due | None:
    level = _heard(channel, case)
    before = known.level if known else NONE
    if level > before and not (case.is_past and level < FULL):
        return Due(
            channel.name, "trigger", _kind(case, level), case, _trigger(channel, case, known, level, now)
        )
    if known is None or known.closed:
        return None
    if case.is_past:
        return _over(channel.name, case, known, keeps, now)
    if before == FULL > level or level == NONE:
        return _over(channel.name, case, known, keeps, now, level=level)
    pause = channel.remind_hours * _HOUR
    if pause and not known.silent and level == before and now - known.at >= pause:
        again = msgspec.structs.replace(known, title=case.title, at=now, until=case.until)
        return Due(channel.name, "remind", _kind(case, level), case, again)
    return None


def _heard(channel: ChannelConfig, case: Case) -> Decimal:
    """The highest threshold that is reached and that the channel wants to hear of."""
    only = channel.only or ()
    reached = [share for share in case.thresholds if share <= case.level and _kind(case, share) in only]
    return max(reached, default=NONE)


def _kind(case: Case, level: Decimal) -> str:
    return "near_budget" if case.kind == "over_budget" and level < FULL else case.kind


def _trigger(channel: ChannelConfig, case: Case, known: Told | None, level: Decimal, now: int) -> Told:
    return Told(
        channel=channel.name,
        key=case.key,
        kind=_kind(case, level),
        title=case.title,
        level=level,
        since=known.since if known and not known.closed else now,
        at=now,
        until=case.until,
        late=case.is_past,
    )


def _over(
    channel: str, case: Case | None, known: Told, keeps: bool, now: int, *, level: Decimal = NONE
) -> Due:
    """It is over. A budget that fell below its limit may still be near it, which is no news."""
    said = not known.silent and (keeps or (known.kind in SAID_WHEN_OVER and not known.late))
    if case is not None and not case.is_past and case.kind == "over_budget":
        kind = _kind(case, level)
        # The incident is closed with this; nobody is told of its end twice.
        silent = known.silent or said
        after = msgspec.structs.replace(
            known, level=level, kind=kind, at=now, silent=silent, closed=level == NONE
        )
    elif known.kind in ("over_budget", "near_budget") and (known.until is None or known.until > now):
        # A value that used too little to be looked at: it may come back within the period.
        after = msgspec.structs.replace(known, level=NONE, at=now, closed=True)
    else:
        after = msgspec.structs.replace(known, at=now, closed=True)
    return Due(channel, "resolve", known.kind, case, after, said)
