"""`whyspend digest` as a shell meets it: what is sent where, exit codes, files."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.alerts.servers import receiver
from tests.alerts.slack_api import CHANNEL, TOKEN, slack
from tests.alerts.smtp import Mailbox, served
from tests.cli.conftest import Run
from tests.cli.shell import command, environment
from tests.reports.spending import PRICED, place, publish, spend

from whyspend.charts import png
from whyspend.engines.duckdb import connect

HOOK = '[alerts.{name}]\ntype = "webhook"\nurl = "{url}"\n{more}\n'
PAGER = '[alerts.oncall]\ntype = "pagerduty"\nrouting_key = "env:PAGER_KEY"\n{more}\n'


@pytest.fixture
def spent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with $3 of each of the last ten days."""
    monkeypatch.setenv("PAGER_KEY", "0123456789")
    now = datetime.now(UTC)
    engine = connect(threads=1)
    days = [now - timedelta(days=ago) for ago in range(1, 11)]
    publish(place(home, engine, "", now.isoformat()), [spend(f"{day:%Y-%m-%d} 09:00", "3") for day in days])
    engine.close()
    return home


def configured(home: Path, text: str) -> None:
    (home / "whyspend.toml").write_text(PRICED + text, encoding="utf-8")


def test_it_goes_to_every_channel_that_can_and_whose_only_lets_it(whyspend: Run, spent: Path) -> None:
    with receiver() as all_, receiver() as named, receiver() as other:
        configured(
            spent,
            HOOK.format(name="all", url=all_.base, more="")
            + HOOK.format(name="named", url=named.base, more='only = ["digest"]')
            + HOOK.format(name="other", url=other.base, more='only = ["spike"]')
            + PAGER.format(more=""),
        )
        result = whyspend("digest", "--notify")
    assert (result.code, len(all_.received), len(named.received), len(other.received)) == (0, 1, 1, 0)
    assert "Sent to all." in result.err and "Sent to named." in result.err
    assert result.text.splitlines()[1] == "$21.00 in these 7 days."
    assert all_.received[0].json["digest"]["headline"][0] == "$21.00 in these 7 days."


def test_a_channel_that_only_gets_digests_gets_no_alerts(whyspend: Run, spent: Path) -> None:
    budget = '[[budgets]]\nname = "all"\nperiod = "rolling 9d"\nlimit_usd = 2\n'
    with receiver() as server:
        configured(spent, budget + HOOK.format(name="lead", url=server.base, more='only = ["digest"]'))
        whyspend("budgets", "--notify")
        assert server.received == []


def test_to_names_a_channel_whatever_it_usually_gets(whyspend: Run, spent: Path) -> None:
    with receiver() as one, receiver() as other:
        configured(
            spent,
            HOOK.format(name="one", url=one.base, more='only = ["spike"]')
            + HOOK.format(name="other", url=other.base, more=""),
        )
        assert whyspend("digest", "--notify", "--to", "one").code == 0
        assert (len(one.received), len(other.received)) == (1, 0)
        assert (
            "no channel named 'on'. Did you mean 'one'?" in whyspend("digest", "--notify", "--to", "on").err
        )


def test_a_channel_that_cannot_says_so_in_one_line(whyspend: Run, spent: Path) -> None:
    said = "The channel oncall takes no digest: its type pagerduty cannot show one."
    for more, arguments in (("", ("--to", "oncall")), ('only = ["digest"]', ())):
        configured(spent, PAGER.format(more=more))
        result = whyspend("digest", "--notify", *arguments)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert said in result.err
    configured(spent, PAGER.format(more=""))
    result = whyspend("digest", "--notify")
    assert (result.code, result.err) == (
        0,
        "No channel gets digests, so nobody is told. Add one to whyspend.toml: [alerts.team].\n",
    )


def test_a_dry_run_sends_nothing_and_says_what_it_would(whyspend: Run, spent: Path) -> None:
    with receiver() as server:
        configured(spent, HOOK.format(name="team", url=server.base, more=""))
        result = whyspend("digest", "--notify", "--dry-run")
        assert (result.code, server.received) == (0, [])
    assert "Would send to team: $21.00 in these 7 days." in result.err


