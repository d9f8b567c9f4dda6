"""Whatever an application wrote, an export's rows are what `wire/` makes of the same runs."""

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.sources.export_files import (
    Json,
    Shape,
    close_all,
    differences,
    expected,
    pulled,
    workspace,
    write,
)  # fmt: skip

from whyspend.errors import InputError

DATA = Path(__file__).parents[1] / "data" / "langsmith"
DAY = ("2026-11-10", "2026-11-10")

INPUT_KEYS = (
    "cache_read", "cache_creation", "cache_write", "cache_read_over_200k", "ephemeral_5m_input_tokens",
    "ephemeral_1h_input_tokens", "audio", "image", "video", "text", "over_200k", "flex", "flex_cache_read",
    "flex_cache_creation", "priority", "priority_cache_read", "flex_unheard_of", "tool's \"x\"", "{", "flex_flex",
)  # fmt: skip
OUTPUT_KEYS = ("reasoning", "audio", "image", "video", "text", "citation_tokens", "flex", "flex_reasoning", "priority",
               "accepted_prediction_tokens", "rejected_prediction_tokens", "unheard_of")  # fmt: skip
ODD = (None, -1, 1.5, "12", True, [3], {"a": 1}, 2**60, 700.0)


@pytest.fixture(autouse=True)
def _engines() -> Iterator[None]:
    yield
    close_all()


def run(rng: random.Random, **fields: Any) -> Json:
    """A root LLM run of 2026-11-10 as an export has it."""
    run_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    made: Json = {
        "id": run_id, "trace_id": run_id, "session_id": "5e55", "parent_run_id": None, "parent_run_ids": [],
        "name": "ChatOpenAI", "run_type": "llm", "status": "success", "start_time": "2026-11-10T10:00:00.5",
        "end_time": "2026-11-10T10:00:02.25", "first_token_time": None, "error": None, "tags": None,
        "extra": {"metadata": {}}, "outputs": None,
        "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0,
        "prompt_cost": None, "completion_cost": None, "total_cost": None,
    }  # fmt: skip
    return {**made, **fields}


def below(parent: Json, **fields: Any) -> Json:
    """What makes a run a child of another."""
    parents = [*parent["parent_run_ids"], parent["id"]]
    return {
        "trace_id": parent["trace_id"],
        "parent_run_ids": parents,
        "parent_run_id": parent["id"],
        **fields,
    }


def rows_of(tmp_path: Path, runs: list[Json], shape: Shape = "text") -> dict[str, Json]:
    write(tmp_path / "export" / "runs.parquet", runs, shape)
    return pulled(workspace(tmp_path, tmp_path / "export"), *DAY)


def some_usage(rng: random.Random) -> Json:
    """A usage object, mostly likely, sometimes impossible."""

    def count(most: int) -> Any:
        return rng.choice(ODD) if rng.random() < 0.04 else rng.choice((0, rng.randrange(most), most))

    given = {key: count(600) for key in rng.sample(INPUT_KEYS, rng.randrange(5))}
    made = {key: count(90) for key in rng.sample(OUTPUT_KEYS, rng.randrange(4))}
    plain = rng.choice((0, 500, 1200, 3000)), rng.choice((0, 50, 300))
    numbers = [value for value in (*given.values(), *made.values()) if type(value) is int]
    wholes = (
        None,
        0,
        sum(plain),
        sum(plain) + sum(numbers),
        sum(plain) + max(numbers, default=0),
        sum(plain) + 1,
    )
    usage = {
        "input_tokens": rng.choice(ODD) if rng.random() < 0.05 else plain[0],
        "output_tokens": rng.choice(ODD) if rng.random() < 0.05 else plain[1],
        "total_tokens": rng.choice(wholes),
        "input_token_details": rng.choice(ODD) if rng.random() < 0.03 else given,
        "output_token_details": made,
        "total_cost": rng.choice((None, None, 0.005, "0.0000012345", "free", 1e-7)),
        "input_cost": rng.choice((None, None, 0.004)),
    }
    return {key: value for key, value in usage.items() if rng.random() < 0.93}


