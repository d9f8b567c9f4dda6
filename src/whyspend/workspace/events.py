"""What happened in the days of a comparison: releases, models and versions that came or went, changed prices."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from whyspend.pricing.book import Rate
from whyspend.pricing.discounts import factor
from whyspend.pricing.plan import CALLS, REPORTED, WHOLE, Span, Use, phases_of, split
from whyspend.pricing.slots import LATENCY, Phase
from whyspend.workspace.comparing_rows import Kept, named
from whyspend.workspace.comparing_series import conditions
from whyspend.workspace.data import Data
from whyspend.workspace.windows import instant, micros, of_days

LASTS = """
SELECT {keys}, {grouping}, min(moment), max(moment)
FROM (SELECT {expressions}, {started} AS moment FROM {calls} c WHERE {where}) held
GROUP BY GROUPING SETS ({sets})
"""
"""One scan for all names: a row for each value of each."""

VERSIONED = re.compile(r"version|revision|commit|git_?sha|release", re.IGNORECASE)

MOST_KEYS = 4
"""Metadata keys that are looked at."""
MOST_VALUES = 200
"""Of one name; more are no versions but names of single things."""

DISCOUNT = "discount"

_DAY = 86_400_000_000


class Event(NamedTuple):
    """A value that was first seen, or last seen, within the days of a comparison."""

    name: str
    """`release`, `model`, or a metadata key."""
    value: str
    """Of a model: `provider|model`."""
    first: int | None
    """When it was first seen, microseconds UTC; None: it was there from the beginning."""
    last: int | None
    """When it was last seen; None: it was there to the end."""


class PriceChange(NamedTuple):
    """A price that changed within the days of a comparison."""

    at: int
    """Microseconds UTC."""
    model: str
    """`provider|model`."""
    service: str
    """As in Usage."""
    kind: str
    """As in Usage, or `discount`: what discounts without a condition leave, in parts of 1e12."""
    old: int | None
    new: int | None
    """Pico-dollars a unit in the lowest context tier; None: no price."""


def versioned(keys: Iterable[str]) -> list[str]:
    """The metadata keys that look like versions."""
    return sorted(key for key in set(keys) if VERSIONED.search(key) and len(key) <= 128)[:MOST_KEYS]


def events(
    kept: Kept,
    terms: Mapping[str, str | None],
    keys: Sequence[str],
    between: tuple[int, int] | None = None,
) -> list[Event]:
    """See Comparison.events."""
    whole = _whole(kept, between)
    expressions = {"release": "release", "model": "price_key"}
    for key in keys:
        expressions[f"metadata {key}"] = whole.expression(whole.key(f"metadata.{key}"))
    names = [f"v{at}" for at in range(len(expressions))]
    engine = kept.engine
    where = " AND ".join(f"({test})" for test in conditions(kept, terms)) or "true"
    rows = engine.rows(
        LASTS.format(
            keys=", ".join(names),
            grouping=", ".join(f"grouping({name})" for name in names),
            expressions=", ".join(
                f"{sql} AS {name}" for name, sql in zip(names, expressions.values(), strict=True)
            ),
            started=engine.micros("started_at"),
            calls=whole.calls(),
            where=where,
            sets=", ".join(f"({name})" for name in names),
        )
    )
    spans: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in expressions}
    for row in rows:
        at = row[len(names) : 2 * len(names)].index(0)
        name, value = list(expressions)[at], row[at]
        if value:
            said = named(*split(value)[:2]) if name == "model" else str(value)
            first, last = spans[name].get(said, (row[-2], row[-1]))
            spans[name][said] = min(first, row[-2]), max(last, row[-1])
    return _within(spans, micros(whole.window.start))


def _within(spans: Mapping[str, Mapping[str, tuple[int, int]]], start: int) -> list[Event]:
    """Those that came or went.

    What is first seen in the first sixteenth of the days, a day at most, may have been there before; the same at the
    end.
    """
    end = max((last for values in spans.values() for _, last in values.values()), default=start)
    margin = min(_DAY, (end - start) // 16)
    found = []
    for name, values in spans.items():
        if len(values) > MOST_VALUES:
            continue
        for value, (first, last) in values.items():
            came = first if first > start + margin else None
            went = last if last < end - margin else None
            if came is not None or went is not None:
                found.append(Event(name.removeprefix("metadata "), value, came, went))
    return sorted(found, key=lambda event: (event.first or event.last or 0, event.name, event.value))


def _whole(kept: Kept, between: tuple[int, int] | None = None) -> Data:
    """The question of all days from the first to the last of both windows, or of those that overlap [from, to)."""
    windows = [data.window for data in kept.windows]
    first, last = min(each.since for each in windows), max(each.until for each in windows)
    if between is not None:
        zone = ZoneInfo(windows[1].timezone)
        one, other = (instant(at).astimezone(zone).date() for at in (between[0], between[1] - 1))
        first, last = max(first, one), min(last, other)
    return kept.windows[1].of(of_days(first, last, windows[1].timezone))


def price_changes(kept: Kept) -> list[PriceChange]:
    """See Comparison.price_changes."""
    whole = _whole(kept)
    if whole.basis.kind != "then":
        return []
    extent = whole.snapshot.between(whole.window.start, whole.window.end)
    uses = {key: Use(frozenset(use.quantities), use.prompt_max) for key, use in extent.priced.items()}
    span = Span(extent.start, extent.end, uses, no_usage=False)
    held = {key for key in kept.used_keys() if key != REPORTED and key in uses}
    found: list[PriceChange] = []
    for key in sorted(held):
        phases = phases_of(key, whole.prices, span, whole.basis)
        billed = {*uses[key].quantities, CALLS, LATENCY}
        for before, after in pairwise(phases):
            found.extend(_changed(key, billed, before, after))
    return sorted(found, key=lambda change: (change.at, change.model, change.service, change.kind))


def _changed(key: str, billed: Collection[str], before: Phase, after: Phase) -> Iterator[PriceChange]:
    provider, model, service = split(key)
    old, new = _rates(before), _rates(after)
    for kind in sorted((old.keys() | new.keys()) & set(billed)):
        if old.get(kind) != new.get(kind):
            yield PriceChange(
                after.start, named(provider, model), service, kind, old.get(kind), new.get(kind)
            )
    paid = [_left(phase) for phase in (before, after)]
    if paid[0] != paid[1]:
        yield PriceChange(after.start, named(provider, model), service, DISCOUNT, *paid)


def _rates(phase: Phase) -> Mapping[str, int]:
    """The rates of the lowest tier, at the first hour of the week that has a price."""
    lowest: Any = min(phase.cells, key=_place, default=None)
    return lowest.rates if lowest else {}


def _place(cell: Rate) -> tuple[int, int, int]:
    return cell.tier_over, cell.minute_from, -cell.weekdays


def _left(phase: Phase) -> int:
    return int(factor([each for each in phase.discounts if not each.where]) * WHOLE)