def test_a_channel_that_is_away_exits_with_3_and_the_others_are_told(
    whyspend: Run, spent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver((404, {}, b"gone")) as gone, receiver() as here:
        configured(
            spent,
            HOOK.format(name="gone", url=gone.base, more="")
            + HOOK.format(name="here", url=here.base, more="")
            + '[alerts.wrong]\ntype = "slack"\ntoken = "x"\n',
        )
        result = whyspend("digest", "--notify")
        assert (result.code, len(here.received)) == (3, 1)
        assert "channel gone: The webhook did not take the message" in result.err
        assert "channel wrong: The Slack channel needs url" in result.err
        configured(spent, '[alerts.wrong]\ntype = "slack"\ntoken = "x"\n')
        assert whyspend("digest", "--notify").code == 2


def test_after_a_failure_only_those_get_it_that_did_not(whyspend: Run, spent: Path) -> None:
    box = Mailbox()
    with receiver((404, {}, b"no_team"), (200, {}, b"ok")) as slack_, served(box) as port:
        configured(
            spent,
            f'[alerts.team]\ntype = "slack"\nurl = "{slack_.base}"\n'
            f'[alerts.mail]\ntype = "email"\nhost = "127.0.0.1"\nport = {port}\n'
            'security = "plain"\nsender = "costs@example.com"\nto = "leads@example.com"\n',
        )
        first = whyspend("digest", "--notify")
        assert (first.code, len(slack_.received), len(box.mails)) == (3, 1, 1)
        planned = whyspend("digest", "--notify", "--dry-run")
        assert "Would send to team: " in planned.err and "mail has it since " in planned.err
        second = whyspend("digest", "--notify")
        assert (second.code, len(slack_.received), len(box.mails)) == (0, 2, 1)
        assert "Sent to team." in second.err and "--again sends it once more." in second.err
        third = whyspend("digest", "--notify", "--to", "mail")
        assert (third.code, len(slack_.received), len(box.mails)) == (0, 2, 1)
        whyspend("digest", "--notify", "--again")
        assert (len(slack_.received), len(box.mails)) == (3, 2)


def test_another_digest_is_not_the_one_that_was_sent(whyspend: Run, spent: Path) -> None:
    with receiver() as server:
        configured(spent, HOOK.format(name="team", url=server.base, more=""))
        for count, arguments in enumerate(
            ((), ("--since", "3d"), ("--timezone", "Asia/Tokyo"), ("--where", "feature=rag-search")), start=1
        ):
            for _ in range(2):
                assert whyspend("digest", "--notify", *arguments).code == 0
            assert len(server.received) == count


def test_who_got_one_with_missing_days_gets_the_whole_one_once_they_are_there(
    whyspend: Run, home: Path
) -> None:
    now, engine = datetime.now(UTC), connect(threads=1)
    days = [f"{now - timedelta(days=ago):%Y-%m-%d}" for ago in range(1, 15)]
    where = place(home, engine, "", now.isoformat())
    publish(where, [spend(f"{day} 09:00", "3") for day in days[3:]], since=days[-1], upto=days[2])
    with receiver() as server:
        configured(home, HOOK.format(name="team", url=server.base, more=""))
        for count, upto in ((1, ""), (2, f"{now:%Y-%m-%d}")):
            if upto:
                publish(where, [spend(f"{day} 09:00", "3") for day in days[:3]], since=days[-1], upto=upto)
            for _ in range(2):
                assert whyspend("digest", "--notify").code == 0
            assert len(server.received) == count
    engine.close()
    missing, whole = (each.json["digest"]["headline"][0] for each in server.received)
    assert missing.startswith("The data ends ") and whole.startswith("$21.00 in these 7 days")


def test_two_that_are_started_together_send_one(spent: Path) -> None:
    with receiver() as server:
        configured(spent, HOOK.format(name="team", url=server.base, more=""))
        started = [
            subprocess.Popen(
                command("digest", "--notify"), cwd=spent, env=environment(), stdout=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        assert [each.wait(60) for each in started] == [0, 0]
    assert len(server.received) == 1


def test_a_damaged_note_of_who_got_it_is_an_error_with_a_way_out(whyspend: Run, spent: Path) -> None:
    with receiver() as server:
        configured(spent, HOOK.format(name="team", url=server.base, more=""))
        whyspend("digest", "--notify")
        note = spent / ".whyspend" / "state" / "digests.json"
        note.write_text("{")
        result = whyspend("digest", "--notify")
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert "delete it, and they are sent once more" in result.err
        note.unlink()
        assert whyspend("digest", "--notify").code == 0
    assert len(server.received) == 2


def test_slack_and_mail_get_the_picture(whyspend: Run, spent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    box = Mailbox()
    with slack() as app, served(box) as port:
        configured(
            spent,
            f'[alerts.app]\ntype = "slack"\ntoken = "env:SLACK_BOT_TOKEN"\nchannel = "{CHANNEL}"\n'
            f'endpoint = "{app.endpoint}"\n[alerts.mail]\ntype = "email"\nhost = "127.0.0.1"\nport = {port}\n'
            'security = "plain"\nsender = "costs@example.com"\nto = "leads@example.com"\n',
        )
        result = whyspend("digest", "--notify", "--format", "json", "-o", "digest.json")
    assert (result.code, result.out) == (0, b"")
    ((_, picture),) = app.messages[0]["files"]
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and len(picture) > 5_000
    ((_, mail),) = box.mails
    pictures = [
        part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == "image/png"
    ]
    assert picture in pictures
    assert json.loads((spent / "digest.json").read_text())["sections"][0]["total"]["cost_usd"] == 21


def test_without_what_draws_pictures_it_is_sent_without_them(
    whyspend: Run, spent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    assert png  # what would draw
    with receiver() as server:
        configured(spent, f'[alerts.team]\ntype = "slack"\nurl = "{server.base}"\n')
        result = whyspend("digest", "--notify")
    assert (result.code, len(server.received)) == (0, 1)
    assert "It is sent without pictures. Pictures as PNG need resvg. Install it" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "team"), "--to goes with --notify."),
        (("--dry-run",), "--dry-run goes with --notify."),
        (("--again",), "--again goes with --notify."),
        (("--format", "csv"), "'csv' is not one of 'html', 'json', 'markdown', 'text'"),
        (("--since", "2026-11-09", "--until", "2026-11-08"), "--since 2026-11-09 is after --until"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    whyspend: Run, spent: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = whyspend("digest", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (2, b"", 1)
    assert said in result.err


def commands(digest: str) -> Iterator[str]:
    """What a digest in JSON tells its reader to type: after "Next", below each section, and for itself."""
    told = json.loads(digest)
    for line in told["headline"]:
        if line.startswith("Next: ") and ": whyspend " in line:
            yield line[line.index(": whyspend ") + 2 :]
    yield from (section["command"] for section in told["sections"])
    yield told["command"]


@pytest.mark.parametrize(
    ("calls", "more", "following"),
    [
        (("3", "9", "rag-search", "dollar-1"), (), "whyspend explain --driver 1 "),
        (("3", "3", "rag-search", "unheard-of"), (), "whyspend prices unpriced --since "),
        (("3", "3", "rag-search", "unheard-of"), ("--timezone", "Asia/Tokyo"), "whyspend prices unpriced "),
        (("3", "9", "a b'c", "dollar-1"), ("--where", "feature=a b*"), "whyspend explain --driver 1 "),
    ],
)
def test_every_command_that_a_digest_names_runs_as_it_stands(
    whyspend: Run, home: Path, calls: tuple[str, str, str, str], more: tuple[str, ...], following: str
) -> None:
    before, after, feature, model = calls
    now = datetime.now(UTC)
    engine = connect(threads=1)
    publish(
        place(home, engine, "", now.isoformat()),
        [
            spend(f"{now - timedelta(days=ago):%Y-%m-%d} 09:00", usd, feature, model=name)
            for ago in range(1, 29)
            for usd, name in ((after if ago < 8 else before, model), ("1", "dollar-1"))
        ],
    )
    engine.close()
    told = list(commands(whyspend("digest", *more, "--format", "json").text))
    assert told[0].startswith(following) and len(told) >= 6
    for line in told:
        result = whyspend(*shlex.split(line)[1:])
        assert (result.code, result.err) == (0, ""), line
