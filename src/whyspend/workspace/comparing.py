"""Two windows of the ledger, added up: all that explaining a change asks of it.

Each window is read once (and a second time where a column has many values, see comparing_values) and kept added up by
day, so that cells and daily series both come from it. Each has the prices that `report` has for it: closed months
keep theirs. So the costs of the cells add up to what `report` shows for the same days, to the last of 24 decimals;
adjustments, which are no calls, stand beside.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from whyspend.causes.cells import Calls, Cells, Pair, Usage
from whyspend.errors import UsageError
from whyspend.model import Window
from whyspend.spelling import OTHERS
from whyspend.workspace import comparing_keys, comparing_series, comparing_values, events
from whyspend.workspace.comparing_rows import SITE, Column, Kept
from whyspend.workspace.comparing_series import MODEL, Series
from whyspend.workspace.data import Data
from whyspend.workspace.events import Event, PriceChange
from whyspend.workspace.keys import UNKNOWN, Key
from whyspend.workspace.windows import against

DERIVED = ("model", "provider", SITE)
"""Keys that every comparison tells apart, beside the dimensions."""

PROJECT = "project"


class Adjusted(NamedTuple):
    """Money that is no call: corrections of closed months, and what free quotas save."""

    label: str
    """The model that it is for, as people read it."""
    owner: str | None
    """A value of the first dimension; None: of nobody in particular, as all of today's are."""
    before: int
    after: int
    """1e-24 dollars."""


@dataclass(frozen=True)
class Comparison:
    """Two windows, added up."""

    before: Window
    after: Window
    cells: Cells
    adjustments: tuple[Adjusted, ...]
    unpriced: Pair
    """Calls without a price: in no cell's cost."""
    notes: tuple[str, ...]
    """What is not told apart, and why."""
    kept: Kept
    versions: tuple[str, ...] = ()
    """Metadata keys that look like versions."""
    asked: Window | None = None
    """The other window as it was asked for, of which `before` may be a part."""

    def series(
        self,
        terms: Mapping[str, str | None],
        *,
        hours: bool = False,
        between: tuple[int, int] | None = None,
        names: Collection[str] = (),
    ) -> Series:
        """How a segment went.

        Args:
            terms: value by dimension, `call_site` or `model` (`provider|model`); none: all calls.
            hours: by hour, for which the calls are read again; else by local day, for which they are not.
            between: only days (or hours) that overlap [from, to), microseconds UTC.
            names: which figures of Series.amounts are asked for; none: all, which costs ten times as much.

        Raises:
            UsageError: calls are not told apart by a term's name.
        """
        return comparing_series.series(self.kept, terms, hours, between, names)

    def in_between(
        self,
        terms: Mapping[str, str | None],
        *,
        hours: bool = False,
        between: tuple[int, int] | None = None,
        names: Collection[str] = (),
    ) -> Series | None:
        """How a segment went from the last day of the earlier window to the first one of the later, both included.

        The calls are read again. Arguments as of `series`. None: there is no day between the windows.
        """
        days = self._days_between
        return comparing_series.series(days, terms, hours, between, names) if days else None

    @cached_property
    def _days_between(self) -> Kept | None:
        return self.kept.in_between()

    def events(
        self, terms: Mapping[str, str | None], *, between: tuple[int, int] | None = None
    ) -> list[Event]:
        """The releases, models and versions of a segment that came or went between both windows' first and last day.

        One reading of these days, also of those between the windows; `between`: only of those that overlap [from, to),
        microseconds UTC. `terms` as in `series`.
        """
        return events.events(self.kept, terms, self.versions, between)

    def price_changes(self) -> list[PriceChange]:
        """The prices of these models that changed, from both windows' first day to their last, by time.

        None at prices of one moment, for there they do not change.
        """
        return events.price_changes(self.kept)

    def condition(self, terms: Mapping[str, str | None]) -> str:
        """SQL over a ledger row: whether a call belongs to a segment. `terms` as in `series`."""
        return " AND ".join(f"({test})" for test in comparing_series.conditions(self.kept, terms)) or "true"

    def label(self, dimension: str, value: str | None) -> str:
        """A value of a cell as people read it: `untagged`, `unknown`; a model without its provider."""
        if value == OTHERS:
            return OTHERS
        if dimension == MODEL and dimension not in self.cells.dimensions:
            return (value or "").partition("|")[2] or UNKNOWN
        data = self.kept.windows[1]
        return str(data.label(data.key(dimension), value))

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """Those of the cells."""
        return self.cells.dimensions


