"""A digest in Slack: one message, with its picture where Slack takes one, and nothing in it is markup."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from tests.alerts.digests import PNG, digest, digests, table
from tests.alerts.hostile import alert, assert_inert
from tests.alerts.servers import receiver
from tests.alerts.slack_api import CHANNEL, MOST_BLOCKS, MOST_CHARACTERS, TOKEN, Slack, slack

from whyspend.alerts import slack as channel
from whyspend.alerts._slack import digest_blocks, drawn
from whyspend.errors import ConfigError
from whyspend.model.digest import Digest
from whyspend.net import Refused

BLOCKS = {"rich_text"}
ELEMENTS = {"rich_text_section", "rich_text_preformatted"}


def app(server: Slack, **changes: str) -> dict[str, str]:
    return {"token": TOKEN, "channel": CHANNEL, "endpoint": server.endpoint, **changes}


def parts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for block in blocks for element in block["elements"] for part in element["elements"]]


def said(blocks: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts(blocks))


@settings(max_examples=60)
@given(digests())
def test_any_digest_is_rich_text_alone_within_the_limits_of_a_message(made: Digest) -> None:
    """Slack looks for markup, mentions and links in no text of these elements."""
    for bars in (False, True):
        blocks = digest_blocks(made, bars=bars)
        assert len(blocks) <= MOST_BLOCKS
        assert {block["type"] for block in blocks} <= BLOCKS
        assert {element["type"] for block in blocks for element in block["elements"]} <= ELEMENTS
        for part in parts(blocks):
            assert part["type"] == "text" and set(part) <= {"type", "text", "style"}
            assert part["text"]
            assert_inert(part["text"].replace("\n", ""))


@settings(max_examples=60)
@given(digests())
def test_a_digest_as_long_as_ours_are_fits_whatever_its_names(made: Digest) -> None:
    assert len(said(digest_blocks(made, bars=True))) <= MOST_CHARACTERS


def test_an_app_posts_one_message_with_the_picture_in_it() -> None:
    with slack() as server:
        channel.send_digest(digest(), **app(server))
    (message,) = server.messages
    assert message["files"] == [("LLM spend, 2026-11-15 to 2026-11-21", PNG)]
    assert "$260.06 in these 7 days." in said(message["blocks"])
    assert "█" not in said(message["blocks"])
    assert server.called == ["files.getUploadURLExternal", "files.completeUploadExternal"]


def test_an_app_without_a_picture_and_a_webhook_post_bars_instead() -> None:
    with slack() as server, receiver() as hook:
        channel.send_digest(digest(picture=b""), **app(server))
        channel.send_digest(digest(), url=hook.base + "/services/T/B/X")
    (message,) = server.messages
    (posted,) = hook.received
    assert message["blocks"] == posted.json["blocks"]
    lines = said(message["blocks"]).splitlines()
    assert next(line for line in lines if line.startswith("agent-copilot")).split() == [
        "agent-copilot", "█" * 16, "100", "$173.37", "+$43.34"
    ]  # fmt: skip
    assert next(line for line in lines if line.startswith("rag-search")).split()[1] == "█" * 8
    assert posted.json["text"].startswith("LLM spend, 2026-11-15 to 2026-11-21: $260.06")


def test_a_section_that_only_repeats_the_headline_is_left_out() -> None:
    text = said(digest_blocks(digest(), bars=True))
    assert text.count("2026-11 will probably end at $914.61.") == 1
    assert "Where the month will end" not in text


def test_a_bar_is_as_long_as_its_share_of_the_largest_and_never_nothing_for_something() -> None:
    rows = drawn(table("a", "b", "c", "d", "e", "f", "g", "h", "i")).rows
    assert [str(row[1]) for row in rows] == ["█" * 16, "█" * 8, "█" * 4, "██", "█", "▌", "▎", "▏", "▏"]
    assert drawn(table("a")).rows[0][3] == Decimal("173.37054175")


def test_an_alert_goes_through_the_app_too() -> None:
    with slack() as server:
        channel.send(alert(), **app(server))
    assert server.called == ["chat.postMessage"]
    assert server.messages[0]["text"].startswith("Over budget: rag-search")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("not_in_channel", "Invite the app to the channel"),
        ("missing_scope", "Give the app the scopes chat:write and files:write"),
        ("invalid_auth", r"Copy the bot token \(xoxb-...\) again"),
        ("fatal_error", "Check token and channel"),
    ],
)
def test_what_slack_refuses_is_said_with_what_to_do(error: str, advice: str) -> None:
    with slack() as server:
        server.failing["files.completeUploadExternal"] = error
        with pytest.raises(Refused, match=f"files.completeUploadExternal answered {error}. {advice}"):
            channel.send_digest(digest(), **app(server))


def test_a_wrong_token_and_a_foreign_channel_are_refused_and_the_token_never_shows() -> None:
    with slack() as server:
        with pytest.raises(Refused, match="invalid_auth") as refused:
            channel.send_digest(digest(), **app(server, token="xoxb-wrong-secret"))
        assert "xoxb-wrong-secret" not in str(refused.value)
        with pytest.raises(Refused, match=r"channel_not_found\. Give the ID of the channel"):
            channel.send(alert(), **app(server, channel="#team"))


def test_an_answer_that_is_no_json_is_an_error_of_one_line() -> None:
    said = r"chat\.postMessage answered no JSON\. Check endpoint"
    with receiver((200, {}, b"<html>a login page</html>")) as server, pytest.raises(Refused, match=said):
        channel.send(alert(), token=TOKEN, channel=CHANNEL, endpoint=server.base)


@pytest.mark.parametrize(
    "options",
    [{}, {"token": "x"}, {"channel": "C1"}, {"url": "https://a.example", "token": "x", "channel": "C1"}],
)
def test_a_channel_has_one_way_to_slack(options: dict[str, str]) -> None:
    said = "needs url, the address of an incoming webhook; or token and channel"
    with pytest.raises(ConfigError, match=said):
        channel.send(alert(), **options)
    with pytest.raises(ConfigError, match=said):
        channel.send_digest(digest(), **options)
