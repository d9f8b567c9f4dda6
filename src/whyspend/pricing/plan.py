"""Which prices a question needs: the small table that is joined to added-up calls, and the keys to add up by.

Cost is linear in tokens once the price, its period and its context tier are known. So integer tokens are added up
first, by (what is asked for, price key, era, clock, tier, gap), and multiplied once for each such group:

    2,000 calls of gpt-4o on one day, 3,000,000 uncached input and 400,000 output tokens in all
    = 3,000,000 x 2,500,000 + 400,000 x 10,000,000 pico-dollars = 11,500,000,000,000 = $11.50, exactly.

Each key exists only where it can matter in the span of time that is asked for; most questions need none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
class Span:
    """What is known of the calls of a question without reading them."""

    start: int
    end: int
    """Microseconds UTC, half open."""
    price_keys: tuple[str, ...]
    used: frozenset[str]
    prompt_max: int


@dataclass(frozen=True)
class Priced:
    """One row of the table that is joined: what one unit costs for one group of calls."""

    price_key: str
    era: int
    clock: int
    tier: int
    rates: Mapping[str, int] | None
    """Pico-dollars a unit; None: no price at that time."""
    lacking: int
    """Bits of the used quantities that have no rate here; calls with such a quantity are unpriced."""
    reason: str
    """Why there is no price; empty where there is one."""


@dataclass(frozen=True)
class Plan:
    """The prices that a question needs, and the SQL of the keys that tell them apart."""

    rows: tuple[Priced, ...]
    matches: Mapping[str, Match]
    era: str
    clock: str
    tier: str
    gap: str
    lacking: tuple[str, ...]
    """The quantities that occur and that some price has no rate for, in the order of their bits in `gap`."""
    buckets: tuple[str, ...]
    """The quantities that occur."""
    basis: Basis
    reported: bool
    """Whether there are calls that carry their own cost."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The expressions to group by beside price_key."""
        return (self.era, self.clock, self.tier, self.gap)


def plan(book: Book, span: Span, basis: Basis, engine: Engine) -> Plan:
    """Find the prices for a span of calls, and what they depend on within it."""
    buckets = tuple(name for name in USAGE_COLUMNS if name in span.used)
    matches = {key: book.match(*split(key)) for key in span.price_keys if key != REPORTED}
    rates = {
        key: tuple(_in_force(book.rates(match.price), span, basis)) if match.price else ()
        for key, match in matches.items()
    }
    everything = [rate for cells in rates.values() for rate in cells]
    eras = [] if basis.kind == "at" else _between(span, everything)
    minutes, weekly = _clock(everything)
    tiers = sorted({rate.tier_over for rate in everything if 0 <= rate.tier_over < span.prompt_max})
    lacking = _sometimes_lacking(everything, buckets)
    moments = [basis.at] if basis.kind == "at" else [span.start, *eras]
    # Every price key has a row for every group that can occur, priced or not: a join never loses a call.
    rows = [
        _explained(
            _row(key, cells, (moments[era], era), (clock, minutes), (tiers, tier), lacking),
            book,
            matches.get(key),
            moments[era],
        )
        for key, cells in [*rates.items(), (REPORTED, ())]
        for era, clock, tier in product(
            range(len(moments)), range((len(minutes) + 1) * (7 if weekly else 1)), range(len(tiers) + 1)
        )
    ]
    return Plan(
        rows=tuple(rows),
        matches=matches,
        era=_era_sql(eras, engine),
        clock=_clock_sql(minutes, weekly, engine),
        tier=" + ".join(f"CAST(prompt_total > {over} AS INTEGER)" for over in tiers) or "0",
        gap=_gap_sql(lacking, "no_usage" in span.used),
        lacking=tuple(lacking),
        buckets=buckets,
        basis=basis,
        reported=REPORTED in span.price_keys,
    )


def split(price_key: str) -> tuple[str | None, str | None, str]:
    """Provider, model and context of a price key."""
    if price_key == REPORTED:
        return TOOLS, TOOLS, ""
    provider, _, rest = price_key.partition("|")
    model, _, context = rest.rpartition("|")
    return provider or None, model or None, context


def _in_force(cells: Iterable[Rate], span: Span, basis: Basis) -> Iterable[Rate]:
    """The cells that can apply to a call of the span."""
    first, last = (basis.at, basis.at + 1) if basis.kind == "at" else (span.start, span.end)
    return (
        cell
        for cell in cells
        if cell.valid_from < last and cell.valid_to > first and cell.tier_over < max(span.prompt_max, 1)
    )


