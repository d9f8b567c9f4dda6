"""Each convention of spans gives the exact tokens, names, owners and costs."""

import json
import re
from typing import Any

import pytest
from tests.wire.otlp_payloads import (
    DATA,
    MARKER,
    START,
    calls_of,
    counted,
    llm,
    recorded,
    records_of,
    request,
    settled,
    span,
)
from tests.wire.payloads import tokens

from whyspend.wire.ingest import LARGEST_PART
from whyspend.wire.otlp import names, read_json
from whyspend.wire.otlp.names import is_read

TOKENS: dict[str, dict[str, int]] = {
    "genai_latest": {"input": 76, "cache_read": 1024, "cache_write": 100, "output": 172, "reasoning": 128},
    "genai_1_36": {"input": 100, "output": 20},
    "openinference": {
        "input": 5000,
        "cache_read": 40000,
        "cache_write": 5000,
        "output": 150,
        "reasoning": 50,
    },
    # Traceloop's Bedrock and OpenLIT's Anthropic leave the cache out of the input.
    "traceloop_bedrock": {"input": 12, "cache_read": 4000, "cache_write": 100, "output": 50},
    "openlit_anthropic": {"input": 500, "cache_read": 300, "output": 40},
    # Version 6 of the Vercel AI SDK counts the cache in, version 5 does not: the provider's own count tells.
    "vercel_6": {"input": 12, "cache_read": 4000, "cache_write": 200, "cache_write_1h": 500, "output": 90},
    "vercel_5": {"input": 12, "cache_read": 4000, "cache_write": 200, "cache_write_1h": 500, "output": 90},
    "vercel_embed": {"input": 8},
    # Of 120: text 87, audio 5 of which 2 were cached, cached 30 of which 2 were audio.
    "pydantic_ai": {
        "input": 87,
        "cache_read": 28,
        "input_audio": 3,
        "cache_read_audio": 2,
        "output": 33,
        "output_audio": 7,
    },
    "langfuse": {"input": 80, "cache_read": 30, "output": 40, "reasoning": 10},
    "langsmith": {"input": 176, "cache_read": 1024, "output": 172, "reasoning": 128},
}

STORIES: dict[str, dict[str, Any]] = {
    "genai_latest": {
        "project": "shop",
        "provider": "openai",
        "model_requested": "gpt-5.4-mini",
        "model_answered": "gpt-5.4-mini-2026-03-01",
        "price_context": "service_tier=flex",
        "first_token_ms": 250,
        "latency_ms": 900,
        "thread_id": "conv-1",
        "release": "2.14.0",
        "root_name": "invoke_agent helper",
        "call_site": "invoke_agent helper / chat gpt-5.4-mini",
        "dimensions": ("rag-search", "prod", "pro"),
        "attributed": ("call", "environment", "root"),
        "usage_flag": None,
    },
    "genai_1_36": {"provider": "openai", "price_context": "", "usage_flag": None},
    "openinference": {
        "project": "prod-chat",
        "provider": "anthropic",
        "model_requested": "claude-sonnet-4-5",
        "thread_id": "s-9",
        "first_token_ms": 400,
        "tags": ("blue", "slow"),
        "metadata": '{"customer":"acme","langgraph_node":"answer","service.name":"shop"}',
        "dimensions": ("summarizer", None, None),
        "call_site": "LangGraph / answer / ChatAnthropic",
        "reported_cost": 48_750_000_000,
        "reported_input_cost": 45_750_000_000,
        "reported_output_cost": 3_000_000_000,
    },
    "traceloop_bedrock": {
        "provider": "aws.bedrock",
        "prompt_total": 4112,
        "usage_flag": "additive",
        "thread_id": "t-1",
        "root_name": "draft_email",
        "call_site": "draft_email / bedrock.converse",
        "dimensions": ("email-drafts", None, None),
    },
    "openlit_anthropic": {
        "prompt_total": 800,
        "usage_flag": "additive",
        "reported_cost": 730_000_000,
        "first_token_ms": 400,
        "dimensions": (None, "staging", None),
    },
    "vercel_6": {
        "prompt_total": 4712,
        "usage_flag": None,
        "provider": "anthropic.messages",
        "model_answered": "claude-sonnet-4-5-20250929",
        "first_token_ms": 310,
        "thread_id": "x",
        "dimensions": ("support-bot", None, "free"),
    },
    "vercel_5": {"prompt_total": 4712, "usage_flag": "additive"},
    "vercel_embed": {"kind": "embedding", "model_requested": "text-embedding-3-small"},
    "pydantic_ai": {
        "prompt_total": 120,
        "usage_flag": None,
        "reported_cost": 900_000_000,
        "dimensions": ("support", None, None),
        "attributed": ("root", None, None),
    },
    "langfuse": {
        "model_requested": "gpt-4.1",
        "prompt_total": 110,
        "completion_total": 50,
        "reported_cost": 600_000_000,
        "reported_input_cost": 200_000_000,
        "reported_output_cost": 400_000_000,
        "first_token_ms": 500,
        "thread_id": "sess",
        "release": "v7",
        "tags": ("beta",),
        "root_name": "ask",
        "dimensions": ("chat", "prod", "pro"),
        "metadata": '{"user.id":"u-1"}',
    },
    "langsmith": {
        "project": "prod-agents",
        "provider": "azure",
        "thread_id": "th-1",
        "release": "abc123",
        "tags": ("seq:step:1", "blue"),
        "dimensions": ("agent", None, None),
        "usage_flag": None,
    },
}


