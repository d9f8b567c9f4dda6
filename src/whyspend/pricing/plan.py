"""Which prices a question needs: the small table that is joined to added-up calls, and the key to add up by.

Cost is linear in tokens once the price, its period and its context tier are known. So integer tokens are added up
first, by (what is asked for, price key, slot), and multiplied once for each such group:

    2,000 calls of gpt-4o on one day, 3,000,000 uncached input and 400,000 output tokens in all
    = 3,000,000 x 2,500,000 + 400,000 x 10,000,000 pico-dollars = 11,500,000,000,000 = $11.50, exactly.
    With 15 % off: x 0.85, as 850,000,000,000 parts of 1e12 = 9,775,000,000,000 x 1e12 of 1e-24 dollars = $9.775.

Slots (slots.py) tell apart the calls of one price key that are priced differently within the span of time.

Eras: a month that was closed keeps the book and the discounts it was closed with. A call is priced by those of the
era it began in; an era begins at any instant, as months do in the user's time zone. Where two eras agree on a price
key, nothing is told apart: closing a month costs a report nothing unless a price was altered since.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from msgspec import Struct

from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, Book, Rate
from whyspend.pricing.discounts import Discount, concerns, condition_of, factor
from whyspend.pricing.slots import DAY as DAY
from whyspend.pricing.slots import LATENCY, Own, Phase, Shared, Slot, alone, own, shared, slot_sql, slots

REPORTED = "(reported)"
"""The price key of calls that carry their own cost and are priced by it (see ledger.flags)."""

TOOLS = "(tools)"
"""What stands as provider and model of those calls."""

CALLS = "calls"
"""The bucket of prices for each request."""

PLACE = "price_place"
"""The name under which a relation of calls may have `Plan.place`."""

WHOLE = 10**12
"""A factor of 1, as `Priced.factor` says it."""


@dataclass(frozen=True)
class Era:
    """A span of time whose calls are priced by one book and one set of discounts."""

    start: int
    end: int
    """Microseconds UTC, half open."""
    book: Book
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True)
class Prices:
    """All prices there are: eras without gaps, sorted, the last one is today's."""

    eras: tuple[Era, ...]

    @property
    def current(self) -> Era:
        """Today's prices; also those of questions that price the past as of another day."""
        return self.eras[-1]

    @property
    def id(self) -> str:
        """Changes when any price, discount or closed month does: `genai-prices@0.2.3/3f9ac21b`."""
        if len(self.eras) == 1 and not self.current.discounts:
            return self.current.book.id
        said = repr([(era.start, era.end, era.book.id, era.discounts) for era in self.eras])
        return f"{self.current.book.id}+{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def of(book: Book, discounts: Iterable[Discount] = ()) -> Prices:
    """One book for all times."""
    return Prices((Era(FAR_PAST, FAR_FUTURE, book, tuple(discounts)),))


@dataclass(frozen=True)
class Basis:
    """At which prices a question is answered."""

    kind: Literal["then", "recorded", "at"] = "then"
    """then: in force when the call was made; recorded: what the source said; at: as if all were made at one time."""
    at: int = 0
    """Microseconds UTC, for `at`."""


@dataclass(frozen=True)
class Use:
    """What is known of the calls of one price key without reading them."""

    quantities: frozenset[str]
    """The usage columns that are not 0 everywhere."""
    prompt_max: int


@dataclass(frozen=True)
class Span:
    """What is known of the calls of a question without reading them."""

    start: int
    end: int
    """Microseconds UTC, half open."""
    uses: Mapping[str, Use]
    """By price key."""
    no_usage: bool
    """Whether there are calls without any counts."""


class Listed(Protocol):
    """What a ledger lists of one price key (ledger.manifest.Priced)."""

    @property
    def quantities(self) -> Iterable[str]:
        """The usage columns that are not 0 everywhere."""

    @property
    def prompt_max(self) -> int:
        """The longest prompt."""


class Stored(Protocol):
    """What a ledger lists of a span of time (ledger.reader.Extent)."""

    @property
    def start(self) -> int:
        """Microseconds UTC."""

    @property
    def end(self) -> int:
        """Microseconds UTC, exclusive."""

    @property
    def priced(self) -> Mapping[str, Listed]:
        """By price key."""

    @property
    def used(self) -> Collection[str]:
        """Columns and marks that are not empty."""


def uses_of(priced: Mapping[str, Listed]) -> dict[str, Use]:
    """What is known of each price key that a ledger lists."""
    return {key: Use(frozenset(held.quantities), held.prompt_max) for key, held in priced.items()}


