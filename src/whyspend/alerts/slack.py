"""A Slack channel, through an incoming webhook."""

from typing import Any

import msgspec

from whyspend.alerts._post import post
from whyspend.alerts._words import drivers, facts, fitted, guarded, heading, moment, web_link
from whyspend.model import Alert

# Limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks (read 2026-11).
_HEADER = 150
_SECTION = 3000
# A field takes 2000 characters; label and value stay far below.
_FIELDS = 10
_NOTIFICATION = 300
"""Of the text in a notification, where Slack takes 40,000 characters and a phone shows a line or two."""
_LABEL = 100
_VALUE = 500
_SIGNS = {"info": "🔵", "warning": "🟡", "critical": "🔴"}


def send(alert: Alert, *, url: str) -> None:
    """Post one message.

    Args:
        alert: What to say.
        url: The incoming webhook, `https://hooks.slack.com/services/...`. Whoever knows it can post: write
            `env:SLACK_WEBHOOK_URL`. Services that take Slack's messages (Mattermost, Rocket.Chat) work too.

    Raises:
        ConfigError: the url is no web address.
        SourceError: Slack refused the message, or could not be reached.
    """
    advice = "Make a new incoming webhook in Slack, and set it as url of the channel."
    post("Slack", url, msgspec.json.encode(message(alert)), advice=advice)


def message(alert: Alert) -> dict[str, Any]:
    """The JSON of the message. All names stand in `plain_text`, where Slack knows neither markup nor mentions."""
    sign = "🟢" if alert.state == "resolve" else _SIGNS[alert.severity]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(f"{sign} {heading(alert)}", _HEADER)},
        {"type": "section", "text": _plain(alert.title, _SECTION)},
        *_fact_blocks(alert),
    ]
    if causes := [f"• {fitted(driver, _VALUE, _escaped)}" for driver in drivers(alert)]:
        blocks.append({"type": "section", "text": _text("\n".join(causes))})
    if alert.command:
        blocks.append({"type": "section", "text": _plain(alert.command, _SECTION)})
    blocks.append({"type": "context", "elements": _footer(alert)})
    return {
        # This text has no plain form, and look-alikes of Slack read `@here` and Markdown in it.
        "text": _escaped(guarded(fitted(f"{heading(alert)}: {alert.title}", _NOTIFICATION))),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }


def _fact_blocks(alert: Alert) -> list[dict[str, Any]]:
    fields = [
        _text(f"{fitted(label, _LABEL, _escaped)}\n{fitted(value, _VALUE, _escaped)}")
        for label, value in facts(alert)
    ]
    return [
        {"type": "section", "fields": fields[first : first + _FIELDS]}
        for first in range(0, len(fields), _FIELDS)
    ]


def _footer(alert: Alert) -> list[dict[str, Any]]:
    footer = [_text(f"whyspend, {moment(alert)}")]
    if link := web_link(alert):
        # The only markup of the message: an address of plain ASCII without any character that ends a link.
        footer.append({"type": "mrkdwn", "text": f"<{_escaped(link)}|Open>", "verbatim": True})
    return footer


def _plain(text: str, limit: int) -> dict[str, Any]:
    return _text(fitted(text, limit, _escaped))


def _text(escaped: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped, "emoji": False}


def _escaped(text: str) -> str:
    """Slack's escapes, the same in all of its texts: https://docs.slack.dev/messaging/formatting-message-text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
