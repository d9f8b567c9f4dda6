"""Runs that are wanted, found in the ledger: their keys first, a few days at a time, then the rows of one page.

Days are searched in the order of the page, so a page of the latest runs reads one day, whatever the ledger holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from whyspend.collector.reading.asked import Paged, Wanted
from whyspend.collector.reading.conditions import Condition, condition, micros
from whyspend.collector.reading.cursors import Place
from whyspend.collector.reading.fields import started
from whyspend.collector.reading.filters import FilterError, Function
from whyspend.collector.reading.runs import PARTS, Run, columns
from whyspend.pricing.view import COMPLETION, PROMPT
from whyspend.workspace import Workspace
from whyspend.workspace.data import Data
from whyspend.workspace.windows import instant, of_days

AT_FIRST = 100_000
"""Calls that are searched before more days are looked at; each time twice as many."""

SIDES = {"prompt_cost": PROMPT, "completion_cost": COMPLETION}
"""For Data.priced_calls: what filters ask about, and statistics add up."""

KEYS = """
SELECT began, source, call_id FROM {calls} wanted WHERE {where}
ORDER BY began {order}, source {order}, call_id {order} LIMIT {most}
"""

_BEGAN = ("began", "source", "call_id")


@dataclass
class Search:
    """Some runs of one moment's ledger."""

    place: Workspace
    wanted: Wanted
    projects: Sequence[str] | None
    """Names; None: all."""

    @cached_property
    def data(self) -> Data:
        """The ledger as it is now; the days are of no account."""
        return self.place.data(of_days(date(2000, 1, 1), date(2000, 1, 1), "UTC"))

    @cached_property
    def days(self) -> dict[date, int]:
        """The days that can have such runs, the first first, with how many calls they hold."""
        found: dict[date, int] = {}
        for file in self.data.snapshot.manifest.files:
            if file.last >= self._since and file.first < self._until:
                found[file.day] = found.get(file.day, 0) + file.rows
        return dict(sorted(found.items()))

    @cached_property
    def condition(self) -> Condition:
        """All that must hold of a run itself."""
        return condition(self.wanted.tests, self.place.engine, self.data.attribution)

    @cached_property
    def where(self) -> str:
        """What must hold of a row of the ledger; where costs decide too, no more than that it may be wanted.

        Raises:
            FilterError: the ledger cannot answer that.
        """
        tests = [*self._tests(), *([] if self.condition.costs else [self.condition.sql])]
        return " AND ".join(tests)

    def of(self, first: date, last: date) -> Data:
        """The ledger of some days."""
        return self.data.of(of_days(first, last, "UTC"))

    def priced(self, days: Data, cells: Mapping[str, str]) -> str:
        """SQL of the wanted runs of some days: these columns of the ledger's rows, and what each run cost."""
        calls = days.narrowed(self.where).priced_calls({**cells, **self.condition.lifted}, SIDES)
        return (
            f"(SELECT * FROM ({calls}) priced WHERE {self.condition.sql if self.condition.costs else 'true'})"
        )

    def page(self, asked: Paged, after: Place | None) -> tuple[list[Run], Place | None]:
        """A page of runs, and where it ends if more follow."""
        self.where  # noqa: B018  what cannot be answered is refused by an empty ledger too
        keys: list[Place] = []
        for first, last in self._chunks(asked.is_oldest_first, after):
            keys += self._keys(self.of(first, last), asked, after, asked.size + 1 - len(keys))
            if len(keys) > asked.size:
                break
        shown = keys[: asked.size]
        return self._rows(shown), shown[-1] if len(keys) > asked.size else None

    def _tests(self) -> Iterator[str]:
        began = started(self.place.engine)
        yield f"{began} >= {self._since} AND {began} < {self._until}"
        if self.projects is not None:
            names = ", ".join(map(self.place.engine.literal, self.projects))
            yield f"project IN ({names})" if names else "false"
        if self.wanted.of_trace is not None:
            yield f"trace_id IN ({self._traces(self.wanted.of_trace)})"

    def _traces(self, tree: Function) -> str:
        """SQL of the traces that have a call for which a filter holds."""
        made = condition([tree], self.place.engine, self.data.attribution)
        if made.costs:
            raise FilterError("tree_filter cannot ask for costs. Ask for them with filter.")
        span = self.data.snapshot.span
        first, last = (instant(0), instant(0)) if span is None else span
        calls = self.of(first.date(), last.date()).traces()
        return f"SELECT trace_id FROM {calls} WHERE {made.sql}"

    def _chunks(self, is_oldest_first: bool, after: Place | None) -> Iterator[tuple[date, date]]:
        """Days to search together, in the order of the page."""
        order = list(self.days) if is_oldest_first else list(self.days)[::-1]
        if after is not None:
            reached = instant(after.started).date()
            order = [day for day in order if (day >= reached if is_oldest_first else day <= reached)]
        most, held, chunk = AT_FIRST, 0, []
        for day in order:
            chunk.append(day)
            held += self.days[day]
            if held >= most:
                yield min(chunk), max(chunk)
                most, held, chunk = most * 2, 0, []
        if chunk:
            yield min(chunk), max(chunk)

    def _keys(self, days: Data, asked: Paged, after: Place | None, most: int) -> list[Place]:
        engine = self.place.engine
        keys = {"began": started(engine), "source": "source", "call_id": "call_id"}
        if self.condition.costs:
            calls = self.priced(days, keys)
        else:
            named = ", ".join(f"{sql} AS {name}" for name, sql in keys.items())
            calls = f"(SELECT {named} FROM {days.traces()} WHERE {self.where})"
        tests = ["true"]
        if after is not None:
            last = f"({after.started}, {engine.literal(after.source)}, {engine.literal(after.call_id)})"
            tests.append(f"({', '.join(_BEGAN)}) {'>' if asked.is_oldest_first else '<'} {last}")
        found = engine.rows(
            KEYS.format(
                calls=calls,
                where=" AND ".join(tests),
                order="ASC" if asked.is_oldest_first else "DESC",
                most=most,
            )
        )
        return [Place(*row) for row in found]

    def _rows(self, keys: Sequence[Place]) -> list[Run]:
        if not keys:
            return []
        engine, dimensions = self.place.engine, self.data.attribution
        first, last = (pick(key.started for key in keys) for pick in (min, max))
        named = ", ".join(engine.literal(key.call_id) for key in keys)
        days = self.of(instant(first).date(), instant(last).date())
        began = started(engine)
        some = days.narrowed(f"{began} >= {first} AND {began} <= {last} AND call_id IN ({named})")
        cells = columns(engine, dimensions)
        names = [*cells, "cost", *PARTS]
        rows = engine.rows(f"SELECT {', '.join(names)} FROM ({some.priced_calls(cells, PARTS)}) priced")
        runs = [Run(dict(zip(names, row, strict=True)), tuple(dimensions)) for row in rows]
        by_key = {(run.its("source"), run.its("call_id")): run for run in runs}
        return [by_key[key.source, key.call_id] for key in keys]

    @property
    def _since(self) -> int:
        return -(2**62) if self.wanted.since is None else micros(self.wanted.since)

    @property
    def _until(self) -> int:
        return 2**62 if self.wanted.until is None else micros(self.wanted.until)
