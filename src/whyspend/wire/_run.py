"""LangSmith's runs on the wire, API v1 and v2, read into one shape."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from whyspend.errors import InputError
from whyspend.wire._amounts import micros, pico
from whyspend.wire._outputs import Answer, read_outputs
from whyspend.wire._plain import Sieve
from whyspend.wire._rows import NO_ROWS, Rows, rows_of
from whyspend.wire._usage import Usage

Version = Literal["v1", "v2"]

V2_SELECTS: tuple[str, ...] = (
    "ID",
    "NAME",
    "RUN_TYPE",
    "STATUS",
    "START_TIME",
    "END_TIME",
    "FIRST_TOKEN_TIME",
    "TRACE_ID",
    "PARENT_RUN_IDS",
    "PROJECT_ID",
    "THREAD_ID",
    "METADATA",
    "TAGS",
    "PROMPT_TOKENS",
    "COMPLETION_TOKENS",
    "TOTAL_TOKENS",
    "PROMPT_TOKEN_DETAILS",
    "COMPLETION_TOKEN_DETAILS",
    "PROMPT_COST",
    "COMPLETION_COST",
    "TOTAL_COST",
    "PRICE_MODEL_ID",
)
"""What to ask `POST /api/v2/runs/query` for: no field that holds a prompt, an answer or an error's text."""

V1_SELECT: tuple[str, ...] = (
    "id",
    "name",
    "run_type",
    "status",
    "start_time",
    "end_time",
    "first_token_time",
    "error",
    "extra",
    "tags",
    "trace_id",
    "parent_run_id",
    "parent_run_ids",
    "session_id",
    "thread_id",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "price_model_id",
)
"""What to ask `POST /runs/query` for. `extra` holds the metadata; of `error` only the class is kept.

The default select lacks the details, so cached tokens would not be seen. `child_run_ids` is left out, for it
lowers the rate limit."""

_NOTHING: dict[str, Any] = {}
_T = TypeVar("_T")
_Metadata = dict[str, str | int | float | bool | list[Any] | Usage | None]
"""Values that are typed take a tenth less time than Any."""


class Run(Struct, gc=False):
    """A run of either API version; what `to_call` needs of it.

    Times are microseconds since the epoch, UTC; money is integer pico-dollars.
    """

    id: str
    trace_id: str
    parent_ids: tuple[str, ...]
    """Root first, direct parent last; empty for a root."""
    project_id: str | None
    thread_id: str | None
    name: str | None
    run_type: str
    """Lower case: llm, embedding, chain, tool, ..."""
    status: str
    """success, error or pending."""
    error_kind: str | None
    started_at: int | None
    ended_at: int | None
    first_token_at: int | None
    metadata: dict[str, Any]
    """Scalars and lists as they are; each object is read as a `Usage`, the only one that is understood."""
    tags: list[str] | None
    prompt_tokens: Any
    completion_tokens: Any
    total_tokens: Any
    prompt_details: dict[str, Any] | None
    completion_details: dict[str, Any] | None
    prompt_cost: int | None
    completion_cost: int | None
    total_cost: int | None
    price_model_id: str | None
    rolled_up: bool = False
    """The server's counts and costs include those of the run's children, if it has any (v1)."""
    answer: Answer | None = None
    """What the outputs said, where they were there to read."""
    invocation_model: str | None = None
    exclusive_cache: bool = False
    """Written by an SDK that leaves cached tokens out of the input total."""


@dataclass(frozen=True)
class Page:
    """One answer of a query."""

    runs: list[Run]
    next_cursor: str | None
    """None: the last page."""
    rows: Rows = NO_ROWS
    """The plain runs, where they were asked for apart."""

    def ids(self) -> list[str]:
        """Give the ids of all its runs."""
        return [run.id for run in self.runs] + self.rows.ids()


class _Details(Struct, gc=False):
    raw: dict[str, Any] | None = None


class _RunV2(Struct, gc=False):
    id: str
    name: str | None = None
    run_type: str | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    first_token_time: datetime | None = None
    trace_id: str | None = None
    parent_run_ids: list[str] | None = None
    project_id: str | None = None
    thread_id: str | None = None
    metadata: _Metadata | None = None
    tags: list[str] | None = None
    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    total_tokens: int | float | None = None
    prompt_cost: float | str | None = None
    completion_cost: float | str | None = None
    total_cost: float | str | None = None
    prompt_token_details: _Details | None = None
    completion_token_details: _Details | None = None
    price_model_id: str | None = None


