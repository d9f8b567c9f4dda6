"""The pictures of an answer, drawn for a screen and for a phone, each with the table of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from whyspend.charts import NARROW, svg
from whyspend.dashboard.grid import Grid, Link, nowhere, plain_grid
from whyspend.model import Chart
from whyspend.spelling import visible

ALONE, BESIDE = 760, 620
"""How wide a picture is on a screen, so that its words are as large as those around it."""


@dataclass(frozen=True)
class Picture:
    """A picture of a page."""

    title: str
    kind: str
    wide: Markup
    narrow: Markup
    """SVG: every text in it was escaped when it was drawn."""
    grid: Grid
    by: str
    """The key whose values its parts are, to ask for one; "": no single key."""
    time: str
    """The part of the calendar that its bars are; "": none."""


def pictures(charts: Sequence[Chart], link: Link = nowhere) -> tuple[Picture, ...]:
    """The pictures of an answer; several stand side by side. The cells of their numbers lead where `link` says."""
    return tuple(_picture(chart, ALONE if len(charts) == 1 else BESIDE, link) for chart in charts)


def _picture(chart: Chart, width: int, link: Link) -> Picture:
    return Picture(
        title=visible(chart.title),
        kind=chart.picture,
        wide=Markup(svg(chart, width=width)),  # noqa: S704  drawn by us
        narrow=Markup(svg(chart, width=NARROW)),  # noqa: S704
        grid=plain_grid(chart.columns, chart.rows, link),
        by=chart.by[0] if len(chart.by) == 1 else "",
        time=chart.columns[0].name if chart.picture == "stacked_time" else "",
    )
