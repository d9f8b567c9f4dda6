"""`python -m bench.worlds [--worlds N] [--seed S] [--missed]`: judge the explanation, and print one table."""

import argparse

from bench.worlds.dollars import METHODS
from bench.worlds.judge import Lines, Scores, Share, judged

WORLDS = 200


def main() -> int:
    """Judge and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.worlds", description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS, help="How many worlds.")
    parser.add_argument("--seed", type=int, default=0, help="Of the first world; the others follow.")
    parser.add_argument("--missed", action="store_true", help="Each cause that no line says.")
    given = parser.parse_args()
    found = judged(given.worlds, given.seed)
    print(table(found))
    if given.missed:
        print("\nmissed without drift", *found.lines_still.missed, sep="\n  ")
        print("\nmissed with drift", *found.lines_drifting.missed, sep="\n  ")
    return 0


def table(found: Scores) -> str:
    """The figures as plain text."""
    wide = 30
    rows = [
        f"{found.worlds} worlds from seed {found.seed}: dollars on the right driver and segment",
        f"{'':{wide}}" + "".join(f"{name:>14}" for name in METHODS),
        _row("by call site, no drift", found.still, wide),
        _row("by call site, drift", found.drifting, wide),
        _row("by feature alone, drift", found.feature, wide),
        *(
            f"{'  ' + kind:{wide}}" + "".join(f"{methods[name]:14.3f}" for name in METHODS)
            for kind, methods in found.by_kind.items()
        ),
        "",
        "Shapley                          all    median world    worst tenth",
        *(
            f"{name:{wide}}{share.all:6.3f}{share.median:14.3f}{share.tenth:14.3f}"
            for name, share in _spreads(found).items()
        ),
        "",
        "lines                         causes   found  of dollars   lines  at most  rest <= 10 %",
        _lines("no drift", found.lines_still, wide),
        _lines("drift", found.lines_drifting, wide),
        "",
        _quiet(found),
    ]
    return "\n".join(rows)


def _row(name: str, shares: dict[str, Share], wide: int) -> str:
    return f"{name:{wide}}" + "".join(f"{shares[method].all:14.3f}" for method in METHODS)


def _spreads(found: Scores) -> dict[str, Share]:
    first = METHODS[0]
    return {
        "by call site, no drift": found.still[first],
        "  windows of other lengths": found.lengths,
        "by call site, drift": found.drifting[first],
        "by feature alone, drift": found.feature[first],
        "  retries named as more calls": found.feature_more_calls,
    }


def _lines(name: str, found: Lines, wide: int) -> str:
    return (
        f"{name:{wide}}{found.causes:6}{found.found:8.3f}{found.found_dollars:12.3f}{found.mean:8.2f}{found.most:9}"
        f"{found.rest_small:14.3f}"
    )


def _quiet(found: Scores) -> str:
    return (
        f"called within normal variation: {found.normal:.3f} of worlds without a cause, "
        f"{found.normal_with_causes:.3f} of those with causes"
    )


if __name__ == "__main__":
    raise SystemExit(main())
