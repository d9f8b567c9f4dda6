"""`python -m bench [SUBJECT ...] [--rows N]`: measure, compare with the bars, and write the table of the docs."""

import argparse
import importlib
import os
import sys
from pathlib import Path

from bench import writeup
from bench.bars import bar_of
from bench.measure import Measured

SUBJECTS = (
    "startup",
    "pull",
    "report",
    "pricing",
    "guards",
    "explain",
    "worlds",
    "repull",
    "size",
    "quote",
    "collector",
    "dashboard",
)
ROWS = 10_000_000


def main() -> int:
    """Run the subjects; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure speed and size, as ratios in one run."
    )
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help=f"Of: {', '.join(SUBJECTS)}. Default: all."
    )
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="Calls of the synthetic ledger; fewer for a quick look."
    )
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"there is no subject {', '.join(sorted(unknown))}; there is: {', '.join(SUBJECTS)}")
    folder = Path(os.environ.get("BENCH_DIR", "build/bench")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Measured] = []
    for subject in given.subjects or SUBJECTS:
        for figure in importlib.import_module(f"bench.{subject}").measured(given.rows, folder):
            found.append(figure)
            print(_line(figure), flush=True)
    if not given.subjects and given.rows == ROWS:
        writeup.write(found)
    return 1 if any(_missed(figure) for figure in found) else 0


def _missed(figure: Measured) -> bool:
    bar = bar_of(figure.name)
    return bar is not None and not bar.holds(figure)


def _line(figure: Measured) -> str:
    limit, state = writeup.limit_and_state(figure)
    return f"{state:<6}  {writeup.amount(figure):>10}  {limit:>14}  {figure.name}\n{'':36}{figure.detail}"


if __name__ == "__main__":
    sys.exit(main())
