"""What the real `langsmith` SDK traces into a running collector is in the report, call by call."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector.running import Serving, environment, report, serving, within
from tests.tagging.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]
OLDEST = ROOT / ".venv-oldest" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

ROUNDS = 5
SECRET = "the-secret-words-of-a-prompt"

pytestmark = pytest.mark.slow  # processes that import LangChain


@pytest.fixture
def openai_server() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def play(
    server: Serving, openai: Receiver, mode: str = "batches", python: str = sys.executable, **more: str
) -> None:
    settings = {
        "PYTHONPATH": str(ROOT / "src"),
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "local",
        "LANGSMITH_PROJECT": "tests",
        "OPENAI_BASE_URL": f"{openai.url}/v1",
        "OPENAI_API_KEY": "not-a-key",
    }
    if "LANGSMITH_RUNS_ENDPOINTS" not in more:
        settings["LANGSMITH_ENDPOINT"] = server.address
    done = subprocess.run(
        [python, str(Path(__file__).with_name("application.py")), mode, str(ROUNDS), SECRET],
        env=environment(**settings, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to send" not in done.stderr


def exact(folder: Path) -> None:
    """Every call is there once, with its tokens, and under its feature."""
    rows = within(10, folder, 4 * ROUNDS, "feature")
    assert {row["feature"]: (row["calls"], row["input_tokens"], row["output_tokens"]) for row in rows} == {
        "untagged": (ROUNDS, 10 * ROUNDS, 2 * ROUNDS),
        "batch": (ROUNDS, 10 * ROUNDS, 2 * ROUNDS),
        "chat": (2 * ROUNDS, 20 * ROUNDS, 4 * ROUNDS),
    }
    assert all(row["unpriced_calls"] == 0 for row in rows)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("batches", {}),
        ("batches", {"LANGSMITH_DISABLE_RUN_COMPRESSION": "true"}),
        ("singly", {}),
    ],
    ids=["multipart in zstd", "plain multipart", "one by one"],
)
def test_calls_tokens_and_features_of_the_sdk_are_exact(
    tmp_path: Path, openai_server: Receiver, mode: str, more: dict[str, str]
) -> None:
    with serving(tmp_path) as server:
        play(server, openai_server, mode, **more)
        exact(tmp_path)
        assert server.end() == 0
    exact(tmp_path)
    assert SECRET not in server.text
    held = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not held


def test_the_oldest_sdk_is_understood_too(tmp_path: Path, openai_server: Receiver) -> None:
    if not OLDEST.exists():
        why = "there is no .venv-oldest with the packages of tests/tagging/oldest.txt; `make test` makes it"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    with serving(tmp_path) as server:
        play(server, openai_server, python=str(OLDEST))
        exact(tmp_path)


def test_the_tee_sends_the_same_runs_to_langsmith_and_here(tmp_path: Path, openai_server: Receiver) -> None:
    with serving(tmp_path) as server:
        both = {openai_server.url: "theirs", server.address: "local"}
        play(server, openai_server, LANGSMITH_RUNS_ENDPOINTS=json.dumps(both))
        exact(tmp_path)
    theirs = [run for run in openai_server.runs.values() if run.get("run_type") == "llm"]
    assert len(theirs) == 4 * ROUNDS


def test_the_sdk_makes_and_finds_projects_and_gives_feedback(tmp_path: Path) -> None:
    code = (
        "from langsmith import Client\n"
        "import uuid, datetime\n"
        "client = Client(auto_batch_tracing=False)\n"
        "project = client.create_project('made by id')\n"
        "assert client.has_project('other')\n"
        "run_id = uuid.uuid4()\n"
        "now = datetime.datetime.now(datetime.timezone.utc)\n"
        "client.create_run(id=run_id, trace_id=run_id, name='m', run_type='llm', inputs={}, start_time=now,\n"
        "    session_id=project.id, extra={'metadata': {'ls_model_name': 'gpt-4o-mini'}})\n"
        "client.update_run(run_id, end_time=now, outputs={'usage_metadata':\n"
        "    {'input_tokens': 7, 'output_tokens': 3, 'total_tokens': 10}})\n"
        "client.create_feedback(run_id, key='good', score=1, trace_id=run_id)\n"
    )
    with serving(tmp_path) as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(LANGSMITH_ENDPOINT=f"{server.address}/api/v1", LANGSMITH_API_KEY="local"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        within(10, tmp_path, 1)
        (row,) = report(tmp_path, "project")
    assert (row["calls"], row["input_tokens"], row["output_tokens"]) == (1, 7, 3)
