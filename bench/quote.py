"""`prices quote --stdin` of 100,000 calls, against genai-prices' own calculator on a sample of the same calls.

Ours is the whole command: start, reading JSON, prices, writing JSON. The calculator's side is the bare call of
`calc_price`, with usage and time ready.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from genai_prices import Usage, calc_price

from bench import measure
from bench.measure import Measured

LINES = 100_000
SAMPLE = 1_000
ROUNDS = 3

MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4.1-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-pro"),
    ("mistral", "mistral-large-latest"),
    ("x-ai", "grok-4"),
    ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("deepseek", "deepseek-chat"),
)

SCRIPT = """
import sys
from whyspend.cli import run
sys.stdin = open(sys.argv[1])
sys.exit(run(["prices", "quote", "--stdin"]))
"""


def measured(_rows: int, folder: Path) -> Iterator[Measured]:
    """CPU for each line, start included, against the calculator's CPU for each call."""
    calls = list(_calls())
    path = folder / "quotes.jsonl"
    path.write_text("".join(f"{json.dumps(call)}\n" for call in calls))
    ours = min(measure.command(sys.executable, "-c", SCRIPT, str(path)) for _ in range(ROUNDS))
    theirs = measure.least(ROUNDS, {"calculator": lambda: _calculate(calls[:SAMPLE])})["calculator"]
    yield Measured(
        "quote: lines a CPU second of `--stdin`, against genai-prices' calc_price",
        (theirs / SAMPLE) / (ours / LINES),
        f"{LINES:,} lines in {ours:.1f} CPU s: {LINES / ours:,.0f} a second; calc_price: {SAMPLE / theirs:,.0f}",
    )


def _calls() -> Iterator[dict[str, Any]]:
    chance = random.Random(3)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(LINES):
        provider, model = chance.choice(MODELS)
        prompt = int(chance.expovariate(1 / 12_000)) + 100
        yield {
            "model": f"{provider}/{model}",
            "at": (start + timedelta(seconds=chance.randrange(25_000_000))).isoformat(),
            "input": prompt,
            "cache_read": prompt // 3,
            "output": chance.randrange(2_000),
        }


def _calculate(calls: list[dict[str, Any]]) -> None:
    for call in calls:
        provider, _, model = call["model"].partition("/")
        usage = Usage(
            input_tokens=call["input"], cache_read_tokens=call["cache_read"], output_tokens=call["output"]
        )
        calc_price(
            usage,
            model,
            provider_id=provider,
            genai_request_timestamp=datetime.fromisoformat(call["at"]),
        )
