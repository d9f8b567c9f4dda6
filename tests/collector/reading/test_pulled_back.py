"""A ledger that is pulled from its own collector is the same ledger: every report says the same."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from tests.collector.reading.gateway import old_api
from tests.collector.reading.ledgers import SETTINGS
from tests.collector.running import Serving, environment, serving

REPORTS = ("feature,env", "model,provider", "name", "kind", "project", "metadata.region", "metadata.attempt", "day",
           "thread_id", "release", "status", "trace_id")  # fmt: skip


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Serving]:
    with serving(folder) as found:
        yield found


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "whyspend", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(LOCAL_KEY="local"),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def said(folder: Path, by: str) -> dict[str, Any]:
    """What a report says, but for when the data is complete and where it came from."""
    days = ("--since", "2026-10-01", "--until", "2026-11-30")
    answer: dict[str, Any] = json.loads(
        run(folder, "report", *days, "--by", by, "--format", "json"), parse_float=str
    )
    return {
        "rows": answer["rows"],
        "total": answer["total"],
        "trust": answer["trust"] | {"complete_until": None},
        "notes": [
            note for note in answer["notes"] if not re.search("complete|pulled|Nothing is known after", note)
        ],
    }


@pytest.mark.parametrize("version", ["v2", "v1"])
def test_every_report_on_what_was_pulled_back_is_the_same(
    server: Serving, folder: Path, tmp_path: Path, version: str
) -> None:
    with old_api(server.address) if version == "v1" else nullcontext(server.address) as address:
        source = f"""
[sources.again]
type = "langsmith"
endpoint = "{address}"
api_key = "env:LOCAL_KEY"
requests_per_10s = 5000
"""
        (tmp_path / "whyspend.toml").write_text(SETTINGS + source)
        run(tmp_path, "pull", "again", "--since", "2026-10-30", "--until", "2026-11-02")
    for by in REPORTS:
        assert said(tmp_path, by) == said(folder, by), by