def _between(span: Span, cells: Iterable[Rate]) -> list[int]:
    """The instants within the span at which some price begins or ends."""
    instants = {instant for cell in cells for instant in (cell.valid_from, cell.valid_to)}
    return sorted(instant for instant in instants if span.start < instant < span.end)


def _clock(cells: Iterable[Rate]) -> tuple[list[int], bool]:
    """The minutes of the UTC day at which some price changes, and whether any depends on the weekday."""
    timed = [
        cell for cell in cells if (cell.minute_from, cell.minute_to) != (0, 1440) or cell.weekdays != 127
    ]
    minutes = {minute for cell in timed for minute in (cell.minute_from, cell.minute_to)}
    return sorted(minutes - {0, 1440}), any(cell.weekdays != 127 for cell in timed)


def _sometimes_lacking(cells: Iterable[Rate], buckets: Sequence[str]) -> list[str]:
    """The quantities that occur and that some price has no rate for."""
    return [name for name in buckets if any(name not in cell.rates for cell in cells)]


def _row(
    key: str,
    cells: Sequence[Rate],
    moment_era: tuple[int, int],
    clock_minutes: tuple[int, list[int]],
    tiers_tier: tuple[list[int], int],
    lacking: Sequence[str],
) -> Priced:
    """What one unit costs for the calls of one price key, era, clock slot and tier."""
    (moment, era), (clock, minutes), (tiers, tier) = moment_era, clock_minutes, tiers_tier
    weekday, slot = divmod(clock, len(minutes) + 1)
    minute = ([0, *minutes])[slot]
    # One token above the lower bound of the tier: the length that decides it.
    prompt = ([0, *tiers])[tier] + (1 if tier else 0)
    found = [
        cell
        for cell in cells
        if cell.valid_from <= moment < cell.valid_to
        and cell.minute_from <= minute < cell.minute_to
        and cell.weekdays >> weekday & 1
        and (cell.tier_over < prompt <= cell.tier_upto or (prompt == 0 and cell.tier_over <= 0))
    ]
    if not found:
        return Priced(key, era, clock, tier, None, 0, "")
    rates = found[-1].rates
    bits = sum(2 << index for index, name in enumerate(lacking) if name not in rates)
    return Priced(key, era, clock, tier, rates, bits, "")


def _explained(row: Priced, book: Book, match: Match | None, moment: int) -> Priced:
    """A row without a price says why."""
    if row.rates is not None or match is None:
        return row
    reason = _no_price_at(moment, book.rates(match.price)) if match.price else match.reason
    return replace(row, reason=reason)


def _no_price_at(moment: int, cells: Sequence[Rate]) -> str:
    ends = [cell.valid_to for cell in cells if cell.valid_to <= moment]
    if ends:
        return f"no price known since {_day(max(ends))}"
    return f"no price known before {_day(min(cell.valid_from for cell in cells))}"


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant // 1_000_000, UTC).date().isoformat()


def _era_sql(eras: Sequence[int], engine: Engine) -> str:
    """The number of price changes that lie before a call."""
    if not eras:
        return "0"
    if all(instant % DAY == 0 for instant in eras):
        # The day's folder says it: the calls' own times need not be read.
        number = engine.day_number("day")
        return " + ".join(f"CAST({number} >= {instant // DAY} AS INTEGER)" for instant in eras)
    started = engine.micros("started_at")
    return " + ".join(f"CAST({started} >= {instant} AS INTEGER)" for instant in eras)


def _clock_sql(minutes: Sequence[int], weekly: bool, engine: Engine) -> str:
    """The slot of the UTC day, and with it the weekday (Monday 0), that a call began in."""
    if not minutes and not weekly:
        return "0"
    started = engine.micros("started_at")
    minute = f"(({started} % {DAY}) // 60000000)"
    slot = " + ".join(f"CAST({minute} >= {at} AS INTEGER)" for at in minutes) or "0"
    # 1970-01-01 was a Thursday: day 0 has weekday 3.
    weekday = f"(({started} // {DAY} + 3) % 7) * {len(minutes) + 1}" if weekly else "0"
    return f"CAST({slot} + {weekday} AS INTEGER)"


def _gap_sql(lacking: Sequence[str], no_usage: bool) -> str:
    """Bits of what a call has that cannot be priced: 1 for no counts at all, 2, 4, ... for the lacking quantities."""
    parts = ["CASE WHEN usage_source IS NULL THEN 1 ELSE 0 END"] if no_usage else []
    parts += [f"CASE WHEN {name} <> 0 THEN {2 << index} ELSE 0 END" for index, name in enumerate(lacking)]
    return " + ".join(parts) or "0"
