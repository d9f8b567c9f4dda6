"""Priced calls of the ledger as runs, in both versions of the API.

What a run says of itself is what the ledger holds: no inputs, outputs, events, nor the text of an error. Costs are our
own, at the prices of the time. Tokens and costs are the run's own, in v1 too: sums of runs count nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from functools import cached_property
from typing import Any

import msgspec

from whyspend.collector.reading import ids
from whyspend.collector.reading.fields import FIELDS, ended, started
from whyspend.collector.reading.metadata import COLUMNS, USAGE_KEY, is_usual
from whyspend.model import USAGE_COLUMNS, Engine
from whyspend.money import usd
from whyspend.pricing.view import COMPLETION, PROMPT
from whyspend.wire.langsmith import CONTEXT_KEYS
from whyspend.workspace.windows import instant

_PLAIN = (
    "source", "project", "call_id", "trace_id", "parent_id", "thread_id", "first_token_ms", "kind", "status",
    "price_context", "price_model_id", "usage_source", "usage_estimated", "prompt_total", "completion_total",
    "metadata", "tags", "reported_cost", *USAGE_COLUMNS,
)  # fmt: skip

INPUT_DETAILS = {
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_creation",
    "cache_write_1h_tokens": "ephemeral_1h_input_tokens",
    "input_audio_tokens": "audio",
    "cache_read_audio_tokens": "cache_read_audio",
    "input_image_tokens": "image",
    "cache_read_image_tokens": "cache_read_image",
    "input_video_tokens": "video",
}
OUTPUT_DETAILS = {
    "reasoning_tokens": "reasoning",
    "output_audio_tokens": "audio",
    "output_image_tokens": "image",
    "output_video_tokens": "video",
    "citation_tokens": "citation_tokens",
}
"""What a quantity of the ledger is called within the details. No token is in two of them."""

SHORT_LIVED = "ephemeral_5m_input_tokens"
"""What writes to a cache of the default lifetime are called beside some of a longer one."""

SEARCHES = {"web_searches": "web_search_requests", "file_searches": "file_search_requests"}

PARTS: Mapping[str, tuple[str, ...]] = {f"cost_of_{name}": (name,) for name in (*PROMPT, *COMPLETION)}
"""For Data.priced_calls."""

_EXACT = Context(prec=100)


def columns(engine: Engine, dimensions: Mapping[str, str]) -> dict[str, str]:
    """What a run is made of, for Data.priced_calls: name -> SQL over a ledger row."""
    found = {f"its_{name}": name for name in _PLAIN}
    found |= {"its_start": started(engine), "its_end": ended(engine)}
    found |= {"its_name": FIELDS["name"].sql, "its_error": FIELDS["error"].sql}
    found |= {f"said_{at}": sql for at, sql in enumerate(COLUMNS.values())}
    return found | {f"owner_{at}": f"CAST({sql} AS VARCHAR)" for at, sql in enumerate(dimensions.values())}


class Run:
    """One row of those columns, with its costs."""

    def __init__(self, row: Mapping[str, Any], dimensions: Sequence[str]) -> None:
        self._row = row
        self._dimensions = dimensions

    def its(self, name: str) -> Any:
        """A column of the ledger."""
        return self._row[f"its_{name}"]

    def moment(self, name: str) -> datetime | None:
        """`start` or `end`."""
        found = self.its(name)
        return None if found is None else instant(found)

    @property
    def first_token(self) -> datetime | None:
        """When the first token came."""
        after = self.its("first_token_ms")
        return None if after is None else instant(self.its("start") + after * 1_000)

    @property
    def parents(self) -> list[str]:
        """Root first, direct parent last, as far as the ledger knows them: it keeps these two."""
        parent = self.its("parent_id")
        return (
            []
            if parent is None
            else [ids.shown(each) for each in dict.fromkeys((self.its("trace_id"), parent))]
        )

    @property
    def is_counted(self) -> bool:
        """Whether there are counts of its tokens."""
        return self.its("usage_source") is not None

    @property
    def prompt(self) -> int | None:
        """Its input tokens."""
        return self.its("prompt_total") if self.is_counted else None

    @property
    def completion(self) -> int | None:
        """Its output tokens."""
        return self.its("completion_total") if self.is_counted else None

    @property
    def total(self) -> int | None:
        """Both."""
        return self.its("prompt_total") + self.its("completion_total") if self.is_counted else None

    @cached_property
    def input_details(self) -> dict[str, int]:
        """By kind, those that there are."""
        return self._details(self._input_names(), lambda name: self.its(name))

    @cached_property
    def output_details(self) -> dict[str, int]:
        """By kind, those that there are."""
        return self._details(OUTPUT_DETAILS, lambda name: self.its(name))

    @property
    def input_costs(self) -> dict[str, Decimal]:
        """USD by kind."""
        return self._details(self._input_names(), self._cost_of)

    @property
    def output_costs(self) -> dict[str, Decimal]:
        """USD by kind."""
        return self._details(OUTPUT_DETAILS, self._cost_of)

    @property
    def cost(self) -> Decimal | None:
        """USD; None: it has no price."""
        return dollars(self._row["cost"])

    def cost_of(self, quantities: Sequence[str]) -> Decimal | None:
        """USD of some of what it used; None where that is not known."""
        parts = [self._row[f"cost_of_{name}"] for name in quantities]
        return None if None in parts else dollars(sum(map(int, parts)))

    @property
    def metadata(self) -> dict[str, Any]:
        """As a filter finds it (see `metadata.Metadata`)."""
        held = self.its("metadata")
        own: dict[str, Any] = msgspec.json.decode(held) if held else {}
        found = {key: value for key, value in own.items() if _is_own(key, value)}
        terms = dict(term.split("=", 1) for term in self.its("price_context").split(";") if "=" in term)
        found |= {key: terms[key] for key in CONTEXT_KEYS if key in terms}
        found |= self._found(COLUMNS, "said")
        if usage := self.usage:
            found[USAGE_KEY] = usage
        for name in self._dimensions:
            found.pop(name, None)
        return found | self._found(self._dimensions, "owner")

    @property
    def usage(self) -> dict[str, Any] | None:
        """Its `usage_metadata`, as LangChain writes it; None where nobody but the source's estimate counted."""
        found: dict[str, Any] = {}
        if self.is_counted and not self.its("usage_estimated"):
            found = {
                "input_tokens": self.prompt,
                "output_tokens": self.completion,
                "total_tokens": self.total,
                "input_token_details": self.input_details,
                "output_token_details": self.output_details,
            }
            if searches := self._details(SEARCHES, lambda name: self.its(name)):
                found["server_tool_use"] = searches
        if self.its("kind") == "tool" and self.its("reported_cost") is not None:
            found["total_cost"] = _shortest(Decimal(self.its("reported_cost")).scaleb(-12, _EXACT))
        return found or None

    def _found(self, names: Any, prefix: str) -> dict[str, str]:
        cells = ((name, self._row[f"{prefix}_{at}"]) for at, name in enumerate(names))
        return {name: cell for name, cell in cells if cell is not None}

    def _input_names(self) -> Mapping[str, str]:
        if not self.its("cache_write_1h_tokens"):
            return INPUT_DETAILS
        return {**INPUT_DETAILS, "cache_write_tokens": SHORT_LIVED}

    def _details(self, names: Mapping[str, str], value: Callable[[str], Any]) -> dict[str, Any]:
        shown = {key: value(name) for name, key in names.items() if self.its(name)}
        return {key: found for key, found in shown.items() if found is not None}

    def _cost_of(self, name: str) -> Decimal | None:
        return self.cost_of((name,)) if f"cost_of_{name}" in PARTS else None


