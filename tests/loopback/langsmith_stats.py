"""The loopback LangSmith with statistics and a price table, as documented: sums of runs, by a metadata key if asked."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from tests.loopback.langsmith_filter import compile_filter
from tests.loopback.langsmith_runs import StoredRun, row
from tests.loopback.langsmith_server import LangSmith

STATS_BODY = {"session", "run_type", "start_time", "filter", "select", "group_by"}


@dataclass
class LangSmithWithStats(LangSmith):
    """Change any of it while it runs."""

    prices: list[dict[str, Any]] = field(default_factory=list)
    """Its price table: USD per token."""
    hides_prices: bool = False
    lacks_stats: bool = False
    most_groups: int = 1000
    """More than this are refused."""
    counts_the_end: bool = False
    """Its sums hold the runs of the very instant at which a day ends."""
    adds_up_wrongly: Decimal = Decimal(0)
    """Added to the cost of every day that has any."""

    def answer(self, method: str, path: str, query: dict[str, list[str]], raw: bytes) -> tuple[int, bytes]:
        plain = path.removeprefix("/api/v1")
        if (method, plain) == ("GET", "/model-price-map"):
            return (403, b'{"detail": "Forbidden"}') if self.hides_prices else (200, _json(self.prices))
        if (method, plain) == ("POST", "/runs/stats") and not self.lacks_stats:
            return self._stats(json.loads(raw))
        return super().answer(method, path, query, raw)

    def _stats(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if unknown := body.keys() - STATS_BODY:
            return 422, _json({"detail": f"unknown fields {sorted(unknown)}"})
        text = body["filter"].replace("lt(", "lte(") if self.counts_the_end else body["filter"]
        holds, start = compile_filter(text), datetime.fromisoformat(body["start_time"])
        runs = [
            run
            for run in self._runs
            if run.project_id in body["session"]
            and run.run_type == body["run_type"]
            and run.start >= start
            and holds(row(run))
        ]
        if "group_by" not in body:
            return 200, _json(self._added(runs))
        asked = body["group_by"]
        if asked["max_groups"] > self.most_groups:
            return 422, _json({"detail": f"max_groups: at most {self.most_groups}"})
        groups: dict[str, list[StoredRun]] = defaultdict(list)
        for run in runs:
            if (value := run.metadata.get(asked["path"])) is not None:
                groups[str(value)].append(run)
        largest = sorted(groups, key=lambda name: -len(groups[name]))[: asked["max_groups"]]
        return 200, _json({name: self._added(groups[name]) for name in largest})

    def _added(self, runs: Iterable[StoredRun]) -> dict[str, Any]:
        some = list(runs)
        cost = sum((run.total_cost or Decimal(0) for run in some), Decimal(0))
        return {
            "run_count": len(some),
            "total_tokens": sum(run.prompt_tokens + run.completion_tokens for run in some),
            "total_cost": float(cost + self.adds_up_wrongly) if some else None,
        }


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value)
