"""From LangSmith runs to cost by feature, in one command, as a user runs it: processes, HTTP, files."""

import csv
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.langsmith_server import KEY, Fault, LangSmith
from tests.loopback.pulling import START, four_days
from tests.loopback.traffic import MARKER, Traffic

from whyspend.pricing.view import COMPLETION, PROMPT

DAYS = ["--since", "2026-03-02", "--until", "2026-03-05"]


@pytest.fixture(scope="module")
def runs() -> Traffic:
    return four_days()


@pytest.fixture
def server(runs: Traffic) -> Iterator[LangSmith]:
    kinds = ("429", "500", "repeat", "drop", "malformed")
    faults = [Fault(kind, after=3 + 4 * at, seconds=0.05) for at, kind in enumerate(kinds)]
    with LangSmith(projects=runs.projects, faults=faults) as running:
        running.hold(runs.runs)
        yield running


def whyspend(folder: Path, server: LangSmith | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "whyspend", *arguments],
        cwd=folder,
        env=environment(server),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment(server: LangSmith | None) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LANGSMITH", "LANGCHAIN"))
    }
    return kept | ({"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": server.url} if server else {})


def configured(folder: Path, server: LangSmith) -> None:
    # A limit of our own, so that the tests need not wait for LangSmith's.
    (folder / "whyspend.toml").write_text(
        '[sources.prod]\ntype = "langsmith"\nrequests_per_10s = 5000\n', encoding="utf-8"
    )


