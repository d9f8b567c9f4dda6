"""The short form for `python -m bench`: some worlds, held against the bars of all of them."""

from collections.abc import Iterator
from pathlib import Path

from bench.measure import Measured
from bench.worlds.dollars import OURS
from bench.worlds.judge import Lines, judged

WORLDS, SEED = 20, 20_000
"""The first of those that `python -m bench.worlds --worlds 200 --seed 20000` judges."""


def measured(rows: int, folder: Path) -> Iterator[Measured]:
    """Dollars and lines; nothing hangs on `rows` or is kept in `folder`."""
    found = judged(WORLDS, SEED)
    of = f"{WORLDS} worlds from seed {SEED}"
    yield Measured("worlds: dollars on the right driver and segment, no drift", found.still[OURS].all, of)
    yield Measured("worlds: the same with drift", found.drifting[OURS].all, of)
    yield Measured("worlds: the same with drift, by feature alone", found.feature[OURS].all, of)
    yield Measured("worlds: causes found, no drift", found.lines_still.found, _behind(found.lines_still))
    yield Measured("worlds: causes found, drift", found.lines_drifting.found, _behind(found.lines_drifting))
    yield Measured("worlds: dollars of causes found, drift", found.lines_drifting.found_dollars, of)
    yield Measured("worlds: no cause, and within normal variation", found.normal, of)


def _behind(found: Lines) -> str:
    return f"of {found.causes} causes; {found.mean:.1f} lines on average, {found.most} at most"
