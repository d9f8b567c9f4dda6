"""What is asked for runs, of both versions of the API: bodies, checked, become one shape.

What would change the answer and cannot be answered is refused, never passed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta

from whyspend.collector.reading.filters import Function, Items, Literal, Name, parse
from whyspend.collector.reading.runs import V1, V1_UNKNOWN, V2, V2_UNKNOWN
from whyspend.errors import UsageError, nearest

V1_PAGE = 100
V2_PAGE = 1_000
MOST_IDS = 1_000
MOST_GROUPS = 1_000
DAY = timedelta(days=1)

_NEVER = {
    "query": "the ledger holds no text to search in",
    "search_filter": "the ledger holds no text to search in",
    "ai_search": "the ledger holds no text to search in",
    "sem_filter": "the ledger holds no text to search in",
    "reference_example": "the ledger knows no examples",
    "reference_examples": "the ledger knows no examples",
    "reference_dataset_id": "the ledger knows no datasets: give project_ids",
    "min_feedback_modified_at": "the ledger holds no feedback",
    "max_feedback_modified_at": "the ledger holds no feedback",
    "trace_filter": "it asks about the first run of a trace, and the ledger holds calls of models alone. What that run "
    "passes on is in the metadata of its calls: ask for it with filter",
    "include_subtree_usage": "calls of models have no runs below them to add up",
    "execution_order": "the ledger does not number the runs of a trace",
}
"""Fields that LangSmith knows, and why they cannot be answered."""

_HARMLESS = {"data_source_type", "skip_pagination", "skip_prev_cursor", "use_experimental_search"}
"""Fields that change how LangSmith finds its answer, not what the answer is."""

Body = TypeVar("Body")
_Ids = Annotated[list[str], Meta(max_length=MOST_IDS)] | None


class _Common(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is read of every body."""

    filter: str | None = None
    tree_filter: str | None = None
    run_type: str | None = None
    is_root: bool | None = None


class _OfV1(_Common, kw_only=True, forbid_unknown_fields=True):
    """What both bodies of version 1 have."""

    session: _Ids = None
    id: _Ids = None
    trace: str | None = None
    parent_run: str | None = None
    error: bool | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    select: list[str] | None = None


class V1Body(_OfV1, kw_only=True, forbid_unknown_fields=True):
    """Of `POST /runs/query`."""

    limit: int | None = None
    cursor: str | None = None
    order: str | None = None


class Grouping(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """By what statistics are apart."""

    attribute: str
    path: str | None = None
    max_groups: Annotated[int, Meta(ge=1, le=MOST_GROUPS)] = 5


class StatsBody(_OfV1, kw_only=True, forbid_unknown_fields=True):
    """Of `POST /runs/stats`."""

    group_by: Grouping | None = None


class V2Body(_Common, kw_only=True, forbid_unknown_fields=True):
    """Of `POST /api/v2/runs/query`."""

    project_ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_IDS)]
    ids: _Ids = None
    trace_id: str | None = None
    has_error: bool | None = None
    min_start_time: datetime | None = None
    max_start_time: datetime | None = None
    selects: list[str] | None = None
    page_size: Annotated[int, Meta(ge=1, le=V2_PAGE)] = 100
    cursor: str | None = None


@dataclass(frozen=True)
class Wanted:
    """Which runs."""

    projects: tuple[str, ...] | None
    """Ids; None: all."""
    since: datetime | None = None
    """UTC, inclusive; None: since ever."""
    until: datetime | None = None
    """Exclusive."""
    tests: tuple[Function, ...] = ()
    """All must hold."""
    of_trace: Function | None = None
    """Must hold of some run of its trace."""


