"""Every rule about tokens, with a recorded or documented payload."""

import json
from typing import Any

import pytest
from tests.wire.payloads import Json, call_of, counted, recorded, tokens, v1_run, v2_run, written

from whyspend.model import Call
from whyspend.wire.langsmith import read_page, to_call

NORMAL = {"input": 176, "cache_read": 1024, "output": 172, "reasoning": 128}
LANGCHAIN = {
    "input_tokens": 1200,
    "output_tokens": 300,
    "total_tokens": 1500,
    "input_token_details": {"audio": 0, "cache_read": 1024},
    "output_token_details": {"audio": 0, "reasoning": 128},
}


def recorded_calls(name: str) -> list[Call]:
    runs = read_page(recorded(name), "v1").runs
    calls = [to_call(run, source="prod", project="chat", dimensions=("feature",)) for run in runs]
    return [call for call in calls if call is not None]


def of_feature(name: str, feature: str) -> list[Call]:
    return [call for call in recorded_calls(name) if call.dimensions == (feature,)]


def test_details_are_parts_of_the_totals() -> None:
    call = counted(
        1200, 300, {"audio": 0, "cache_read": 1024}, {"audio": 0, "reasoning": 128}, total_tokens=1500
    )
    assert tokens(call) == NORMAL
    assert (call.prompt_total, call.completion_total) == (1200, 300)
    assert (call.usage_source, call.usage_flag, call.usage_raw, call.usage_estimated) == (
        "server",
        None,
        None,
        0,
    )


def test_counts_without_details_are_all_text() -> None:
    assert tokens(counted(1200, 300)) == {"input": 1200, "output": 300}


def test_the_servers_counts_beat_what_the_run_wrote() -> None:
    call = counted(10, 5, {"cache_read": 4}, {}, metadata={"usage_metadata": LANGCHAIN})
    assert tokens(call) == {"input": 6, "cache_read": 4, "output": 5}
    assert call.usage_source == "server"


def test_details_that_the_server_lacks_are_taken_from_the_run_where_the_totals_agree() -> None:
    assert tokens(counted(1200, 300, metadata={"usage_metadata": LANGCHAIN})) == NORMAL
    assert tokens(counted(1200, 299, metadata={"usage_metadata": LANGCHAIN})) == {
        "input": 1200,
        "output": 299,
    }


def test_a_run_without_server_counts_is_read_from_its_metadata() -> None:
    call = written(LANGCHAIN)
    assert tokens(call) == NORMAL
    assert (call.usage_source, call.usage_estimated) == ("metadata", 0)


def test_zero_counts_of_the_server_are_no_counts() -> None:
    call = counted(0, 0, metadata={"usage_metadata": LANGCHAIN})
    assert (tokens(call), call.usage_source) == (NORMAL, "metadata")


def test_a_run_of_the_sdk_carries_usage_in_its_metadata() -> None:
    (call,) = of_feature("merged_0.15.0.json", "A-direct")
    assert (tokens(call), call.usage_source) == (NORMAL, "metadata")
    assert (call.model_requested, call.model_answered) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")


def test_usage_survives_hidden_outputs() -> None:
    (call,) = of_feature("merged_0.15.0.json", "TEE-hide")
    assert (tokens(call), call.usage_source, call.model_answered) == (NORMAL, "metadata", None)


def test_langchain_of_the_old_sdk_carries_usage_only_in_its_generations() -> None:
    calls = of_feature("merged_0.2.11.json", "A-direct")
    assert [(tokens(call), call.usage_source) for call in calls] == [(NORMAL, "generations")]
    assert calls[0].model_answered == "gpt-4o-mini-2024-07-18"


def test_wrap_openai_of_the_old_sdk_carries_usage_in_its_outputs() -> None:
    sources = [call.usage_source for call in of_feature("merged_0.2.11.json", "D2-ctx-traceable")]
    assert sources == ["generations", "outputs"]


def test_a_stream_without_usage_is_missing_its_counts() -> None:
    for feature in ("A2-stream-default", "E-openai-stream-nousage"):
        (call,) = of_feature("merged_0.15.0.json", feature)
        assert (call.usage_flag, call.usage_source, tokens(call)) == ("missing", None, {})


def test_counts_that_nothing_reported_are_estimates_of_langsmith() -> None:
    """The server counts with tiktoken and says so nowhere."""
    assert counted(1200, 300).usage_estimated == 1
    assert counted(1200, 300, {"cache_read": 0}).usage_estimated == 0
    assert counted(1200, 300, metadata={"usage_metadata": {"input_tokens": 7}}).usage_estimated == 0
    assert counted(1200, 300, metadata={"usage_metadata": {"total_cost": 1}}).usage_estimated == 1
    assert counted(1200, 0, run_type="EMBEDDING").usage_estimated == 0


