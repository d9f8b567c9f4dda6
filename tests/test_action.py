"""The GitHub Action: its files are what GitHub takes, and its shell steps do what the page says."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from ruamel.yaml import YAML
from tests.loopback.actions_runner import ROOT, Ran, Runner
from tests.loopback.github_comments import LISTED, Comments, comments
from tests.reports.spending import PRICED, place, publish, spend

from whyspend.engines.duckdb import connect
from whyspend.model import Call

ACTION = ROOT / "action.yml"
WORKFLOWS = [
    *sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    ROOT / "docs" / "examples" / "whyspend.yml",
]
PINNED = re.compile(r"uses: ([\w-]+/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")
OURS = "whyspend/whyspend"
NOW = datetime.now(UTC)
MARKER = "<!-- whyspend: whyspend -->"
BUDGET = '[[budgets]]\nname = "all"\nperiod = "rolling 9d"\nlimit_usd = 1000\n'
BROKEN = BUDGET.replace("1000", "2")
DEMO = '[sources.demo]\ntype = "demo"\n'
HOSTILE = (
    "::error title=x::injected",
    "\n::stop-commands::x\n::set-output name=code::0",
    "##[error]injected",
    "<script>alert(1)</script>",
    "<img src=x> *bold* @here [a](http://evil.example)",
    "%0A::error::x",
    "\x1b[31mred\u202e",
    "-->\n<!-- whyspend: other -->",
    "$(touch pwned) `touch pwned` ';touch pwned;'",
)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job with a work tree, and a ledger in it: $1 a day and feature in each of the last ten days."""
    days = [NOW - timedelta(days=n) for n in range(10)]
    return _job(
        tmp_path, [spend(f"{day:%Y-%m-%d} 00:00", "1", name) for day in days for name in ("chat", "rag")]
    )


def _job(folder: Path, calls: Sequence[Call]) -> Path:
    work = folder / "work"
    work.mkdir()
    engine = connect(threads=1)
    opened = place(work, engine, "\n" + BUDGET, NOW.isoformat())
    publish(opened, calls, since=f"{NOW - timedelta(days=10):%Y-%m-%d}")
    engine.close()
    _configure(folder, BUDGET)
    return folder


def _configure(job: Path, tables: str) -> None:
    (job / "work" / "whyspend.toml").write_text(PRICED + tables, encoding="utf-8")


