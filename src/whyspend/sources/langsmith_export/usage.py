"""Which counts of a run hold, as SQL: totals and overlapping details become disjoint quantities.

The same rules as `wire/_usage.py` and `wire/langsmith.py`, where each has its reason; tests hold both to the same rows.
Here they run inside the engine, for an export may hold millions of runs.
"""

from whyspend.sources.langsmith_export.words import count, entries, given, is_object, literal, member

_NAMES = {
    "given": {
        **{kind: kind for kind in ("cache_read", "cache_creation", "cache_write", "audio", "image", "video")},
        "cache_read_over_200k": "cache_read",
        "ephemeral_5m_input_tokens": "write_5m",
        "ephemeral_1h_input_tokens": "write_1h",
        "text": "text",
        "over_200k": "text",
    },
    "made": {
        **{kind: kind for kind in ("reasoning", "audio", "image", "video", "text")},
        "citation_tokens": "citation",
        "accepted_prediction_tokens": "text",
        "rejected_prediction_tokens": "text",
        "over_200k": "text",
    },
}
"""Side and key of a detail -> what kind of token it counts. `text` is what is left, and never counted itself."""

_PLAIN = {
    "given": ("cache_read", "cache_creation", "audio", "image", "video", "text"),
    "made": ("reasoning", "audio", "image", "video", "text"),
}
_TIERS = ("flex", "priority")
_FLAGS = (*_TIERS, "impossible", "odd", "unknown", "lifetimes")

COUNTED = """
SELECT *,
  CASE WHEN served THEN 'server' WHEN usage IS NOT NULL THEN usage_from END AS usage_source,
  coalesce(CASE WHEN served THEN prompt_tokens ELSE {input} END, '0') AS prompt,
  coalesce(CASE WHEN served THEN completion_tokens ELSE {output} END, '0') AS completion,
  CASE WHEN served AND NOT agrees THEN total_tokens WHEN served THEN coalesce({total}, total_tokens) ELSE {total}
    END AS whole,
  CASE WHEN served THEN coalesce(prompt_token_details, CASE WHEN agrees THEN {given} END) ELSE {given}
    END AS given,
  CASE WHEN served THEN coalesce(completion_token_details, CASE WHEN agrees THEN {made} END) ELSE {made}
    END AS made
FROM (
  SELECT *,
    (run_type IN ('llm', 'embedding') OR leaf) AND coalesce(
      TRY_CAST(prompt_tokens AS DOUBLE) <> 0 OR TRY_CAST(completion_tokens AS DOUBLE) <> 0, false) AS served,
    coalesce(TRY_CAST({input} AS DOUBLE) = TRY_CAST(coalesce(prompt_tokens, '0') AS DOUBLE)
      AND TRY_CAST({output} AS DOUBLE) = TRY_CAST(coalesce(completion_tokens, '0') AS DOUBLE), false) AS agrees
  FROM used)
"""
"""LangSmith's own counts hold where there are any; where the run's usage object agrees with them, its details and total
complete them, for an export has no columns for details. On a run of another kind with runs below it, LangSmith's counts
include theirs."""

DETAIL = """
SELECT n, side, key, tokens,
  tokens IS NULL AND value <> 'null' AS impossible,
  CASE WHEN tokens IS NOT NULL AND (key IN ({tiers}) OR (kind IS NOT NULL AND base <> key))
    THEN split_part(key, '_', 1) END AS tier,
  CASE WHEN key NOT IN ({tiers}) THEN kind END AS kind,
  tokens IS NULL OR NOT ({plain} OR (starts_with(key, 'ephemeral_') AND kind IS NOT NULL)) AS odd
FROM (
  SELECT *, {count} AS tokens, regexp_replace(key, '^(flex|priority)_', '') AS base
  FROM (
    SELECT n, 'given' AS side, unnest({given}, recursive := true) FROM call
    UNION ALL
    SELECT n, 'made' AS side, unnest({made}, recursive := true) FROM call))
LEFT JOIN (VALUES {names}) names(of_side, of_key, kind) ON of_side = side AND of_key = base
"""
"""One row for each detail: `flex_cache_read` is of the kind cache_read, served at the tier flex; `flex` alone is what
is left of the total. `odd` is what the norm does not know."""