def test_outputs_prove_that_counts_were_reported() -> None:
    run = v1_run(prompt_tokens=3, completion_tokens=4, outputs={"usage_metadata": LANGCHAIN})
    assert call_of(run, "v1").usage_estimated == 0
    assert call_of(run | {"outputs": {"answer": "hello"}}, "v1").usage_estimated == 1


def generation(**kwargs: Any) -> Json:
    return {"text": "Hello", "message": {"kwargs": {"content": "Hello", **kwargs}}}


def test_generations_of_one_run_are_added_up() -> None:
    one = generation(usage_metadata=LANGCHAIN)
    call = call_of(v1_run(outputs={"generations": [[one], [one]]}), "v1")
    assert tokens(call) == {name: 2 * count for name, count in NORMAL.items()}


def test_two_choices_that_repeat_the_usage_of_the_response_count_once() -> None:
    """ChatOpenAI with n=2 writes the usage of the whole response on each choice."""
    one = generation(usage_metadata=LANGCHAIN)
    whole = {"token_usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}}
    call = call_of(v1_run(outputs={"generations": [[one, one]], "llm_output": whole}), "v1")
    assert tokens(call) == NORMAL


def test_details_that_old_langchain_leaves_out_come_from_the_providers_own_object() -> None:
    """langchain-openai before 0.2.3 has the totals alone; the same answer has OpenAI's own words beside them."""
    one = generation(usage_metadata={"input_tokens": 1200, "output_tokens": 300, "total_tokens": 1500})
    said: Json = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}
    said["prompt_tokens_details"] = {"cached_tokens": 1024}
    said["completion_tokens_details"] = {"reasoning_tokens": 128}
    for choices in ([one], [one, one]):
        whole = {"token_usage": said}
        call = call_of(v1_run(outputs={"generations": [choices], "llm_output": whole}), "v1")
        assert (tokens(call), call.usage_source) == (NORMAL, "generations")
    other = {"token_usage": said | {"prompt_tokens": 1201}}
    call = call_of(v1_run(outputs={"generations": [[one]], "llm_output": other}), "v1")
    assert tokens(call) == {"input": 1200, "output": 300}


def test_openais_own_usage_object_is_the_last_resort() -> None:
    usage = {
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "total_tokens": 1500,
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 1024, "cache_write_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 128, "rejected_prediction_tokens": 9},
    }
    for outputs in (
        {"generations": [[generation(response_metadata={"token_usage": usage})]]},
        {"llm_output": {"token_usage": usage}},
    ):
        call = call_of(v1_run(outputs=outputs), "v1")
        assert (tokens(call), call.usage_source) == (NORMAL, "llm_output")


def test_anthropics_own_usage_object_leaves_the_cache_out_of_its_input() -> None:
    usage = {
        "input_tokens": 12,
        "output_tokens": 50,
        "cache_read_input_tokens": 4000,
        "cache_creation_input_tokens": 500,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 400},
        "server_tool_use": {"web_search_requests": 3},
    }
    call = call_of(v1_run(outputs={"llm_output": {"usage": usage, "model": "claude-sonnet-4-5"}}), "v1")
    assert tokens(call) == {
        "input": 12,
        "cache_read": 4000,
        "cache_write": 100,
        "cache_write_1h": 400,
        "output": 50,
    }
    assert (call.prompt_total, call.web_searches, call.model_answered) == (4512, 3, "claude-sonnet-4-5")
    assert call.usage_flag is None


def test_writes_to_the_cache_are_split_by_lifetime() -> None:
    """LangChain sets cache_creation to 0 where the lifetimes are known."""
    details = {
        "cache_read": 10,
        "cache_creation": 0,
        "ephemeral_5m_input_tokens": 200,
        "ephemeral_1h_input_tokens": 300,
    }
    call = counted(1000, 5, details)
    assert tokens(call) == {
        "input": 490,
        "cache_read": 10,
        "cache_write": 200,
        "cache_write_1h": 300,
        "output": 5,
    }
    assert call.usage_flag is None


@pytest.mark.parametrize(
    ("written_in_all", "short", "long", "expected", "flag"),
    [
        (500, 500, 0, (500, 0), None),
        (500, 0, 500, (0, 500), None),
        (700, 100, 500, (200, 500), None),
        (300, 100, 500, (100, 500), "contradiction"),
    ],
)
def test_a_write_that_is_told_twice_counts_once(
    written_in_all: int, short: int, long: int, expected: tuple[int, int], flag: str | None
) -> None:
    """Langsmith-sdk issue 2150: both the sum and the lifetimes."""
    details = {
        "cache_creation": written_in_all,
        "ephemeral_5m_input_tokens": short,
        "ephemeral_1h_input_tokens": long,
    }
    call = counted(1000, 5, details)
    assert (call.cache_write_tokens, call.cache_write_1h_tokens) == expected
    assert call.input_tokens == 1000 - sum(expected)
    assert call.usage_flag == flag
    assert call.usage_raw is not None


