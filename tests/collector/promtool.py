"""Prometheus' own tool, which judges metrics, rules and queries."""

import os
import shutil
from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[2] / "build" / "debian"


def promtool() -> str:
    """Where it is; the test is skipped where it is not, but in CI it must be there."""
    known = shutil.which("promtool") or shutil.which("promtool", path=str(UNPACKED / "usr" / "bin"))
    if not known:
        why = "there is no promtool; on Debian or Ubuntu: scripts/debian build/debian prometheus"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    return known