SUMS = """
SELECT n, {sums},
  bool_or(coalesce(tier = 'flex', false)) AS flex, bool_or(coalesce(tier = 'priority', false)) AS priority,
  count(*) FILTER (WHERE side = 'given') AS given_keys, count(*) FILTER (WHERE side = 'made') AS made_keys,
  bool_or(impossible) AS impossible, bool_or(odd) AS odd,
  bool_or(tokens IS NOT NULL AND kind IS NULL AND key NOT IN ({tiers})) AS unknown,
  bool_or(starts_with(key, 'ephemeral_') AND kind IS NOT NULL) AS lifetimes
FROM detail GROUP BY n
"""

TOTALS = """
SELECT *, given_write_5m + greatest(written - given_write_5m - given_write_1h, 0) AS writes,
  written = 0 OR written >= given_write_5m + given_write_1h AS writes_fit,
  asked + answered AS plain_sum, made_reasoning + made_citation AS thoughts
FROM (
  SELECT *, greatest(given_cache_creation, given_cache_write) AS written
  FROM (
    SELECT n, exclusive, prompt, completion, whole, given, made, {zeros},
      impossible_sides OR {prompt} IS NULL OR {completion} IS NULL AS impossible,
      coalesce({prompt}, 0) AS asked, coalesce({completion}, 0) AS answered, coalesce({whole}, 0) AS said_sum
    FROM (
      SELECT c.*, s.* EXCLUDE (n, impossible),
        coalesce(s.impossible, false)
          OR ({given_object} AND given <> '{{}}' AND coalesce(given_keys, 0) = 0)
          OR ({made_object} AND made <> '{{}}' AND coalesce(made_keys, 0) = 0) AS impossible_sides
      FROM call c LEFT JOIN detail_sums s ON s.n = c.n WHERE usage_source IS NOT NULL)))
"""
"""`cache_creation` is the sum of the writes by lifetime where both are given, so it is never added to them:
cache_creation 700, 5m 100, 1h 500 -> the 100 of no stated lifetime are default ones: 200 and 500. Details without a
row in `detail` name a key twice, and cannot be true either."""

ON_TOP = """
SELECT *,
  CASE WHEN said_sum IN (0, plain_sum) THEN alone WHEN cache_on_top OR all_on_top THEN cached
    ELSE alone END AS top_in,
  CASE WHEN said_sum = 0 THEN CASE WHEN thoughts > answered THEN thoughts ELSE 0 END
    WHEN said_sum = plain_sum OR cache_on_top THEN 0 WHEN thoughts_on_top OR all_on_top THEN thoughts
    ELSE 0 END AS top_out,
  CASE WHEN said_sum = 0 THEN whole IS NULL OR coalesce({whole} = 0, false)
    ELSE said_sum = plain_sum OR cache_on_top OR thoughts_on_top OR all_on_top END AS sum_fits
FROM (
  SELECT *, CASE WHEN exclusive OR cached > asked THEN cached ELSE 0 END AS alone,
    cached > 0 AND said_sum = plain_sum + cached AS cache_on_top,
    thoughts > 0 AND said_sum = plain_sum + thoughts AS thoughts_on_top,
    cached > 0 AND thoughts > 0 AND said_sum = plain_sum + cached + thoughts AS all_on_top
  FROM (SELECT *, given_cache_read + writes + given_write_1h AS cached FROM totals))
"""
"""What comes on top of the totals. Input 12, cache_read 4,000 -> prompt_total 4,012. Input 100, output 20, reasoning
30, sum 150 -> the reasoning is on top: all output 50."""

