"""What the real `langsmith` SDK traces into a running collector is in the report, call by call."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from examples.model_server import ModelServer, Served, running
from tests.collector.application import INSTRUMENTATIONS
from tests.collector.models import BothHandler, told
from tests.collector.running import Serving, environment, priced, report, serving, within
from tests.tagging.receiver import receiving

ROOT = Path(__file__).parents[2]
OLDEST = ROOT / ".venv-oldest" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

ROUNDS = 3
CALLS = 11
"""Of a round; one of them is of Anthropic's client, which is not beside the oldest ones."""
SECRET = "the-secret-words-of-a-prompt"

pytestmark = pytest.mark.slow  # processes that import LangChain


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with running(ModelServer(handler=BothHandler)) as found:
        yield found


def play(
    server: Serving, models: ModelServer, how: str = "batches", python: str = sys.executable, **more: str
) -> None:
    """Run the application of the tests."""
    application = str(Path(__file__).with_name("application.py"))
    start(server, models, python, application, how, str(ROUNDS), SECRET, **more)


def start(server: Serving, models: ModelServer, python: str, *command: str, **more: str) -> None:
    """Run a program that is traced by LangSmith's SDK."""
    settings: dict[str, str] = {
        "PYTHONPATH": str(ROOT / "src"),
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "local",
        "LANGSMITH_PROJECT": "tests",
        "OPENAI_BASE_URL": models.url,
        "OPENAI_API_KEY": "not-a-key",
        "ANTHROPIC_BASE_URL": models.url.removesuffix("/v1"),
        "ANTHROPIC_API_KEY": "not-a-key",
    }
    if "LANGSMITH_RUNS_ENDPOINTS" not in more:
        settings["LANGSMITH_ENDPOINT"] = server.address
    done = subprocess.run(
        [python, *command],
        env=environment(**settings | more),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("Failed to (send|export)", done.stderr)


def exact(folder: Path, served: Sequence[Served]) -> None:
    """Every call that was served is there once: its feature, model, tokens by bucket, and cost."""
    expected = Counter(map(told, served))
    until = time.monotonic() + 10
    while (found := Counter(priced(folder))) != expected and time.monotonic() < until:
        time.sleep(0.5)
    assert (list(expected - found), list(found - expected)) == ([], [])


@pytest.mark.parametrize(
    ("how", "more"),
    [
        ("batches", {}),
        ("batches", {"LANGSMITH_DISABLE_RUN_COMPRESSION": "true"}),
        ("batch", {}),
        ("singly", {}),
        ("batches", {"LANGSMITH_OTEL_ENABLED": "true"}),
        ("batches", {"LANGSMITH_OTEL_ENABLED": "true", "LANGSMITH_OTEL_ONLY": "true"}),
    ],
    ids=[
        "multipart in zstd",
        "plain multipart",
        "JSON in batches",
        "one by one",
        "as spans too",
        "as spans alone",
    ],
)
def test_feature_tokens_and_cost_of_every_call_of_the_sdk_are_exact(
    tmp_path: Path, models: ModelServer, how: str, more: dict[str, str]
) -> None:
    with serving(tmp_path) as server:
        play(server, models, how, **more)
        assert len(models.served) == CALLS * ROUNDS
        exact(tmp_path, models.served)
        assert server.end() == 0
    exact(tmp_path, models.served)
    assert SECRET not in server.text
    held = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not held


def test_the_oldest_sdk_is_understood_too(tmp_path: Path, models: ModelServer) -> None:
    if not OLDEST.exists():
        why = "there is no .venv-oldest with the packages of tests/tagging/oldest.txt; `make test` makes it"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    with serving(tmp_path) as server:
        play(server, models, python=str(OLDEST))
        assert len(models.served) == (CALLS - 1) * ROUNDS
        exact(tmp_path, models.served)


def test_the_tee_sends_the_same_runs_to_langsmith_and_here(tmp_path: Path, models: ModelServer) -> None:
    with serving(tmp_path) as server, receiving() as langsmith:
        both = {langsmith.url: "theirs", server.address: "local"}
        play(server, models, LANGSMITH_RUNS_ENDPOINTS=json.dumps(both))
        exact(tmp_path, models.served)
    theirs = [run for run in langsmith.runs.values() if run.get("run_type") == "llm"]
    assert len(theirs) == len(models.served)


@pytest.mark.parametrize("how", INSTRUMENTATIONS)
def test_feature_tokens_and_cost_of_every_span_of_opentelemetry_are_exact(
    tmp_path: Path, models: ModelServer, how: str
) -> None:
    with serving(tmp_path) as server:
        play(server, models, how, **otlp(server))
        expected = [_as_told(how, each) for each in models.served]
        exact(tmp_path, expected)
        assert server.end() == 0
    exact(tmp_path, expected)
    assert SECRET not in server.text
    held = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert not held


def otlp(server: Serving) -> dict[str, str]:
    return {"LANGSMITH_TRACING": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": server.address}


def _as_told(how: str, served: Served) -> Served:
    """What an instrumentation says of an answer: Traceloop's counts the first token of Claude's streams twice."""
    is_poem = how == "traceloop" and served.said.startswith("poems: ")
    return replace(served, output_tokens=served.output_tokens + 1) if is_poem else served


@pytest.mark.parametrize(("example", "calls"), [("agent.py", 12), ("script.py", 4)])
def test_every_call_of_the_examples_is_there(
    tmp_path: Path, models: ModelServer, example: str, calls: int
) -> None:
    with serving(tmp_path) as server:
        start(server, models, sys.executable, str(ROOT / "examples" / example))
        assert len(models.served) == calls
        # The SDK traces no embedding.
        exact(tmp_path, [each for each in models.served if "embedding" not in each.model])


def test_the_plain_script_is_traced_by_opentelemetry_as_it_is(tmp_path: Path, models: ModelServer) -> None:
    example = [str(ROOT / "examples" / name) for name in ("with_opentelemetry.py", "script.py")]
    with serving(tmp_path) as server:
        start(server, models, sys.executable, *example, **otlp(server))
        assert len(models.served) == 4
        exact(tmp_path, models.served)


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
