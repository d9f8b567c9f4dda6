"""The LangSmith endpoints that a pull needs, in both versions of the API. No SDK: plain HTTP and JSON.

Rules taken from LangSmith's documentation and OpenAPI file:
v2 (`POST /api/v2/runs/query`) wants project UUIDs, returns only the last day unless told otherwise, only `id`
unless fields are selected, at most 1,000 runs a page, and allows 300 requests in 10 s. v1 (`POST
/runs/query`, for servers before 0.16) returns at most 100 runs a page and allows 15 requests in 10 s.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from whyspend.errors import ConfigError, SourceError, UsageError, nearest
from whyspend.net import Pace, Refused, Web
from whyspend.sources.langsmith.plan import micros
from whyspend.sources.langsmith.spoken import iso, reader
from whyspend.wire import langsmith as wire

Version = Literal["v1", "v2"]
Pageful = TypeVar("Pageful", bound="_Pageful")

DEFAULT_ENDPOINT = "https://api.smith.langchain.com"

REQUESTS_PER_10S: dict[Version, int] = {"v2": 300, "v1": 15}
PAGE: dict[Version, int] = {"v2": 1000, "v1": 100}

BILLABLE = (
    'or(eq(run_type, "llm"), eq(run_type, "embedding"), eq(run_type, "tool"), eq(run_type, "retriever"), '
    'eq(metadata_key, "usage_metadata"))'
)
"""Runs that can carry a cost of their own. What really does is decided here, not by the server."""

_EDGE = timedelta(milliseconds=1)
"""Asked for on both sides of a stretch and cut off here: it is documented nowhere which bounds are open."""

_ANCESTOR_AGE = timedelta(days=7)
"""How long before its child an ancestor may have started; v2 would assume one day."""

_LOOPS = 3
"""How often a cursor may lead back to where we were before a read is given up."""

_IDLE_PAGES = 50
"""How many pages in a row may bring nothing new."""


class Project(msgspec.Struct, frozen=True):
    """A tracing project, which the API calls a session."""

    id: str
    name: str
    trace_tier: str | None = None
    longlived_ttl_days: int | None = None
    tenant_id: str | None = None


class _Info(msgspec.Struct):
    version: str = ""
    whyspend: dict[str, str] = {}
    """What `whyspend serve` says of itself."""


class TooMany(Exception):  # noqa: N818 - not an error: the stretch is cut into smaller ones
    """A stretch of time holds more runs than are kept in memory at once."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        """How many, as it seems."""


@dataclass
class Server:
    """A LangSmith that answered."""

    web: Web
    prefix: str
    """Where v1 paths begin: `/api/v1`, or nothing."""
    release: str
    """The version of the software, empty where it does not say."""
    ledger_id: str = ""
    """Of the ledger whose collector this is; empty: it is none."""
    version: Version = "v2"
    ids_at_once: int = 500
    """How many run ids one query may list; halved when the server finds them too many."""
    ancestors: dict[str, wire.Ancestor] = field(default_factory=dict)
    """The last ones read: the calls of a trace share them."""


def given_key(api_key: str) -> str:
    """The key, as it is sent.

    Raises:
        ConfigError: there is none.
    """
    if not api_key.strip():
        raise ConfigError(
            "LangSmith needs a key: set the variable LANGSMITH_API_KEY, or api_key of this source."
        )
    return api_key.strip()


def connect(api_key: str, endpoint: str, workspace: str, requests_per_10s: int, in_flight: int) -> Server:
    """Find out where the API of an endpoint begins. Every form works: with and without `/api` or `/api/v1`.

    Raises:
        ConfigError: there is no key.
        SourceError: the key is refused, or nobody answers.
    """
    key = given_key(api_key)
    headers = {"x-api-key": key, "Accept": "application/json", "User-Agent": "whyspend"}
    if workspace:
        headers["X-Tenant-Id"] = workspace
    root = re.sub(r"(/api(/v[12])?)?/*$", "", endpoint.strip())
    web = Web(
        root,
        headers=headers,
        pace=Pace(requests_per_10s or REQUESTS_PER_10S["v2"]),
        secrets=(key,),
        connections=in_flight,
    )
    with contextlib.ExitStack() as unless_found:
        unless_found.callback(web.close)
        server = _found(web)
        unless_found.pop_all()
        return server


def _found(web: Web) -> Server:
    for prefix in ("/api/v1", ""):
        try:
            info = web.ask("GET", f"{prefix}/info", reader(_Info))
        except Refused as error:
            if error.status != 404:
                raise explained(error, web) from None
        else:
            return Server(web, prefix, info.version, info.whyspend.get("ledger", ""))
    raise SourceError(
        f"{web.address} answers, but not as a LangSmith API. Set LANGSMITH_ENDPOINT, or endpoint of this "
        "source, to its API, such as https://eu.api.smith.langchain.com or https://langsmith.example.com/api/v1."
    )


def explained(error: Refused, web: Web) -> SourceError:
    """A refusal with the next step."""
    if error.status in (401, 403):
        return SourceError(
            f"{web.address} refused the key ({error.status}). Set LANGSMITH_API_KEY, or api_key of this "
            "source, to a key of this region and workspace; LANGSMITH_WORKSPACE_ID chooses the workspace."
        )
    return SourceError(f"{error}. Update whyspend or the server, or report it with this line.")


def projects(server: Server, names: Sequence[str]) -> list[Project]:
    """The projects of these names, or all of the workspace.

    Raises:
        UsageError: a name does not exist; the message has the near ones.
    """
    if not names:
        return list(_list_projects(server))
    found = []
    for name in dict.fromkeys(names):
        page = _sessions(server, {"name": name, "limit": 1})
        exact = [project for project in page if project.name == name]
        if not exact:
            raise _no_project(server, name)
        found += exact
    return found


def shown_at(server: Server, project: Project) -> str | None:
    """Where LangSmith's own pages show a project: `<this>/r/<run id>` is a trace. None: the tenant is not known."""
    if not project.tenant_id:
        return None
    # The cloud serves its pages beside its API (eu.api.smith... -> eu.smith...), a server of one's own at its root.
    host = server.web.base.replace("://api.smith.", "://smith.").replace(".api.smith.", ".smith.")
    return f"{host}/o/{project.tenant_id}/projects/p/{project.id}"