def asked(
    data: Data, text: str, by: Sequence[str], *, now: datetime, held: Callable[[Window], str] | None = None
) -> Comparison:
    """Compare the window of a question with another one.

    Args:
        data: the question.
        text: which other window, as in windows.against.
        by: keys to tell apart beside the dimensions.
        now: the present.
        held: which part of that window to take, as FROM..TO; empty: all of it.

    Raises:
        UsageError: a window or key that cannot be, or costs as recorded: these have no price a token.
    """
    wanted = before = against(text, data.window, now)
    if held is not None and (part := held(wanted)):
        before = against(part, data.window, now)
    found = compare(data, before, [data.key(name) for name in dict.fromkeys(by)])
    return replace(found, asked=wanted)


def compare(data: Data, before: Window, by: Sequence[Key] = ()) -> Comparison:
    """Compare the window of a question with another one, at the prices that `report` has for each.

    Dimensions of the cells are the configured ones, the project, the keys of `by`, and at most two metadata keys that
    separate the change. What `data` keeps as its answer are both windows afterwards, the other one as the days before:
    trust and notes speak of them.

    Raises:
        UsageError: a key of the calendar, or costs as recorded: these have no price a token.
    """
    if data.basis.kind == "recorded":
        raise UsageError(
            "Costs as recorded have no price a token, so nothing can be said of why they changed. "
            "Leave --prices recorded away."
        )
    for key in by:
        if key.is_time:
            raise UsageError(
                f"Causes cannot be told apart by {key.name}. Use --since, --until and --against."
            )
    windows = (data.of(before), data)
    names = _names(data, by)
    columns = [Column(name, data.expression(data.key(name))) for name in names]
    own = [key.name for key in by]
    kept, notes, versions = _kept(windows, columns, own)
    cells = _cells(kept)
    kept.keep_answer()
    return Comparison(
        before=before,
        after=data.window,
        cells=cells,
        adjustments=_adjusted(windows),
        unpriced=_unpriced(cells),
        notes=(*notes, *_folded(kept)),
        kept=kept,
        versions=versions,
    )


def _names(data: Data, by: Sequence[Key]) -> list[str]:
    """What calls are told apart by, beside the call site and the model."""
    derived = [name for name in DERIVED if name not in data.dimensions]
    names = [*data.dimensions, PROJECT, *(key.name for key in by if key.name not in derived)]
    return list(dict.fromkeys(names))


def _kept(
    windows: tuple[Data, Data], columns: Sequence[Column], asked: Sequence[str]
) -> tuple[Kept, list[str], tuple[str, ...]]:
    site = Column(SITE, SITE)
    calls = sum(map(comparing_values.calls_held, windows))
    searched = calls <= comparing_values.MOST_CALLS_READ_TWICE
    seen = comparing_values.sample(windows, [*columns, site], searched=searched)
    found = {key for call in seen for key in call.metadata}
    notes = []
    if searched:
        # A version is no place: calls of the old one are gone, and those of the new one are no new requests.
        known = {column.name.removeprefix("metadata.") for column in columns} | set(events.versioned(found))
        data = windows[1]
        keys = [data.key(f"metadata.{name}") for name in comparing_keys.separating(seen, known)]
        columns = [*columns, *(Column(key.name, key.expression) for key in keys)]
        seen = [comparing_keys.with_keys(call, keys) for call in seen]
    elif found:
        notes.append(
            f"Metadata keys were not searched for causes: {calls:,} calls are too many. Name one as --by KEY."
        )
    narrow = comparing_values.narrowed(windows, [*columns, site], seen, asked)
    kept = Kept(windows, [column for column in narrow if column.kept != frozenset() or column.name == SITE])
    comparing_values.bound(kept, asked)
    notes += [
        _too_many(column.name) for column in narrow if column.kept == frozenset() and column.name != SITE
    ]
    return kept, notes, tuple(events.versioned(found))


