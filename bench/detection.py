"""How many of the spikes and shifts planted in daily series are found, at how many false alarms.

    python -m bench.detection [SERIES.csv]

The made-up series have what spend of features has: a weekend dip, noise that goes on for days and has heavy tails,
growth, and three levels of noise. SERIES.csv is any public set of daily series, one a line: a name, then the amounts,
empty where one is missing; without it, that part is left out. No gate of dollars is applied, so that the figures are of
the rules alone. Thresholds were chosen on the seeds from 1 on; the table is of other seeds.
"""

import argparse
import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean

from whyspend.trends.anomalies import HOUR_DAYS, Found, anomalies, dear_hour

TUNING, JUDGING = 1, 200_001
"""The first seed of each part."""

NOISE = {"calm": 0.05, "usual": 0.12, "restless": 0.2}
"""The standard deviation of the logarithm of a day, by name."""

DAYS = 365 + 56
LEARNING = 56
"""Days at the start of a series of which nothing is asked."""

SERIES = 100
"""Of each level of noise."""

TRIALS = 2
"""Places in a series where something is planted, for each size."""

PLANTED = (
    ("spike x1.5, same day", 1.5, 1, 1),
    ("spike x2, same day", 2.0, 1, 1),
    ("spike x3, same day", 3.0, 1, 1),
    ("shift x1.5, within 7 days", 1.5, 30, 7),
    ("shift x2, within 3 days", 2.0, 30, 3),
)
"""What, times so much, for so many days, to be found within so many."""

BARS = {"spike x2, same day": 0.85, "spike x3, same day": 0.98, "shift x2, within 3 days": 0.90}
MOST_FALSE = 1.0

Alarms = Callable[[Sequence[float], int], list[Found]]
"""What a rule finds in a series that reaches beyond a place."""


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    name: str
    series: int
    false: float
    """False alarms a series and year."""
    kinds: dict[str, float]
    """The same by kind."""
    found: dict[str, float]
    """Of what was planted, the share that was found in time."""


def spend(seed: int, noise: float, days: int = DAYS) -> list[float]:
    """Dollars a day of a feature that nobody changed."""
    rng = Random(seed)
    level, weekend = math.exp(rng.uniform(0, 6)), rng.uniform(0.15, 1.0)
    growth, memory = rng.uniform(-0.001, 0.005), rng.uniform(0.2, 0.6)
    first, drift = rng.randrange(7), 0.0
    series = []
    for day in range(days):
        # The sum of a few uniform numbers over another is heavy-tailed: Student's t with 6 degrees of freedom.
        shock = rng.gauss(0, 1) / math.sqrt(rng.gammavariate(3, 1 / 3)) / math.sqrt(1.5)
        drift = memory * drift + math.sqrt(1 - memory**2) * noise * shock
        dip = weekend if (first + day) % 7 >= 5 else 1.0
        series.append(level * dip * math.exp(growth * day + drift))
    return series


def hourly_alarms(first_seed: int, many: int = 24, days: int = 150) -> float:
    """False alarms of the rule for hours, a series and year, where nothing happened.

    An hour is a part of its day, by a working day's curve, with noise of its own of half its amount.
    """
    alarms = 0
    for seed in range(first_seed, first_seed + many):
        rng = Random(seed)
        curve = [0.02 + math.exp(-(((hour - 13) / 4) ** 2)) for hour in range(24)]
        series = [
            [amount * part / sum(curve) * rng.gammavariate(4, 1 / 4) for part in curve]
            for amount in spend(seed, NOISE["usual"], days)
        ]
        for hour in range(24):
            own = [day[hour] for day in series]
            alarms += sum(
                dear_hour(own[day - HOUR_DAYS : day], own[day], 0.0) is not None
                for day in range(HOUR_DAYS, days)
            )
    return alarms / (many * (days - HOUR_DAYS) / 365)


def ours(series: Sequence[float], since: int) -> list[Found]:
    """The rules of `whyspend anomalies`, without a gate."""
    return list(anomalies(series, 0.0, since=since))


