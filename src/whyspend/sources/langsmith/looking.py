"""The newest runs, to look at: what they carried when they arrived, and the calls that they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from whyspend.model import Call
from whyspend.net import Refused
from whyspend.sources.langsmith import api
from whyspend.wire import langsmith as wire

DAYS = 14
"""How far to look back: LangSmith's base retention."""

PROJECTS_AT_ONCE = 50

LONGEST_SHOWN = 256
"""A longer text in the metadata is no tag, and may be a prompt: only its length is told."""

PAGE_FOR_A_RUN = 4
"""Most runs of a page may be tools and retrievers that cost nothing: so many are asked for to find one."""


@dataclass(frozen=True)
class Arrived:
    """A run as the source has it."""

    project: str
    metadata: Mapping[str, str]
    """Its own, as texts, by key; nothing of prompts or answers."""
    call: Call
    link: str | None
    """Where LangSmith shows its project: `<this>/r/<trace id>` is the trace."""


def newest(
    limit: int,
    *,
    source: str,
    dimensions: tuple[str, ...],
    api_key: str = "",
    endpoint: str = api.DEFAULT_ENDPOINT,
    workspace: str = "",
    projects: Sequence[str] = (),
    requests_per_10s: int = 0,
    in_flight: int = 1,
) -> list[Arrived]:
    """The newest runs that have ended and can cost something, latest first; nothing is kept of them.

    Raises:
        SourceError: LangSmith cannot be reached, refuses the key, or does not answer usefully.
        UsageError: a named project does not exist.
    """
    server = api.connect(api_key, endpoint, workspace, requests_per_10s, in_flight)
    try:
        found = api.projects(server, projects)
        if not found:
            return []
        api.choose_version(server, found[0], requests_per_10s)
        arrived: list[Arrived] = []
        for at in range(0, len(found), PROJECTS_AT_ONCE):
            arrived += _of_projects(server, found[at : at + PROJECTS_AT_ONCE], limit, source, dimensions)
        return sorted(arrived, key=lambda each: each.call.started_at, reverse=True)[:limit]
    except Refused as error:
        raise api.explained(error, server.web) from None
    finally:
        server.web.close()


def _of_projects(
    server: api.Server, found: Sequence[api.Project], limit: int, source: str, dimensions: tuple[str, ...]
) -> list[Arrived]:
    named = {project.id: project for project in found}
    now = datetime.now(UTC)
    runs = api.newest_page(server, list(named), now - timedelta(days=DAYS), now, limit * PAGE_FOR_A_RUN)
    outer = wire.outer_runs(runs)
    arrived: list[tuple[Arrived, tuple[str, ...]]] = []
    for run in runs:
        project = named.get(run.project_id or "")
        if project is None or run.id in outer or run.started_at is None:
            continue
        call = wire.to_call(run, source=source, project=project.name, dimensions=dimensions)
        if call is not None and len(arrived) < limit:
            link = api.shown_at(server, project)
            arrived.append((Arrived(project.name, _shown(run.metadata), call, link), run.parent_ids))
    above = set(chain.from_iterable(parents for _, parents in arrived))
    known = api.ancestors(server, list(named), above, now, dimensions)
    for each, parents in arrived:
        wire.inherit(each.call, parents, known)
    return [each for each, _ in arrived]


def _shown(metadata: Mapping[str, object]) -> dict[str, str]:
    return {key: _text(value) for key, value in metadata.items()}


def _text(value: object) -> str:
    if isinstance(value, (bool, int, float)) or value is None:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        return value if len(value) <= LONGEST_SHOWN else f"(a text of {len(value):,} characters)"
    return f"(a list of {len(value):,})" if isinstance(value, list) else "(an object)"
