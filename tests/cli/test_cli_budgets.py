"""`whyspend budgets` and `whyspend alerts` as a shell meets them: exit codes, stderr, files."""

import csv
import io
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.alerts.servers import receiver
from tests.cli.conftest import Run
from tests.cli.shell import command, environment
from tests.reports.spending import PRICED, place, publish, spend

from whyspend.engines.duckdb import connect

BUDGET = '[[budgets]]\nname = "all"\nperiod = "rolling 9d"\nlimit_usd = 2\n'


@pytest.fixture
def spent(home: Path) -> Path:
    """A ledger with $3 of today, and a budget of $2."""
    now = datetime.now(UTC).isoformat()
    engine = connect(threads=1)
    publish(place(home, engine, "\n" + BUDGET, now), [spend(now, "3")])
    engine.close()
    return home


def configured(home: Path, text: str) -> None:
    (home / "whyspend.toml").write_text(PRICED + text, encoding="utf-8")


def test_a_broken_budget_exits_with_1_and_a_kept_one_with_0(whyspend: Run, spent: Path) -> None:
    assert whyspend("budgets").code == 1
    configured(spent, BUDGET.replace("= 2", "= 20"))
    assert whyspend("budgets").code == 0


def test_a_candidate_is_a_gate_too_and_a_backtest_is_none(whyspend: Run, spent: Path) -> None:
    assert whyspend("budgets", "--limit", "1", "--period", "rolling 3d").code == 1
    assert whyspend("budgets", "--limit", "1", "--period", "rolling 3d", "--backtest", "9d").code == 0


def test_json_and_csv_have_the_exact_figures(whyspend: Run, spent: Path) -> None:
    (row,) = json.loads(whyspend("budgets", "--format", "json").out)["rows"]
    assert (row["budget"], row["status"], row["spent_usd"], row["limit_usd"], row["share"]) == (
        "all",
        "over",
        3,
        2,
        1.5,
    )
    (line,) = csv.DictReader(io.StringIO(whyspend("budgets", "--format", "csv").text))
    assert (line["spent_usd"], line["share"]) == ("3", "1.5")
    assert "projected" not in line  # an estimate is no part of a history


def test_a_broken_budget_carries_its_drivers_in_text_and_json(whyspend: Run, spent: Path) -> None:
    found = json.loads(whyspend("budgets", "--format", "json").out)
    assert found["drivers"] == [
        {"budget": "all", "value": "", "kind": "dearest", "driver": "rag-search, dollar-1: $3.00"}
    ]
    assert (
        "all is over, 150 % of its limit, most of it rag-search, dollar-1: $3.00." in whyspend("budgets").text
    )
    configured(spent, BUDGET.replace("= 2", "= 20"))
    assert "drivers" not in json.loads(whyspend("budgets", "--format", "json").out)


def test_notify_tells_once_and_narrates_on_stderr(whyspend: Run, spent: Path) -> None:
    with receiver() as slack:
        configured(spent, BUDGET + f'[alerts.team]\ntype = "slack"\nurl = "{slack.base}/x"\n')
        first, second = whyspend("budgets", "--notify"), whyspend("budgets", "--notify")
    assert (first.code, second.code) == (1, 1)
    assert "Told team: over_budget: all is over its budget" in first.err
    assert "Nothing new to tell." in second.err
    assert len(slack.received) == 1
    assert b"Told" not in first.out


def test_a_dry_run_prints_what_would_be_sent(whyspend: Run, spent: Path) -> None:
    configured(spent, BUDGET + '[alerts.team]\ntype = "slack"\nurl = "http://127.0.0.1:9/secret-path"\n')
    result = whyspend("budgets", "--notify", "--dry-run")
    assert result.code == 1
    assert "Would tell team: over_budget: all is over its budget" in result.err
    assert "More: whyspend report --by model" in result.err


def test_a_channel_that_cannot_be_reached_exits_with_3_without_its_address(
    whyspend: Run, spent: Path
) -> None:
    with receiver((403, {}, b"invalid_token")) as slack:
        configured(spent, BUDGET + f'[alerts.team]\ntype = "slack"\nurl = "{slack.base}/secret-path"\n')
        result = whyspend("budgets", "--notify")
    assert result.code == 3
    assert "channel team: Slack did not take the message" in result.err
    assert "secret-path" not in result.err


def test_a_channel_that_is_set_up_wrong_exits_with_2_and_the_other_is_told(
    whyspend: Run, spent: Path
) -> None:
    with receiver() as slack:
        configured(
            spent,
            f'{BUDGET}[alerts.a]\ntype = "slack"\nurl = "env:NOT_SET"\n'
            f'[alerts.b]\ntype = "slack"\nurl = "{slack.base}/x"\n',
        )
        result = whyspend("budgets", "--notify")
        assert result.code == 2
        assert "channel a: whyspend.toml line" in result.err
        assert len(slack.received) == 1


def test_a_limit_however_small_is_answered(whyspend: Run, spent: Path) -> None:
    configured(spent, '[[budgets]]\nname = "all"\nperiod = "rolling 9d"\nlimit_usd = 1e-20\n')
    result = whyspend("budgets", "--format", "json")
    assert (result.code, result.err) == (1, "")
    assert json.loads(result.out)["rows"][0]["status"] == "over"