def judged(name: str, many: Sequence[Sequence[float]], seed: int, alarms: Alarms = ours) -> Result:
    """What a rule finds in series in which nothing is known to have happened, and in them with something planted."""
    rng = Random(seed)
    kinds: dict[str, int] = {}
    years = 0.0
    found: dict[str, list[bool]] = {planted[0]: [] for planted in PLANTED}
    for series in many:
        years += (len(series) - LEARNING) / 365
        for one in alarms(series, LEARNING):
            if one.first >= LEARNING:
                kinds[one.kind] = kinds.get(one.kind, 0) + 1
        for label, times, lasts, within in PLANTED:
            for _ in range(TRIALS):
                at = rng.randrange(LEARNING, len(series) - 30)
                found[label].append(_is_found(series, at, times, lasts, within, alarms))
    return Result(
        name,
        len(many),
        sum(kinds.values()) / years,
        {kind: count / years for kind, count in kinds.items()},
        {label: fmean(hits) for label, hits in found.items()},
    )


def together(results: Sequence[Result]) -> Result:
    """Parts of the same size as one."""
    kinds = {kind for result in results for kind in result.kinds}
    return Result(
        "made up, all",
        sum(result.series for result in results),
        fmean(result.false for result in results),
        {kind: fmean(result.kinds.get(kind, 0.0) for result in results) for kind in kinds},
        {label: fmean(result.found[label] for result in results) for label in results[0].found},
    )


def made_up(first_seed: int) -> Iterator[tuple[str, list[list[float]]]]:
    """The made-up series, by level of noise."""
    for number, (name, noise) in enumerate(NOISE.items()):
        seeds = range(first_seed + number * SERIES, first_seed + (number + 1) * SERIES)
        yield name, [spend(seed, noise) for seed in seeds]


def read(path: Path) -> list[list[float]]:
    """The series of a file; a day that is missing is as a week before, or 0."""
    many = []
    with path.open(newline="", encoding="utf-8") as file:
        for _, *cells in csv.reader(file):
            series: list[float] = []
            for place, cell in enumerate(cells):
                series.append(float(cell) if cell else series[place - 7] if place >= 7 else 0.0)
            many.append(series)
    return many


def _is_found(
    series: Sequence[float], at: int, times: float, lasts: int, within: int, alarms: Alarms
) -> bool:
    """Whether something planted at a place is told in time, by someone who looks at the end of each day."""
    changed = [amount * (times if at <= day < at + lasts else 1.0) for day, amount in enumerate(series)]
    return any(
        found.kind != "drop" and found.last >= at
        for ahead in range(within)
        for found in alarms(changed[: at + ahead + 1], at)
    )


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("series", nargs="?", type=Path, help="Public daily series, one a line.")
    given = parser.parse_args()
    results = []
    for name, many in made_up(JUDGING):
        results.append(judged(f"made up, {name}", many, JUDGING))
        print(_line(results[-1]), flush=True)
    whole = together(results)
    print(_line(whole), flush=True)
    if given.series:
        print(_line(judged(given.series.stem, read(given.series), JUDGING)), flush=True)
    print(f"by the hour: {hourly_alarms(JUDGING):.2f} false alarms a series and year")
    missed = [label for label, bar in BARS.items() if whole.found[label] < bar]
    missed += ["false alarms"] if whole.false > MOST_FALSE else []
    print(f"missed: {', '.join(missed)}" if missed else "every bar holds")
    return 1 if missed else 0


def _line(result: Result) -> str:
    kinds = ", ".join(f"{kind} {rate:.2f}" for kind, rate in sorted(result.kinds.items()))
    found = "".join(f"\n    {share:6.1%}  {label}" for label, share in result.found.items())
    return f"{result.name}, {result.series} series: {result.false:.2f} false alarms a year ({kinds}){found}"


if __name__ == "__main__":
    raise SystemExit(main())