def _is_own(key: str, value: object) -> bool:
    """Whether a key of the ledger's metadata is shown as it is there."""
    if key in CONTEXT_KEYS:
        return is_usual(value)
    return key not in COLUMNS and key != USAGE_KEY


def dollars(units: Any) -> Decimal | None:
    """1e-24 dollars in USD, with no more digits than it needs."""
    found = usd(units)
    return None if found is None else _shortest(found)


def _shortest(amount: Decimal) -> Decimal:
    return Decimal(f"{amount.normalize(_EXACT):f}")


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {key: f"{amount:f}" for key, amount in amounts.items()}


def _naive(moment: datetime | None) -> str | None:
    """v1 sends times without a zone, and means UTC."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat()


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.replace(tzinfo=None).isoformat() + "Z"


def _order(run: Run) -> str | None:
    """Where it stands in its trace: known of a root alone, for the ledger does not know when others' parents began."""
    if run.parents:
        return None
    return f"{run.moment('start'):%Y%m%dT%H%M%S%fZ}{ids.shown(run.its('call_id'))}"


def _latency(run: Run) -> Decimal | None:
    end = run.its("end")
    return None if end is None else Decimal(end - run.its("start")).scaleb(-6)


Shown = Mapping[str, Callable[[Run], Any]]

_BOTH: Shown = {
    "id": lambda run: ids.shown(run.its("call_id")),
    "trace_id": lambda run: ids.shown(run.its("trace_id")),
    "parent_run_ids": lambda run: run.parents,
    "name": lambda run: run.its("name"),
    "thread_id": lambda run: run.its("thread_id"),
    "error": lambda run: run.its("error"),
    "extra": lambda run: {"metadata": run.metadata},
    "tags": lambda run: run.its("tags") or [],
    "prompt_tokens": lambda run: run.prompt,
    "completion_tokens": lambda run: run.completion,
    "total_tokens": lambda run: run.total,
    "price_model_id": lambda run: run.its("price_model_id"),
    "is_root": lambda run: not run.parents,
    "inputs": lambda _: {},
    "outputs": lambda _: {},
    "events": lambda _: [],
}

