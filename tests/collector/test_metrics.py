"""`/metrics` of a running collector: the figures of the ledger, of bounded names, in a form that promtool accepts."""

import re
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx2
import pytest
from tests.collector.promtool import promtool
from tests.collector.running import Serving, llm_run, report, send, serving, within

from whyspend.collector import collected, figures
from whyspend.config import load
from whyspend.serving.exposition import text
from whyspend.workspace import Workspace

CONFIG = """
ledger = "led"
[[budgets]]
name = 'all "of" it'
limit_usd = 2.5
[[budgets]]
name = "each"
limit_usd = 1
each = "feature"
period = "month"
[[budgets]]
name = "of tokens"
limit_tokens = 1000
"""
HOSTILE = ['"} 1\nevil 9', "\\", "\x1b[2J", "é" * 500]


def samples(page: str) -> dict[str, Decimal]:
    """Values by name and labels."""
    lines = [line.rpartition(" ") for line in page.split("\n") if line and not line.startswith("#")]
    return {name: Decimal(value) for name, _, value in lines}


@pytest.fixture(scope="module")
def collecting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Path]]:
    """A collector with calls of 100 features, of hostile ones, of none and without a price; nobody asked it for its
    metrics before they came."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "whyspend.toml").write_text(CONFIG)
    with serving(folder) as server:
        unpriced = llm_run(feature="chat")
        unpriced["extra"]["metadata"]["ls_model_name"] = "a-model-of-nobody"
        features = [*(f"feature-{number}" for number in range(100)), *HOSTILE, None, "chat"]
        runs = [llm_run(feature=feature) for feature in features]
        assert send(server.address, [*runs, *runs, unpriced]) == 202
        assert send(server.address, runs) == 202  # again: each call is there once
        within(10, folder, len(runs) + 1)
        yield server, folder


@pytest.fixture(scope="module")
def page(collecting: tuple[Serving, Path]) -> str:
    server, _ = collecting
    until = time.monotonic() + 3 * figures.COUNTED_SECONDS
    while "whyspend_cost_usd_total" not in (shown := httpx2.get(f"{server.address}/metrics").text):
        assert time.monotonic() < until
        time.sleep(0.5)
    return shown


def test_counters_are_what_the_report_says_each_call_once(
    page: str, collecting: tuple[Serving, Path]
) -> None:
    found = samples(page)
    rows = report(collecting[1], "feature")

    def total(name: str) -> Decimal:
        return sum((value for key, value in found.items() if key.startswith(name + "{")), Decimal(0))

    assert total("whyspend_calls_total") == sum(row["calls"] for row in rows) == 107
    assert total("whyspend_unpriced_calls_total") == 1
    priced = sum(Decimal(str(row["cost_usd"])) for row in rows if row["cost_usd"] is not None)
    assert total("whyspend_cost_usd_total") == priced > 0
    assert found['whyspend_tokens_total{type="input"}'] == 1070
    assert found['whyspend_tokens_total{type="output"}'] == 214


def test_names_are_bounded_and_hostile_ones_stay_within_their_label(page: str) -> None:
    assert page.count("whyspend_cost_usd_total{") == collected.NAMES + 1
    assert page.count('whyspend_cost_usd{feature="') <= 2 * (figures.SHOWN + 1)
    assert len(samples(page)) < 400
    assert all(re.match(r"# (HELP|TYPE) whyspend_|whyspend_", line) for line in page.splitlines())
    assert "\x1b" not in page


def test_gauges_are_of_the_whole_ledger_as_it_is_when_they_are_asked_for(
    collecting: tuple[Serving, Path],
) -> None:
    """The server's own may be a minute old."""
    place = Workspace(load(collecting[1] / "whyspend.toml", {}))
    found = samples(text(figures.standing(place).metrics(time.time())))
    place.engine.close()
    assert found['whyspend_budget_limit_usd{budget="all \\"of\\" it",value=""}'] == Decimal("2.5")
    assert found['whyspend_budget_spent_usd{budget="each",value="chat"}'] > 0
    assert not [name for name in found if "of tokens" in name]
    assert 0 < found["whyspend_untagged_ratio"] < 1
    assert found['whyspend_unpriced_calls{window="month"}'] == 1
    assert 300 < found['whyspend_ledger_lag_seconds{source="collector"}'] < 900
    assert found['whyspend_cost_usd{feature="other",window="month"}'] > 0


def test_gauges_are_what_the_reports_say_to_the_last_digit(collecting: tuple[Serving, Path]) -> None:
    """They read less of the ledger for it: no days before, and no history."""
    place = Workspace(load(collecting[1] / "whyspend.toml", {}))
    found = samples(text(figures.standing(place).metrics(time.time())))
    month = place.ask("report", place.window(place.window().until.replace(day=1).isoformat()))
    budgets = place.ask("budgets", place.window(), top=figures.SHOWN)
    place.engine.close()
    costs = [value for key, value in found.items() if key.startswith("whyspend_cost_usd{") and "month" in key]
    assert sum(costs) == month.total["cost_usd"]
    names = [column.name for column in budgets.columns]
    spent = sorted(
        collected.dollars(row[names.index("spent_usd")])
        for row in budgets.rows
        if row[names.index("budget")] != "of tokens" and row[names.index("spent_usd")] is not None
    )
    assert spent == sorted(
        value for key, value in found.items() if key.startswith("whyspend_budget_spent_usd{")
    )


def test_what_is_recorded_by_sources_is_compared_with_ours(tmp_path: Path) -> None:
    (tmp_path / "whyspend.toml").write_text('ledger = "led"\n')
    run = llm_run(tokens=(1_000_000, 0))
    run["extra"]["metadata"]["usage_metadata"] |= {"input_cost": 0.1, "output_cost": 0, "total_cost": 0.1}
    with serving(tmp_path) as server:
        assert send(server.address, [run]) == 202
        within(10, tmp_path, 1)
    place = Workspace(load(tmp_path / "whyspend.toml", {}))
    found = samples(text(figures.outlook(place)))
    place.engine.close()
    assert found["whyspend_reconcile_gap_ratio"] == Decimal("0.5")  # $0.15 against $0.10


def test_a_ledger_that_cannot_be_read_is_said_and_the_rest_is_there(tmp_path: Path) -> None:
    (tmp_path / "led").mkdir()
    (tmp_path / "led" / "manifest.json").write_text("{broken")
    with serving(tmp_path) as server:
        answer = httpx2.get(f"{server.address}/metrics")
    assert answer.status_code == 200
    found = samples(answer.text)
    assert found["whyspend_ledger_readable"] == 0
    assert "whyspend_spool_bytes" in found
    assert "whyspend_cost_usd_total" not in answer.text


@pytest.mark.slow
def test_promtool_finds_nothing_to_say(page: str) -> None:
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=page, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_that_read_alike_are_added_up_to_the_last_digit() -> None:
    dear, small = Decimal("123456789.000000000000000000000001"), Decimal("0.000000000000000000000002")
    ((_, amount),) = figures._labeled("feature", [("a" * 300, dear), ("a" * 301, small)])
    assert amount == Decimal("123456789.000000000000000000000003")