def some_metadata(rng: random.Random) -> Json:
    pool: Json = {
        "feature": rng.choice(("rag", "  spaced\u2003", "", None, 7, 1.5, True, ["x"], {"a": 1}, "é" * 300, "\x00x")),
        "env": "production",
        "ls_provider": rng.choice(("openai", "anthropic", 5, "")),
        "ls_model_name": rng.choice(("gpt-4o", None, "m" * 300)),
        "model": "fallback",
        "ls_method": "traceable",
        "langgraph_node": rng.choice(("agent", "a / b", "ChatOpenAI", 3)),
        "thread_id": rng.choice(("t-1", "", 12)),
        "session_id": "s-1",
        "revision_id": rng.choice(("v1.2", None)),
        "ls_tracing_sample_rate": rng.choice((0.5, "0.25", 0, 2, "often", 1)),
        "LANGSMITH_FEATURE": rng.choice(("from-env", " ")),
        "LANGCHAIN_METADATA": rng.choice(('{"env":"parsed","user_tier":3}', "{broken", "[1]", 5)),
        "service_tier": rng.choice(("flex", "Priority", "auto", "batch", "no tier", None, "x" * 40)),
        "speed": rng.choice(("fast", "normal")),
        "cache_ttl": rng.choice(("12h", " 12H", 12)),
        "_type": "openai-chat",
        "customer": rng.choice(("acme", "x" * 257, "", "q\"'\\", "\u2028", 10**22, 3, -2.5, False, None)),
        "a.b/c~d": "pointer",
        "": "empty key",
        "k\nl": "line",
        "temperature": 0.3,
    }  # fmt: skip
    return {key: value for key, value in pool.items() if rng.random() < 0.4}


def some_run(rng: random.Random) -> Json:
    usage = some_usage(rng)
    metadata = some_metadata(rng)
    if rng.random() < 0.8:
        metadata["usage_metadata"] = usage
    version = rng.choice(("0.7.13", "0.7.14", "0.4.60", "0.7.14rc1", "1.0", "0.6.0.post1", 5))
    extra = {
        "metadata": metadata,
        "runtime": {"sdk": "langsmith-py", "sdk_version": version},
        "invocation_params": rng.choice(({"model": "asked"}, {"model_name": "named"}, {}, {"model": 3})),
    }
    agrees = rng.random() < 0.6
    prompt, completion = usage.get("input_tokens"), usage.get("output_tokens")
    counts = {
        "prompt_tokens": prompt
        if agrees and type(prompt) is int and 0 <= prompt < 2**53
        else rng.choice((0, 900, None)),
        "completion_tokens": completion if agrees and type(completion) is int and completion >= 0 else 0,
    }
    cost = rng.choice((None, "0.0006760500", "0.0000000000025", "0.0000000000035", "12.5", "-0.1"))
    status = rng.choice(("success", "SUCCESS", "error", "pending", None))
    return run(
        rng,
        name=rng.choice(("ChatOpenAI", "", None, "n" * 300, "a / b")),
        run_type=rng.choice(("llm", "LLM", "embedding", "tool", "chain", "retriever")),
        status=status,
        error=rng.choice((None, 'openai.RateLimitError("m")', "ValueError: x", "  a.b.C (", "plain", "")),
        end_time=rng.choice((None, "2026-11-10T10:00:02.25", "2026-11-10T09:00:00", "2027-11-10T10:00:00")),
        first_token_time=rng.choice((None, "2026-11-10T10:00:01")),
        tags=rng.choice((None, [], ["a", "b,c"], ["x" * 300, "ok"], ["y" * 300])),
        extra=extra,
        total_tokens=rng.choice(
            (None, 0, (counts["prompt_tokens"] or 0) + (counts["completion_tokens"] or 0), 9)
        ),
        total_cost=cost,
        prompt_cost=rng.choice((None, "0.00000125")),
        **counts,
    )