CHECKED = """
SELECT *,
  CASE WHEN text_in < 0 AND given_video = 0 AND (given_audio > 0) <> (given_image > 0)
    AND -text_in <= least(given_cache_read, given_audio + given_image) THEN -text_in ELSE 0 END AS twice,
  CASE WHEN flex AND priority THEN false {tier_fits} ELSE true END AS tier_fits
FROM (
  SELECT *, asked + top_in - cached - given_audio - given_image - given_video AS text_in,
    answered + top_out - thoughts - made_audio - made_image - made_video AS text_out
  FROM on_top)
"""
"""`twice`: cached audio is in two details. Input 1,000, audio 800, cache_read 600 -> at least 400 are both."""

USAGE = """
SELECT n,
  greatest(text_in, 0) AS input_tokens,
  given_cache_read - twice AS cache_read_tokens,
  writes AS cache_write_tokens,
  given_write_1h AS cache_write_1h_tokens,
  CASE WHEN given_audio > 0 THEN given_audio - twice ELSE 0 END AS input_audio_tokens,
  CASE WHEN given_audio > 0 THEN twice ELSE 0 END AS cache_read_audio_tokens,
  CASE WHEN given_image > 0 THEN given_image - twice ELSE 0 END AS input_image_tokens,
  CASE WHEN given_image > 0 THEN twice ELSE 0 END AS cache_read_image_tokens,
  given_video AS input_video_tokens,
  greatest(text_out, 0) AS output_tokens,
  made_reasoning AS reasoning_tokens,
  made_audio AS output_audio_tokens,
  made_image AS output_image_tokens,
  made_video AS output_video_tokens,
  made_citation AS citation_tokens,
  asked + top_in AS prompt_total,
  answered + top_out AS completion_total,
  CASE WHEN flex = priority THEN '' WHEN flex THEN 'flex' ELSE 'priority' END AS tier,
  nullif(concat_ws(',', CASE WHEN top_in > 0 OR top_out > 0 THEN 'additive' END,
    CASE WHEN contradiction THEN 'contradiction' END), '') AS usage_flag,
  CASE WHEN contradiction OR unknown OR (given_cache_creation > 0 AND writes + given_write_1h > 0 AND NOT plain)
    THEN {raw} END AS usage_raw
FROM (
  SELECT *,
    impossible OR NOT (sum_fits AND writes_fit AND text_in + twice >= 0 AND text_out >= 0 AND tier_fits)
      AS contradiction,
    NOT (exclusive OR odd OR lifetimes OR impossible) AND said_sum IN (0, plain_sum)
      AND text_in >= 0 AND text_out >= 0 AND top_in = 0 AND top_out = 0 AS plain
  FROM checked)
"""
"""Prompt 1,200 with cache_read 1,024, completion 300 with reasoning 128 -> input 176, cache_read 1,024, output 172,
reasoning 128; prompt_total 1,200, completion_total 300."""


def counted() -> str:
    """SQL from `used` (runs with `usage`, see `outputs`) to the same with what counts: `served` (LangSmith's
    own counts hold), `usage_source`, `prompt`, `completion`, `whole`, and the details `given` and `made`."""
    return COUNTED.format(
        input=given(member("usage", "input_tokens")),
        output=given(member("usage", "output_tokens")),
        total=given(member("usage", "total_tokens")),
        given=member("usage", "input_token_details"),
        made=member("usage", "output_token_details"),
    )


