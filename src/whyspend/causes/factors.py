"""What a leaf of the bill costs, as a product of factors.

A leaf is one kind of usage at one context tier and service tier of the calls of one place, call site, outcome and
model. In each window

    cost = days * busyness * requests * sampling * calls * outcome * retries * model * priced * units * kind * tier
           * service * price * discount

| factor   | what it is                                                                        |
|----------|-----------------------------------------------------------------------------------|
| days     | of the window                                                                     |
| busyness | of its weekdays, an average day of the week being 1                               |
| requests | a day of that busyness, those that sampling left out among them                   |
| sampling | the share of the requests that were traced                                        |
| calls    | that succeeded, for each traced request                                           |
| outcome  | 1; where no call succeeds: `calls` are all calls, and this the share that failed  |
| retries  | 1; for failed calls: how many there are for each that succeeded                   |
| model    | share of the calls of this place, site and outcome                                |
| priced   | share of these calls                                                              |
| units    | of the kind's family (all input is one) for each priced call                      |
| kind     | share of the family: read from a cache, or not                                    |
| tier     | share of the kind's units in this context tier                                    |
| service  | share of these in this service tier                                               |
| price    | list price of a unit                                                              |
| discount | what is left of it                                                                |

    10 days, 50 requests a day, 2 calls each, all of them priced and of one model, 4,000 input tokens each of which
    25 % are read from a cache at $0.000001: 10 * 50 * 2 * 4,000 * 0.25 * 0.000001 = $1.00

A ratio that one window does not know (no calls there, so no tokens for each) is taken from the other: it did not
change. But a price is what others paid for the same in that window, if anybody did. So of a model that is new at a call
site only `model` moves, and of a customer that is new only `requests`.
"""

from typing import NamedTuple

import numpy as np

from whyspend.causes.cells import Cells
from whyspend.causes.columns import Bools, Columns, Floats, Ints, added, together
from whyspend.causes.drivers import FACTORS, family

UNIT = 1e-24
"""Dollars of one unit of money."""


class Factors(NamedTuple):
    """The factors of leaves: two arrays, leaves x FACTORS. Their products are the leaves' costs in dollars."""

    before: Floats
    after: Floats


Ratio = tuple[Floats, Floats]
"""Numerator and denominator: each leaves x 2 windows."""


def factors(cells: Cells, leaves: Ints) -> Factors:
    """The factors of some of the cells' usage in both windows, as the shares that they are of all of it.

    Args:
        cells: the cells.
        leaves: the places of rows of their usage.
    """
    at = cells.columns.at[leaves]
    ratios = {**_of_calls(cells, at), **_of_usage(cells.columns, leaves, at)}
    columns = [_filled(*ratios[name]) for name in FACTORS]
    columns[FACTORS.index("price")] = _priced(cells.columns, leaves, *ratios["price"])
    return Factors(
        np.column_stack([before for before, _ in columns]), np.column_stack([after for _, after in columns])
    )


def _priced(own: Columns, leaves: Ints, listed: Floats, units: Floats) -> tuple[Floats, Floats]:
    """The list price of each leaf; where a window has none of its units, that of its model elsewhere in the window.

    A model that rag-search takes up on the day on which its price falls was never used there at the old price; what
    others paid for it before says that the price fell.
    """
    # What has one price at one time, but for discounts and hours.
    article = together(own.model.codes[own.at], own.tier.codes, own.service.codes, own.kind.codes)
    sold, paid = added(article, own.units)[leaves], added(article, own.listed)[leaves] * UNIT
    return _filled(np.where(units != 0, listed, paid), np.where(units != 0, units, sold))


def _of_calls(cells: Cells, at: Ints) -> dict[str, Ratio]:
    """The factors of the rows of Calls that leaves belong to."""
    own = cells.columns
    began, asked = _requests(own)
    site = together(own.place.codes, own.terms["call_site"].codes)
    # Added up over all calls of a site that failed, and over all that did not.
    outcome = added(together(site, own.failed.astype(np.int64)), own.calls)
    succeeded = added(site, own.calls * ~own.failed[:, None])
    made = added(site, own.calls)
    only_fails = ((made != succeeded) & (succeeded == 0)).any(axis=1)
    at_site = np.where(only_fails[:, None], made, succeeded)
    dead: Bools = only_fails[at, None]
    failed: Bools = own.failed[at, None] & ~dead
    busyness = [cells.busyness.get(row.place[0], (1.0, 1.0)) for row in cells.calls]
    busy = np.array(busyness, float).reshape(-1, 2)[at]
    one, days = np.ones_like(busy), np.broadcast_to(np.array(cells.days, float), busy.shape)
    return {
        "days": (days, one),
        "busyness": (busy, one),
        "requests": (asked[at], days * busy),
        "sampling": (began[at], asked[at]),
        "calls": (at_site[at], began[at]),
        "outcome": (np.where(dead, outcome[at], one), np.where(dead, at_site[at], one)),
        "retries": (np.where(failed, outcome[at], one), np.where(failed, at_site[at], one)),
        "model": (own.calls[at], outcome[at]),
        "priced": (own.priced[at], own.calls[at]),
    }


def _of_usage(own: Columns, leaves: Ints, at: Ints) -> dict[str, Ratio]:
    """The factors of leaves within their rows of Calls."""
    kind = together(own.at, own.kind.codes)
    tier = added(together(kind, own.tier.codes), own.units)[leaves]
    of_kind, of_family = added(kind, own.units)[leaves], _of_family(own)[leaves]
    units, listed = own.units[leaves], own.listed[leaves]
    return {
        "units": (of_family, own.priced[at]),
        "kind": (of_kind, of_family),
        "tier": (tier, of_kind),
        "service": (units, tier),
        "price": (listed * UNIT, units),
        "discount": (own.cost[leaves], listed),
    }


def _of_family(own: Columns) -> Floats:
    """The units of the family of each row of usage."""
    names = [family(str(kind)).name for kind in own.kind.places]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    codes = np.array([numbers[name] for name in names], np.int64)
    return added(together(own.at, codes[own.kind.codes]), own.units)


def _requests(own: Columns) -> Ratio:
    """Of each row of Calls the requests of its place that were traced, and those that were made.

    Its calls, where in either window it has calls of requests that began elsewhere.
    """
    begun, made = added(own.place.codes, own.requests), added(own.place.codes, own.calls)
    elsewhere = ((made != 0) & (begun == 0)).any(axis=1)
    traced = np.where(elsewhere[:, None], made, begun)
    return traced, traced + added(own.place.codes, own.thinned)


def _filled(part: Floats, whole: Floats) -> tuple[Floats, Floats]:
    """A ratio in both windows; where one window does not know it, that of the other; where neither does, 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(whole != 0, part / whole, np.nan)
    before, after = ratio[:, 0], ratio[:, 1]
    known_before = np.where(np.isnan(before), np.where(np.isnan(after), 1.0, after), before)
    return known_before, np.where(np.isnan(after), known_before, after)
