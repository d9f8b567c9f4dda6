"""Which requests make up most of a cause, and what is unusual in each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from whyspend.causes.decompose import Changes
from whyspend.causes.drivers import Driver
from whyspend.causes.quantities import added_up, whole_places
from whyspend.model import Cell, TableColumn
from whyspend.reports.explain.exactly import dollars
from whyspend.reports.explain.finding import Cause
from whyspend.reports.explain.words import number, share

COLUMNS = (
    TableColumn("line", "place"),
    TableColumn("trace_id", "id"),
    TableColumn("started_at", "time"),
    TableColumn("calls", "calls"),
    TableColumn("cost_usd", "usd"),
    TableColumn("unusual", "sentence"),
    TableColumn("url", "url"),
)

REQUESTS = """
SELECT trace_id, min(source), min(project), min(started), CAST(count(*) AS BIGINT), CAST(sum(failed) AS BIGINT),
  CAST(sum(input_tokens) AS BIGINT), CAST(sum(cache_read_tokens) AS BIGINT), CAST(sum(output_tokens) AS BIGINT),
  CAST(sum(reasoning_tokens) AS BIGINT), CAST(sum(cost) AS VARCHAR)
FROM ({priced}) calls_of_cause GROUP BY trace_id
ORDER BY {rank} DESC NULLS LAST, min(started), trace_id LIMIT {top}
"""

UNUSUAL_FROM = 1.5
"""Times as much as usual, or as little."""

MOST_SAID = 3

_BAD_ONLY = ("reasoning", "retries")
"""Nobody misses these where there are none."""


class Request(NamedTuple):
    """What one request did, as far as its calls belong to the cause."""

    trace: str
    source: str
    project: str
    started: int
    calls: int
    failed: int
    given: int
    cached: int
    made: int
    thought: int
    cost: str | None


def rows(
    data: Any, comparison: Any, changes: Changes, causes: Sequence[tuple[int, Cause]], top: int
) -> list[tuple[Cell, ...]]:
    """The requests of some causes, by the number of their line.

    Of what became dearer those of the window after, of what became cheaper those of the window before; first those
    with most dollars beyond what the other window would lead to expect.
    """
    found: list[tuple[Cell, ...]] = []
    for line, cause in causes:
        rose = cause.units >= 0
        days = data if rose else data.of(comparison.before)
        usual = _usual(changes, cause, 0 if rose else 1)
        asked = days.narrowed(comparison.condition(cause.segment))
        found += [_row(days, line, each, cause, usual) for each in _dearest(asked, cause.driver, usual, top)]
    return found


def _row(days: Any, line: int, request: "Request", cause: Cause, usual: "Usual") -> tuple[Cell, ...]:
    return (
        line,
        request.trace,
        datetime.fromtimestamp(request.started / 1_000_000, UTC),
        request.calls,
        None if request.cost is None else dollars(int(request.cost)),
        _unusual(request, cause.driver, usual),
        days.link(request.source, request.project, request.trace),
    )


Usual = Mapping[str, float]
"""What a request or call of the other window is like, by name; absent: it had none."""


def _usual(changes: Changes, cause: Cause, window: int) -> Usual:
    own = added_up(changes.cells, cause.segment)[window]
    requests = added_up(changes.cells, whole_places(cause.segment))[window].get("requests") or 0
    calls = own.get("calls") or 0

    def units(*kinds: str) -> float:
        return sum(own.get(f"units:{kind}", 0) for kind in kinds)

    cached = units("cache_read_tokens")
    given = cached + units("input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    thought = units("reasoning_tokens")
    found = {
        "calls_per_request": (calls, requests),
        "prompt_size": (given, calls),
        "output_length": (units("output_tokens") + thought, calls),
        "reasoning": (thought, calls),
        "cache_share": (cached, given),
        "retries": (own.get("failed", 0), calls),
    }
    return {name: part / whole for name, (part, whole) in found.items() if whole}


def _dearest(data: Any, driver: Driver, usual: Usual, top: int) -> list[Request]:
    micros = data.engine.micros("started_at")
    priced = data.priced_calls(
        {
            "trace_id": "trace_id",
            "source": "source",
            "project": "project",
            "started": micros,
            "failed": "CASE WHEN status = 'error' THEN 1 ELSE 0 END",
        }
    )
    found = data.rows(REQUESTS.format(priced=priced, rank=_rank(driver, usual.get(driver, 0.0)), top=top))
    return [Request(*row) for row in found]


_PER_CALL: Mapping[Driver, str] = {
    "prompt_size": "input_tokens",
    "output_length": "output_tokens",
    "reasoning": "reasoning_tokens",
}


def is_beyond(driver: Driver) -> bool:
    """Whether requests stand in the order of their dollars beyond what is usual; of other drivers the dearest first."""
    return driver in _PER_CALL or driver == "calls_per_request"


def _rank(driver: Driver, usual: float) -> str:
    """SQL of the dollars of a request beyond what is usual: an estimate, to put them in an order.

    A request of $0.10 with 9,800 input tokens a call where 4,900 are usual: $0.05.
    """
    cost = "CAST(sum(cost) AS DOUBLE)"
    if name := _PER_CALL.get(driver):
        return f"{cost} * (1 - least(1, {usual!r} * count(*) / nullif(CAST(sum({name}) AS DOUBLE), 0)))"
    if driver == "calls_per_request":
        return f"{cost} * (1 - least(1, {usual!r} / count(*)))"
    if driver == "retries":
        return "CAST(sum(cost) FILTER (WHERE failed = 1) AS DOUBLE)"
    return cost


def _unusual(request: Request, driver: Driver, usual: Usual) -> str:
    """What of a request is far from usual, what the cause is about first."""
    calls = request.calls or 1
    own = {
        "calls_per_request": (request.calls, "calls"),
        "prompt_size": (request.given / calls, "input tokens per call"),
        "output_length": (request.made / calls, "output tokens per call"),
        "reasoning": (request.thought / calls, "reasoning tokens per call"),
        "cache_share": (
            request.cached / request.given if request.given else 0,
            "of input tokens from the cache",
        ),
        "retries": (request.failed / calls, "of calls failed"),
    }
    said = []
    for name in sorted(own, key=lambda each: each != driver):
        value, words = own[name]
        known = usual.get(name)
        if known is None or not _is_far(value, known) or (name in _BAD_ONLY and value < known):
            continue
        show = share if name in ("cache_share", "retries") else number
        said.append(f"{show(value)} {words} (usual {show(known)})")
    return ", ".join(said[:MOST_SAID]) or "nothing unusual: many like it"


def _is_far(value: float, usual: float) -> bool:
    if not usual or not value:
        return bool(value) != bool(usual)
    return not 1 / UNUSUAL_FROM < value / usual < UNUSUAL_FROM
