"""The four snippets of the usual tutorial, with the field paths that runs really have: `tutorial.py ADDRESS CSV`.

Costs come with the runs, so there is no table of prices in it; untagged runs stay in.
"""

import csv
import json
import os
import sys
import warnings
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

os.environ["LANGSMITH_ENDPOINT"], os.environ["LANGSMITH_API_KEY"] = sys.argv[1], "local"
warnings.simplefilter("ignore")

from langsmith import Client  # noqa: E402

client = Client()
end = datetime(2026, 11, 3, tzinfo=UTC)
start = end - timedelta(days=7)

# 1. Which metadata do runs carry?
for run in client.list_runs(project_name="chat", run_type="llm", start_time=start, limit=5):
    print(run.name, run.metadata, file=sys.stderr)

# 2. Tokens and cost by feature.
totals: dict[str, dict[str, Any]] = defaultdict(
    lambda: {"calls": 0, "input": 0, "output": 0, "cost": Decimal(0), "unpriced": 0}
)
runs = client.list_runs(
    project_name=["chat", "agents", "nightly", "o'brien's"], run_type="llm", start_time=start, end_time=end
)
for run in runs:
    usage = run.extra["metadata"].get("usage_metadata") or {}
    row = totals[run.extra["metadata"].get("feature", "untagged")]
    row["calls"] += 1
    row["input"] += usage.get("input_tokens", run.prompt_tokens or 0)
    row["output"] += usage.get("output_tokens", run.completion_tokens or 0)
    if run.total_cost is None:
        row["unpriced"] += 1
    else:
        row["cost"] += run.total_cost

# 3. A CSV.
with open(sys.argv[2], "w", newline="", encoding="utf-8") as file:  # noqa: PTH123
    writer = csv.writer(file)
    writer.writerow(["feature", "calls", "input_tokens", "output_tokens", "cost_usd"])
    for feature, row in sorted(totals.items(), key=lambda item: -item[1]["cost"]):
        writer.writerow([feature, row["calls"], row["input"], row["output"], row["cost"]])

# 4. Alerts.
DAILY_BUDGET_USD = {"chat": Decimal("0.001"), "evals": Decimal(1000)}
stats = client.get_run_stats(project_names=["chat"], run_type="llm", start_time=start.isoformat())
over = [name for name, budget in DAILY_BUDGET_USD.items() if totals[name]["cost"] / 7 > budget]
print(json.dumps({"totals": totals, "over": over, "spent in chat": stats["total_cost"]}, default=str))
