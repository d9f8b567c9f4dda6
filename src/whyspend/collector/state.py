"""What a collector says of itself: is it well, and what has it done."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from whyspend.collector.collecting import Collector
from whyspend.collector.figures import Figures
from whyspend.collector.gauges import of_collector
from whyspend.serving import Answers, Endpoint, Reply, Schema
from whyspend.serving.exposition import CONTENT_TYPE, text

PATIENCE_SECONDS = 3.0
"""How long a scrape waits for the ledger; then it gets what was known before. Prometheus waits for 10."""

_AGAIN_SECONDS = 0.05

_TEXT: dict[str, Schema] = {"text/plain": {"type": "string"}}


@dataclass(frozen=True)
class State:
    """Answers for one collector."""

    collector: Collector
    figures: Figures
    answers: Answers

    def endpoints(self) -> list[Endpoint]:
        """What it answers."""
        well = {200: Reply("It can.", _TEXT), 503: Reply("It cannot, and why.", _TEXT)}
        metrics = {200: Reply("Prometheus' text format.", _TEXT)}
        return [
            Endpoint("GET", "/healthz", self.health, replies=well),
            Endpoint("GET", "/metrics", self.metrics, replies=metrics),
        ]

    async def health(self, _: Request) -> Response:
        """Whether what is sent can be stored: 200, or 503 with the reason."""
        failed = self.collector.spool.failed
        if failed or self.collector.traces.is_full:
            why = failed.strerror or "the disk" if failed else "too much is held in memory"
            return PlainTextResponse(f"cannot store: {why}\n", 503)
        return PlainTextResponse("ok\n")

    async def metrics(self, _: Request) -> Response:
        """What was collected since the start, and what the ledger says of it, for Prometheus."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while self.figures.fresh() and loop.time() < until:
            await asyncio.sleep(_AGAIN_SECONDS)
        page = text((*of_collector(self.collector, self.answers), *self.figures.metrics()))
        return PlainTextResponse(page, media_type=CONTENT_TYPE)
