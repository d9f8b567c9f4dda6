"""Tags that landed between two windows, or got lost: the same calls under another name are no change of spend.

When a call site's calls had no feature before and have one after, its spend seems to leave `untagged` and a new
feature seems to appear. So before anything is explained, the untagged calls of such a site are put where the tag of
the other window says, each figure in proportion, and what that moved is kept: it adds up to 0.

    Untagged `draft / ChatOpenAI` cost $40 before; after, it is tagged email-drafts and costs $50.
    moved: untagged -$40, email-drafts +$40 (retagged, $0 in all); left to explain: email-drafts $40 -> $50.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from whyspend.causes.cells import Calls, Cells, Usage

Place = tuple[str | None, ...]

LANDED = 0.5
"""A tag has landed at a site when the calls without it are down to this share, by day, of what they were; ..."""

EXPLAINED = 0.2
"""... and the tagged ones are at least this share of what is missing."""


class Move(NamedTuple):
    """Cost that stands under another place than its own calls said. Money is whole 1e-24 dollars."""

    at: int
    """The row in the settled Cells.calls that it is said of."""
    tier: int
    service: str
    kind: str
    before: int
    after: int


class _Landing(NamedTuple):
    """Calls of one place at one site in one window, and where they are to stand."""

    window: int
    parts: Mapping[Place, int]
    """Place -> parts of `whole`."""
    whole: int


def settled(cells: Cells) -> tuple[Cells, list[Move]]:
    """The cells with calls put where the tags of the other window say, and what was moved.

    In the window before where a tag landed, in the window after where it got lost: swapping the windows swaps both.
    """
    landings = {
        (place, site): landing
        for site, rows in _by_site(cells.calls).items()
        for place, landing in _landings(rows, cells)
    }
    if not landings:
        return cells, []
    used: dict[int, list[Usage]] = defaultdict(list)
    for leaf in cells.usage:
        used[leaf.at].append(leaf)
    calls: list[Calls] = []
    usage: list[Usage] = []
    moves: list[Move] = []
    for at, row in enumerate(cells.calls):
        landing = landings.get((row.place, row.site)) if row.site is not None else None
        if landing is None:
            usage += [leaf._replace(at=len(calls)) for leaf in used[at]]
            calls.append(row)
            continue
        own = len(calls)
        for place, bounds in _parts(row.place, landing):
            cut = _Cut.of(row, bounds, landing)
            leaves = [cut.usage(leaf, row, len(calls)) for leaf in used[at]]
            if place != row.place:
                moves += [move for leaf in leaves for move in _said(leaf, own, landing.window)]
            usage += leaves
            calls.append(cut.row(row, place))
    return _merged(cells, calls, usage, moves)


Bounds = tuple[int, int]
"""From and to, of a whole that is cut in parts: the parts of a figure add up to it."""


def _parts(own: Place, landing: _Landing) -> Iterator[tuple[Place, Bounds]]:
    """The own place keeps what is not moved; it comes first."""
    done = landing.whole - sum(landing.parts.values())
    yield own, (0, done)
    for place, part in landing.parts.items():
        yield place, (done, done + part)
        done += part


def _along(figure: int, bounds: Bounds, whole: int) -> Bounds:
    """The bounds of a figure that is cut where another one is: where no call is, no token can be.

    3 calls with 10 tokens, cut at 1 of 3 calls: tokens (0, 3) and (3, 10).
    """
    return (figure * bounds[0] // whole, figure * bounds[1] // whole) if whole else (0, 0)


class _Cut(NamedTuple):
    """One part of a row of calls that is cut."""

    window: int
    """The other window stays whole, with the first part."""
    calls: Bounds
    priced: Bounds
    is_first: bool

    @classmethod
    def of(cls, row: Calls, bounds: Bounds, landing: _Landing) -> "_Cut":
        calls = _along(row.calls[landing.window], bounds, landing.whole)
        priced = _along(row.priced[landing.window], calls, row.calls[landing.window])
        return cls(landing.window, calls, priced, bounds[0] == 0)

    def pair(self, pair: tuple[int, int], bounds: Bounds) -> tuple[int, int]:
        """A figure of both windows, of which one is cut."""
        cut = bounds[1] - bounds[0]
        whole = pair[1 - self.window] if self.is_first else 0
        return (cut, whole) if self.window == 0 else (whole, cut)

    def row(self, row: Calls, place: Place) -> Calls:
        """The part of the calls."""
        made = row.calls[self.window]
        thinned = [row.thinned[0] * self.is_first, row.thinned[1] * self.is_first]
        size = (self.calls[1] - self.calls[0]) / made if made else 0.0
        thinned[self.window] = row.thinned[self.window] * size
        return row._replace(
            place=place,
            calls=self.pair(row.calls, self.calls),
            requests=self.pair(row.requests, _along(row.requests[self.window], self.calls, made)),
            priced=self.pair(row.priced, self.priced),
            thinned=(thinned[0], thinned[1]),
        )

    def usage(self, leaf: Usage, row: Calls, at: int) -> Usage:
        """The part of what they used."""
        units = _along(leaf.units[self.window], self.priced, row.priced[self.window])
        listed = _along(leaf.listed[self.window], units, leaf.units[self.window])
        cost = _along(leaf.cost[self.window], listed, leaf.listed[self.window])
        return leaf._replace(
            at=at,
            units=self.pair(leaf.units, units),
            listed=self.pair(leaf.listed, listed),
            cost=self.pair(leaf.cost, cost),
        )


def _said(leaf: Usage, own: int, window: int) -> Iterator[Move]:
    """That the cost of a moved leaf belongs to the place of row `own`."""
    cost = leaf.cost[window]
    for at, amount in ((own, cost), (leaf.at, -cost)):
        before, after = (amount, 0) if window == 0 else (0, amount)
        yield Move(at, leaf.tier, leaf.service, leaf.kind, before, after)


def _merged(
    cells: Cells, calls: Sequence[Calls], usage: Sequence[Usage], moves: Sequence[Move]
) -> tuple[Cells, list[Move]]:
    """Rows that now say the same as one."""
    places: dict[tuple[object, ...], int] = {}
    numbers: list[int] = []  # of each row among the merged
    rows: list[Calls] = []
    for row in calls:
        key = (row.place, row.site, row.failed, row.model)
        numbers.append(places.setdefault(key, len(places)))
        if numbers[-1] == len(rows):
            rows.append(row)
            continue
        held = rows[numbers[-1]]
        rows[numbers[-1]] = held._replace(
            calls=_sum(held.calls, row.calls),
            requests=_sum(held.requests, row.requests),
            priced=_sum(held.priced, row.priced),
            thinned=(held.thinned[0] + row.thinned[0], held.thinned[1] + row.thinned[1]),
        )
    leaves: dict[tuple[object, ...], Usage] = {}
    for leaf in usage:
        own = leaf._replace(at=numbers[leaf.at])
        same = (own.at, own.tier, own.service, own.kind)
        if (kept := leaves.get(same)) is not None:
            own = own._replace(
                units=_sum(kept.units, own.units),
                listed=_sum(kept.listed, own.listed),
                cost=_sum(kept.cost, own.cost),
            )
        leaves[same] = own
    settled_moves = [move._replace(at=numbers[move.at]) for move in moves]
    return replace(cells, calls=rows, usage=tuple(leaves.values())), settled_moves


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


# Where a tag landed


def _by_site(rows: Sequence[Calls]) -> dict[str, dict[Place, tuple[int, int]]]:
    """Calls of each place at each call site that is known."""
    sites: dict[str, dict[Place, tuple[int, int]]] = defaultdict(dict)
    for row in rows:
        if row.site is not None:
            held = sites[row.site].get(row.place, (0, 0))
            sites[row.site][row.place] = _sum(held, row.calls)
    return sites


def _landings(places: Mapping[Place, tuple[int, int]], cells: Cells) -> Iterator[tuple[Place, _Landing]]:
    """The places of a site whose calls belong, in one window, under what the other window says."""
    names = cells.dimensions

    def by_name(place: Place) -> str:
        # Not by the order of the dimensions: it must not decide who gets an odd call.
        return repr(sorted(zip(names, place, strict=True), key=lambda term: term[0]))

    for place in (each for each in places if None in each):
        filled = sorted((other for other in places if _fills(place, other)), key=by_name)
        for window in (0, 1):
            there, here = places[place][window], places[place][1 - window]
            # Only places that are not in this window at all: a tag that was there did not land.
            came = {other: places[other][1 - window] for other in filled if not places[other][window]}
            came = {other: calls for other, calls in came.items() if calls}
            # In calls a day, times both lengths, so that all stays whole.
            usual, left = there * cells.days[1 - window], here * cells.days[window]
            if not there or not came or left > LANDED * usual:
                continue
            tagged = sum(came.values()) * cells.days[window]
            if tagged >= EXPLAINED * (usual - left):
                yield place, _parted(window, came, min(usual - left, tagged), usual)


def _parted(window: int, came: Mapping[Place, int], moved: int, whole: int) -> _Landing:
    """Shares of the moved calls, in proportion to where they are found in the other window."""
    total = sum(came.values())
    return _Landing(window, {place: moved * calls for place, calls in came.items()}, whole * total)


def _fills(place: Place, other: Place) -> bool:
    """Whether a place says all that another says, and something that it does not."""
    return place != other and all(mine is None or mine == its for mine, its in zip(place, other, strict=True))
