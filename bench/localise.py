"""`python -m bench.localise FOLDER [--cases 31-100]`: find the labelled root causes of a public set, and count.

FOLDER is what the generator of github.com/shaido987/riskloc (MIT) writes: a CSV file for each case, with `real` and
`predict` for each leaf, and `injection_info.csv` with the true sets. It is fetched for the measurement and is no part
of this repository, so this is no subject of `python -m bench`. Set L, in a clone of it, with numpy and pandas; FOLDER
is then `data/L` there (the first 100 of its 1,000 cases are these):

    python generate_dataset.py --num 100 --dataset-name L --seed 122 --dims 10 24 10 15 --noise-level 0.0 0.1
      --anomaly-severity 0.5 1.0 --anomaly-deviation 0.0 0.0 --num-anomaly 1 5 --num-anomaly-elements 1 1
      --only-last-layer

A case is judged as there: a set counts when exactly its terms were found; hits, wrong and missed ones are pooled over
the cases. Cases 1-30 are for trying things out, 31-100 for the figure.

The fit is that of `whyspend explain` (causes/_ripple.py): the pull of a set, its gain, the price of a term, the best
set first, no cell twice. Three things differ, because here one measure is compared with a forecast:

- a forecast misses in both directions alike, so the base is the mean of forecast and actual value;
- causes move cells one way, the noise both ways: the shorter tail of `move / base` is how far noise reaches. A move
  within that is no news, and a set is only named when its pull is beyond `NOISE / sqrt(weight)` of that reach, but
  never below `LEAST_PULL` of it: many cells that moved together may each move less;
- sets of any number of terms are tried, and there is no least amount: a case asks for every cause.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from whyspend.causes import _ripple
from whyspend.causes._ripple import Bools, Floats, Ints, Moves

NOISE = 1.3
LEAST_PULL = 0.5
MOST_SETS = 10
LABELS = "injection_info.csv"


@dataclass(frozen=True)
class Case:
    """One labelled case."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: tuple[Ints, ...]
    """For each name the place of each leaf's value in `values`."""
    forecast: Floats
    actual: Floats
    causes: frozenset[str]
    """Such as `a=a3&b=b18`, terms in the order of the alphabet."""


