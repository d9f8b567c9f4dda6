"""PNG: the pictures of an answer below one another, for what shows no SVG. Needs the extra `pictures`."""

from typing import BinaryIO

from whyspend.charts.png import png
from whyspend.formats._frame import title
from whyspend.model import Table

PICTURES = True


def write(table: Table, out: BinaryIO) -> None:
    """Write the pictures on light paper, with two pixels for each unit of the SVG.

    Raises:
        MissingExtraError: resvg is not installed.
    """
    out.write(png(title(table), table.charts))
