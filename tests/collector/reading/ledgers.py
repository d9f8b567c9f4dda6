"""A small ledger in which every kind of call occurs, and the collector's answers about it, asked without a port."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from whyspend.collector.intake import Intake
from whyspend.collector.reading import Projects, Reading
from whyspend.collector.reading.asked import of_v1, of_v2
from whyspend.collector.reading.endpoints import _JSON
from whyspend.collector.reading.runs import V1, V2
from whyspend.config import load
from whyspend.engines.duckdb import DuckDB, connect
from whyspend.ledger import Ledger
from whyspend.model import Batch, Call, Table
from whyspend.serving import Asking
from whyspend.workspace import Workspace, prices

DIMENSIONS = ("feature", "env")

SETTINGS = """
ledger = "led"
dimensions = ["feature", "env"]

[aliases.feature]
rag_search = "rag-search"

[[attribution]]
when = { project = "nightly" }
set = { feature = "evals" }
"""

FIRST = datetime(2026, 10, 30, 22, tzinfo=UTC)
"""The calls are of two days and a bit, across the end of a month."""

PROJECTS = ("chat", "agents", "nightly", "o'brien's")
MODELS = (
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-4.1", None),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("google_vertexai", "gemini-2.5-flash", None),
    ("openai", "made-up-model", None),
    (None, None, None),
)
HOSTILE = ("'\"); DROP TABLE x; --", "100%_of\\it", "ünïcode 💸", "rag_search", "spaced  out", "<b>bold</b>")
TERMS = ("", "", "", "service_tier=flex", "processing=batch", "speed=fast")


def calls(count: int = 240, seed: int = 7) -> list[Call]:
    """So many calls, always the same."""
    chance = random.Random(seed)
    traces = [(_id(chance), "prod" if chance.random() < 0.2 else "collector", chance.choice(PROJECTS))
              for _ in range(count // 3 + 1)]  # fmt: skip
    return [_call(chance, number, count, *traces[number // 3]) for number in range(count)]


def _call(chance: random.Random, number: int, count: int, trace: str, source: str, project: str) -> Call:
    start = FIRST + timedelta(hours=52) * number / count + timedelta(microseconds=chance.randrange(10**6))
    provider, requested, answered = chance.choice(MODELS)
    call = Call(
        source=source,
        project=project,
        call_id=_id(chance),
        trace_id=trace,
        started_at=int(start.timestamp() * 1_000_000),
        provider=provider,
        model_requested=requested,
        model_answered=answered,
        kind=chance.choice(("llm", "llm", "llm", "llm", "embedding", "tool")),
        name=chance.choice(("ChatOpenAI", "openai", HOSTILE[0], None)),
        parent_id=chance.choice((None, trace, _id(chance))),
        thread_id=chance.choice((None, "thread 1", HOSTILE[1])),
        latency_ms=chance.randrange(60_000),
        release=chance.choice((None, "1.2.3")),
        sample_rate=chance.choice((None, None, 0.25)),
        tags=chance.choice((None, ("beta",), ("beta", HOSTILE[0], "beta"))),
        metadata=_metadata(chance),
        price_context=chance.choice(TERMS),
    )
    if chance.random() < 0.3:
        call.first_token_ms = chance.randrange(1_000)
    call.dimensions = (chance.choice(("chat", *HOSTILE, None)), chance.choice(("prod", None)))
    call.attributed = tuple("call" if value else None for value in call.dimensions)
    _put_usage(chance, call)
    _put_outcome(chance, call)
    return call


def _put_usage(chance: random.Random, call: Call) -> None:
    if call.kind == "tool":
        call.reported_cost, call.price_context = chance.randrange(1, 10**11), ""
        call.model_requested = call.model_answered = call.provider = None
        return
    if chance.random() < 0.1:
        call.usage_flag = "missing"
        return
    call.usage_source = "metadata"
    call.input_tokens, call.output_tokens = chance.randrange(1, 5_000), chance.randrange(500)
    if call.kind == "llm" and call.model_answered is None and chance.random() < 0.2:
        call.usage_estimated = 1
    else:
        for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "input_audio_tokens"):
            setattr(call, name, chance.choice((0, 0, chance.randrange(2_000))))
        rare = ("cache_write_1h_tokens", "cache_read_audio_tokens", "input_image_tokens", "output_audio_tokens",
                "cache_read_image_tokens", "citation_tokens", "web_searches", "file_searches")  # fmt: skip
        for name in rare:
            setattr(call, name, chance.choice((0, 0, 0, chance.randrange(9))))
    call.prompt_total = sum(getattr(call, name) for name in (
        "input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens",
        "cache_read_audio_tokens", "input_image_tokens", "cache_read_image_tokens",
    ))  # fmt: skip
    call.completion_total = sum(
        getattr(call, name)
        for name in ("output_tokens", "reasoning_tokens", "output_audio_tokens", "citation_tokens")
    )


def _put_outcome(chance: random.Random, call: Call) -> None:
    chosen = chance.random()
    if chosen < 0.1:
        call.status, call.error_kind = "error", chance.choice(("RateLimitError", None))
    elif chosen < 0.15:
        call.status, call.error_kind, call.latency_ms = "error", "NeverEnded", None
    elif chosen < 0.2:
        call.latency_ms = None


def _metadata(chance: random.Random) -> str | None:
    found: dict[str, object] = {
        "region": chance.choice(("eu", HOSTILE[0])),
        "attempt": chance.randrange(3),
        "ratio": chance.choice((0.5, 2.0)),
        "beta": chance.choice((True, False)),
        HOSTILE[2]: HOSTILE[1],
    }
    kept = {key: value for key, value in found.items() if chance.random() < 0.5}
    if chance.random() < 0.1:
        kept["speed"] = "Standard"
    return json.dumps(kept, ensure_ascii=False) if kept else None


def _id(chance: random.Random) -> str:
    bits = chance.getrandbits(128)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def made(folder: Path, some: list[Call], settings: str = SETTINGS) -> Workspace:
    """A workspace on a ledger of some calls."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "whyspend.toml"
    path.write_text(settings, encoding="utf-8")
    publish(folder, some)
    return Workspace(load(path, {}), now=datetime(2026, 11, 2, tzinfo=UTC))


