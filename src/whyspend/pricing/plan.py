"""Which prices a question needs: the small table that is joined to added-up calls, and the key to add up by.

Cost is linear in tokens once the price, its period and its context tier are known. So integer tokens are added up
first, by (what is asked for, price key, slot), and multiplied once for each such group:

    2,000 calls of gpt-4o on one day, 3,000,000 uncached input and 400,000 output tokens in all
    = 3,000,000 x 2,500,000 + 400,000 x 10,000,000 pico-dollars = 11,500,000,000,000 = $11.50, exactly.

A slot is a number that tells apart the calls of one price key that are priced differently within the span of time:
before and after a price change, at another hour, over a context tier, with a quantity that has no price. Most price
keys have one slot, and then nothing need be read to find it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Literal

from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.pricing.book import Book, Rate
from whyspend.pricing.names import Match

DAY = 86_400_000_000
"""Microseconds."""

REPORTED = "(reported)"
"""The price key of calls that carry their own cost and are priced by it (see ledger.flags)."""

TOOLS = "(tools)"
"""What stands as provider and model of those calls."""

CALLS = "calls"
"""The bucket of prices for each request."""


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


@dataclass(frozen=True)
class Priced:
    """One row of the table that is joined: what one unit costs for one group of calls."""

    price_key: str
    slot: int
    rates: Mapping[str, int] | None
    """Pico-dollars a unit; None: no price for these calls."""
    reason: str
    """Why there is no price; empty where there is one."""


@dataclass(frozen=True)
class Plan:
    """The prices that a question needs, and the SQL of what tells them apart."""

    rows: tuple[Priced, ...]
    slot: str
    """SQL over a ledger row; `0` where no price key has more than one slot."""
    buckets: tuple[str, ...]
    """The quantities that occur."""
    no_usage: bool
    """Whether there are calls without any counts: they have no price."""
    per_call: bool
    """Whether some price is for each call."""
    basis: Basis
    reported: bool
    """Whether there are calls that carry their own cost."""


@dataclass(frozen=True)
class _Shared:
    """What tells calls apart for all price keys alike, because it is cheap: no text is compared for it."""

    days: tuple[int, ...]
    """Instants at midnight UTC at which some price changes; the folder of a file says on which side it is."""
    tiers: tuple[int, ...]
    """Prompts longer than one of these have another price, or none."""

    @property
    def size(self) -> int:
        return (len(self.days) + 1) * (len(self.tiers) + 1)


@dataclass(frozen=True)
class _Own:
    """What else the prices of few keys depend on; each part empty where they do not."""

    instants: tuple[int, ...] = ()
    """Changes at another time than midnight."""
    minutes: tuple[int, ...] = ()
    """Minutes of the UTC day at which it changes."""
    weekly: bool = False
    lacking: tuple[str, ...] = ()
    """Quantities that occur and have no rate at some time."""

    @property
    def clocks(self) -> int:
        return (len(self.minutes) + 1) * (7 if self.weekly else 1)


@dataclass(frozen=True)
class _Slot:
    """A call that falls into a slot."""

    moment: int
    minute: int
    weekday: int
    prompt: int
    lacking: frozenset[str]
    """Those of the lacking quantities that such a call has."""


def plan(book: Book, span: Span, basis: Basis, engine: Engine) -> Plan:
    """Find the prices for a span of calls, and what they depend on within it."""
    matches = {key: book.match(*split(key)) for key in span.uses if key != REPORTED}
    listed = {key: book.rates(match.price) if match.price else () for key, match in matches.items()}
    cells = {key: tuple(_in_force(rates, span, span.uses[key], basis)) for key, rates in listed.items()}
    shared = _shared(cells, span, basis)
    own = {key: _own(rates, span, span.uses[key], basis) for key, rates in cells.items()}
    start = basis.at if basis.kind == "at" else span.start
    # Every slot has a row, priced or not: a join never loses the reason.
    rows = [
        _row(key, number, slot, cells[key], match, listed[key])
        for key, match in matches.items()
        for number, slot in enumerate(_slots(own[key], shared, start))
    ]
    used = frozenset().union(*(use.quantities for use in span.uses.values()))
    return Plan(
        rows=(*rows, *(Priced(REPORTED, number, None, "") for number in range(shared.size))),
        slot=_slot_sql(own, shared, engine),
        buckets=tuple(name for name in USAGE_COLUMNS if name in used),
        no_usage=span.no_usage,
        per_call=any(row.rates and CALLS in row.rates for row in rows),
        basis=basis,
        reported=REPORTED in span.uses,
    )


def split(price_key: str) -> tuple[str | None, str | None, str]:
    """Provider, model and context of a price key."""
    if price_key == REPORTED:
        return TOOLS, TOOLS, ""
    provider, _, rest = price_key.partition("|")
    model, _, context = rest.rpartition("|")
    return provider or None, model or None, context


def _in_force(cells: Iterable[Rate], span: Span, use: Use, basis: Basis) -> Iterable[Rate]:
    """The cells that can apply to a call of the span."""
    first, last = (basis.at, basis.at + 1) if basis.kind == "at" else (span.start, span.end)
    return (
        cell
        for cell in cells
        # A cell without any rate says that there is no price: the same as no cell.
        if cell.rates
        and cell.valid_from < last
        and cell.valid_to > first
        and cell.tier_over < max(use.prompt_max, 1)
    )


def _shared(cells: Mapping[str, Sequence[Rate]], span: Span, basis: Basis) -> _Shared:
    tiers = {
        bound
        for key, rates in cells.items()
        for rate in rates
        for bound in (rate.tier_over, rate.tier_upto)  # above the last tier there may be no price
        if 0 <= bound < span.uses[key].prompt_max
    }
    instants = {instant for rates in cells.values() for instant in _changes(rates, span, basis)}
    days = sorted(instant for instant in instants if instant % DAY == 0)
    return _Shared(tuple(days), tuple(sorted(tiers)))


def _own(cells: Sequence[Rate], span: Span, use: Use, basis: Basis) -> _Own:
    minutes = {minute for cell in cells for minute in (cell.minute_from, cell.minute_to)}
    return _Own(
        instants=tuple(sorted(instant for instant in _changes(cells, span, basis) if instant % DAY)),
        minutes=tuple(sorted(minutes - {0, 1440})),
        weekly=any(cell.weekdays != 127 for cell in cells),
        lacking=tuple(
            name
            for name in USAGE_COLUMNS
            if name in use.quantities and any(name not in cell.rates for cell in cells)
        ),
    )


def _changes(cells: Iterable[Rate], span: Span, basis: Basis) -> set[int]:
    """The instants within the span at which some price begins or ends."""
    if basis.kind == "at":
        return set()
    instants = {instant for cell in cells for instant in (cell.valid_from, cell.valid_to)}
    return {instant for instant in instants if span.start < instant < span.end}


def _slots(own: _Own, shared: _Shared, start: int) -> Iterable[_Slot]:
    """All slots of a price key, in the order in which `_slot_sql` numbers them."""
    combinations = [
        frozenset(name for bit, name in enumerate(own.lacking) if bits >> bit & 1)
        for bits in range(2 ** len(own.lacking))
    ]
    prompts = [0, *(over + 1 for over in shared.tiers)]  # one token above the bound decides
    for instant, weekday, minute, lacking, day, prompt in product(
        (start, *own.instants),
        range(7 if own.weekly else 1),
        (0, *own.minutes),
        combinations,
        (start, *shared.days),
        prompts,
    ):
        yield _Slot(max(instant, day), minute, weekday, prompt, lacking)


def _row(
    key: str, number: int, slot: _Slot, cells: Sequence[Rate], match: Match, listed: Sequence[Rate]
) -> Priced:
    """What one unit costs for the calls of one slot, or why nobody knows."""
    found = [
        cell
        for cell in cells
        if cell.valid_from <= slot.moment < cell.valid_to
        and cell.minute_from <= slot.minute < cell.minute_to
        and cell.weekdays >> slot.weekday & 1
        and (cell.tier_over < slot.prompt <= cell.tier_upto or (slot.prompt == 0 and cell.tier_over <= 0))
    ]
    if not found:
        reason = _no_price_at(slot.moment, listed) if listed else match.reason
        return Priced(key, number, None, reason)
    rates = found[-1].rates
    missing = sorted(name for name in slot.lacking if name not in rates)
    if missing:
        said = f"no price is known for its {missing[0].replace('_', ' ')}"
        return Priced(key, number, None, said)
    return Priced(key, number, rates, "")


def _no_price_at(moment: int, cells: Sequence[Rate]) -> str:
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


def _slot_sql(own: Mapping[str, _Own], shared: _Shared, engine: Engine) -> str:
    """The slot of a call: what all price keys share, and for few keys what only they depend on."""
    parts = [_own_sql(own, shared.size, engine)]
    if shared.days:
        number = engine.day_number("day")
        later = " + ".join(f"CAST({number} >= {instant // DAY} AS INTEGER)" for instant in shared.days)
        parts.append(f"({later}) * {len(shared.tiers) + 1}")
    if shared.tiers:
        longer = " + ".join(f"CAST(prompt_total > {over} AS INTEGER)" for over in shared.tiers)
        parts.append(f"CASE WHEN prompt_total <= {shared.tiers[0]} THEN 0 ELSE {longer} END")
    return " + ".join(part for part in parts if part) or "0"


def _own_sql(own: Mapping[str, _Own], size: int, engine: Engine) -> str:
    alike: dict[_Own, list[str]] = {}
    for key, depends in own.items():
        if depends != _Own():
            alike.setdefault(depends, []).append(key)
    cases: list[str] = []
    for depends, keys in alike.items():
        listed = ", ".join(engine.literal(key) for key in keys)
        cases.append(f"WHEN price_key IN ({listed}) THEN {_number_sql(depends, engine)}")
    return f"(CASE {' '.join(cases)} ELSE 0 END) * {size}" if cases else ""


def _number_sql(own: _Own, engine: Engine) -> str:
    """The number that `_slots` gives to the own part of a price key's slot."""
    started = engine.micros("started_at")
    number = " + ".join(f"CAST({started} >= {instant} AS INTEGER)" for instant in own.instants) or "0"
    if own.minutes or own.weekly:
        number = f"({number}) * {own.clocks} + {_clock_sql(own.minutes, own.weekly, engine)}"
    if own.lacking:
        bits = [f"CASE WHEN {name} <> 0 THEN {1 << bit} ELSE 0 END" for bit, name in enumerate(own.lacking)]
        number = f"({number}) * {2 ** len(own.lacking)} + {' + '.join(bits)}"
    return number


def _clock_sql(minutes: Sequence[int], weekly: bool, engine: Engine) -> str:
    """The weekday (Monday 0) and the part of the UTC day that a call began in, as one number."""
    started = engine.micros("started_at")
    minute = f"(({started} % {DAY}) // 60000000)"
    part = " + ".join(f"CAST({minute} >= {at} AS INTEGER)" for at in minutes) or "0"
    # 1970-01-01 was a Thursday: day 0 has weekday 3.
    weekday = f"(({started} // {DAY} + 3) % 7) * {len(minutes) + 1}" if weekly else "0"
    return f"CAST({part} + {weekday} AS INTEGER)"
