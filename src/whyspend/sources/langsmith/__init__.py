"""Pulls model calls from LangSmith, or a LangSmith of your own: incremental, resumable, without any text.

What is asked for: runs of type llm, embedding, tool and retriever and runs with usage of their own, by the
start of the run, without inputs, outputs, events and error texts. Of calls that lack a dimension the ancestors
are asked for by id, for their names and tags; so `root_name` is known of those calls only.

Watermarks are microseconds UTC, five to a project (`plan.Held` says how they move):
`from:NAME` and `upto:NAME`: the ledger holds everything that started in between. `older_from:NAME` and
`older_upto:NAME`: how far a later, interrupted read of older days has come; without meaning once
`older_upto` has reached `from`. The last 48 h before `upto` are read again by every pull, because
LangSmith takes runs and their ends for 24 h after the start.
`gone:NAME`: when a whole pull did not find it any more; 0 once it is there again.

A pull proceeds in steps: one UTC day of up to 50 projects, an hour where a day is busy. The last batch of
a step carries the watermarks. `dropped` names outer runs whose inner run carries the same usage; it may
name a run that an earlier step or pull published, and wins over it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TypeVar

from whyspend.errors import ConfigError, WhyspendError
from whyspend.model import Batch, Call, Finding, Progress, Window
from whyspend.net import in_order
from whyspend.sources.langsmith import api, plan, portions
from whyspend.sources.langsmith.looking import newest as newest
from whyspend.sources.langsmith.portions import Portion, Wanted
from whyspend.wire import langsmith as wire

Item = TypeVar("Item")

DEFAULT_ENDPOINT = api.DEFAULT_ENDPOINT

BATCH = 2_000
"""Calls in one batch."""

BUSY_DAY = 100_000
"""Runs in a day from which on a step is an hour."""

PROJECTS_AT_ONCE = 50


@dataclass
class _Open:
    """A run with tokens that outlived its stretch of time: a later one may show an LLM run inside it."""

    call: Call | None
    """None once it was published."""
    started_at: int
    ended_at: int


@dataclass
class _Group:
    """Projects that have the same stretches ahead of them: one query reads them all."""

    names: dict[str, str]
    """The name of each project by its id."""
    spans: tuple[plan.Span, ...]
    held: dict[str, plan.Held | None]
    """By name; moves on with each step."""
    pending: dict[str, int] = field(default_factory=dict)
    """Start of the oldest run that has not ended and may still do so, by name."""
    runs: int = 0
    """Runs seen in the current day."""
    rate: float = 0.0
    """Runs per microsecond in the last whole day; 0: not known yet."""
    open: dict[str, _Open] = field(default_factory=dict)


@dataclass(frozen=True)
class _Slice:
    """What one thread reads in one go."""

    group: _Group
    span: plan.Span
    start: int
    end: int
    ends_step: bool
    day: tuple[int, int]
    """The day, or the part of it, that the slice belongs to."""


def _unseen(_: Progress) -> None:
    """Nobody is watching."""


def read(
    window: Window,
    *,
    source: str,
    dimensions: tuple[str, ...],
    watermarks: Mapping[str, int],
    full: bool = False,
    api_key: str = "",
    endpoint: str = DEFAULT_ENDPOINT,
    workspace: str = "",
    projects: Sequence[str] = (),
    requests_per_10s: int = 0,
    in_flight: int = 4,
    on_progress: Callable[[Progress], None] = _unseen,
    ledger_id: str = "",
) -> Iterator[Batch]:
    """Yield the calls of the window that are not held yet, the last 48 h again, and what lies between.

    Closing the iterator, or Ctrl-C, ends all requests at once; batches that were yielded stay right.
    `requests_per_10s` of 0 is the documented limit of the version that answers (v2 300, v1 15).
    `ledger_id` is of the ledger that the calls go to.

    Raises:
        ConfigError: the endpoint is the collector of that ledger.
        SourceError: LangSmith cannot be reached, refuses the key, or does not answer usefully.
        UsageError: a named project does not exist.
    """
    server = api.connect(api_key, endpoint, workspace, requests_per_10s, in_flight)
    try:
        _refuse_own(server, ledger_id)
        found = api.projects(server, projects)
        if not found:
            return
        api.choose_version(server, found[0], requests_per_10s)
        now = plan.micros(datetime.now(UTC))
        yield Batch(
            links={project.name: link for project in found if (link := api.shown_at(server, project))}
        )
        start, end = plan.micros(window.start), min(plan.micros(window.end), now)
        groups = _groups(found, watermarks, start, end, full)
        yield from _steps(server, groups, source, dimensions, max(1, in_flight), now, on_progress)
        yield from _gone(found, watermarks, now)
    finally:
        server.web.close()


def configured(*, api_key: str = "", **_: object) -> list[Finding]:
    """Look at what a pull needs, as far as it can be seen without asking LangSmith.

    Raises:
        ConfigError: there is no key.
    """
    api.given_key(api_key)
    return [Finding("ok", "langsmith: configured")]


def check(
    *,
    api_key: str = "",
    endpoint: str = DEFAULT_ENDPOINT,
    workspace: str = "",
    projects: Sequence[str] = (),
    requests_per_10s: int = 0,
    in_flight: int = 4,
    ledger_id: str = "",
) -> list[Finding]:
    """Look at what a pull needs: the server, the key, the projects, their retention, the newest call."""
    findings: list[Finding] = []
    try:
        server = api.connect(api_key, endpoint, workspace, requests_per_10s, in_flight)
        try:
            findings.extend(_look(server, projects, requests_per_10s, ledger_id))
        finally:
            server.web.close()
    except WhyspendError as error:
        what, _, next_step = str(error).partition(". ")
        findings.append(Finding("problem", what, next_step))
    return findings


def _refuse_own(server: api.Server, ledger_id: str) -> None:
    """Refuse the collector of the ledger that is pulled into: it would hold each call under two sources.

    Raises:
        ConfigError: it is the same ledger.
    """
    if ledger_id and server.ledger_id == ledger_id:
        raise ConfigError(
            f"{server.web.address} is the collector of this very ledger: its calls are here already, and a pull would "
            "count each twice. Unset LANGSMITH_ENDPOINT here, or set endpoint of this source to LangSmith's."
        )


def _look(
    server: api.Server, names: Sequence[str], requests_per_10s: int, ledger_id: str
) -> Iterator[Finding]:
    release = f"LangSmith {server.release}" if server.release else "LangSmith"
    yield Finding("ok", f"{server.web.address} answers ({release}).")
    _refuse_own(server, ledger_id)
    found = api.projects(server, names)
    if not found:
        yield Finding("empty", "The key works, but this workspace has no project.", "Trace something first.")
        return
    shown = ", ".join(project.name for project in found[:5]) + (", …" if len(found) > 5 else "")
    yield Finding("ok", f"The key works; {len(found)} projects: {shown}.")
    api.choose_version(server, found[0], requests_per_10s)
    limit = f"{api.PAGE[server.version]:,} runs a page, {server.web.pace.requests} requests per 10 s"
    yield Finding("ok", f"Runs are read through API {server.version} ({limit}).")
    yield _retention(found)
    yield _newest(server, found)


def _retention(found: Sequence[api.Project]) -> Finding:
    """LangSmith's base retention is 14 days; the extended one is set per project."""
    long = [p.longlived_ttl_days for p in found if p.trace_tier == "longlived" and p.longlived_ttl_days]
    if long and len(long) == len(found):
        return Finding("ok", f"LangSmith keeps these runs for {min(long)} days.")
    return Finding(
        "ok",
        "LangSmith keeps runs for 14 days unless a project says otherwise; the ledger keeps them for good.",
        "Pull at least once a day.",
    )


