"""What stands around a picture: the legend, the axes, and the sheet that holds them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from whyspend.charts import ink
from whyspend.charts.scales import Scale, day_ticks, day_words, thinned

_PAD, _TITLE = 16.0, 30.0
"""Of a picture that stands alone: around it, and for its title."""

LINE = 18
"""The height of a line of words."""

_SWATCH, _GAP = 14, 16
_NAME = 150


@dataclass(frozen=True)
class Drawn:
    """A picture without its sheet."""

    height: float
    body: str


def legend(entries: Sequence[tuple[str, str]], width: float) -> Drawn:
    """Names beside their colours, (name, class), in as many lines as it takes."""
    x, y, parts = 0.0, 0.0, []
    for name, class_ in entries:
        shown = ink.cut(name, min(_NAME, width - _SWATCH - 4))
        needed = _SWATCH + 4 + ink.wide(shown)
        if x and x + needed > width:
            x, y = 0.0, y + LINE
        parts.append(ink.element("rect", x=x, y=y + 2, width=11, height=11, rx=2, class_=class_))
        parts.append(ink.words(x + _SWATCH + 2, y + 12, shown))
        x += needed + _GAP
    return Drawn(y + LINE + 6 if entries else 0.0, "".join(parts))


def amounts_at_left(ticks: Sequence[float], said: Sequence[str], scale: Scale, x: float, end: float) -> str:
    """A grid with the amounts of an upright axis that ends at x; the line of 0 is the darkest."""
    parts = []
    for tick, word in zip(ticks, said, strict=True):
        y = scale.at(tick)
        parts.append(ink.line(x, y, end, y, "axis" if tick == 0 else "grid"))
        parts.append(ink.words(x - 6, y + 4, word, at="end", class_="faint"))
    return "".join(parts)


def amounts_below(
    ticks: Sequence[float], said: Sequence[str], scale: Scale, top: float, bottom: float
) -> str:
    """The same for an axis that lies below."""
    room = max(int(abs(scale.end - scale.start) // 52), 1)
    shown = set(thinned(range(len(ticks)), room))
    parts = []
    for number, (tick, word) in enumerate(zip(ticks, said, strict=True)):
        x = scale.at(tick)
        parts.append(ink.line(x, top, x, bottom, "axis" if tick == 0 else "grid"))
        if number in shown:
            parts.append(ink.words(x, bottom + 16, word, at="middle", class_="faint"))
    return "".join(parts)


def moments_below(moments: Sequence[date | str], places: Sequence[float], y: float, room: float) -> str:
    """Words below the middle of each moment, or of as many as there is room for; an hour says only its clock."""
    if all(isinstance(moment, date) for moment in moments):
        days = [moment for moment in moments if isinstance(moment, date)]
        shown = day_ticks(days, int(room // 52))
        said = day_words(days, shown)
    else:
        shown = thinned(range(len(moments)), int(room // 52))
        said = [_clock(str(moments[at])) for at in shown]
    right = places[-1] + (places[-1] - places[0]) / max(len(places) - 1, 1) / 2 if places else 0.0
    return "".join(
        _below(places[at], y + 16, word, right if len(places) > 1 else None)
        for at, word in zip(shown, said, strict=True)
    )


def _below(x: float, y: float, word: str, right: float | None) -> str:
    """In the middle below a place, or at the right end where there is no room for half of it."""
    if right is not None and x + ink.wide(word) / 2 > right:
        return ink.words(right, y, word, at="end", class_="faint")
    return ink.words(x, y, word, at="middle", class_="faint")


def _clock(moment: str) -> str:
    """`2026-11-21 14:00+01:00` is `14:00`."""
    _, _, clock = moment.partition(" ")
    return clock[:5] or moment[:8]


def margin(said: Sequence[str]) -> float:
    """The room that the words of an upright axis take."""
    return max((ink.wide(word) for word in said), default=0.0) + 12


def sheet(title: str, width: float, drawn: Drawn) -> str:
    """The picture as one SVG element, for a page that has its title and its style.

    Who does not see it is told its title; the numbers are in the table beside it.
    """
    return _svg(title, width, drawn.height, drawn.body)


def poster(title: str, width: float, titled: Sequence[tuple[str, Drawn]], style: str) -> str:
    """Pictures below one another as one SVG element that stands alone, with their titles, paper and style."""
    parts = [f"<style>{style}</style>"]
    top = _PAD
    for name, drawn in titled:
        parts.append(
            ink.element("text", ink.said(name), x=_PAD, y=top + 14, font_weight="600", class_="title")
        )
        parts.append(ink.element("g", drawn.body, transform=f"translate({_PAD:g} {top + _TITLE:g})"))
        top += _TITLE + drawn.height + _PAD
    whole_width = width + 2 * _PAD
    parts.insert(1, ink.element("rect", class_="paper", width=whole_width, height=top))
    return _svg(title, whole_width, top, *parts)


def _svg(title: str, width: float, height: float, *inside: str) -> str:
    return ink.element(
        "svg",
        *inside,
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        role="img",
        aria_label=title,
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
    )
