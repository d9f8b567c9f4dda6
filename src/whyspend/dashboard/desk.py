"""Where the pages and the JSON endpoints ask: an answer that was given is given again until something changes.

An answer rests on the ledger's files, its prices, whyspend.toml and the day; of days that are not over on the hour, for
it says where the data ends too early; and where the present moment matters, as for what a month will end at, on the
minute. That costs a few looks at the disk (see Asking.state), and no file is read.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from whyspend.config import Config, load
from whyspend.dashboard.cache import Cache
from whyspend.errors import UsageError
from whyspend.model import Chart, Table, Window
from whyspend.model.sheet import Sheet
from whyspend.serving import Asking
from whyspend.serving.asking import Signature, signature
from whyspend.workspace import Workspace
from whyspend.workspace.questions import Question, shell_line
from whyspend.workspace.sheet_questions import SheetQuestion
from whyspend.workspace.windows import window, zone
from whyspend.workspace.writing import has_pictures, refuse_unless_able, written

OF_A_DAY = frozenset({"report", "requests", "explain", "coverage", "whatif", "reconcile"})
"""Reports whose answer is the same all day long, but for where the data ends; that of any other may change with the
minute."""

HOUR_SECONDS, MOMENT_SECONDS = 3_600, 60

MOST_READ = 200_000
"""Cells of an answer that is written for people: each takes three times the memory and the time of one for machines,
and no browser shows so long a page well."""

FOR_MACHINES = frozenset({"csv", "json", "parquet"})

CELL_BYTES = 120
"""What a cell of an answer takes, about."""

Answer = TypeVar("Answer")


@dataclass
class Desk:
    """Answers questions for one port, from the cache where they were asked before."""

    asking: Asking
    typed: tuple[str, ...] = ()
    """The options with which it was started and that a command needs too: `--config FILE`, `--ledger FOLDER`."""
    ledger: str | None = None
    """The ledger where it is not the configured one."""
    cache: Cache = field(default_factory=Cache)
    _read: Signature = (0, 0, 0)
    """The configuration file as it was when it was read last."""

    def __post_init__(self) -> None:
        self._read = signature(self.asking.config.path)

    def config(self) -> Config:
        """The configuration as its file says it now; the next question is asked with it.

        Raises:
            ConfigError: the file cannot be read, or something in it cannot be used.
        """
        config = self.asking.config
        if (now := signature(config.path)) != self._read:
            config = load(config.path, config.environ)
            if self.ledger is not None:
                config = replace(config, ledger=self.ledger)
            self.asking.config, self._read = config, now
        return config

    async def table(self, question: Question, *, pictures: bool = False) -> Table:
        """The answer of a question.

        Raises:
            WhyspendError: as Question.ask.
            RefusedError: as Asking.ask.
        """

        def ask(place: Workspace) -> Table:
            return question.ask(place, pictures=pictures)

        return await self.known((question, pictures), ask, _size, question)

    async def sheet(self, question: SheetQuestion) -> Sheet:
        """The answer of a question that no report answers.

        Raises:
            WhyspendError: as SheetQuestion.ask.
            RefusedError: as Asking.ask.
        """
        return await self.known(question, question.ask, _size_of_sheet, reaches=question.reaches)

    async def written(self, question: Question | SheetQuestion, form: str) -> bytes:
        """The answer of a question as the command writes it to a file.

        Raises:
            WhyspendError: as the question's ask; UsageError also where the format cannot write it, or people cannot
                read so much.
            RefusedError: as Asking.ask.
        """
        answer: Table | Sheet
        if isinstance(question, SheetQuestion):
            refuse_unless_able(form, Sheet)
            answer = await self.sheet(question)
        else:
            answer = await self.table(question, pictures=has_pictures(form))
            if form not in FOR_MACHINES and _cells(answer) > MOST_READ:
                raise UsageError(
                    f"The answer has {len(answer.rows):,} rows, which is too long for {form} here. Take csv, json or "
                    "parquet, or ask for fewer days, or by a key with fewer values; the command line writes answers "
                    "of any length."
                )
        line = self.line(question)
        return await self.asking.ask(lambda place: written(answer, form, place.engine, line))

    def line(self, question: Question | SheetQuestion) -> str:
        """The command line that gives the same answer, tomorrow too.

        Raises:
            UsageError: days that cannot be meant.
        """
        asked = _window(self.config(), question, datetime.now(UTC)) if question.has_days else None
        return shell_line(["whyspend", *question.arguments(self.typed, asked)])

    async def known(
        self,
        key: Hashable,
        make: Callable[[Workspace], Answer],
        size: Callable[[Answer], int],
        question: Question | None = None,
        *,
        reaches: bool = False,
    ) -> Answer:
        """Anything that is worked out from the ledger, its prices and the configuration.

        Args:
            key: what it is, beside these.
            make: works it out.
            size: bytes that it takes, about.
            question: of which it is the answer; None: it may change with the minute.
            reaches: as of Asking.ask.
        """
        config = self.config()
        rests_on = (key, self.state(), moment(config, question, datetime.now(UTC)))
        return await self.cache.get(rests_on, lambda: self.asking.ask(make, reaches=reaches), size)

    def state(self) -> tuple[Hashable, ...]:
        """As Asking.state."""
        return self.asking.state()


def moment(config: Config, question: Question | None, now: datetime) -> tuple[Hashable, ...]:
    """What an answer rests on of the present: the days that are asked about; the hour or minute where it matters."""
    hour, minute = (int(now.timestamp()) // seconds for seconds in (HOUR_SECONDS, MOMENT_SECONDS))
    if question is None:
        return (minute,)
    asked = _window(config, question, now)
    today = now.astimezone(zone(asked.timezone)).date()
    if question.prices == "now" or not (question.report in OF_A_DAY or asked.until < today):
        return asked, today, minute
    return asked, today, None if asked.until < today else hour


def _window(config: Config, question: Question | SheetQuestion, now: datetime) -> Window:
    return window(question.since, question.until, question.timezone or config.timezone, now)


def _size(table: Table) -> int:
    return (_cells(table) + 50) * CELL_BYTES


def _cells(table: Table) -> int:
    cells = len(table.rows) * len(table.columns)
    cells += sum(len(row) for rows in table.details.values() for row in rows)
    return cells + _drawn(table.charts)


def _size_of_sheet(sheet: Sheet) -> int:
    parts = [part for part in (sheet.main, sheet.people, *sheet.more) if part is not None]
    cells = sum(len(part.rows) * len(part.columns) for part in parts)
    return (cells + _drawn(sheet.charts) + 50) * CELL_BYTES + len(sheet.block)


def _drawn(charts: Sequence[Chart]) -> int:
    return sum(len(chart.rows) * len(chart.columns) for chart in charts)