def _newest(server: api.Server, found: Sequence[api.Project]) -> Finding:
    now = datetime.now(UTC)
    ids = [project.id for project in found[:PROJECTS_AT_ONCE]]
    run = api.newest(server, ids, now - timedelta(days=14), now)
    if run is None:
        return Finding(
            "empty", "No model call in the last 14 days.", "Is tracing on (LANGSMITH_TRACING=true)?"
        )
    began = plan.moment(run.started_at or 0)
    return Finding("ok", f"The newest model call began at {began:%Y-%m-%d %H:%M} UTC.")


def _gone(found: Sequence[api.Project], watermarks: Mapping[str, int], now: int) -> Iterator[Batch]:
    """Of projects that were read before, which this pull did not find any more, and which it found again."""
    there = {project.name for project in found}
    known = {key.removeprefix("upto:") for key in watermarks if key.startswith("upto:")}
    lost = {name for name in known if watermarks.get(f"gone:{name}")}
    marks = {f"gone:{name}": 0 for name in lost & there} | {
        f"gone:{name}": now for name in known - there - lost
    }
    if not marks:
        return
    new = sorted(known - there - lost)
    shown = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
    said = f"no longer there, or not among `projects`, so no longer read: {shown}. Their calls stay in the ledger."
    yield Batch(watermarks=marks, notes=(said,) if new else ())


def _groups(
    found: Sequence[api.Project], watermarks: Mapping[str, int], start: int, end: int, full: bool
) -> list[_Group]:
    alike: dict[tuple[plan.Span, ...], list[api.Project]] = {}
    held = {project.name: plan.held(watermarks, project.name) for project in found}
    for project in sorted(found, key=lambda project: project.name):
        alike.setdefault(plan.spans(held[project.name], start, end, full), []).append(project)
    return [
        _Group(
            {project.id: project.name for project in some},
            spans,
            {project.name: held[project.name] for project in some},
        )
        for spans, members in alike.items()
        for some in _chunks(members, PROJECTS_AT_ONCE)
    ]


