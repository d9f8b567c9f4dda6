"""The prices of a ledger: its own copy of the price book, what the user's file says, and the months that are closed."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from whyspend.errors import LedgerError, WhyspendError
from whyspend.ledger import prices as kept
from whyspend.ledger.prices import Basis, Closed
from whyspend.pricing import book as books
from whyspend.pricing.book import DATA, FAR_FUTURE, FAR_PAST, Book, Rate
from whyspend.pricing.discounts import Discount
from whyspend.pricing.discounts import faults as discount_faults
from whyspend.pricing.entries import UserPrice, entry_faults
from whyspend.pricing.names import Match
from whyspend.pricing.overrides import overridden
from whyspend.pricing.plan import Era, Prices
from whyspend.pricing.quotas import FreeQuota
from whyspend.pricing.quotas import faults as quota_faults
from whyspend.workspace.free import Quotas

BOOK_FILES = ("names.csv", "providers.csv", "rates.csv", "sources.csv", "unpriced.csv")
"""What a compiled price book is made of."""

Entry = TypeVar("Entry", UserPrice, Discount, FreeQuota)


class Deferred:
    """A price book that is read when it is first asked: a report needs few of the months that are closed."""

    def __init__(self, identity: str, read: Callable[[], Book]) -> None:
        self.id = identity
        """As the book says it, known without reading it."""
        self._read = read

    @cached_property
    def _book(self) -> Book:
        return self._read()

    def match(self, provider: str | None, model: str | None, context: str) -> Match:
        """See Book."""
        return self._book.match(provider, model, context)

    def rates(self, price: str) -> Sequence[Rate]:
        """See Book."""
        return self._book.rates(price)

    def prices(self) -> Iterable[str]:
        """See Book."""
        return self._book.prices()


def folder(root: Path, basis: Basis | None) -> Path:
    """Where the compiled book of the open months lies: in the ledger, or, before its first pull, in the package.

    Raises:
        LedgerError: the ledger's copy is missing or changed.
    """
    return kept.place(root, basis.book) if basis else DATA


def of_ledger(
    root: Path, basis: Basis | None, entries: Sequence[UserPrice], discounts: Sequence[Discount]
) -> Prices:
    """The prices of a ledger: frozen ones for the closed months, today's for all others.

    Raises:
        LedgerError: the price book in use is missing or changed.
        ConfigError: an entry of the user's that cannot be used.
    """
    current = current_book(root, basis, entries)
    return with_closed(root, basis.closed if basis else (), current, discounts)


def current_book(root: Path, basis: Basis | None, entries: Sequence[UserPrice]) -> Book:
    """The price book of the open months, with the user's own prices before it.

    Raises:
        LedgerError: the price book in use is missing or changed.
        ConfigError: an entry of the user's that cannot be used.
    """
    return overridden(books.load(folder(root, basis)), entries)


def with_closed(root: Path, closed: Iterable[Closed], current: Book, discounts: Sequence[Discount]) -> Prices:
    """Closed months as eras of their own, and the open time around them."""
    eras: list[Era] = []
    start = FAR_PAST
    for month in closed:
        if start < month.start:
            eras.append(Era(start, month.start, current, tuple(discounts)))
        eras.append(frozen(root, month))
        start = month.end
    return Prices((*eras, Era(start, FAR_FUTURE, current, tuple(discounts))))


def frozen(root: Path, month: Closed) -> Era:
    """The prices that a month was closed with."""
    said = hashlib.sha256(msgspec.json.encode(month.prices)).hexdigest()[:8]
    identity = f"{month.book.id}+{said}" if month.prices else month.book.id

    def read() -> Book:
        entries = _entries(month, month.prices, UserPrice)
        try:
            return overridden(books.load(kept.place(root, month.book)), entries)
        except LedgerError:
            raise
        except WhyspendError as error:
            raise _unusable(month, str(error)) from None

    return Era(month.start, month.end, Deferred(identity, read), _entries(month, month.discounts, Discount))


def is_closed(prices: Prices, closed: Sequence[Closed], start: int, end: int) -> bool:
    """Whether all of [start, end) lies in closed months."""
    frozen_at = {month.start for month in closed}
    return all(era.start in frozen_at for era in prices.eras if era.start < end and era.end > start)


def as_closed(prices: Prices, closed: Sequence[Closed], start: int, end: int) -> Prices:
    """What a question about [start, end) is answered with, together with the days before it.

    Where all that is asked for is closed, open days before are priced as they were when it was closed, so that its
    change against them does not move either.
    """
    if not is_closed(prices, closed, start, end):
        return prices
    frozen_at = {month.start for month in closed}
    then = next(era for era in prices.eras if era.end > start)
    return Prices(
        tuple(
            era if era.start >= then.start or era.start in frozen_at
            else Era(era.start, era.end, then.book, then.discounts)
            for era in prices.eras
        )
    )  # fmt: skip


def quotas(basis: Basis | None, entries: Sequence[FreeQuota]) -> Quotas:
    """(start, end, the free quotas that hold between): frozen ones for the closed months, today's for all others."""
    found: list[tuple[int, int, Sequence[FreeQuota]]] = []
    start = FAR_PAST
    for month in basis.closed if basis else ():
        own = _entries(month, month.free_quotas, FreeQuota)
        found += [(start, month.start, entries), (month.start, month.end, own)]
        start = month.end
    return [*found, (start, FAR_FUTURE, entries)]


