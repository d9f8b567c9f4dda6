"""The drivers added up by the values of any keys: what a dashboard draws."""

from collections.abc import Mapping, Sequence
from typing import Any

from whyspend.causes.decompose import Changes
from whyspend.causes.drivers import DRIVERS, Driver
from whyspend.causes.quantities import MODEL, SITE
from whyspend.model import Cell
from whyspend.reports.explain.exactly import dollars

PROVIDER = "provider"


def cells_by(comparison: Any, changes: Changes, by: Sequence[str]) -> list[Mapping[str, Cell]]:
    """What each driver moved each value by, exactly: `{<key>: value, ..., "driver", "change_usd"}`, largest first."""
    keys = tuple(dict.fromkeys(by)) or changes.cells.dimensions[:1]
    values = values_of(comparison, changes, keys)
    sums: dict[tuple[tuple[str, ...], Driver], int] = {}
    for at, drivers in changes.by_row.items():
        for driver, amount in drivers.items():
            key = values[at], driver
            sums[key] = sums.get(key, 0) + amount
    order = sorted(sums, key=lambda each: (-abs(sums[each]), each[0], DRIVERS.index(each[1])))
    return [
        {
            **dict(zip(keys, values, strict=True)),
            "driver": driver,
            "change_usd": dollars(sums[values, driver]),
        }
        for values, driver in order
    ]


def values_of(comparison: Any, changes: Changes, keys: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of each row of calls, as people read them."""
    said: dict[tuple[str, str | None], str] = {}
    found = []
    for row in changes.cells.calls:
        own: dict[str, str | None] = {
            SITE: row.site,
            MODEL: row.model,
            PROVIDER: row.model.partition("|")[0] or None,
            **dict(zip(changes.cells.dimensions, row.place, strict=True)),
        }
        for key in keys:
            if (key, own[key]) not in said:
                said[key, own[key]] = comparison.label(key, own[key])
        found.append(tuple(said[key, own[key]] for key in keys))
    return found