def answer(folder: Path, *arguments: str) -> dict[str, Any]:
    done = whyspend(folder, None, "report", *DAYS, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def true_features(runs: Traffic) -> dict[str, dict[str, int]]:
    """Calls and tokens by feature, from what the generator knows, not from what we read."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    traces: dict[str, list[Any]] = defaultdict(list)
    trace_of = {run.id: run.trace_id for run in runs.runs}
    for truth in runs.truth.values():
        feature = truth.dimensions[0][0] or "untagged"
        usage = truth.usage
        row = sums[feature]
        row["calls"] += 1
        row["input_tokens"] += sum(usage.get(name, 0) for name in PROMPT)
        row["output_tokens"] += sum(usage.get(name, 0) for name in COMPLETION)
        row["cache_read_tokens"] += sum(
            usage.get(name, 0) for name in PROMPT if name.startswith("cache_read")
        )
        row["cache_write_tokens"] += sum(
            usage.get(name, 0) for name in PROMPT if name.startswith("cache_write")
        )
        row["reasoning_tokens"] += usage.get("reasoning_tokens", 0)
        traces[trace_of[truth.call_id]].append((truth.started, truth.call_id, feature))
    for calls in traces.values():
        sums[min(calls)[2]]["requests"] += 1
    return {feature: dict(row) for feature, row in sums.items()}


def shown_features(folder: Path) -> dict[str, dict[str, int]]:
    wanted = ("calls", "requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens",
              "reasoning_tokens")  # fmt: skip
    return {row["feature"]: {name: row[name] for name in wanted} for row in answer(folder)["rows"]}


def full(truth: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {feature: {"requests": 0, **row} for feature, row in truth.items()}


def test_pulled_twice_and_killed_once_the_ledger_is_the_servers_runs(
    tmp_path: Path, server: LangSmith, runs: Traffic
) -> None:
    configured(tmp_path, server)
    server.faults.append(Fault("slow", times=10_000, seconds=0.2))
    process = subprocess.Popen(
        [sys.executable, "-m", "whyspend", "pull", *DAYS],
        cwd=tmp_path,
        env=environment(server),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    manifest = tmp_path / ".whyspend" / "manifest.json"
    deadline = time.monotonic() + 30
    while not manifest.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.faults.pop()
    for _ in range(2):
        done = whyspend(tmp_path, server, "pull", *DAYS)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
    assert shown_features(tmp_path) == full(true_features(runs))
    assert "untagged" in shown_features(tmp_path)
    verified = whyspend(tmp_path, None, "ledger", "verify")
    assert verified.returncode == 0, verified.stderr
    assert f"{len(runs.truth):,} calls" in verified.stdout


def test_nothing_of_a_prompt_or_an_answer_is_on_disk(
    tmp_path: Path, server: LangSmith, runs: Traffic
) -> None:
    configured(tmp_path, server)
    assert whyspend(tmp_path, server, "pull", *DAYS).returncode == 0
    plain = tmp_path / "plain"
    plain.mkdir()
    _write_uncompressed(tmp_path / ".whyspend", plain)
    texts = [
        path for folder in (tmp_path / ".whyspend", plain) for path in folder.rglob("*") if path.is_file()
    ]
    assert len(texts) > 8
    assert any(b"rag-search" in path.read_bytes() for path in plain.iterdir()), (
        "the search would find plain text"
    )
    assert not [path for path in texts if MARKER.encode() in path.read_bytes()]
    assert not [path for path in texts if KEY.encode() in path.read_bytes()]


def _write_uncompressed(ledger: Path, folder: Path) -> None:
    """Compressed files would hide a text from a search."""
    import duckdb

    for number, path in enumerate(ledger.rglob("*.parquet")):
        duckdb.execute(f"COPY (FROM '{path}') TO '{folder}/{number}.json' (FORMAT json)")


@pytest.mark.parametrize("version", ["v1", "bare v1"])
def test_the_same_runs_through_v1_give_the_same_report(
    tmp_path: Path, server: LangSmith, runs: Traffic, version: str
) -> None:
    ours = {}
    for name, lacks_v2 in (("v2", False), (version, True)):
        folder = tmp_path / name
        folder.mkdir()
        with LangSmith(projects=runs.projects, lacks_v2=lacks_v2, bare=name.startswith("bare")) as running:
            running.hold(runs.runs)
            configured(folder, running)
            done = whyspend(folder, running, "pull", *DAYS)
            assert done.returncode == 0, done.stderr
        ours[name] = answer(folder, "--by", "feature,model,env,user_tier,day")
        ours[name]["trust"].pop("complete_until")
    assert ours["v2"] == ours[version]


def test_the_tutorials_table_is_one_command_and_tomorrow_is_appended_below_one_header(
    tmp_path: Path, server: LangSmith, runs: Traffic
) -> None:
    configured(tmp_path, server)
    assert whyspend(tmp_path, server, "pull", *DAYS).returncode == 0
    for day in ("2026-03-02", "2026-03-03"):
        done = whyspend(
            tmp_path,
            None,
            "report",
            "--since",
            day,
            "--until",
            day,
            "--format",
            "csv",
            "-o",
            "usage.csv",
            "--append",
        )
        assert done.returncode == 0, done.stderr
    lines = (tmp_path / "usage.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == (
        "since,until,feature,calls,requests,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,"
        "reasoning_tokens,cost_usd,unpriced_calls"
    )
    assert sum(line.startswith("since,") for line in lines) == 1
    rows = list(csv.DictReader(lines))
    assert {row["since"] for row in rows} == {"2026-03-02", "2026-03-03"}
    first_day = [truth for truth in runs.truth.values() if truth.started < START + timedelta(days=1)]
    assert sum(int(row["calls"]) for row in rows if row["since"] == "2026-03-02") == len(first_day)


def held(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.name, path.stat().st_mtime_ns) for path in (folder / ".whyspend").rglob("*.parquet"))


def live(folder: Path) -> list[str]:
    manifest = json.loads((folder / ".whyspend" / "manifest.json").read_text(encoding="utf-8"))
    return [file["path"] for file in manifest["files"]]


def test_a_second_pull_changes_nothing_and_says_so(tmp_path: Path, server: LangSmith) -> None:
    configured(tmp_path, server)
    assert whyspend(tmp_path, server, "pull", *DAYS).returncode == 0
    before = held(tmp_path)
    done = whyspend(tmp_path, server, "pull", *DAYS)
    assert done.returncode == 0, done.stderr
    assert " 0 new or changed" in done.stderr
    assert held(tmp_path) == before


def test_pulling_everything_again_ends_with_the_same_files(tmp_path: Path, server: LangSmith) -> None:
    configured(tmp_path, server)
    assert whyspend(tmp_path, server, "pull", *DAYS).returncode == 0
    before = live(tmp_path)
    done = whyspend(tmp_path, server, "pull", *DAYS, "--full")
    assert done.returncode == 0, done.stderr
    assert live(tmp_path) == before


def test_a_key_that_is_refused_is_one_line_and_exit_code_3(tmp_path: Path, server: LangSmith) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "whyspend", "pull"],
        cwd=tmp_path,
        env=environment(server) | {"LANGSMITH_API_KEY": "lsv2_wrong_secret"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert "LANGSMITH_API_KEY" in done.stderr
    assert "lsv2_wrong_secret" not in done.stderr
