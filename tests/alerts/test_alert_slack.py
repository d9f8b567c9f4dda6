"""Slack messages: within the limits of Block Kit, and nothing in them is markup but our own link."""

import re
from typing import Any

from hypothesis import given, settings
from tests.alerts.hostile import TEXTS, alert, alerts, assert_inert, strings
from tests.alerts.servers import receiver

from whyspend.alerts import slack
from whyspend.model import Alert

LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 3000}
LINK = re.compile(r"<https?://[!-;=?-_a-{}~]+\|Open>")


def objects(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(where, text object) of a message."""
    found = []
    for block in message["blocks"]:
        kind = block["type"]
        found += [(kind, block["text"])] if "text" in block else []
        found += [("field", item) for item in block.get("fields", [])]
        found += [(kind, item) for item in block.get("elements", [])]
    return found


@settings(max_examples=60)
@given(alerts())
def test_any_alert_keeps_to_the_limits_of_block_kit(alert: Alert) -> None:
    message = slack.message(alert)
    assert 1 <= len(message["blocks"]) <= 50
    assert {block["type"] for block in message["blocks"]} <= {"header", "section", "context"}
    for block in message["blocks"]:
        assert len(block.get("fields", [])) <= 10
        assert len(block.get("elements", [])) <= 10
    for where, text in objects(message):
        assert 1 <= len(text["text"].encode("utf-16-le")) // 2 <= LIMITS[where]
    assert len(message["text"]) <= 4000


@settings(max_examples=60)
@given(alerts())
def test_no_name_becomes_markup_a_mention_or_a_link(alert: Alert) -> None:
    message = slack.message(alert)
    for text in strings(message):
        assert_inert(text.replace("\n", ""))
    for _, item in objects(message):
        if item["type"] == "mrkdwn":
            assert LINK.fullmatch(item["text"]), item
        else:
            assert item["type"] == "plain_text" and item["emoji"] is False
            assert not set(item["text"]) & set("<>")
            assert not re.search(r"&(?!amp;|lt;|gt;)", item["text"])
    assert not re.search(r"[<>]|@\w|\*\w|`\w|://|&(?!amp;|lt;|gt;)", message["text"])
    assert message["mrkdwn"] is False


def test_a_message_says_what_since_when_why_and_how_to_see_more() -> None:
    with receiver() as server:
        slack.send(alert(), url=server.base + "/services/T/B/X")
    (received,) = server.received
    assert received.path == "/services/T/B/X"
    assert received.headers["content-type"] == "application/json"
    said = "\n".join(text["text"] for _, text in objects(received.json))
    assert said == (
        "🔴 Over budget\n"
        "rag-search is over its budget for today: $2.31 of $2.00 (115 %).\n"
        "Since\n2026-11-22 13:40 UTC\nSpent\n$2.31\nProjected\n$4.10\n"
        "• gpt-4o makes up 80 % of it.\n• Longer prompts add $0.40.\n"
        "whyspend explain --where feature=rag-search --since 1d\n"
        "whyspend, 2026-11-22T14:00:00Z\n"
        "<https://smith.example.com/o/1/projects/p/2?a=1&amp;b=2|Open>"
    )
    assert received.json["text"] == (
        "Over budget: rag-search is over its budget for today: $2.31 of $2.00 (115 %)."
    )


def test_a_resolved_alert_is_green() -> None:
    blocks = slack.message(alert(state="resolve"))["blocks"]
    assert blocks[0]["text"]["text"] == "🟢 Resolved: Over budget"


def test_a_tag_of_ten_kilobytes_is_cut_and_says_so() -> None:
    (long,) = [text for text in TEXTS if text.startswith("tagtag")]
    shown = slack.message(alert(title=long))["blocks"][1]["text"]["text"]
    assert len(shown) == 3000 and shown.endswith("…")