def _cells(kept: Kept) -> Cells:
    """The rows of Calls and Usage, in the order of their values; the table's rows come in it."""
    site = len(kept.columns) - 1
    places = [at for at in kept.places if at != site]
    names = [kept.folded[at].sql(kept.engine, f"c{at}") for at in places]
    names.append(kept.folded[site].sql(kept.engine, f"c{site}"))
    places_of: dict[tuple[Any, ...], int] = {}
    calls: list[list[int]] = []
    thinned: list[list[float]] = []
    usage: dict[tuple[int, int, str, str], list[int]] = {}
    for row in kept.rows([*names, "failed"], kept.whole):
        own, later = (*row.keys, row.model), row.later
        at = places_of.setdefault(own, len(calls))
        if at == len(calls):
            calls.append([0] * 6)
            thinned.append([0.0, 0.0])
        sums = calls[at]
        sums[later] += row.calls
        sums[2 + later] += row.requests
        sums[4 + later] += row.priced
        thinned[at][later] += row.thinned
        for kind, units, listed, cost in row.parts:
            used = usage.setdefault((at, row.tier, row.service, kind), [0] * 6)
            used[later] += units
            used[2 + later] += listed
            used[4 + later] += cost
    days = [(data.window.until - data.window.since).days + 1 for data in kept.windows]
    return Cells(
        dimensions=tuple(kept.folded[at].name for at in places),
        days=(days[0], days[1]),
        calls=[_calls(own, calls[at], thinned[at]) for own, at in places_of.items()],
        usage=[Usage(*cell, *_pairs(sums)) for cell, sums in usage.items()],
        busyness=comparing_series.busyness(kept),
    )


def _calls(own: tuple[Any, ...], sums: Sequence[int], thinned: Sequence[float]) -> Calls:
    *place, site, failed, model = own
    return Calls(tuple(place), site, bool(failed), model, *_pairs(sums), (thinned[0], thinned[1]))


def _pairs(sums: Sequence[int]) -> tuple[Pair, Pair, Pair]:
    return (sums[0], sums[1]), (sums[2], sums[3]), (sums[4], sums[5])


def _unpriced(cells: Cells) -> Pair:
    before, after = (sum(row.calls[at] - row.priced[at] for row in cells.calls) for at in (0, 1))
    return before, after


def _adjusted(windows: tuple[Data, Data]) -> tuple[Adjusted, ...]:
    found: dict[str, list[int]] = {}
    for later, data in enumerate(windows):
        for each in data.adjusted([data.key("provider"), data.key("model")]):
            label = "/".join(str(part) for part in each.keys if part) or "no model name"
            found.setdefault(label, [0, 0])[later] += each.units
    return tuple(Adjusted(label, None, *sums) for label, sums in sorted(found.items()))


def _folded(kept: Kept) -> list[str]:
    """What is not told apart."""
    notes = []
    for at, column in enumerate(kept.folded):
        if at not in kept.places and column.kept == frozenset():
            notes.append(_too_many(column.name))
        elif at not in kept.places:
            notes.append(
                f"Not told apart by {column.name}: its values come and go. Ask for it with --by {column.name}."
            )
        elif column.kept is not None:
            notes.append(
                f"The {len(column.kept):,} values of {column.name} that cost or moved most are told apart; "
                f"the rest is {OTHERS}."
            )
    return notes


def _too_many(name: str) -> str:
    return f"Not told apart by {name}: it has too many values. Ask for it with --by {name}."
