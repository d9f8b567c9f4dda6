"""A day of an export as one SELECT that yields the ledger's columns. No input, no output: this is its text.

Stage by stage, each a CTE: `run` (`runs`), `used` (`outputs`), `counted` and `usage` (`usage`),
here `call` (the billable ones), `above` (what they inherit), and the ledger's columns. The rules are those of
`wire/langsmith.py`, where each has its reason.
"""

from collections.abc import Mapping, Sequence

from whyspend.model import USAGE_COLUMNS
from whyspend.sources.langsmith_export import outputs, runs, usage
from whyspend.sources.langsmith_export.words import (
    LONGEST_TEXT,
    entries,
    identifier,
    literal,
    member,
    milliseconds,
    money,
    pico,
)  # fmt: skip

_NOT_KEPT = "|".join((
    r"(ls_|LANGSMITH_|LANGCHAIN_)(?s:.*)", *runs.THREAD_KEYS, *runs.RELEASE_KEYS, "usage_metadata",
    # parameters of the model
    "model", "model_name", "temperature", "stop", "stop_sequences", "_type", "stream", "streaming", "stream_usage",
    "service_tier", "n", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed", "max_output_tokens",
    "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "tool_choice", "parallel_tool_calls",
    "timeout", "request_timeout", "max_retries",
    # of nearly as many values as there are calls
    "checkpoint_id", "checkpoint_ns", "langgraph_checkpoint_ns", "langgraph_step", "langgraph_path",
    "langgraph_triggers", "langgraph_request_id", "run_id", "run_attempt", "request_id", "lc_versions",
))  # fmt: skip
"""Metadata that the ledger leaves out, as a regular expression over the key."""

_MATERIALIZED = ("read_run", "counted", "call", "carrier")
"""Stages that several others read: worked out once."""

CARRIER = """
SELECT id, run_type, parents, pending FROM counted WHERE served OR {input} OR {output}
"""

CALL = """
SELECT *, CASE WHEN run_type IN ('llm', 'embedding') THEN run_type ELSE 'tool' END AS kind
FROM (
  SELECT * EXCLUDE (prompt_cost, completion_cost, total_cost), {prompt_cost} AS prompt_pico,
    {completion_cost} AS completion_pico, {total_cost} AS total_pico, {written_cost} AS written_pico
  FROM counted WHERE wanted AND NOT pending)
WHERE (run_type IN ('llm', 'embedding') OR written_pico > 0 OR (leaf AND total_pico > 0))
  AND NOT (id IN (SELECT id FROM carrier) AND id IN (
    SELECT unnest(parents) FROM carrier WHERE run_type = 'llm' AND NOT pending))
"""
"""A run of another kind counts only where its cost is its own: written on it, or without any run below it. An LLM run
around another one carries the same usage, and the inner one was paid."""

ABOVE = """
SELECT c.n, {owners},
  max(c.at) FILTER (WHERE len(a.parents) = 0) AS root_at,
  max_by(a.name, c.at) FILTER (WHERE len(a.parents) = 0) AS root_name,
  max_by(a.thread, c.at) FILTER (WHERE a.thread IS NOT NULL) AS thread,
  max_by(a.release, c.at) FILTER (WHERE a.release IS NOT NULL) AS release,
  max_by(a.node, c.at) FILTER (WHERE len(a.parents) > 0 AND a.node IS NOT NULL) AS node,
  max_by(a.name, c.at) FILTER (WHERE len(a.parents) > 0 AND a.name IS NOT NULL AND NOT starts_with(a.name, 'Runnable'))
    AS place
FROM (SELECT n, unnest(parents) AS parent, generate_subscripts(parents, 1) AS at FROM call) c
JOIN run a ON a.id = c.parent
GROUP BY c.n
"""
"""The nearest run above that knows wins. `above_<i>_at` says how near it is, `root_at` where the root is."""

