"""An answer in a notebook: shown as its page, and handed on to the usual data frames."""

from dataclasses import fields
from html import escape
from importlib import import_module
from types import ModuleType
from typing import Any

from whyspend import registry
from whyspend.errors import MissingExtraError
from whyspend.formats._cells import flat_name
from whyspend.model import Table

HEIGHT = 640
"""Of what a notebook shows, in pixels."""


class Answer(Table):
    """A Table that notebooks show, with its rows as data frames: exact decimals, None where unknown."""

    def _repr_html_(self) -> str:
        """The page of `--format html`, within a frame of its own, so that no style meets that of the notebook."""
        page = registry.load("formats", "html").page_of(
            self, question=registry.question("reports", self.report)
        )
        frame = f'sandbox="allow-scripts" width="100%" height="{HEIGHT}" frameborder="0"'
        return f'<iframe {frame} srcdoc="{escape(page)}"></iframe>'

    def to_arrow(self) -> Any:
        """The rows as an Arrow table (arro3), with the columns and types of `--format parquet`.

        Anything that reads the Arrow C stream takes it, such as `pyarrow.table(answer.to_arrow())`.
        """
        return registry.load("formats", "parquet").arrow_table(self)

    def to_polars(self) -> Any:
        """The same as a polars DataFrame.

        Raises:
            MissingExtraError: polars is not installed.
        """
        return _package("polars").DataFrame(self.to_arrow())

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame whose cells are as they are here: Decimal, int, str, date, None.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        names = [flat_name(column) for column in self.columns]
        days = {"since": self.window.since, "until": self.window.until}
        rows = [{**days, **dict(zip(names, row, strict=True))} for row in self.rows]
        return _package("pandas").DataFrame(rows, columns=[*days, *names], dtype=object)


def answer(table: Table) -> Answer:
    """The same answer, for whoever asked in Python."""
    return Answer(**{field.name: getattr(table, field.name) for field in fields(table)})


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError(f"to_{name}() needs {name}. Install it: pip install {name}.") from None
