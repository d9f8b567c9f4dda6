"""The difference between LangSmith's figure and ours, split into named parts that add up to it exactly.

In this order, each for what the ones before have left:

1.  between LangSmith's statistics and the runs that the ledger holds: run by run, for days that were listed
    (`listed_apart`): roll-ups counted twice, pending or deleted, not pulled, time boundary;
2.  between what a run itself carries and its owner here (`untagged filter`): nothing over all rows together;
3.  runs that are not LLM runs, which the statistics of LLM runs leave out (`non-LLM runs`);
4.  calls that only one side has a price for (`no price here`, `no price there`);
5.  calls whose tokens LangSmith estimated (`estimated counts`): all that their price differs by;
6.  the price of all other calls, as `prices.priced_apart` does it;
7.  what is booked here beside the calls (`adjustments`).

What is left of step 1 is called `unexplained`, and is a row. Sampling is no part of this difference: both sides
count the same sample (it is one against a provider's bill).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from whyspend.reports.reconcile.prices import CACHE, DISCOUNT, FROZEN, ROUNDING, TABLE, TIER, priced_apart
from whyspend.reports.reconcile.sides import PICO, Amount, Group, Held, Place, Seen, Theirs

NOT_PULLED, PENDING, ROLLED_UP = "not pulled", "pending or deleted", "roll-ups counted twice"
BOUNDARY, OWNER, OTHER_RUNS = "time boundary", "untagged filter", "non-LLM runs"
UNPRICED_HERE, UNPRICED_THERE, ESTIMATED = "no price here", "no price there", "estimated counts"
ADJUSTED, UNEXPLAINED, COUNTS = "adjustments", "unexplained", "tokens counted otherwise"

FLOAT_DIGITS = 10**12
"""LangSmith sends sums as floating-point numbers: the first 12 digits are relied on."""


@dataclass
class Walk:
    """From LangSmith's figure to ours, for one row of the comparison."""

    start: Amount = field(default_factory=Amount)
    parts: dict[tuple[str, str], Amount] = field(default_factory=dict)
    """By name and what exactly; those of nothing are left out."""
    end: Amount = field(default_factory=Amount)

    def add(self, name: str, what: str, amount: Amount) -> None:
        """One more step."""
        whole = self.parts.pop((name, what), Amount()) + amount
        if whole:
            self.parts[name, what] = whole


Placing = Callable[[int, str | None], Place]
"""The row that a day and a value of LangSmith's belong to."""


def walks(
    groups: Iterable[Group],
    held: Mapping[int, Sequence[Held]],
    theirs: Theirs | None,
    adjusted: Iterable[tuple[Place, int]],
    place: Placing,
) -> dict[Place, Walk]:
    """Split the difference of each row.

    Args:
        groups: all calls of the ledger.
        held: the single LLM calls of the days that LangSmith listed.
        theirs: LangSmith's figures; None compares with the costs that the ledger recorded.
        adjusted: what is booked here beside the calls, by row.
        place: where LangSmith's figures belong.
    """
    found: dict[Place, Walk] = defaultdict(Walk)
    recorded: dict[tuple[int, Place], Amount] = defaultdict(Amount)
    for group in groups:
        if group.kind == "llm":
            recorded[group.day, group.there] += group.amount
            if group.here != group.there:
                found[group.here].add(OWNER, "", group.amount)
                found[group.there].add(OWNER, "", -group.amount)
        _add_prices(found[group.here], group, theirs)
    if theirs is None:
        for (_, where), amount in recorded.items():
            found[where].start += amount
    else:
        _add_figures(found, recorded, held, theirs, place)
    for where, units in adjusted:
        found[where].add(ADJUSTED, "", Amount(units=units))
        found[where].end += Amount(units=units)
    return dict(found)


def _add_prices(walk: Walk, group: Group, theirs: Theirs | None) -> None:
    walk.end += Amount(group.calls, group.tokens, group.ours or 0)
    if group.kind != "llm":
        walk.add(OTHER_RUNS, group.kind, Amount(group.calls, group.tokens, group.ours or 0))
    elif group.ours is None:
        walk.add(UNPRICED_HERE, group.name, Amount(units=-(group.reported or 0)))
    elif group.reported is None:
        walk.add(UNPRICED_THERE, group.name, Amount(units=group.ours))
    elif group.estimated:
        walk.add(ESTIMATED, group.name, Amount(units=group.ours - group.reported))
    else:
        row = theirs.prices.get(group.price_model or "") if theirs else None
        for name, what, units in priced_apart(group, row):
            walk.add(name, what, Amount(units=units))


