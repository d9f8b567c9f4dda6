"""A pull from the LangSmith on loopback, what it holds afterwards, and whether that is right."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.loopback.langsmith_server import KEY, LangSmith
from tests.loopback.traffic import DIMENSIONS, Traffic, Truth, nested_across_midnight, traffic

from whyspend.model import USAGE_COLUMNS, Batch, Call, Window
from whyspend.sources import langsmith

START = datetime(2026, 3, 2, tzinfo=UTC)
MIDNIGHT = START + timedelta(days=2)


def four_days() -> Traffic:
    """Every kind of trace, and an LLM run that wraps another one across midnight."""
    found = traffic(START, days=4, traces_a_day=65)
    nested_across_midnight(found, MIDNIGHT)
    return found


@dataclass
class Held:
    """What a ledger would hold after these batches."""

    calls: dict[str, Call] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    pending: int = 0
    dropped: set[str] = field(default_factory=set)

    def take(self, batches: Iterator[Batch]) -> None:
        for batch in batches:
            self.calls |= {call.call_id: call for call in calls_of(batch)}
            for _, call_id in batch.dropped:
                self.calls.pop(call_id, None)
                self.dropped.add(call_id)
            self.pending += batch.pending
            if batch.watermarks is not None:
                self.marks |= batch.watermarks
                self.steps += 1


def calls_of(batch: Batch) -> list[Call]:
    """Its calls, those that are columns too."""
    columns = batch.columns or {}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [*batch.calls, *map(_call, rows)]


def _call(cells: dict[str, Any]) -> Call:
    values = tuple(cells.pop(name) for name in DIMENSIONS)
    origins = tuple(cells.pop(f"{name}_from") for name in DIMENSIONS)
    return Call(**cells, dimensions=values, attributed=origins)


def window_of(start: datetime = START, days: float = 4) -> Window:
    end = start + timedelta(days=days)
    return Window(start.date(), end.date() - timedelta(days=1), "UTC", start, end)


def read(server: LangSmith, held: Held, window: Window | None = None, **options: Any) -> Iterator[Batch]:
    options = {"requests_per_10s": 5_000, "api_key": KEY, "endpoint": server.url, **options}
    return langsmith.read(
        window or window_of(), source="prod", dimensions=DIMENSIONS, watermarks=dict(held.marks), **options
    )


def facts(call: Call) -> dict[str, Any]:
    return {
        "project": call.project,
        "started": call.started_at,
        "kind": call.kind,
        "usage": {name: value for name in USAGE_COLUMNS if (value := getattr(call, name))},
        "totals": (call.prompt_total, call.completion_total),
        "context": call.price_context,
        "dimensions": tuple(zip(call.dimensions, call.attributed, strict=True)),
        "root": call.root_name,
        "thread": call.thread_id,
        "status": call.status,
        "model": call.model_requested,
        "estimated": bool(call.usage_estimated),
        "missing": call.usage_flag == "missing",
        "reported": call.reported_cost,
    }


def is_tagged_itself(truth: Truth) -> bool:
    """Then nobody asks for its ancestors, so its root's name stays unknown."""
    return all(where == "call" for _, where in truth.dimensions)


def true_facts(truth: Truth) -> dict[str, Any]:
    return {
        "project": truth.project,
        "started": round(truth.started.timestamp() * 1_000_000),
        "kind": truth.kind,
        "usage": truth.usage,
        "totals": (truth.prompt_total, truth.completion_total),
        "context": truth.price_context,
        "dimensions": truth.dimensions,
        "root": None if is_tagged_itself(truth) else truth.root_name,
        "thread": truth.thread_id,
        "status": truth.status,
        "model": truth.model,
        "estimated": truth.estimated,
        "missing": truth.missing,
        "reported": None if truth.reported is None else int(truth.reported * 10**12),
    }


def is_right(held: Held, made: Traffic) -> None:
    assert {call_id: facts(call) for call_id, call in held.calls.items()} == {
        call_id: true_facts(truth) for call_id, truth in made.truth.items()
    }
