"""The places in the code whose calls nobody owns, and what can be seen of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from whyspend.reports.coverage.amounts import Amount, sums
from whyspend.reports.coverage.names import key_pattern

Spot = tuple[str, str, str | None, str | None, str | None]
"""Source, project, root name, call site and name of some calls."""

MOST_NAMED = 50
"""Places that are asked for by name. For more, all are looked at: the engine would spend longer on the question."""

PLACE = "source, project, root_name, call_site, name"

NEWEST_DAY = "SELECT {names}, max(day) FROM {calls} calls GROUP BY {names}"

SEEN = """
SELECT {place}, CAST(count(*) AS BIGINT), {bare}, {process}, {above}, {own}, max(metadata), {spelled}, max({newest})
FROM {calls} calls GROUP BY {place}
"""
"""Of each place: how many calls carry nothing at all, other dimensions from the process, from runs above and of their
own; a sample of the metadata, one with a key like the dimension's, and the newest call."""

BESIDE = """
SELECT {place}, CAST(count(DISTINCT lost.{link}) AS BIGINT), max(found.value), max(found.at_root)
FROM (SELECT DISTINCT {place}, {link} FROM {untagged} calls WHERE {link} IS NOT NULL) lost
JOIN (
  SELECT {link}, max(value) AS value, max(CASE WHEN origin = 'root' THEN 1 ELSE 0 END) AS at_root
  FROM (SELECT {link}, {value} AS value, {origin} AS origin FROM {everything} calls) owned
  WHERE value IS NOT NULL AND {link} IS NOT NULL GROUP BY {link}
) found ON found.{link} = lost.{link}
GROUP BY {place}
"""
"""Of each place: in how many of its traces (or threads) other calls have an owner."""


@dataclass(frozen=True)
class Place:
    """Calls of one model at one place in the code, without a value of the dimension."""

    spot: Spot
    model: str | None
    amount: Amount


