"""The history is the same everywhere, its calls are consistent facts, and it looks like a product."""

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import asdict
from tests.demo.conftest import Opened

from whyspend.errors import InputError
from whyspend.model import DEFAULT_DIMENSIONS, Batch
from whyspend.sources import demo
from whyspend.sources.demo import product as product
from whyspend.sources.demo.requests import calls_of_day
from whyspend.workspace import Workspace

DAYS = range(product.BEGIN, product.END, product.DAY)

LAST_WEEK = {
    "agent-copilot": (3_568, 230, 9, Decimal("173.370541750000")),
    "rag-search": (1_076, 358, 2, Decimal("32.783344500000")),
    "summarizer": (533, 266, 1, Decimal("13.186281000000")),
    "untagged": (163, 121, 0, Decimal("12.493421300000")),
    "support-bot": (620, 310, 0, Decimal("10.773882300000")),
    "email-drafts": (296, 296, 7, Decimal("6.785182600000")),
}
"""feature -> calls, requests, unpriced calls, cost. Prices or the generator changed if these do."""


def test_the_history_is_the_one_that_its_name_says() -> None:
    digest = hashlib.sha256()
    for day in DAYS:
        for call in calls_of_day(day, demo.HISTORY, "demo", DEFAULT_DIMENSIONS):
            # Without what is empty, so that a new column of the ledger is no new history.
            digest.update(msgspec.json.encode({key: value for key, value in asdict(call).items() if value}))
    assert (demo.HISTORY, digest.hexdigest()[:16]) == ("1", "8bc45009312c81f1"), (
        "The generator makes other calls now: raise HISTORY in sources/demo.py, so that ledgers that exist are "
        "made anew, and pin the new hash here."
    )


def test_two_runs_write_the_same_calls(place: Workspace, opened: Opened, tmp_path: Path, calls: str) -> None:
    again = opened(tmp_path)
    list(again.pull("demo", again.window("2026-11-09", "2026-11-11")))
    paths = [str(tmp_path / file.path) for file in again.ledger.snapshot().manifest.files]
    # Only when a call was brought in differs.
    one = f"SELECT * EXCLUDE (ingested_at) FROM {place.engine.scan(paths)}"
    other = (
        f"SELECT * EXCLUDE (ingested_at, began) FROM {calls} "
        "WHERE day BETWEEN DATE '2026-11-09' AND DATE '2026-11-11'"
    )
    ((count, here, there),) = place.engine.rows(
        f"SELECT (SELECT count(*) FROM ({one})), (SELECT count(*) FROM (({one}) EXCEPT ({other}))), "
        f"(SELECT count(*) FROM (({other}) EXCEPT ({one})))"
    )
    assert (count > 1_000, here, there) == (True, 0, 0)


def test_another_name_is_another_history_of_the_same_size() -> None:
    day = DAYS[20]
    one, other = (calls_of_day(day, name, "demo", DEFAULT_DIMENSIONS) for name in ("1", "elsewhere"))
    assert {call.call_id for call in one}.isdisjoint(call.call_id for call in other)
    assert 0.7 < len(one) / len(other) < 1.4


def test_the_last_week_costs_exactly_this(place: Workspace) -> None:
    answer = place.ask("report", place.window("2026-11-15", "2026-11-21"))
    names = [column.name for column in answer.columns]
    found = {}
    for row in answer.rows:
        cells = dict(zip(names, row, strict=True))
        found[cells["feature"]] = tuple(cells[n] for n in ("calls", "requests", "unpriced_calls", "cost_usd"))
    assert found == LAST_WEEK


def test_the_last_thirty_days_cost_a_team_about_800_dollars(place: Workspace) -> None:
    total = place.ask("report", place.window("2026-10-23", "2026-11-21")).total["cost_usd"]
    assert isinstance(total, Decimal)
    assert 750 < total < 850


def test_some_dollars_have_no_owner(place: Workspace) -> None:
    tagged = place.ask("report", place.window("2026-10-23", "2026-11-21")).trust.tagged_usd
    assert tagged is not None
    assert Decimal("0.92") < tagged < Decimal("0.95")