def steps() -> dict[str, str]:
    """CTEs from `call` (counted runs) to `usage`: for each run `n` that has counts its usage columns, and `tier`,
    what the keys of the details say was served, or ""."""
    tiers = ", ".join(map(literal, _TIERS))
    detail = DETAIL.format(
        tiers=tiers,
        plain=" OR ".join(
            f"(side = '{side}' AND key IN ({', '.join(map(literal, keys))}))" for side, keys in _PLAIN.items()
        ),
        count=count("value"),
        given=entries("given"),
        made=entries("made"),
        names=", ".join(
            f"({literal(side)}, {literal(key)}, {literal(kind)})"
            for side, keys in _NAMES.items()
            for key, kind in keys.items()
        ),
    )
    totals = TOTALS.format(
        zeros=", ".join(_zeros()),
        prompt=count("prompt"),
        completion=count("completion"),
        whole=count("whole"),
        given_object=is_object("given"),
        made_object=is_object("made"),
    )
    return {
        "detail": detail,
        "detail_sums": SUMS.format(sums=", ".join(_sums()), tiers=tiers),
        "totals": totals,
        "on_top": ON_TOP.format(whole=count("whole")),
        "checked": CHECKED.format(tier_fits=" ".join(map(_tier_fits, _TIERS))),
        "usage": USAGE.format(raw=_raw()),
    }


def _kinds() -> list[tuple[str, str]]:
    return [
        (side, kind)
        for side, keys in _NAMES.items()
        for kind in dict.fromkeys(keys.values())
        if kind != "text"
    ]


def _sums() -> list[str]:
    of_kind = [
        f"sum(tokens) FILTER (WHERE side = '{side}' AND kind = '{kind}') AS {side}_{kind}"
        for side, kind in _kinds()
    ]
    of_tier = [
        f"sum(tokens) FILTER (WHERE side = '{side}' AND key = '{tier}') AS {side}_{tier}"
        for side in _NAMES
        for tier in _TIERS
    ]
    return of_kind + of_tier


def _zeros() -> list[str]:
    """What a run without details has in the place of their sums. What stands at a tier may be unknown: NULL."""
    counts = [f"CAST(coalesce({side}_{kind}, 0) AS BIGINT) AS {side}_{kind}" for side, kind in _kinds()]
    flags = [f"coalesce({flag}, false) AS {flag}" for flag in _FLAGS if flag != "impossible"]
    return counts + flags + [f"{side}_{tier}" for side in _NAMES for tier in _TIERS]


def _tier_fits(tier: str) -> str:
    """Whether all of a call was served at one tier: input 1,200 = flex 176 + flex_cache_read 1,024.

    `flex` is the input less cache reads, so cache writes may still be in it.
    """
    rest_in, rest_out = "(asked - given_cache_read)", "(answered - made_reasoning)"
    return (
        f"WHEN {tier} THEN coalesce(given_{tier}, {rest_in}) IN ({rest_in}, {rest_in} - writes - given_write_1h) "
        f"AND coalesce(made_{tier}, {rest_out}) = {rest_out}"
    )


def _raw() -> str:
    """The usage object written down again: numbers under short names only, so that no text can get in."""
    whole = [("input_tokens", _number("prompt")), ("output_tokens", _number("completion"))]
    whole += [("total_tokens", _number("whole"))]
    whole += [("input_token_details", _numbers("given")), ("output_token_details", _numbers("made"))]
    return (
        "chr(123) || " + " || ',' || ".join(f"'\"{key}\":' || {text}" for key, text in whole) + " || chr(125)"
    )


def _number(value: str) -> str:
    is_number = f"NOT starts_with({value}, '\"') AND isfinite(TRY_CAST(CAST({value} AS VARCHAR) AS DOUBLE))"
    return f"CASE WHEN {is_number} THEN CAST({value} AS VARCHAR) ELSE 'null' END"


def _numbers(value: str) -> str:
    is_name = "len(e.key) <= 40 AND regexp_full_match(e.key, '[A-Za-z_][A-Za-z0-9_]*')"
    known = f"list_filter({entries(value)}, lambda e: {is_name})[:40]"
    members = f"list_transform({known}, lambda e: '\"' || e.key || '\":' || {_number('e.value')})"
    return f"(chr(123) || coalesce(array_to_string({members}, ','), '') || chr(125))"
