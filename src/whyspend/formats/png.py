"""PNG: the pictures of an answer below one another, for what shows no SVG. Needs the extra `pictures`."""

from typing import BinaryIO

from whyspend.charts.png import png
from whyspend.formats._frame import sheet_title, title
from whyspend.model import Table
from whyspend.model.sheet import Sheet

PICTURES = True


def write(table: Table, out: BinaryIO) -> None:
    """Write the pictures on light paper, with two pixels for each unit of the SVG.

    Raises:
        MissingExtraError: resvg is not installed.
    """
    out.write(png(title(table), table.charts))


def write_sheet(sheet: Sheet, out: BinaryIO) -> None:
    """Write the pictures of a sheet in the same way.

    Raises:
        MissingExtraError: resvg is not installed.
    """
    out.write(png(sheet_title(sheet), sheet.charts))
