"""Which places carry a driver: the few lines that say where the change of spend comes from.

For each driver every value of every axis, every pair of values of two axes, and `everywhere` is tried with the ripple
fit (`_ripple`): the place wins whose cells moved together. `base` is a cell's cost without the driver's own effect,
`(before + max(after - amount, 0)) / 2`, so that a cell is weighed by what it would have cost anyway.

Worked: prompt size, dollars before -> after.

    feature search, customer acme   10 -> 20   amount +10, base 10
    feature search, customer bolt   10 -> 10   amount   0, base 10
    feature chat,   customer acme   10 -> 10   amount   0, base 10

`everywhere`: two thirds of the base did not move, pull 0, gain 0. `feature search` and `customer acme`: one half moved,
one did not, gain 0. `search for acme`: pull 1, gain $10, less 3 % for each of its two terms: this is named. Without the
third row `customer acme` selects the same cells with one term, $9.70 against $9.40, and is named instead.

A part of the place that went its own way, against it or `SEVERAL` times as far, is an exception: a line of its own, if
it is worth one, and no part of the place. So a feature that grew is not netted away in `everywhere`, which fell. Where
an earlier line turns out to lie in the place of a later one and moved about as far, they are one line: the steps of one
feature, one hit harder than the other.

Of the drivers' places the one with most dollars becomes a line; its cells are then done for that driver, and the search
goes on until there are `most` lines, or no place is left with 3 % of the *gross* change. That is the sum of `|amount|`
over the drivers and the values of the first axis that tells cells apart (the owner, such as feature): +$1,000 here and
-$990 there is a change of $1,990, of which a line of $50 is not worth reading, although the bill moved by $10 only.

Source: the ripple effect (HotSpot, IEEE Access 2018; Squeeze, ISSRE 2019): leaves under one cause change in
proportion. The robust pull and the disjoint lines are ours.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, compress
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whyspend.causes import _ripple
from whyspend.causes._ripple import Bools, Floats, Ints, Moves

WORTH_A_LINE = 0.03
MOST_TERMS = 2
SEVERAL = 3.0
"""Pulls that are this many times apart are two causes, nearer ones may be one."""
LEAST_BASE = 0.1
"""A cell that costs nothing without the driver counts with this share of what it did cost: no pull is beyond ten.

Beyond that the pull of what began from nothing hangs on the little else that moved: reasoning that came to 90 % and to
100 % of what the reasoning costs now (for the other tenth its price rose) is one cause, with pulls of 9 and 10."""


@dataclass(frozen=True)
class Axis:
    """Something that tells cells apart, such as feature."""

    name: str
    codes: NDArray[np.int64]
    """One for each cell: its place in `values`."""
    values: tuple[str | None, ...]
    """Each value once; None: the calls do not say."""


@dataclass(frozen=True)
class Line:
    """A driver and the place that carries it."""

    driver: str
    terms: tuple[tuple[str, str | None], ...]
    """(axis, value), in the order of the axes, which all hold; empty: everywhere."""
    cells: NDArray[np.bool_]
    """The cells that the line adds up: those of the place, without those of this driver's other lines, and without
    an exception for which no line was left."""
    amount: float
    """The sum of the driver's amounts over these cells: to rank by; money is added exactly by the caller."""


