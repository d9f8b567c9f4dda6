"""Slots: what tells apart the calls of one price key that are priced differently, as one small number.

A slot is made of what all price keys share because it is cheap (the side of a midnight on which a price changes, the
context tier) and of what only few keys depend on (another instant, the clock, a quantity without a price, an owner
with a discount of its own). Most price keys have one slot, and then nothing need be read to find it.

    gpt-4o changed its price on 10 November and has a discount for the feature rag-search. Its calls fall into
    2 x 2 slots: before or after, with or without; the discount's bit counts 2, the day 1.
    A call of 12 November of rag-search is in slot 2 + 1 = 3; calls of all other models in slot 0 or 1.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from msgspec import Struct

from whyspend.errors import ConfigError
from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.pricing.book import ALL_DAYS, Rate
from whyspend.pricing.discounts import Discount, Where, condition, condition_of, exclusive

DAY = 86_400_000_000
"""Microseconds."""

LATENCY = "latency_ms"
"""The bucket of prices by time: what a millisecond of a call costs."""

MOST_CONDITIONS = 10
"""Different conditions of discounts that one model can have; each can double the slots of its calls."""


@dataclass(frozen=True)
class Phase:
    """What holds for the calls of one price key from an instant on, until the next phase."""

    start: int
    """Microseconds UTC."""
    cells: tuple[Rate, ...]
    """The cells in force, each for its hours and its context tier; none: no price."""
    discounts: tuple[Discount, ...]
    """Those in force for these names; the ones with a condition only where it holds."""
    reason: str
    """Why calls without a cell have no price."""


@dataclass(frozen=True)
class Shared:
    """What tells calls apart for all price keys alike, because it is cheap: no text is compared for it."""

    days: tuple[int, ...]
    """Instants at midnight UTC at which some price changes; the folder of a file says on which side it is."""
    tiers: tuple[int, ...]
    """Prompts longer than one of these have another price, or none."""

    @property
    def size(self) -> int:
        """How many there are."""
        return (len(self.days) + 1) * (len(self.tiers) + 1)


@dataclass(frozen=True)
class Own:
    """What else the prices of few keys depend on; each part empty where they do not."""

    instants: tuple[int, ...] = ()
    """Changes at another time than midnight."""
    minutes: tuple[int, ...] = ()
    """Minutes of the UTC day at which it changes."""
    weekly: bool = False
    lacking: tuple[str, ...] = ()
    """Quantities that occur and have no rate at some time; LATENCY where a price needs it, for calls without one."""
    conditions: tuple[Where, ...] = ()
    """Of discounts."""

    @property
    def clocks(self) -> int:
        """How many parts of a week are told apart."""
        return (len(self.minutes) + 1) * (7 if self.weekly else 1)


class Slot(Struct, frozen=True, gc=False):
    """What is known of a call that falls into a slot."""

    moment: int
    minute: int
    weekday: int
    prompt: int
    lacking: frozenset[str]
    """Those of the lacking quantities that such a call has; LATENCY where it has none."""
    conditions: frozenset[Where]
    """Those of the discounts' conditions that hold."""


def shared(phases: Mapping[str, Sequence[Phase]], prompt_max: Mapping[str, int]) -> Shared:
    """What all price keys share, from the phases and the longest prompt of each."""
    tiers = {
        bound
        for key, own in phases.items()
        for phase in own
        for cell in phase.cells
        for bound in (cell.tier_over, cell.tier_upto)  # above the last tier there may be no price
        if 0 <= bound < prompt_max[key]
    }
    days = {phase.start for own in phases.values() for phase in own[1:] if phase.start % DAY == 0}
    return Shared(tuple(sorted(days)), tuple(sorted(tiers)))


def own(phases: Sequence[Phase], quantities: frozenset[str]) -> Own:
    """What the prices of one key depend on beside.

    Raises:
        ConfigError: more discounts with conditions than can be told apart.
    """
    cells = [cell for phase in phases for cell in phase.cells]
    minutes = {minute for cell in cells for minute in (cell.minute_from, cell.minute_to)}
    conditions = sorted({condition_of(each) for phase in phases for each in phase.discounts if each.where})
    if len(conditions) > MOST_CONDITIONS:
        raise ConfigError(
            f"[[discounts]]: {len(conditions)} different `where` can apply to one model; {MOST_CONDITIONS} can be "
            "told apart. Write those of one percent as one entry, with a list of values."
        )
    lacking = [
        name for name in USAGE_COLUMNS if name in quantities and any(name not in cell.rates for cell in cells)
    ]
    if any(LATENCY in cell.rates for cell in cells):
        lacking.append(LATENCY)
    return Own(
        instants=tuple(phase.start for phase in phases[1:] if phase.start % DAY),
        minutes=tuple(sorted(minutes - {0, 1440})),
        weekly=any(cell.weekdays != ALL_DAYS for cell in cells),
        lacking=tuple(lacking),
        conditions=tuple(conditions),
    )


