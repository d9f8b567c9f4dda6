"""DuckDB in this process: in memory, no server, no lock on any file."""

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from whyspend.errors import InputError, StoppedError, UsageError


class DuckDB:
    """An Engine (see model.Engine) and the SqlWords of attribution, over one private in-memory database."""

    def __init__(self, *, memory_limit: str = "", threads: int = 0, most_cells: int = 0) -> None:
        """Open the database.

        Args:
            memory_limit: such as "1GB"; larger work spills to a private temporary folder.
            threads: how many; 0 for one per core.
            most_cells: that a statement may return; 0 for any number. They are beyond the memory limit.
        """
        self._most_cells = most_cells
        spill = tempfile.mkdtemp(prefix="whyspend-")
        self._clean_up = weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": spill,
            # Nothing may be fetched behind the user's back.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if memory_limit:
            settings["memory_limit"] = memory_limit
        if threads:
            settings["threads"] = threads
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._is_open = True

    def close(self) -> None:
        """Give back memory and the temporary folder; the end of the process does so too."""
        self._is_open = False
        self._connection.close()
        self._clean_up()

    def interrupt(self) -> None:
        """Stop the statement that another thread runs."""
        self._connection.interrupt()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        with _in_plain_words():
            found = self._connection.execute(sql)
            return self._some(found) if self._most_cells else found.fetchall()

    def _some(self, found: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        most = self._most_cells // max(len(found.description or ()), 1)
        rows = found.fetchmany(most + 1)
        if len(rows) > most:
            raise UsageError(
                f"The answer has more than {most:,} rows, which is too much here. Ask for fewer days, or by a key with "
                "fewer values; the command line writes answers of any length."
            )
        return rows

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """The names and types of the columns that a SELECT would yield."""
        return [(row[0], row[1]) for row in self.rows(f"DESCRIBE {sql}")]

    def keep(self, name: str, select: str) -> None:
        """Hold the rows of a SELECT under a name."""
        with _in_plain_words(taking_in=True):
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def add(self, name: str, select: str) -> None:
        """Append the rows of a SELECT to those that were kept."""
        with _in_plain_words(taking_in=True):
            self._connection.execute(f"INSERT INTO {name} {select}")

    def forget(self, name: str) -> None:
        """Let go of rows that were kept. Where the engine was closed, they went with it: finalizers come late."""
        if self._is_open:
            self._connection.execute(f"DROP TABLE IF EXISTS {name}")

    def offer(self, name: str, table: object) -> None:
        """Make an Arrow table readable under a name."""
        self._connection.register(name, table)

    def withdraw(self, name: str) -> None:
        """Forget a table that was offered."""
        self._connection.unregister(name)

    def write_parquet(self, select: str, path: str) -> None:
        """Write the rows of a SELECT, in its order, as one Parquet file in the ledger's layout.

        zstd level 3 and row groups of 245,760: measured smallest at full scan speed.

        Raises:
            OSError: the disk or the memory is full, or the folder cannot be written.
        """
        target = os.path.abspath(path)  # noqa: PTH100  DuckDB would read a leading `~` as the home folder
        try:
            self._connection.execute(
                f"COPY ({select}) TO {self.literal(target)} "
                "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 245760)"
            )
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise OSError(_first_line(error)) from None
        with open(path, "rb+") as file:  # noqa: PTH123  a file descriptor is what fsync takes
            os.fsync(file.fileno())

    def column_bytes(self, paths: list[str]) -> list[tuple[str, int]]:
        """Compressed bytes of each column over Parquet files, largest first."""
        return [
            (row[0], int(row[1]))
            for row in self.rows(
                "SELECT split_part(path_in_schema, ',', 1), sum(total_compressed_size) "
                f"FROM parquet_metadata([{self._files(paths)}]) GROUP BY 1 ORDER BY 2 DESC, 1"
            )
        ]

    def scan(self, paths: list[str]) -> str:
        """SQL that reads Parquet files of one schema; their `day=` folders come out as column `day` (DATE)."""
        # Not DuckDB's own hive_partitioning: it takes every `key=value` folder above for a column, so a ledger
        # below /data/env=prod/ would have one `env` for all calls. The name is a constant of each file, and so is
        # what is made of it: 5 % more for a query that needs the day, nothing for others.
        day = "CAST(regexp_extract(\"its file\", 'day=([^/\\\\]+)[/\\\\][^/\\\\]*$', 1) AS DATE)"
        return (
            f'(SELECT * EXCLUDE ("its file"), {day} AS day FROM read_parquet([{self._files(paths)}], '
            "hive_partitioning = false, filename = 'its file'))"
        )

    def _files(self, paths: list[str]) -> str:
        """Paths as SQL literals, each naming just that file.

        DuckDB reads `*`, `?` and `[` as patterns, a leading `~` as the home folder, `s3:` as an address.
        """
        whole = (os.path.abspath(path) for path in paths)  # noqa: PTH100  resolving links is not wanted
        plain = (re.sub(r"([*?[])", r"[\1]", path) for path in whole)
        return ", ".join(self.literal(path) for path in plain)

    # The words in which DuckDB differs from other engines.

    def literal(self, text: str) -> str:
        """A text as an SQL literal."""
        # NUL cannot stand in a statement; chr(0) says the same.
        parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
        return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"

    def identifier(self, name: str) -> str:
        """A name as an SQL identifier."""
        return '"' + name.replace('"', '""') + '"'

    def json_text(self, column: str, key: str) -> str:
        """The scalar under a top-level key of a JSON text, as text; NULL where it is absent."""
        # A JSON path in double quotes knows no escape for a double quote, so the key goes by JSON pointer:
        # there `~` and `/` are escaped and everything else stands for itself.
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        return f"json_extract_string({column}, {self.literal(pointer)})"

    def matches(self, expression: str, pattern: str) -> str:
        """Whether a text holds a match of a regular expression (RE2)."""
        return f"regexp_matches({expression}, {self.literal(pattern)})"

    def contains(self, column: str, value: str) -> str:
        """Whether a list column holds a text."""
        return f"coalesce(list_contains({column}, {self.literal(value)}), false)"

    def each_item(self, items: str) -> str:
        """In a SELECT: a row for each different item of a list."""
        return f"unnest(list_distinct({items}))"

    def any_item(self, items: str, condition: Callable[[str], str]) -> str:
        """Whether a condition holds for any item of a list of texts; it is given the SQL of the item."""
        return f"len(list_filter({items}, lambda item: {condition('item')})) > 0"

    def place(self, column: str, texts: Sequence[str]) -> str:
        """The place, from 1, of a column's text in a list of texts; NULL where it is not in it."""
        # A function of one column is worked out once for each text of its dictionary, an IN for every row.
        return f"list_position([{', '.join(map(self.literal, texts))}], {column})"

    def micros(self, column: str) -> str:
        """Microseconds since the epoch, UTC, of a timestamp."""
        return f"epoch_us({column})"

    def day_number(self, column: str) -> str:
        """Days since 1970-01-01 of a date."""
        return f"CAST({column} - DATE '1970-01-01' AS INTEGER)"

    def quantiles(self, expression: str, shares: Sequence[str]) -> str:
        """A list of the values below which these shares of the rows lie: each the smallest that is not exceeded by
        more (no interpolation, so it is a cost that really occurred); NULL where there is no value."""
        # Together, for an aggregate holds all values of its rows: one for each share would hold them as often.
        return f"quantile_disc({expression}, [{', '.join(shares)}])"


@contextmanager
def _in_plain_words(*, taking_in: bool = False) -> Iterator[None]:
    """Data, memory or a disk that the engine cannot work with, as an error that a person can act on.

    What remains (a name that does not exist, a syntax error) is a defect of our SQL and stays as it is. While data is
    taken in, a value that is not what it should be is the data's fault; in a question it is the question's.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise StoppedError("The question was stopped: it took too long.") from None
    except duckdb.OutOfMemoryException as error:
        raise UsageError(
            f"There is not enough memory for this question ({_first_line(error)}). Ask for fewer days; "
            "a server leaves each question a part of the memory, the command line may use all of it."
        ) from None
    except duckdb.Error as error:
        if not (_is_about_a_file(error) or (taking_in and _is_about_a_value(error))):
            raise
        raise InputError(
            f"The data cannot be read: {_first_line(error)}. Look at what it names; "
            "damaged files of the ledger are named by: whyspend ledger verify."
        ) from None


def _is_about_a_file(error: duckdb.Error) -> bool:
    if type(error) is duckdb.Error:  # a Parquet header that cannot be decoded has no class of its own
        return True
    text = str(error).lower()
    return isinstance(error, duckdb.OperationalError) or (
        isinstance(error, duckdb.InvalidInputException) and ("parquet" in text or "file" in text)
    )


def _is_about_a_value(error: duckdb.Error) -> bool:
    return isinstance(error, (duckdb.InvalidInputException, duckdb.DataError))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")


def connect(*, memory_limit: str = "", threads: int = 0, most_cells: int = 0) -> DuckDB:
    """Open the engine."""
    return DuckDB(memory_limit=memory_limit, threads=threads, most_cells=most_cells)