def test_a_cache_larger_than_the_input_came_on_top_of_it() -> None:
    """Old wrap_anthropic and old ChatBedrockConverse (langsmith-sdk issue 1858: negative costs)."""
    call = counted(12, 50, {"cache_read": 4000}, total_tokens=62)
    assert tokens(call) == {"input": 12, "cache_read": 4000, "output": 50}
    assert (call.prompt_total, call.usage_flag) == (4012, "additive")


def test_a_total_that_is_the_sum_of_all_shows_a_cache_on_top() -> None:
    call = counted(5000, 50, {"cache_read": 4000}, total_tokens=9050)
    assert tokens(call) == {"input": 5000, "cache_read": 4000, "output": 50}
    assert (call.prompt_total, call.usage_flag) == (9000, "additive")


@pytest.mark.parametrize(
    ("sdk_version", "prompt_total"), [("0.7.13", 3500), ("0.7.14", 2000), ("0.15.0", 2000)]
)
def test_wrap_anthropic_before_0_7_14_left_the_cache_out(sdk_version: str, prompt_total: int) -> None:
    run = v1_run(
        metadata={"ls_provider": "anthropic", "ls_method": "traceable"},
        extra={"runtime": {"sdk": "langsmith-py", "sdk_version": sdk_version}},
        prompt_tokens=2000,
        completion_tokens=10,
        prompt_token_details={"cache_read": 1500},
    )
    assert call_of(run, "v1").prompt_total == prompt_total
    run["extra"]["invocation_params"] = {"model": "claude-sonnet-4-5"}
    assert call_of(run, "v1").prompt_total == 2000, "LangChain, which inherits ls_method within a @traceable"


def test_thoughts_that_geminis_wrapper_leaves_out_come_on_top() -> None:
    details = {"cache_read": 40, "cache_read_over_200k": 0, "over_200k": 0}
    call = counted(100, 20, details, {"reasoning": 30, "over_200k": 0}, total_tokens=150)
    assert tokens(call) == {"input": 60, "cache_read": 40, "output": 20, "reasoning": 30}
    assert (call.completion_total, call.usage_flag, call.usage_raw) == (50, "additive", None)


def test_the_runs_own_total_shows_thoughts_on_top_where_the_servers_is_a_plain_sum() -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 150,
        "output_token_details": {"reasoning": 15},
    }
    call = counted(100, 20, None, {"reasoning": 30}, total_tokens=120, metadata={"usage_metadata": usage})
    assert (call.completion_total, call.usage_flag) == (50, "additive")


def test_a_gemini_cache_beyond_200k_is_cache_read() -> None:
    details = {"cache_read": 200_000, "cache_read_over_200k": 50_000, "over_200k": 10_000, "text": 260_000}
    assert tokens(counted(260_000, 1, details)) == {"input": 10_000, "cache_read": 250_000, "output": 1}


def test_text_is_no_bucket_of_its_own_and_may_overlap_the_cache() -> None:
    assert tokens(counted(1000, 1, {"text": 1000, "cache_read": 600})) == {
        "input": 400,
        "cache_read": 600,
        "output": 1,
    }


def test_prediction_tokens_are_part_of_the_output() -> None:
    made = {"accepted_prediction_tokens": 40, "rejected_prediction_tokens": 20, "reasoning": 10}
    call = counted(100, 100, None, made)
    assert (tokens(call), call.usage_flag) == ({"input": 100, "output": 90, "reasoning": 10}, None)


def test_audio_that_was_cached_is_in_two_details() -> None:
    call = counted(1000, 1, {"audio": 800, "cache_read": 600})
    assert tokens(call) == {"cache_read": 200, "input_audio": 400, "cache_read_audio": 400, "output": 1}
    assert (call.prompt_total, call.usage_flag) == (1000, None)


def test_images_audio_and_video_have_their_buckets() -> None:
    call = counted(100, 50, {"image": 20, "audio": 10, "video": 5}, {"image": 7, "audio": 6, "video": 5})
    assert tokens(call) == {
        "input": 65,
        "input_audio": 10,
        "input_image": 20,
        "input_video": 5,
        "output": 32,
        "output_audio": 6,
        "output_image": 7,
        "output_video": 5,
    }


def test_the_tier_that_was_served_is_in_the_keys() -> None:
    """Recorded: input 1200 = flex 176 + flex_cache_read 1024."""
    (call,) = of_feature("merged_0.15.0.json", "A3-flex")
    assert (tokens(call), call.price_context, call.usage_flag) == (NORMAL, "service_tier=flex", None)


