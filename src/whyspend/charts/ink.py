"""SVG, written by construction: every text and attribute is escaped in this one place."""

from collections.abc import Iterable
from html import escape

from whyspend.spelling import visible

Attribute = str | float | int


def element(tag: str, *inside: str, **attributes: Attribute | None) -> str:
    """One element. What stands inside is SVG already, from here or from `said`; attributes are plain text.

    A trailing underscore of an attribute's name is dropped (`class_`), any other becomes a dash; None leaves it out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_plain(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{given}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{given}/>"


def said(text: str) -> str:
    """Text as it reads, whatever it holds."""
    return escape(visible(text))


def words(x: float, y: float, text: str, *, at: str = "start", class_: str = "") -> str:
    """A line of text; `at` is what of it is at x: start, middle or end."""
    anchor = None if at == "start" else at
    return element("text", said(text), x=x, y=y, text_anchor=anchor, class_=class_ or None)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Iterable[tuple[float, float]], class_: str, tip: str = "", *, closed: bool = False) -> str:
    """A line through points; closed, an area."""
    steps = " ".join(
        f"{'L' if number else 'M'}{_number(x)} {_number(y)}" for number, (x, y) in enumerate(points)
    )
    inside = (element("title", said(tip)),) if tip else ()
    return element("path", *inside, d=steps + ("Z" if closed else ""), class_=class_)


def bar(x: float, y: float, width: float, height: float, class_: str, tip: str, **about: str | None) -> str:
    """A bar that says what it is; `about` are `name` and `at`, for whoever wants to ask for it.

    What is more than nothing is at least a hair wide and high.
    """
    data = {f"data_{name}": value for name, value in about.items() if value is not None}
    return element(
        "rect",
        element("title", said(tip)),
        x=x,
        y=y,
        width=max(width, 0.5),
        height=max(height, 0.5),
        class_=class_,
        **data,
    )


def cut(text: str, width: float, size: float = 12) -> str:
    """A text that is no wider than so many units, about: its end becomes `…`."""
    shown = visible(text)
    room, fitting = width / size, 0
    for place, char in enumerate(shown):
        room -= _width(char)
        if room < 0:
            return shown[:fitting].rstrip() + "…"
        if room >= _width("…"):
            fitting = place + 1
    return shown


def wide(text: str, size: float = 12) -> float:
    """How wide a text is at most, about: in DejaVu Sans, the widest of the usual fonts."""
    return sum(_width(char) for char in text) * size


def _width(char: str) -> float:
    if ord(char) >= 0x1100:
        return 1.0  # most of what is written there is as wide as high
    if char in "iljtf.,:;|!'()[]/ I-":
        return 0.38
    return 0.95 if char in "mwMW%@" else 0.72 if char.isupper() else 0.63


def _plain(value: Attribute) -> str:
    return escape(visible(value)) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