def slots(own: Own, shared: Shared, start: int) -> Iterator[tuple[int, Slot]]:
    """All slots of a price key, each with the number that `slot_sql` gives to its calls."""
    prompts = [0, *(over + 1 for over in shared.tiers)]  # one token above the bound decides
    common = list(enumerate(product((start, *shared.days), prompts)))
    parts = product(
        enumerate((start, *own.instants)),
        enumerate(product(range(7 if own.weekly else 1), (0, *own.minutes))),
        _subsets(own.lacking),
        list(_possible(own.conditions)),
    )
    for (at, instant), (clock, (weekday, minute)), (bits, lacking), (mask, conditions) in parts:
        number = at * own.clocks + clock
        number = (number << len(own.lacking)) + bits
        number = (number << len(own.conditions)) + mask
        for place, (day, prompt) in common:
            yield (
                number * shared.size + place,
                Slot(max(instant, day), minute, weekday, prompt, lacking, conditions),
            )


def _subsets(names: Sequence[str]) -> list[tuple[int, frozenset[str]]]:
    return [
        (bits, frozenset(name for bit, name in enumerate(names) if bits >> bit & 1))
        for bits in range(2 ** len(names))
    ]


def _possible(conditions: Sequence[Where]) -> Iterator[tuple[int, frozenset[Where]]]:
    """The sets of conditions that can hold together, as bits: no call has two values of one owner."""
    sets: list[tuple[Where, ...]] = [()]
    for each in conditions:
        sets += [(*held, each) for held in sets if not any(exclusive(each, other) for other in held)]
    for held in sets:
        yield sum(1 << conditions.index(each) for each in held), frozenset(held)


def alone(owned: Mapping[str, Own]) -> list[str]:
    """The price keys with a part of their own, those that are alike side by side: `slot_sql` goes by their place."""
    alike = _alike(owned)
    return [key for keys in alike.values() for key in keys]


def slot_sql(
    owned: Mapping[str, Own], shared: Shared, place: str, engine: Engine, dimensions: Mapping[str, str]
) -> str:
    """The slot of a call: what all price keys share, and for few keys what only they depend on.

    `place`: SQL of where the call's price key stands in `alone`, from 1; NULL for all others.
    """
    parts = [_own_sql(owned, shared.size, place, engine, dimensions)]
    if shared.days:
        number = engine.day_number("day")
        later = " + ".join(f"CAST({number} >= {instant // DAY} AS INTEGER)" for instant in shared.days)
        parts.append(f"({later}) * {len(shared.tiers) + 1}")
    if shared.tiers:
        longer = " + ".join(f"CAST(prompt_total > {over} AS INTEGER)" for over in shared.tiers)
        parts.append(f"CASE WHEN prompt_total <= {shared.tiers[0]} THEN 0 ELSE {longer} END")
    return " + ".join(part for part in parts if part) or "0"


def _alike(owned: Mapping[str, Own]) -> dict[Own, list[str]]:
    alike: dict[Own, list[str]] = {}
    for key, depends in owned.items():
        if depends != Own():
            alike.setdefault(depends, []).append(key)
    # The most keys first: each row is tested until its own is found.
    return dict(sorted(alike.items(), key=lambda item: -len(item[1])))


def _own_sql(
    owned: Mapping[str, Own], size: int, place: str, engine: Engine, dimensions: Mapping[str, str]
) -> str:
    last, cases = 0, []
    for depends, keys in _alike(owned).items():
        last += len(keys)
        cases.append(f"WHEN {place} <= {last} THEN {_number_sql(depends, engine, dimensions)}")
    return f"(CASE {' '.join(cases)} ELSE 0 END) * {size}" if cases else ""


def _number_sql(own: Own, engine: Engine, dimensions: Mapping[str, str]) -> str:
    """The number that `slots` gives to the own part of a price key's slot."""
    started = engine.micros("started_at")
    number = " + ".join(_later(instant, started, engine) for instant in own.instants) or "0"
    if own.minutes or own.weekly:
        number = f"({number}) * {own.clocks} + {_clock_sql(own.minutes, own.weekly, engine)}"
    lacks = [f"{name} IS NULL" if name == LATENCY else f"{name} <> 0" for name in own.lacking]
    conditions = [condition(where, dimensions, engine) for where in own.conditions]
    for tests in (lacks, conditions):
        if tests:
            number = f"({number}) * {2 ** len(tests)} + {_bits(tests)}"
    return number


def _later(instant: int, started: str, engine: Engine) -> str:
    """1 for calls from an instant on, else 0. The folder of a file says so, but on the day itself."""
    number, day = engine.day_number("day"), instant // DAY
    return (
        f"CASE WHEN {number} < {day} THEN 0 WHEN {number} > {day} THEN 1 "
        f"ELSE CAST({started} >= {instant} AS INTEGER) END"
    )


def _bits(tests: Iterable[str]) -> str:
    return " + ".join(f"CASE WHEN {test} THEN {1 << bit} ELSE 0 END" for bit, test in enumerate(tests))


def _clock_sql(minutes: Sequence[int], weekly: bool, engine: Engine) -> str:
    """The weekday (Monday 0) and the part of the UTC day that a call began in, as one number."""
    started = engine.micros("started_at")
    minute = f"(({started} % {DAY}) // 60000000)"
    part = " + ".join(f"CAST({minute} >= {at} AS INTEGER)" for at in minutes) or "0"
    # 1970-01-01 was a Thursday: day 0 has weekday 3.
    weekday = f"(({started} // {DAY} + 3) % 7) * {len(minutes) + 1}" if weekly else "0"
    return f"CAST({part} + {weekday} AS INTEGER)"
