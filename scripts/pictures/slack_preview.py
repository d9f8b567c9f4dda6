"""A message of Slack as a page, to look at: not Slack's own, but its blocks with their text as Slack shows them.

Fonts, widths and colours are near those of Slack on a desktop. What is not drawn here is not in our messages.
"""

import base64
from collections.abc import Sequence
from html import escape
from typing import Any

STYLE = """
body { margin: 0; padding: 24px; background: #fff; color: #1d1c1d; font: 15px/1.46 Lato, 'Noto Sans', sans-serif; }
.message { display: flex; gap: 10px; max-width: 700px; }
.sign { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #185c94; color: #fff; font-weight: 700;
  display: grid; place-items: center; }
.name { font-weight: 900; } .app { font-size: 10px; background: #ddd; padding: 1px 3px; border-radius: 2px;
  color: #616061; margin: 0 4px; } .time { font-size: 12px; color: #616061; }
.block { margin: 0 0 8px; overflow-wrap: anywhere; } .text { white-space: pre-wrap; }
pre { margin: 4px 0; padding: 8px; border: 1px solid #ddd; border-radius: 4px; background: #f8f8f8;
  font: 12px/1.5 Menlo, 'DejaVu Sans Mono', monospace; white-space: pre-wrap; }
code { font: 12px/1.5 Menlo, 'DejaVu Sans Mono', monospace; color: #c01343; background: #f8f8f8; border: 1px solid #ddd;
  border-radius: 3px; padding: 1px 3px; }
img { max-width: 100%; border: 1px solid #ddd; border-radius: 8px; } .file { font-size: 13px; color: #616061; }
"""


def page(blocks: Sequence[dict[str, Any]], files: Sequence[tuple[str, bytes]] = ()) -> str:
    """The message as an app called whyspend posted it, with the pictures that came with it."""
    body = "".join(f"<div class=block>{_block(block)}</div>" for block in blocks)
    for title, picture in files:
        source = base64.b64encode(picture).decode()
        body += f"<div class=file>{escape(title)}</div><img src='data:image/png;base64,{source}'>"
    head = "<span class=name>whyspend</span><span class=app>APP</span><span class=time>6:17 AM</span>"
    inside = f"<div class=sign>w</div><div>{head}{body}</div>"
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body><div class=message>{inside}</div></body>"


def _block(block: dict[str, Any]) -> str:
    if block["type"] == "rich_text":
        return "".join(map(_rich, block["elements"]))
    if block["type"] == "context":
        return "".join(f"<div class=file>{escape(each['text'])}</div>" for each in block["elements"])
    return f"<div class=text>{escape(block['text']['text'])}</div>"


def _rich(element: dict[str, Any]) -> str:
    inside = "".join(map(_styled, element["elements"]))
    return (
        f"<pre>{inside}</pre>"
        if element["type"] == "rich_text_preformatted"
        else f"<div class=text>{inside}</div>"
    )


def _styled(part: dict[str, Any]) -> str:
    text, style = escape(part["text"]), part.get("style", {})
    for key, tag in (("bold", "b"), ("italic", "i"), ("code", "code")):
        text = f"<{tag}>{text}</{tag}>" if style.get(key) else text
    return text
