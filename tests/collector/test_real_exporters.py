"""What OpenTelemetry's real exporters send, and LangSmith's SDK as one, is in the report, call by call."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.collector.running import Serving, environment, report, serving, within

ROOT = Path(__file__).parents[2]
ROUNDS = 20
SECRET = "the-secret-words-of-a-prompt"
KEY = "the-key-of-the-collector"


def told(server: Serving) -> dict[str, str]:
    """The variables that the collector tells to set for OpenTelemetry, each with a key instead of the hint at it."""
    until = time.monotonic() + 5
    while len(found := dict(re.findall(r"export (OTEL_\w+)=(.*)\n", server.text))) < 3:
        assert time.monotonic() < until, server.text
        time.sleep(0.05)
    return {name: value.replace("YOUR_COLLECTOR_KEY", KEY) for name, value in found.items()}


def play(script: list[str], **settings: str) -> None:
    done = subprocess.run(
        [sys.executable, *script],
        env=environment(PYTHONPATH=str(ROOT / "src"), **settings),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def nothing_of_a_prompt(folder: Path, server: Serving) -> None:
    assert SECRET not in server.text
    held = [path for path in folder.rglob("*") if path.is_file()]
    assert held and not [path for path in held if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("exporter", ["protobuf", "json"])
@pytest.mark.parametrize("packing", ["gzip", "none"])
def test_calls_tokens_and_owners_of_the_exporters_are_exact(
    tmp_path: Path, exporter: str, packing: str
) -> None:
    options = ("--api-key", "env:COLLECTOR_KEY")
    with serving(tmp_path, *options, COLLECTOR_KEY=KEY) as server:
        settings = {**told(server), "OTEL_EXPORTER_OTLP_COMPRESSION": packing, "OTEL_SERVICE_NAME": "shop"}
        play([str(Path(__file__).with_name("tracer.py")), exporter, str(ROUNDS), SECRET], **settings)
        rows = within(20, tmp_path, 3 * ROUNDS, "feature", "model", "project")
        assert server.end() == 0
    assert report(tmp_path, "feature", "model", "project") == rows
    assert {
        (row["feature"], row["model"], row["project"]): (
            row["calls"],
            row["input_tokens"],
            row["output_tokens"],
        )
        for row in rows
    } == {
        ("chat", "gpt-4o-mini", "shop"): (ROUNDS, 10 * ROUNDS, 2 * ROUNDS),
        ("chat", "text-embedding-3-small", "shop"): (ROUNDS, 5 * ROUNDS, 0),
        ("untagged", "gpt-4o-mini", "shop"): (ROUNDS, 10 * ROUNDS, 2 * ROUNDS),
    }
    assert all(row["unpriced_calls"] == 0 for row in rows)
    nothing_of_a_prompt(tmp_path, server)
