"""How well the explanation does over many worlds."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from bench.worlds.dollars import OURS, Told, parts_of, right, told
from bench.worlds.found import Reading, read
from bench.worlds.grains import CALL_SITE, FEATURE, Grain, cells_of
from bench.worlds.telling import told_lines
from bench.worlds.truth import Truth, truth_of
from bench.worlds.world import KINDS, World, world
from whyspend.causes.decompose import Changes, decompose
from whyspend.reports.explain import is_normal

CALENDAR = "calendar"
"""No cause, but known as well: it is told beside the kinds of causes and counts in no other figure."""

MORE_CALLS = {"retries": "calls_per_request"}
"""Without the outcome a failed call is one more call: at feature grain nothing else can be said of it."""

OTHER_LENGTHS = ((7, 7), (14, 14), (30, 31), (31, 30), (28, 31), (21, 21))


@dataclass(frozen=True)
class Share:
    """Dollars on the right driver and segment: all worlds together, the median world, and the tenth worst of 100."""

    all: float
    median: float
    tenth: float


@dataclass(frozen=True)
class Lines:
    """What the lines say, of the causes that count."""

    causes: int
    found: float
    found_dollars: float
    mean: float
    most: int
    rest_small: float
    """Worlds in which at most a tenth is left to `everything else`."""
    missed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scores:
    """All figures of a run."""

    worlds: int
    seed: int
    still: dict[str, Share]
    """By method, without drift, by call site."""
    drifting: dict[str, Share]
    feature: dict[str, Share]
    """With drift, by feature alone."""
    feature_more_calls: Share
    """Ours, when retries may be named calls for each request."""
    lengths: Share
    """Ours, without drift, by call site, over windows of other lengths."""
    by_kind: dict[str, dict[str, float]]
    """By kind and method, without drift, by call site."""
    lines_still: Lines
    lines_drifting: Lines
    normal: float
    """Worlds that drift, without any cause, that are called within normal variation."""
    normal_with_causes: float
    """Those with causes that are called so as well."""


@dataclass
class _Tally:
    told: dict[str, list[list[Told]]] = field(default_factory=lambda: defaultdict(list))
    """By method: of each world."""
    readings: list[tuple[int, Reading]] = field(default_factory=list)
    """By seed."""
    normal: list[bool] = field(default_factory=list)

    def add(self, found: dict[str, list[Told]]) -> None:
        """What was told of one world."""
        for method, of_world in found.items():
            self.told[method].append(of_world)


def judged(worlds: int, seed: int) -> Scores:
    """Make so many worlds, explain each, and compare with what is known. About 3 s of one core for each."""
    still, drifting, coarse, more_calls, lengths = _Tally(), _Tally(), _Tally(), _Tally(), _Tally()
    quiet: list[bool] = []
    for each in range(seed, seed + worlds):
        _explain(world(each, drifts=False), still)
        _explain(world(each, drifts=True), drifting, coarse, more_calls)
        if (each - seed) % 4 == 0:
            days = OTHER_LENGTHS[each // 4 % len(OTHER_LENGTHS)]
            _add_dollars(lengths, world(each, drifts=False, lengths=days))
        made = world(each, drifts=True, causes=False)
        lines = told_lines(made, explained(made, truth_of(made), CALL_SITE))
        quiet.append(is_normal(lines))
    return Scores(
        worlds=worlds,
        seed=seed,
        still=_shares(still),
        drifting=_shares(drifting),
        feature=_shares(coarse),
        feature_more_calls=_share(more_calls.told[OURS]),
        lengths=_share(lengths.told[OURS]),
        by_kind=_by_kind(still),
        lines_still=_lines(still.readings),
        lines_drifting=_lines(drifting.readings),
        normal=float(np.mean(quiet)),
        normal_with_causes=float(np.mean(drifting.normal)),
    )


def explained(made: World, truth: Truth, grain: Grain) -> Changes:
    """The last two windows of a world, decomposed."""
    return decompose(cells_of(made, truth.before, truth.after, grain))


def _explain(
    made: World, by_site: _Tally, coarse: _Tally | None = None, more_calls: _Tally | None = None
) -> None:
    truth = truth_of(made)
    changes = explained(made, truth, CALL_SITE)
    by_site.add(told(changes, truth, parts_of(changes)))
    lines = told_lines(made, changes)
    by_site.readings.append((made.seed, read(changes, truth, [line.cause for line in lines])))
    by_site.normal.append(is_normal(lines))
    if coarse and more_calls:
        changes = explained(made, truth, FEATURE)
        parts = parts_of(changes)
        coarse.add(told(changes, truth, parts))
        more_calls.add(told(changes, truth, {OURS: parts[OURS]}, MORE_CALLS))


def _add_dollars(tally: _Tally, made: World) -> None:
    truth = truth_of(made)
    changes = explained(made, truth, CALL_SITE)
    tally.add(told(changes, truth, parts_of(changes, rivals=False)))


def _shares(tally: _Tally) -> dict[str, Share]:
    return {method: _share(found) for method, found in tally.told.items()}


def _share(worlds: list[list[Told]]) -> Share:
    causes = [[each for each in found if each.kind != CALENDAR] for found in worlds]
    by_world = [right(found) for found in causes]
    everything = right([each for found in causes for each in found])
    return Share(everything, float(np.median(by_world)), float(np.quantile(by_world, 0.1)))


def _by_kind(tally: _Tally) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for kind in (*KINDS, CALENDAR):
        of_kind = {
            method: [each for each in (each for world in worlds for each in world) if each.kind == kind]
            for method, worlds in tally.told.items()
        }
        if of_kind[OURS]:
            found[kind] = {method: right(each) for method, each in of_kind.items()}
    return found


def _lines(readings: list[tuple[int, Reading]]) -> Lines:
    hits = [(seed, hit) for seed, reading in readings for hit in reading.hits]
    dollars = sum(abs(hit.dollars) for _, hit in hits) or 1.0
    return Lines(
        causes=len(hits),
        found=sum(hit.found for _, hit in hits) / (len(hits) or 1),
        found_dollars=sum(abs(hit.dollars) for _, hit in hits if hit.found) / dollars,
        mean=float(np.mean([reading.lines for _, reading in readings])),
        most=max(reading.lines for _, reading in readings),
        rest_small=float(np.mean([reading.rest <= 0.1 for _, reading in readings])),
        missed=tuple(
            f"world {seed}: {hit.kind} {hit.dollars:+.2f}; {hit.nearest}"
            for seed, hit in hits
            if not hit.found
        ),
    )
