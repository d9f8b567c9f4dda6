"""What a collector says of itself: is it well, and what has it done."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from whyspend.collector.collecting import Collector
from whyspend.collector.gauges import page
from whyspend.serving import Answers, Endpoint, Reply, Schema

_TEXT: dict[str, Schema] = {"text/plain": {"type": "string"}}


@dataclass(frozen=True)
class State:
    """Answers for one collector."""

    collector: Collector
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
        """What was collected since the start, for Prometheus."""
        return PlainTextResponse(page(self.collector, self.answers), media_type="text/plain; version=0.0.4")
