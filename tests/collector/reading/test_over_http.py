"""The endpoints of the reading side over HTTP: projects, statistics, and whatever else somebody sends."""

import asyncio
import json
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.collector.reading.ledgers import HOSTILE, Answers, answers, calls, made, reported, rows_of
from tests.collector.reading.ledgers import PROJECTS as NAMES
from tests.collector.running import llm_run

from whyspend.collector import Collector, Figures, collecting, endpoints
from whyspend.collector.reading import ids
from whyspend.engines.duckdb import DuckDB
from whyspend.serving import Answers as Counts
from whyspend.serving import Asking, Guard, application

PROJECTS = [ids.of_project(name) for name in NAMES]


def over_http(asked: Answers, ask: Callable[[httpx2.AsyncClient], Any]) -> Any:
    """What some requests to the endpoints give, without a port."""

    async def scene() -> Any:
        app = application(asked.reading.endpoints(), Guard("", is_local=True), Counts())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await ask(client)

    return asyncio.run(scene())


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_projects_are_listed_by_name_with_what_their_calls_add_up_to(asked: Answers, prefix: str) -> None:
    async def ask(client: httpx2.AsyncClient) -> Any:
        listed = await client.get(f"{prefix}/sessions")
        one = await client.get(f"{prefix}/sessions/{PROJECTS[0]}")
        part = await client.get(
            f"{prefix}/sessions", params={"name_contains": "GEN", "include_stats": "false"}
        )
        second = await client.get(
            f"{prefix}/sessions", params={"limit": 1, "offset": 1, "include_stats": False}
        )
        new = await client.get(f"{prefix}/sessions", params={"name": "not yet", "limit": 1})
        missing = await client.get(f"{prefix}/sessions/{uuid.uuid4()}")
        odd = await client.get(f"{prefix}/sessions", params={"limit": "many"})
        return (
            [each.json() for each in (listed, one, part, second, new)],
            missing.status_code,
            odd.status_code,
        )

    (listed, one, part, second, new), missing, odd = over_http(asked, ask)
    assert [each["name"] for each in listed] == ["agents", "chat", "nightly", "o'brien's"]
    assert listed[1] == one
    report = rows_of(reported(asked, "project"))
    for each in listed:
        found = [each["run_count"], each["prompt_tokens"], each["completion_tokens"]]
        assert found == report[each["name"]][:3]
        assert Decimal(str(each["total_cost"])) == report[each["name"]][3]
    assert [each["name"] for each in part] == ["agents"]
    assert "run_count" not in part[0]
    assert [each["name"] for each in second] == ["chat"]
    assert (new[0]["id"], new[0]["run_count"]) == (ids.of_project("not yet"), 0)
    assert (missing, odd) == (404, 400)


def test_statistics_are_what_the_reports_say(asked: Answers) -> None:
    async def ask(client: httpx2.AsyncClient) -> Any:
        by = {"attribute": "metadata", "path": "feature", "max_groups": 100}
        bodies = [
            {}, {"group_by": by}, {"group_by": {"attribute": "tag"}}, {"group_by": {"attribute": "run_type"}},
            {"filter": "gt(total_cost, 0.01)", "select": ["run_count", "total_cost"]},
            {"filter": "eq(name, 'nowhere')"}, {"group_by": {**by, "max_groups": 2}},
        ]  # fmt: skip
        found = [await client.post("/runs/stats", json=body) for body in bodies]
        return [json.loads(each.content, parse_float=Decimal) for each in found]

    whole, features, tags, kinds, dear, nothing, largest = over_http(asked, ask)
    total = reported(asked).total
    assert whole["total_cost"] == total["cost_usd"]
    assert whole["unpriced_run_count"] == total["unpriced_calls"]
    report = rows_of(reported(asked, "feature"))
    report.pop("untagged")
    assert {name: [row["run_count"], row["total_cost"]] for name, row in features.items()} == {
        name: [row[0], row[3]] for name, row in report.items()
    }
    assert list(features)[:2] == list(largest)
    assert {tag: row["run_count"] for tag, row in tags.items()} == {
        tag: sum(tag in run["tags"] for run in asked.every()) for tag in ("beta", HOSTILE[0])
    }
    assert sum(row["run_count"] for row in kinds.values()) == 240
    costs = [Decimal(run["total_cost"]) for run in asked.every() if run["total_cost"]]
    assert dear == {
        "run_count": sum(cost > Decimal("0.01") for cost in costs),
        "total_cost": sum(cost for cost in costs if cost > Decimal("0.01")),
    }
    assert (nothing["run_count"], nothing["total_cost"]) == (0, 0)


_PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
_NESTED = st.one_of(
    _PLAIN, st.lists(_PLAIN, max_size=3), st.dictionaries(st.text(max_size=5), _PLAIN, max_size=3)
)
_VALUES = st.one_of(
    _NESTED, st.lists(_NESTED, max_size=2), st.dictionaries(st.text(max_size=5), _NESTED, max_size=2)
)
_FIELDS = (
    "session", "project_ids", "filter", "tree_filter", "trace_filter", "select", "selects", "limit", "page_size",
    "cursor", "order", "start_time", "min_start_time", "run_type", "is_root", "id", "ids", "group_by", "error",
)  # fmt: skip


def test_whatever_is_asked_is_answered_or_refused_and_never_an_error_of_ours(asked: Answers) -> None:
    bodies = st.one_of(
        st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=4).map(json.dumps).map(str.encode),
        st.dictionaries(st.text(max_size=6), _VALUES, max_size=3).map(json.dumps).map(str.encode),
        st.binary(max_size=40),
    )

    @examples(max_examples=20)
    @given(st.lists(bodies, min_size=1, max_size=4))
    def check(some: list[bytes]) -> None:
        async def ask(client: httpx2.AsyncClient) -> list[int]:
            paths = ("/runs/query", "/api/v2/runs/query", "/runs/stats")
            found = [await client.post(path, content=body) for body in some for path in paths]
            return [each.status_code for each in found]

        assert set(over_http(asked, ask)) <= {200, 400, 413}

    check()


@pytest.mark.parametrize(
    "path",
    ["/runs/x", "/runs/%00", "/runs/'--", "/sessions/x", "/sessions/%00", "/sessions?name=%00&limit=1"],
)
def test_odd_names_in_a_path_lead_nowhere(asked: Answers, path: str) -> None:
    async def ask(client: httpx2.AsyncClient) -> int:
        return (await client.get(path)).status_code

    assert over_http(asked, ask) in (200, 404)


class Counting(DuckDB):
    """An engine that counts the rows which it hands over."""

    rows_given = 0

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        found = super().rows(sql)
        self.rows_given = max(self.rows_given, len(found))
        return found


def test_a_page_takes_no_more_rows_out_of_the_engine_than_it_shows(folder: Path) -> None:
    with answers(made(folder, [])) as asked:
        engine = asked.place.engine = Counting(threads=1)
        asked.v1(limit=5)  # reads which projects and prices there are
        engine.rows_given = 0
        asked.v1(limit=5, filter="and(eq(metadata_key, 'region'), eq(metadata_value, 'eu'))")
        assert engine.rows_given == 6
        engine.rows_given = 0
        asked.v1(limit=5, filter="gt(total_cost, 0.001)")
        assert engine.rows_given == 6
        engine.close()


def test_who_sends_never_waits_for_who_asks(tmp_path: Path) -> None:
    place = made(tmp_path, calls(6))
    go = threading.Event()

    async def scene(client: httpx2.AsyncClient, asking: Asking) -> None:
        held = asyncio.create_task(asking.ask(lambda _: go.wait(20)))
        await asyncio.sleep(0)
        query = asyncio.create_task(client.post("/runs/query", json={}))
        await asyncio.sleep(0.05)
        assert (await client.post("/runs", json=llm_run())).status_code == 202
        assert not query.done()
        refused = await client.post("/runs/query", json={})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        go.set()
        assert len((await query).json()["runs"]) == 6
        assert await held

    async def served(collector: Collector, asking: Asking) -> None:
        app = application(
            endpoints(collector, Figures(asking, "other"), Counts()), Guard("", is_local=True), Counts()
        )
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await asyncio.wait_for(scene(client, asking), 30)

    with (
        collecting(place, "other", 3600, lambda _: None) as collector,
        Asking(place.config, workers=1, waiting=1) as asking,
    ):
        asyncio.run(served(collector, asking))
