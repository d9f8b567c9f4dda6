"""Real processes that write and read at once, and that are killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.ledger.calls import DIMENSIONS, all_files
from tests.ledger.processes import look

from whyspend.engines.duckdb import DuckDB
from whyspend.ledger import Ledger

ROOT = Path(__file__).parents[2]


def start(role: str, root: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.processes", role, str(root), *map(str, arguments)],
        cwd=ROOT, text=True,
        # A process that is killed leaves its folder for temporary files.
        env=os.environ | {"PYTHONPATH": f"{ROOT}/src", "TMPDIR": str(root.parent)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finished(process: subprocess.Popen[str], expected: int = 0) -> str:
    out, err = process.communicate(timeout=280)
    assert (process.returncode, err) == (expected, "")
    return out


@pytest.mark.slow
def test_two_pull_and_three_report_over_500_commits_without_an_error_or_a_wrong_number(
    ledger: Ledger, engine: DuckDB
) -> None:
    writers = [start("write", ledger.root, name, 250, 2) for name in ("a", "b")]
    readers = [start("read", ledger.root, 334, 2, 250, 0.1) for _ in range(3)]
    for writer in writers:
        finished(writer)
    reads = sum(int(finished(reader)) for reader in readers)
    assert reads >= 1_000
    assert look(ledger.root, engine, 2) == {"a": 250, "b": 250}
    assert ledger.snapshot().manifest.revision == 500
    assert list(ledger.faults(engine)) == []


@pytest.mark.slow
def test_two_sources_are_pulled_at_once(ledger: Ledger, engine: DuckDB) -> None:
    writers = [
        start("write", ledger.root, name, 25, 2, source) for name, source in (("a", "prod"), ("b", "other"))
    ]
    for writer in writers:
        finished(writer)
    assert look(ledger.root, engine, 2) == {"a": 25, "b": 25}
    assert {file.source: file.rows for file in ledger.snapshot().manifest.files} == {"prod": 3, "other": 3}


@pytest.mark.slow
@pytest.mark.parametrize(("segment", "kills", "least"), [(0, 50, 20), (2, 20, 3)])
def test_killed_at_random_instants_the_ledger_shows_the_old_total_or_the_new(
    segment: int, kills: int, least: int, ledger: Ledger, engine: DuckDB
) -> None:
    commits = int(finished(start("be_killed", ledger.root, kills, 2, 1, segment)))
    assert commits >= least
    assert look(ledger.root, engine, 2) == {"w": commits}
    assert all(fault.harmless for fault in ledger.faults(engine))
    ledger.compact(engine, DIMENSIONS, grace=0)
    assert list(ledger.faults(engine)) == []
    assert look(ledger.root, engine, 2) == {"w": commits}


@pytest.mark.slow
@pytest.mark.parametrize("segment", [0, 2])
def test_a_crash_before_any_step_of_a_commit_leaves_the_old_total_or_the_new(
    segment: int, tmp_path: Path, engine: DuckDB
) -> None:
    """Every rename, removal and opened file of a commit is a step; the replaced files have no grace here."""
    seen = []
    for step in range(1, 60):
        ledger = Ledger(tmp_path / f"{step}")
        process = start("crash", ledger.root, step, 2, segment)
        process.communicate(timeout=60)
        seen.append(look(ledger.root, engine, 2)["w"])
        assert all(fault.harmless for fault in ledger.faults(engine))
        before = ledger.snapshot().manifest
        assert len(before.files) == (4 if segment else 2)
        ledger.compact(engine, DIMENSIONS, grace=0)
        assert list(ledger.faults(engine)) == []
        assert look(ledger.root, engine, 2)["w"] == seen[-1]
        assert segment or ledger.snapshot().manifest.files == before.files
        if process.returncode == 0:
            break
        assert process.returncode == 9
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (1, 2)
    assert len(seen) > 6


def test_nothing_but_the_manifest_is_renamed_over_and_that_can_wait_for_its_readers(
    ledger: Ledger, engine: DuckDB
) -> None:
    """As Windows does it, which refuses to replace a file that somebody has open."""
    finished(start("refuse", ledger.root, 5, 2))
    assert look(ledger.root, engine, 2) == {"w": 3}
    assert not [name for name in all_files(ledger) if name.endswith(".tmp")]
