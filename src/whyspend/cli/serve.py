"""`whyspend serve`."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whyspend.cli.common import place_options, workspace
from whyspend.errors import MissingExtraError
from whyspend.spelling import money

if TYPE_CHECKING:
    from whyspend.collector import Collector, Figures
    from whyspend.collector.collected import Rate, Sums
    from whyspend.dashboard import Counts

PORT = 8321

STARTED = """\
The dashboard: {address}/
whyspend collects on {address}, into {ledger}. Only usage is stored, never a prompt or an answer. Ctrl-C ends it.

"""

SENDING = """\
To send traces here alone:
  export LANGSMITH_TRACING=true
  export LANGSMITH_ENDPOINT={address}
  export LANGSMITH_API_KEY={key}

To send them to LangSmith and here, with LANGSMITH_ENDPOINT not set (langsmith 0.4 or later):
  export LANGSMITH_TRACING=true
  export LANGSMITH_RUNS_ENDPOINTS='{{"https://api.smith.langchain.com":"YOUR_LANGSMITH_KEY","{address}":"{key}"}}'

To send the spans of OpenTelemetry here:
  export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={address}/v1/traces
  export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
  export OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-api-key={key}
"""


@click.command("serve")
@click.option(
    "--bind", default="127.0.0.1", show_default=True, help="The address; others than this need a key."
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0 takes a free one."
)
@click.option("--api-key", default="", help="env:NAME: the variable that holds what senders must give.")
@place_options
def command(bind: str, port: int, api_key: str, config: Path | None, ledger: str | None) -> None:
    """See every answer as a page, and collect what LangSmith's SDK and OpenTelemetry trace, without an account.

    Open the address that it prints in a browser; it also prints the environment variables that send traces here.
    What is received is on the disk before it is acknowledged, and in every report about a second later.
    Needs: pip install 'whyspend[serve]'.
    """
    for package in ("jinja2", "starlette", "uvicorn", "zstandard"):
        if find_spec(package) is None:
            raise MissingExtraError(
                f"whyspend serve needs the package {package}. Install it with: pip install 'whyspend[serve]'."
            )
    from whyspend import collector as collectors
    from whyspend import dashboard
    from whyspend.serving import Answers, Asking, Guard, application, serve

    place = workspace(config, ledger)
    key = place.config.collector_key(api_key)
    guard, answers = Guard.of(bind, key), Answers()
    settings = place.config.collector

    def sending(address: str) -> str:
        return SENDING.format(address=address, key="YOUR_COLLECTOR_KEY" if key else "local")

    def started(address: str) -> None:
        click.echo(STARTED.format(address=address, ledger=place.config.ledger) + sending(address), err=True)

    with (
        collectors.collecting(place, settings.source, settings.close_after_s, _say) as collector,
        Asking(place.config) as asking,
    ):
        figures = collectors.Figures(asking, settings.source)
        figures.begin()
        live = _Live(collector, figures)
        desk = dashboard.Desk(asking, _typed(config, ledger), place.config.ledger if ledger else None)
        endpoints = (
            *collectors.endpoints(collector, figures, answers),
            *dashboard.endpoints(desk, guard, live.counts, sending),
        )
        app = application(endpoints, guard, answers, sign_in=dashboard.SIGN_IN)
        serve(app, bind, port, started=started, look=live.look)
        _say("Stopping: what was received is published first.")
    collector.still_well()


def _typed(config: Path | None, ledger: str | None) -> tuple[str, ...]:
    """What a command must be given too, to speak of the same ledger."""
    given = (("--config", config), ("--ledger", ledger))
    return tuple(part for option, value in given if value for part in (option, str(value)))


def _say(sentence: str) -> None:
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    click.echo(f"{start}whyspend: {sentence}", err=True)


class _Live:
    """Every second: whether the collector is well, and one line on a terminal that says what was collected."""

    def __init__(self, collector: "Collector", figures: "Figures") -> None:
        self._collector = collector
        self._figures = figures
        self._shown = ""

    def counts(self) -> "Counts":
        """What the pages say of the collector."""
        from whyspend.dashboard import Counts

        return Counts(self._collector.publisher.counts.calls, self._collector.traces.open)

    def look(self) -> None:
        """Show what there is now; nothing where stderr is no terminal."""
        self._collector.still_well()
        if not sys.stderr.isatty():
            return
        self._figures.fresh()
        line = live_line(*self._figures.seen(), self._collector.traces.open)
        if line != self._shown:
            self._shown = line
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)


def live_line(total: "Sums", rate: "Rate | None", untagged: "Sums", open_runs: int) -> str:
    """What was collected, what it costs, and how much of it nobody owns."""
    parts = [f"{total.calls:,} calls collected"]
    if rate and rate.calls > rate.unpriced:
        parts.append(f"{money(rate.cost)} a minute")
    if total.calls:
        parts.append(f"{untagged.calls / total.calls:.0%} without an owner")
    if total.unpriced:
        parts.append(f"{total.unpriced:,} unpriced")
    return ", ".join([*parts, f"{open_runs:,} runs go on"])