def lines(
    axes: Sequence[Axis],
    before: Floats,
    after: Floats,
    amounts: Mapping[str, Floats],
    *,
    relevant: Mapping[str, Bools] | None = None,
    across: Mapping[str, Sequence[str]] | None = None,
    most: int = 6,
) -> list[Line]:
    """Name the places that carry the change, the largest first as they are found.

    `before`, `after`: dollars of each cell in the two windows. `amounts`: for each driver what it contributed to
    each cell. `relevant`: for a driver the cells whose cost it can move at all (prompt size: those of input tokens);
    absent: all. `across`: for a driver the axes over which it only redistributes (a model switch over `model`): cells
    are netted over these first, and no place names them. Among equally good places the axis that comes first wins.
    Lines of one driver share no cell; what no line has is the caller's `everything else`.
    """
    relevant, across = relevant or {}, across or {}
    told = [axis for axis in map(_ranked, axes) if len(axis.values) > 1]
    owner = told[0].name if told else None
    grains: dict[frozenset[str], _Grain] = {}
    searches: dict[str, _Search] = {}
    for driver, amount in amounts.items():
        netted = frozenset(across.get(driver, ()))
        if netted not in grains:
            grains[netted] = _grain([axis for axis in told if axis.name not in netted], owner, len(amount))
        mask = relevant.get(driver, np.ones(len(amount), np.bool_))
        searches[driver] = _Search(driver, grains[netted], _Costs(before, after, amount, mask))
    gross = sum(search.gross() for search in searches.values())
    found: list[Line] = []
    while len(found) < most and gross > 0:
        candidates = [best for search in searches.values() if (best := search.best(gross * WORTH_A_LINE))]
        if not candidates:
            break
        line = max(candidates, key=lambda candidate: abs(candidate.amount))
        search = searches[line.driver]
        search.claim(line)
        parts = [other.driver == line.driver and search.is_part(other, line) for other in found]
        whole = search.joined(line, list(compress(found, parts)))
        found = [*(other for other, part in zip(found, parts, strict=True) if not part), whole]
    return found


Terms = tuple[tuple[int, int], ...]
"""(which axis, which of its values), which all hold."""


class _Place(NamedTuple):
    score: float
    pull: float
    terms: Terms


class _Best(NamedTuple):
    score: float
    pull: float
    ranks: tuple[int, ...]


class _Costs(NamedTuple):
    before: Floats
    after: Floats
    amount: Floats
    relevant: Bools


class _Grain(NamedTuple):
    """The cells as drivers see them that redistribute over the same axes: one row for each combination of the rest."""

    axes: Sequence[Axis]
    owner: Axis | None
    row: Ints
    """Of each cell."""
    codes: Sequence[Ints]
    """For each axis the code of each row."""
    rows: int


def _grain(axes: Sequence[Axis], owner: str | None, cells: int) -> _Grain:
    row, first = _ripple.numbered([axis.codes for axis in axes], cells)
    of_owner = next((axis for axis in axes if axis.name == owner), None)
    return _Grain(axes, of_owner, row, [axis.codes[first] for axis in axes], len(first))


