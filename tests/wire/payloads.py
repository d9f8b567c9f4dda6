"""Runs as LangSmith sends them, and the calls that come of them."""

import json
from pathlib import Path
from typing import Any, Literal

from whyspend.model import Call
from whyspend.wire.langsmith import Run, read_page, to_call

DATA = Path(__file__).parent.parent / "data" / "langsmith"
DIMENSIONS = ("feature", "env", "user_tier")
Json = dict[str, Any]


def recorded(name: str) -> bytes:
    return (DATA / name).read_bytes()


def v2_run(**fields: Any) -> Json:
    """A finished LLM run of the v2 API, without usage."""
    run: Json = {
        "id": "run-1",
        "trace_id": "trace-1",
        "name": "ChatOpenAI",
        "run_type": "LLM",
        "status": "SUCCESS",
        "start_time": "2026-11-15T00:00:00Z",
        "end_time": "2026-11-15T00:00:02.5Z",
        "parent_run_ids": ["trace-1"],
        "project_id": "project-1",
        "metadata": {"ls_provider": "openai", "ls_model_name": "gpt-4o-mini"},
    }
    metadata = run["metadata"] | fields.pop("metadata", {})
    return run | fields | {"metadata": metadata}


def v1_run(**fields: Any) -> Json:
    """The same in the v1 API, or as an SDK sends it."""
    run = v2_run(**fields)
    extra = {"metadata": run.pop("metadata")} | run.get("extra", {})
    lower = {key: run[key].lower() for key in ("run_type", "status")}
    return run | lower | {"extra": extra, "session_id": run.pop("project_id")}


def run_of(payload: Json, version: Literal["v1", "v2"] = "v2") -> Run:
    page = {"items": [payload]} if version == "v2" else {"runs": [payload]}
    return read_page(json.dumps(page).encode(), version).runs[0]


def maybe_call(payload: Json, version: Literal["v1", "v2"] = "v2") -> Call | None:
    return to_call(run_of(payload, version), source="prod", project="chat", dimensions=DIMENSIONS)


def call_of(payload: Json, version: Literal["v1", "v2"] = "v2") -> Call:
    call = maybe_call(payload, version)
    assert call is not None
    return call


def counted(
    prompt: Any, completion: Any, given: Json | None = None, made: Json | None = None, **fields: Any
) -> Call:
    """The call of a v2 run with these counts from the server."""
    total = fields.pop("total_tokens", None)
    run = v2_run(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        prompt_token_details={"raw": given},
        completion_token_details={"raw": made},
        **fields,
    )
    return call_of(run)


def written(usage: Json, **fields: Any) -> Call:
    """The call of a v2 run that only carries metadata.usage_metadata."""
    return call_of(v2_run(metadata={"usage_metadata": usage}, **fields))


def tokens(call: Call) -> Json:
    """The usage of a call that is not 0, without its long ending."""
    names = [name for name in call.__struct_fields__ if name.endswith("_tokens")]
    return {name.removesuffix("_tokens"): getattr(call, name) for name in names if getattr(call, name)}