def span_of(stored: Stored) -> Span:
    """What is known of all calls of a span of time that a ledger lists."""
    return Span(stored.start, stored.end, uses_of(stored.priced), "no_usage" in stored.used)


class Priced(Struct, frozen=True, gc=False):
    """One row of the table that is joined: what one unit costs for one group of calls."""

    price_key: str
    slot: int
    rates: Mapping[str, int] | None
    """Pico-dollars a unit; None: no price for these calls."""
    reason: str
    """Why there is no price; empty where there is one."""
    factor: int = WHOLE
    """What discounts leave, in parts of 1e12: 850,000,000,000 with 15 % off."""
    by_count: bool = True
    """Whether calls without counts have no price. False where only calls or their time are paid for."""


@dataclass(frozen=True)
class Plan:
    """The prices that a question needs, and the SQL of what tells them apart."""

    rows: tuple[Priced, ...]
    slot: str
    """SQL over a ledger row; `0` where no price key has more than one slot."""
    place: str
    """SQL over a ledger row that `slot` uses several times; where a relation has it as the column PLACE, ..."""
    slot_by_place: str
    """... this is the slot, at less work."""
    buckets: tuple[str, ...]
    """The quantities that occur; LATENCY among them where a price is by time."""
    no_usage: bool
    """Whether there are calls without any counts: most have no price."""
    per_call: bool
    """Whether some price is for each call."""
    basis: Basis
    reported: bool
    """Whether there are calls that carry their own cost."""
    discounted: bool = False
    """Whether some call costs more or less than its list price."""
    tiers: int = 1
    """How many context tiers the slots tell apart: `slot % tiers` is a call's, from below."""


def plan(
    prices: Prices, span: Span, basis: Basis, engine: Engine, dimensions: Mapping[str, str] | None = None
) -> Plan:
    """Find the prices for a span of calls, and what they depend on within it.

    Args:
        prices: the eras.
        span: the calls.
        basis: at which prices.
        engine: whose words to use.
        dimensions: SQL of the value of each dimension over a ledger row, for discounts with a condition.

    Raises:
        ConfigError: discounts that cannot be told apart or multiplied exactly.
    """
    phases = {key: phases_of(key, prices, span, basis) for key in span.uses if key != REPORTED}
    common = shared(phases, {key: use.prompt_max for key, use in span.uses.items()})
    owned = {key: own(each, span.uses[key].quantities) for key, each in phases.items()}
    # Every slot has a row, priced or not: a join never loses the reason.
    rows = [
        row for key, each in phases.items() for row in _rows(key, each, slots(owned[key], common, span.start))
    ]
    return assembled(rows, owned, common, span, basis, engine, dimensions or {})


def assembled(
    rows: Sequence[Priced],
    owned: Mapping[str, Own],
    common: Shared,
    span: Span,
    basis: Basis,
    engine: Engine,
    dimensions: Mapping[str, str],
) -> Plan:
    """The plan of a span of calls, from the rows of its price keys and what tells their slots apart."""
    apart = alone(owned)
    place = engine.place("price_key", apart) if apart else "NULL"
    used: frozenset[str] = frozenset().union(*(use.quantities for use in span.uses.values()))
    timed = any(row.rates and LATENCY in row.rates for row in rows)
    return Plan(
        rows=(*rows, *(Priced(REPORTED, number, None, "") for number in range(common.size))),
        slot=slot_sql(owned, common, place, engine, dimensions),
        place=place,
        slot_by_place=slot_sql(owned, common, PLACE, engine, dimensions),
        buckets=(*(name for name in USAGE_COLUMNS if name in used), *((LATENCY,) if timed else ())),
        no_usage=span.no_usage,
        per_call=any(row.rates and CALLS in row.rates for row in rows),
        basis=basis,
        reported=REPORTED in span.uses,
        discounted=any(row.factor != WHOLE for row in rows),
        tiers=len(common.tiers) + 1,
    )


def split(price_key: str) -> tuple[str | None, str | None, str]:
    """Provider, model and context of a price key."""
    if price_key == REPORTED:
        return TOOLS, TOOLS, ""
    provider, _, rest = price_key.partition("|")
    model, _, context = rest.rpartition("|")
    return provider or None, model or None, context


def phases_of(key: str, prices: Prices, span: Span, basis: Basis) -> tuple[Phase, ...]:
    """What holds for a price key over the span; neighbours that say the same are one."""
    use = span.uses[key]
    if basis.kind == "recorded":
        return (Phase(span.start, (), (), ""),)
    if basis.kind == "at":
        return tuple(_of_era(key, prices.current, basis.at, basis.at + 1, use))
    found: list[Phase] = []
    for era in prices.eras:
        if era.start < span.end and era.end > span.start:
            for phase in _of_era(key, era, max(era.start, span.start), min(era.end, span.end), use):
                if not found or _says(found[-1]) != _says(phase):
                    found.append(phase)
    return tuple(found)


