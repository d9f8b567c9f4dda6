"""`python -m bench.forecasting`: where months end, by the product's rule and by what others do.

Two sets of daily series: a generator of business spend (weekdays, growth, level shifts, monthly jobs, noise that
lasts), and a public one given as a CSV file, one series a line: name, then one number a day, blank where missing.
The NN5 series can be had so from `data/nn5.rda` of github.com/robjhyndman/tscompdata. ETS is measured where
statsforecast is installed.

    python -m bench.forecasting [--public nn5.csv] [--series 100]
"""

import argparse
import csv
import importlib
import importlib.util
import math
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, median

from whyspend.trends.forecast import Days, days, forecast
from whyspend.trends.intervals import intervals

DAY = timedelta(days=1)
FIRST = date(2025, 1, 1)
LENGTH = 540
MONTH_DAYS = (5, 15, 25)
HISTORIES = (28, 56, 90, 400)

TUNING, JUDGING = 1_000_000, 3_000_000
"""Seeds of the series that the constants were chosen on, and of those that are reported; of public series every other
one is for each."""

PUBLIC_TIMES = 2
"""So many times as many months of public series: they share one calendar, and its holidays weigh on all of them."""

SLACK = 1.10
COVERED = {0.80: (0.75, 0.90), 0.95: (0.90, 0.98)}

Rule = Callable[[Sequence[float], int], float]
"""History and the number of days ahead -> their sum."""


@dataclass(frozen=True)
class Case:
    """A month of a series, seen after some of its days."""

    history: tuple[float, ...]
    last: date
    """The day of the last of `history`."""
    spent: float
    ahead: tuple[float, ...]
    """What the rest of the month did bring."""

    @property
    def actual(self) -> float:
        """What the month came to."""
        return self.spent + math.fsum(self.ahead)


def business(seed: int, length: int = LENGTH) -> list[float]:
    """Dollars a day of one feature, the first on FIRST."""
    draw = random.Random(seed)
    weekend = draw.choice((1.0, 0.8, 0.5, 0.2))
    weekdays = [draw.uniform(0.85, 1.15) * (weekend if n > 4 else 1.0) for n in range(7)]
    growth = draw.choice((0.0, 0.0, 0.0, draw.gauss(0.0, 0.004), draw.uniform(0.0, 0.01)))
    job = draw.choice(("", "", "", "", "", "", "last", "first"))
    size = draw.uniform(0.5, 4.0)
    keeps, wobble = draw.uniform(0.2, 0.7), draw.uniform(0.05, 0.22)
    level, noise, found = draw.uniform(2.0, 400.0), 0.0, []
    for n in range(length):
        day = FIRST + n * DAY
        if draw.random() < 1 / 240:
            level *= math.exp(draw.choice((-1, 1, 1)) * draw.uniform(0.3, 0.9))
        level *= math.exp(growth)
        noise = keeps * noise + draw.gauss(0.0, wobble)
        amount = level * weekdays[day.weekday()] * math.exp(noise)
        amount *= draw.uniform(1.5, 4.0) if draw.random() < 0.01 else 1.0
        is_job = (job == "first" and day.day == 1) or (job == "last" and (day + DAY).day == 1)
        found.append(amount + (level * size if is_job else 0.0))
    return found


