"""Ledgers in which every call costs what a test says, at the instant it says."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.model import Batch, Call
from whyspend.workspace import Workspace

PRICED = """
dimensions = ["feature", "env", "customer_id"]
[[prices]]
provider = "self"
model = "dollar-*"
input = 1.00
output = 1.00
"""
"""A million tokens of these models cost a dollar."""

_numbers = count(1)


def at(text: str) -> datetime:
    """A time in UTC, unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def spend(
    when: str,
    usd: str,
    feature: str | None = "rag-search",
    *,
    model: str = "dollar-1",
    env: str | None = "production",
    customer: str | None = None,
    **more: str,
) -> Call:
    """A call that costs so much; a model not called dollar-... has no price."""
    number, tokens = next(_numbers), int(Decimal(usd) * 1_000_000)
    owners = (feature, env, customer)
    return Call(
        source="prod",
        project=more.get("project", "p"),
        call_id=f"call-{number}",
        trace_id=f"trace-{number}",
        started_at=int(at(when).timestamp()) * 1_000_000,
        provider="self",
        model_requested=model,
        input_tokens=tokens,
        prompt_total=tokens,
        usage_source="server",
        dimensions=owners,
        attributed=tuple("call" if owner else None for owner in owners),
    )


def publish(place: Workspace, calls: Sequence[Call], *, upto: str = "", since: str = "") -> None:
    """Bring calls into the ledger of a workspace, and say how far it was pulled."""
    writer = place.ledger.writer(place.engine, "prod", place.config.dimensions)
    writer.add(Batch(calls=list(calls)))
    marks = {name: _micros(text) for name, text in (("upto:p", upto), ("from:p", since)) if text}
    writer.commit(marks or None)


def place(folder: Path, engine: DuckDB, config: str, now: str) -> Workspace:
    """A workspace with a configuration, at an instant; its ledger is that of the folder."""
    path = folder / "whyspend.toml"
    tables = config.find("\n[")
    plain, rest = (config[:tables], config[tables:]) if tables >= 0 else (config, "")
    path.write_text(plain + PRICED + rest, encoding="utf-8")
    opened = Workspace(load(path, {}), now=at(now))
    opened.engine = engine
    return opened


def _micros(text: str) -> int:
    return int(at(text).timestamp()) * 1_000_000