class _Search:
    """What is left to explain of one driver."""

    def __init__(self, driver: str, grain: _Grain, costs: _Costs) -> None:
        self._driver = driver
        self._grain = grain
        self._amount = costs.amount
        self._open = np.ones(len(costs.amount), np.bool_)
        self._moves = _netted(grain.row, grain.rows, costs)
        self._live = self._moves.base > 0
        self._found: list[Line] | None = None  # None: to be searched; empty: there is nothing more

    def gross(self) -> float:
        """The sum of |amount| over the owners."""
        if self._grain.owner is None:
            return float(abs(self._amount.sum()))
        return float(np.abs(np.bincount(self._grain.owner.codes, self._amount)).sum())

    def best(self, floor: float) -> Line | None:
        """The place to name next, of those whose line would be at least `floor` dollars."""
        if self._found is None:
            self._found = self._find(floor)
        return max(self._found, key=lambda line: abs(line.amount), default=None)

    def claim(self, line: Line) -> None:
        """Take the cells of a line out."""
        self._open &= ~line.cells
        taken = np.zeros(len(self._live), np.bool_)
        taken[self._grain.row[line.cells]] = True
        self._live &= ~taken
        self._found = [other for other in self._found or [] if other is not line] or None

    def is_part(self, line: Line, of: Line) -> bool:
        """Whether an earlier line lies in the place of a later one and moved about as far."""
        if not of.terms or not self._within(self._terms(of))[line.cells].all():
            return False
        return 1 / SEVERAL < self._pull(line) / self._pull(of) < SEVERAL

    def joined(self, line: Line, parts: Sequence[Line]) -> Line:
        """The line with its parts."""
        cells = np.logical_or.reduce([line.cells, *(part.cells for part in parts)])
        return replace(line, cells=cells, amount=float(self._amount[cells].sum()))

    def _pull(self, line: Line) -> float:
        own = np.bincount(self._grain.row[line.cells], minlength=self._grain.rows) > 0
        return float(self._moves.move[own].sum() / self._moves.base[own].sum())

    def _terms(self, line: Line) -> Terms:
        at = {axis.name: number for number, axis in enumerate(self._grain.axes)}
        return tuple((at[name], self._grain.axes[at[name]].values.index(value)) for name, value in line.terms)

    def _find(self, floor: float) -> list[Line]:
        """The place that explains most, less the exceptions in it, and these; they share no cell."""
        rows = np.flatnonzero(self._live)
        place = _best_place(self._moves.only(rows), self._codes(rows), floor, self._size)
        if place is None:
            return []
        found: list[Line] = []
        cells = self._open & self._within(place.terms)
        rows = rows[self._holds(place.terms, rows)]
        while len(place.terms) < MOST_TERMS and (exception := self._exception(place, rows, floor)):
            found.append(self._line((*place.terms, *exception), cells & self._within(exception)))
            cells &= ~self._within(exception)
            rows = rows[~self._holds(exception, rows)]
        line = self._line(place.terms, cells)
        return [line, *found] if abs(line.amount) >= floor else found

    def _exception(self, place: _Place, rows: NDArray[np.intp], floor: float) -> Terms | None:
        """The part of a place that went its own way: against it, or several times as far."""
        moves = self._moves.only(rows)
        surplus = replace(moves, move=moves.move - place.pull * moves.base)
        inside = _best_place(surplus, self._codes(rows), floor, self._size, MOST_TERMS - len(place.terms))
        if inside is None or (part := self._holds(inside.terms, rows)).all():
            return None
        move = float(moves.move[part].sum())
        own_way = move / float(moves.base[part].sum()) / place.pull
        return inside.terms if abs(move) >= floor and not 0 <= own_way < SEVERAL else None

    def _codes(self, rows: NDArray[np.intp]) -> list[Ints]:
        return [codes[rows] for codes in self._grain.codes]

    def _holds(self, terms: Terms, rows: NDArray[np.intp]) -> Bools:
        """Of some rows of the grain."""
        return _all_hold([self._grain.codes[at][rows] == code for at, code in terms], len(rows))

    def _size(self, terms: Terms) -> int:
        """Rows of the grain, those that are done among them."""
        return int(_all_hold([self._grain.codes[at] == code for at, code in terms], self._grain.rows).sum())

    def _within(self, terms: Terms) -> Bools:
        """Of all cells."""
        return _all_hold([self._grain.axes[at].codes == code for at, code in terms], len(self._open))

    def _line(self, terms: Terms, cells: Bools) -> Line:
        named = tuple(
            (self._grain.axes[at].name, self._grain.axes[at].values[code]) for at, code in sorted(terms)
        )
        return Line(self._driver, named, cells, float(self._amount[cells].sum()))


def _all_hold(each: Sequence[Bools], size: int) -> Bools:
    every = np.ones(size, np.bool_)
    for one in each:
        every &= one
    return every


def _ranked(axis: Axis) -> Axis:
    """The axis with only the values that occur, in the order of the alphabet: so no result hangs on who came first."""
    used = np.unique(axis.codes)
    order = sorted(
        (int(code) for code in used), key=lambda code: (axis.values[code] or "", axis.values[code] is None)
    )
    rank = np.zeros(len(axis.values), np.int64)
    rank[order] = np.arange(len(order))
    return replace(axis, codes=rank[axis.codes], values=tuple(axis.values[code] for code in order))


