"""A LangSmith with runs whose costs are known, the ledger that was pulled from it, and what reconcile says."""

import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.loopback.langsmith_runs import StoredProject, StoredRun
from tests.loopback.langsmith_server import KEY
from tests.loopback.langsmith_stats import LangSmithWithStats

from whyspend.cli import run as command_line

PROJECT = StoredProject(id=str(uuid.UUID(int=1)), name="chat")
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAYS = ("--since", "2026-11-09", "--until", "2026-11-11")

FULL, MINI, OLD = (str(uuid.UUID(int=number)) for number in (0x41, 0x42, 0x43))
"""Rows of LangSmith's price table: gpt-4o, gpt-4o-mini, and gpt-5-mini."""


def price(row: str, name: str, prompt: str, completion: str, **details: float) -> dict[str, Any]:
    return {
        "id": row,
        "name": name,
        "prompt_cost": float(prompt),
        "completion_cost": float(completion),
        "prompt_cost_details": details or None,
        "completion_cost_details": None,
        "match_pattern": f"^{name}$",
    }


def right_prices() -> list[dict[str, Any]]:
    """What these models cost, in the words of LangSmith's table."""
    return [
        price(FULL, "gpt-4o", "0.0000025", "0.00001", cache_read=0.00000125),
        price(MINI, "gpt-4o-mini", "0.00000015", "0.0000006", cache_read=0.000000075),
        price(OLD, "gpt-5-mini", "0.00000025", "0.000002", cache_read=0.000000025),
    ]


_numbers = iter(range(0x1000, 0x100000))


def llm(
    model: str = "gpt-4o",
    *,
    prompt: int = 1_000_000,
    cached: int = 0,
    completion: int = 0,
    cost: str | None = "2.5",
    row: str | None = FULL,
    at: datetime = NOON,
    **other: Any,
) -> StoredRun:
    """One LLM run; by default a million input tokens of gpt-4o for $2.50."""
    run_id = str(uuid.UUID(int=next(_numbers)))
    metadata = {"ls_provider": "openai", "ls_model_name": model, "usage_metadata": {"input_tokens": prompt}}
    metadata |= other.pop("metadata", {})
    return StoredRun(**{
        "id": run_id,
        "name": "ChatOpenAI",
        "run_type": "llm",
        "project_id": PROJECT.id,
        "trace_id": run_id,
        "start": at,
        "end": at + timedelta(seconds=1),
        "metadata": metadata,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_details": {"cache_read": cached} if cached else {},
        "total_cost": None if cost is None else Decimal(cost),
        "price_model_id": row,
        **other,
    })  # fmt: skip


def tool(cost: str) -> StoredRun:
    return llm(
        "search",
        prompt=0,
        cost=cost,
        row=None,
        run_type="tool",
        metadata={"ls_model_name": None, "usage_metadata": {"total_cost": float(cost)}},
    )


def without(server: LangSmithWithStats, *gone: StoredRun) -> None:
    """LangSmith deletes runs, or their retention is over."""
    ids = {run.id for run in gone}
    kept = [run for run in server._runs if run.id not in ids]
    server._runs, server._starts, server._by_id = [], [], {}
    server.hold(kept)


class Place:
    """A folder with a configuration and a ledger, in this process."""

    def __init__(self, folder: Path, server: LangSmithWithStats, config: str = "") -> None:
        self.folder = folder
        (folder / "whyspend.toml").write_text(
            f'[sources.prod]\ntype = "langsmith"\napi_key = "env:KEY_OF_TEST"\nendpoint = "{server.url}"\n'
            f"requests_per_10s = 5000\n{config}",
            encoding="utf-8",
        )

    def run(self, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
        os.environ["KEY_OF_TEST"] = KEY
        code = command_line([*arguments, "--config", str(self.folder / "whyspend.toml")])
        out, err = capfd.readouterr()
        return code, out, err

    def pull(self, capfd: pytest.CaptureFixture[str]) -> None:
        code, _, err = self.run(capfd, "pull", *DAYS)
        assert code == 0, err

    def reconcile(self, capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
        code, out, err = self.run(capfd, "reconcile", *DAYS, "--format", "json", *arguments)
        assert code in (0, 1), err
        found: dict[str, Any] = json.loads(out, parse_float=Decimal, parse_int=Decimal)
        return {**found, "code": code}


def parts(answer: Mapping[str, Any], **where: object) -> dict[str, Decimal]:
    """The amount of each part of the rows that match, those of one name together."""
    found: dict[str, Decimal] = {}
    for row in answer["rows"]:
        if all(row[name] == value for name, value in where.items()):
            found[row["part"]] = found.get(row["part"], Decimal(0)) + row["amount_usd"]
    return found


def adds_up(answer: Mapping[str, Any]) -> bool:
    """Whether, for calls, tokens and money, the first line and all parts give the last one, to the digit."""
    keys = [column["name"] for column in answer["columns"]]
    keys = keys[: keys.index("part")]
    sums: dict[tuple[object, ...], dict[str, Decimal]] = {}
    for row in answer["rows"]:
        total = sums.setdefault(tuple(row[key] for key in keys), dict.fromkeys(FIGURES, Decimal(0)))
        sign = -1 if row["part"] == "whyspend" else 1
        for name in FIGURES:
            total[name] += sign * row[name]
    return bool(sums) and all(not amount for total in sums.values() for amount in total.values())


FIGURES = ("calls", "tokens", "amount_usd")
