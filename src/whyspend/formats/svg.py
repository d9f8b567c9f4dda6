"""SVG: the pictures of an answer below one another in one file, without its rows."""

from typing import BinaryIO

from whyspend.charts import poster
from whyspend.formats._frame import sheet_title, title
from whyspend.model import Table
from whyspend.model.sheet import Sheet

PICTURES = True


def write(table: Table, out: BinaryIO) -> None:
    """Write the pictures, light or dark as the reader's machine is set; UTF-8.

    An answer without pictures becomes one that says so.
    """
    out.write(f"{poster(title(table), table.charts)}\n".encode())


def write_sheet(sheet: Sheet, out: BinaryIO) -> None:
    """Write the pictures of a sheet in the same way."""
    out.write(f"{poster(sheet_title(sheet), sheet.charts)}\n".encode())