@pytest.mark.parametrize(
    "contradiction",
    [
        "prompt_total <> input_tokens + cache_read_tokens + cache_write_tokens + cache_write_1h_tokens",
        "completion_total <> output_tokens + reasoning_tokens",
        "reported_input_cost + reported_output_cost <> reported_cost",
        "least(input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens) < 0",
        "usage_source IS NULL AND prompt_total + completion_total > 0",
        "usage_source IS NOT NULL AND prompt_total = 0",
        "usage_source IS NULL AND kind <> 'tool' AND (status <> 'error' OR usage_flag <> 'missing')",
        "(status = 'error') <> (error_kind IS NOT NULL)",
        "(feature IS NULL) <> (feature_from IS NULL)",
        "kind = 'tool' AND (reported_cost IS NULL OR provider IS NOT NULL OR model_requested IS NOT NULL)",
        "kind <> 'tool' AND (provider IS NULL OR model_requested IS NULL)",
        "name IS NULL OR call_site IS NULL OR root_name IS NULL OR parent_id IS NULL OR release IS NULL",
        "latency_ms <= 0 OR first_token_ms <= 0",
        "prompt_total > 200000 AND model_requested <> 'text-embedding-3-small' AND provider = 'anthropic'",
    ],
)
def test_no_call_contradicts_itself(place: Workspace, calls: str, contradiction: str) -> None:
    ((found,),) = place.engine.rows(f"SELECT count(*) FROM {calls} WHERE {contradiction}")
    assert found == 0


def test_every_trace_lies_in_one_day_and_one_project(place: Workspace, calls: str) -> None:
    ((split,),) = place.engine.rows(
        f"SELECT count(*) FROM (SELECT trace_id FROM {calls} GROUP BY trace_id "
        "HAVING count(DISTINCT day) > 1 OR count(DISTINCT project) > 1 OR sum(request_root) <> 1)"
    )
    assert split == 0


def test_ids_are_uuids_of_version_7_and_name_one_call_each() -> None:
    calls = calls_of_day(DAYS[0], demo.HISTORY, "demo", DEFAULT_DIMENSIONS)
    assert len({call.call_id for call in calls}) == len(calls)
    for call in calls:
        given = UUID(call.call_id)
        assert (given.version, given.variant, str(given)) == (7, "specified in RFC 4122", call.call_id)
        assert given.int >> 80 == call.started_at // 1_000


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("feature", {None, "agent-copilot", "email-drafts", "rag-search", "summarizer", "support-bot"}),
        ("feature_from", {None, "call", "ancestor", "root", "environment"}),
        ("env", {None, "production", "staging", "ci"}),
        ("user_tier", {None, "free", "pro", "enterprise"}),
        ("project", set(demo.PROJECTS)),
        ("provider", {None, "openai", "anthropic", "google_genai", "mistralai", "kestrel"}),
        ("kind", {"llm", "embedding", "tool"}),
        ("error_kind", {None, "OverloadedError", "RateLimitError", "LengthFinishReasonError"}),
        ("usage_estimated", {0, 1}),
    ],
)
def test_the_product_is_varied(place: Workspace, calls: str, column: str, values: set[Any]) -> None:
    assert {row[0] for row in place.engine.rows(f"SELECT DISTINCT {column} FROM {calls}")} == values


def test_a_few_customers_pay_for_most(place: Workspace, calls: str) -> None:
    found = place.engine.rows(
        f"SELECT count(*) FROM (SELECT {place.engine.json_text('metadata', 'customer_id')} AS customer FROM {calls}) "
        "WHERE customer IS NOT NULL GROUP BY customer ORDER BY 1 DESC"
    )
    counts = [row[0] for row in found]
    assert len(counts) == 40
    assert sum(counts[:5]) > sum(counts) / 2


