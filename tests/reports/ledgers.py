"""Small random ledgers, and a workspace to ask them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from tests.reports.reference import Question, World

from whyspend.config import load
from whyspend.engines.duckdb import DuckDB
from whyspend.model import Batch, Call, Table
from whyspend.pricing import book
from whyspend.pricing.plan import Basis
from whyspend.workspace import Workspace
from whyspend.workspace.windows import of_days

DIMENSIONS = ("feature", "env")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICES = book.load()

MODELS: tuple[tuple[str | None, str | None, str], ...] = (
    ("openai", "gpt-4o", ""),
    ("openai", "gpt-4o", "processing=batch"),
    ("openai", "gpt-5-mini", "service_tier=flex"),
    ("openai", "gpt-4o-audio-preview", ""),
    ("anthropic", "claude-sonnet-4-5", ""),  # a tier above 200,000
    ("anthropic", "claude-sonnet-4-6", ""),  # its tier ended on 2026-03-13
    ("anthropic", "claude-haiku-5-5", "processing=batch"),  # a tier above 100,000, since 2026-10-14
    ("deepseek", "deepseek-v4-pro", ""),  # by the time of the day and the weekday, unknown at some
    ("deepseek", "deepseek-flash", ""),
    ("perplexity", "sonar", ""),  # a price for each call
    ("openai", "made-up-model", ""),
    ("nobody", "gpt-4o", ""),
    (None, "gpt-4o-mini", ""),
    ("openai", None, ""),
)
"""Provider, model and context of calls whose prices depend on all that a price can depend on."""

PEAK = tuple(model for model in MODELS if model[0] == "deepseek")
TIERED = tuple(model for model in MODELS if model[0] == "anthropic")
ANCHORS = {
    date(2026, 3, 13): TIERED,  # a tier ends
    date(2026, 8, 23): PEAK,  # peak prices begin to depend on the weekday
    date(2026, 9, 10): PEAK,  # peak prices begin to be known
    date(2026, 10, 14): TIERED,  # a price for batches begins
    date(2026, 10, 25): MODELS,  # Berlin's clocks go back
    date(2026, 11, 1): MODELS,  # New York's clocks go back
}
"""Days on which something changes, and for which calls."""

MINUTES = (0, 60, 240, 360, 600, 23 * 60, 18 * 60 + 30, 4 * 60, 5 * 60, 6 * 60)
"""Of the UTC day: where peak prices, local days and local hours begin."""

PROMPTS = (100_000, 100_001, 200_000, 200_001, 272_000)
"""On both sides of where a longer prompt costs more."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")

TOKENS = (0, 1, 7, 999, 20_000, 250_000, 2**40)
OWNERS = (None, "rag", "rag_search", "chat", "untagged", "=1+1", "a|b", "Ünïcode 日本")
NAMES = (None, "ChatOpenAI", "titles", "plan;drop", "unknown")
METADATA = (
    None,
    {"team": "cx"},
    {"team": "cx-eu", "tier": "pro"},
    {"tier": 3, "team": ""},
    {"calls": "x", "cost": "y", "period": "z", "team": True},
)

PLAIN = 'dimensions = ["feature", "env"]\n'
RULED = PLAIN + (
    '[aliases.feature]\nrag_search = "rag"\n'
    '[[attribution]]\nwhen = { name = "titles" }\nset = { feature = "titles" }\n'
)

KEYS = (
    *(
        "feature",
        "env",
        "model",
        "provider",
        "project",
        "name",
        "thread_id",
        "team",
        "tier",
        "cost",
        "period",
    ),
    *("metadata.calls", "Feature", "kind", "root_name"),
)
TIMES = ("hour", "day", "week", "month")
TOGETHER = (("feature", "model"), ("model", "day"), ("model",), ("feature",), ("hour",), ("tier", "period"))
CONDITIONS = (
    *(
        "feature=rag",
        "feature!=rag",
        "feature=untagged",
        "feature=",
        "env=*a*",
        "feature=?ag",
        "model=gpt-4o*",
    ),
    *("model=gpt-4o", "model!=gpt-4o", "model=unknown", "model=(tools)", "provider=openai", "provider="),
    *("team=cx", "tier=", "team=true", "name=titles", "name=unknown", "project!=chat", "status=error"),
    *("feature==1+1", "feature=a|b", "kind=tool", "source=prod", "period=z"),
)


def ledger(draw: Random, anchor: date, size: int, ruled: bool) -> tuple[World, str]:
    """So many requests around a day, and the configuration to ask them with."""
    calls = [call for number in range(size) for call in trace(draw, number, anchor)]
    if not ruled:
        return World(calls, PRICES, DIMENSIONS), PLAIN
    return World(calls, PRICES, DIMENSIONS, {"titles": ("feature", "titles")}, {"rag_search": "rag"}), RULED


