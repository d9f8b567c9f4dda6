"""Closing a month: its prices are frozen, and later corrections are booked beside it. Reopening undoes both."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from whyspend.errors import LedgerError, UsageError
from whyspend.ledger import Manifest
from whyspend.ledger import prices as kept
from whyspend.ledger.prices import Adjustment, Basis, Closed
from whyspend.money import usd
from whyspend.pricing import book as books
from whyspend.pricing.book import DATA
from whyspend.pricing.plan import Prices, of
from whyspend.workspace import Workspace
from whyspend.workspace.adjusting import units
from whyspend.workspace.corrections import Lost, due
from whyspend.workspace.missing import reached
from whyspend.workspace.prices import BOOK_FILES, current_book, frozen, of_ledger, written
from whyspend.workspace.spending import Spent, spent, together
from whyspend.workspace.windows import EARLIEST, LATEST, instant, micros, of_days, zone


@dataclass(frozen=True)
class Month:
    """A calendar month as it begins and ends in a time zone."""

    name: str
    timezone: str
    start: int
    end: int
    """Microseconds UTC, half open."""


@dataclass(frozen=True)
class Frozen:
    """What closing a month did."""

    month: Closed
    booked: tuple[Adjustment, ...]
    """What was still to be booked for months that were closed before."""
    lost: tuple[Lost, ...]


@dataclass(frozen=True)
class Reopening:
    """What reopening a month would do."""

    held: Basis
    month: Closed
    frozen: Spent | None
    """What its calls cost at its frozen prices; None: those cannot be read any more."""
    adjusted: int
    """What was booked for it since, in 1e-24 dollars."""
    today: Spent
    """What its calls cost at today's prices."""


def month(name: str, timezone: str) -> Month:
    """The month `2026-10` in a time zone.

    Raises:
        UsageError: not a month.
    """
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", name):
        raise UsageError(f"'{name[:40]}' is not a month. Give one such as 2026-10.")
    year, number = int(name[:4]), int(name[5:])
    if not EARLIEST.year <= year <= LATEST.year:
        raise UsageError(f"{name} is not between {EARLIEST.year} and {LATEST.year}. Give another month.")
    first = date(year, number, 1)
    days = of_days(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1), timezone)
    return Month(name, timezone, micros(days.start), micros(days.end))


def close(place: Workspace, name: str, *, force: bool = False) -> Frozen:
    """Freeze the prices of a month, and book what is still to be booked for those closed before.

    Args:
        place: the ledger, and the prices it is closed with.
        name: such as 2026-10, in the configured time zone.
        force: also where the ledger does not hold all of the month.

    Raises:
        UsageError: a month that cannot be closed.
        LedgerError: another process changed the prices in the meantime, or they cannot be written.
    """
    root, config = place.ledger.root, place.config
    asked, held = month(name, config.timezone), kept.read(root)
    snapshot = place.ledger.snapshot()
    _refuse(place, asked, held)
    if not force and (lacking := next(_unread(place, snapshot.manifest, asked), "")):
        raise UsageError(
            f"{name} is not whole: {lacking}. Pull it first, or close it as it is: whyspend close {name} --force."
        )
    now = of_ledger(root, held, config.prices, config.discounts)
    cost = _cost(place, asked, now)
    corrections = due(place, held, now.current, today(place))
    with kept.changing(root, held) as change:
        basis = held or Basis(book=change.copy(DATA, BOOK_FILES, books.load(DATA).id))
        closed = Closed(
            month=name, timezone=asked.timezone, start=asked.start, end=asked.end, book=basis.book,
            prices=written(config.prices), discounts=written(config.discounts), on=today(place),
            free_quotas=written(config.free_quotas),
            calls=cost.calls, unpriced=cost.calls - cost.priced, usd=usd(cost.units),
        )  # fmt: skip
        months = sorted((*basis.closed, closed), key=lambda each: each.start)
        booked = (*basis.adjustments, *corrections.adjustments)
        change.commit(replace(basis, closed=tuple(months), adjustments=booked))
    return Frozen(closed, corrections.adjustments, corrections.lost)