def _add_figures(
    found: dict[Place, Walk],
    recorded: Mapping[tuple[int, Place], Amount],
    held: Mapping[int, Sequence[Held]],
    theirs: Theirs,
    place: Placing,
) -> None:
    """The first step: from LangSmith's statistics to the costs that the ledger recorded, day by day."""
    shown: dict[tuple[int, Place], Amount] = defaultdict(Amount)
    for figure in theirs.shown:
        shown[figure.day, place(figure.day, figure.value)] += figure.amount
    explained: dict[tuple[int, Place], list[tuple[str, Amount]]] = defaultdict(list)
    edges: dict[tuple[int, Place], Amount] = defaultdict(Amount)
    for day, runs in theirs.listed.items():
        for run in runs:
            if run.edge:
                edges[day, place(day, run.value)] += run.amount
        for where, name, amount in listed_apart(runs, held.get(day, ()), place):
            explained[day, where].append((name, amount))
    for day, where in {**shown, **recorded, **explained}:
        walk, start = found[where], shown[day, where]
        walk.start += start
        pulled = recorded.get((day, where), Amount())
        rest = pulled - start
        for name, amount in explained[day, where]:
            walk.add(name, "", amount)
            rest -= amount
        if rest:
            is_new = day not in theirs.listed and not pulled
            walk.add(NOT_PULLED if is_new else _named(rest, start, edges[day, where]), "", rest)


def _named(rest: Amount, figure: Amount, edge: Amount) -> str:
    """What the listing of single runs did not explain."""
    if edge and (rest.calls, rest.tokens) == (-edge.calls, -edge.tokens):
        return BOUNDARY  # the statistics count the runs of the day's last instant, the ledger does not
    if not rest.calls and not rest.tokens and abs(rest.units) <= _float_error(figure):
        return ROUNDING
    return UNEXPLAINED


def _float_error(figure: Amount) -> int:
    return figure.calls * PICO + abs(figure.units) // FLOAT_DIGITS


def differs(shown: Amount, held: Amount) -> bool:
    """Whether a day must be looked at run by run."""
    return bool(
        shown.calls != held.calls
        or shown.tokens != held.tokens
        or abs(shown.units - held.units) > _float_error(shown)
    )


def listed_apart(
    runs: Iterable[Seen], held: Iterable[Held], place: Placing
) -> Iterator[tuple[Place, str, Amount]]:
    """Yield what leads from LangSmith's runs of a day to the calls of the ledger: (row, name, amount).

    A run that LangSmith has and the ledger has not is taken off: as a roll-up, if another LLM run lies within it; as
    pending, if it has not ended; else as not pulled. A call that LangSmith has no longer was deleted there, or its
    retention is over. One that both have, at another cost, changed after it was pulled; at the same cost, but with
    other tokens, it is counted otherwise: some integrations leave cached tokens out of the total, the ledger never.
    """
    calls = {call.call_id: call for call in held}
    for run in runs:
        if run.edge:
            continue
        call = calls.pop(run.run_id, None)
        if call is None:
            name = ROLLED_UP if run.outer else PENDING if run.pending else NOT_PULLED
            yield place(run.day, run.value), name, -run.amount
        elif call.there == (there := place(run.day, run.value)):
            if change := call.amount - run.amount:
                yield there, NOT_PULLED if change.units else COUNTS, change
        else:
            yield there, NOT_PULLED, -run.amount
            yield call.there, NOT_PULLED, call.amount
    for call in calls.values():
        yield call.there, PENDING, call.amount


def both(found: Collection[Walk]) -> tuple[int, int]:
    """Both figures over all rows: LangSmith's and ours, in whole 1e-24 dollars."""
    return sum(walk.start.units for walk in found), sum(walk.end.units for walk in found)


ORDER = (
    BOUNDARY, NOT_PULLED, PENDING, ROLLED_UP, COUNTS, UNEXPLAINED, OWNER, OTHER_RUNS, UNPRICED_HERE, UNPRICED_THERE,
    ESTIMATED, FROZEN, CACHE, TABLE, TIER, DISCOUNT, ROUNDING, ADJUSTED,
)  # fmt: skip
"""The order in which parts are shown."""