def choose_version(server: Server, project: Project, requests_per_10s: int) -> None:
    """v2 where it answers; v1 where the server is too old for it.

    v2 came with release 0.16. A server that says it is older is believed; any other is asked.
    """
    if _older_than_v2(server.release) or not _answers_v2(server, project):
        server.version = "v1"
    server.web.pace = Pace(requests_per_10s or REQUESTS_PER_10S[server.version])


@dataclass(frozen=True)
class Found:
    """The runs of a stretch of time, each once, in no order."""

    runs: list[wire.Run]
    rows: wire.Rows
    """The plain ones."""

    def __len__(self) -> int:
        return len(self.runs) + len(self.rows)


def runs(
    server: Server,
    project_ids: Sequence[str],
    start: datetime,
    end: datetime,
    limit: int | None,
    sieve: wire.Sieve,
) -> Found:
    """The runs that can cost something and started in `[start, end)`.

    Raises:
        TooMany: there are more than `limit`, or will be as it seems.
    """
    body = _window(server.version, project_ids, start - _EDGE, end + _EDGE)
    first, last = micros(start), micros(end)
    pages: list[wire.Page] = []
    latest: dict[str, int] = {}
    for page in _pages(server, body, lambda content: wire.read_page(content, server.version, sieve)):
        cut = _within(page, first, last)
        latest.update(dict.fromkeys(cut.ids(), len(pages)))
        pages.append(cut)
        expected = max(len(latest), _expected(page, first, last) if len(pages) == 1 else 0)
        if limit is not None and expected > limit:
            raise TooMany(expected)
    if sum(len(page.runs) + len(page.rows) for page in pages) > len(latest):
        pages = [_latest(page, number, latest) for number, page in enumerate(pages)]
    return Found(
        [run for page in pages for run in page.runs], wire.joined([page.rows for page in pages if page.rows])
    )


