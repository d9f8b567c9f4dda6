"""The frame of a page."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from tests.workspace.histories import publish, workspace

from whyspend.dashboard.desk import Desk
from whyspend.dashboard.showing import Showing
from whyspend.serving import Asking, Guard


class Told:
    """A text that knows who wrote it down."""

    def __init__(self) -> None:
        self.by: set[int] = set()

    def __html__(self) -> str:
        self.by.add(threading.get_ident())
        return "told"


def test_a_page_is_written_beside_the_loop_that_takes_calls_in(tmp_path: Path) -> None:
    publish(tmp_path / "ledger", [])
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    told = Told()

    async def values() -> Mapping[str, Any]:
        return {"why": told}

    with Asking(workspace(tmp_path).config) as asking:
        showing = Showing(Guard("", is_local=True), Desk(asking))
        answer = asyncio.run(showing.page(request, "error.html", values))
    assert b"told" in answer.body
    assert told.by
    assert threading.get_ident() not in told.by
