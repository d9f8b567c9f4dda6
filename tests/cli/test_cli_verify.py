"""`whyspend verify`: the newest runs of a LangSmith, as they arrived and as whyspend reads them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.loopback.langsmith_server import KEY, LangSmith
from tests.loopback.traffic import MARKER, Traffic, traffic


@pytest.fixture(scope="module")
def runs() -> Traffic:
    return traffic(datetime.now(UTC) - timedelta(days=3), days=2, traces_a_day=40)


@pytest.fixture(params=["v2", "v1"])
def server(runs: Traffic, request: pytest.FixtureRequest) -> Iterator[LangSmith]:
    options: dict[str, Any] = {} if request.param == "v2" else {"release": "0.15.3", "lacks_v2": True}
    with LangSmith(projects=runs.projects, **options) as running:
        running.hold(runs.runs)
        yield running


@pytest.fixture
def configured(home: Path, server: LangSmith, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
    body = f'[sources.prod]\ntype = "langsmith"\nendpoint = "{server.url}"\nrequests_per_10s = 5000\n'
    (home / "whyspend.toml").write_text(body)
    return home


def test_what_is_made_of_the_newest_runs_is_what_they_are(
    whyspend: Run, configured: Path, runs: Traffic
) -> None:
    result = whyspend("verify", "--limit", "20", "--format", "json")
    assert (result.code, result.err) == (0, "")
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for row in json.loads(result.out)["rows"]:
        found.setdefault(row["run"], {})[row["what"]] = (row["value"], row["found_in"])
    assert len(found) == 20
    for cells in found.values():
        truth = runs.truth[cells["run"][1]]
        for name, (value, where) in zip(("feature", "env", "user_tier"), truth.dimensions, strict=True):
            assert cells[name] == (value or "untagged", where or "nowhere")
        for column, count in truth.usage.items():
            assert cells.get(column, ("0", ""))[0] == f"{count:,}"
        assert "price" in cells
    started = [runs.truth[cells["run"][1]].started for cells in found.values()]
    assert started == sorted(started, reverse=True)


def test_metadata_is_shown_as_it_arrived_and_no_text_nor_file_is_left(
    whyspend: Run, configured: Path, server: LangSmith
) -> None:
    result = whyspend("verify", "--limit", "3")
    assert (result.code, result.err) == (0, "")
    assert "metadata ls_model_name" in result.text
    assert "Nothing of this was stored." in result.text
    assert MARKER not in result.text
    assert KEY not in result.text
    assert [path.name for path in configured.iterdir()] == ["whyspend.toml"]
    asked = [each.body for each in server.requests if each.path.endswith("/runs/query")]
    assert asked
    assert not any(
        {"INPUTS", "OUTPUTS", "inputs", "outputs"} & set(body.get("selects", body.get("select", ())))
        for body in asked
    )


def test_what_cannot_be_verified_says_what_to_do(whyspend: Run, home: Path) -> None:
    config = home / "whyspend.toml"
    config.write_text('[sources.a]\ntype = "demo"\n[sources.b]\ntype = "demo"\n')
    which = whyspend("verify")
    assert (which.code, "Which source? Configured: a, b." in which.err) == (2, True)
    other = whyspend("verify", "a")
    assert (other.code, "is of type demo, which cannot be asked" in other.err) == (2, True)
    config.write_text("")
    assert "set the variable LANGSMITH_API_KEY" in whyspend("verify").err