def _netted(group: Ints, groups: int, costs: _Costs) -> Moves:
    def netted(values: Floats) -> Floats:
        return np.bincount(group, values, groups).astype(np.float64)

    before = netted(np.where(costs.relevant, costs.before, 0.0))
    after = netted(np.where(costs.relevant, costs.after, 0.0))
    move = netted(costs.amount)
    floor = LEAST_BASE * np.maximum(np.abs(before) + np.abs(after), np.abs(move))
    base = np.maximum((before + np.maximum(after - move, 0.0)) / 2, floor)
    return Moves(move, base, np.zeros(groups))


def _best_place(
    moves: Moves,
    codes: Sequence[Ints],
    floor: float,
    size: Callable[[Terms], int],
    most_terms: int = MOST_TERMS,
) -> _Place | None:
    """The place with the highest score; of equal ones the shorter, then the tighter, then the one of earlier axes.

    Tighter: of two names for the cells that are left that which has fewer others (`size`), which earlier lines took.
    """
    best: _Place | None = None
    for place in _places(moves, codes, floor, most_terms):
        if best is None or place.score > best.score * (1 + _ripple.SAME):
            best = place
        elif place.score >= best.score * (1 - _ripple.SAME) and len(place.terms) == len(best.terms):
            best = min(best, place, key=lambda each: size(each.terms))
    return best


def _places(moves: Moves, codes: Sequence[Ints], floor: float, most_terms: int) -> Iterator[_Place]:
    """The best place of each set of axes, shorter ones and earlier axes first.

    A place whose moves, signs aside, add up to less than `floor` cannot have a line of `floor`; nor can a pair of
    which this is true of either half. So of 500 customers only the few that matter are paired.
    """
    rising = np.argsort(moves.share, kind="stable")
    moves, codes = moves.only(rising), [column[rising] for column in codes]
    heavy = [np.flatnonzero(np.bincount(column, np.abs(moves.move)) >= floor) for column in codes]
    rank = [_rank_of(values, column) for values, column in zip(heavy, codes, strict=True)]
    paired = [at for at in range(len(codes)) if len(heavy[at])]
    for axes in (axes for terms in range(most_terms + 1) for axes in combinations(paired, terms)):
        group = np.zeros(len(rising), np.int64)
        for at in axes:
            group = group * (len(heavy[at]) + 1) + rank[at]
        if best := _best(group, tuple(len(heavy[at]) + 1 for at in axes), moves, floor):
            named = zip(axes, best.ranks, strict=True)
            yield _Place(best.score, best.pull, tuple((at, int(heavy[at][rank])) for at, rank in named))


def _rank_of(values: NDArray[np.intp], column: Ints) -> Ints:
    """The place of each code among `values`; one beyond the last: it is not one of them."""
    rank = np.full(int(column.max(initial=0)) + 1, len(values), np.int64)
    rank[values] = np.arange(len(values))
    return rank[column]


def _best(group: Ints, shape: tuple[int, ...], moves: Moves, floor: float) -> _Best | None:
    """The score of the best place whose net move is at least `floor`, and its rank on each axis.

    `group`: the place of each cell in an array of this shape, in which the last rank of each axis is not one of its
    values. Cells are sorted by share.
    """
    net = np.abs(np.bincount(group, moves.move, prod(shape))).reshape(shape)
    named = tuple(slice(-1) for _ in shape)
    worth = np.zeros(shape, np.bool_)
    worth[named] = net[named] >= floor
    kept = np.flatnonzero(worth.ravel()[group])
    if not len(kept):
        return None
    sets = _ripple.fit(group[kept], moves.only(kept))
    most = float(sets.gain.max())
    if most <= 0:
        return None
    at = int(np.flatnonzero(sets.gain >= most * (1 - _ripple.SAME))[0])
    ranks = np.unravel_index(int(sets.group[at]), shape)
    score = most * (1 - _ripple.PER_TERM * len(shape))
    return _Best(score, float(sets.pull[at]), tuple(int(rank) for rank in ranks))
