"""Slack's two doors, and a digest as blocks. A webhook takes a message; an app may bring a picture with it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from whyspend.alerts._post import post
from whyspend.alerts._words import digest_title, fitted
from whyspend.formats import trust_line
from whyspend.formats._bars import blocks
from whyspend.formats.text import table_lines
from whyspend.model import Cell, Table, TableColumn
from whyspend.model.digest import Digest, Section
from whyspend.net import Refused

_WIDTH = 76
"""Columns of a block of code before Slack breaks its lines, on a screen."""
_BAR = 16
_LONGEST_TITLE = 100
_LONGEST_TEXT = 500
_LONGEST_CODE = 1_800
"""Characters of a table: a few of them stay far below what a message may have."""
_REASONS = {
    "channel_not_found": "Give the ID of the channel (C0123456789), and invite the app to it.",
    "not_in_channel": "Invite the app to the channel: /invite @app.",
    "missing_scope": "Give the app the scopes chat:write and files:write, and install it again.",
    "invalid_auth": "Copy the bot token (xoxb-...) again.",
}


@dataclass(frozen=True)
class Webhook:
    """An incoming webhook."""

    url: str = field(repr=False)

    def post(self, message: dict[str, Any]) -> None:
        """Post a message."""
        advice = "Make a new incoming webhook in Slack, and set it as url of the channel."
        post("Slack", self.url, msgspec.json.encode(message), advice=advice)


@dataclass(frozen=True)
class App:
    """An app in a channel."""

    token: str = field(repr=False)
    channel: str
    endpoint: str

    def post(self, message: dict[str, Any]) -> None:
        """Post a message."""
        self._call("chat.postMessage", msgspec.json.encode({"channel": self.channel, **message}))

    def post_with(self, picture: bytes, title: str, blocks: Sequence[dict[str, Any]]) -> None:
        """Post blocks and, below them in the same message, a PNG.

        A block that refers to an uploaded file is refused until Slack has looked at the file, which takes it a while;
        to share the file with the blocks has no such moment in between.
        """
        asked = urlencode({"filename": "spend.png", "length": len(picture), "alt_txt": title}).encode()
        told = self._call("files.getUploadURLExternal", asked, kind="application/x-www-form-urlencoded")
        place, name = told.get("upload_url"), told.get("file_id")
        if not isinstance(place, str) or not isinstance(name, str):
            raise Refused(
                "Slack did not take the message: it gave no place for the picture. Run it again.", 200
            )
        advice = "Run the command again."
        post(
            "Slack",
            place,
            picture,
            advice=advice,
            headers=lambda: {"Content-Type": "application/octet-stream"},
        )
        shared = {"files": [{"id": name, "title": title}], "channel_id": self.channel, "blocks": blocks}
        self._call("files.completeUploadExternal", msgspec.json.encode(shared))

    def _call(
        self, method: str, body: bytes, kind: str = "application/json; charset=utf-8"
    ) -> dict[str, Any]:
        """Call a method of Slack's API, which says in its answer, not in its status, whether it worked."""
        answered = post(
            "Slack",
            f"{self.endpoint.rstrip('/')}/{method}",
            body,
            advice="Check token and channel.",
            headers=lambda: {"Authorization": f"Bearer {self.token}", "Content-Type": kind},
            secrets=(self.token,),
        )
        try:
            told = msgspec.json.decode(answered, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refused(
                f"Slack did not take the message: {method} answered no JSON. Check endpoint.", 200
            ) from None
        if told.get("ok") is not True:
            error = fitted(str(told.get("error", "no reason given")), _LONGEST_TEXT).replace(
                self.token, "***"
            )
            advice = _REASONS.get(error, "Check token and channel.")
            raise Refused(f"Slack did not take the message: {method} answered {error}. {advice}", 200)
        return told


def digest_blocks(digest: Digest, *, bars: bool) -> list[dict[str, Any]]:
    """A digest as blocks of rich text, where nothing in a text is markup, a mention or a link.

    Args:
        digest: What to say.
        bars: Draw the first table that has amounts in letters, because no picture comes with it.
    """
    first = next((part for part in digest.sections if _amounts(part.table)), None) if bars else None
    head = [_bold(digest_title(digest)), *(_text(f"\n{line}") for line in _fitted(digest.headline))]
    return [
        _rich(_section(*head)),
        *(
            _of_section(part, is_drawn=part is first)
            for part in digest.sections
            if not (part.is_told and set(part.sentences) <= set(digest.headline))
        ),
        _rich(_section(_text(fitted(trust_line(digest.trust), _LONGEST_TEXT), italic=True))),
    ]


def drawn(table: Table) -> Table:
    """The table with a bar beside the first name of each row, as long as its amount is beside the largest."""
    at = [column.name for column in table.columns].index(_amounts(table))
    largest = max(
        (abs(value) for row in table.rows if isinstance(value := row[at], Decimal)), default=Decimal(0)
    )
    columns = (*table.columns[:1], TableColumn("", "sentence"), *table.columns[1:])
    rows = tuple((*row[:1], _bar(row[at], largest), *row[1:]) for row in table.rows)
    return replace(table, columns=columns, rows=rows)


def _bar(value: Cell, largest: Decimal) -> str:
    if not isinstance(value, Decimal) or not value:
        return ""
    return blocks(max(round(abs(value) * _BAR * 8 / largest), 1))


def _amounts(table: Table) -> str:
    """The column to draw; none where there are no rows or no such column."""
    names = [column.name for column in table.columns]
    return "cost_usd" if "cost_usd" in names and table.rows else ""


def _of_section(part: Section, *, is_drawn: bool) -> dict[str, Any]:
    said = [
        _bold(fitted(part.title, _LONGEST_TITLE)),
        *(_text(f"\n{line}") for line in _fitted(part.sentences)),
    ]
    elements = [_section(*said)]
    if part.table.rows and not part.is_told:
        table = drawn(part.table) if is_drawn else part.table
        code = _whole_lines(table_lines(table, _WIDTH, names_missing=False), _LONGEST_CODE)
        elements.append({"type": "rich_text_preformatted", "elements": [_text(code)]})
    if part.command:
        elements.append(_section(_text(fitted(part.command, _LONGEST_TEXT), code=True)))
    return _rich(*elements)


def _fitted(texts: Iterable[str]) -> list[str]:
    return [fitted(text, _LONGEST_TEXT) for text in texts]


def _whole_lines(lines: Sequence[str], longest: int) -> str:
    kept: list[str] = []
    for line in lines:
        longest -= len(line.encode("utf-16-le")) // 2 + 1
        if longest < 0:
            return "\n".join([*kept, "…"])
        kept.append(line)
    return "\n".join(kept)


def _rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(elements)}


def _section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def _text(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def _bold(text: str) -> dict[str, Any]:
    return _text(text, bold=True)
