"""What version 2 of the API says through the newest SDK, both ways, as JSON: `asker_v2.py ADDRESS PROJECT-ID`."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from langsmith import Client, Langsmith


def question(project: str) -> dict[str, Any]:
    return {
        "project_ids": [project],
        "min_start_time": datetime(2026, 10, 1, tzinfo=UTC),
        "max_start_time": datetime(2026, 12, 1, tzinfo=UTC),
        "selects": [
            "ID",
            "NAME",
            "METADATA",
            "TOTAL_COST",
            "TOTAL_TOKENS",
            "START_TIME",
            "PROMPT_TOKEN_DETAILS",
        ],
        "run_type": "LLM",
        "page_size": 10,
    }


def of_run(run: Any) -> list[Any]:
    return [str(run.id), (run.metadata or {}).get("feature"), run.total_cost, run.total_tokens]


async def asynchronously(address: str, project: str) -> list[Any]:
    client = Client(api_url=address, api_key="local")
    return [of_run(run) async for run in client.runs.query_v2(**question(project))]


def synchronously(address: str, project: str) -> list[Any]:
    client = Langsmith(api_key="local", base_url=address)
    return [of_run(run) for run in client.runs.query_v2(**question(project))]


if __name__ == "__main__":
    _, address, project = sys.argv
    found = {"async": asyncio.run(asynchronously(address, project)), "sync": synchronously(address, project)}
    print(json.dumps(found))
