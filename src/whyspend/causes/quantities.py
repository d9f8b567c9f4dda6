"""What a driver is measured by: tokens for each call, calls for each request, and so on, for any part of the calls.

The same figures by name, whatever they were added up over (both windows, a day, an hour):

    calls, ok, failed, requests, priced, cost, listed      ok: calls that succeeded; cost, listed: 1e-24 dollars
    units:<kind>, tier:<n>, service:<name>                 units, by kind, context tier and service tier
    model:<provider|model>                                 calls that succeeded
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from whyspend.causes.cells import Calls, Cells
from whyspend.causes.columns import Bools, Coded, Floats, sums
from whyspend.causes.drivers import Driver, family
from whyspend.model import USAGE_COLUMNS

SITE, MODEL = "call_site", "model"
"""The names under which these stand among the dimensions of a place."""

Terms = Mapping[str, str | None]
"""A part of the calls: the value of each dimension that it is limited to; call_site and model are among them."""

Amounts = Mapping[str, float]


class Quantity(NamedTuple):
    """What a driver moves."""

    unit: str
    """Of the ratio, as an answer states it."""
    part: Callable[[Amounts], float]
    whole: Callable[[Amounts], float]
    per_request: bool = False
    """Whether the whole is counted in requests: these begin at one call site only, whichever calls are asked about."""
    reads: tuple[str, ...] = ()
    """The figures that it is made of; `tier:` stands for all context tiers."""


def holds(terms: Terms, dimensions: tuple[str, ...], row: Calls) -> bool:
    """Whether a row of calls belongs to a part."""
    own = {**dict(zip(dimensions, row.place, strict=True)), SITE: row.site, MODEL: row.model}
    return all(own.get(name) == value for name, value in terms.items())


def whole_places(terms: Terms) -> dict[str, str | None]:
    """The part without its limits to call sites and models: the requests that its calls belong to."""
    return {name: value for name, value in terms.items() if name not in (SITE, MODEL)}


def added_up(cells: Cells, terms: Terms) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of a part in both windows. Requests are those of its places, wherever they began."""
    own = cells.columns
    begun, inside = _hold(cells, whole_places(terms)), _hold(cells, terms)
    succeeded, failed = inside & ~own.failed, inside & own.failed
    found: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for name, figures in {
        "requests": own.requests[begun],
        "thinned": own.thinned[begun],
        "calls": own.calls[inside],
        "priced": own.priced[inside],
        "ok": own.calls[succeeded],
        "failed": own.calls[failed],
    }.items():
        _add(found, name, figures)
    leaves = inside[own.at]
    _add(found, "cost", own.cost[leaves])
    _add(found, "listed", own.listed[leaves])
    _add_each(found, "model", own.model, own.calls, succeeded)
    for prefix, coded in (("units", own.kind), ("tier", own.tier), ("service", own.service)):
        _add_each(found, prefix, coded, own.units, leaves)
    return found


def _hold(cells: Cells, terms: Terms) -> Bools:
    """Which rows of calls belong to a part."""
    inside = np.ones(len(cells.calls), np.bool_)
    for name, value in terms.items():
        coded = cells.columns.terms.get(name)
        # What nobody tells apart has no value.
        inside &= coded.is_at(value) if coded else value is None
    return inside


Windows = tuple[dict[str, float], dict[str, float]]


def _add(found: Windows, name: str, figures: Floats) -> None:
    for amounts, amount in zip(found, figures.sum(axis=0).tolist(), strict=True):
        amounts[name] = amount


def _add_each(found: Windows, prefix: str, coded: Coded, figures: Floats, rows: Bools) -> None:
    """The figures of some rows by what they say; of nothing that none of them says."""
    codes = coded.codes[rows]
    totals, counts = sums(codes, figures[rows], len(coded.places)), np.bincount(codes)
    for (value, code), own in zip(coded.places.items(), totals.tolist(), strict=True):
        if code < len(counts) and counts[code]:
            for amounts, amount in zip(found, own, strict=True):
                amounts[f"{prefix}:{value}"] = amount


def quantity(driver: Driver, focus: str = "") -> Quantity | None:
    """What a driver is measured by; None for those that are no quantity of calls.

    Args:
        driver: whose.
        focus: what it is about: the model that gained (model_switch), the service tier (service_tier), the kind
            (other).
    """
    tokens = tuple(f"units:{kind}" for kind in USAGE_COLUMNS if family(kind).driver == driver)
    match driver:
        case "requests":
            return _of_two("requests/day", "requests", "days", per_request=True)
        case "calls_per_request":
            return _of_two("calls/request", "ok", "requests", per_request=True)
        case "retries":
            return _of_two("failed calls/call", "failed", "ok")
        case "prompt_size" | "output_length" | "reasoning":
            return Quantity("tokens/call", _units_of(driver), _named("priced"), reads=(*tokens, "priced"))
        case "cache_share":
            return Quantity("share", _cache_read, _units_of("prompt_size"), reads=_PROMPT)
        case "model_switch":
            return _of_two("share", f"model:{focus}", "ok")
        case "long_context":
            return Quantity("share", _above_first_tier, _all_units, reads=("tier:",))
        case "service_tier":
            name = f"service:{focus}"
            return Quantity("share", _named(name), _all_units, reads=(name, "tier:"))
        case "discount":
            return Quantity(
                "share",
                lambda own: own.get("listed", 0) - own.get("cost", 0),
                _named("listed"),
                reads=("cost", "listed"),
            )
        case "other":
            return _of_two(f"{focus}/call", f"units:{focus}", "priced")
        case _:
            return None


_PROMPT = tuple(f"units:{kind}" for kind in USAGE_COLUMNS if family(kind).driver == "prompt_size")


def _of_two(unit: str, part: str, whole: str, *, per_request: bool = False) -> Quantity:
    return Quantity(unit, _named(part), _named(whole), per_request, (part, whole))


def ratio(asked: Quantity, amounts: Amounts) -> float | None:
    """The quantity of some calls; None where there is nothing to measure it by."""
    whole = asked.whole(amounts)
    return asked.part(amounts) / whole if whole else None


def _named(name: str) -> Callable[[Amounts], float]:
    return lambda amounts: amounts.get(name, 0)


def _sum(amounts: Amounts, names: Iterable[str]) -> float:
    return sum(amounts[name] for name in names)


def _units_of(driver: Driver) -> Callable[[Amounts], float]:
    def units(amounts: Amounts) -> float:
        kinds = (name for name in amounts if name.startswith("units:"))
        return _sum(amounts, (name for name in kinds if family(name.removeprefix("units:")).driver == driver))

    return units


def _cache_read(amounts: Amounts) -> float:
    return _sum(amounts, (name for name in amounts if name.startswith("units:cache_read_")))


def _above_first_tier(amounts: Amounts) -> float:
    return _sum(amounts, (name for name in amounts if name.startswith("tier:") and name != "tier:0"))


def _all_units(amounts: Amounts) -> float:
    return _sum(amounts, (name for name in amounts if name.startswith("tier:")))
