"""The reading side of LangSmith's API, as far as a ledger of calls can answer: what the SDKs and `pull` ask.

Questions wait for each other, never those who send. Paths are the same with and without `/api/v1` before them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from whyspend.collector.intake import Intake, in_one
from whyspend.collector.reading import cursors, ids, stats
from whyspend.collector.reading.asked import Paged, StatsBody, Wanted, of_v1, of_v2, read, wanted_of
from whyspend.collector.reading.conditions import micros
from whyspend.collector.reading.cursors import Cursor
from whyspend.collector.reading.filters import Function, Literal, Name
from whyspend.collector.reading.projects import Project, Projects
from whyspend.collector.reading.runs import V1, V2, Shown, shown
from whyspend.collector.reading.searching import Search
from whyspend.errors import UsageError
from whyspend.serving import (
    ASKING_REFUSALS,
    BODY_REFUSALS,
    JSON,
    Asking,
    Endpoint,
    Parameter,
    RefusedError,
    Reply,
    Schema,
)
from whyspend.workspace import Workspace
from whyspend.workspace.windows import instant

PREFIXES = ("", "/api/v1")

BODY_BYTES = 1 << 20
"""The longest question: a list of 1,000 ids has 40 kB."""

MOST_PROJECTS = 100
"""On one page."""

NOWHERE = "00000000-0000-0000-0000-000000000000"

_JSON = msgspec.json.Encoder(decimal_format="number")
_OBJECT: Schema = {"type": "object"}
_REFUSALS = {**BODY_REFUSALS, **ASKING_REFUSALS}
_UNKNOWN_STATS: Mapping[str, object] = {"session_feedback_stats": {}}


@dataclass(frozen=True)
class Reading:
    """Answers from the ledger."""

    asking: Asking
    intake: Intake
    projects: Projects

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        ok = {200: Reply("What was asked for.", {JSON: _OBJECT})}
        some = {200: Reply("The projects.", {JSON: {"type": "array", "items": _OBJECT}})}
        missing = {**ASKING_REFUSALS, 404: "There is none of this id."}
        body: Mapping[str, Schema] = {JSON: _OBJECT}
        return [
            Endpoint("GET", "/sessions", self.sessions, PREFIXES, some, ASKING_REFUSALS, parameters=_LISTING),
            Endpoint("GET", "/sessions/{project_id}", self.session, PREFIXES, ok, missing, parameters=_STATS),
            Endpoint("POST", "/runs/query", self.query_v1, PREFIXES, ok, _REFUSALS, body),
            Endpoint("POST", "/runs/stats", self.stats, PREFIXES, ok, _REFUSALS, body),
            Endpoint("GET", "/runs/{run_id}", self.run, PREFIXES, ok, missing),
            Endpoint("POST", "/api/v2/runs/query", self.query_v2, ("",), ok, _REFUSALS, body),
        ]

    async def query_v1(self, request: Request) -> Response:
        """Find runs, newest first, as version 1 of LangSmith's API does."""
        body = await self._body(request)

        def found(place: Workspace) -> dict[str, Any]:
            runs, following = self._page(place, of_v1(body), V1)
            return {"runs": runs, "cursors": {"next": following, "prev": None}, "parsed_query": None}

        return await self._answer(found)

    async def query_v2(self, request: Request) -> Response:
        """Find runs, newest first, as version 2 of LangSmith's API does."""
        body = await self._body(request)

        def found(place: Workspace) -> dict[str, Any]:
            runs, following = self._page(place, of_v2(body, place.now), V2)
            return {"items": runs, "next_cursor": following}

        return await self._answer(found)

    async def stats(self, request: Request) -> Response:
        """Add runs up, apart by a name, type, tag or metadata key if asked."""
        body = await self._body(request)

        def found(place: Workspace) -> stats.Stats:
            asked, _ = read(body, StatsBody, "runs/stats")
            search = self._search(place, wanted_of(asked))
            if asked.group_by is None:
                return stats.only(stats.added_up(search), asked.select)
            groups = stats.by_group(search, asked.group_by)
            return {name: stats.only(figures, asked.select) for name, figures in groups.items()}

        return await self._answer(found)

    async def run(self, request: Request) -> Response:
        """Show one run."""
        test = Function("eq", (Name("id"), Literal(request.path_params["run_id"])))
        asked = Paged(Wanted(None, tests=(test,)), 1, tuple(V1))

        def found(place: Workspace) -> dict[str, Any]:
            runs, _ = self._page(place, asked, V1)
            if not runs:
                raise RefusedError(
                    404, "The ledger has no call of this id. It keeps runs that cost something."
                )
            return runs[0]

        return await self._answer(found)

    async def sessions(self, request: Request) -> Response:
        """List projects. One of any name can be asked for: it is made by the first run that names it."""
        asked = _listing(request)
        return await self._answer(lambda place: self._listed(place, asked))

    async def session(self, request: Request) -> Response:
        """Show one project, with what its calls add up to."""
        project_id = request.path_params["project_id"]
        with_stats = _flag(request, "include_stats", True)

        def found(place: Workspace) -> dict[str, Any]:
            snapshot = place.ledger.snapshot()
            known = self.projects.all(snapshot, place.engine)
            for name in self.projects.named([project_id], snapshot, place.engine):
                return self._described(place, [_known(known, name, project_id)], with_stats)[0]
            raise RefusedError(404, "The ledger has no call of a project of this id.")

        return await self._answer(found)

    async def _answer(self, question: Callable[[Workspace], Any]) -> Response:
        """Ask; the answer is written down in the thread that asks, for it may be long."""
        written = await self.asking.ask(lambda place: _JSON.encode(question(place)))
        return Response(written, media_type=JSON)

    async def _body(self, request: Request) -> bytes:
        return await self.intake.read(request, _question)

    def _page(self, place: Workspace, asked: Paged, of: Shown) -> tuple[list[dict[str, Any]], str | None]:
        """A page of runs as they are shown, and the cursor that leads on."""
        digest = cursors.digest(asked.identity)
        cursor = cursors.read(asked.cursor, digest) if asked.cursor else None
        wanted = asked.wanted
        if cursor is not None:
            wanted = replace(wanted, since=_moment(cursor.since), until=_moment(cursor.until))
        runs, last = self._search(place, wanted).page(asked, cursor.last if cursor else None)
        items = [shown(run, asked.fields, of) for run in runs]
        if last is None:
            return items, None
        since, until = (None if each is None else micros(each) for each in (wanted.since, wanted.until))
        return items, cursors.written(Cursor(digest, since, until, last))

    def _search(self, place: Workspace, wanted: Wanted) -> Search:
        search = Search(place, wanted, None)
        if wanted.projects is not None:
            search.projects = self.projects.named(wanted.projects, search.data.snapshot, place.engine)
        return search

    def _listed(self, place: Workspace, asked: "_Listing") -> list[dict[str, Any]]:
        known = self.projects.all(place.ledger.snapshot(), place.engine)
        if asked.name is not None:
            found = [known.get(asked.name, Project(asked.name))]
        else:
            found = [known[name] for name in sorted(known)]
        if asked.contains is not None:
            found = [each for each in found if asked.contains.lower() in each.name.lower()]
        if asked.ids:
            found = [each for each in found if each.shown_id in asked.ids]
        return self._described(place, found[asked.offset : asked.offset + asked.limit], asked.with_stats)

    def _described(self, place: Workspace, projects: list[Project], with_stats: bool) -> list[dict[str, Any]]:
        added: Mapping[str, stats.Stats] = {}
        if with_stats and projects:
            search = Search(place, Wanted(None), [project.name for project in projects])
            added = stats.by_project(search)
        return [_described(project, added.get(project.name), with_stats) for project in projects]


