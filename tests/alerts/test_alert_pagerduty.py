"""PagerDuty events: one key from trigger to resolve, and within the documented limits."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alerts.hostile import alert, alerts, assert_inert, strings, texts
from tests.alerts.servers import Answer, receiver

from whyspend.alerts import pagerduty
from whyspend.model import Alert

KEY = "0123456789abcdef0123456789abcdef"
ACCEPTED: Answer = (202, {}, b'{"status":"success","message":"Event processed","dedup_key":"k"}')


def test_trigger_reminder_and_resolve_carry_the_same_key() -> None:
    with receiver(ACCEPTED) as server:
        for state in ("trigger", "remind", "resolve"):
            pagerduty.send(alert(state=state), routing_key=KEY, endpoint=server.base + "/")
    events = [received.json for received in server.received]
    assert [received.path for received in server.received] == ["/v2/enqueue"] * 3
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert {event["dedup_key"] for event in events} == {"whyspend:rag-search:2026-11-22"}


def test_an_event_says_what_since_when_why_and_how_to_see_more() -> None:
    event = pagerduty.event(alert(), routing_key=KEY, system="prod")
    assert event["payload"] == {
        "summary": "rag-search is over its budget for today: $2.31 of $2.00 (115 %).",
        "source": "prod",
        "severity": "critical",
        "timestamp": "2026-11-22T14:00:00Z",
        "class": "over_budget",
        "custom_details": {
            "what": "Over budget",
            "Since": "2026-11-22 13:40 UTC",
            "Spent": "$2.31",
            "Projected": "$4.10",
            "largest drivers": ["gpt-4o makes up 80 % of it.", "Longer prompts add $0.40."],
            "more": "whyspend explain --where feature=rag-search --since 1d",
        },
    }
    assert event["links"] == [{"href": "https://smith.example.com/o/1/projects/p/2?a=1&b=2", "text": "Open"}]


def test_facts_of_one_label_are_all_told() -> None:
    told = pagerduty.event(alert(facts=(("a", "1"), ("a", "2"))), routing_key=KEY, system="s")
    assert {"1", "2"} <= set(strings(told["payload"]["custom_details"]))


@settings(max_examples=60)
@given(alerts(), texts)
def test_any_alert_keeps_to_the_limits(alert: Alert, system: str) -> None:
    event = pagerduty.event(alert, routing_key=KEY, system=system)
    payload = event["payload"]
    assert len(msgspec.json.encode(event)) < 512 * 1000
    assert 1 <= len(payload["summary"]) <= 1024
    assert 1 <= len(payload["source"]) <= 255
    assert 1 <= len(event["dedup_key"].encode()) <= 255
    assert payload["severity"] in {"critical", "error", "warning", "info"}
    for text in strings(event):
        assert_inert(text)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=60)
@given(st.sets(texts, min_size=2, max_size=4))
def test_two_keys_stay_two(keys: set[str]) -> None:
    assert len({pagerduty.dedup_key(key) for key in keys}) == len(keys)