@pytest.mark.parametrize("name", TOKENS)
def test_the_tokens_of_a_convention_are_exact(name: str) -> None:
    call = recorded(name)
    assert tokens(call) == TOKENS[name]
    assert call.usage_source == "metadata"
    sides = ("input", "cache"), ("output", "reasoning")
    given, made = (
        sum(count for key, count in tokens(call).items() if key.startswith(side)) for side in sides
    )
    assert (given, made) == (call.prompt_total, call.completion_total)


@pytest.mark.parametrize("name", STORIES)
def test_names_owners_times_and_costs_are_found(name: str) -> None:
    call = recorded(name)
    assert {key: getattr(call, key) for key in STORIES[name]} == STORIES[name]
    assert START <= call.started_at < START + 1_000_000


def test_every_payload_is_looked_at() -> None:
    assert {path.stem for path in DATA.glob("*.json")} == {*TOKENS, "failed", "paid_tool"}


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: str(path.stem))
def test_no_text_of_a_prompt_or_an_answer_is_kept(path: Any) -> None:
    body = path.read_bytes()
    assert MARKER.encode() in body
    batch = read_json(body, ("feature", "env", "user_tier"))
    assert batch is not None
    assert MARKER not in repr(batch)
    assert MARKER not in repr(records_of(body))


def test_a_failed_call_keeps_the_class_of_its_error_and_never_the_message() -> None:
    call = recorded("failed")
    assert (call.status, call.error_kind) == ("error", "anthropic.RateLimitError")
    assert (call.usage_flag, call.usage_source) == ("missing", None)
    said = span(
        1, status={"code": 2}, attributes={"gen_ai.request.model": "m", "error.type": "no such key: sk-1"}
    )
    (record,) = settled(said).calls
    assert record.call is not None
    assert (record.call.status, record.call.error_kind) == ("error", None)


def test_a_tool_counts_at_the_cost_it_reports_and_an_agent_s_sum_does_not() -> None:
    call = recorded("paid_tool")
    assert (call.kind, call.reported_cost, call.name) == ("tool", 10_000_000_000, "execute_tool web_search")
    assert (call.dimensions[0], call.attributed[0]) == ("research", "root")


@pytest.mark.parametrize("scope", ["opentelemetry.instrumentation.bedrock", "openlit.otel.tracing", "test"])
@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_whether_the_cache_is_within_the_input_is_decided_by_scope_and_provider(
    scope: str, provider: str
) -> None:
    call = counted(
        scope=scope,
        gen_ai__provider__name=provider,
        gen_ai__usage__input_tokens=500,
        gen_ai__usage__output_tokens=1,
        gen_ai__usage__cache_read__input_tokens=300,
    )
    apart = scope.endswith("bedrock") or (scope.startswith("openlit") and provider == "anthropic")
    assert call.input_tokens == (500 if apart else 200)
    assert call.usage_flag == ("additive" if apart else None)


def test_a_cache_larger_than_the_input_comes_on_top_whatever_the_scope() -> None:
    call = counted(gen_ai__usage__input_tokens=12, gen_ai__usage__cache_read_input_tokens=4000)
    assert (call.input_tokens, call.prompt_total, call.usage_flag) == (12, 4012, "additive")


def test_counts_that_cannot_all_be_true_are_flagged_and_kept_as_they_came() -> None:
    call = counted(
        gen_ai__usage__input_tokens=10, gen_ai__usage__output_tokens=5, gen_ai__usage__total_tokens=99
    )
    assert (call.input_tokens, call.output_tokens, call.usage_flag) == (10, 5, "contradiction")
    assert call.usage_raw is not None and '"total_tokens":99' in call.usage_raw


def test_a_reported_cost_is_read_exactly_and_kept_as_it_is() -> None:
    call = counted(
        gen_ai__request__model="m",
        gen_ai__usage__input_tokens=10,
        gen_ai__cost__total_cost=0.0342,
        gen_ai__cost__input_cost="0.03",
    )
    assert (call.reported_cost, call.reported_input_cost) == (34_200_000_000, 30_000_000_000)
    assert counted(gen_ai__request__model="m").reported_cost is None
    assert counted(gen_ai__request__model="m", gen_ai__usage__cost="none").reported_cost is None


def test_langfuse_parts_beyond_the_total_are_within_input_and_output() -> None:
    details = '{"input":6,"output":2055,"completion_details.reasoning":1104,"total":2061}'
    call = counted(langfuse__observation__type="generation", langfuse__observation__usage_details=details)
    assert tokens(call) == {"input": 6, "output": 951, "reasoning": 1104}


