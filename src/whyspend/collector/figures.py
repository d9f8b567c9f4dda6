"""What the ledger says, for `/metrics` and for whoever watches: asked at most every so many seconds, one question after
the other in a thread of its own, so that taking in never waits for it, and who asks meanwhile gets what was known
before."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial, reduce

from whyspend.collector.collected import EXACT, OTHER, TOKENS, Collected, Rate, Sums, dollars, read, rows
from whyspend.collector.kept import Kept
from whyspend.model import Cell
from whyspend.reports import reconcile
from whyspend.reports.budgets.standing import Standing as Guarded
from whyspend.serving import Asking
from whyspend.serving.exposition import Metric, Sample, Value, label, metric
from whyspend.workspace import Workspace
from whyspend.workspace.keys import UNTAGGED
from whyspend.workspace.missing import reached, read_upto

COUNTED_SECONDS = 10.0
"""How old the sums of what was collected may be."""

STANDING_SECONDS = 60.0
"""How old gauges may be that take more of the ledger to know: the month, budgets."""

OUTLOOK_SECONDS = 600.0
"""How old what moves slowly may be: the forecast, learned from four months of calls, and the gap of seven days."""

MOMENT_SECONDS = 900
"""Budgets begin anew with an hour of the time zone, which is off UTC by whole quarters of an hour; a forecast moves
within them by next to nothing."""

SHOWN = 20
"""Values of the first dimension that have a gauge of their own, the dearest; the rest is `other`."""

BUDGETS = 100
"""Budgets, and values of budgets for each value, that have gauges."""

SOURCES = 50

RECONCILED = "7d"
"""Days for which recorded costs are compared."""


@dataclass
class Figures:
    """Of one ledger, for any thread."""

    asking: Asking
    source: str
    """The collector's, in the ledger."""
    collected: Collected = field(default_factory=Collected)
    _standing: "Standing | None" = None
    _outlook: Sequence[Metric] = ()
    _counting: Kept[Mapping[tuple[str, str], Sums]] = field(init=False)
    _gauging: "Kept[Standing]" = field(init=False)
    _looking: Kept[Sequence[Metric]] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        counted = partial(read, source=self.source)
        self._counting = Kept(counted, COUNTED_SECONDS, _day, self.collected.take)
        self._gauging = Kept(standing, STANDING_SECONDS, _moment, self._stand)
        self._looking = Kept(outlook, OUTLOOK_SECONDS, _moment, self._look)

    def _stand(self, found: "Standing", _: float) -> None:
        self._standing = found

    def _look(self, found: Sequence[Metric], _: float) -> None:
        self._outlook = found

    def begin(self) -> None:
        """Ask what the ledger holds at the start: what comes later is counted from there."""
        with self._lock:
            self._counting.fresh(self.asking)

    def fresh(self) -> bool:
        """Ask for what is too old; tells whether an answer is still awaited."""
        with self._lock:
            # One after the other: people's questions have the other threads.
            return (
                self._counting.fresh(self.asking)
                or self._gauging.fresh(self.asking)
                or self._looking.fresh(self.asking)
            )

    def metrics(self) -> list[Metric]:
        """All that is known."""
        with self._lock:
            return list(self._metrics())

    def seen(self) -> tuple[Sums, Rate | None, Sums]:
        """What was collected since the start, how fast it grows, and what of it has no owner."""
        with self._lock:
            untagged = self.collected.by_name.get(UNTAGGED, Sums())
            return self.collected.total, self.collected.rate(), untagged

    def _metrics(self) -> Iterator[Metric]:
        readable = int(not any(kept.failed for kept in (self._counting, self._gauging, self._looking)))
        yield metric(
            "whyspend_ledger_readable", "gauge", "1: the figures below are those of the ledger.", readable
        )
        sums = sorted(self.collected.by_name.items())

        def by_name(of: Callable[[str], Value]) -> Sequence[Sample]:
            return _labeled("feature", ((name, of(name)) for name, _ in sums))

        found = self.collected.by_name
        first = "by the first dimension: the first 50 values, then other"
        yield Metric(
            "whyspend_cost_usd_total",
            "counter",
            f"What calls cost that were collected since the start, in US dollars, without unpriced ones, {first}.",
            by_name(lambda name: found[name].cost),
        )
        yield Metric(
            "whyspend_calls_total",
            "counter",
            f"Calls that were collected since the start, {first}.",
            by_name(lambda name: found[name].calls),
        )
        yield Metric(
            "whyspend_unpriced_calls_total",
            "counter",
            f"Of those, calls without a known price, {first}.",
            by_name(lambda name: found[name].unpriced),
        )
        if found:
            tokens = zip(TOKENS, self.collected.total.tokens, strict=True)
            yield Metric(
                "whyspend_tokens_total",
                "counter",
                "Tokens of calls that were collected since the start, of disjoint types.",
                [({"type": kind}, count) for kind, count in tokens],
            )
        if self._standing:
            yield from self._standing.metrics(time.time())
        yield from self._outlook


def _day() -> Hashable:
    return datetime.now(UTC).date()


def _moment() -> Hashable:
    return int(time.time()) // MOMENT_SECONDS