V1: Shown = {
    **_BOTH,
    "run_type": lambda run: run.its("kind"),
    "status": lambda run: run.its("status"),
    "start_time": lambda run: _naive(run.moment("start")),
    "end_time": lambda run: _naive(run.moment("end")),
    "first_token_time": lambda run: _naive(run.first_token),
    "parent_run_id": lambda run: run.parents[-1] if run.parents else None,
    "session_id": lambda run: ids.of_project(run.its("project")),
    "dotted_order": lambda run: _order(run) or "",
    "prompt_token_details": lambda run: run.input_details,
    "completion_token_details": lambda run: run.output_details,
    "prompt_cost": lambda run: _text(run.cost_of(PROMPT)),
    "completion_cost": lambda run: _text(run.cost_of(COMPLETION)),
    "total_cost": lambda run: _text(run.cost),
    "prompt_cost_details": lambda run: _texts(run.input_costs),
    "completion_cost_details": lambda run: _texts(run.output_costs),
}
"""By the name of a field in `select`: what a run of v1 says there."""

V2: Shown = {
    **_BOTH,
    "run_type": lambda run: run.its("kind").upper(),
    "status": lambda run: run.its("status").upper(),
    "start_time": lambda run: _rfc3339(run.moment("start")),
    "end_time": lambda run: _rfc3339(run.moment("end")),
    "first_token_time": lambda run: _rfc3339(run.first_token),
    "latency_seconds": _latency,
    "project_id": lambda run: ids.of_project(run.its("project")),
    "metadata": lambda run: run.metadata,
    "error_preview": lambda run: run.its("error"),
    "dotted_order": _order,
    "prompt_token_details": lambda run: {"raw": run.input_details},
    "completion_token_details": lambda run: {"raw": run.output_details},
    "prompt_cost": lambda run: run.cost_of(PROMPT),
    "completion_cost": lambda run: run.cost_of(COMPLETION),
    "total_cost": lambda run: run.cost,
    "prompt_cost_details": lambda run: {"raw": run.input_costs},
    "completion_cost_details": lambda run: {"raw": run.output_costs},
}
"""The same of v2, in lower case."""

V1_UNKNOWN = frozenset({
    "app_path", "child_run_ids", "execution_order", "feedback_stats", "in_dataset", "inputs_preview",
    "inputs_s3_urls", "last_queued_at", "manifest_id", "manifest_s3_id", "messages", "outputs_preview",
    "outputs_s3_urls", "reference_dataset_id", "reference_example_id", "s3_urls", "serialized", "share_token",
    "trace_first_received_at", "trace_max_start_time", "trace_min_start_time", "trace_tier", "trace_upgrade",
    "ttl_seconds",
})  # fmt: skip
V2_UNKNOWN = frozenset({
    "app_path", "attachments", "feedback_stats", "inputs_preview", "is_in_dataset", "last_queued_at", "ls_user_id",
    "manifest", "outputs_preview", "reference_dataset_id", "reference_example_id", "share_url",
    "thread_evaluation_time",
})  # fmt: skip
"""Fields that LangSmith has and the ledger has not: null, where they are asked for."""


def shown(run: Run, fields: Sequence[str], of: Shown) -> dict[str, Any]:
    """What a run says in these fields."""
    return {name: of[name](run) if name in of else None for name in fields}