OUTPUTS: dict[str, Any] = {
    "generations": [
        [
            {
                "text": MARKER,
                "message": {
                    "lc": 1,
                    "kwargs": {
                        "content": MARKER,
                        "usage_metadata": {
                            "input_tokens": 1200,
                            "output_tokens": 300,
                            "total_tokens": 1500,
                            "input_token_details": {"cache_read": 1024},
                            "output_token_details": {"reasoning": 128},
                        },
                        "response_metadata": {"model_name": "gpt-4o-2024-08-06", "service_tier": "flex"},
                    },
                },
            }
        ]
    ],
    "llm_output": None,
}
"""What LangChain's ChatOpenAI gives a tracer."""


@pytest.mark.parametrize("scope", ["langsmith", "test"])
def test_the_outputs_in_langsmith_s_own_spans_tell_more_than_the_totals(scope: str) -> None:
    said = {"gen_ai.completion": json.dumps(OUTPUTS)}
    body = request(llm(1, tokens=(1200, 300), attributes=said), scope=scope)
    (call,) = calls_of(records_of(body))
    if scope == "test":
        assert (tokens(call), call.model_answered) == ({"input": 1200, "output": 300}, None)
        return
    assert tokens(call) == {"input": 176, "cache_read": 1024, "output": 172, "reasoning": 128}
    assert (call.usage_source, call.usage_flag) == ("generations", None)
    assert (call.model_answered, call.price_context) == ("gpt-4o-2024-08-06", "service_tier=flex")
    assert MARKER not in repr(read_json(body, ())) + repr(records_of(body))


@pytest.mark.parametrize(
    "outputs",
    [
        *("", "{", "[]", "3", MARKER, '{"usage_metadata": 3}', '{"usage_metadata":{"input_tokens":0}}'),
        json.dumps({**OUTPUTS, "more": "x" * LARGEST_PART}),
        {"intValue": "3"},
        {"stringValue": None},
    ],
    ids=lambda outputs: str(outputs)[:40],
)
def test_where_outputs_tell_no_usage_the_totals_count(outputs: Any) -> None:
    said = {"gen_ai.completion": outputs}
    (call,) = calls_of(records_of(request(llm(1, attributes=said), scope="langsmith")))
    assert (tokens(call), call.usage_source) == ({"input": 100, "output": 20}, "metadata")


def test_a_model_without_counts_is_a_call_whose_usage_is_missing() -> None:
    call = counted(gen_ai__response__model="gpt-4-0613")
    assert (call.model_answered, call.usage_flag, call.usage_source) == ("gpt-4-0613", "missing", None)
    zeros = counted(gen_ai__request__model="m", gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=0)
    assert zeros.usage_flag == "missing"


def test_a_span_of_anything_else_is_no_call() -> None:
    assert settled(span(1, attributes={"http.request.method": "GET"})).calls == []
    assert (
        settled(
            span(1, attributes={"gen_ai.operation.name": "fetch_response", "gen_ai.usage.input_tokens": 9})
        ).calls
        == []
    )


@pytest.mark.parametrize(
    ("said", "resource", "found"),
    [
        ({"customer.id": "a"}, {}, ("a", "call")),
        ({"customer_id": "a"}, {"customer_id": "b"}, ("a", "call")),
        ({"litellm.metadata.customer_id": "a"}, {}, ("a", "call")),
        ({"metadata": '{"customer_id": 7}'}, {}, ("7", "call")),
        ({}, {"customer.id": "b"}, ("b", "environment")),
        ({"customer_id": " "}, {}, (None, None)),
    ],
)
def test_a_dimension_is_found_wherever_it_may_be_said(
    said: dict[str, Any], resource: dict[str, Any], found: tuple[str | None, str | None]
) -> None:
    body = request(llm(1, attributes=said), resource=resource)
    (call,) = calls_of(records_of(body, ("customer_id",)))
    assert (call.dimensions[0], call.attributed[0]) == found


def test_a_service_without_a_name_is_called_as_the_source() -> None:
    (record,) = settled(
        span(1, attributes={"gen_ai.request.model": "m"}), resource={"service.name": "unknown_service:python"}
    ).calls
    assert record.call is not None and record.call.project == "otel"


def test_the_page_names_every_attribute_that_is_read_in_its_order() -> None:
    page = (
        (DATA.parents[2] / "docs" / "otlp.md").read_text(encoding="utf-8").partition("<!-- attributes -->")[2]
    )
    named = [re.findall(r"`([^`]+)`", row.split("|")[2]) for row in page.splitlines() if "`" in row]
    tables = [
        item for item in vars(names).values() if isinstance(item, tuple) and item and "." in "".join(item)
    ]
    listed = [list(item) for item in tables if item is not names.FIRST_TOKEN_EVENTS]
    assert [item for item in listed if item not in named] == []
    singles = (
        *(names.USAGE_DETAILS, names.COST_DETAILS, names.PROVIDER_METADATA, names.INPUT_DETAILS),
        *(names.OUTPUT_DETAILS, names.FIRST_TOKEN_AT, names.LEVEL),
    )
    assert set(singles) <= {name for row in named for name in row}
    assert all(is_read(name, ()) or name.endswith(".") for row in named for name in row)
