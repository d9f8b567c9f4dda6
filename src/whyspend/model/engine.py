"""Who answers the SQL: the protocol of the engines."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Engine(Protocol):
    """Who answers the SQL, and the few words in which engines differ."""

    def close(self) -> None:
        """Give back what it holds."""
        ...

    def interrupt(self) -> None:
        """Stop the statement that another thread runs: it raises StoppedError there. Nothing runs: nothing happens."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows; DECIMALs as Decimal."""
        ...

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and types of the columns that a SELECT would yield."""
        ...

    def keep(self, name: str, select: str) -> None:
        """Hold the rows of a SELECT under a name, until `forget`."""
        ...

    def add(self, name: str, select: str) -> None:
        """Append the rows of a SELECT to those that were kept."""
        ...

    def forget(self, name: str) -> None:
        """Let go of rows that were kept; nothing to do once the engine is closed."""
        ...

    def offer(self, name: str, table: object) -> None:
        """Make an Arrow table (anything with `__arrow_c_stream__`) readable under a name, until `withdraw`."""
        ...

    def withdraw(self, name: str) -> None:
        """Forget a table that was offered."""
        ...

    def write_parquet(self, select: str, path: str) -> None:
        """Write the rows of a SELECT, in its order, as one Parquet file, and fsync it."""
        ...

    def column_bytes(self, paths: list[str]) -> list[tuple[str, int]]:
        """Compressed bytes of each column over Parquet files, largest first."""
        ...

    def scan(self, paths: list[str]) -> str:
        """SQL that reads Parquet files of one schema, with their `day=` folder as column `day`."""
        ...

    def literal(self, text: str) -> str:
        """A text, however hostile, as an SQL literal."""
        ...

    def identifier(self, name: str) -> str:
        """A name, however hostile, as an SQL identifier."""
        ...

    def json_text(self, column: str, key: str) -> str:
        """The scalar under a top-level key of a JSON text, as text; NULL where it is absent."""
        ...

    def matches(self, expression: str, pattern: str) -> str:
        """Whether a text holds a match of a regular expression."""
        ...

    def contains(self, column: str, value: str) -> str:
        """Whether a list column holds a text; false for NULL."""
        ...

    def each_item(self, items: str) -> str:
        """In a SELECT: a row for each different item of a list; none for an empty one, and for NULL."""
        ...

    def any_item(self, items: str, condition: Callable[[str], str]) -> str:
        """Whether a condition holds for any item of a list of texts; it is given the SQL of the item."""
        ...

    def place(self, column: str, texts: Sequence[str]) -> str:
        """The place, from 1, of a column's text in a list of texts; NULL where it is not in it."""
        ...

    def micros(self, column: str) -> str:
        """Microseconds since the epoch, UTC, of a timestamp."""
        ...

    def day_number(self, column: str) -> str:
        """Days since 1970-01-01 of a date."""
        ...

    def quantiles(self, expression: str, shares: Sequence[str]) -> str:
        """A list of the values that these shares of the rows do not exceed: values that really occur, never an
        interpolation. NULL where there is no value at all.
        """
        ...