def _rows(ran: Ran) -> list[dict[str, str]]:
    with Path(ran.outputs["steps.report.outputs.csv"]).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# The files


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_is_what_githubs_schema_asks_for(path: Path) -> None:
    schema = "vendor.github-actions" if path == ACTION else "vendor.github-workflows"
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_action_is_pinned_to_a_commit_and_says_which_release_that_is(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        found = PINNED.search(line)
        assert found or line.endswith("uses: ./"), line
        # Nobody knows the commit of a release before it is made: the page says to put it in.
        assert not found or (found[2] == "0" * 40) == (found[1] == OURS), line


def test_no_script_is_made_of_inputs() -> None:
    for path in (ACTION, *WORKFLOWS):
        for step in _steps(YAML(typ="safe").load(path.read_text(encoding="utf-8"))):
            assert "${{" not in step.get("run", ""), f"{path.name}: {step['run']}"


def test_no_workflow_may_more_than_it_needs() -> None:
    for path in WORKFLOWS:
        workflow = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        assert "pull_request_target" not in workflow["on"]
        granted = [
            workflow["permissions"],
            *(job.get("permissions", {}) for job in workflow["jobs"].values()),
        ]
        may_write = {name for each in granted for name, level in each.items() if level == "write"}
        assert may_write <= {"pull-requests"}


def test_the_job_of_a_pull_request_gets_no_secret() -> None:
    text = (ROOT / "docs" / "examples" / "whyspend.yml").read_text(encoding="utf-8")
    job = YAML(typ="safe").load(text)["jobs"]["comment"]
    assert "secrets." not in str(job)
    assert job["steps"][-1]["with"] == {"pull": "false", "notify": "false"}


def test_the_shell_scripts_pass_shellcheck() -> None:
    scripts = ["install.sh", "daily.sh", "report.sh"]
    beside = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run(
        [
            str(beside),
            "-x",
            "scripts/environment",
            "scripts/debian",
            *(f"scripts/action/{name}" for name in scripts),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert all(os.access(ROOT / "scripts" / "action" / name, os.X_OK) for name in scripts)


def test_every_input_and_output_is_on_the_page() -> None:
    action = YAML(typ="safe").load(ACTION.read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "daily.md").read_text(encoding="utf-8")
    for name, each in action["inputs"].items():
        default = each["default"]
        assert f"| `{name}` |" in page
        assert "$" in default or not default or f"| `{name}` | `{default}` |" in page, name
    assert all(f"`{name}`" in page for name in action["outputs"])


def _steps(document: Any) -> list[Any]:
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


# A morning


def test_a_morning_ends_with_a_summary_a_csv_file_and_the_ledger_kept(job: Path) -> None:
    _configure(job, BUDGET + DEMO)
    ran = Runner(job).run()
    assert (ran.code, ran.commands) == (0, [])
    assert "## Cost of LLM calls" in ran.summary
    assert "| `chat` |" in ran.summary
    assert "| `all` | `ok` |" in ran.summary
    assert "**coverage" in ran.summary
    ours = [(row["day"], row["cost_usd"]) for row in _rows(ran) if row["feature"] == "chat"]
    week = [NOW - timedelta(days=n) for n in range(7, -1, -1)]
    assert ours == [(f"{day:%Y-%m-%d}", "1") for day in week]
    kept = ran.used["Keep the ledger"]
    assert kept == {"path": ".whyspend", "key": "whyspend-11-1"}
    assert ran.used["Fetch the ledger"] == {**kept, "restore-keys": "whyspend-"}
    assert ran.outputs["steps.report.outputs.csv"] in ran.used["Keep the CSV file"]["path"]
    assert "Comment on the pull request" not in ran.steps


def test_a_broken_budget_is_1_at_the_very_end(job: Path) -> None:
    _configure(job, BROKEN + '[alerts.log]\ntype = "github"\nsummary = "env:GITHUB_STEP_SUMMARY"\n')
    with comments() as github:
        ran = Runner(job, api=github.base, pull_request=7).run(pull="false")
        again = Runner(job, api=github.base, pull_request=7).run(pull="false")
    assert (ran.code, again.code) == (1, 1)
    assert list(ran.steps)[-1] == "Exit code"
    assert [name for name, code in ran.steps.items() if code] == ["Exit code"]
    assert "| `all` | `over` |" in ran.summary
    assert "Keep the CSV file" in ran.used
    assert "Keep the ledger" not in ran.used  # nothing was pulled
    # The channel says it once, the action in every run.
    told, annotated = ran.commands
    assert told.startswith("::error title=Over")
    assert again.commands == [annotated]
    assert re.fullmatch(
        r"::error title=Over budget::all: \$18\.00 of \$2\.00, 900\.0 %25, .+", again.commands[0]
    )
    assert [request.split()[0] for request in github.requests] == ["GET", "POST", "GET", "PATCH"]
    [body] = github.bodies("github-actions[bot]")
    assert body.startswith(f"{MARKER}\n## Cost of LLM calls\n")
    assert "**coverage" in body
    assert "https://github.com/acme/product/actions/runs/11" in body


def test_a_source_that_is_away_is_3_and_the_rest_still_happens(job: Path) -> None:
    _configure(job, BROKEN)
    with comments() as server:  # not LangSmith: it refuses the key
        ran = Runner(job, env={"LANGSMITH_API_KEY": "lsv2-secret", "LANGSMITH_ENDPOINT": server.base}).run()
    assert ran.code == 3
    assert ran.outputs["steps.report.outputs.code"] == "3"
    assert "source langsmith" in ran.log
    assert "lsv2-secret" not in ran.log + ran.summary
    assert "| `chat` |" in ran.summary
    assert "Keep the ledger" in ran.used


def test_a_wrong_setup_is_2_and_says_where_to_look(job: Path) -> None:
    (job / "work" / "whyspend.toml").write_text("nonsense = true\n")
    ran = Runner(job).run()
    assert ran.code == 2
    assert "nonsense" in ran.log
    assert "There is no answer. The log of the job says why." in ran.summary


def test_a_ledger_that_is_not_there_yet_is_filled_from_the_first_day_asked_for(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "whyspend.toml").write_text(DEMO)
    day = datetime(2026, 11, 20, tzinfo=UTC)  # within the demo's history
    ran = Runner(tmp_path).run(since=f"{day:%Y-%m-%d}", ledger="costs", cache="false")
    assert ran.code == 0
    assert re.search(r"demo: read [1-9][\d,]* calls", ran.log)
    assert (tmp_path / "work" / "costs").is_dir()
    assert not {"Fetch the ledger", "Keep the ledger"} & ran.used.keys()


def test_a_ledger_whose_first_filling_failed_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    _configure(tmp_path, '[sources.x]\ntype = "langsmith"\napi_key = "env:NOT_SET"\n' + DEMO)
    ran = Runner(tmp_path).run()
    assert ran.code == 2
    assert "Keep the CSV file" in ran.used
    assert "Keep the ledger" not in ran.used


def test_a_pull_request_needs_no_secret_and_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    _configure(
        tmp_path,
        BUDGET
        + '[sources.x]\ntype = "langsmith"\napi_key = "env:NOT_SET"\n'
        + '[alerts.team]\ntype = "slack"\nurl = "env:NOT_SET_EITHER"\n',
    )
    with comments() as github:
        ran = Runner(tmp_path, api=github.base, pull_request=7).run(pull="false", notify="false")
    assert ran.code == 0, ran.log
    assert "The ledger is empty" in github.bodies("github-actions[bot]")[0]


def test_too_few_owners_are_1(job: Path) -> None:
    ran = Runner(job).run(pull="false", fail_under="100", by="day,env", artifact="", comment="false")
    assert (ran.code, "Keep the CSV file" in ran.used) == (0, False)
    assert {row["env"] for row in _rows(ran)} == {"production"}
    shutil.rmtree(job / "work")
    _job(job, [spend(f"{NOW:%Y-%m-%d} 00:00", "1", name) for name in ("chat", None)])
    ran = Runner(job).run(pull="false", fail_under="95")
    assert ran.code == 1
    assert "less than 95 %" in ran.log


def test_names_that_are_commands_markup_or_shell_do_nothing(tmp_path: Path) -> None:
    calls = [spend(f"{NOW:%Y-%m-%d} 00:00", "5", name, project=name, customer=name) for name in HOSTILE]
    job = _job(tmp_path, calls)
    each = (
        '[[budgets]]\nname = "::error::a\\nb"\neach = "customer_id"\nperiod = "rolling 2d"\nlimit_usd = 1\n'
    )
    _configure(job, each + '[sources.x]\ntype = "langsmith"\napi_key = "env:NOT_SET"\n')
    with comments() as github:
        ran = Runner(job, api=github.base, pull_request=7).run(by="feature,customer_id")
    assert ran.code == 2
    assert len(ran.commands) == len(HOSTILE)
    for line in ran.commands:
        assert re.fullmatch(r"::error title=Over budget::(?:[ -~]|\\u[0-9a-f]{4})+", line), line
    assert not list(job.rglob("pwned"))
    [body] = github.bodies("github-actions[bot]")
    assert body.startswith(f"{MARKER}\n")
    for page in (ran.summary, body.removeprefix(MARKER)):
        shown = re.sub(r"<!--.*?-->", "", MarkdownIt("gfm-like", {"linkify": False}).render(page))
        assert not re.search(r"<(script|img|a href=.http://evil)", shown)
        assert "\x1b" not in page


def test_what_is_installed_is_this_code_with_tested_versions_or_the_release_asked_for(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    for inputs in ({}, {"version": "0.1.0", "extras": "alerts"}):
        Runner(tmp_path).run("Install whyspend", **inputs)
        shutil.rmtree(tmp_path / "temp" / "whyspend")
    _, ours, _, released = (tmp_path / "temp" / "uv.log").read_text().splitlines()
    assert ours.endswith(f"-c {ROOT}/constraints.txt {ROOT}")
    assert released.endswith("/whyspend/bin/python whyspend[alerts]==0.1.0")


def test_many_broken_budgets_are_told_within_what_github_shows(tmp_path: Path) -> None:
    days = {"from": "2026-11-01", "to": "2026-11-30"}
    over = [
        {"budget": f"b{n}", "status": "over", "spent_usd": 3, "limit_usd": 2, "share": 1.5} for n in range(12)
    ]
    near = {"budget": "t", "status": "warn", "spent_usd": 0, "limit_usd": None, "share": 0.9}
    tokens = near | {"value": "acme", "tokens": 900, "limit_tokens": 1_000}
    (tmp_path / "budgets.json").write_text(json.dumps({"rows": [row | days for row in [tokens, *over]]}))
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "action" / "annotate.py"), str(tmp_path / "budgets.json")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    *broken, last, warned = done.stdout.splitlines()
    assert len(broken) == 9
    assert broken[0] == "::error title=Over budget::b0: $3.00 of $2.00, 150.0 %25, 2026-11-01 to 2026-11-30"
    assert last == "::error title=Over budget::and 3 more. See: whyspend budgets"
    assert warned.startswith("::warning title=Near the budget::t (acme): 900 of 1,000 tokens, 90.0 %25, ")


# The comment


def _comment(github: Comments, folder: Path, page: str = "# Page\n", token: str = "token-of-the-job") -> Any:
    (folder / "page.md").write_text(page, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "action" / "comment.py")],
        env={
            "GITHUB_API_URL": github.base,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "acme/product",
            "GITHUB_RUN_ID": "11",
            "GITHUB_TOKEN": token,
            "WHYSPEND_KEY": "whyspend",
            "WHYSPEND_PULL_REQUEST": "7",
            "WHYSPEND_PAGE": str(folder / "page.md"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_comment_is_found_among_many_and_nobody_elses_is_touched(tmp_path: Path) -> None:
    with comments() as github:
        github.said_by("stranger", f"{MARKER}\nmine now")
        for number in range(150):
            github.said_by("colleague", f"{number}", association="MEMBER")
        github.said_by("other[bot]", "<!-- whyspend: other -->\nof another use", is_bot=True)
        first = _comment(github, tmp_path, "# Monday\n")
        second = _comment(github, tmp_path, "# Tuesday\n")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "# Tuesday" in github.bodies("github-actions[bot]")[0]
    assert len(github.held) == 153
    assert github.bodies("stranger") == [f"{MARKER}\nmine now"]
    assert github.bodies("other[bot]") == ["<!-- whyspend: other -->\nof another use"]
    assert f"GET {LISTED}?per_page=100&page=2" in github.requests


def test_a_long_page_is_cut_at_a_line_and_says_so(tmp_path: Path) -> None:
    with comments() as github:
        done = _comment(github, tmp_path, "| 🎉 a row of the table |\n" * 5_000)
    assert done.returncode == 0
    [body] = github.bodies("github-actions[bot]")
    assert 60_000 < len(body.encode()) <= 65_536
    assert set(body.splitlines()[1:-4]) == {"| 🎉 a row of the table |"}
    assert "The rest is in the job summary." in body


@pytest.mark.parametrize("refusals", [[502], [429], [200, 503]], ids=["away", "busy", "away in between"])
def test_a_github_that_is_away_for_a_moment_gets_one_comment(refusals: list[int], tmp_path: Path) -> None:
    with comments() as github:
        github.refusals += [status for status in refusals if status != 200]
        if refusals[0] == 200:
            github.said_by("github-actions[bot]", f"{MARKER}\nold", is_bot=True)
        done = _comment(github, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert len(github.bodies("github-actions[bot]")) == 1


def test_a_github_that_stays_away_is_3(tmp_path: Path) -> None:
    with comments() as github:
        github.refusals += [429] * 3
        done = _comment(github, tmp_path)
    assert done.returncode == 3
    assert done.stdout == "::error title=No comment::GitHub answered 429. Run the job again.\n"


def test_a_token_that_may_not_write_is_a_warning(tmp_path: Path) -> None:
    with comments() as github:
        done = _comment(github, tmp_path, token="of a fork")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("::warning title=No comment::GitHub does not allow it (401).")
    assert "of a fork" not in done.stdout