LEDGER = """
SELECT {source} AS source, {project} AS project, c.id AS call_id, c.trace_id, c.parents[-1] AS parent_id,
  coalesce(c.thread, a.thread) AS thread_id, c.started_at,
  {latency} AS latency_ms, {first_token} AS first_token_ms, c.kind, c.name,
  {call_site} AS call_site, a.root_name, coalesce(c.release, a.release) AS release,
  CASE WHEN c.status = 'error' THEN 'error' ELSE 'success' END AS status, c.error_kind,
  c.provider, c.model AS model_requested, {price_context} AS price_context, c.price_model_id,
  {counts}, c.usage_source,
  CAST(c.usage_source IS NOT NULL AND c.usage IS NULL AND c.kind = 'llm'
    AND coalesce(c.given, '{{}}') = '{{}}' AND coalesce(c.made, '{{}}') = '{{}}' AS TINYINT) AS usage_estimated,
  CASE WHEN c.usage_source IS NOT NULL THEN u.usage_flag WHEN c.kind <> 'tool' THEN 'missing' END AS usage_flag,
  u.usage_raw, c.sample_rate,
  CASE WHEN c.own_pico IS NULL THEN coalesce(c.input_pico, {written_input}) ELSE c.input_pico END
    AS reported_input_cost,
  CASE WHEN c.own_pico IS NULL THEN coalesce(c.output_pico, {written_output}) ELSE c.output_pico END
    AS reported_output_cost,
  coalesce(c.own_pico, c.written_pico) AS reported_cost,
  {metadata} AS metadata,
  nullif(list_filter(c.tags, lambda t: len(t) <= {longest}), []) AS tags, {owners}
FROM (
  SELECT *, CASE WHEN theirs THEN NULL ELSE prompt_pico END AS input_pico,
    CASE WHEN theirs THEN NULL ELSE completion_pico END AS output_pico,
    CASE WHEN theirs THEN NULL ELSE total_pico END AS own_pico
  FROM (SELECT *, kind = 'tool' AND NOT leaf AS theirs FROM call)) c
LEFT JOIN usage u ON u.n = c.n LEFT JOIN above a ON a.n = c.n
"""
"""`theirs`: LangSmith's figure for a run with others below it includes their costs."""


def relation(
    parts: Sequence[runs.Part], *, source: str, dimensions: Sequence[str], project_names: Mapping[str, str]
) -> str:
    """SQL of the calls in the wanted parts, with the ledger's columns by name."""
    stages = {
        **runs.steps(parts, dimensions),
        **outputs.steps(),
        "counted": usage.counted(),
        "carrier": CARRIER.format(
            input=_says_something(member("usage", "input_tokens")),
            output=_says_something(member("usage", "output_tokens")),
        ),
        "call": CALL.format(
            written_cost=pico(money(member("written", "total_cost"))),
            **{cost: pico(cost) for cost in ("prompt_cost", "completion_cost", "total_cost")},
        ),
        **usage.steps(),
        "above": ABOVE.format(owners=", ".join(_above(dimensions))),
    }
    ctes = ",\n".join(
        f"{name} AS {'' if name in _MATERIALIZED else 'NOT '}MATERIALIZED ({text})"
        for name, text in stages.items()
    )
    return f"WITH {ctes}\n{_ledger(source, dimensions, project_names)}"


def _says_something(value: str) -> str:
    """Whether there is a count other than 0, even one that cannot be true."""
    return f"coalesce({value} NOT IN ('null', '0', '0.0', 'false', '\"\"', '[]', '{{}}'), false)"


def _above(dimensions: Sequence[str]) -> list[str]:
    return [
        f"max_by(a.own_{at}, c.at) FILTER (WHERE a.own_{at} IS NOT NULL) AS above_{at}, "
        f"max(c.at) FILTER (WHERE a.own_{at} IS NOT NULL) AS above_{at}_at"
        for at in range(len(dimensions))
    ]


def _ledger(source: str, dimensions: Sequence[str], project_names: Mapping[str, str]) -> str:
    counts = (*USAGE_COLUMNS, "prompt_total", "completion_total")
    searches = ("web_searches", "file_searches")  # LangSmith counts none
    return LEDGER.format(
        source=literal(source),
        project=_project(source, project_names),
        latency=milliseconds("c.started_at", "c.end_time"),
        first_token=milliseconds("c.started_at", "c.first_token_time"),
        call_site=_call_site(),
        price_context=_price_context(),
        counts=", ".join(f"coalesce(u.{key}, 0) AS {key}" for key in counts if key not in searches),
        written_input=pico(money(member("c.written", "input_cost"))),
        written_output=pico(money(member("c.written", "output_cost"))),
        metadata=_metadata(dimensions),
        longest=LONGEST_TEXT,
        owners=", ".join(_owner(at, key) for at, key in enumerate(dimensions)),
    )