def _steps(
    server: api.Server,
    groups: list[_Group],
    source: str,
    dimensions: tuple[str, ...],
    in_flight: int,
    now: int,
    on_progress: Callable[[Progress], None],
) -> Iterator[Batch]:
    days = sorted(
        ((start, number, end, span) for number, group in enumerate(groups) for span in group.spans
         for start, end in plan.days(span)),
        key=lambda day: day[:2],
    )  # fmt: skip
    done = calls = 0
    sieve = wire.Sieve(dimensions)

    def report() -> None:
        on_progress(Progress(done, len(days), calls, server.web.sent, server.web.waiting_for))

    slices = (
        piece
        for start, number, end, span in days
        for piece in _slices(groups[number], span, start, end, portions.AT_ONCE[server.version])
    )
    found = in_order(
        slices,
        lambda piece: portions.read(Wanted(server, sieve, source, piece.group.names, piece.start, piece.end)),
        workers=in_flight,
        stop=server.web.stop,
        beat=report,
    )
    for piece, portion in found:
        for batch in _batches(piece, portion, now):
            calls += len(batch.calls) + _height(batch)
            yield batch
        done += portion.last and piece.end == piece.day[1]
        report()


def _slices(group: _Group, span: plan.Span, start: int, end: int, at_once: int) -> Iterator[_Slice]:
    """A day in steps, and each step in slices, as busy as the last day was."""
    expected = group.rate * (end - start)
    steps = (
        plan.parts(start, end, round((end - start) / plan.HOUR)) if expected > BUSY_DAY else [(start, end)]
    )
    for first, last in steps:
        pieces = plan.parts(first, last, math.ceil(group.rate * (last - first) / at_once))
        for piece_start, piece_end in pieces:
            yield _Slice(group, span, piece_start, piece_end, piece_end == last, (start, end))


def _batches(piece: _Slice, portion: Portion, now: int) -> Iterator[Batch]:
    """What a portion lets us publish; at the end of a step with the watermarks."""
    group = piece.group
    for project, started_at in portion.pending:
        if plan.waits_for(started_at, now):
            group.pending[project] = min(started_at, group.pending.get(project, started_at))
    dropped = portion.outer + _contained(group, portion)
    calls = _settled(group, portion)
    marks = None
    if portion.last and piece.ends_step:
        calls += _let_go(group)
        marks = _watermarks(piece)
    _count(piece, portion)
    chunks = _chunks(calls, BATCH) or [[]]
    for number, chunk in enumerate(chunks, start=1):
        batch = Batch(
            calls=chunk,
            columns=portion.columns if number == 1 and portion.columns else None,
            dropped=dropped if number == 1 else (),
            watermarks=marks if number == len(chunks) else None,
            pending=len(portion.pending) if number == 1 else 0,
        )
        if batch.calls or batch.columns or batch.dropped or batch.pending or batch.watermarks is not None:
            yield batch


def _height(batch: Batch) -> int:
    return len(next(iter(batch.columns.values()))) if batch.columns else 0


def _count(piece: _Slice, portion: Portion) -> None:
    """Learn from each day how finely to cut the next one."""
    group = piece.group
    group.runs += portion.runs
    start, end = piece.day
    if portion.last and piece.end == end:
        group.rate = group.runs / (end - start)
        group.runs = 0


def _contained(group: _Group, portion: Portion) -> list[tuple[int, str]]:
    """Runs of an earlier stretch that turn out to be outer runs, now that their inner run was read."""
    if not group.open:
        return []
    found = group.open.keys() & chain.from_iterable(portion.inside)
    return [(group.open.pop(run_id).started_at, run_id) for run_id in sorted(found)]


def _settled(group: _Group, portion: Portion) -> list[Call]:
    """Calls that nothing later can turn into outer runs: they had ended when their stretch of time did."""
    over = [run_id for run_id, run in group.open.items() if run.ended_at < portion.start]
    ready = [run.call for run in map(group.open.pop, over) if run.call is not None]
    for call in portion.calls:
        ended_at = call.started_at + ((call.latency_ms or 0) + 1) * 1_000
        if call.usage_source and ended_at > portion.end:
            group.open[call.call_id] = _Open(call, call.started_at, ended_at)
        else:
            ready.append(call)
    return ready


def _let_go(group: _Group) -> list[Call]:
    """At the end of a step, the rest too: a step is published whole. Later steps still may drop them."""
    calls = [run.call for run in group.open.values() if run.call is not None]
    for run in group.open.values():
        run.call = None
    return calls


def _watermarks(piece: _Slice) -> dict[str, int]:
    group = piece.group
    marks: dict[str, int] = {}
    for project, before in group.held.items():
        upto = piece.end
        if project in group.pending:
            upto = min(upto, group.pending[project] + plan.REREAD)
        group.held[project] = now_held = plan.after(before, piece.span, upto)
        if now_held is not None:
            marks |= plan.watermarks(project, now_held)
    return marks


def _chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[i : i + size] for i in range(0, len(items), size)]
