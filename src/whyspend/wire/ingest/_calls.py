"""The calls of a trace, as far as its runs are known."""

from collections.abc import Iterable, Iterator, Mapping, Set

from whyspend.model import Call
from whyspend.wire._run import Run
from whyspend.wire.ingest._held import Held, to_run
from whyspend.wire.langsmith import inherit, is_pending, outer_runs, to_ancestor, to_call

NEVER_ENDED = "NeverEnded"
DEFAULT_PROJECT = "default"
"""Where runs go that name no project, as at LangSmith."""


def calls_of(
    trace: Mapping[str, Held], *, source: str, dimensions: tuple[str, ...], closed: Set[str] = frozenset()
) -> list[Call]:
    """Give the calls among the runs of one trace, by run id, that have ended.

    `closed` are ids of runs that never ended and are waited for no more: each LLM run of them is a call with
    status error, error_kind NeverEnded and no counts (unless its post had some). Other runs that have not ended
    give no call yet. Calls inherit from the runs above them; a run around an LLM run with the same usage gives
    none. A run of which only patches without a run_type came gives none either, for it may be of any kind.
    """
    runs = _runs(trace, closed)
    outer = outer_runs(runs.values())
    project = next((run.project_id for run in runs.values() if not run.parent_ids and run.project_id), None)
    counted = (run for run in runs.values() if run.id not in outer)
    calls = [call for run in counted if (call := _call(run, source, project, dimensions)) is not None]
    known = {key: to_ancestor(runs[key], dimensions) for key in _above(calls, runs)}
    for call in calls:
        inherit(call, runs[call.call_id].parent_ids, known)
    return calls


def dropped_of(trace: Mapping[str, Held], *, closed: Set[str] = frozenset()) -> list[tuple[int, str]]:
    """Give (started_at, run id) of the outer runs that do not count, for `Batch.dropped`: where they came before
    the runs within them, `calls_of` gave calls of them."""
    runs = _runs(trace, closed)
    outer = (runs[key] for key in sorted(outer_runs(runs.values())))
    return [(run.started_at, run.id) for run in outer if run.started_at is not None]


def _runs(trace: Mapping[str, Held], closed: Set[str]) -> dict[str, Run]:
    runs = {}
    for run_id, held in trace.items():
        run = runs[run_id] = to_run(held)
        if run_id in closed and is_pending(run):
            run.status, run.error_kind = "error", NEVER_ENDED
    for run in runs.values():
        if len(run.parent_ids) == 1:
            run.parent_ids = tuple(_ancestors(run, runs))[::-1]
    return runs


def _ancestors(run: Run, runs: Mapping[str, Run]) -> Iterator[str]:
    """Follow the parents of a run that names its direct parent only, nearest first."""
    seen = {run.id}
    above: Run | None = run
    while above is not None and above.parent_ids and (parent := above.parent_ids[-1]) not in seen:
        seen.add(parent)
        yield parent
        above = runs.get(parent)


def _call(run: Run, source: str, project: str | None, dimensions: tuple[str, ...]) -> Call | None:
    if run.started_at is None:
        return None  # nobody said when, nor noted when it came
    return to_call(
        run, source=source, project=run.project_id or project or DEFAULT_PROJECT, dimensions=dimensions
    )


def _above(calls: Iterable[Call], runs: Mapping[str, Run]) -> set[str]:
    return {parent for call in calls for parent in runs[call.call_id].parent_ids if parent in runs}