def quotas_as_closed(found: Quotas, closed: Sequence[Closed], start: int, end: int) -> Quotas:
    """The same for free quotas as `as_closed` for prices."""
    frozen_at = {month.start for month in closed}
    asked = [own for own in found if own[0] < end and own[1] > start]
    if any(begin not in frozen_at for begin, _, _ in asked):
        return found
    then = asked[0]
    return [own if own[0] >= then[0] or own[0] in frozen_at else (own[0], own[1], then[2]) for own in found]


def newer(root: Path, basis: Basis | None) -> Book | None:
    """The price book of the package, where the ledger keeps another one."""
    if basis is None or kept.digest(DATA, BOOK_FILES) == basis.book.sha256:
        return None
    return books.load(DATA)


def keep_first(root: Path) -> None:
    """Give a ledger that has no price book of its own the one of the package; from then on it stays.

    Raises:
        LedgerError: another writer does not finish, or the folder cannot be written.
    """
    if kept.is_new(root):
        kept.keep_first(root, DATA, BOOK_FILES, books.load(DATA).id)


def written(entries: Iterable[UserPrice | Discount | FreeQuota]) -> tuple[dict[str, Any], ...]:
    """Entries of whyspend.toml as the ledger keeps them: `frozen` reads them back."""
    return tuple(msgspec.json.decode(msgspec.json.encode(entry)) for entry in entries)


def _entries(month: Closed, said: Iterable[dict[str, Any]], kind: type[Entry]) -> tuple[Entry, ...]:
    try:
        entries = tuple(msgspec.convert(entry, kind) for entry in said)
    except msgspec.ValidationError as error:
        raise _unusable(month, str(error)) from None
    for entry in entries:
        if fault := next(_faults(entry), ""):
            raise _unusable(month, fault)
    return entries


def _faults(entry: UserPrice | Discount | FreeQuota) -> Iterator[str]:
    """What is wrong with an entry by itself. A discount may look at a dimension that is configured no longer."""
    if isinstance(entry, Discount):
        yield from (message for _, message in discount_faults(entry, tuple(entry.where)))
    elif isinstance(entry, FreeQuota):
        yield from (message for _, message in quota_faults(entry))
    else:
        yield from (message for _, message in entry_faults(entry))


def _unusable(month: Closed, why: str) -> LedgerError:
    return LedgerError(
        f"The prices that {month.month} was closed with cannot be read by this version ({why.rstrip('.')}). "
        f"Read it with the version that closed it, or give it today's prices: whyspend reopen {month.month}."
    )