def _of_era(key: str, era: Era, start: int, end: int, use: Use) -> Iterator[Phase]:
    provider, model, context = split(key)
    match = era.book.match(provider, model, context)
    listed = era.book.rates(match.price) if match.price else ()
    discounts = [each for each in era.discounts if concerns(each, provider, model)]
    bounds = {bound for cell in listed for bound in (cell.valid_from, cell.valid_to)}
    bounds |= {bound for each in discounts for bound in each.interval}
    for moment in sorted({start, *(bound for bound in bounds if start < bound < end)}):
        in_force = [cell for cell in listed if cell.valid_from <= moment < cell.valid_to]
        # A cell without any rate says that there is no price: the same as no cell.
        cells = (cell for cell in in_force if cell.rates and cell.tier_over < max(use.prompt_max, 1))
        applying = (each for each in discounts if each.interval[0] <= moment < each.interval[1])
        reason = no_price_at(moment, listed) if listed else match.reason
        yield Phase(moment, tuple(cells), tuple(applying), reason)


def _says(phase: Phase) -> object:
    """All of a phase that decides a price, in a form in which equal ones are equal."""
    cells = [
        (c.minute_from, c.minute_to, c.weekdays, c.tier_over, c.tier_upto, sorted(c.rates.items()))
        for c in phase.cells
    ]
    factors = sorted((condition_of(each), each.factor) for each in phase.discounts)
    return sorted(cells), factors if cells else phase.reason


def _rows(key: str, phases: Sequence[Phase], numbered: Iterable[tuple[int, Slot]]) -> Iterator[Priced]:
    made: dict[object, Priced] = {}
    for number, slot in numbered:
        phase = phase_of(slot, phases)
        # Many slots are of one phase: the days of other price keys part them.
        same = (phase.start, slot.minute, slot.weekday, slot.prompt, slot.lacking, slot.conditions)
        if same not in made:
            made[same] = row_of(key, number, slot, phase)
        row = made[same]
        yield Priced(key, number, row.rates, row.reason, row.factor, row.by_count)


def phase_of(slot: Slot, phases: Sequence[Phase]) -> Phase:
    """What holds for the calls of a slot."""
    return next((each for each in reversed(phases) if each.start <= slot.moment), phases[-1])


def row_of(key: str, number: int, slot: Slot, phase: Phase) -> Priced:
    """What one unit costs for the calls of one slot, or why nobody knows."""
    found = [
        cell
        for cell in phase.cells
        if cell.minute_from <= slot.minute < cell.minute_to
        and cell.weekdays >> slot.weekday & 1
        and (cell.tier_over < slot.prompt <= cell.tier_upto or (slot.prompt == 0 and cell.tier_over <= 0))
    ]
    if not found:
        return Priced(key, number, None, phase.reason)
    rates = found[-1].rates
    if missing := sorted(name for name in slot.lacking if name != LATENCY and name not in rates):
        said = f"no price is known for its {missing[0].replace('_', ' ')}"
        return Priced(key, number, None, said)
    if LATENCY in slot.lacking and LATENCY in rates:
        return Priced(key, number, None, "it is priced by the second, and nobody says how long it took")
    applying = [each for each in phase.discounts if not each.where or condition_of(each) in slot.conditions]
    parts = int(factor(applying) * WHOLE)
    return Priced(key, number, rates, "", parts, by_count=counted(rates))


def counted(rates: Mapping[str, int]) -> bool:
    """Whether a price needs counts: not where all that is paid for is the call, or the time it took."""
    paid = {bucket for bucket, rate in rates.items() if rate}
    return not paid or not paid <= {CALLS, LATENCY}


def no_price_at(moment: int, cells: Sequence[Rate]) -> str:
    """Why none of the cells of a price holds at an instant."""
    in_force = [cell for cell in cells if cell.valid_from <= moment < cell.valid_to]
    if any((cell.minute_from, cell.minute_to) != (0, 1440) for cell in in_force):
        return "no price known for this time of the day"
    if in_force:
        return "no price known for a prompt of this length"
    ends = [cell.valid_to for cell in cells if cell.valid_to <= moment]
    starts = [cell.valid_from for cell in cells if cell.valid_from > moment]
    since = f" since {_day(max(ends))}" if ends else ""
    return f"no price known{since}{' and' if ends and starts else ''}{f' before {_day(min(starts))}' if starts else ''}"


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant // 1_000_000, UTC).date().isoformat()