def trace(draw: Random, number: int, anchor: date) -> list[Call]:
    """A request: a few calls with pauses of less than a day, at times over midnight."""
    minute = draw.choice(MINUTES) if draw.random() < 0.5 else draw.randrange(1440)
    moment = datetime(anchor.year, anchor.month, anchor.day, tzinfo=UTC) + timedelta(
        days=draw.choice((*range(-5, 3), -1, 0, 1, 0)), minutes=minute, seconds=draw.choice((0, -1, 59))
    )
    fixed: dict[str, Any] = {
        "source": draw.choice(("prod", "second")),
        "project": draw.choice(("chat", "agents")),
        "thread_id": draw.choice((None, "t1", "t2")),
        "trace_id": f"trace-{number:03}",
        "root_name": draw.choice((None, "Support")),
        "sample_rate": draw.choice((None, None, 0.25, 1.0)),
    }
    owners = [(draw.choice(OWNERS), draw.choice(OWNERS)) for _ in range(draw.choice((1, 2)))]
    tools = draw.random() < 0.5
    calls = []
    for index in range(draw.choice((1, 2, 3, 4))):
        models = draw.choice((MODELS, ANCHORS[anchor]))
        moment += timedelta(minutes=draw.choice((0, 1, 50, 700)), microseconds=index)
        calls.append(_call(draw, fixed, f"{number:03}-{index}", moment, owners, tools, models))
    if len({datetime.fromtimestamp(c.started_at // 1_000_000, UTC).date() for c in calls}) > 1:
        # Known limit of the ledger: owners are compared within one UTC day.
        calls = [msgspec.structs.replace(call, dimensions=owners[0]) for call in calls]
    return calls


def _call(
    draw: Random,
    fixed: Mapping[str, Any],
    call_id: str,
    moment: datetime,
    owners: Sequence[tuple[str | None, str | None]],
    tools: bool,
    models: Sequence[tuple[str | None, str | None, str]],
) -> Call:
    own = draw.choice(owners)
    found = draw.choice(METADATA)
    shared = {
        **fixed,
        "call_id": call_id,
        "started_at": int(moment.timestamp()) * 1_000_000 + moment.microsecond,
        "name": draw.choice(NAMES),
        "metadata": None if found is None else json.dumps(found),
        "dimensions": own,
        "attributed": tuple(None if value is None else "call" for value in own),
        "reported_cost": draw.choice((None, 0, 123_456_789, 2**50)),
        "status": draw.choice(("success", "error")),
    }
    if tools and draw.random() < 0.25:
        return Call(**shared, kind="tool")
    # A call without a model's name and a tool run of one trace are told apart by the report, not by the ledger.
    provider, model, context = draw.choice([m for m in models if m[1] is not None or not tools])
    return Call(
        **shared,
        **_usage(draw, model),
        provider=provider,
        model_requested=model,
        model_answered=draw.choice((None, model)),
        price_context=context,
    )


def _usage(draw: Random, model: str | None) -> dict[str, Any]:
    if draw.random() < 0.1:
        return {"usage_source": None}  # a run without counts
    names = ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"]
    if draw.random() < 0.2:
        names += ["cache_write_1h_tokens", "web_searches"]
    if "audio" in (model or "") or draw.random() < 0.1:
        names += ["input_audio_tokens", "output_audio_tokens"]
    counts = {name: draw.choice(TOKENS) for name in names}
    prompt = sum(n for name, n in counts.items() if name.startswith(("input", "cache")))
    if draw.random() < 0.5:
        wanted = draw.choice(PROMPTS)
        counts["input_tokens"] += max(wanted - prompt, 0)
        prompt = max(wanted, prompt)
    return {
        **counts,
        "prompt_total": prompt,
        "usage_source": "server",
        "usage_estimated": draw.choice((0, 0, 0, 1)),
    }


def question(draw: Random, anchor: date) -> Question:
    since = anchor + timedelta(draw.choice((0, -1, -2, 1)))
    by = (
        draw.choice(TOGETHER)
        if draw.random() < 0.4
        else tuple(draw.sample((*KEYS, *TIMES), draw.choice((1, 2, 3))))
    )
    return Question(
        since=since,
        until=since + timedelta(draw.choice((0, 1, 2, 3))),
        timezone=draw.choice(ZONES),
        by=by,
        where=tuple(draw.sample(CONDITIONS, draw.choice((0, 0, 1, 1, 2)))),
        prices=draw.choice(("then", "then", "then", "recorded", "2026-11-20", "2026-02-01")),
        top=draw.choice((0, 0, 1, 3)),
    )


def place(folder: Path, engine: DuckDB, calls: Sequence[Call], config: str = PLAIN) -> Workspace:
    """A ledger of these calls in a folder, ready to be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "whyspend.toml").write_text(config, encoding="utf-8")
    opened = Workspace(load(folder / "whyspend.toml", {}), now=NOW)
    opened.engine = engine
    for source in sorted({call.source for call in calls}):
        writer = opened.ledger.writer(engine, source, opened.config.dimensions)
        writer.add(Batch(calls=[call for call in calls if call.source == source]))
        writer.commit()
    return opened


def ask(where: Workspace, report: str, question: Question, **options: Any) -> Table:
    kinds = {"then": Basis(), "recorded": Basis("recorded")}
    if question.prices not in kinds:
        day = date.fromisoformat(question.prices)
        instant = datetime(day.year, day.month, day.day, tzinfo=UTC)
        kinds[question.prices] = Basis("at", int(instant.timestamp()) * 1_000_000)
    return where.ask(
        report,
        of_days(question.since, question.until, question.timezone),
        where=question.where,
        basis=kinds[question.prices],
        by=question.by,
        top=question.top,
        **options,
    )
