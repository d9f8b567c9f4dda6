"""What is different between two price books: rate by rate, with the calls and times for which it is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from whyspend.pricing.book import ALL_DAYS, FAR_FUTURE, FAR_PAST, NO_TIER, PART_OF, TOP_TIER, Book, Rate
from whyspend.pricing.cells import Cell, common, merged, minus
from whyspend.pricing.plan import split
from whyspend.pricing.quote import dollars, unit_of

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Change:
    """One rate that is not what it was."""

    price: str
    """`openai/gpt-4o;service_tier=flex`."""
    bucket: str
    start: int
    end: int
    """For calls that began in [start, end), microseconds UTC."""
    condition: str
    """For which prompts and hours only; empty: for all."""
    old: int | None
    new: int | None
    """Pico-dollars a unit; None: no price known."""
    source: str
    """Who says the new one."""

    @property
    def since(self) -> str:
        """The first day, UTC, or `always`."""
        return "always" if self.start == FAR_PAST else _day(self.start)

    @property
    def until(self) -> str:
        """The day from which it no longer holds; empty for an open end."""
        return "" if self.end == FAR_FUTURE else _day(self.end)

    @property
    def unit(self) -> str:
        """What old_usd and new_usd buy: `1M tokens`, `1 calls`."""
        name, per = unit_of(self.bucket)
        return f"{'1M' if per == 1_000_000 else f'{per:,}'} {name}"

    @property
    def old_usd(self) -> Decimal | None:
        """Of so much as `unit` says."""
        return self._usd(self.old)

    @property
    def new_usd(self) -> Decimal | None:
        """Of so much as `unit` says."""
        return self._usd(self.new)

    def _usd(self, pico: int | None) -> Decimal | None:
        return None if pico is None else dollars(pico * unit_of(self.bucket)[1])


@dataclass(frozen=True)
class Renamed:
    """Names whose calls are priced from another price list than before."""

    provider: str | None
    model: str | None
    context: str
    old: str | None
    new: str | None
    """As in Change.price; None: no price."""


def of_prices(old: Book, new: Book, prices: Iterable[str]) -> list[Change]:
    """The rates that differ, of these price lists."""
    return [change for price in sorted(set(prices)) for change in between(old.rates(price), new.rates(price))]


def of_names(old: Book, new: Book, price_keys: Iterable[str]) -> tuple[set[str], list[Renamed]]:
    """Which price lists calls of these price keys have in both books, and what is renamed."""
    listed: set[str] = set()
    renamed = []
    for key in price_keys:
        before, after = old.match(*split(key)).price, new.match(*split(key)).price
        if before == after:
            listed |= {after} if after else set()
        else:
            renamed.append(Renamed(*split(key), before, after))
    return listed, renamed


def differing(old: Book, new: Book) -> set[str]:
    """Every price list of which any rate differs."""
    return {
        price
        for price in {*old.prices(), *new.prices()}
        if _told(old.rates(price)) != _told(new.rates(price))
    }


def _told(rates: Sequence[Rate]) -> list[tuple[object, ...]]:
    """What decides a cost: not who says it."""
    return [tuple(getattr(rate, name) for name in _DECIDING) for rate in rates]


_DECIDING = (
    "valid_from",
    "valid_to",
    "minute_from",
    "minute_to",
    "weekdays",
    "tier_over",
    "tier_upto",
    "rates",
)


def between(old: Sequence[Rate], new: Sequence[Rate]) -> list[Change]:
    """The rates of one price list that differ, joined where neighbours differ alike."""
    if _told(old) == _told(new):
        return []
    ours, theirs = [_box(rate) for rate in old], [_box(rate) for rate in new]
    pairs = [(_overlap(a, b), a, b) for a in ours for b in theirs if common(a, b)]
    gone = [(piece, box, None) for box in ours for piece in minus(box, theirs)]
    come = [(piece, None, box) for box in theirs for piece in minus(box, ours)]
    found = [cell for box, a, b in (*pairs, *gone, *come) for cell in _differences(box, a, b)]
    return [_change(cell) for cell in merged(found)]


def _box(rate: Rate) -> Cell:
    return Cell(
        rate.price, rate.valid_from, rate.valid_to, rate.minute_from, rate.minute_to, rate.weekdays,
        rate.tier_over, rate.tier_upto, tuple((bucket, Decimal(pico)) for bucket, pico in rate.rates.items()),
        rate.source,
    )  # fmt: skip


def _overlap(one: Cell, other: Cell) -> Cell:
    return one._replace(
        start=max(one.start, other.start),
        end=min(one.end, other.end),
        minute_from=max(one.minute_from, other.minute_from),
        minute_to=min(one.minute_to, other.minute_to),
        weekdays=one.weekdays & other.weekdays,
        over=max(one.over, other.over),
        upto=min(one.upto, other.upto),
    )


_OLD, _NEW = "1 old", "2 new"


def _differences(box: Cell, old: Cell | None, new: Cell | None) -> Iterator[Cell]:
    """A cell for each bucket whose rate differs within a box: the bucket as its basis, its rates as old and new.

    What differs just as the bucket that it is a part of is not said again.
    """
    before, after = dict(old.rates if old else ()), dict(new.rates if new else ())
    for bucket in {**before, **after}:
        pair = before.get(bucket), after.get(bucket)
        whole = PART_OF.get(bucket, "")
        if pair[0] == pair[1] or (whole and pair == (before.get(whole), after.get(whole))):
            continue
        rates = tuple((side, pico) for side, pico in zip((_OLD, _NEW), pair, strict=True) if pico is not None)
        yield box._replace(rates=rates, basis=bucket, source=(new or old or box).source)


def _change(cell: Cell) -> Change:
    rates = dict(cell.rates)
    old, new = rates.get(_OLD), rates.get(_NEW)
    return Change(
        price=cell.price,
        bucket=cell.basis,
        start=cell.start,
        end=cell.end,
        condition=_condition(cell),
        old=None if old is None else int(old),
        new=None if new is None else int(new),
        source=cell.source,
    )


def _condition(cell: Cell) -> str:
    """`prompts over 200,000; 00:30 to 08:30 UTC; Sat Sun`."""
    parts = []
    if cell.over != NO_TIER and cell.upto != TOP_TIER:
        parts.append(f"prompts over {cell.over:,} up to {cell.upto:,}")
    elif cell.over != NO_TIER:
        parts.append(f"prompts over {cell.over:,}")
    elif cell.upto != TOP_TIER:
        parts.append(f"prompts up to {cell.upto:,}")
    if (cell.minute_from, cell.minute_to) != (0, 1440):
        parts.append(f"{clock(cell.minute_from)} to {clock(cell.minute_to)} UTC")
    if cell.weekdays != ALL_DAYS:
        parts.append(" ".join(day for bit, day in enumerate(WEEK) if cell.weekdays >> bit & 1))
    return "; ".join(parts)


def clock(minute: int) -> str:
    """A minute of the day: `00:30`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _day(micros: int) -> str:
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M" if moment.hour or moment.minute else "%Y-%m-%d")
