"""What an alert says, for people: the same words in every channel, hostile names made visible."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from urllib.parse import quote, urlsplit

from whyspend.model import Alert
from whyspend.model.digest import Digest

MOST_FACTS = 20
MOST_DRIVERS = 3

_KINDS = {
    "over_budget": "Over budget",
    "near_budget": "Near the budget",
    "spike": "Spike",
    "new_feature": "New feature",
    "new_model": "New model",
    "untagged": "Untagged share is rising",
    "unpriced": "Model without a price",
    "stale": "Ledger is not up to date",
    "test": "Test",
}
_STATES = {"trigger": "", "remind": "Still: ", "resolve": "Resolved: "}
_LONGEST_LINK = 2_000
_IGNORED = "".join(map(chr, range(33)))
"""Before an address: browsers and Python take no notice of it."""
# Mentions, markup, and what addresses and host names are known by; an underscore within a word means nothing.
_MEANT = re.compile(r"[@*~`|\[\]<>#]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|\.(?=[^\W\d])")
# What RFC 3986 allows in an address, less what ends an attribute or a link, or is markup or a mention.
_SENDABLE = "%/?#:!$&+,;=~-._"


def heading(alert: Alert) -> str:
    """Kind and state in a few words of ours: `Over budget`, `Still: Spike`, `Resolved: Over budget`."""
    return _STATES[alert.state] + _KINDS[alert.kind]


def moment(alert: Alert) -> str:
    """When it was found: `2026-11-22T14:00:00Z`."""
    return alert.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def digest_title(digest: Digest) -> str:
    """What a digest is of: `LLM spend, 2026-11-15 to 2026-11-21`."""
    since, until = digest.window.since, digest.window.until
    return f"LLM spend, {since} to {until}" if since != until else f"LLM spend, {since}"


def facts(alert: Alert) -> tuple[tuple[str, str], ...]:
    """The facts that channels show."""
    return alert.facts[:MOST_FACTS]


def drivers(alert: Alert) -> tuple[str, ...]:
    """The drivers that channels show."""
    return alert.drivers[:MOST_DRIVERS]


def web_link(alert: Alert) -> str:
    """The alert's link in plain ASCII that no markup can break out of; empty where it is no web address."""
    try:
        parts = urlsplit(alert.link)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or parts.username:
        return ""
    link = quote(alert.link.lstrip(_IGNORED), safe=_SENDABLE, errors="replace")
    return link if len(html.escape(link)) <= _LONGEST_LINK else ""


def fitted(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    r"""The text in at most `limit` characters (UTF-16, the strictest count), visible and then escaped.

    A cut ends with an ellipsis and never falls within an escape: `a<b` escaped for HTML is `a&lt;b` at a
    limit of 6 and `a…` at 5. `escape` is given one character at a time. What would act on a terminal becomes
    its escape: ESC is `\x1b`, a line end `\n`, the right-to-left override `\u202e`, half of a surrogate pair
    `\ud800`. Empty text is a dash, because no service takes an empty field.
    """
    kept: list[str] = []
    room = limit
    last = len(text) - 1
    for position, piece in enumerate(map(escape, _pieces(text))):
        size = _width(piece)
        if size + (position < last) > room:
            # The room for the ellipsis was kept free by every piece before.
            return "".join(kept).rstrip() + "…"
        kept.append(piece)
        room -= size
    return "".join(kept).strip() or "–"


def lines(alert: Alert, longest: int = 500) -> list[str]:
    """Title, facts and drivers for channels of plain text: a line each, of a few times `longest` at most."""
    return [
        fitted(alert.title, longest),
        *(f"{fitted(label, longest)}: {fitted(value, longest)}" for label, value in facts(alert)),
        *(f"- {fitted(driver, longest)}" for driver in drivers(alert)),
    ]


def more(alert: Alert, longest: int = 500) -> list[str]:
    """The command and the link for channels of plain text, a line each, where there are any."""
    command = [f"More: {fitted(alert.command, longest)}"] if alert.command else []
    return command + ([link] if (link := web_link(alert)) else [])


def guarded(text: str) -> str:
    """Text in which no chat finds a mention, markup or a link: a space without width goes into each.

    For services whose escapes are not known. It reads the same, but is no longer fit for copying.
    """
    return _MEANT.sub("\\g<0>\u200b", text)


def _pieces(text: str) -> Iterator[str]:
    for char in text:
        if char.isprintable():
            yield char
        elif char == "\u00a0":
            yield " "
        else:
            yield char.encode("unicode_escape").decode("ascii")


def _width(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
