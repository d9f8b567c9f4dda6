"""The page of what is held: sources, how fresh each is, what doctor finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.sheets import grid_of
from whyspend.dashboard.showing import Showing
from whyspend.dashboard.signing import page_at
from whyspend.model import Finding
from whyspend.serving import Endpoint
from whyspend.spelling import visible
from whyspend.workspace import Workspace
from whyspend.workspace.checkup import findings
from whyspend.workspace.questions import shell_line
from whyspend.workspace.sheets import Column, Sheet
from whyspend.workspace.windows import instant

SOURCES = (
    Column("source"), Column("type"), Column("calls", "count"), Column("bytes", "count"), Column("first_day"),
    Column("last_day"), Column("complete_until"),
)  # fmt: skip

PAGE_BYTES = 50_000
"""What is found takes, about."""


@dataclass(frozen=True)
class Found:
    """What there is to say."""

    sources: Sheet
    ledger: str
    revision: int
    findings: tuple[tuple[str, Finding], ...]


@dataclass(frozen=True)
class Holding:
    """The page of the data."""

    desk: Desk
    showing: Showing

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        return [page_at("/data", self.data)]

    async def data(self, request: Request) -> Response:
        """Sources, how fresh each is, and what doctor finds; sources are asked only where the page says so."""
        reach = request.query_params.get("sources", "") == "ask"
        return await self.showing.page(request, "data.html", lambda: self._values(reach))

    async def _values(self, reach: bool) -> Mapping[str, Any]:
        def look(place: Workspace) -> Found:
            manifest = place.ledger.snapshot().manifest
            return Found(
                _sources(place), place.config.ledger, manifest.revision, tuple(findings(place, reach=reach))
            )

        found = await (
            self.desk.asking.ask(look) if reach else self.desk.known(("data",), look, lambda _: PAGE_BYTES)
        )
        parts = groupby(found.findings, key=lambda each: each[0])
        return {
            "sources": grid_of(found.sources),
            "ledger": visible(found.ledger),
            "revision": found.revision,
            "reached": reach,
            "parts_found": [
                (visible(name), [(f.level, visible(f.what), visible(f.next_step)) for _, f in own])
                for name, own in parts
            ],
            "commands": [
                shell_line(["whyspend", *words, *self.desk.typed])
                for words in (["ledger", "info"], ["doctor"])
            ],
        }


def _sources(place: Workspace) -> Sheet:
    """A row for each source that is configured or holds calls."""
    manifest, config = place.ledger.snapshot().manifest, place.config
    names = sorted({*config.sources, *(file.source for file in manifest.files)})
    others = {config.collector.source: "collected here"}
    rows = []
    for name in names:
        own = [file for file in manifest.files if file.source == name]
        marks = manifest.watermarks.get(name, {})
        upto = [mark for key, mark in marks.items() if key.startswith("upto:")]
        rows.append(
            (
                name,
                config.sources[name].type if name in config.sources else others.get(name, "not configured"),
                sum(file.rows for file in own),
                sum(file.bytes for file in own),
                str(min(file.day for file in own)) if own else None,
                str(max(file.day for file in own)) if own else None,
                f"{instant(min(upto)):%Y-%m-%d %H:%M} UTC" if upto else None,
            )
        )
    return Sheet(SOURCES, tuple(rows))