@dataclass(frozen=True)
class _Listing:
    """Which projects."""

    name: str | None
    contains: str | None
    ids: tuple[str, ...]
    limit: int
    offset: int
    with_stats: bool


_STATS = (Parameter("include_stats", "Whether to add its calls up.", {"type": "boolean"}),)
_LISTING = (
    Parameter("name", "The project's name."),
    Parameter("name_contains", "A part of it."),
    Parameter("id", "Its id; may be repeated."),
    Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": MOST_PROJECTS}),
    Parameter("offset", "How many to leave out before.", {"type": "integer", "minimum": 0}),
    *_STATS,
)
_HARMLESS = {"reference_free", "tenant_id", "sort_by", "sort_by_desc", "stats_select"}


def _listing(request: Request) -> _Listing:
    given = request.query_params
    known = {parameter.name for parameter in _LISTING}
    for name in given:
        if name not in known | _HARMLESS:
            raise UsageError(
                f"{name[:40]} is no parameter that can be answered. There is: {', '.join(sorted(known))}."
            )
    return _Listing(
        given.get("name"),
        given.get("name_contains"),
        tuple(each.lower() for each in given.getlist("id")),
        _whole(request, "limit", MOST_PROJECTS, 1, MOST_PROJECTS),
        _whole(request, "offset", 0, 0, 1_000_000_000),
        _flag(request, "include_stats", True),
    )


def _whole(request: Request, name: str, otherwise: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not least <= number <= most:
        raise UsageError(f"{name} must be a whole number from {least} to {most:,}.")
    return number


def _flag(request: Request, name: str, otherwise: bool) -> bool:
    text = request.query_params.get(name, str(otherwise)).lower()
    if text not in ("true", "false", "1", "0"):
        raise UsageError(f"{name} must be true or false.")
    return text in ("true", "1")


def _known(known: Mapping[str, Project], name: str, project_id: str) -> Project:
    found = known.get(name, Project(name))
    return found if found.shown_id == project_id.lower() else replace(found, id=project_id)


def described(name: str, project_id: str = "", first: int | None = None) -> dict[str, Any]:
    """A project as LangSmith describes it, with what the SDK requires."""
    return {
        "id": project_id or ids.of_project(name),
        "name": name,
        "tenant_id": NOWHERE,
        "reference_dataset_id": None,
        "start_time": instant(first or 0).isoformat(),
    }


def _described(project: Project, added: stats.Stats | None, with_stats: bool) -> dict[str, Any]:
    found = described(project.name, project.shown_id, project.first)
    last = None if project.last is None else instant(project.last).replace(tzinfo=None).isoformat()
    if with_stats:
        found |= {**(stats.NOTHING if added is None else added), **_UNKNOWN_STATS}
    return {**found, "last_run_start_time": last}


def _moment(since: int | None) -> datetime | None:
    return None if since is None else instant(since)


def _question(request: Request, body: bytes) -> bytes:
    return in_one(request, body, BODY_BYTES, f"A question may be {BODY_BYTES >> 20} MiB long.")
