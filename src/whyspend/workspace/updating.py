"""Taking a newer price book: what it changes in this ledger, month by month, before anything is changed."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from whyspend.errors import MissingExtraError
from whyspend.ledger import prices as kept
from whyspend.ledger.prices import Adjustment, Basis
from whyspend.pricing import book as books
from whyspend.pricing.book import DATA, Book
from whyspend.pricing.overrides import overridden
from whyspend.pricing.plan import REPORTED, Era, of, split
from whyspend.workspace import Workspace
from whyspend.workspace.changes import Change, Renamed, differing, of_names, of_prices
from whyspend.workspace.closing import month, today
from whyspend.workspace.corrections import Corrections, due
from whyspend.workspace.prices import BOOK_FILES, folder, of_ledger
from whyspend.workspace.spending import Spent, spent, together
from whyspend.workspace.windows import zone


@dataclass(frozen=True)
class Effect:
    """What a book changes for the calls of a model in the open part of a month."""

    month: str
    provider: str | None
    model: str | None
    before: Spent
    after: Spent

    @property
    def units(self) -> int:
        """By how much the month's total moves, in 1e-24 dollars; unknown money is in no total."""
        return (self.after.units or 0) - (self.before.units or 0)

    @property
    def newly_priced(self) -> int:
        """Calls that get a price; negative: that lose theirs."""
        return self.after.priced - self.before.priced


@dataclass(frozen=True)
class Comparison:
    """A price book beside the one in use."""

    held: Basis | None
    """What the ledger is priced with; None: the package's book, for it has none of its own yet."""
    folder: Path
    """Where the new book lies."""
    old_id: str
    new_id: str
    changes: tuple[Change, ...] = ()
    """Rates of models that the ledger has calls of."""
    renamed: tuple[Renamed, ...] = ()
    """Names in the ledger that mean another price list now."""
    elsewhere: int = 0
    """How many price lists differ that no call of the ledger is priced with."""
    effects: tuple[Effect, ...] = ()
    corrections: Corrections = field(default_factory=Corrections)

    @property
    def is_new(self) -> bool:
        """Whether the book is not the one in use, or the ledger has none of its own."""
        return self.held is None or self.old_id != self.new_id

    @property
    def changes_the_past(self) -> bool:
        """Whether any figure moves, or an adjustment is booked."""
        return bool(self.effects or self.corrections.adjustments)


@contextmanager
def installed(given: Path | None) -> Iterator[Path]:
    """A folder with the newest price book at hand.

    The one that is given; else compiled from the installed genai-prices; without that, the one in the package.
    """
    if given is not None:
        yield given
        return
    from whyspend.pricing import compile as compiler

    with tempfile.TemporaryDirectory(prefix="whyspend-") as name:
        try:
            compiler.compiled(Path(name))
        except MissingExtraError:
            yield DATA
        else:
            yield Path(name)


def compare(place: Workspace, new: Path) -> Comparison:
    """What taking a book changes; nothing is changed yet.

    Args:
        place: the ledger, and the user's own prices and discounts, which hold before and after.
        new: the folder of a compiled book.

    Raises:
        InputError: the folder holds no price book.
        ConfigError: an entry of the user's that cannot be used with the new book.
    """
    root, config = place.ledger.root, place.config
    held = kept.read(root)
    old_book, new_book = books.load(folder(root, held)), books.load(new)
    now = of_ledger(root, held, config.prices, config.discounts).current
    then = Era(now.start, now.end, overridden(new_book, config.prices), now.discounts)
    corrections = due(place, held, then, today(place))
    if old_book.id == new_book.id:
        return Comparison(held, new, old_book.id, new_book.id, corrections=corrections)
    keys = {key for file in place.ledger.snapshot().manifest.files for key in file.priced} - {REPORTED}
    lists, renamed = of_names(now.book, then.book, keys)
    return Comparison(
        held,
        new,
        old_book.id,
        new_book.id,
        changes=tuple(of_prices(now.book, then.book, lists)),
        renamed=tuple(renamed),
        elsewhere=len(differing(old_book, new_book) - _listed(old_book, keys) - _listed(new_book, keys)),
        effects=tuple(_effects(place, held, now, then)),
        corrections=corrections,
    )


def take(place: Workspace, found: Comparison) -> tuple[Adjustment, ...]:
    """Price the open months with the new book from now on, and book what it changes for the closed ones.

    Raises:
        LedgerError: another process changed the prices in the meantime, or they cannot be written.
    """
    booked = found.corrections.adjustments
    with kept.changing(place.ledger.root, found.held) as change:
        copy = change.copy(found.folder, BOOK_FILES, found.new_id)
        before = found.held or Basis(book=copy)
        change.commit(replace(before, book=copy, adjustments=(*before.adjustments, *booked)))
    return booked


def _listed(book: Book, keys: set[str]) -> set[str]:
    """The price lists that calls of these price keys have."""
    return {price for key in keys if (price := book.match(*split(key)).price)}


def _effects(place: Workspace, held: Basis | None, now: Era, then: Era) -> Iterator[Effect]:
    snapshot = place.ledger.snapshot()
    for name, spans in _open_months(place, held):
        before, after = (
            [
                spent(snapshot, of(era.book, era.discounts), *span, place.engine, place.attribution)
                for span in spans
            ]
            for era in (now, then)
        )
        models: dict[tuple[str | None, str | None], list[str]] = defaultdict(list)
        for key in sorted({key for part in before for key in part}):
            provider, model, _ = split(key)
            models[provider, model].append(key)
        for (provider, model), keys in models.items():
            effect = Effect(name, provider, model, _of(before, keys), _of(after, keys))
            if effect.units or effect.newly_priced:
                yield effect


def _of(parts: Sequence[dict[str, Spent]], keys: Sequence[str]) -> Spent:
    return together(part[key] for part in parts for key in keys if key in part)


def _open_months(place: Workspace, held: Basis | None) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """The months of the ledger in the configured time zone, each with the parts of it that are not closed."""
    span = place.ledger.snapshot().span
    if span is None:
        return
    timezone = place.config.timezone
    first, last = (moment.astimezone(zone(timezone)).date() for moment in span)
    while first <= last:
        asked = month(f"{first:%Y-%m}", timezone)
        parts = [(asked.start, asked.end)]
        for closed in held.closed if held else ():
            parts = [
                piece
                for start, end in parts
                for piece in ((start, min(end, closed.start)), (max(start, closed.end), end))
                if piece[0] < piece[1]
            ]
        if parts:
            yield asked.name, parts
        first = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
