"""A chart -> SVG: pure, without a browser and without a package. `charts.png` makes a bitmap of it.

Why not a grammar with a renderer: measured on one stacked chart of 224 bars, vl-convert takes 84 MB on disk, 108 MB of
memory and half a second for its first picture; this takes nothing on disk and 2 ms, its colours follow the page's
theme without a second picture, and each bar knows its name for whoever clicks it.
"""

from collections.abc import Callable, Mapping, Sequence

from whyspend.charts import bars, frame, lines
from whyspend.charts.frame import Drawn, sheet
from whyspend.charts.palette import Theme, stylesheet
from whyspend.model import Chart, Picture

__all__ = ["NARROW", "WIDE", "Theme", "poster", "stylesheet", "svg"]

WIDE, NARROW = 880, 330
"""The widths that pages show: on a screen or paper, and on a phone."""

_PICTURES: Mapping[Picture, Callable[[Chart, float], Drawn]] = {
    "stacked_time": bars.stacked_time,
    "ranked_change": bars.ranked_change,
    "waterfall": bars.waterfall,
    "burn_down": lines.burn_down,
    "histogram": bars.histogram,
    "price_steps": lines.price_steps,
    "shares": bars.shares,
}


def svg(chart: Chart, *, width: int = WIDE) -> str:
    """One `<svg>` element, for a page that has the title and `stylesheet()`; its height follows from the width.

    Bars carry `data-name` (a name or part) and `data-at` (a moment, a row's name or number), for whoever wants to ask
    for what they show, and a `<title>` with their exact number for people.
    """
    return sheet(chart.title, width, _PICTURES[chart.picture](chart, width))


def poster(title: str, charts: Sequence[Chart], *, width: int = WIDE, theme: Theme = "auto") -> str:
    """One `<svg>` element that stands alone: pictures below one another, each with its title.

    Args:
        title: of the whole, for who does not see it.
        charts: what to draw; none: the title says so.
        width: of each picture.
        theme: its colours; auto: as the reader's machine is set.
    """
    drawn = [(chart.title, _PICTURES[chart.picture](chart, width)) for chart in charts]
    return frame.poster(
        title, width, drawn or [(f"{title}: no picture", Drawn(0, ""))], stylesheet(theme, "svg")
    )
