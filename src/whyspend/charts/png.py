"""A chart as a bitmap, for where no SVG is shown: mail, Slack. By resvg (extra `pictures`), without a browser."""

from collections.abc import Sequence
from pathlib import Path

from whyspend.charts import WIDE, poster
from whyspend.charts.palette import Theme
from whyspend.errors import MissingExtraError
from whyspend.model import Chart

FONT = Path(__file__).parent / "data" / "DejaVuSansCondensed.ttf"
"""For machines without any; where they have one that a browser would take, that is taken."""

_FAMILY = "DejaVu Sans"


def png(
    title: str, charts: Sequence[Chart], *, width: int = WIDE, theme: Theme = "light", zoom: float = 2.0
) -> bytes:
    """The pictures of a poster as PNG, with `zoom` times as many pixels as the SVG has units.

    Raises:
        MissingExtraError: resvg is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise MissingExtraError(
            "Pictures as PNG need resvg. Install it: pip install 'whyspend[pictures]'."
        ) from None
    still: Theme = "light" if theme == "auto" else theme
    drawn: bytes = svg_to_bytes(
        svg_string=poster(title, charts, width=width, theme=still),
        zoom=zoom,
        font_files=[str(FONT)],
        sans_serif_family=_FAMILY,
    )
    return drawn