def _project(source: str, names: Mapping[str, str]) -> str:
    """The name that is configured for the project's UUID, else the UUID; the source's where the export has none."""
    known = " ".join(f"WHEN {literal(uuid.lower())} THEN {literal(name)}" for uuid, name in names.items())
    unnamed = f"coalesce(nullif(c.session, ''), {literal(source)})"
    return f"CASE lower(c.session) {known} ELSE {unnamed} END" if known else unnamed


def _owner(at: int, key: str) -> str:
    """The value of a dimension and where it is from: an ancestor's tag beats the process's, the call's own both."""
    return (
        f"coalesce(c.own_{at}, a.above_{at}, c.env_{at}) AS {identifier(key)}, "
        f"CASE WHEN c.own_{at} IS NOT NULL THEN 'call' WHEN a.above_{at}_at = a.root_at THEN 'root' "
        f"WHEN a.above_{at} IS NOT NULL THEN 'ancestor' WHEN c.env_{at} IS NOT NULL THEN 'environment' END "
        f"AS {identifier(f'{key}_from')}"
    )


def _call_site() -> str:
    """Root / graph node / name, as far as they are known; a name that repeats the one before it adds nothing.

    Between root and call stands the call's own node, else the nearest above it, else the nearest run above that is
    no LangChain plumbing (RunnableSequence, ...).
    """
    own = "nullif(concat_ws(' / ', c.node, CASE WHEN c.name IS DISTINCT FROM c.node THEN c.name END), '')"
    own_place = "nullif(string_split(c.node, ' / ')[-1], '')"
    place = f"CASE WHEN c.node <> c.name THEN {own_place} ELSE coalesce(a.node, a.place) END"
    parts = [
        "a.root_name",
        f"CASE WHEN {place} IS DISTINCT FROM a.root_name THEN {place} END",
        f"CASE WHEN c.name IS DISTINCT FROM coalesce({place}, a.root_name) THEN c.name END",
    ]
    return f"CASE WHEN a.n IS NULL THEN {own} ELSE nullif(concat_ws(' / ', {', '.join(parts)}), '') END"


def _price_context() -> str:
    """The terms at which the call was served, sorted: the tier in the details' keys, else what a person wrote."""
    tier = "coalesce(nullif(u.tier, ''), c.term_service_tier)"
    processing = f"CASE WHEN {tier} = 'batch' THEN 'batch' ELSE c.term_processing END"
    return (
        "concat_ws(';', 'cache_ttl=' || c.term_cache_ttl, 'inference_geo=' || c.term_inference_geo, "
        f"'processing=' || {processing}, "
        f"CASE WHEN {tier} <> 'batch' THEN 'service_tier=' || {tier} END, 'speed=' || c.term_speed)"
    )


def _metadata(dimensions: Sequence[str]) -> str:
    """The remaining scalars as one JSON object, keys sorted; NULL where there are none."""
    own = ", ".join(map(literal, dimensions))

    def kept(key: str) -> str:
        named = f"regexp_full_match({key}, {literal(_NOT_KEPT)}) OR {key} IN ({own})"
        return f"len({key}) <= {LONGEST_TEXT} AND NOT ({named})"

    whole = "TRY_CAST(e.value AS BIGINT) IS NOT NULL"
    number = f"regexp_full_match(e.value, '-?[0-9].*') AND ({whole} OR regexp_matches(e.value, '[.eE]'))"
    text = (
        f"starts_with(e.value, '\"') AND len(json_extract_string(e.value, '$')) BETWEEN 1 AND {LONGEST_TEXT}"
    )
    scalar = f"(({text}) OR e.value IN ('true', 'false') OR ({number}))"
    members = f"list_sort(list_filter({entries('c.metadata')}, lambda e: {kept('e.key')} AND {scalar}))"
    written = f"list_transform({members}, lambda e: CAST(to_json(e.key) AS VARCHAR) || ':' || CAST(e.value AS VARCHAR))"
    # Most runs have nothing to keep, and looking at the keys alone is a tenth of the work.
    any_kept = f"len(list_filter(json_keys(c.metadata), lambda k: {kept('k')})) > 0"
    return (
        f"CASE WHEN {any_kept} THEN chr(123) || nullif(array_to_string({written}, ','), '') || chr(125) END"
    )