@dataclass(frozen=True)
class Standing:
    """Gauges of the whole ledger, whoever brought its calls."""

    settled: Sequence[Metric]
    """Which stay as they are while the ledger does."""
    newest: Mapping[str, int]
    """By source: up to when it was pulled, or when its newest call began; microseconds since the epoch."""

    def metrics(self, now: float) -> Iterator[Metric]:
        """All of them, at a time in seconds since the epoch."""
        yield from self.settled
        lags = ((source, round(max(now - upto / 1e6, 0), 3)) for source, upto in self.newest.items())
        meaning = "Age of what the ledger holds of a source: up to when it was pulled, or when its newest call began."
        yield Metric("whyspend_ledger_lag_seconds", "gauge", meaning, _labeled("source", lags))


def standing(place: Workspace) -> Standing:
    """What is spent, of budgets too, and how fresh that is."""
    return Standing([*_costs(place), *_budgets(place)], _newest(place))


def outlook(place: Workspace) -> Sequence[Metric]:
    """What moves slowly: where the month will end, and how far our figures are from what sources recorded."""
    return [*_forecast(place), *_gap(place)]


def _costs(place: Workspace) -> Iterator[Metric]:
    first = place.config.dimensions[0]
    days = place.window().until
    windows = {"today": days.isoformat(), "month": days.replace(day=1).isoformat()}
    costs: list[Sample] = []
    unpriced: list[Sample] = []
    for window, since in windows.items():
        # By month, which is one: an answer in time is not compared with the days before, which need not be read then.
        answer = place.ask("report", place.window(since), by=(first, "month"))
        found = rows(answer)
        known = [(str(row[first]), dollars(row["cost_usd"])) for row in found if row["cost_usd"] is not None]
        more = reduce(EXACT.add, (cost for _, cost in known[SHOWN:]), Decimal(0))
        known = known[:SHOWN] + ([(OTHER, more)] if known[SHOWN:] else [])
        costs += [({**labels, "window": window}, value) for labels, value in _labeled("feature", known)]
        unpriced.append(({"window": window}, sum(_count(row["unpriced_calls"]) for row in found)))
        if window == "month" and answer.trust.tagged_usd is not None:
            share = 1 - answer.trust.tagged_usd
            yield metric(
                "whyspend_untagged_ratio", "gauge", "Share of this month's dollars without an owner.", share
            )
    meaning = f"Spent so far, in US dollars, by the first dimension: the {SHOWN} dearest values, then other."
    yield Metric("whyspend_cost_usd", "gauge", meaning, costs)
    yield Metric("whyspend_unpriced_calls", "gauge", "Calls so far without a known price.", unpriced)


def _budgets(place: Workspace) -> Iterator[Metric]:
    data = place.data(place.window())
    fullest: dict[tuple[str, str], Guarded] = {}
    for each in data.guards.standings(data, data.guards.budgets, top=SHOWN, history=False)[:BUDGETS]:
        if each.budget.limit_usd is not None:
            names = label(each.budget.name), label(each.value)
            # Of those that cannot be told apart in their labels the fullest, for it is what an alert is about.
            fullest[names] = max(fullest.get(names, each), each, key=lambda one: one.share or Decimal(-1))
    labeled = [({"budget": budget, "value": value}, each) for (budget, value), each in fullest.items()]
    limits = [(labels, each.budget.limit) for labels, each in labeled]
    spent = [(labels, each.amount) for labels, each in labeled if each.amount is not None]
    value = "value is empty but for budgets for each value"
    yield Metric(
        "whyspend_budget_limit_usd", "gauge", f"What a budget allows in its period; {value}.", limits
    )
    yield Metric("whyspend_budget_spent_usd", "gauge", f"What of it is spent; {value}.", spent)


def _newest(place: Workspace) -> dict[str, int]:
    manifest = place.ledger.snapshot().manifest
    left = reached(place.config, manifest, place.now).left
    found: dict[str, int] = {}
    for source in sorted({file.source for file in manifest.files} - left)[:SOURCES]:
        marks = read_upto(manifest.watermarks.get(source, {})).values()
        newest = max(file.last for file in manifest.files if file.source == source)
        found[source] = min(marks) if marks else newest
    return found


def _forecast(place: Workspace) -> Iterator[Metric]:
    estimate = place.ask("forecast", place.window(), top=1).total.get("forecast_usd")
    if isinstance(estimate, Decimal):
        meaning = "Where the spending of this month will probably end: an estimate."
        yield metric("whyspend_forecast_month_usd", "gauge", meaning, estimate)


def _gap(place: Workspace) -> Iterator[Metric]:
    ours, theirs = reconcile.both(place.ask("reconcile", place.window(RECONCILED), recorded=True))
    if theirs:
        meaning = f"How far our figure of {RECONCILED} is above the one that sources recorded, as a share of theirs."
        yield metric("whyspend_reconcile_gap_ratio", "gauge", meaning, round((ours - theirs) / theirs, 6))


def _labeled(name: str, values: Iterable[tuple[str, Value]]) -> list[Sample]:
    """Samples with one label; values that cannot be told apart in it are added up."""
    found: dict[str, Value] = {}
    for value, amount in values:
        shown = label(value)
        found[shown] = _added(found[shown], amount) if shown in found else amount
    return [({name: value}, amount) for value, amount in found.items()]


def _added(one: Value, other: Value) -> Value:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return EXACT.add(
            one, other
        )  # the usual 28 digits are too few for thousands of dollars of 24 decimals
    return one + other  # type: ignore[operator]


def _count(value: Cell) -> int:
    assert isinstance(value, int)
    return value
