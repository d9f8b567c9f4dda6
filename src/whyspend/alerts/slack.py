"""A Slack channel, through an incoming webhook or as an app."""

from typing import Any

from whyspend.alerts._slack import App, Webhook, digest_blocks
from whyspend.alerts._words import digest_title, drivers, facts, fitted, guarded, heading, moment, web_link
from whyspend.errors import ConfigError
from whyspend.model import Alert
from whyspend.model.digest import Digest

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


def send(
    alert: Alert,
    *,
    url: str = "",
    token: str = "",
    channel: str = "",
    endpoint: str = "https://slack.com/api",
) -> None:
    """Post one message, through an incoming webhook or as an app.

    Args:
        alert: What to say.
        url: The incoming webhook, `https://hooks.slack.com/services/...`. Whoever knows it can post: write
            `env:SLACK_WEBHOOK_URL`. Services that take Slack's messages (Mattermost, Rocket.Chat) work too.
        token: Instead of url, the bot token of an app with the scopes chat:write and files:write, which can also post
            pictures: write `env:SLACK_BOT_TOKEN`.
        channel: With a token, the ID of the channel, such as C0123456789; the app must be in it.
        endpoint: Of Slack's API; `https://slack-gov.com/api` for GovSlack.

    Raises:
        ConfigError: neither a url, nor a token with a channel; or one that cannot be used.
        SourceError: Slack refused the message, or could not be reached.
    """
    way = _way(url, token, channel, endpoint)
    way.post(message(alert))


def send_digest(
    digest: Digest,
    *,
    url: str = "",
    token: str = "",
    channel: str = "",
    endpoint: str = "https://slack.com/api",
) -> None:
    """Post a digest as one message: with the picture as an app; through a webhook, which takes no files, with bars."""
    way = _way(url, token, channel, endpoint)
    picture = next((part.picture for part in digest.sections if part.picture), b"")
    if picture and isinstance(way, App):
        way.post_with(picture, digest_title(digest), digest_blocks(digest, bars=False))
        return
    way.post({**_envelope(_notification(digest)), "blocks": digest_blocks(digest, bars=True)})


def _way(url: str, token: str, channel: str, endpoint: str) -> "Webhook | App":
    if url and not (token or channel):
        return Webhook(url)
    if token and channel and not url:
        return App(token, channel, endpoint)
    raise ConfigError(
        "The Slack channel needs url, the address of an incoming webhook; or token and channel, to post as an app."
    )


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
    return {**_envelope(f"{heading(alert)}: {alert.title}"), "blocks": blocks}


def _notification(digest: Digest) -> str:
    return f"{digest_title(digest)}: {' '.join(digest.headline)}"


def _envelope(notification: str) -> dict[str, Any]:
    return {
        # This text has no plain form, and look-alikes of Slack read `@here` and Markdown in it.
        "text": _escaped(guarded(fitted(notification, _NOTIFICATION))),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
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
