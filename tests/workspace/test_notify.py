"""Who is told what, how often, and what happens when a service is away."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.alerts.hostile import TEXTS
from tests.alerts.servers import OK, Answer, Receiver, receiver
from tests.alerts.smtp import Mailbox, served
from tests.cli.shell import environment
from tests.reports.spending import at, place, publish, spend

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.errors import LedgerError
from whyspend.ledger import alerts as told
from whyspend.workspace import Workspace
from whyspend.workspace.notify import Outcome, notify, send_samples

DAILY = """
[[budgets]]
name = "rag"
where = { feature = "rag-search" }
period = "day"
limit_usd = 2
warn_at = [0.5, 0.8]
"""
QUIET = (
    "[spikes]\nspike = false\nnew_feature = false\nnew_model = false\nuntagged = false\nunpriced = false\n"
)


@dataclass
class Town:
    """Slack, PagerDuty and a mail server on loopback, and a ledger whose spend they hear of."""

    folder: Path
    engine: DuckDB
    slack: Receiver
    pagerduty: Receiver
    mails: Mailbox
    port: int
    config: str = DAILY + QUIET
    last: Outcome = field(default_factory=Outcome)

    def at(self, now: str, **options: Any) -> Workspace:
        channels = (
            f'[alerts.team]\ntype = "slack"\nurl = "{self.slack.base}/hook"\n'
            f'[alerts.oncall]\ntype = "pagerduty"\nrouting_key = "k"\nendpoint = "{self.pagerduty.base}"\n'
            f'[alerts.mail]\ntype = "email"\nhost = "127.0.0.1"\nport = {self.port}\nsecurity = "plain"\n'
            'sender = "a@example.com"\nto = "b@example.com"\n'
        )
        return place(self.folder, self.engine, "\n" + channels + self.config, now)

    def run(self, now: str, **options: Any) -> Outcome:
        self.last = notify(self.at(now), **options)
        return self.last

    def spend(self, when: str, usd: str, **more: Any) -> None:
        publish(self.at(when), [spend(when, usd, **more)])

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(each.json["event_action"], each.json["dedup_key"]) for each in self.pagerduty.received]

    @property
    def said(self) -> list[str]:
        return [each.json["text"] for each in self.slack.received]

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for _, mail in self.mails.mails]


@contextmanager
def town(
    folder: Path, engine: DuckDB, slack: Sequence[Answer] = (OK,), duty: Sequence[Answer] = (OK,)
) -> Iterator[Town]:
    mails = Mailbox()
    with receiver(*slack) as first, receiver(*duty) as second, served(mails) as port:
        yield Town(folder, engine, first, second, mails, port)


@pytest.fixture
def here(tmp_path: Path, engine: DuckDB) -> Iterator[Town]:
    with town(tmp_path, engine) as running:
        yield running


def test_a_day_that_crosses_50_80_and_100_percent_sends_three_messages_over_ten_runs(here: Town) -> None:
    amounts = ("0.4", "0.7", "0.1", "0.5", "0.1", "0.3", "0.4", "0.1", "0.1", "0.1")
    for hour, usd in enumerate(amounts, 8):
        here.spend(f"2026-11-20 {hour:02}:10", usd)
        here.run(f"2026-11-20 {hour:02}:30")
    assert len(here.said) == len(here.subjects) == 3
    assert [text.split(":")[0] for text in here.said] == ["Near the budget", "Near the budget", "Over budget"]
    assert here.events == [("trigger", "whyspend:rag:2026-11-20")]


def test_pagerduty_gets_one_trigger_and_one_resolve_with_the_same_key(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    for hour in range(9, 24, 5):
        here.run(f"2026-11-20 {hour:02}:00")
    for hour in range(0, 24, 5):
        here.run(f"2026-11-21 {hour:02}:00")
    assert here.events == [
        ("trigger", "whyspend:rag:2026-11-20"),
        ("resolve", "whyspend:rag:2026-11-20"),
    ]
    assert [text.split(":")[0] for text in here.said] == ["Over budget", "Resolved"]


def test_a_429_and_a_500_are_survived(tmp_path: Path, engine: DuckDB) -> None:
    away: Answer = (429, {"Retry-After": "0"}, b"slow down")
    broken: Answer = (500, {}, b"")
    with town(tmp_path, engine, (away, broken, OK), (broken, away, OK)) as here:
        here.spend("2026-11-20 08:00", "2.5")
        outcome = here.run("2026-11-20 09:00")
        assert outcome.failed == ()
        assert len(here.slack.received) == 3
        assert len({each.body for each in here.slack.received}) == 1
        here.run("2026-11-20 10:00")
        assert len(here.slack.received) == 3


def test_a_channel_that_fails_stops_no_other_and_is_told_by_the_next_run(
    tmp_path: Path, engine: DuckDB
) -> None:
    with town(tmp_path, engine, slack=[(404, {}, b"no_team"), (404, {}, b"no_team"), OK]) as here:
        here.spend("2026-11-20 08:00", "2.5")
        for hour in (9, 10):
            outcome = here.run(f"2026-11-20 {hour:02}:00")
            assert [each.channel for each in outcome.failed] == ["team"]
            assert "404" in outcome.failed[0].why
        assert len(here.events) == len(here.subjects) == 1
        assert here.run("2026-11-20 11:00").failed == ()
        assert [sent.channel for sent in here.last.sent] == ["team"]


def test_two_processes_started_together_send_one(tmp_path: Path, engine: DuckDB) -> None:
    with receiver() as slack:
        config = f'\n[alerts.team]\ntype = "slack"\nurl = "{slack.base}/x"\n{DAILY}{QUIET}'.replace(
            '"day"', '"rolling 9d"'
        )
        now = datetime.now().astimezone().isoformat()
        opened = place(tmp_path, engine, config, now)
        publish(opened, [spend(now, "3")])
        started = [
            subprocess.Popen(
                [sys.executable, "-m", "whyspend", "budgets", "--notify"],
                cwd=tmp_path,
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for _ in range(3)
        ]
        ended = [(process.communicate(timeout=60)[1].decode(), process.returncode) for process in started]
        assert [code for _, code in ended] == [1, 1, 1], ended
        assert len(slack.received) == 1
        assert sum("Told team: over_budget" in said for said, _ in ended) == 1


def test_a_process_that_dies_between_message_and_note_sends_again(here: Town) -> None:
    """At least once: a lost alert would be worse than a second one."""
    here.spend("2026-11-20 08:00", "2.5")

    class Died(BaseException):
        pass

    def die(_: object) -> None:
        raise Died

    with pytest.raises(Died):
        here.run("2026-11-20 09:00", on_sent=die)
    assert (len(here.said), len(here.events)) == (1, 0)
    here.run("2026-11-20 09:01")
    assert (len(here.said), len(here.events)) == (2, 1)


def test_a_second_process_that_waits_too_long_says_so(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    with told.exclusive(here.at("2026-11-20 09:00").ledger.root):
        assert here.run("2026-11-20 09:00", wait=0.05) == Outcome(busy=True)


def test_what_a_jump_over_several_thresholds_sends_is_one_message(here: Town) -> None:
    here.spend("2026-11-20 08:00", "1.7")
    here.run("2026-11-20 09:00")
    assert len(here.said) == 1
    assert "85 %" in here.said[0]


def test_a_dry_run_sends_and_remembers_nothing(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    outcome = here.run("2026-11-20 09:00", dry_run=True)
    assert sorted(sent.channel for sent in outcome.sent) == ["mail", "oncall", "team"]
    assert here.said == []
    assert told.read(here.at("2026-11-20 09:00").ledger.root) == told.State()


def test_spend_that_falls_below_the_limit_is_told_and_told_again_when_it_is_back(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    here.run("2026-11-20 09:00")
    here.config = DAILY.replace("limit_usd = 2", "limit_usd = 4") + QUIET
    here.run("2026-11-20 10:00")
    here.run("2026-11-20 10:30")
    here.config = DAILY + QUIET
    here.run("2026-11-20 11:00")
    assert [action for action, _ in here.events] == ["trigger", "resolve", "trigger"]
    assert ["Resolved" in text for text in here.said] == [False, True, False]


def test_a_budget_that_is_taken_away_closes_its_incident(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    here.run("2026-11-20 09:00")
    here.config = QUIET
    here.run("2026-11-20 10:00")
    here.run("2026-11-20 11:00")
    assert [action for action, _ in here.events] == ["trigger", "resolve"]


def test_a_resolved_message_never_reads_as_if_it_went_on(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    here.run("2026-11-20 09:00")
    here.config = DAILY.replace("limit_usd = 2", "limit_usd = 4000") + QUIET
    sent = here.run("2026-11-20 10:00").sent
    assert {each.alert.state for each in sent} == {"resolve"}
    assert all(each.alert.title.startswith("No longer: rag is over its budget") for each in sent)


def test_a_run_each_morning_tells_of_the_evening_before(here: Town) -> None:
    here.run("2026-11-20 06:00")
    here.spend("2026-11-20 20:00", "2.5")
    for day in (21, 22, 23):
        here.run(f"2026-11-{day} 06:00")
    assert len(here.said) == 1
    assert "for 2026-11-20" in here.said[0]
    assert [action for action, _ in here.events] == ["trigger", "resolve"]


def test_a_night_of_broken_hours_is_one_message(here: Town) -> None:
    here.config = DAILY.replace('"day"', '"hour"') + QUIET
    here.run("2026-11-20 18:00")
    for hour in range(19, 24):
        here.spend(f"2026-11-20 {hour}:30", "2.5")
    here.run("2026-11-21 06:00")
    here.run("2026-11-21 06:10")
    assert len(here.said) == 1


def test_a_first_run_says_nothing_of_the_past(here: Town) -> None:
    here.spend("2026-11-19 20:00", "2.5")
    assert here.run("2026-11-20 06:00").sent == ()


def test_reminders_come_as_often_as_the_channel_wants(here: Town) -> None:
    here.spend("2026-11-20 01:00", "2.5")
    here.config = (
        DAILY + QUIET + f'[alerts.x]\ntype = "slack"\nurl = "{here.slack.base}/x"\nremind_hours = 6\n'
    )
    for hour in range(2, 24, 2):
        here.run(f"2026-11-20 {hour:02}:00")
    states = [
        text.split(":")[0]
        for each in here.slack.received
        if each.path == "/x"
        for text in [each.json["text"]]
    ]
    assert states == ["Over budget", "Still", "Still", "Still"]
    assert sum(each.path == "/hook" for each in here.slack.received) == 1


def test_only_says_which_kinds_a_channel_gets(here: Town) -> None:
    here.config = (
        DAILY + QUIET + f'[alerts.x]\ntype = "slack"\nurl = "{here.slack.base}/x"\nonly = ["near_budget"]\n'
    )
    for hour, usd in ((8, "1.2"), (9, "1.2")):
        here.spend(f"2026-11-20 {hour:02}:00", usd)
        here.run(f"2026-11-20 {hour:02}:30")
    paths = [each.path for each in here.slack.received]
    assert (paths.count("/x"), paths.count("/hook")) == (2, 2)
    assert {action for action, _ in here.events} == {"trigger"}


def test_an_alert_says_what_how_much_since_when_what_it_will_come_to_and_why(here: Town) -> None:
    here.spend("2026-11-19 09:00", "0.4")
    here.spend("2026-11-20 09:20", "1.1", model="dollar-2")
    here.spend("2026-11-20 10:40", "1.4")
    outcome = here.run("2026-11-20 12:00")
    alert = next(sent.alert for sent in outcome.sent if sent.channel == "team")
    assert alert.title == "rag is over its budget for 2026-11-20: $2.50 of $2.00, $0.50 too much (125 %)."
    facts = dict(alert.facts)
    assert facts["Since"] == "2026-11-20 10:00"
    assert facts["Used"] == "$2.50 (125 %)"
    assert facts["Projected"] == "$5.00 (the rate so far)"
    assert alert.drivers == ("rag-search, dollar-1: $1.40", "rag-search, dollar-2: $1.10")
    assert alert.command == (
        "whyspend report --by model --where feature=rag-search --since 2026-11-20 --until 2026-11-20"
    )


def test_a_broken_budget_says_what_grew_and_against_what(here: Town) -> None:
    calls = [spend("2026-11-19 09:00", "0.4"), spend("2026-11-19 10:00", "0.4")]
    calls += [spend(f"2026-11-20 {hour:02}:00", "0.4") for hour in range(1, 9)]
    publish(here.at("2026-11-20 09:00"), calls, since="2026-11-01")
    outcome = here.run("2026-11-20 12:00")
    alert = next(sent.alert for sent in outcome.sent if sent.channel == "team")
    assert alert.drivers == ("+$2.40 everywhere: more requests, from 2 to 8 a day",)
    assert dict(alert.facts)["Causes"] == "of 2026-11-20 against 2026-11-19"
    assert alert.command == (
        "whyspend explain --where feature=rag-search --since 2026-11-20 --until 2026-11-20"
    )


def test_each_value_is_told_by_itself(here: Town) -> None:
    here.config = '[[budgets]]\nname = "any"\neach = "customer_id"\nlimit_usd = 2\n' + QUIET
    for name, usd in (("a", "3"), ("b", "1.7"), ("c", "0.1")):
        here.spend("2026-11-20 08:00", usd, customer=name)
    here.run("2026-11-20 09:00")
    assert here.events == [("trigger", "whyspend:any:customer_id=a:2026-11")]
    assert len(here.said) == 2
    here.spend("2026-11-20 09:30", "2", customer="c")
    here.run("2026-11-20 10:00")
    assert len(here.events) == 2


def test_a_budget_for_each_of_many_customers_is_ten_messages_not_hundreds(here: Town) -> None:
    here.config = '[[budgets]]\nname = "any"\neach = "customer_id"\nlimit_usd = 1\n' + QUIET
    when = "2026-11-20 08:00"
    publish(here.at(when), [spend(when, str(2 + n), customer=f"c{n}") for n in range(50)])
    outcome = here.run("2026-11-20 09:00")
    assert (len(here.said), len(here.events)) == (10, 10)
    assert outcome.sent[9].alert.facts[0] == ("And", "40 more like this: whyspend budgets")
    assert "customer_id c49," in here.said[0]
    assert here.run("2026-11-20 10:00").sent == ()
    here.run("2026-12-01 10:00")
    assert [action for action, _ in here.events] == ["trigger"] * 10 + ["resolve"] * 10


def test_hostile_names_are_sent_as_harmless_text(here: Town) -> None:
    here.config = '[[budgets]]\nname = "any"\neach = "feature"\nlimit_usd = 1\n' + QUIET
    names = [
        text[:256]
        for text in TEXTS
        if text.strip() and "\0" not in text and text.encode("utf-8", "ignore").decode() == text
    ]
    when = "2026-11-20 08:00"
    publish(here.at(when), [spend(when, "2", name) for name in names])
    outcome = here.run("2026-11-20 09:00")
    assert outcome.failed == ()
    assert len(here.events) == len(here.subjects) == 10 < len(set(names))
    for each in here.slack.received:
        text = each.json["text"]
        assert "<!" not in text
        assert "\x1b" not in json.dumps(each.json, ensure_ascii=False)
    assert here.run("2026-11-20 09:10").sent == ()


def test_a_channel_that_is_set_up_wrong_silences_no_other(here: Town) -> None:
    here.spend("2026-11-20 08:00", "2.5")
    here.config += '[alerts.x]\ntype = "slack"\nurl = "env:NOT_SET"\n'
    outcome = here.run("2026-11-20 09:00")
    assert [each.channel for each in outcome.failed] == ["x"]
    assert "NOT_SET" in outcome.failed[0].why
    assert len(here.said) == 1


def test_a_sample_goes_to_each_channel(here: Town) -> None:
    outcome = list(send_samples(here.at("2026-11-20 09:00"), []))
    assert outcome == [("team", None), ("oncall", None), ("mail", None)]
    assert (len(here.said), len(here.events), len(here.subjects)) == (1, 1, 1)


def test_a_damaged_note_of_what_was_told_is_an_error_with_a_way_out(here: Town) -> None:
    here.run("2026-11-20 09:00")
    root = here.at("2026-11-20 09:00").ledger.root
    (root / "state" / "alerts.json").write_text("{")
    with pytest.raises(LedgerError, match="delete it"):
        here.run("2026-11-20 09:00")
    (root / "state" / "alerts.json").write_text('{"version": 99}')
    with pytest.raises(LedgerError, match="later whyspend"):
        here.run("2026-11-20 09:00")


def test_causes_with_hostile_names_are_harmless_in_every_channel(here: Town) -> None:
    here.config = '[[budgets]]\nname = "all"\nperiod = "day"\nlimit_usd = 2\n' + QUIET
    name = "<!channel> @here *x* \x1b[31m" + "long" * 40
    calls = [spend(f"2026-11-19 {hour:02}:00", "0.1", feature) for hour in (8, 9) for feature in (name, "b")]
    calls += [spend(f"2026-11-20 {hour:02}:00", "0.5", name) for hour in range(1, 9)]
    calls += [spend(f"2026-11-20 {hour:02}:00", "0.1", "b") for hour in (1, 2)]
    publish(here.at("2026-11-20 09:00"), calls, since="2026-11-01")
    outcome = here.run("2026-11-20 12:00")
    assert outcome.failed == ()
    alert = next(sent.alert for sent in outcome.sent if sent.channel == "team")
    assert any(name in driver for driver in alert.drivers)
    (slack,) = here.slack.received
    assert b"<!channel>" not in slack.body and b"\\u001b" not in slack.body
    assert all(len(block["text"]["text"]) <= 3000 for block in slack.json["blocks"] if "text" in block)
    assert len(here.events) == len(here.subjects) == 1


def test_the_hour_that_comes_twice_is_told_with_its_offset(here: Town) -> None:
    here.config = '[[budgets]]\nname = "all"\nperiod = "hour"\nlimit_usd = 2\n' + QUIET
    publish(here.at("2026-10-25 00:45"), [spend("2026-10-25 00:30", "3")])
    where = here.at("2026-10-25 00:45")
    path = here.folder / "whyspend.toml"
    path.write_text('timezone = "Europe/Berlin"\n' + path.read_text(encoding="utf-8"), encoding="utf-8")
    berlin = Workspace(load(path, {}), now=where.now)
    berlin.engine = here.engine
    alert = notify(berlin).sent[0].alert
    assert dict(alert.facts)["Since"] == "2026-10-25 02:00+02:00"
    assert "the hour from 2026-10-25 02:00+02:00" in alert.title


# Without a budget


def history(days: int = 20) -> list[Any]:
    """$8 to $12 a day of one feature until 2026-11-19, the same every week."""
    start = at("2026-11-20 09:00") - timedelta(days=days)
    return [
        spend((start + timedelta(days=n)).isoformat(), f"{8 + (start + timedelta(days=n)).weekday() % 5}")
        for n in range(days)
    ]


@pytest.mark.parametrize(
    ("calls", "kinds"),
    [
        ([("2026-11-20 10:00", "12", "rag-search")], []),
        ([("2026-11-20 10:00", "60", "rag-search")], ["spike"]),
        ([("2026-11-20 10:00", "30", "brand-new")], ["new_feature"]),
        ([("2026-11-20 10:00", "3", "brand-new")], []),
        ([("2026-11-20 10:00", "11", None)], ["untagged"]),
    ],
)
def test_what_is_unusual_is_told_once(
    here: Town, calls: list[tuple[str, str, str | None]], kinds: list[str]
) -> None:
    here.config = "[spikes]\nstale = false\n"
    publish(here.at("2026-11-20 09:00"), history(), since="2026-10-01")
    publish(here.at("2026-11-20 09:00"), [spend(*call) for call in calls])
    outcome = here.run("2026-11-20 11:00")
    assert [sent.alert.kind for sent in outcome.sent if sent.channel == "team"] == kinds
    for hour in range(12, 24, 4):
        assert here.run(f"2026-11-20 {hour}:00").sent == ()


def test_a_spike_arrives_with_its_causes_and_with_the_command_that_shows_more(here: Town) -> None:
    here.config = "[spikes]\nstale = false\n"
    publish(here.at("2026-11-20 09:00"), history(40), since="2026-10-01")
    publish(here.at("2026-11-20 09:00"), [spend("2026-11-20 10:00", "60", "rag-search") for _ in range(2)])
    outcome = here.run("2026-11-20 11:00")
    alert = next(sent.alert for sent in outcome.sent if sent.channel == "team")
    assert 0 < len(alert.drivers) <= 3
    assert all(driver.startswith("+$") and "rag-search" not in driver for driver in alert.drivers)
    assert dict(alert.facts)["Causes"] == "against the average of the weeks before"
    assert alert.command == (
        "whyspend explain --since 2026-11-20 --until 2026-11-20 --where feature=rag-search --against last-week"
    )


def test_what_is_planned_is_no_news(here: Town) -> None:
    planned = """
