"""The collector of a ledger is no source for that ledger: a pull from it would count each call twice."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.collector.running import Serving, environment, llm_run, report, send, serving, within


def run(folder: Path, server: Serving, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command in the terminal in which the application ran."""
    return subprocess.run(
        [sys.executable, "-m", "whyspend", *arguments, "--ledger", "led"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(LANGSMITH_ENDPOINT=server.address, LANGSMITH_API_KEY="local"),
        timeout=120,
    )


def host(server: Serving) -> str:
    return server.address.removeprefix("http://")


@pytest.mark.parametrize("command", ["pull", "daily"])
def test_a_pull_from_the_collector_of_the_same_ledger_is_refused(tmp_path: Path, command: str) -> None:
    with serving(tmp_path) as server:
        assert send(server.address, [llm_run(number) for number in range(20)]) == 202
        before = within(10, tmp_path, 20)
        done = run(tmp_path, server, command)
        assert done.returncode == 2
        assert f"{host(server)} is the collector of this very ledger" in done.stderr
        assert "Unset LANGSMITH_ENDPOINT" in done.stderr
        assert "Traceback" not in done.stderr
        assert report(tmp_path) == before


def test_doctor_names_it_as_a_problem(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        done = run(tmp_path, server, "doctor")
    assert done.returncode == 1
    assert f"PROBLEM  {host(server)} is the collector of this very ledger" in done.stdout


def test_a_collector_says_which_ledger_it_is_of_and_not_where_it_lies(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        with serving(tmp_path) as server:
            said.append(httpx2.get(f"{server.address}/info").json()["whyspend"])
    with serving(tmp_path / "other") as server:
        other = httpx2.get(f"{server.address}/info").json()["whyspend"]
    assert said[0] == said[1] != other
    assert (tmp_path / "led" / "id").read_text().strip() == said[0]["ledger"]
    assert str(tmp_path) not in json.dumps(said)
