"""docs/daily.md: the cron line is run, the systemd units are checked."""

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.alerts.servers import receiver
from tests.reports.spending import PRICED, place, publish, spend

from whyspend.engines.duckdb import connect

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "daily.md").read_text(encoding="utf-8")
FOLDER = "/srv/costs"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def costs(tmp_path: Path) -> Path:
    """The folder of the page: a program, a configuration, a secret, and a ledger of ten days."""
    folder = tmp_path / "costs"
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    program = binaries / "whyspend"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" -m whyspend "$@"\n')
    program.chmod(0o755)
    today = datetime.now(UTC)
    engine = connect(threads=1)
    days = [f"{today - timedelta(days=n):%Y-%m-%d}" for n in range(10)]
    publish(
        place(folder, engine, "", today.isoformat()),
        [spend(f"{day} 00:00", "1") for day in days],
        since=days[-1],
    )
    engine.close()
    (folder / "whyspend.toml").write_text(
        PRICED
        + '[sources.demo]\ntype = "demo"\n[alerts.team]\ntype = "slack"\nurl = "env:SLACK_WEBHOOK_URL"\n'
    )
    return folder


def test_the_cron_line_runs_in_the_bare_environment_of_cron(costs: Path) -> None:
    [line] = _blocks("crontab")[0].splitlines()
    assert "%" not in line  # cron would end the line there
    minute, hour, *rest, command = line.split(maxsplit=5)
    assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*"] * 3)
    (costs / "secrets.env").write_text("SLACK_WEBHOOK_URL='https://hooks.example/a b'\n")
    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace(FOLDER, str(costs))],
            env={"PATH": "/usr/bin:/bin", "HOME": str(costs)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "budgets ·" in done.stdout
    days = [
        row.split(",")[0] for row in (costs / "costs.csv").read_text().splitlines()[1:] if "rag-search" in row
    ]
    assert len(days) == len(set(days)) == 7


def test_the_weekly_line_sends_the_week(costs: Path) -> None:
    [line] = _blocks("crontab")[1].splitlines()
    *_, weekday, command = line.split(maxsplit=5)
    assert weekday == "1"
    with receiver() as slack:
        (costs / "secrets.env").write_text(f"SLACK_WEBHOOK_URL='{slack.base}/x'\n")
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace(FOLDER, str(costs))],
            env={"PATH": "/usr/bin:/bin", "HOME": str(costs)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, len(slack.received)) == (0, 1), done.stderr
    assert "$7.00 in these 7 days" in (costs / "digest.txt").read_text()


def test_the_secrets_end_in_a_file_that_only_its_owner_reads(costs: Path) -> None:
    [script] = _blocks("sh")
    subprocess.run(["/bin/sh", "-c", script.replace(FOLDER, str(costs))], check=True, timeout=10)
    assert (costs / "secrets.env").stat().st_mode & 0o077 == 0
    assert not [block for block in _blocks("ini") + _blocks("crontab") if "API_KEY" in block]


def test_the_units_are_what_systemd_takes(costs: Path) -> None:
    (costs / "secrets.env").write_text("LANGSMITH_API_KEY=x\n")
    paths = []
    for block in _blocks("ini"):
        name = block.split("\n", 1)[0].rsplit("/", 1)[1]
        paths.append(costs / name)
        paths[-1].write_text(block.replace(FOLDER, str(costs)), encoding="utf-8")
    units = {path.name: _unit(path) for path in paths}
    service, timer = units["whyspend.service"]["Service"], units["whyspend.timer"]
    assert service["Type"] == "oneshot"
    assert service["ExecStart"].startswith(f"{service['WorkingDirectory']}/.venv/bin/whyspend daily ")
    assert service["ReadWritePaths"] == service["WorkingDirectory"]
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"
    weekly = units["whyspend-digest.service"]["Service"]
    assert weekly["ExecStart"] == f"{weekly['WorkingDirectory']}/.venv/bin/whyspend digest --notify"
    assert "Restart" not in weekly
    assert units["whyspend-digest.timer"]["Timer"]["OnCalendar"].startswith("Mon ")
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *map(str, paths)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        # It also looks at the units of this machine, which are not ours to judge.
        assert not [line for line in done.stderr.splitlines() if "whyspend" in line], done.stderr


def _unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys are not lower case
    parser.read(path, encoding="utf-8")
    return parser