def test_alerts_test_sends_a_sample_to_each_channel_or_to_one(whyspend: Run, spent: Path) -> None:
    with receiver() as good, receiver((400, {}, b"no")) as bad:
        configured(
            spent,
            f'[alerts.a]\ntype = "slack"\nurl = "{good.base}/x"\n[alerts.b]\ntype = "webhook"\nurl = "{bad.base}/y"\n',
        )
        assert whyspend("alerts", "test", "a").code == 0
        result = whyspend("alerts", "test")
        assert (result.code, result.text) == (3, "a: took the sample\n")
        assert "b: The webhook did not take the message" in result.err
        assert whyspend("alerts", "test", "nobody").code == 2
        assert "This is a test" in good.received[0].json["text"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[[budgets]]\nname = "a"',
            "[[budgets]] entry 1 (a): it has no limits. Give exactly one of limit_usd",
        ),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nlimit_calls = 1', "entry 1 (a): it has 2 limits"),
        ("[[budgets]]\nlimit_usd = 1", "[[budgets]] entry 1: budgets: 'name' is missing"),
        ('[[budgets]]\nname = " "\nlimit_usd = 1', "entry 1 ( ): name is empty"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 0', "limit_usd must be a number above 0"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1e16', "above 0, and at most 10^15"),
        ('[[budgets]]\nname = "a"\nlimit_calls = "2"', "entry 1 (a): budgets.limit_calls: expected a whole"),
        ('[[budgets]]\nname = "a"\nlimit_usd = nan', "limit_usd must be a number above 0"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nperiod = "yearly"', "'yearly' is not a period"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nwarn_at = [80]', "warn_at holds shares of the limit"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nwhere = { day = "1" }', "a condition cannot look at day"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nwhere = { x = [] }', "empty list"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\neach = "x!"', "ends in '!'"),
        ('[[budgets]]\nname = "a"\nlimit_usd = 1\nlimt = 1', "unknown key 'limt'"),
        (
            '[[budgets]]\nname = "a"\nlimit_usd = 1\n[[budgets]]\nname = "a"\nlimit_usd = 2',
            "entry 1 has the same name",
        ),
        ('[alerts.x]\nurl = "y"', "channel 'x' needs a type"),
        ('[alerts.x]\ntype = "slak"', "'slak' is not a type of channel. Did you mean 'slack'?"),
        (
            '[alerts.x]\ntype = "slack"\nonly = ["spikes"]',
            "'spikes' is not a kind of alert. Did you mean 'spike'?",
        ),
        ('[alerts.x]\ntype = "slack"\nonly = "spike"', "must be a list"),
        ('[alerts.x]\ntype = "slack"\nremind_hours = -1', "remind_hours of channel 'x'"),
        ("[spikes]\nfloor_usd = -1", "floor_usd must be a number"),
        ("[spikes]\nspikey = true", "unknown key 'spikey'"),
    ],
)
def test_a_bad_entry_is_one_line_that_names_it(whyspend: Run, home: Path, text: str, message: str) -> None:
    (home / "whyspend.toml").write_text(text, encoding="utf-8")
    result = whyspend("budgets")
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert message in result.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ('secrt = "x"', "unknown option 'secrt' of channel 'x'. Did you mean 'secret'?"),
        ("url = 5", "url of channel 'x': expected text, got a whole number."),
        (
            'url = "env:NOT_SET"',
            "url of channel 'x' needs the environment variable NOT_SET, which is not set.",
        ),
        ('secret = "env:lower-case-secret"', "channel 'x' needs the environment variable named there"),
        ('secret = "s"', "channel 'x' needs url. Write url = ... below [alerts.x]."),
    ],
)
def test_a_bad_option_of_a_channel_is_told_with_its_line(
    whyspend: Run, home: Path, option: str, message: str
) -> None:
    (home / "whyspend.toml").write_text(f'[alerts.x]\ntype = "webhook"\n{option}\n', encoding="utf-8")
    result = whyspend("alerts", "test")
    assert result.code == 2
    assert message in result.err
    assert "whyspend.toml line" in result.err


def test_a_secret_that_is_written_out_is_warned_of_and_never_shown(whyspend: Run, spent: Path) -> None:
    configured(spent, '[alerts.x]\ntype = "pagerduty"\nrouting_key = "0123456789secret"\n')
    result = whyspend("budgets")
    assert "routing_key of channel 'x' is written out" in result.err
    assert "0123456789secret" not in result.err + result.text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--dry-run"], "--dry-run goes with --notify"),
        (["--notify", "--limit", "2"], "--notify is for the configured budgets"),
        (["--where", "env=x"], "belong to a budget that is tried"),
    ],
)
def test_options_that_do_not_go_together(whyspend: Run, spent: Path, args: list[str], message: str) -> None:
    result = whyspend("budgets", *args)
    assert (result.code, message in result.err) == (2, True)


def test_a_full_disk_is_no_reason_to_tell_nobody(spent: Path) -> None:
    with receiver() as slack, Path("/dev/full").open("w") as full:
        configured(spent, BUDGET + f'[alerts.team]\ntype = "slack"\nurl = "{slack.base}/x"\n')
        done = subprocess.run(
            command("budgets", "--notify"),
            cwd=spent, env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert len(slack.received) == 1


def test_where_stdout_is_closed_the_exit_code_still_speaks(spent: Path) -> None:
    line = ["sh", "-c", '"$@" >&-', "sh", *command("budgets")]
    done = subprocess.run(line, cwd=spent, env=environment(), stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"")
