"""One stretch of time of some LangSmith projects, read and turned into calls. Runs in worker threads."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from whyspend.model import Call
from whyspend.net import Refused
from whyspend.sources.langsmith import api, plan
from whyspend.wire import langsmith as wire

AT_ONCE: dict[api.Version, int] = {"v2": 3_000, "v1": 1_000}
"""Runs that one thread should hold at a time."""

AT_MOST: dict[api.Version, int] = {"v2": 10_000, "v1": 3_000}
"""Runs from which on a stretch is given up and read again in parts."""


@dataclass(frozen=True)
class Wanted:
    """What to read, and how to call it."""

    server: api.Server
    source: str
    dimensions: tuple[str, ...]
    names: Mapping[str, str]
    """The name of each project by its id."""
    start: int
    end: int


@dataclass(frozen=True)
class Portion:
    """What was read of `[start, end)`."""

    start: int
    end: int
    calls: list[Call]
    outer: list[tuple[int, str]]
    """(started_at, id) of runs that contain an LLM run with usage."""
    inside: set[str]
    """Ids of all runs that an LLM run with usage was called from."""
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
    most = AT_MOST[wanted.server.version]
    while todo:
        start, end = todo.popleft()
        limit = most if end - start >= 2 * plan.SECOND else None
        part = replace(wanted, start=start, end=end)
        try:
            runs = api.runs(wanted.server, list(wanted.names), plan.moment(start), plan.moment(end), limit)
            portion = _portion(part, runs)
        except api.TooMany:
            todo.extendleft(reversed(plan.parts(start, end, 24)))
            continue
        except Refused as error:
            raise api.explained(error, wanted.server.web) from None
        yield replace(portion, last=not todo)


def _portion(wanted: Wanted, runs: list[wire.Run]) -> Portion:
    outer = wire.outer_runs(runs)
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
    _attribute(wanted, runs, calls)
    return Portion(
        wanted.start,
        wanted.end,
        calls=[call for call, _ in calls],
        outer=[(run.started_at or wanted.start, run.id) for run in runs if run.id in outer],
        inside={
            run_id
            for call, parents in calls
            if call.kind == "llm" and call.usage_source
            for run_id in parents
        },
        pending=pending,
        runs=len(runs),
    )


def _attribute(wanted: Wanted, runs: list[wire.Run], calls: list[tuple[Call, tuple[str, ...]]]) -> None:
    """Give each call its root's name and thread, and what its ancestors know of dimensions that it lacks."""
    above: set[str] = set()
    for call, parents in calls:
        above.update(parents if _lacks_a_dimension(call) else parents[:1])
    known = {run.id: wire.to_ancestor(run, wanted.dimensions) for run in runs if run.id in above}
    known |= api.ancestors(
        wanted.server, list(wanted.names), above - known.keys(), plan.moment(wanted.end), wanted.dimensions
    )
    for call, parents in calls:
        wire.inherit(call, parents, known)


def _lacks_a_dimension(call: Call) -> bool:
    return any(where is None or where == "environment" for where in call.attributed)