def publish(folder: Path, some: list[Call]) -> None:
    """Bring calls into the ledger of a folder."""
    engine = connect(threads=1)
    for source in sorted({call.source for call in some}):
        writer = Ledger(folder / "led").writer(engine, source, DIMENSIONS)
        writer.add(Batch(calls=[call for call in some if call.source == source]))
        writer.commit()
    engine.close()
    prices.keep_first(folder / "led")


@dataclass
class Answers:
    """What the reading side says, asked in this thread."""

    place: Workspace
    reading: Reading

    def v1(self, **asked: Any) -> dict[str, Any]:
        """The answer of `POST /runs/query`; numbers are Decimals."""
        runs, following = self.reading._page(self.place, of_v1(json.dumps(asked).encode()), V1)
        return _plain({"runs": runs, "next": following})

    def v2(self, **asked: Any) -> dict[str, Any]:
        """The answer of `POST /api/v2/runs/query`."""
        body = of_v2(json.dumps(asked).encode(), self.place.now)
        runs, following = self.reading._page(self.place, body, V2)
        return _plain({"runs": runs, "next": following})

    def every(self, **asked: Any) -> list[dict[str, Any]]:
        """The runs of all pages of v1."""
        page = self.v1(**asked)
        found: list[dict[str, Any]] = page["runs"]
        while page["next"]:
            page = self.v1(**asked, cursor=page["next"])
            found += page["runs"]
        return found


@contextmanager
def answers(place: Workspace) -> Iterator[Answers]:
    """Ask a ledger."""
    engine: DuckDB = connect(threads=1)
    place.engine = engine
    with Asking(place.config) as asking:
        yield Answers(place, Reading(asking, Intake(), Projects(lambda _: None)))
    engine.close()


def reported(asked: Answers, *by: str) -> Table:
    """What the report says of all calls."""
    return asked.place.ask("report", asked.place.window("2026-10-01", "2026-11-30"), by=by)


def rows_of(table: Table) -> dict[Any, Any]:
    """Calls, tokens in and out, and cost, by the first column."""
    names = [column.name for column in table.columns]
    rows = [dict(zip(names, row, strict=True)) for row in table.rows]
    return {
        row[names[0]]: [row["calls"], row["input_tokens"], row["output_tokens"], row["cost_usd"]]
        for row in rows
    }


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """As it comes over the wire."""
    found: dict[str, Any] = json.loads(_JSON.encode(answer), parse_float=Decimal)
    return found
