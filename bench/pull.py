"""Pull: from a server on loopback to the published ledger, against the SDK's reading of the same pages."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import measure
from bench.measure import Measured
from bench.page_server import PROJECT
from bench.synthetic import DIMENSIONS, FIRST_DAY

SHARE_OF_SDK = 0.2
"""The SDK is given a part of the runs only: it is slow, and its cost per run is even."""


def measured(rows: int, _: Path) -> Iterator[Measured]:
    """Runs per CPU second, and memory at N and 4 N runs."""
    few = min(100_000, max(10_000, rows // 100))
    with measure.page_server(few, 2) as url:
        ours, sdk = [], []
        for _round in range(3):
            ours.append(measure.apart(__name__, "whyspend_reads", url=url, days=2))
            sdk.append(measure.apart(__name__, "sdk_reads", url=url, runs=int(few * SHARE_OF_SDK)))
    fastest, theirs = max(each["per_second"] for each in ours), max(each["per_second"] for each in sdk)
    yield Measured(
        "pull: runs per CPU second, against the SDK's query_v2",
        fastest / theirs,
        f"{fastest:,.0f} against {theirs:,.0f} runs per CPU second; {ours[0]['runs']:,} runs of 2 KB",
    )
    with measure.page_server(4 * few, 8) as url:
        more = measure.apart(__name__, "whyspend_reads", url=url, days=8)
    with measure.page_server(4 * few, 2) as url:
        denser = measure.apart(__name__, "whyspend_reads", url=url, days=2)
    peak = max(each["peak_mb"] for each in ours)
    yield Measured(
        "pull: peak memory at 4 times the runs",
        more["peak_mb"] / peak,
        f"{peak:.0f} MB for {few:,} runs, {more['peak_mb']:.0f} MB for {4 * few:,}",
    )
    yield Measured(
        "pull: the same, on as few days",
        denser["peak_mb"] / peak,
        f"{denser['peak_mb']:.0f} MB for {4 * few:,} runs of two days",
    )


def whyspend_reads(url: str, days: int) -> dict[str, Any]:
    """Pull the days into a new ledger."""
    with TemporaryDirectory() as folder:
        workspace = _workspace(Path(folder), url)
        asked = workspace.window(str(FIRST_DAY), str(FIRST_DAY + timedelta(days=days - 1)))
        before = time.process_time()
        *_, done = workspace.pull("prod", asked)
        seconds = time.process_time() - before
        return {"runs": done.calls, "seconds": seconds, "per_second": done.calls / seconds}


def _workspace(folder: Path, url: str) -> Any:
    # Here, not above: what a measurement does not use must not be in its memory.
    from whyspend import registry
    from whyspend.config import load
    from whyspend.workspace import Workspace

    # The SDK is imported before its clock starts; so is what a pull would import on its way.
    registry.load("engines", "duckdb")
    registry.load("sources", "langsmith")

    config = folder / "whyspend.toml"
    config.write_text(
        f'ledger = "{folder / "ledger"}"\ndimensions = {list(DIMENSIONS)}\n[sources.prod]\ntype = "langsmith"\n'
        f'endpoint = "{url}"\napi_key = "bench"\nrequests_per_10s = 1000000\n'
    )
    return Workspace(load(config, {}))


def sdk_reads(url: str, runs: int) -> dict[str, Any]:
    """Read runs as the SDK's users do."""
    from langsmith import Langsmith

    from whyspend.wire.langsmith import V2_SELECTS

    client = Langsmith(api_key="bench", base_url=url)
    start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    before = time.process_time()
    tokens = 0
    pages = client.runs.query_v2(
        project_ids=[PROJECT],
        min_start_time=start,
        max_start_time=start + timedelta(days=2),
        selects=list(V2_SELECTS),  # type: ignore[arg-type]
        page_size=1000,
    )
    read = 0
    for run in pages:
        tokens += run.total_tokens or 0
        read += 1
        if read == runs:
            break
    seconds = time.process_time() - before
    return {"runs": read, "seconds": seconds, "per_second": read / seconds, "tokens": tokens}
