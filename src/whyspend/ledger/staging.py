"""What a writer was given becomes three kept tables: `incoming`, `dropped`, and `moved`.

incoming: calls, each once, with the columns of the ledger and their UTC `day`. dropped: `call_id` and `day` of runs
to remove. moved: held calls whose start was corrected to another day, as they are held, with the day they leave
(`from day`) and the one they go to (`to day`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from arro3.core import RecordBatch

from whyspend.errors import InputError
from whyspend.ledger.arrow import batch_of, batch_of_columns, stored, table_of
from whyspend.ledger.columns import columns_of, empty, names_of, promoted
from whyspend.ledger.flags import PRICE_KEY
from whyspend.ledger.manifest import File, by_dimensions
from whyspend.ledger.merging import folded
from whyspend.model import COLUMNS, USAGE_COLUMNS, Batch, Engine

TABLES = ("incoming", "dropped", "moved", "upserts", "before", "day_calls")

WANTED = """(SELECT call_id AS wanted, min(day) AS "to day" FROM
  (SELECT call_id, day FROM incoming UNION ALL SELECT call_id, day FROM dropped) GROUP BY call_id)"""
"""Names with a space, for no dimension has one."""

LEFT_DAYS = """
SELECT DISTINCT day FROM {files} JOIN {wanted} ON call_id = wanted WHERE day <> "to day"
"""

MOVED = """
SELECT {columns}, DATE '{day}' AS "from day", "to day"
FROM {held} JOIN {wanted} ON call_id = wanted WHERE "to day" <> DATE '{day}'
"""

_MUST = ("project", "call_id", "trace_id", "started_at")
_TEXT_DEFAULTS = {"kind": "'llm'", "status": "'success'", "price_context": "''", "price_key": "''"}


@dataclass
class Stage:
    """Takes batches in."""

    engine: Engine
    source: str
    dimensions: tuple[str, ...]
    waiting: int = 0
    """Calls taken in so far."""
    links: dict[str, str] = field(default_factory=dict)
    _batches: dict[tuple[str, ...], list[RecordBatch]] = field(default_factory=dict)
    """By the columns that they have."""
    _relations: list[str] = field(default_factory=list)
    _dropped: list[tuple[int, str]] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Take one in."""
        if batch.calls:
            self._take(batch_of(batch.calls, self.dimensions))
        if batch.columns:
            self._take(batch_of_columns(batch.columns))
        if batch.relation is not None:
            self._relations.append(batch.relation)
        self._dropped.extend(batch.dropped)
        self.links.update(batch.links or {})

    def _take(self, batch: RecordBatch) -> None:
        self._batches.setdefault(tuple(batch.schema.names), []).append(batch)
        self.waiting += batch.num_rows

    def clear(self) -> None:
        """Start anew: what was taken in is published."""
        self._batches, self._relations, self._dropped, self.waiting = {}, [], [], 0

    def keep(self) -> list[date]:
        """Keep the tables; the days they concern, in order. `moved` is empty as yet (see `keep_moved`).

        Raises:
            InputError: a source's relation has calls without a key, a project or a start.
        """
        self._keep_incoming()
        self._keep_dropped()
        columns = empty(self.dimensions, self.engine)
        self.engine.keep(
            "moved",
            f'SELECT {columns}, CAST(NULL AS DATE) AS "from day", CAST(NULL AS DATE) AS "to day" WHERE false',
        )
        found = self.engine.rows("SELECT day FROM incoming UNION SELECT day FROM dropped ORDER BY 1")
        return [row[0] for row in found]

    @property
    def drops(self) -> bool:
        """Tell whether any run is to be removed."""
        return bool(self._dropped)

    def keep_moved(self, root: Path, near: Sequence[File]) -> list[date]:
        """Keep the calls of these files that now belong to another day; the days that they leave.

        The files should be those of the days at hand and of their neighbours: a start that is corrected at all is
        corrected by moments, and the ids of the whole ledger are too many to look through at each commit. A call
        that moves further is there twice until its old day is pulled in full; `ledger verify` names it.
        """
        left: set[date] = set()
        for alike in by_dimensions(near).values():
            paths = [str(root / file.path) for file in alike]
            found = self.engine.rows(LEFT_DAYS.format(files=self.engine.scan(paths), wanted=WANTED))
            left |= {row[0] for row in found}
        for file in near:
            if file.day in left:
                relation = promoted(self.engine, [str(root / file.path)], file.dimensions, self.dimensions)
                columns = names_of(self.dimensions, self.engine)
                moved = MOVED.format(columns=columns, day=file.day, held=relation, wanted=WANTED)
                self.engine.add("moved", moved)
        return sorted(left)

    def _keep_incoming(self) -> None:
        ledger = columns_of(self.dimensions, self.engine)
        selects = [self._complete(relation, ledger) for relation in self._relations]
        offered: list[str] = []
        try:
            for names, batches in self._batches.items():
                offered.append(f"arriving_{len(offered)}")
                self.engine.offer(offered[-1], table_of(batches))
                selects.append(self._stored(offered[-1], names))
            nothing = f"SELECT {empty(self.dimensions, self.engine)} WHERE false"
            self.engine.keep("incoming", self._worked_out(" UNION ALL ".join(selects) or nothing))
        finally:
            for name in offered:
                self.engine.withdraw(name)
        if self._relations:
            self._refuse_nameless()
        ((rows, distinct),) = self.engine.rows("SELECT count(*), count(DISTINCT call_id) FROM incoming")
        if rows != distinct:  # a page may repeat
            once = folded("incoming", self.dimensions, self.engine)
            self.engine.keep("incoming", self._worked_out(once))

    def _worked_out(self, calls: str) -> str:
        """Calls with what the ledger says about each: its source, its price key, when it came, its day."""
        now = int(datetime.now(UTC).timestamp() * 1_000_000)
        day = "CAST(started_at AT TIME ZONE 'UTC' AS DATE)"
        return (
            f"SELECT * REPLACE ({self.engine.literal(self.source)} AS source, {PRICE_KEY} AS price_key, "
            f"make_timestamptz({now}) AS ingested_at), {day} AS day FROM ({calls})"
        )

    def _stored(self, table: str, names: Sequence[str]) -> str:
        """A table of `batch_of` or `batch_of_columns` as the ledger's columns."""
        cells = [
            stored(column)
            if column.name in names
            else f"{_default(column.name, column.sql)} AS {column.name}"
            for column in COLUMNS
        ]
        cells += [self.engine.identifier(name) for d in self.dimensions for name in (d, f"{d}_from")]
        return f"SELECT {', '.join(cells)} FROM {table}"

    def _complete(self, relation: str, ledger: Sequence[tuple[str, str]]) -> str:
        """A source's own SELECT with the columns that it does not know added, as Call has them by default."""
        known = {name.lower() for name, _ in self.engine.columns(f"SELECT * FROM ({relation})")}
        plain = known | {self.engine.identifier(name) for name in known}
        cells = [
            f"coalesce(CAST({name} AS {sql}), {_default(name, sql)}) AS {name}"
            if name.lower() in plain
            else f"{_default(name, sql)} AS {name}"
            for name, sql in ledger
        ]
        return f"SELECT {', '.join(cells)} FROM ({relation})"

    def _refuse_nameless(self) -> None:
        missing = ", ".join(f"count(*) FILTER (WHERE {name} IS NULL)" for name in _MUST)
        (counts,) = self.engine.rows(f"SELECT {missing} FROM incoming")
        for name, count in zip(_MUST, counts, strict=True):
            if count:
                raise InputError(
                    f"The source {self.source} brought {count:,} calls without {name}: nothing was published. "
                    "Look at what it reads."
                )

    def _keep_dropped(self) -> None:
        values = ", ".join(f"({began}, {self.engine.literal(call)})" for began, call in self._dropped)
        dropped = (
            f"(VALUES {values}) v(began, call_id)"
            if values
            else "(SELECT 0 AS began, '' AS call_id WHERE false)"
        )
        self.engine.keep(
            "dropped",
            f"SELECT CAST(make_timestamptz(began) AT TIME ZONE 'UTC' AS DATE) AS day, call_id FROM {dropped}",
        )


def neighbour(day: date, step: int) -> date | None:
    """The day before (-1) or after (1); none at the ends of the calendar, where clocks that were never set stand."""
    try:
        return day + timedelta(days=step)
    except OverflowError:
        return None


def neighbours(day: date) -> set[date]:
    """A day, the one before and the one after."""
    return {near for step in (-1, 0, 1) if (near := neighbour(day, step))}


def _default(name: str, sql: str) -> str:
    """The value of a column that a source does not know: what Call has as its default."""
    if name in USAGE_COLUMNS or name in ("prompt_total", "completion_total") or sql == "TINYINT":
        return f"CAST(0 AS {sql})"
    return _TEXT_DEFAULTS.get(name, f"CAST(NULL AS {sql})")
