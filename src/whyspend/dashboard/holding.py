"""The page of what is held: sources, how fresh each is, what doctor finds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.sheets import leaf
from whyspend.dashboard.showing import Showing
from whyspend.dashboard.signing import page_at
from whyspend.serving import Endpoint
from whyspend.spelling import visible
from whyspend.workspace.sheet_questions import asked


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
        info, doctor = asked("ledger info"), asked("doctor", offline=not reach)
        held, checked = await asyncio.gather(self.desk.sheet(info), self.desk.sheet(doctor))
        findings = groupby(checked.main.rows, key=lambda row: str(row[0]))
        return {
            "held": await asyncio.to_thread(leaf, self.desk, info, held),
            "checked": await asyncio.to_thread(leaf, self.desk, doctor, checked),
            "reached": reach,
            "parts_found": [
                (visible(name), [[visible(str(cell or "")) for cell in row[1:]] for row in own])
                for name, own in findings
            ],
        }
