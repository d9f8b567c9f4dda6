"""What the processes of test_ledger_processes.py do; run as `python -m tests.ledger.processes ROLE LEDGER ...`.

Commit number k of a writer gives each of its calls k input tokens, on all of DAYS, and moves its watermark to k.
So whatever a reader sees, all calls of a writer must agree with each other, day by day, and with its watermark:
half a commit, a lost one, or one that counts twice cannot look like that.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.ledger.calls import DIMENSIONS, at, call

from whyspend.engines.duckdb import connect
from whyspend.ledger import Ledger, Writer
from whyspend.model import Batch, Call

CALLS = 3
"""Of each writer and day."""


def numbered(writer: str, number: int, days: int) -> list[Call]:
    """The calls of one commit."""
    return [
        call(f"{writer}-{day}-{n}", at("12:00", day) + n, name=writer, input_tokens=number)
        for day in range(days)
        for n in range(CALLS)
    ]


def write(
    root: Path,
    writer: str,
    commits: int,
    days: int,
    source: str = "prod",
    grace: float = 30,
    segment: int | None = None,
) -> None:
    """Make commits 1 to `commits`, or go on from where an earlier process was killed."""
    engine = connect(threads=1)
    ledger = Ledger(root)
    done = ledger.snapshot().manifest.watermarks.get(source, {}).get(writer, 0)
    publisher: Writer = ledger.writer(engine, source, DIMENSIONS, grace=grace, segment=segment)
    for number in range(done + 1, done + commits + 1):
        publisher.add(Batch(calls=numbered(writer, number, days)))
        publisher.commit({writer: number})
    engine.close()


def look(root: Path, engine: Any, days: int) -> dict[str, int]:
    """Read the ledger once; writer -> the commit that is seen. Raises AssertionError if it is not a whole one."""
    snapshot = Ledger(root).snapshot()
    marks = {key: mark for source in snapshot.manifest.watermarks.values() for key, mark in source.items()}
    span = snapshot.span
    if span is None:
        assert not marks
        return {}
    first, last = span
    relation = snapshot.between(first, last.replace(year=last.year + 1)).relation(engine, DIMENSIONS)
    rows = engine.rows(
        f"SELECT name, day, count(*), sum(input_tokens), sum(request_root) FROM {relation} GROUP BY 1, 2"
    )
    expected = [(name, CALLS, CALLS * mark, CALLS) for name, mark in marks.items() for _ in range(days)]
    found = sorted((name, calls, int(tokens), int(roots)) for name, _, calls, tokens, roots in rows)
    assert found == sorted(expected), (found, marks)
    return marks


def read(root: Path, reads: int, days: int, until: int, pause: float) -> None:
    """Read at least so often, and until every writer's last commit is seen; print how often."""
    engine = connect(threads=1)
    done = 0
    seen: dict[str, int] = {}
    while done < reads or len(seen) < 2 or min(seen.values()) < until:
        now = look(root, engine, days)
        assert all(now[name] >= mark for name, mark in seen.items()), (seen, now)
        seen = now
        done += 1
        time.sleep(pause)
    engine.close()
    sys.stdout.write(f"{done}\n")


def be_killed(root: Path, times: int, days: int, seed: int, segment: int = 0) -> None:
    """Kill a writer that often, at random instants; after each, the ledger must show a whole commit.

    Forked, for a new interpreter each time would take longer than what is to be tested.
    """
    rng = random.Random(seed)
    seen = 0
    for _ in range(times):
        writer = os.fork()
        if writer == 0:
            write(root, "w", 10**6, days, segment=segment or None)
        time.sleep(rng.uniform(0, 1.2))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        seen = _in_a_child(root, days, seen)
    sys.stdout.write(f"{seen}\n")


def _in_a_child(root: Path, days: int, seen: int) -> int:
    """Look from a process of its own, for one that has opened an engine should not fork; the commit it sees."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        engine = connect(threads=1)
        os.write(writing, str(look(root, engine, days).get("w", 0)).encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    now = int(os.read(reading, 20) or -1) if status == 0 else -1
    os.close(reading)
    os.close(writing)
    assert now >= seen, (now, seen, status)
    return now


def crash(root: Path, step: int, days: int, segment: int = 0) -> None:
    """End without any clean-up before the step-th change to the file system of a second commit."""
    write(root, "w", 1, days, grace=0, segment=segment or None)
    left = [step]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir") or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if changes and str(root) in str(arguments[0]) and ".lock" not in str(arguments[0]):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)

    sys.addaudithook(count)
    write(root, "w", 1, days, grace=0, segment=segment or None)
    os._exit(0)


def refuse(root: Path, times: int, days: int) -> None:
    """Commit where nothing may be renamed over a file, and over the manifest only after some attempts."""
    left = [times]

    def refuse_it(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(arguments[1]).exists():
            assert str(arguments[1]).endswith("manifest.json"), arguments
            left[0] -= 1
            if left[0] >= 0:
                raise PermissionError(13, "is open elsewhere")

    sys.addaudithook(refuse_it)
    write(root, "w", 3, days)


def main(role: str, root: Path, *arguments: str) -> None:
    roles: dict[str, Any] = {
        "write": write, "read": read, "be_killed": be_killed, "crash": crash, "refuse": refuse,
    }  # fmt: skip
    roles[role](root, *map(_plain, arguments))


def _plain(argument: str) -> str | int | float:
    if argument.isalpha():
        return argument
    return float(argument) if "." in argument else int(argument)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