@dataclass(frozen=True)
class Sample:
    """One run, to look at."""

    started_at: int
    """Microseconds UTC."""
    source: str
    trace_id: str
    call_id: str
    project: str

    @property
    def day(self) -> str:
        """The UTC day on which it began."""
        return datetime.fromtimestamp(self.started_at // 1_000_000, UTC).date().isoformat()


@dataclass(frozen=True)
class Beside:
    """Owned calls beside those without an owner, in the same traces or threads of one day."""

    count: int
    """Traces (threads) in which both are."""
    value: str
    at_root: bool
    """Some have it from the root of the trace."""


@dataclass(frozen=True)
class Seen:
    """What the calls of a place say of themselves."""

    calls: int
    bare: int
    """Without metadata, tags or any other dimension."""
    process: int
    """With another dimension that only the process was tagged with."""
    above: int
    """With another dimension from a run above."""
    own: int
    """With another dimension of their own."""
    metadata: str | None
    """Of one of them."""
    spelled: str | None
    """The metadata of one with a key that is spelled like the dimension."""
    newest: Sample
    trace: Beside | None = None
    thread: Beside | None = None


def places(untagged: Any) -> list[Place]:
    """All places with calls without an owner, dearest first."""
    keys = [untagged.key(name) for name in ("source", "project", "root_name", "call_site", "name", "model")]
    found = [
        Place((own[0], own[1], own[2], own[3], own[4]), own[5], amount)
        for own, amount in sums(untagged, keys).items()
    ]
    return sorted(found, key=lambda place: (place.amount.dearness, str(place.spot), str(place.model)))


def seen(data: Any, untagged: Any, dimension: str, spots: Iterable[Spot]) -> dict[Spot, Seen]:
    """What can be seen of some places, each on the newest of its days: that is the code as it is now."""
    wanted = list(dict.fromkeys(spots))
    if not wanted:
        return {}
    narrowed = untagged
    if len(wanted) <= MOST_NAMED:
        narrowed = untagged.narrowed(" OR ".join(_is_at(untagged.engine, spot) for spot in wanted))
    everything = by_day(data)
    found: dict[Spot, Seen] = {}
    for part, own in _newest_days(narrowed, wanted):
        here = _seen_of_day(part, dimension)
        for link in ("trace_id", "thread_id"):
            for *spot, count, value, at_root in data.rows(
                _beside_sql(part, everything[day_of(part)], dimension, link)
            ):
                one, beside = here[_spot(spot)], Beside(count, value, bool(at_root))
                here[_spot(spot)] = (
                    replace(one, trace=beside) if link == "trace_id" else replace(one, thread=beside)
                )
        found |= {spot: here[spot] for spot in own}
    return found


def _newest_days(narrowed: Any, spots: Iterable[Spot]) -> Iterator[tuple[Any, list[Spot]]]:
    """The question for each UTC day that is the newest of some places, and these places.

    Most are on the last day: only for others all days are looked at.
    """
    parts = by_day(narrowed)
    last = parts[max(parts)]
    here = {_spot(row) for row in last.rows(f"SELECT DISTINCT {PLACE} FROM {last.calls()} calls")}
    yield last, list(here)
    left = set(spots) - here
    if not left:
        return
    newest: dict[str, list[Spot]] = {}
    for *own, day in narrowed.rows(NEWEST_DAY.format(names=PLACE, calls=narrowed.calls())):
        if (spot := _spot(own)) in left:
            newest.setdefault(day.isoformat(), []).append(spot)
    yield from ((parts[day], newest[day]) for day in sorted(newest))


def by_day(data: Any) -> dict[str, Any]:
    """The same question for each UTC day, by the day."""
    return {day_of(part): part for part in data.days()}


def day_of(part: Any) -> str:
    """The UTC day of a part."""
    return str(part.only.files[0].day.isoformat())


def newest_sql(engine: Any) -> str:
    """A text of a call that is the greatest for the newest; `sample_of` takes it apart."""
    parted = " || chr(31) || "
    began = f"lpad(CAST({engine.micros('started_at')} AS VARCHAR), 20, '0')"
    return parted.join((began, "source", "trace_id", "call_id", "project"))


def sample_of(text: str) -> Sample:
    """The call that `newest_sql` wrote down."""
    began, *names = text.split("\x1f", 4)
    return Sample(int(began), *names)


def _seen_of_day(part: Any, dimension: str) -> dict[Spot, Seen]:
    found: dict[Spot, Seen] = {}
    for row in part.rows(_seen_sql(part, dimension)):
        calls, bare, process, above, own, metadata, spelled, newest = row[5:]
        found[_spot(row[:5])] = Seen(calls, bare, process, above, own, metadata, spelled, sample_of(newest))
    return found


def _seen_sql(narrowed: Any, dimension: str) -> str:
    engine = narrowed.engine
    origins = [narrowed.rules.origin(name).expression for name in narrowed.dimensions if name != dimension]
    pattern = key_pattern(dimension).replace("^", '"', 1).replace("$", '" *:')
    return SEEN.format(
        place=PLACE,
        bare=_how_many(
            " AND ".join(["metadata IS NULL", "tags IS NULL", *(f"{o} IS NULL" for o in origins)])
        ),
        process=_how_many(_any_is(origins, "environment")),
        above=_how_many(_any_is(origins, "ancestor", "root")),
        own=_how_many(_any_is(origins, "call")),
        spelled=f"max(CASE WHEN {engine.matches('metadata', pattern)} THEN metadata END)",
        newest=newest_sql(engine),
        calls=narrowed.calls(),
    )


def _how_many(condition: str) -> str:
    return f"CAST(sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS BIGINT)"


def _any_is(origins: Sequence[str], *wanted: str) -> str:
    named = ", ".join(f"'{origin}'" for origin in wanted)
    return " OR ".join(f"({origin}) IN ({named})" for origin in origins) or "false"


def _beside_sql(untagged: Any, everything: Any, dimension: str, link: str) -> str:
    return BESIDE.format(
        place=PLACE,
        link=link,
        untagged=untagged.calls(),
        value=everything.key(dimension).expression,
        origin=everything.rules.origin(dimension).expression,
        everything=everything.traces(),
    )


def _is_at(engine: Any, spot: Spot) -> str:
    tests = []
    for column, value in zip(PLACE.split(", "), spot, strict=True):
        held = "NULL" if value is None else engine.literal(value)
        tests.append(f"{column} IS NOT DISTINCT FROM {held}")
    return f"({' AND '.join(tests)})"


def _spot(cells: Sequence[Any]) -> Spot:
    source, project, root, site, name = cells
    return source, project, root, site, name