def test_flex_is_the_input_less_cache_reads_and_still_has_the_writes() -> None:
    given = {"flex": 900, "flex_cache_read": 100, "flex_cache_creation": 300}
    call = counted(1000, 10, given, {"flex": 10, "flex_reasoning": 0})
    assert tokens(call) == {"input": 600, "cache_read": 100, "cache_write": 300, "output": 10}
    assert (call.price_context, call.usage_flag) == ("service_tier=flex", None)


def test_tokens_of_two_tiers_in_one_call_cannot_be_told_apart() -> None:
    call = counted(1000, 10, {"flex": 500, "priority": 500})
    assert (call.price_context, call.usage_flag) == ("", "contradiction")
    assert counted(1000, 10, {"priority": 500}).usage_flag == "contradiction"


def test_a_tier_that_was_only_asked_for_does_not_count() -> None:
    """LangChain copies the parameters of the request, `service_tier` among them, into the metadata."""
    copied = {"service_tier": "flex", "_type": "openai-chat"}
    assert counted(10, 5, metadata=copied).price_context == ""
    assert counted(10, 5, metadata={"service_tier": "flex"}).price_context == "service_tier=flex"
    assert counted(10, 5, metadata={"cache_ttl": "12h"}).price_context == "cache_ttl=12h"


@pytest.mark.parametrize(
    ("usage", "context"),
    [
        ({"service_tier": "batch"}, "processing=batch"),
        ({"service_tier": "standard", "speed": "fast"}, "speed=fast"),
        ({"service_tier": "priority", "inference_geo": "us"}, "inference_geo=us;service_tier=priority"),
        ({"inference_geo": "not_available"}, ""),
        ({"service_tier": "x;processing=batch"}, ""),
    ],
)
def test_the_terms_of_a_response_decide_the_price_context(usage: Json, context: str) -> None:
    outputs = {"generations": [[generation(response_metadata={"usage": {"output_tokens": 1, **usage}})]]}
    assert call_of(v1_run(outputs=outputs), "v1").price_context == context


def test_the_default_tier_of_a_response_says_nothing() -> None:
    assert {call.price_context for call in of_feature("merged_0.15.0.json", "D2-ctx-traceable")} == {""}


@pytest.mark.parametrize(
    ("prompt", "completion", "given", "made", "total"),
    [
        (500, 10, {"audio": 800}, {}, None),
        (500, 10, {"audio": 300, "image": 300, "cache_read": 100}, {}, None),
        (10, 100, {}, {"reasoning": 300}, 110),
        (10, 100, {}, {"audio": 300}, None),
        (10, 100, {}, {}, 50),
        (10, 100, {}, {}, 5000),
        (-5, 100, {}, {}, None),
        (10.5, 100, {}, {}, None),
        (10**30, 100, {}, {}, None),
        (10, 100, {"cache_read": -3}, {}, None),
        (10, 100, {"cache_read": "3"}, {}, None),
        (10, 100, {"cache_read": 2**70}, {}, None),
    ],
)
def test_counts_that_cannot_all_be_true_are_flagged_and_kept(
    prompt: Any, completion: Any, given: Json, made: Json, total: int | None
) -> None:
    call = counted(prompt, completion, given, made, total_tokens=total)
    assert call.usage_flag == "contradiction"
    assert all(count >= 0 for count in tokens(call).values())
    raw = json.loads(call.usage_raw or "")
    assert (raw["input_tokens"], raw["output_tokens"], raw["total_tokens"]) == (prompt, completion, total)


def test_a_contradiction_keeps_both_the_details_and_the_total() -> None:
    call = counted(500, 10, {"audio": 800})
    assert (tokens(call), call.prompt_total) == ({"input_audio": 800, "output": 10}, 500)


def test_an_unknown_kind_of_token_stays_in_the_text_and_is_kept_as_it_came() -> None:
    call = counted(100, 10, {"hologram": 40})
    assert (tokens(call), call.usage_flag) == ({"input": 100, "output": 10}, None)
    assert json.loads(call.usage_raw or "")["input_token_details"] == {"hologram": 40}


def test_whole_floats_are_counts() -> None:
    assert tokens(counted(1200.0, 300.0, {"cache_read": 1024.0})) == {
        "input": 176,
        "cache_read": 1024,
        "output": 300,
    }


def test_a_failed_call_keeps_its_usage_and_without_usage_is_missing_it() -> None:
    kept = counted(100, 10, status="ERROR")
    assert (kept.status, tokens(kept)) == ("error", {"input": 100, "output": 10})
    lost = call_of(v2_run(status="ERROR"))
    assert (lost.status, lost.usage_flag, lost.prompt_total) == ("error", "missing", 0)
