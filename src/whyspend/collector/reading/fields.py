"""The fields of a run that a filter can look at, as SQL over a ledger row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from whyspend.model import Engine

Kind = Literal["text", "id", "word", "number", "seconds", "time", "flag", "texts", "money"]
"""`word`: a text of which upper and lower case are the same. `money`: known only with prices."""

ERROR = "its text is not kept"

ENDED = "coalesce(latency_ms, CASE WHEN status = 'error' THEN NULL ELSE 0 END)"
"""SQL of the milliseconds from start to end. A call that ended nobody knows when ended at once; NULL: it never did."""

_FAILED = f"""CASE WHEN status = 'error' THEN
  CASE WHEN error_kind IS NULL THEN 'error, {ERROR}' ELSE error_kind || ': {ERROR}' END END"""

_COUNTED = "usage_source IS NOT NULL"


@dataclass(frozen=True)
class Field:
    """One of them."""

    kind: Kind
    sql: str
    """Over a ledger row; of money, the column of a priced one. NULL where it is not known."""


FIELDS: Mapping[str, Field] = {
    "id": Field("id", "call_id"),
    "trace_id": Field("id", "trace_id"),
    "parent_run_id": Field("id", "parent_id"),
    "thread_id": Field("text", "thread_id"),
    "name": Field("text", "coalesce(name, '')"),
    "run_type": Field("word", "kind"),
    "status": Field("word", "status"),
    "error": Field("text", _FAILED),
    "is_root": Field("flag", "(parent_id IS NULL)"),
    "tags": Field("texts", "tags"),
    "start_time": Field("time", "started_at"),
    "end_time": Field("time", "ended_at"),
    "latency": Field("seconds", ENDED),
    "prompt_tokens": Field("number", f"CASE WHEN {_COUNTED} THEN prompt_total END"),
    "completion_tokens": Field("number", f"CASE WHEN {_COUNTED} THEN completion_total END"),
    "total_tokens": Field("number", f"CASE WHEN {_COUNTED} THEN prompt_total + completion_total END"),
    "prompt_cost": Field("money", "prompt_cost"),
    "completion_cost": Field("money", "completion_cost"),
    "total_cost": Field("money", "cost"),
}


def started(engine: Engine) -> str:
    """SQL of when a call began, microseconds since the epoch."""
    return engine.micros("started_at")


def ended(engine: Engine) -> str:
    """SQL of when it ended; NULL: it never did."""
    return f"({started(engine)} + ({ENDED}) * 1000)"
