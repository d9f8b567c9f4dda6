"""Requests made from the description alone, good and bad, against a running collector."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.collector.running import environment, serving

EXAMPLES = 20
"""Requests for each operation, about."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)

pytestmark = pytest.mark.slow


def test_no_request_breaks_it_and_every_answer_is_one_that_it_declares(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        command = ["run", f"{server.address}/openapi.json", "--no-color", "--suppress-health-check", "all"]
        limits = ["--max-examples", str(EXAMPLES), "--seed", "6", "--phases", "coverage,fuzzing"]
        settings = ["--config-file", str(Path(__file__).with_name("schemathesis.toml"))]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "schemathesis.cli",
                *settings,
                *command,
                *limits,
                "--checks",
                ",".join(CHECKS),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=240,
        )
        assert done.returncode == 0, done.stdout
        assert httpx2.get(f"{server.address}/healthz").text == "ok\n"
        assert server.end() == 0
    assert "Traceback" not in server.text
