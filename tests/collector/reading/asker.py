"""What the langsmith SDK of this Python says of a collector, as JSON: `asker.py ADDRESS`. Oldest and newest alike."""

import json
import sys
import warnings
from datetime import datetime, timezone
from typing import Any

from langsmith import Client

warnings.simplefilter("ignore")  # list_runs is announced to go in 2027

SINCE = datetime(2026, 10, 1, tzinfo=timezone.utc)  # noqa: UP017 - as applications of every age write it


def of_run(run: Any) -> list[Any]:
    usage = run.metadata.get("usage_metadata") or {}
    return [
        str(run.id),
        run.metadata.get("feature"),
        None if run.total_cost is None else str(run.total_cost),
        run.total_tokens,
        usage.get("input_tokens"),
        run.start_time.replace(tzinfo=None).isoformat(),
    ]


def asked(client: Client) -> dict[str, Any]:
    runs = list(client.list_runs(project_name="chat", run_type="llm", start_time=SINCE))
    pair = "and(eq(metadata_key, 'feature'), eq(metadata_value, 'chat'))"
    project = client.read_project(project_name="chat", include_stats=True)
    return {
        "runs": [of_run(run) for run in runs],
        "tagged": [
            str(run.id) for run in client.list_runs(project_name="chat", start_time=SINCE, filter=pair)
        ],
        "two": [str(run.id) for run in client.list_runs(project_name=["chat", "agents"], limit=2)],
        "by id": [str(run.id) for run in client.list_runs(run_ids=[str(runs[3].id)])],
        "read": of_run(client.read_run(runs[3].id)),
        "project": [project.name, project.run_count, str(project.total_cost), project.total_tokens],
        "by project id": str(client.read_project(project_id=str(project.id)).id) == str(project.id),
        "projects": [each.name for each in client.list_projects()],
        "stats": client.get_run_stats(project_names=["chat"], run_type="llm"),
        "no runs yet": list(client.list_runs(project_name="new")),
    }


if __name__ == "__main__":
    print(json.dumps(asked(Client(api_url=sys.argv[1], api_key="local")), default=str))
