"""What was collected since the start, as sums that never go down, by the first dimension.

They are read from the ledger, so a call counts once however often its trace is published, at today's prices and by
the rules of attribution. What a ledger says can become less (a call that changes, a tag that comes late): a sum then
stays as it is. Only calls of the last days are looked at; what began before no longer changes the sums.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from decimal import Context, Decimal

from whyspend.model import Cell, Table
from whyspend.workspace import Workspace

NAMES = 50
"""Values of the first dimension that have sums of their own: those that come first, the dearest of a reading before
others. Labels of a counter must not come and go."""

OTHER = "other"

DAYS = 3
"""Days whose calls are looked at, today among them."""

RATE_SECONDS = 120.0
"""Of how long the rate of spending is taken."""

TOKENS = ("input", "cache_read", "cache_write", "output", "reasoning")
"""Kinds of tokens, disjoint."""

EXACT = Context(prec=100)


@dataclass(frozen=True)
class Sums:
    """Of some calls."""

    calls: int = 0
    unpriced: int = 0
    """Of those, the ones without a price: what they cost is unknown, and not in `cost`."""
    cost: Decimal = Decimal(0)
    """Dollars."""
    tokens: tuple[int, ...] = (0,) * len(TOKENS)

    def __add__(self, other: "Sums") -> "Sums":
        return self._with(other, lambda a, b: a + b, EXACT.add)

    def since(self, base: "Sums") -> "Sums":
        """What came to a base; nothing is less than 0."""
        return self._with(
            base, lambda a, b: max(a - b, 0), lambda a, b: max(EXACT.subtract(a, b), Decimal(0))
        )

    def at_least(self, before: "Sums") -> "Sums":
        """The larger of each."""
        return self._with(before, max, max)

    def _with(
        self,
        other: "Sums",
        whole: Callable[[int, int], int],
        exact: Callable[[Decimal, Decimal], Decimal],
    ) -> "Sums":
        return Sums(
            whole(self.calls, other.calls),
            whole(self.unpriced, other.unpriced),
            exact(self.cost, other.cost),
            tuple(whole(a, b) for a, b in zip(self.tokens, other.tokens, strict=True)),
        )


@dataclass(frozen=True)
class Rate:
    """Of the last minutes."""

    cost: Decimal
    """Dollars a minute."""
    calls: int
    """In all of the time."""
    unpriced: int


@dataclass
class Collected:
    """Sums by day and name, as they were read."""

    base: Mapping[tuple[str, str], Sums] | None = None
    """What the ledger held at the start."""
    by_name: dict[str, Sums] = field(default_factory=dict)
    """What came since."""
    _days: dict[tuple[str, str], Sums] = field(default_factory=dict)
    _over: dict[str, Sums] = field(default_factory=dict)
    """Of days that are looked at no more."""
    _names: dict[str, str] = field(default_factory=dict)
    _past: "deque[tuple[float, Sums]]" = field(default_factory=deque)

    @property
    def total(self) -> Sums:
        """Of all names."""
        return sum(self.by_name.values(), Sums())

    def take(self, found: Mapping[tuple[str, str], Sums], at: float) -> None:
        """Take in what the ledger says.

        Args:
            found: by day (as ISO has it) and value.
            at: when it was read, seconds of any clock.
        """
        now: dict[tuple[str, str], Sums] = {}
        for (day, value), sums in found.items():
            place = day, self._name(value)
            now[place] = now.get(place, Sums()) + sums
        if self.base is None:
            self.base = now
        for place, sums in now.items():
            came = sums.since(self.base.get(place, Sums()))
            self._days[place] = came.at_least(self._days.get(place, Sums()))
        self._end_days(min((day for day, _ in now), default=""))
        self.by_name = dict(self._over)
        for (_, name), sums in self._days.items():
            self.by_name[name] = self.by_name.get(name, Sums()) + sums
        self._past.append((at, self.total))
        while len(self._past) > 2 and self._past[1][0] <= at - RATE_SECONDS:
            self._past.popleft()

    def rate(self) -> Rate | None:
        """How fast it grows now; None: it was read only once."""
        if len(self._past) < 2:
            return None
        (before, old), (at, new) = self._past[0], self._past[-1]
        came = new.since(old)
        minutes = Decimal(str(round(at - before, 3))) / 60
        return Rate(came.cost / minutes if minutes else Decimal(0), came.calls, came.unpriced)

    def _name(self, value: str) -> str:
        if value not in self._names:
            if len(self._names) >= NAMES:
                return OTHER
            self._names[value] = value
        return value

    def _end_days(self, first: str) -> None:
        for place in [place for place in self._days if place[0] < first]:
            name = place[1]
            self._over[name] = self._over.get(name, Sums()) + self._days.pop(place)
        if self.base:
            self.base = {place: sums for place, sums in self.base.items() if place[0] >= first}


def read(place: Workspace, source: str) -> dict[tuple[str, str], Sums]:
    """What the ledger holds of the last days from a collector, the dearest first."""
    since = (place.now.astimezone(UTC) - timedelta(days=DAYS - 1)).date()
    window = place.window(since.isoformat(), timezone="UTC")
    by = ("day", place.config.dimensions[0])
    answer = place.ask("report", window, where=(f"source={source}",), by=by)
    return {(str(row[by[0]]), str(row[by[1]])): _sums(row) for row in rows(answer)}


def rows(answer: Table) -> list[dict[str, Cell]]:
    """The rows of an answer, the dearest first."""
    names = [column.name for column in answer.columns]
    found = [dict(zip(names, row, strict=True)) for row in answer.rows]
    return sorted(found, key=lambda row: dollars(row["cost_usd"]), reverse=True)


def dollars(cost: Cell) -> Decimal:
    """What is known of a cost."""
    return cost if isinstance(cost, Decimal) else Decimal(0)


def _sums(row: Mapping[str, Cell]) -> Sums:
    def count(name: str) -> int:
        value = row[name]
        assert isinstance(value, int)
        return value

    cached, written = count("cache_read_tokens"), count("cache_write_tokens")
    reasoning = count("reasoning_tokens")
    tokens = (
        count("input_tokens") - cached - written,
        cached,
        written,
        count("output_tokens") - reasoning,
        reasoning,
    )
    return Sums(count("calls"), count("unpriced_calls"), dollars(row["cost_usd"]), tokens)