class _Extra(Struct, gc=False):
    metadata: _Metadata | None = None
    invocation_params: Any = None
    runtime: Any = None


class _RunV1(Struct, gc=False):
    id: str
    name: str | None = None
    run_type: str | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    first_token_time: datetime | None = None
    error: str | None = None
    extra: _Extra | None = None
    outputs: Raw = Raw(b"null")
    trace_id: str | None = None
    dotted_order: str | None = None
    parent_run_id: str | None = None
    parent_run_ids: list[str] | None = None
    child_run_ids: list[str] | None = None
    session_id: str | None = None
    thread_id: str | None = None
    tags: list[str] | None = None
    prompt_tokens: int | float | None = None
    completion_tokens: int | float | None = None
    total_tokens: int | float | None = None
    prompt_cost: float | str | None = None
    completion_cost: float | str | None = None
    total_cost: float | str | None = None
    prompt_token_details: dict[str, Any] | None = None
    completion_token_details: dict[str, Any] | None = None
    price_model_id: str | None = None


class _PageV2(Struct, gc=False):
    items: list[_RunV2] | None = None
    next_cursor: str | None = None


class _Cursors(Struct, gc=False):
    next: str | None = None


class _PageV1(Struct, gc=False):
    runs: list[_RunV1] | None = None
    cursors: _Cursors | None = None


class _Parts(Struct, gc=False):
    """A page whose runs are read one by one, to find the one that cannot be read."""

    items: list[Raw] | None = None
    runs: list[Raw] | None = None


class _Id(Struct, gc=False):
    id: Any = None


_PAGE_V2 = msgspec.json.Decoder(_PageV2)
_PAGE_V1 = msgspec.json.Decoder(_PageV1)
_RUN: Mapping[Version, msgspec.json.Decoder[Any]] = {
    "v1": msgspec.json.Decoder(_RunV1),
    "v2": msgspec.json.Decoder(_RunV2),
}


def read_page(body: bytes, version: Version, sieve: Sieve | None = None) -> Page:
    """Read the answer of a query; with a sieve, the plain runs of v2 as rows.

    What an application wrote (metadata, outputs, details) may have any shape and never raises.

    Raises:
        InputError: the body is no page, or a field of LangSmith's own is not of its type: the message names
            the run and the field. One run never disappears in silence.
    """
    found = sieve.sort(body) if sieve is not None and version == "v2" else None
    if found is not None and (rows := rows_of(found)) is not None:
        rest = b'{"items":[' + b",".join(map(bytes, found.rest)) + b"]}"
        runs = read_page(rest, version).runs if found.rest else []
        return Page(runs, found.next_cursor or None, rows)
    if version == "v2":
        page = _decoded(body, _PAGE_V2, version)
        return Page([_from_v2(run) for run in page.items or ()], page.next_cursor or None)
    old = _decoded(body, _PAGE_V1, version)
    cursor = old.cursors.next if old.cursors else None
    return Page([_from_v1(run) for run in old.runs or ()], cursor or None)


def _decoded(body: bytes, decoder: msgspec.json.Decoder[_T], version: Version) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise _unreadable("it is nested too deeply") from error
    try:
        fixed = mended(body)
    except (ValueError, RecursionError) as error:
        raise _unreadable("it is not JSON") from error
    try:
        return decoder.decode(fixed)
    except msgspec.ValidationError as error:
        raise _blame(fixed, version, error) from error


