"""A chart -> SVG: pure, without a browser and without a package. `charts.png` makes a bitmap of it.

Why not a grammar with a renderer: measured on one stacked chart of 224 bars, vl-convert takes 84 MB on disk, 108 MB of
memory and half a second for its first picture; this takes nothing on disk and 2 ms, its colours follow the page's
theme without a second picture, and each bar knows its name for whoever clicks it.
"""

from collections.abc import Callable, Mapping

from whyspend.charts import bars, lines
from whyspend.charts.frame import Drawn, sheet
from whyspend.charts.palette import Theme, stylesheet
from whyspend.model import Chart, Picture

__all__ = ["NARROW", "WIDE", "Theme", "stylesheet", "svg"]

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


def svg(chart: Chart, *, width: int = WIDE, theme: Theme | None = None) -> str:
    """One `<svg>` element.

    Bars carry `data-name` (a name or part) and `data-at` (a moment, a row's name or number), for whoever wants to ask
    for what they show, and a `<title>` with their exact number for people.

    Args:
        chart: what to draw.
        width: of the picture; the height follows.
        theme: with one it stands alone, in a file: with its own colours, title and paper. Without, it is for a page
            that has the title and `stylesheet()`.
    """
    drawn = _PICTURES[chart.picture](chart, width)
    return sheet(chart.title, width, drawn, stylesheet(theme, "svg") if theme else "")