[[planned]]
name = "launch"
from = 2026-11-20
to = 2026-11-22
where = { feature = "rag-*" }
"""
    here.config = f"[spikes]\nstale = false\n{planned}"
    publish(here.at("2026-11-20 09:00"), history(), since="2026-10-01")
    publish(here.at("2026-11-20 09:00"), [spend("2026-11-20 10:00", "60", "rag-search")])
    assert here.run("2026-11-20 11:00").sent == ()
    here.config = here.config.replace("rag-*", "chat")
    assert {sent.alert.kind for sent in here.run("2026-11-20 11:30").sent} == {"spike"}


def test_every_kind_can_be_switched_off(here: Town) -> None:
    here.config = QUIET + "stale = false\n"
    publish(here.at("2026-11-20 09:00"), history(), since="2026-10-01", upto="2026-11-01")
    publish(
        here.at("2026-11-20 09:00"),
        [spend("2026-11-20 10:00", "90", name) for name in ("rag-search", "new", None)],
    )
    publish(here.at("2026-11-20 09:00"), [spend("2026-11-20 10:00", "9", model="unheard of")])
    assert here.run("2026-11-20 11:00").sent == ()


def test_a_new_model_and_one_without_a_price_are_told(here: Town) -> None:
    here.config = "[spikes]\nspike = false\nnew_feature = false\n"
    publish(here.at("2026-11-20 09:00"), history(), since="2026-10-01")
    calls = [
        spend("2026-11-20 10:00", "9", model="dollar-9"),
        spend("2026-11-20 10:00", "9", model="unheard of"),
    ]
    publish(here.at("2026-11-20 09:00"), calls)
    outcome = here.run("2026-11-20 11:00")
    titles = [sent.alert.title for sent in outcome.sent if sent.channel == "team"]
    assert titles == [
        "New model: self/dollar-9, since 2026-11-19: $9.00.",
        "Model without a price: self/unheard of, 1 calls since 2026-11-19 that no total holds.",
    ]


def test_a_ledger_that_is_old_is_told_and_resolved_when_it_is_not(here: Town) -> None:
    here.config = '[sources.prod]\ntype = "demo"\n'
    publish(here.at("2026-11-20 09:00"), history(3), since="2026-11-01", upto="2026-11-18 09:00")
    outcome = here.run("2026-11-20 11:00")
    assert [sent.alert.kind for sent in outcome.sent] == ["stale", "stale"]
    publish(here.at("2026-11-20 09:00"), [], upto="2026-11-20 11:00")
    outcome = here.run("2026-11-20 12:00")
    assert [(sent.channel, sent.alert.state) for sent in outcome.sent] == [
        ("team", "resolve"),
        ("mail", "resolve"),
    ]


def test_a_spike_in_one_hour_is_seen_before_the_day_is_over(here: Town) -> None:
    here.config = "[spikes]\nstale = false\n"
    calls = [
        spend((at("2026-10-21 00:30") + timedelta(hours=n)).isoformat(), f"{1 + n % 7 / 100}")
        for n in range(24 * 30 + 10)
    ]
    publish(here.at("2026-11-20 09:00"), calls, since="2026-10-01")
    publish(here.at("2026-11-20 09:00"), [spend("2026-11-20 10:30", "9")])
    outcome = here.run("2026-11-20 11:05")
    titles = [sent.alert.title for sent in outcome.sent if sent.channel == "team"]
    assert len(titles) == 1
    assert "from 2026-11-20 10:00 on, in an hour" in titles[0]