def public(path: Path) -> list[list[float]]:
    """The series of a CSV file; a missing day has what the same weekday had the week before."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = [row[1:] for row in csv.reader(file)]
    found = []
    for line in lines:
        series: list[float] = []
        for n, text in enumerate(line):
            series.append(float(text) if text else series[n - 7] if n >= 7 else 0.0)
        found.append(series)
    return found


def cases(series: Sequence[float], history: int, day: int, months: int) -> Iterator[Case]:
    """The last so many whole calendar months of a series, each seen at the end of a day of the month."""
    end = FIRST + len(series) * DAY
    after = end.replace(day=1)
    for _ in range(months):
        first = (after - DAY).replace(day=1)
        start, known = (first - FIRST).days, (first - FIRST).days + day
        held = tuple(series[max(known - history, 0) : known])
        yield Case(
            held,
            first + (day - 1) * DAY,
            math.fsum(series[start:known]),
            tuple(series[known : (after - FIRST).days]),
        )
        after = first


def run_rate(history: Sequence[float], count: int) -> float:
    """The mean of the last 28 days goes on."""
    return fmean(history[-28:]) * count


def seasonal_naive(history: Sequence[float], count: int) -> float:
    """The last week goes on."""
    return math.fsum(history[-7 + n % 7] for n in range(count))


def ets() -> Rule | None:
    """ETS(A,N,A) with weekly season, the best fixed ETS of the library on these; None where it is not installed."""
    if importlib.util.find_spec("statsforecast") is None:
        return None
    numpy, models = (importlib.import_module(name) for name in ("numpy", "statsforecast.models"))

    def rule(history: Sequence[float], count: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = models.AutoETS(season_length=7, model="ANA")
            return float(sum(model.forecast(numpy.array(history), count)["mean"]))

    return rule


def ours(case: Case) -> tuple[float, dict[float, tuple[float, float]]]:
    """The forecast of the product for a month, and its intervals."""
    held, ahead = _held(case), [(case.last + (n + 1) * DAY, 1.0) for n in range(len(case.ahead))]
    outlook = forecast(held, ahead)
    rest = outlook.rest
    found = {each.level: (each.low, each.high) for each in intervals(held, ahead, outlook)}
    return case.spent + (rest or 0.0), {
        level: (case.spent + low, case.spent + high) for level, (low, high) in found.items()
    }


def _held(case: Case) -> Days:
    first = case.last - (len(case.history) - 1) * DAY
    return days({first + n * DAY: amount for n, amount in enumerate(case.history)}, first, case.last)


@dataclass(frozen=True)
class Line:
    """What was measured of one set, history and day."""

    name: str
    history: int
    day: int
    errors: dict[str, float]
    """The mean of |forecast - actual| / actual, by rule."""
    covered: dict[float, float]
    width: dict[float, float]
    """The mean of (high - low) / actual."""

    @property
    def is_held(self) -> bool:
        """Whether the promises are kept: at most a tenth worse than the best other rule, and covered as said."""
        if self.history < 56:
            return True
        best = min(error for rule, error in self.errors.items() if rule != "ours")
        covers = all(COVERED[level][0] <= share <= COVERED[level][1] for level, share in self.covered.items())
        return self.errors["ours"] <= SLACK * best and covers


def measured(
    name: str, every: Sequence[Sequence[float]], history: int, day: int, months: int, more: dict[str, Rule]
) -> Line:
    """Every rule on every case."""
    rules: dict[str, Rule] = {"run rate": run_rate, "seasonal naive": seasonal_naive, **more}
    errors: dict[str, list[float]] = {rule: [] for rule in ("ours", *rules)}
    inside: dict[float, list[bool]] = {}
    width: dict[float, list[float]] = {}
    for series in every:
        for case in cases(series, history, day, months):
            if case.actual <= 0:
                continue
            told, found = ours(case)
            errors["ours"].append(abs(told - case.actual) / case.actual)
            for level, (low, high) in found.items():
                inside.setdefault(level, []).append(low <= case.actual <= high)
                width.setdefault(level, []).append((high - low) / case.actual)
            for label, rule in rules.items():
                made = case.spent + rule(case.history, len(case.ahead))
                errors[label].append(abs(made - case.actual) / case.actual)
    return Line(
        name,
        history,
        day,
        {rule: fmean(found) for rule, found in errors.items()},
        {level: fmean(found) for level, found in inside.items()},
        {level: median(found) for level, found in width.items()},
    )


def main() -> int:
    """Print the table; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecasting", description=__doc__.split("\n")[0])
    parser.add_argument("--public", type=Path, help="A CSV file of public series.")
    parser.add_argument("--series", type=int, default=400, help="Series of the generator.")
    parser.add_argument("--months", type=int, default=4, help="Months of each series.")
    parser.add_argument(
        "--tuning", action="store_true", help="On the seeds that the constants were chosen on."
    )
    given = parser.parse_args()
    seed = TUNING if given.tuning else JUDGING
    sets = {"business": [business(seed + n) for n in range(given.series)]}
    if given.public:
        sets["public"] = public(given.public)[0 if given.tuning else 1 :: 2]
    library = ets()
    more = {"ETS": library} if library else {}
    lines = []
    print(_heading(more))
    for name, every in sets.items():
        months = given.months * (PUBLIC_TIMES if name == "public" else 1)
        for history in HISTORIES:
            for day in MONTH_DAYS:
                lines.append(measured(name, every, history, day, months, more))
                print(_said(lines[-1]), flush=True)
    print(f"A forecast with its intervals takes {_seconds(sets['business']) * 1000:.1f} ms a series.")
    return 0 if all(line.is_held for line in lines) else 1


def _seconds(every: Sequence[Sequence[float]]) -> float:
    found = [next(cases(series, 400, 15, 1)) for series in every[:50]]
    started = time.process_time()
    for case in found:
        ours(case)
    return (time.process_time() - started) / len(found)


def _heading(more: dict[str, Rule]) -> str:
    rules = "".join(f"{rule:>15}" for rule in ("ours", "run rate", "seasonal naive", *more))
    return f"{'set':<10}{'history':>8}{'day':>5}{rules}{'in 80 %':>9}{'in 95 %':>9}{'width 80 %':>12}{'':>4}"


def _said(line: Line) -> str:
    errors = "".join(f"{100 * error:>13.2f} %" for error in line.errors.values())
    covered = "".join(
        f"{100 * line.covered[level]:>7.1f} %" if level in line.covered else f"{'-':>9}" for level in COVERED
    )
    width = f"{100 * line.width[0.8]:>10.1f} %" if 0.8 in line.width else f"{'-':>12}"
    state = "ok" if line.is_held else "MISSED"
    return f"{line.name:<10}{line.history:>8}{line.day:>5}{errors}{covered}{width}  {state}"


if __name__ == "__main__":
    sys.exit(main())