def _within(page: wire.Page, first: int, last: int) -> wire.Page:
    """What of a page started in `[first, last)`, or has no start."""
    rows = page.rows
    starts = rows.started_at()
    if starts and not (first <= min(starts) and max(starts) < last):
        rows = rows.only([at for at, start in enumerate(starts) if first <= start < last])
    runs = [run for run in page.runs if run.started_at is None or first <= run.started_at < last]
    return wire.Page(runs, page.next_cursor, rows)


def _expected(page: wire.Page, first: int, last: int) -> int:
    """How many runs there will be, by the first page, which has the latest ones; 0 where that is all."""
    starts = page.rows.started_at() + [run.started_at for run in page.runs if run.started_at is not None]
    if page.next_cursor is None or not starts:
        return 0
    return len(starts) * (last - first) // max(1, last - min(starts))


def _latest(page: wire.Page, number: int, latest: Mapping[str, int]) -> wire.Page:
    """A page without the runs that a later one has again, and without any twice."""
    runs = {run.id: run for run in page.runs if latest[run.id] == number}
    places = {run_id: at for at, run_id in enumerate(page.rows.ids()) if latest[run_id] == number}
    rows = page.rows.only(sorted(at for run_id, at in places.items() if run_id not in runs))
    return wire.Page(list(runs.values()), page.next_cursor, rows)


def newest(server: Server, project_ids: Sequence[str], start: datetime, end: datetime) -> wire.Run | None:
    """The latest run of one page: both versions begin with it."""
    runs = newest_page(server, project_ids, start, end, 1)
    return max(runs, key=lambda run: run.started_at or 0, default=None)


def newest_page(
    server: Server, project_ids: Sequence[str], start: datetime, end: datetime, most: int
) -> list[wire.Run]:
    """The runs of the first page, as they arrived, latest first; no more than `most`."""
    body = _window(server.version, project_ids, start, end)
    body["page_size" if server.version == "v2" else "limit"] = min(most, PAGE[server.version])
    page = _query(server, body, lambda content: wire.read_page(content, server.version))
    return sorted(page.runs, key=lambda run: run.started_at or 0, reverse=True)[:most]


def ancestors(
    server: Server,
    project_ids: Sequence[str],
    ids: Iterable[str],
    before: datetime,
    dimensions: tuple[str, ...],
) -> dict[str, wire.Ancestor]:
    """Names, tags and threads of these runs, by id; a run that is gone is absent."""
    cache = server.ancestors  # shared by threads, so it is never relied on to keep what it had
    wanted = set(ids)
    found = {run_id: run for run_id in wanted if (run := cache.get(run_id)) is not None}
    missing = [run_id for run_id in wanted if run_id not in found]
    while missing:
        batch = missing[: server.ids_at_once]
        try:
            fetched = list(_by_id(server, project_ids, batch, before, dimensions))
        except Refused as error:
            if error.status not in (400, 413, 422) or len(batch) < 50:
                raise
            server.ids_at_once = len(batch) // 2
            continue
        found |= {run.id: run for run in fetched}
        missing = missing[len(batch) :]
    if len(cache) > 20_000:
        cache.clear()  # the traces of the last hours, not of a year
    cache.update(found)
    return found


def _by_id(
    server: Server, project_ids: Sequence[str], ids: list[str], before: datetime, dimensions: tuple[str, ...]
) -> Iterator[wire.Ancestor]:
    version = server.version
    body = _window(version, project_ids, before - _ANCESTOR_AGE, before + _EDGE)
    del body["filter"]
    body["ids" if version == "v2" else "id"] = ids
    if version == "v2":
        body["selects"] = list(wire.V2_ANCESTOR_SELECTS)
    for page in _pages(server, body, lambda content: wire.read_ancestors(content, version, dimensions)):
        yield from page.ancestors