def test_two_thousand_strange_runs_are_understood_alike(tmp_path: Path) -> None:
    rng = random.Random(5)
    runs = [some_run(rng) for _ in range(1_200)]
    runs += [{**some_run(rng), **below(parent)} for parent in runs[:800:2]]
    runs += [{**some_run(rng), **below(parent)} for parent in runs[1200:1600:2]]
    wanted = expected(runs)
    assert differences(rows_of(tmp_path, runs), wanted) == {}
    assert len(wanted) > 700
    flags = {row["usage_flag"] for row in wanted.values()}
    assert flags == {None, "additive", "contradiction", "additive,contradiction", "missing"}


def provider_usage(rng: random.Random) -> Json:
    if rng.random() < 0.5:
        return {
            "prompt_tokens": rng.choice((1200, 900)),
            "completion_tokens": rng.choice((300, None)),
            "total_tokens": rng.choice((1500, None)),
            "prompt_tokens_details": rng.choice(({"cached_tokens": 1024, "audio_tokens": 0}, None, {})),
            "completion_tokens_details": {"reasoning_tokens": 128},
        }
    return {
        "input_tokens": rng.choice((12, None)),
        "output_tokens": rng.choice((70, None)),
        "cache_read_input_tokens": rng.choice((4000, 0, None)),
        "cache_creation_input_tokens": rng.choice((500, 0)),
        "cache_creation": rng.choice(
            ({"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 0}, None)
        ),
    }


def generation(rng: random.Random) -> Any:
    kwargs: Json = {"content": "the answer"}
    if rng.random() < 0.6:
        kwargs["usage_metadata"] = rng.choice((some_usage(rng), {"input_tokens": 1200, "output_tokens": 300}))
    if rng.random() < 0.5:
        kwargs["response_metadata"] = {rng.choice(("token_usage", "usage")): provider_usage(rng)}
    return {"text": "the answer", "generation_info": {"finish_reason": "stop"}, "message": {"kwargs": kwargs}}


def some_outputs(rng: random.Random) -> Any:
    made: Json = {"generations": [[generation(rng) for _ in range(rng.choice((1, 1, 2)))]]}
    if rng.random() < 0.4:
        made["llm_output"] = {"token_usage": provider_usage(rng)}
    if rng.random() < 0.2:
        made["usage_metadata"] = some_usage(rng)
    return rng.choice(
        (made, made, made, made, made, {}, None, [1], {"generations": None}, {"text": "\ud800"})
    )


def test_usage_that_only_the_outputs_of_old_sdks_have_is_found(tmp_path: Path) -> None:
    rng = random.Random(5)
    runs = []
    for _ in range(600):
        one = some_run(rng)
        if rng.random() < 0.8:
            one["extra"]["metadata"].pop("usage_metadata", None)
        runs.append({**one, "run_type": "llm", "outputs": some_outputs(rng)})
    wanted = expected(runs)
    assert differences(rows_of(tmp_path, runs), wanted) == {}
    assert {"outputs", "generations", "llm_output", "metadata", "server"} <= {
        row["usage_source"] for row in wanted.values()
    }


@pytest.mark.parametrize("sdk", ["0.2.11", "0.15.0"])
def test_what_real_sdks_sent_is_understood_alike(tmp_path: Path, sdk: str) -> None:
    """Recorded runs of langsmith and LangChain, old and new, as an export would hold them."""
    recorded = json.loads((DATA / f"merged_{sdk}.json").read_bytes())["runs"]
    runs = []
    for one in recorded:
        fields = {key: value for key, value in one.items() if key not in ("session_id", "inputs", "events")}
        fields = {**run(random.Random(1)), "parent_run_ids": None, **fields}
        steps = [step.partition("Z")[2] for step in fields["dotted_order"].split(".")[:-1]]
        runs.append({**fields, "parent_run_ids": steps, "session_id": "5e55"})
    write(tmp_path / "export" / "runs.parquet", runs)
    rows = pulled(workspace(tmp_path, tmp_path / "export"), "2026-11-20", "2026-11-23")
    assert differences(rows, expected(runs)) == {}
    assert rows


def test_a_lone_surrogate_or_a_nan_in_the_metadata_costs_nothing_else(tmp_path: Path) -> None:
    rng = random.Random(5)
    usage = {"input_tokens": 12, "output_tokens": 3}
    metadata = {"feature": "rag", "note": "\ud800 x", "score": float("nan"), "usage_metadata": usage}
    rows = rows_of(tmp_path, [run(rng, extra={"metadata": metadata})])
    (row,) = rows.values()
    assert (row["feature"], row["input_tokens"], row["usage_source"]) == ("rag", 12, "metadata")


def test_a_run_whose_extra_is_no_json_still_counts(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path, [run(random.Random(5), extra="{cut off", prompt_tokens=90, completion_tokens=10)]
    )
    (row,) = rows.values()
    assert (row["input_tokens"], row["output_tokens"], row["usage_estimated"]) == (90, 10, 1)


def test_a_run_without_a_start_is_not_lost_in_silence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no start_time that can be read"):
        rows_of(tmp_path, [run(random.Random(5), start_time="yesterday")])


def test_tags_and_extra_may_be_nested_columns(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    connection = duckdb.connect()
    connection.execute(
        "COPY (SELECT 'r1' AS id, 'llm' AS run_type, '2026-11-10 10:00:00' AS start_time, ['a'] AS tags, "
        "{'metadata': {'feature': 'rag', 'usage_metadata': {'input_tokens': 7, 'output_tokens': 2}}} AS extra) "
        f"TO '{tmp_path}/export/a.parquet' (FORMAT parquet)"
    )
    connection.close()
    rows = pulled(workspace(tmp_path, tmp_path / "export"), *DAY)
    assert [(row["feature"], row["input_tokens"], row["tags"], row["project"]) for row in rows.values()] == [
        ("rag", 7, ["a"], "export")
    ]


def test_project_names_paths_and_tags_of_any_text_are_only_text(tmp_path: Path) -> None:
    hostile = "'; DROP TABLE incoming; --"
    one = run(random.Random(5), extra={"metadata": {"user-tier": "v'\"x"}}, session_id="5E55")
    export = tmp_path / "ex'port [1]" / "a*.parquet"
    write(tmp_path / "a.parquet", [one])
    export.parent.mkdir()
    (tmp_path / "a.parquet").rename(export)
    place = workspace(tmp_path, export.parent, {"5e55": hostile}, ("user-tier",))
    for _ in place.pull("export", place.window(*DAY)):
        pass
    files = [str(place.ledger.root / file.path) for file in place.ledger.snapshot().manifest.files]
    assert place.engine.rows(f'SELECT "user-tier", project FROM {place.engine.scan(files)}') == [
        ("v'\"x", hostile)
    ]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + b"\xff" * 40 + b"\x10\x00\x00\x00PAR1", b"{}" * 20]
)
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "bad.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.parquet is no whole Parquet file"):
        pulled(workspace(tmp_path, tmp_path / "export"), *DAY)


def test_a_file_without_the_columns_that_matter_is_named(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    duckdb.connect().execute(
        f"COPY (SELECT 1 AS id, 'llm' AS run_type) TO '{tmp_path}/export/a.parquet'"
    ).close()
    with pytest.raises(InputError, match=r"a\.parquet has no column start_time"):
        pulled(workspace(tmp_path, tmp_path / "export"), *DAY)


def test_a_folder_that_is_not_there_or_holds_nothing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        pulled(workspace(tmp_path / "a", tmp_path / "nowhere"), *DAY)
    (tmp_path / "empty" / "_temporary").mkdir(parents=True)
    write(tmp_path / "empty" / "_temporary" / "half.parquet", [run(random.Random(5))])
    with pytest.raises(InputError, match="There is no Parquet file below"):
        pulled(workspace(tmp_path / "b", tmp_path / "empty"), *DAY)
