"""The real langsmith SDKs ask a running collector, unchanged."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.collector.reading.ledgers import Answers
from tests.collector.running import Serving, environment, serving

from whyspend.collector.reading import ids

ROOT = Path(__file__).parents[3]
OLDEST = ROOT / ".venv-oldest" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

pytestmark = pytest.mark.slow  # processes that import the SDK


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Serving]:
    with serving(folder) as found:
        yield found


def said(python: str, script: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, str(Path(__file__).with_name(script)), *arguments],
        env=environment(LANGSMITH_TRACING="false"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout, parse_float=Decimal)
    return found


def in_chat(asked: Answers, **more: Any) -> list[dict[str, Any]]:
    return asked.every(session=[ids.of_project("chat")], **more)


def expected(run: dict[str, Any]) -> list[Any]:
    metadata = run["extra"]["metadata"]
    counted = metadata.get("usage_metadata", {}).get("input_tokens")
    return [
        run["id"],
        metadata.get("feature"),
        run["total_cost"],
        run["total_tokens"],
        counted,
        run["start_time"],
    ]


@pytest.mark.parametrize("python", ["newest", "oldest"])
def test_an_sdk_finds_runs_projects_and_statistics(server: Serving, asked: Answers, python: str) -> None:
    if python == "oldest" and not OLDEST.exists():
        pytest.skip("no environment with the oldest clients: make test makes it")
    found = said(str(OLDEST) if python == "oldest" else sys.executable, "asker.py", server.address)
    runs = in_chat(asked, run_type="llm")
    assert [_plain(run) for run in found["runs"]] == [_plain(expected(run)) for run in runs]
    assert found["tagged"] == [
        run["id"] for run in in_chat(asked) if run["extra"]["metadata"].get("feature") == "chat"
    ]
    assert len(found["two"]) == 2
    assert found["by id"] == [runs[3]["id"]]
    assert _plain(found["read"]) == _plain(expected(runs[3]))
    assert found["by project id"]
    assert found["projects"] == ["agents", "chat", "nightly", "o'brien's"]
    whole = in_chat(asked)
    cost = sum(Decimal(run["total_cost"]) for run in whole if run["total_cost"])
    name, count, said_cost, tokens = found["project"]
    assert (name, count, tokens) == ("chat", len(whole), sum(run["total_tokens"] or 0 for run in whole))
    assert float(said_cost) == float(cost)
    assert found["stats"]["run_count"] == len(runs)
    assert found["no runs yet"] == []


def test_version_2_answers_both_clients_of_the_newest_sdk(server: Serving, asked: Answers) -> None:
    found = said(sys.executable, "asker_v2.py", server.address, ids.of_project("chat"))
    runs = in_chat(asked, run_type="llm")
    for ways in (found["async"], found["sync"]):
        assert [run[:2] + run[3:] for run in ways] == [
            [run["id"], run["extra"]["metadata"].get("feature"), run["total_tokens"]] for run in runs
        ]
        costs = [None if run[2] is None else float(run[2]) for run in ways]
        assert costs == [None if run["total_cost"] is None else float(run["total_cost"]) for run in runs]


def test_the_snippets_of_the_tutorial_say_what_the_report_says(
    server: Serving, asked: Answers, tmp_path: Path
) -> None:
    found = said(sys.executable, "tutorial.py", server.address, str(tmp_path / "costs.csv"))
    place = asked.place
    table = place.ask(
        "report", place.window("2026-10-27", "2026-11-02"), where=("kind=llm",), by=("feature",)
    )
    names = [column.name for column in table.columns]
    report = {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}
    assert {
        name: (row["calls"], row["input"], row["output"], Decimal(row["cost"]), row["unpriced"])
        for name, row in found["totals"].items()
    } == {
        name: (
            row["calls"],
            row["input_tokens"],
            row["output_tokens"],
            row["cost_usd"] or 0,
            row["unpriced_calls"],
        )
        for name, row in report.items()
    }
    with (tmp_path / "costs.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["feature"]: Decimal(row["cost_usd"]) for row in csv.DictReader(file)}
    assert rows == {name: row["cost_usd"] or 0 for name, row in report.items()}
    assert found["over"] == ["chat"]


def _plain(run: list[Any]) -> list[Any]:
    """A run with its cost as a number: the SDKs write the same one with more or fewer zeros."""
    return [*run[:2], None if run[2] is None else Decimal(run[2]), *run[3:]]
