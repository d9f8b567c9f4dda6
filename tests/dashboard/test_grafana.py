"""deploy/grafana: Grafana's own model reads every key, promtool every query, and every address is answered."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.collector.promtool import promtool
from tests.dashboard.served import WEEK, Served

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = {
    path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PROMETHEUS, INFINITY = DASHBOARDS["whyspend-prometheus"], DASHBOARDS["whyspend-infinity"]
VALUES = {
    "${__from:date:YYYY-MM-DD}": "2026-11-15",
    "${__to:date:YYYY-MM-DD}": "2026-11-21",
    "$__rate_interval": "5m",
    "$feature": ".*",
}
"""What Grafana puts in place of its variables."""


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(title of the panel, query)."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def put(text: str) -> str:
    for variable, value in VALUES.items():
        text = text.replace(variable, value)
    return text


def lost(given: Any, kept: Any, place: str = "") -> list[str]:
    """What of a value is not in another."""
    if isinstance(given, dict) and isinstance(kept, dict):
        missing = [f"{place}/{key}" for key in given if key not in kept]
        return missing + [
            each for key in given if key in kept for each in lost(given[key], kept[key], f"{place}/{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            each
            for at, (one, other) in enumerate(zip(given, kept, strict=True))
            for each in lost(one, other, f"{place}[{at}]")
        ]
    return [] if given == kept else [f"{place}: {given!r} became {kept!r}"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_s_own_model_knows_every_key(name: str) -> None:
    """The model is made of Grafana's schema: what it does not know is lost when it writes what it has read."""
    from grafana_foundation_sdk.cog import plugins
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    held = DASHBOARDS[name]
    kept = json.loads(json.dumps(Dashboard.from_json(held), cls=JSONEncoder))
    assert lost(held, kept) == []
    assert lost({**held, "panles": []}, kept) == ["/panles"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_names_and_places_of_their_own(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken)) and max(x for x, _ in taken) < 24
    sources = {json.dumps(panel["datasource"]) for panel in panels}
    sources |= {json.dumps(target["datasource"]) for _, target in targets(DASHBOARDS[name])}
    assert len(sources) == 1 and "${datasource}" in sources.pop()


@pytest.mark.slow
def test_promtool_reads_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"q:{number}", "expr": put(target["expr"])}
        for number, (_, target) in enumerate(targets(PROMETHEUS))
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool(), "check", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(rules)} rules found" in done.stdout


def test_every_metric_and_label_is_one_that_the_collector_has(served: Served) -> None:
    documented = (ROOT / "docs" / "collector.md").read_text(encoding="utf-8")
    labels = dict(re.findall(r"`(whyspend_\w+)\{([\w,]+)\}`", documented))
    page = served.get("/metrics").text
    for title, target in targets(PROMETHEUS):
        for metric, matched in re.findall(r"(whyspend_\w+)(?:\{([^}]*)\})?", target["expr"]):
            assert f"`{metric}" in documented, (title, metric)
            wanted = re.findall(r"(\w+)=~?", matched) + re.findall(r"by \((\w+)\)", target["expr"])
            assert set(wanted) <= set(labels.get(metric, "").split(",")), (title, metric)
    for metric in ("whyspend_cost_usd", "whyspend_budget_spent_usd", "whyspend_ledger_lag_seconds"):
        assert f"\n{metric}{{" in page


@pytest.mark.parametrize(("title", "target"), list(targets(INFINITY)), ids=lambda each: str(each)[:24])
def test_every_address_is_answered_with_the_columns_that_are_read(
    title: str, target: dict[str, Any], served: Served
) -> None:
    answer = served.get(put(target["url"]))
    assert answer.status_code == 200, answer.text
    rows = json.loads(answer.text, parse_float=Decimal)[target["root_selector"]]
    assert rows, title
    for column in target["columns"]:
        cells = [row[column["selector"]] for row in rows]
        match column["type"]:
            case "number":
                assert all(cell is None or isinstance(cell, int | Decimal) for cell in cells)
            case "timestamp":
                assert all(date.fromisoformat(cell) for cell in cells)
            case _:
                assert all(cell is None or isinstance(cell, str) for cell in cells)


def test_what_is_added_up_there_is_the_total_of_the_report(served: Served) -> None:
    whole = json.loads(served.get(f"/api/reports/report?{WEEK}").text, parse_float=Decimal)["total"]
    added = {title: target for title, target in targets(INFINITY) if title in ("Spent", "Change")}
    for title, column in (("Spent", "cost_usd"), ("Change", "change_usd")):
        rows = json.loads(served.get(put(added[title]["url"])).text, parse_float=Decimal)["rows"]
        assert sum(row[column] for row in rows) == whole[column]


def test_the_provisioning_files_name_what_is_there() -> None:
    read = YAML(typ="safe").load
    sources = read((GRAFANA / "provisioning" / "datasources" / "whyspend.yaml").read_text())
    providers = read((GRAFANA / "provisioning" / "dashboards" / "whyspend.yaml").read_text())
    kinds = {source["type"] for source in sources["datasources"]}
    assert sources["apiVersion"] == providers["apiVersion"] == 1
    assert kinds == {dashboard["panels"][0]["datasource"]["type"] for dashboard in DASHBOARDS.values()}
    (provider,) = providers["providers"]
    assert provider["type"] == "file"
    page = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
    assert provider["options"]["path"] in page
    assert all(name in page for name in ("PROMETHEUS_URL", "WHYSPEND_URL", "WHYSPEND_API_KEY"))