def mended(body: bytes) -> bytes:
    """Give the body without what strict JSON forbids but applications write: lone surrogates and bytes that
    are not UTF-8 become '?' or U+FFFD, NaN and numbers beyond a double become null.

    Raises:
        ValueError, RecursionError: it is not JSON.
    """

    def finite(text: str) -> float | None:
        number = float(text)
        return number if math.isfinite(number) else None

    value = json.loads(body.decode("utf-8", "replace"), parse_float=finite, parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _blame(body: bytes, version: Version, error: msgspec.ValidationError) -> InputError:
    """Find the run that could not be read; msgspec's reason names the field and never shows a value."""
    try:
        parts = msgspec.json.decode(body, type=_Parts)
    except msgspec.ValidationError:
        return _unreadable(str(error))
    for part in parts.items or parts.runs or ():
        try:
            _RUN[version].decode(part)
        except msgspec.ValidationError as reason:
            found = _id_of(part)
            return InputError(
                f"Run {found} from LangSmith cannot be read: {reason}. "
                "Upgrade whyspend; if it is the newest, report this line, and pull the other days meanwhile."
            )
    return _unreadable(str(error))


def _id_of(part: Raw) -> str:
    try:
        found = msgspec.json.decode(part, type=_Id).id
    except msgspec.ValidationError:
        return "without an id"
    return found if isinstance(found, str) and len(found) <= 64 and found.isprintable() else "without an id"


def _unreadable(reason: str) -> InputError:
    return InputError(
        f"LangSmith's answer is not a page of runs: {reason}. Check the endpoint, "
        "and that no proxy answers in its place."
    )


def _from_v2(run: _RunV2) -> Run:
    parents = run.parent_run_ids
    given, made = run.prompt_token_details, run.completion_token_details
    return Run(
        run.id,
        run.trace_id or (parents[0] if parents else run.id),
        tuple(parents) if parents else (),
        run.project_id,
        run.thread_id,
        run.name,
        run.run_type.lower() if run.run_type else "",
        run.status.lower() if run.status else "success",
        None,
        micros(run.start_time),
        micros(run.end_time),
        micros(run.first_token_time) if run.first_token_time else None,
        run.metadata or _NOTHING,
        run.tags,
        run.prompt_tokens,
        run.completion_tokens,
        run.total_tokens,
        given.raw if given is not None else None,
        made.raw if made is not None else None,
        pico(run.prompt_cost),
        pico(run.completion_cost),
        pico(run.total_cost),
        run.price_model_id,
    )


def _from_v1(run: _RunV1) -> Run:
    extra = run.extra or _Extra()
    metadata = extra.metadata or _NOTHING
    parents = _parents(run)
    return Run(
        run.id,
        run.trace_id or (parents[0] if parents else run.id),
        parents,
        run.session_id,
        run.thread_id,
        run.name,
        (run.run_type or "").lower(),
        (run.status or ("error" if run.error else "success")).lower(),
        error_kind(run.error),
        micros(run.start_time),
        micros(run.end_time),
        micros(run.first_token_time),
        metadata,
        run.tags,
        run.prompt_tokens,
        run.completion_tokens,
        run.total_tokens,
        run.prompt_token_details,
        run.completion_token_details,
        pico(run.prompt_cost),
        pico(run.completion_cost),
        pico(run.total_cost),
        run.price_model_id,
        rolled_up=run.child_run_ids != [],
        answer=read_outputs(run.outputs),
        invocation_model=_invocation_model(extra.invocation_params),
        exclusive_cache=leaves_cache_out(metadata, extra.invocation_params is not None, extra.runtime),
    )


def _parents(run: _RunV1) -> tuple[str, ...]:
    """Give the ancestors, root first. SDKs send only `dotted_order`: `<time>Z<id>.<time>Z<id>...`."""
    if run.parent_run_ids is not None:
        return tuple(run.parent_run_ids)
    if run.dotted_order:
        steps = run.dotted_order.split(".")[:-1]
        return tuple(step.partition("Z")[2] for step in steps)
    return (run.parent_run_id,) if run.parent_run_id else ()


def error_kind(error: str | None) -> str | None:
    """Give the class of an error: `openai.RateLimitError("...")` -> RateLimitError; never its message."""
    if not error:
        return None
    head = error[:200].lstrip()
    ends = [at for at in (head.find("("), head.find(":")) if at >= 0]
    name = head[: min(ends, default=0)].strip().rpartition(".")[2]
    return name if name.isascii() and name.isidentifier() and len(name) <= 64 else None


def _invocation_model(params: object) -> str | None:
    if not isinstance(params, dict):
        return None
    found = params.get("model") or params.get("model_name")
    return found if isinstance(found, str) else None


def leaves_cache_out(metadata: Mapping[str, Any], invoked: bool, runtime: object) -> bool:
    """Tell whether wrap_anthropic of langsmith-py before 0.7.14 wrote the usage (found in the wheels).

    It sent input 2,000 and cache_read 1,500 for a prompt of 3,500 tokens, which looks like any other.
    LangChain's ChatAnthropic of the same days included the cache; within a @traceable it inherits `ls_method`,
    but it alone has `invocation_params` (`invoked`).
    """
    if metadata.get("ls_provider") != "anthropic" or metadata.get("ls_method") != "traceable":
        return False
    if invoked or not isinstance(runtime, dict):
        return False
    version = runtime.get("sdk_version")
    if runtime.get("sdk") != "langsmith-py" or not isinstance(version, str):
        return False
    numbers = [int(part) for part in version.split(".")[:3] if part.isdecimal() and len(part) < 6]
    return len(numbers) == 3 and numbers < [0, 7, 14]
