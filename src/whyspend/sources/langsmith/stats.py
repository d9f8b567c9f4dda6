"""What LangSmith itself says that runs cost: its statistics, its price table, and the single runs of a day.

`POST /runs/stats` adds up the LLM runs that began within a day. It can group by a metadata key, with at most
`max_groups` groups (5 unless told otherwise); runs without the key are in no group, so they are what the groups leave
of the whole. Sums are JSON numbers. `GET /model-price-map` lists USD per token. Both are endpoints of v1 that newer
servers have, too. Days are bounded by a filter on the start of a run: for `end_time` it is documented nowhere whether
it bounds the start or the end.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from whyspend.errors import SourceError
from whyspend.net import Refused
from whyspend.sources.langsmith import api
from whyspend.sources.langsmith.spoken import iso, reader

GROUPS_AT_ONCE = (1000, 100)
"""How many groups are asked for; the next number where a server finds them too many."""

MOST_LISTED: Mapping[api.Version, int] = {"v2": 200_000, "v1": 5_000}
"""Runs of a day that are listed one by one: about a minute at the documented pace."""

TAIL = timedelta(hours=1)
"""After the end of a day, where runs are listed too: those inside a run that began before the end."""

_SELECT = ["run_count", "total_tokens", "prompt_tokens", "completion_tokens", "total_cost"]
_V2_LISTED = ("ID", "STATUS", "START_TIME", "PARENT_RUN_IDS", "TOTAL_TOKENS", "TOTAL_COST")
_V1_LISTED = ("id", "status", "start_time", "parent_run_ids", "total_tokens", "total_cost")


class Stats(msgspec.Struct, frozen=True):
    """Runs added up."""

    run_count: int | None = None
    total_tokens: int | None = None
    total_cost: Decimal | None = None
    """USD."""


class Price(msgspec.Struct, frozen=True):
    """A row of the price table. USD per token."""

    id: str
    name: str | None = None
    prompt_cost: Decimal | None = None
    completion_cost: Decimal | None = None
    prompt_cost_details: dict[str, Decimal | None] | None = None
    completion_cost_details: dict[str, Decimal | None] | None = None


class Run(msgspec.Struct, frozen=True):
    """A run of the list."""

    id: str
    start_time: datetime
    status: str | None = None
    parent_run_ids: list[str] | None = None
    total_tokens: int | None = None
    total_cost: Decimal | None = None
    metadata: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None

    @property
    def began(self) -> datetime:
        """When it began; v1 sends times without a zone and means UTC."""
        return self.start_time if self.start_time.tzinfo else self.start_time.replace(tzinfo=UTC)

    def value(self, path: str) -> str | None:
        """What its metadata has under a key."""
        held = self.metadata if self.metadata is not None else (self.extra or {}).get("metadata") or {}
        found = held.get(path)
        return None if found is None else str(found) or None


class _V2Page(msgspec.Struct):
    items: list[Run]
    next_cursor: str | None = None


class _V1Page(msgspec.Struct):
    runs: list[Run]
    cursors: dict[str, str | None] | None = None


def whole(server: api.Server, project_ids: Sequence[str], start: datetime, end: datetime) -> Stats:
    """All LLM runs that began in [start, end).

    Raises:
        SourceError: the server has no statistics, or refuses them.
    """
    return _ask(server, _body(project_ids, start, end), Stats)


def grouped(
    server: api.Server, project_ids: Sequence[str], start: datetime, end: datetime, path: str
) -> tuple[dict[str, Stats], bool]:
    """The same by the values of a metadata key, and whether these are all values.

    Raises:
        SourceError: as `whole`.
    """
    body = _body(project_ids, start, end)
    for most in GROUPS_AT_ONCE:
        body["group_by"] = {"attribute": "metadata", "path": path, "max_groups": most}
        try:
            found = _send(server, body, dict[str, Stats])
        except Refused as error:
            if error.status not in (400, 422) or most == GROUPS_AT_ONCE[-1]:
                raise _explained(error, server) from None
        else:
            return found, len(found) < most
    raise AssertionError("the last try returns or raises")


def price_map(server: api.Server) -> list[Price] | None:
    """LangSmith's price table; None where the key may not see it, or the server has none."""
    try:
        found: list[Price] = server.web.ask("GET", f"{server.prefix}/model-price-map", reader(list[Price]))
    except Refused as error:
        if error.status in (403, 404, 405):
            return None
        raise _explained(error, server) from None
    return found


def listed(
    server: api.Server, project_ids: Sequence[str], start: datetime, end: datetime, path: str
) -> Iterator[Run]:
    """The LLM runs that began in [start, end + TAIL], each once.

    Raises:
        SourceError: the server refuses, or its paging does not advance.
    """
    body = _listing(server.version, project_ids, start, end + TAIL, path)
    url = "/api/v2/runs/query" if server.version == "v2" else f"{server.prefix}/runs/query"
    seen: set[str] = set()
    followed: set[str] = set()
    while True:
        try:
            runs, cursor = _page(server, url, body)
        except Refused as error:
            raise _explained(error, server) from None
        for run in runs:
            if run.id not in seen and start <= run.began <= end + TAIL:
                seen.add(run.id)
                yield run
        if not cursor:
            return
        if cursor in followed:
            raise SourceError(f"{server.web.address} sends the same page of runs again. Try again later.")
        followed.add(cursor)
        body = {**body, "cursor": cursor}


def _page(server: api.Server, url: str, body: Mapping[str, Any]) -> tuple[list[Run], str | None]:
    if server.version == "v2":
        page = server.web.ask("POST", url, reader(_V2Page), body=body)
        return page.items, page.next_cursor
    found = server.web.ask("POST", url, reader(_V1Page), body=body)
    return found.runs, (found.cursors or {}).get("next")


def _listing(
    version: api.Version, project_ids: Sequence[str], start: datetime, end: datetime, path: str
) -> dict[str, Any]:
    if version == "v2":
        return {
            "project_ids": list(project_ids),
            "min_start_time": iso(start),
            "max_start_time": iso(end),
            "selects": [*_V2_LISTED, *(("METADATA",) if path else ())],
            "page_size": api.PAGE["v2"],
            "filter": 'eq(run_type, "llm")',
        }
    return {
        "session": list(project_ids),
        "start_time": iso(start),
        "select": [*_V1_LISTED, *(("extra",) if path else ())],
        "limit": api.PAGE["v1"],
        "filter": f'and(eq(run_type, "llm"), lte(start_time, "{iso(end)}"))',
    }


def _body(project_ids: Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "session": list(project_ids),
        "run_type": "llm",
        "start_time": iso(start),
        "filter": f'lt(start_time, "{iso(end)}")',
        "select": _SELECT,
    }


def _ask(server: api.Server, body: Mapping[str, Any], shape: type[Stats]) -> Stats:
    try:
        found: Stats = _send(server, body, shape)
    except Refused as error:
        raise _explained(error, server) from None
    return found


def _send(server: api.Server, body: Mapping[str, Any], shape: Any) -> Any:
    return server.web.ask("POST", f"{server.prefix}/runs/stats", reader(shape), body=body)


def _explained(error: Refused, server: api.Server) -> SourceError:
    if error.status in (404, 405):
        return SourceError(
            f"{server.web.address} has no statistics of runs ({error.status}). Compare with the costs that came with "
            "the runs instead: whyspend reconcile --recorded."
        )
    return api.explained(error, server.web)
