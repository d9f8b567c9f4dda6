"""One stretch of time of some LangSmith projects, read and turned into calls. Runs in worker threads."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from msgspec.structs import replace as replaced

from whyspend.model import Call
from whyspend.net import Refused
from whyspend.sources.langsmith import api, plan
from whyspend.wire import langsmith as wire

AT_ONCE: dict[api.Version, int] = {"v2": 3_000, "v1": 400}
"""Runs that one thread should hold at a time."""

AT_MOST: dict[api.Version, int] = {"v2": 10_000, "v1": 3_000}
"""Runs from which on a stretch is given up and read again in parts."""

MOST_PARTS = 24


@dataclass(frozen=True)
class Wanted:
    """What to read, and how to call it."""

    server: api.Server
    sieve: wire.Sieve
    source: str
    names: Mapping[str, str]
    """The name of each project by its id."""
    start: int
    end: int

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Those that are configured."""
        return self.sieve.dimensions


@dataclass(frozen=True)
class Portion:
    """What was read of `[start, end)`."""

    start: int
    end: int
    calls: list[Call]
    columns: Mapping[str, Sequence[object]]
    """More calls, by the names of the ledger's columns: those that had ended before `end`."""
    outer: list[tuple[int, str]]
    """(started_at, id) of runs that contain an LLM run with usage."""
    inside: list[tuple[str, ...]]
    """Ids of the runs that LLM runs with usage were called from, for each of these."""
    pending: list[tuple[str, int]]
    """Project and start of each model run that has not ended."""
    runs: int
    last: bool = False
    """Nothing more comes of what was wanted."""


def read(wanted: Wanted) -> Iterator[Portion]:
    """Read it whole, or in parts, oldest first, where it is too much to hold.

    Raises:
        SourceError: LangSmith refuses, or does not answer usefully.
    """
    todo = deque([(wanted.start, wanted.end)])
    server = wanted.server
    most = AT_MOST[server.version]
    while todo:
        start, end = todo.popleft()
        limit = most if end - start >= 2 * plan.SECOND else None
        part = replace(wanted, start=start, end=end)
        stretch = plan.moment(start), plan.moment(end)
        try:
            portion = _portion(part, api.runs(server, list(wanted.names), *stretch, limit, wanted.sieve))
        except api.TooMany as too_many:
            count = math.ceil(too_many.expected / AT_ONCE[server.version])
            todo.extendleft(reversed(plan.parts(start, end, min(count, MOST_PARTS))))
            continue
        except Refused as error:
            raise api.explained(error, server.web) from None
        yield replace(portion, last=not todo)


def _portion(wanted: Wanted, found: api.Found) -> Portion:
    outer = wire.outer_runs(found.runs, found.rows)
    calls, pending = _calls(wanted, found.runs, outer)
    rows = _billable(wanted, found.rows, outer)
    _attribute(wanted, found.runs, calls, rows)
    open_rows = [at for at, ended_at in enumerate(rows.ended_at) if ended_at >= wanted.end]
    named = {"source": [wanted.source] * len(rows), "project": [wanted.names[key] for key in rows.projects]}
    rows = replaced(rows, columns=named | rows.columns)
    calls += [(rows.call(at, wanted.dimensions), rows.parents[at]) for at in open_rows]
    settled = rows.only(sorted(set(range(len(rows))).difference(open_rows))) if open_rows else rows
    return Portion(
        wanted.start,
        wanted.end,
        calls=[call for call, _ in calls],
        columns=settled.columns if len(settled) else {},
        outer=_starts(wanted, found, outer),
        inside=_inside(calls, settled),
        pending=pending,
        runs=len(found),
    )


def _calls(
    wanted: Wanted, runs: list[wire.Run], outer: set[str]
) -> tuple[list[tuple[Call, tuple[str, ...]]], list[tuple[str, int]]]:
    """The calls of runs that are not plain, each with its parents, and what is pending."""
    calls: list[tuple[Call, tuple[str, ...]]] = []
    pending = []
    for run in runs:
        project = wanted.names.get(run.project_id or "")
        if project is None or run.id in outer:
            continue
        if run.run_type in ("llm", "embedding") and wire.is_pending(run):
            pending.append((project, run.started_at or wanted.start))
            continue
        call = wire.to_call(run, source=wanted.source, project=project, dimensions=wanted.dimensions)
        if call is not None:
            calls.append((call, run.parent_ids))
    return calls, pending


def _billable(wanted: Wanted, rows: wire.Rows, outer: set[str]) -> wire.Rows:
    if outer.isdisjoint(rows.ids()) and wanted.names.keys() >= set(rows.projects):
        return rows
    ids = rows.ids()
    return rows.only([
        at for at, project in enumerate(rows.projects) if project in wanted.names and ids[at] not in outer
    ])  # fmt: skip


def _starts(wanted: Wanted, found: api.Found, chosen: set[str]) -> list[tuple[int, str]]:
    """(started_at, id) of some runs."""
    starts = [(run.started_at or wanted.start, run.id) for run in found.runs if run.id in chosen]
    if chosen:
        starts += [
            (start, run_id)
            for start, run_id in zip(found.rows.started_at(), found.rows.ids(), strict=True)
            if run_id in chosen
        ]
    return starts


def _inside(calls: list[tuple[Call, tuple[str, ...]]], rows: wire.Rows) -> list[tuple[str, ...]]:
    within = [parents for call, parents in calls if call.kind == "llm" and call.usage_source]
    return [*within, *rows.parents_of_llm()]


def _attribute(
    wanted: Wanted, runs: list[wire.Run], calls: list[tuple[Call, tuple[str, ...]]], rows: wire.Rows
) -> None:
    """Give calls that lack a dimension what their ancestors know: the dimension, the root's name, the thread."""
    heirs = [(call, parents) for call, parents in calls if parents and _lacks_a_dimension(call.attributed)]
    lacking = rows.lacking(wanted.dimensions)
    within = [*(parents for _, parents in heirs), *(rows.parents[at] for at in lacking)]
    above = set(chain.from_iterable(within))
    known = {run.id: wire.to_ancestor(run, wanted.dimensions) for run in runs if run.id in above}
    known |= api.ancestors(
        wanted.server, list(wanted.names), above - known.keys(), plan.moment(wanted.end), wanted.dimensions
    )
    for call, parents in heirs:
        wire.inherit(call, parents, known)
    wire.inherit_rows(rows, lacking, known, wanted.dimensions)


def _lacks_a_dimension(attributed: tuple[str | None, ...]) -> bool:
    return any(where is None or where == "environment" for where in attributed)