@dataclass(frozen=True)
class Paged:
    """A page of runs that is asked for."""

    wanted: Wanted
    size: int
    fields: tuple[str, ...]
    """In lower case."""
    cursor: str | None = None
    is_oldest_first: bool = False
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What a cursor must be of: the body, without how much of it is shown."""


def read(body: bytes, shape: type[Body], what: str) -> tuple[Body, dict[str, Any]]:
    """Read a body; give it checked, and as it came without what is null or harmless.

    Raises:
        UsageError: it is no such body, or asks for what cannot be answered.
    """
    try:
        plain = msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError(f"The body of {what} must be a JSON object.") from None
    asked = {key: value for key, value in plain.items() if value is not None and key not in _HARMLESS}
    known = getattr(shape, "__struct_fields__", ())
    for key, value in asked.items():
        if key in _NEVER and value not in (False, "", []):
            raise UsageError(f"{key} cannot be answered: {_NEVER[key]}.")
        if key not in known and key not in _NEVER:
            raise UsageError(
                f"{key[:40]} is no field of {what} that can be answered.{nearest(key, known)} There is: "
                f"{', '.join(known)}."
            )
    asked = {key: value for key, value in asked.items() if key not in _NEVER}
    try:
        return msgspec.convert(asked, shape, strict=True), asked
    except msgspec.ValidationError as error:
        raise UsageError(f"The body of {what} cannot be used: {error}.") from None


def of_v1(body: bytes) -> Paged:
    """What `POST /runs/query` asks for.

    Raises:
        UsageError: it cannot be answered.
    """
    asked, plain = read(body, V1Body, "runs/query")
    size = V1_PAGE if asked.limit is None else asked.limit
    if size > V1_PAGE:
        raise UsageError(f"Limit exceeds maximum allowed value of {V1_PAGE}. Follow the cursor for more.")
    if size < 1:
        raise UsageError("limit must be 1 or more.")
    if asked.order not in (None, "asc", "desc"):
        raise UsageError("order must be asc or desc.")
    known = tuple(V1) if asked.select is None else _fields(asked.select, V1.keys() | V1_UNKNOWN)
    return Paged(
        wanted_of(asked),
        size,
        known,
        asked.cursor,
        asked.order == "asc",
        _identity(plain, "v1"),
    )


def wanted_of(asked: _OfV1) -> Wanted:
    """Which runs v1 asks for. By id, whatever else is asked for, as with LangSmith."""
    if asked.id is not None:
        return Wanted(None, tests=(_in("id", asked.id),))
    return Wanted(
        None if asked.session is None else tuple(asked.session),
        _utc(asked.start_time),
        _utc(asked.end_time),
        (
            *_tests(asked, asked.error),
            *_one("trace_id", asked.trace),
            *_one("parent_run_id", asked.parent_run),
        ),
        parse(asked.tree_filter) if asked.tree_filter else None,
    )


def of_v2(body: bytes, now: datetime) -> Paged:
    """What `POST /api/v2/runs/query` asks for. Without times it is of the last day, as with LangSmith.

    Raises:
        UsageError: it cannot be answered.
    """
    asked, plain = read(body, V2Body, "v2/runs/query")
    tests = (*_tests(asked, asked.has_error), *_one("trace_id", asked.trace_id))
    if asked.ids is not None:
        tests = (*tests, _in("id", asked.ids))
    wanted = Wanted(
        tuple(asked.project_ids),
        _utc(asked.min_start_time) or now - DAY,
        _utc(asked.max_start_time) or now,
        tests,
        parse(asked.tree_filter) if asked.tree_filter else None,
    )
    selects = [name.lower() for name in asked.selects or ()]
    fields = _fields(selects, V2.keys() | V2_UNKNOWN) or ("id",)
    return Paged(wanted, asked.page_size, fields, asked.cursor, identity=_identity(plain, "v2"))


def _tests(asked: _Common, has_error: bool | None) -> list[Function]:
    found = [parse(asked.filter)] if asked.filter else []
    found += _one("run_type", asked.run_type)
    if asked.is_root is not None:
        found.append(_eq("is_root", asked.is_root))
    if has_error is not None:
        found.append(_eq("status", "error" if has_error else "success"))
    return found


def _one(name: str, text: str | None) -> list[Function]:
    return [] if text is None else [_eq(name, text)]


def _eq(name: str, value: str | bool) -> Function:
    return Function("eq", (Name(name), Literal(value)))


def _in(name: str, texts: Sequence[str]) -> Function:
    return Function("in", (Name(name), Items(tuple(map(Literal, texts)))))


def _fields(asked: Sequence[str], known: Any) -> tuple[str, ...]:
    for name in asked:
        if name not in known:
            raise UsageError(
                f"There is no field {name[:40]} of a run to select.{nearest(name, known)} "
                f"There is: {', '.join(sorted(known))}."
            )
    return tuple(dict.fromkeys(asked))


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is in UTC."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        _no_time()


def _no_time() -> NoReturn:
    raise UsageError("A time lies outside of the calendar.")


def _identity(asked: Mapping[str, Any], version: str) -> dict[str, Any]:
    left_out = ("cursor", "limit", "page_size", "select", "selects")
    return {"of": version, **{key: value for key, value in asked.items() if key not in left_out}}