@dataclass(frozen=True)
class Score:
    """Sets found and missed, over some cases."""

    hits: int
    wrong: int
    missed: int
    seconds: float

    @property
    def precision(self) -> float:
        """Of the sets that were named those that are true."""
        return self.hits / max(self.hits + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Of the true sets those that were named."""
        return self.hits / max(self.hits + self.missed, 1)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.hits / max(2 * self.hits + self.wrong + self.missed, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the score; 2 when there is nothing to measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.localise", description="Score the segment finder.")
    parser.add_argument("folder", type=Path, help="What the generator of shaido987/riskloc wrote.")
    parser.add_argument(
        "--cases", type=_span, default=(31, 100), metavar="FIRST-LAST", help="By file name. Default: 31-100."
    )
    given = parser.parse_args(arguments)
    first, last = given.cases
    if not (given.folder / LABELS).is_file():
        print(
            f"{given.folder} has no {LABELS}: generate a set first, as the head of bench/localise.py says",
            file=sys.stderr,
        )
        return 2
    labels = _labels(given.folder)
    chosen = sorted(labels)[first - 1 : last]
    if not chosen:
        print(f"{given.folder} has {len(labels)} cases, none of them {first}-{last}", file=sys.stderr)
        return 2
    score = scored(read(given.folder / f"{name}.csv", labels[name]) for name in chosen)
    print(
        f"{len(chosen)} cases: P {score.precision:.3f}  R {score.recall:.3f}  F1 {score.f1:.3f}  "
        f"({score.hits} found, {score.wrong} wrong, {score.missed} missed; {score.seconds / len(chosen):.2f} s a case)"
    )
    return 0


def scored(cases: Iterator[Case]) -> Score:
    """Find the causes of each case and compare them with the true ones; reading is not timed."""
    hits = wrong = missed = 0
    seconds = 0.0
    for case in cases:
        start = time.perf_counter()
        found = localised(case)
        seconds += time.perf_counter() - start
        hits += len(found & case.causes)
        wrong += len(found - case.causes)
        missed += len(case.causes - found)
    return Score(hits, wrong, missed, seconds)


def localised(case: Case) -> frozenset[str]:
    """The sets of leaves that left their forecast, written like the labels."""
    present = np.flatnonzero(case.forecast + case.actual > 0)
    if not len(present):
        return frozenset()
    move = (case.actual - case.forecast)[present]
    base = ((case.actual + case.forecast) / 2)[present]
    share = move / base
    reach = max(min(float(share.max()), -float(share.min())), 0.0)
    codes = [column[present] for column in case.codes]
    found = _sets(codes, Moves(move, base, reach * base), reach)
    return frozenset(
        "&".join(f"{case.names[at]}={case.values[at][codes[at][cell]]}" for at in axes)
        for axes, cell in found
    )


def _sets(codes: Sequence[Ints], moves: Moves, reach: float) -> Iterator[tuple[tuple[int, ...], int]]:
    """The best set, then the best of the remaining cells, ...: its axes and one of its cells."""
    cells = len(moves.move)
    rising = np.argsort(moves.share, kind="stable")
    groupings = []
    for axes in (axes for size in range(1, len(codes) + 1) for axes in combinations(range(len(codes)), size)):
        group, first = _ripple.numbered([codes[at] for at in axes], cells)
        order = rising[np.argsort(group[rising], kind="stable")]
        groupings.append((axes, group, first, order))
    left = np.ones(cells, np.bool_)
    for _ in range(MOST_SETS):
        best, named = 0.0, None
        for axes, group, first, order in groupings:
            score, number = _best(group, order, moves, left, reach)
            score *= 1 - _ripple.PER_TERM * len(axes)
            if score > best * (1 + _ripple.SAME):
                best, named = score, (axes, int(first[number]), group == number)
        if named is None:
            return
        left &= ~named[2]
        yield named[:2]


def _best(group: Ints, order: Ints, moves: Moves, left: Bools, reach: float) -> tuple[float, int]:
    """The gain and the number of the best group that stands out of the noise; a gain of 0: none does."""
    news = np.where(left, _ripple.beyond(moves.move, moves.slack), 0.0)
    kept = order[left[order] & (np.bincount(group, news)[group[order]] > 0)]
    if not len(kept):
        return 0.0, 0
    sets = _ripple.fit_sorted(group[kept], moves.only(kept))
    stands_out = np.abs(sets.pull) > reach * np.maximum(NOISE / np.sqrt(sets.weight), LEAST_PULL)
    gain = np.where(stands_out, sets.gain, 0.0)
    at = int(gain.argmax())
    return float(gain[at]), int(sets.group[at])


def read(path: Path, label: str) -> Case:
    """Read a case. `label`: its true sets, `a=a3&b=b18;c=c2`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    names = tuple(sorted(name for name in header if name not in ("real", "predict")))
    axes = [np.unique(np.array(columns[name]), return_inverse=True) for name in names]
    return Case(
        names=names,
        values=tuple(tuple(str(value) for value in values) for values, _ in axes),
        codes=tuple(codes.astype(np.int64) for _, codes in axes),
        forecast=np.array(columns["predict"], np.float64),
        actual=np.array(columns["real"], np.float64),
        causes=frozenset("&".join(sorted(one.split("&"))) for one in label.split(";")),
    )


def _labels(folder: Path) -> dict[str, str]:
    with (folder / LABELS).open(newline="", encoding="utf-8") as file:
        return {row["timestamp"]: row["set"] for row in csv.DictReader(file)}


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"{text!r} is no span of cases such as 31-100")
    return int(first), int(last)


if __name__ == "__main__":
    sys.exit(main())
