"""Telling people: looks at the ledger, finds what is due, sends it, and writes down what was said."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from whyspend import registry
from whyspend.config import ChannelConfig
from whyspend.errors import ConfigError, MissingExtraError, SourceError, WhyspendError
from whyspend.ledger import alerts as told
from whyspend.ledger.alerts import State, Told
from whyspend.model import Alert
from whyspend.net import Refused
from whyspend.reports.budgets.entries import Budget
from whyspend.reports.budgets.periods import Span, of_days, span, spans
from whyspend.reports.budgets.standing import Standing
from whyspend.workspace import Workspace
from whyspend.workspace.data import Data
from whyspend.workspace.due import Due, due, quieted, remembered
from whyspend.workspace.guarding import standings
from whyspend.workspace.signals import signals
from whyspend.workspace.telling import Teller, case_of, sample
from whyspend.workspace.windows import instant, micros

LATE = timedelta(hours=48)
"""A pull reads the last 48 hours again, so a period that has ended may still grow for so long."""

LONGEST_LOOK_BACK = timedelta(days=7)

FAILURES = (SourceError, ConfigError, MissingExtraError)
"""What one channel may raise without silencing the others."""


@dataclass(frozen=True)
class Sent:
    """One message that a channel accepted, or would get."""

    channel: str
    alert: Alert


@dataclass(frozen=True)
class Failure:
    """One channel that was not told."""

    channel: str
    why: str
    is_set_up_wrong: bool
    """Another run does not mend it."""


@dataclass(frozen=True)
class Outcome:
    """What telling came to."""

    sent: tuple[Sent, ...] = ()
    failed: tuple[Failure, ...] = ()
    busy: bool = False
    """Another process is telling; nothing was sent here."""


def notify(
    place: Workspace,
    *,
    dry_run: bool = False,
    on_sent: Callable[[Sent], None] = lambda _: None,
    wait: float = told.LOCK_SECONDS,
) -> Outcome:
    """Tell every channel what it was not told yet.

    Args:
        place: configuration and ledger.
        dry_run: only find out what would be sent; nothing is sent, waited for or written down.
        on_sent: called after each message.
        wait: seconds to wait for another process that is telling.

    Raises:
        LedgerError: the ledger or what was told cannot be read or written.
    """
    channels, failed = _channels(place)
    root = place.ledger.root
    if dry_run:
        teller, dues, _ = _look(place, channels, told.read(root))
        return Outcome(
            tuple(Sent(each.channel, teller.alert(each)) for each in dues if each.said), tuple(failed)
        )
    with told.exclusive(root, seconds=wait) as is_ours:
        if not is_ours:
            return Outcome(busy=True)
        # Looked at under the lock: what another process has just told is known, and the ledger is not older.
        teller, dues, state = _look(place, channels, told.read(root))
        return _send(place, channels, teller, dues, state, failed, on_sent)


def send_samples(place: Workspace, names: Sequence[str]) -> Iterator[tuple[str, Failure | None]]:
    """Send a sample to each channel: its name, and how it failed, or None where it was accepted."""
    for name in names or list(place.config.alerts):
        try:
            channel = place.config.channel(name)
            registry.load("alerts", channel.type).send(sample(name, place.now), **channel.options)
        except FAILURES as error:
            yield name, failure_of(name, error)
        else:
            yield name, None


def failure_of(channel: str, error: WhyspendError) -> Failure:
    """An error of a channel, and whether somebody must mend its set-up."""
    return Failure(channel, str(error), is_set_up_wrong=not isinstance(error, SourceError))


def _channels(place: Workspace) -> tuple[list[ChannelConfig], list[Failure]]:
    """Those that can be used, and why the others cannot: one that is set up wrong does not silence the rest."""
    ready, failed = [], []
    for name in place.config.alerts:
        try:
            ready.append(place.config.channel(name))
        except ConfigError as error:
            failed.append(failure_of(name, error))
    return ready, failed


def _look(
    place: Workspace, channels: Sequence[ChannelConfig], state: State
) -> tuple[Teller, list[Due], State]:
    """What is so, and what of it is due."""
    at = place.now
    zone = ZoneInfo(place.config.timezone)
    today = at.astimezone(zone).date()
    data = place.data(of_days(today, today, place.config.timezone))
    wanted = [(budget, _periods(budget, data, state, at)) for budget in place.config.budgets]
    open_keys = {each.key for each in state.told if not each.closed}
    found = _worth_telling(
        [each for each in standings(data, wanted, at, most=0) if each.level], open_keys, at
    )
    teller = Teller(
        data,
        at,
        {each.key: each for each in found},
        {each.case.key: each for each in signals(data, place.config, at)},
    )
    cases = [case_of(each, at) for each in found] + [each.case for each in teller.signals.values()]
    incidents = frozenset(
        channel.name
        for channel in channels
        if getattr(registry.load("alerts", channel.type), "INCIDENTS", False)
    )
    dues = due(cases, state.told, channels, incidents, micros(at))
    return teller, quieted(dues, incidents), state


def _worth_telling(found: Sequence[Standing], open_keys: set[str], at: datetime) -> list[Standing]:
    """Of the periods of a budget that have ended, those that are told, and else only the latest that was broken.

    After a night without a run, a budget by the hour is one message, not one for each hour.
    """
    latest = {
        (each.budget.name, each.value): each.key for each in found if each.level == 1 and _has_ended(each, at)
    }
    return [
        each
        for each in found
        if not _has_ended(each, at)
        or each.key in open_keys
        or each.key == latest.get((each.budget.name, each.value))
    ]


def _has_ended(standing: Standing, at: datetime) -> bool:
    return not standing.span.is_rolling and standing.span.end <= at


def _periods(budget: Budget, data: Data, state: State, at: datetime) -> list[Span]:
    """The present period of a budget, and those that ended since the last look, or may still have grown since.

    A run each morning sees the whole of yesterday only after it has ended.
    """
    current = span(budget.period, data.window.timezone, at)
    if state.checked is None or current.is_rolling:
        return [current]
    since = max(min(instant(state.checked), at) - LATE, at - LONGEST_LOOK_BACK)
    return [*spans(budget.period, data.window.timezone, since, current.start), current]


def _send(
    place: Workspace,
    channels: Sequence[ChannelConfig],
    teller: Teller,
    dues: Sequence[Due],
    state: State,
    failed: list[Failure],
    on_sent: Callable[[Sent], None],
) -> Outcome:
    root, now = place.ledger.root, micros(teller.at)
    held = {(each.channel, each.key): each for each in state.told}
    named = {channel.name: channel for channel in channels}
    sent, down = [], set()
    for each in dues:
        if each.channel in down:
            continue
        if each.said:
            alert = teller.alert(each)
            channel = named[each.channel]
            try:
                registry.load("alerts", channel.type).send(alert, **channel.options)
            except FAILURES as error:
                failed.append(failure_of(each.channel, error))
                # One message may be refused for what it says; a service that is away is not tried for each.
                if not isinstance(error, Refused):
                    down.add(each.channel)
                continue
            sent.append(Sent(each.channel, alert))
            on_sent(sent[-1])
        held[each.channel, each.told.key] = each.told
        told.write(root, State(checked=state.checked, told=tuple(held.values())))
    told.write(root, State(checked=_checked(state, now, failed), told=_kept(place, held.values(), now)))
    return Outcome(tuple(sent), tuple(failed))


def _kept(place: Workspace, held: Any, now: int) -> tuple[Told, ...]:
    return remembered(held, place.config.alerts, now)


def _checked(state: State, now: int, failed: Sequence[Failure]) -> int | None:
    """How far everybody is told. Where a channel failed, the next run looks back as far as this one did."""
    if failed and state.checked is not None:
        return state.checked
    return max(now, state.checked or 0)