def _window(version: Version, project_ids: Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    if version == "v2":
        return {
            "project_ids": list(project_ids),
            "min_start_time": iso(start),
            "max_start_time": iso(end),
            "selects": list(wire.V2_SELECTS),
            "page_size": PAGE["v2"],
            "filter": BILLABLE,
        }
    # v1 knows an end_time, but not whether it bounds the start or the end of a run: a filter says which.
    return {
        "session": list(project_ids),
        "start_time": iso(start),
        "select": list(wire.V1_SELECT),
        "limit": PAGE["v1"],
        "filter": f'and({BILLABLE}, lt(start_time, "{iso(end)}"))',
    }


class _Pageful(Protocol):
    @property
    def next_cursor(self) -> str | None: ...

    def ids(self) -> list[str]: ...


def _pages(server: Server, body: dict[str, Any], read: Callable[[bytes], Pageful]) -> Iterator[Pageful]:
    """All pages of a query. Where a cursor leads back, the page is asked for again, and given up in the end.

    Raises:
        SourceError: the paging does not advance.
    """
    followed: set[str] = set()
    seen: set[str] = set()
    loops = idle = 0
    while True:
        page = _query(server, body, read)
        known = len(seen)
        ids = page.ids()
        seen.update(ids)
        loops += page.next_cursor in followed
        idle = idle + 1 if ids and len(seen) == known else 0
        if loops > _LOOPS or idle > _IDLE_PAGES:
            raise SourceError(
                f"{server.web.address} sends the same page of runs again and again. Pull again later: it "
                "goes on where it stopped."
            )
        yield page
        if page.next_cursor is None:
            return
        if page.next_cursor not in followed:
            followed.add(page.next_cursor)
            body = {**body, "cursor": page.next_cursor}


def _query(server: Server, body: dict[str, Any], read: Callable[[bytes], Pageful]) -> Pageful:
    path = "/api/v2/runs/query" if server.version == "v2" else f"{server.prefix}/runs/query"
    return server.web.ask("POST", path, read, body=body)


def _answers_v2(server: Server, project: Project) -> bool:
    now = datetime.now(UTC)
    body = {"project_ids": [project.id], "selects": ["ID"], "page_size": 1}
    body |= {"min_start_time": iso(now - timedelta(minutes=1)), "max_start_time": iso(now)}
    try:
        server.web.ask("POST", "/api/v2/runs/query", reader(dict[str, Any]), body=body)
    except Refused as error:
        if error.status in (404, 405):
            return False
        raise explained(error, server.web) from None
    return True


def _older_than_v2(release: str) -> bool:
    match = re.match(r"(\d+)\.(\d+)", release)
    return match is not None and (int(match[1]), int(match[2])) < (0, 16)


def _list_projects(server: Server) -> Iterator[Project]:
    seen: set[str] = set()
    while True:
        page = _sessions(server, {"limit": 100, "offset": len(seen)})
        new = [project for project in page if project.id not in seen]
        yield from new
        seen |= {project.id for project in new}
        if len(page) < 100 or not new:
            return


def _sessions(server: Server, params: dict[str, str | int]) -> list[Project]:
    try:
        return server.web.ask(
            "GET",
            f"{server.prefix}/sessions",
            reader(list[Project]),
            params={**params, "include_stats": "false"},
        )
    except Refused as error:
        raise explained(error, server.web) from None


def _no_project(server: Server, name: str) -> UsageError:
    known = sorted(project.name for project in _list_projects(server))
    shown = ", ".join(repr(each) for each in known[:10]) + (", …" if len(known) > 10 else "")
    return UsageError(
        f"LangSmith has no project {name!r} in this workspace.{nearest(name, known)} "
        f"There is: {shown or 'none yet'}. LANGSMITH_WORKSPACE_ID chooses another workspace."
    )
