"""Every cause that was planted can be seen in the ledger, from its moment on and not before."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from whyspend.sources.demo import product as product
from whyspend.workspace import Workspace


@pytest.fixture
def rows(place: Workspace, calls: str) -> Callable[[str], Any]:
    """Asks SQL of the table `demo_calls`."""
    assert calls == "demo_calls"
    return place.engine.rows


def cost(place: Workspace, since: str, until: str, by: str, *where: str) -> dict[Any, dict[str, Any]]:
    answer = place.ask("report", place.window(since, until), by=(by,), where=where)
    names = [column.name for column in answer.columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in answer.rows}


def test_the_agent_makes_about_twice_the_calls_per_request_since_it_loops(rows: Callable[[str], Any]) -> None:
    before, after = (
        calls / requests
        for calls, requests in rows(
            "SELECT count(*), sum(request_root) FROM demo_calls WHERE feature = 'agent-copilot' "
            f"GROUP BY began >= {product.LOOP_SINCE} ORDER BY began >= {product.LOOP_SINCE}"
        )
    )
    assert 1.8 < after / before < 2.3


def test_the_loop_began_at_its_moment_with_its_release(rows: Callable[[str], Any]) -> None:
    traces = rows(
        "SELECT min(began), min(release), count(*) FROM demo_calls WHERE feature = 'agent-copilot' AND kind = 'llm' "
        "AND status = 'success' GROUP BY trace_id"
    )
    for began, release, made in traces:
        loops = began >= product.LOOP_SINCE
        assert (made >= 10) if loops else (made <= 8)
        assert (release in ("2.14.0", "2.14.1")) == loops


def test_the_prompt_of_search_doubled_at_its_moment(rows: Callable[[str], Any]) -> None:
    ((short, long),) = rows(
        f"SELECT avg(prompt_total) FILTER (WHERE began < {product.PROMPT_SINCE}), "
        f"avg(prompt_total) FILTER (WHERE began >= {product.PROMPT_SINCE}) "
        "FROM demo_calls WHERE call_site = 'search / answer / ChatOpenAI' AND usage_source IS NOT NULL "
        "AND env = 'production'"
    )
    assert 1.9 < long / short < 2.1


def test_the_rest_of_search_did_not_change_with_its_prompt(rows: Callable[[str], Any]) -> None:
    ((before, after),) = rows(
        f"SELECT avg(prompt_total) FILTER (WHERE began < {product.PROMPT_SINCE}), "
        f"avg(prompt_total) FILTER (WHERE began >= {product.PROMPT_SINCE}) "
        "FROM demo_calls WHERE call_site = 'search / rewrite / ChatOpenAI'"
    )
    assert 0.95 < after / before < 1.05


def test_the_summarizer_switched_its_model_at_its_moment(rows: Callable[[str], Any]) -> None:
    found = rows(
        f"SELECT began >= {product.SWITCH_SINCE}, model_answered, min(release) FROM demo_calls "
        "WHERE root_name = 'summarize_document' GROUP BY ALL ORDER BY ALL"
    )
    assert [(switched, model) for switched, model, _ in found] == [
        (False, "gpt-4o-2024-08-06"),
        (True, "gpt-5.4-mini-2026-03-17"),
    ]
    assert found[1][2] == "2.12.0"


@pytest.mark.parametrize(
    ("day", "per_input", "per_output"),
    [
        ("2026-10-19", "0.68", "2.09"),
        ("2026-10-20", "1.36", "4.18"),
        ("2026-10-28", "1.36", "4.18"),
        ("2026-10-29", "0.70", "2.10"),
    ],
)
def test_email_drafts_cost_what_the_list_said_on_the_day(
    place: Workspace, day: str, per_input: str, per_output: str
) -> None:
    row = cost(place, day, day, "feature", "feature=email-drafts")["email-drafts"]
    million = Decimal(1_000_000)
    expected = (
        row["input_tokens"] * Decimal(per_input) / million
        + row["output_tokens"] * Decimal(per_output) / million
    )
    assert row["cost_usd"] == expected


def test_the_nightly_job_is_a_batch_since_there_are_batch_prices(rows: Callable[[str], Any]) -> None:
    found = rows(
        "SELECT price_context, min(began), max(began) FROM demo_calls WHERE root_name = 'nightly_digest' "
        "GROUP BY ALL ORDER BY ALL"
    )
    (usual, _, last), (batch, first, _) = found
    assert (usual, batch) == ("", "processing=batch")
    assert last < product.BATCH_SINCE <= first


def test_only_the_unknown_model_and_calls_without_counts_are_unpriced(
    place: Workspace, rows: Callable[[str], Any]
) -> None:
    unpriced = {
        model: row["unpriced_calls"]
        for model, row in cost(place, "2026-09-23", "2026-11-21", "model").items()
        if row["unpriced_calls"]
    }
    ((uncounted, unknown),) = rows(
        "SELECT count(*) FILTER (WHERE usage_source IS NULL AND kind <> 'tool'), "
        "count(*) FILTER (WHERE provider = 'kestrel') FROM demo_calls"
    )
    assert unpriced.pop("kestrel-1-preview") == unknown
    assert sum(unpriced.values()) == uncounted
    assert set(unpriced) == {"claude-sonnet-4-6", "gpt-4.1"}


def test_the_unknown_model_is_a_handful_of_calls_in_staging(rows: Callable[[str], Any]) -> None:
    ((count, first, environments, features),) = rows(
        "SELECT count(*), min(began), list(DISTINCT env), list(DISTINCT feature) FROM demo_calls "
        "WHERE provider = 'kestrel'"
    )
    assert 5 <= count <= 40
    assert first >= product.UNKNOWN_SINCE
    assert (environments, features) == (["staging"], ["email-drafts"])
