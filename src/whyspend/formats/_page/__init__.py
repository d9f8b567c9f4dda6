"""What pages share: their style, their script, an answer as HTML, and the page that holds it."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from whyspend import charts
from whyspend.formats._page.answer import answer, command_line, figure, grid, of_rows, said
from whyspend.formats._page.markup import Markup, joined, tag
from whyspend.formats._page.sheet import sheet

__all__ = [
    "Markup",
    "answer",
    "command_line",
    "figure",
    "grid",
    "joined",
    "of_rows",
    "page",
    "said",
    "script",
    "sheet",
    "style",
    "tag",
]


def page(title: str, body: Markup) -> str:
    """A whole page in one file, which asks nobody for anything: it may run its own script and nothing else."""
    rules = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style())}",
            f"script-src {_hash(script())}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=rules),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style())),
    )
    inside = tag("body", tag("main", body), tag("script", Markup(script())))
    return f"<!doctype html>\n{tag('html', head, inside, lang='en')}\n"


@cache
def style() -> str:
    """The style of all pages, charts included: light and dark, screen and paper."""
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8") + charts.stylesheet("auto")


@cache
def script() -> str:
    """What makes tables sort and filter, and bars tell their numbers; without it, all is there."""
    return (Path(__file__).parent / "page.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"
