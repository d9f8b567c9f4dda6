"""Runs as a LangSmith keeps them, and as each version of its API shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec


class StoredRun(msgspec.Struct, kw_only=True):
    """A run as the server keeps it. Times are aware datetimes, costs Decimals, words lower case."""

    id: str
    name: str
    run_type: str
    project_id: str
    trace_id: str
    start: datetime
    end: datetime | None
    parents: tuple[str, ...] = ()
    """Root first, direct parent last."""
    status: str = "success"
    metadata: dict[str, Any] = {}
    tags: list[str] = []
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    error: str | None = None
    first_token: datetime | None = None
    thread_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_details: dict[str, int] = {}
    completion_details: dict[str, int] = {}
    prompt_cost: Decimal | None = None
    completion_cost: Decimal | None = None
    total_cost: Decimal | None = None
    price_model_id: str | None = None


@dataclass(frozen=True)
class StoredProject:
    """A tracing project."""

    id: str
    name: str
    trace_tier: str | None = None
    longlived_ttl_days: int | None = None


def v1_run(run: StoredRun, children: Sequence[StoredRun], select: list[str] | None) -> dict[str, Any]:
    family = [run, *children]
    costs = {
        key: [cost for each in family if (cost := getattr(each, key)) is not None]
        for key in ("prompt_cost", "completion_cost", "total_cost")
    }
    everything = {
        **_common(run),
        "run_type": run.run_type,
        "status": run.status,
        "start_time": _naive(run.start),
        "end_time": _naive(run.end),
        "first_token_time": _naive(run.first_token),
        "parent_run_id": run.parents[-1] if run.parents else None,
        "session_id": run.project_id,
        "extra": {"metadata": run.metadata, "runtime": {"sdk": "langsmith-py"}},
        "prompt_tokens": sum(each.prompt_tokens for each in family),
        "completion_tokens": sum(each.completion_tokens for each in family),
        "total_tokens": sum(each.prompt_tokens + each.completion_tokens for each in family),
        "prompt_token_details": _sums(each.prompt_details for each in family),
        "completion_token_details": _sums(each.completion_details for each in family),
        "prompt_cost_details": {},
        "completion_cost_details": {},
        **{key: str(sum(each)) if each else None for key, each in costs.items()},
    }
    return everything if select is None else {k: v for k, v in everything.items() if k in {*select, "id"}}


def _common(run: StoredRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "trace_id": run.trace_id,
        "parent_run_ids": list(run.parents),
        "dotted_order": f"{run.start:%Y%m%dT%H%M%S%fZ}{run.id}",
        "is_root": not run.parents,
        "tags": run.tags,
        "inputs": run.inputs,
        "outputs": run.outputs,
        "error": run.error,
        "events": [{"name": "start", "time": run.start.isoformat()}],
        "thread_id": run.thread_id,
        "price_model_id": run.price_model_id,
    }


def v2_run(run: StoredRun, selects: list[str]) -> dict[str, Any]:
    everything = {
        **_common(run),
        "run_type": run.run_type.upper(),
        "status": run.status.upper(),
        "start_time": run.start.isoformat(),
        "end_time": run.end.isoformat() if run.end else None,
        "first_token_time": run.first_token.isoformat() if run.first_token else None,
        "latency_seconds": (run.end - run.start).total_seconds() if run.end else None,
        "project_id": run.project_id,
        "metadata": run.metadata,
        "extra": {"metadata": run.metadata},
        "inputs_preview": str(run.inputs),
        "outputs_preview": str(run.outputs),
        "error_preview": run.error,
        "prompt_tokens": run.prompt_tokens,
        "completion_tokens": run.completion_tokens,
        "total_tokens": run.prompt_tokens + run.completion_tokens,
        "prompt_token_details": {"raw": run.prompt_details},
        "completion_token_details": {"raw": run.completion_details},
        "prompt_cost_details": {"raw": {}},
        "completion_cost_details": {"raw": {}},
        **{
            key: None if cost is None else float(cost)
            for key, cost in (
                ("prompt_cost", run.prompt_cost),
                ("completion_cost", run.completion_cost),
                ("total_cost", run.total_cost),
            )
        },
    }
    return {key.lower(): everything.get(key.lower()) for key in selects}


def row(run: StoredRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "run_type": run.run_type,
        "status": run.status,
        "start_time": run.start.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "trace_id": run.trace_id,
        "is_root": not run.parents,
        "metadata": run.metadata,
    }


def _sums(details: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in details:
        for key, value in each.items():
            total[key] = total.get(key, 0) + value
    return total


def _naive(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None).isoformat()
