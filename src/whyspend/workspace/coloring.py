"""Which colour a value has: the same in every picture of a ledger, whatever part of it is asked for.

A file is named by what it holds and never changed, so what was counted of a day holds as long as the day has the same
files: while a collector runs, a picture counts the calls of the days that were touched, and no others.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from whyspend.ledger import Snapshot
from whyspend.ledger.manifest import File
from whyspend.model import Engine

NUMBERS = 8
"""So many values have a colour that no other has."""

BY_DAY = """
SELECT {day}, {names}, count(*) FROM (SELECT {expressions}, day FROM {calls}) every_call GROUP BY ALL LIMIT {most}
"""

BUSIEST = """
SELECT {names}, min({day}) FROM (SELECT {expressions}, day FROM {calls}) every_call
GROUP BY {names} ORDER BY count(*) DESC, {names} LIMIT {numbers}
"""
"""Neither has a WHERE that leaves out calls without a value: each expression would be worked out twice."""

MOST_OF_ONE = 50_000
"""Values, day by day, that are remembered of one set of keys. Of what has more, such as customers, every new picture
counts the whole ledger: a column of many values is no slower to count, but takes much memory to remember."""

MOST = 200_000
"""The same of all: about 100 bytes each."""

MANY_DAYS, DAY_TIMES = 7, 4
"""Of more days the largest is counted first, to see whether there will be too many values: so many times an even share
of the room."""

_INSTANT = timedelta(microseconds=1)
_EPOCH = date(1970, 1, 1)

Own = tuple[Any, ...]
"""The values of the keys."""


@dataclass(frozen=True)
class Counted:
    """What is remembered of one set of keys in one ledger."""

    files: tuple[str, ...]
    """Of the whole ledger, and the numbers that follow from them."""
    numbers: Mapping[Own, int]
    days: Mapping[int, "tuple[tuple[str, ...], Mapping[Own, int]]"] | None
    """By days since 1970: the files of the day, and the calls of each value. None: there are too many values."""

    @property
    def size(self) -> int:
        """Counts that are remembered."""
        return sum(len(counts) + 1 for _, counts in (self.days or {}).values()) + 1


_KNOWN: "OrderedDict[Hashable, Counted]" = OrderedDict()
"""Those used last at the end."""

_LOCK = threading.Lock()


def numbers(
    snapshot: Snapshot, engine: Engine, dimensions: Sequence[str], expressions: Sequence[str]
) -> Mapping[Own, int]:
    """The number, from 0, of each of the busiest values of the whole ledger, in the order in which they came.

    In the order of coming, so that the next feature takes the next colour and leaves those of the others alone.

    Args:
        snapshot: the ledger.
        engine: who answers.
        dimensions: the configured ones.
        expressions: SQL over a ledger row, of what the values are.
    """
    if snapshot.span is None or not expressions:
        return {}
    key = snapshot.root, tuple(dimensions), tuple(expressions)
    files = tuple(file.path for file in snapshot.manifest.files)
    with _LOCK:
        known = _KNOWN.get(key)
    if known is None or known.files != files:
        asked = _Asked(snapshot, engine, tuple(dimensions), tuple(expressions))
        known = asked.counted(files, {} if known is None else known.days)
    with _LOCK:
        _KNOWN[key] = known
        _KNOWN.move_to_end(key)
        while len(_KNOWN) > 1 and sum(each.size for each in _KNOWN.values()) > MOST:
            _KNOWN.popitem(last=False)
    return known.numbers


def forget() -> None:
    """Remember nothing: the next picture counts all."""
    with _LOCK:
        _KNOWN.clear()


@dataclass(frozen=True)
class _Asked:
    """One look at the ledger."""

    snapshot: Snapshot
    engine: Engine
    dimensions: tuple[str, ...]
    expressions: tuple[str, ...]

    def counted(
        self, files: tuple[str, ...], known: "Mapping[int, tuple[tuple[str, ...], Mapping[Own, int]]] | None"
    ) -> Counted:
        """What is known of all days, those counted again that have other files than before."""
        if known is None:
            return Counted(files, self._of_all(), None)
        by_day: dict[int, list[File]] = {}
        for file in self.snapshot.manifest.files:
            by_day.setdefault((file.day - _EPOCH).days, []).append(file)
        held = {day: tuple(file.path for file in own) for day, own in by_day.items()}
        days = {day: known[day] for day, own in held.items() if day in known and known[day][0] == own}
        new = {day: own for day, own in by_day.items() if day not in days}
        found = self._by_day(new, MOST_OF_ONE - sum(len(counts) for _, counts in days.values()))
        if found is None:
            return Counted(files, self._of_all(), None)
        days |= {day: (held[day], found.get(day, {})) for day in new}
        return Counted(files, _of_days({day: counts for day, (_, counts) in days.items()}), days)

    def _by_day(self, days: Mapping[int, Sequence[File]], room: int) -> "dict[int, dict[Own, int]] | None":
        """The calls of each value on each of some days; None where there is no room for so many."""
        if len(days) > MANY_DAYS:
            one = max(days, key=lambda day: sum(file.rows for file in days[day]))
            if self._by_day({one: days[one]}, DAY_TIMES * room // len(days)) is None:
                return None
        files = [file for own in days.values() for file in own]
        if not files:
            return {}
        rows = self.engine.rows(BY_DAY.format(most=max(room, 0) + 1, **self._words(files)))
        if len(rows) > room:
            return None
        found: dict[int, dict[Own, int]] = {}
        same: dict[Own, Own] = {}  # a value comes on many days, and is kept once
        for day, *values, calls in rows:
            own = same.setdefault(tuple(values), tuple(values))
            if any(value is not None for value in own):
                found.setdefault(day, {})[own] = calls
        return found

    def _of_all(self) -> Mapping[Own, int]:
        """As `_of_days`, without remembering."""
        files = self.snapshot.manifest.files
        rows = self.engine.rows(BUSIEST.format(numbers=NUMBERS + 1, **self._words(files)))
        named = [row for row in rows if any(value is not None for value in row[:-1])]
        return _in_order({tuple(own): day for *own, day in named[:NUMBERS]})

    def _words(self, files: Sequence[File]) -> dict[str, str]:
        assert self.snapshot.span is not None
        first, last = self.snapshot.span
        whole = self.snapshot.between(first, last + _INSTANT)
        names = [f"value_{number}" for number in range(len(self.expressions))]
        return {
            "names": ", ".join(names),
            "expressions": ", ".join(
                f"{e} AS {name}" for e, name in zip(self.expressions, names, strict=True)
            ),
            "day": self.engine.day_number("day"),
            "calls": replace(whole, files=tuple(files)).relation(self.engine, self.dimensions),
        }


def _of_days(days: Mapping[int, Mapping[Own, int]]) -> Mapping[Own, int]:
    """The numbers of the busiest values of all days."""
    calls: Counter[Own] = Counter()
    came: dict[Own, int] = {}
    for day in sorted(days):
        calls.update(days[day])
        for own in days[day]:
            came.setdefault(own, day)

    def place(own: Own) -> tuple[Any, ...]:
        # As in BUSIEST: what is unknown comes last.
        return -calls[own], *((value is None, "" if value is None else value) for value in own)

    return _in_order({own: came[own] for own in sorted(calls, key=place)[:NUMBERS]})


def _in_order(came: Mapping[Own, int]) -> dict[Own, int]:
    order = sorted((day, tuple(map(str, own)), own) for own, day in came.items())
    return {own: number for number, (_, _, own) in enumerate(order)}