def test_weekends_are_quiet(place: Workspace, calls: str) -> None:
    ((weekend, weekday),) = place.engine.rows(
        "SELECT avg(n) FILTER (WHERE isodow(day) >= 6), avg(n) FILTER (WHERE isodow(day) < 6) "
        f"FROM (SELECT day, count(*) AS n FROM {calls} GROUP BY day)"
    )
    assert 0.2 < weekend / weekday < 0.5


def test_pulling_twice_changes_nothing(place: Workspace) -> None:
    before = place.ledger.snapshot().manifest
    everything = place.window("2026-09-23", "2026-11-21")
    assert [done.seen for done in place.pull("demo", everything)] == [0]
    (*_, again) = place.pull("demo", place.window("2026-11-09", "2026-11-10"), full=True)
    assert (again.calls, again.removed) == (0, 0)
    assert again.seen > 0
    assert place.ledger.snapshot().manifest == before


def test_a_configured_customer_is_a_dimension_and_no_longer_metadata() -> None:
    dimensions = ("feature", "customer_id")
    call = next(
        call
        for call in calls_of_day(DAYS[0], demo.HISTORY, "demo", dimensions)
        if call.dimensions[1] is not None
    )
    assert call.dimensions[1] in product.CUSTOMERS
    assert call.metadata is not None
    assert set(msgspec.json.decode(call.metadata)) >= {"env", "region", "team", "user_tier"}
    assert "customer_id" not in call.metadata


def batches(
    place: Workspace, since: str, until: str, marks: dict[str, int], full: bool = False
) -> list[Batch]:
    window = place.window(since, until)
    return list(demo.read(window, source="demo", dimensions=("feature",), watermarks=marks, full=full))


def day_of(batch: Batch) -> int:
    return batch.calls[0].started_at // product.DAY - product.BEGIN // product.DAY


def test_what_is_held_stays_one_stretch(place: Workspace) -> None:
    first = batches(place, "2026-10-03", "2026-10-04", {})
    assert [day_of(batch) for batch in first] == [10, 11]
    assert first[0].watermarks is None
    marks = dict(first[-1].watermarks or {})
    assert batches(place, "2026-10-03", "2026-10-04", marks) == []
    assert [day_of(batch) for batch in batches(place, "2026-10-07", "2026-10-07", marks)] == [12, 13, 14]
    older = batches(place, "2026-10-01", "2026-10-01", marks)
    assert [day_of(batch) for batch in older] == [8, 9]
    held = older[-1].watermarks or {}
    assert (held["from:prod-chat"], held["upto:prod-chat"]) == (DAYS[8], DAYS[12])
    again = batches(place, "2026-10-07", "2026-10-07", marks, full=True)
    assert [day_of(batch) for batch in again] == [12, 13, 14]


def test_days_before_and_after_the_history_hold_nothing(place: Workspace) -> None:
    assert batches(place, "2026-01-01", "2026-09-22", {}) == []
    assert batches(place, "2026-11-22", "2027-01-01", {}) == []


def test_a_window_of_another_time_zone_cuts_the_days_where_it_begins_and_ends(place: Workspace) -> None:
    window = place.window("2026-10-05", "2026-10-05", "America/New_York")
    found = [
        call
        for batch in demo.read(window, source="demo", dimensions=(), watermarks={})
        for call in batch.calls
    ]
    assert {call.started_at // product.DAY - product.BEGIN // product.DAY for call in found} == {12, 13}
    assert min(call.started_at for call in found) >= product.instant(2026, 10, 5, 4)
    assert max(call.started_at for call in found) < product.instant(2026, 10, 6, 4)


def test_two_histories_are_never_added_up(opened: Opened, tmp_path: Path) -> None:
    one = opened(tmp_path)
    list(one.pull("demo", one.window("2026-10-05", "2026-10-05")))
    other = opened(tmp_path, history="elsewhere")
    with pytest.raises(InputError, match="holds history '1' of source 'demo', not 'elsewhere'"):
        list(other.pull("demo", other.window("2026-10-05", "2026-10-06")))