def reopening(place: Workspace, name: str) -> Reopening:
    """What reopening a month would do; nothing is changed.

    Raises:
        UsageError: the month is not closed, or another closed month holds its corrections.
    """
    root, config = place.ledger.root, place.config
    held = kept.read(root)
    closed = held.month(month(name, config.timezone).name) if held else None
    if held is None or closed is None:
        known = ", ".join(each.month for each in held.closed) if held and held.closed else "none"
        raise UsageError(f"{name} is not closed. Closed: {known}.")
    own = [each for each in held.adjustments if each.month == name]
    for other in held.closed:
        if any(_within(each.on, other) for each in own):
            raise UsageError(
                f"{other.month} is closed and holds corrections of {name}, which would vanish from it. "
                f"Reopen it first: whyspend reopen {other.month}."
            )
    now = of(current_book(root, held, config.prices), config.discounts)
    adjusted = sum(units(each.usd) for each in own)
    return Reopening(held, closed, _frozen_cost(place, closed), adjusted, _cost(place, closed, now))


def _frozen_cost(place: Workspace, closed: Closed) -> Spent | None:
    """Reopening is the way out where frozen prices cannot be read, so they must not be in its way."""
    try:
        era = frozen(place.ledger.root, closed)
        return _cost(place, closed, of(era.book, era.discounts))
    except LedgerError:
        return None


def _cost(place: Workspace, days: Closed | Month, prices: Prices) -> Spent:
    """What the calls of a month cost together."""
    found = spent(place.ledger.snapshot(), prices, days.start, days.end, place.engine, place.attribution)
    return together(found.values())


def reopen(place: Workspace, prepared: Reopening) -> None:
    """Take a month's frozen prices and its adjustments away.

    Raises:
        LedgerError: another process changed the prices in the meantime, or they cannot be written.
    """
    held, name = prepared.held, prepared.month.month
    with kept.changing(place.ledger.root, held) as change:
        change.commit(
            replace(
                held,
                closed=tuple(each for each in held.closed if each.month != name),
                adjustments=tuple(each for each in held.adjustments if each.month != name),
            )
        )


def today(place: Workspace) -> date:
    """The day in the configured time zone."""
    return place.now.astimezone(zone(place.config.timezone)).date()


def _refuse(place: Workspace, asked: Month, held: Basis | None) -> None:
    if asked.end > micros(place.now):
        ends = instant(asked.end).astimezone(zone(asked.timezone))
        raise UsageError(
            f"{asked.name} is not over: it ends at {ends:%Y-%m-%d %H:%M} ({asked.timezone}). Close it after that."
        )
    for other in held.closed if held else ():
        if other.month == asked.name:
            raise UsageError(
                f"{asked.name} is closed already, since {other.on}. To close it anew: whyspend reopen {asked.name}."
            )
        if other.start < asked.end and other.end > asked.start:
            raise UsageError(
                f"{asked.name} in {asked.timezone} overlaps with {other.month}, which was closed in {other.timezone}. "
                f"Set `timezone` back, or reopen it: whyspend reopen {other.month}."
            )


def _unread(place: Workspace, manifest: Manifest, asked: Month) -> Iterator[str]:
    """What of the month the ledger may lack."""
    known = reached(place.config, manifest, place.now)
    ended = [each for each in known.ended if micros(each.at) <= asked.start]
    yield from (
        f"it lacks {each.what}, lost with a damaged file"
        for each in known.lost
        if each.is_within(instant(asked.start), instant(asked.end))
    )
    gone = {each.source for each in ended if not each.project}
    sources = sorted({*manifest.watermarks, *(file.source for file in manifest.files)} - gone)
    if not sources:
        yield "the ledger is empty"
    for source in sources:
        marks = manifest.watermarks.get(source, {})
        past = {each.project for each in ended if each.source == source}
        upto = {key.removeprefix("upto:"): mark for key, mark in marks.items() if key.startswith("upto:")}
        upto = {project: mark for project, mark in upto.items() if project not in past}
        since = {project: marks[f"from:{project}"] for project in upto if f"from:{project}" in marks}
        if not upto and not past:
            yield f"how far {source} has been read is not known"
        for project, mark in sorted(upto.items()):
            if mark < asked.end:
                yield f"{project} of {source} has been read only up to {_moment(mark)}"
        for project, mark in sorted(since.items()):
            if mark > asked.start:
                yield f"{project} of {source} has been read only from {_moment(mark)}"


def _moment(mark: int) -> str:
    return f"{instant(mark):%Y-%m-%d %H:%M} UTC"


def _within(day: date, closed: Closed) -> bool:
    """Whether a day lies in a closed month."""
    first = datetime.fromtimestamp(closed.start // 1_000_000, UTC).astimezone(zone(closed.timezone)).date()
    return first <= day < instant(closed.end).astimezone(zone(closed.timezone)).date()
