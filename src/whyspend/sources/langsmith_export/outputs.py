"""The usage object of a run as SQL: from its metadata, or, of old SDKs, from its outputs.

The same rules as `wire/_outputs.py`. Of the outputs only usage is read: which model answered and at which tier is left
to what LangSmith says, so that an export with outputs gives the same rows as the API without them.
"""

from whyspend.sources.langsmith_export.words import count, entries, given, is_object, member, node

_MESSAGES = "$.generations[*][*].message.kwargs"

FOUND = """
SELECT *,
  CASE WHEN answer IS NOT NULL THEN {own} END AS own,
  CASE WHEN answer IS NOT NULL THEN list_filter({found}, lambda u: {is_usage}) END AS found,
  CASE WHEN answer IS NOT NULL THEN list_filter({providers}, lambda u: {is_full})[1] END AS bill
FROM run
"""

REPORTED = """
SELECT *,
  CASE WHEN {openai} THEN {from_openai} WHEN {has_counts} THEN {from_anthropic} END AS reported,
  CASE WHEN len(found) > 1 THEN {all_given} END AS all_given,
  CASE WHEN len(found) > 1 THEN {all_made} END AS all_made
FROM found_usage
"""

CHOSEN = """
SELECT * EXCLUDE (answer, own, found, bill, reported, all_given, all_made),
  CAST(CASE WHEN {written_counts} THEN written WHEN {own_counts} THEN own
    WHEN len(found) > 0 AND {one_has_all} THEN CASE WHEN {is_bare} THEN reported ELSE found[1] END
    WHEN len(found) = 1 THEN found[1]
    WHEN len(found) > 1 THEN {summed} ELSE reported END AS VARCHAR) AS usage,
  CASE WHEN {written_counts} THEN 'metadata' WHEN {own_counts} THEN 'outputs' WHEN len(found) > 0 THEN 'generations'
    ELSE 'llm_output' END AS usage_from
FROM reported_usage
"""
"""`one_has_all`: with n=2, ChatOpenAI writes the usage of the whole response on each of the two choices.
`is_bare`: before langchain-openai 0.2.3 these have no details; the provider's own object has them."""


def steps() -> dict[str, str]:
    """CTEs from `run` (with `written`, the metadata's usage object, and `answer`, the outputs where that has no
    counts) to `used`: the same runs with `usage`, a JSON object that holds counts or NULL, and `usage_from`."""
    found = FOUND.format(
        own=member("answer", "usage_metadata"),
        found=f"json_extract(answer, '{_MESSAGES}.usage_metadata')",
        providers=_providers(),
        is_usage=f"{is_object('u')} AND {has_counts('u')}",
        is_full=f"{is_object('u')} AND NOT json_keys(u) = []",
    )
    reported = REPORTED.format(
        openai=f"{member('bill', 'prompt_tokens')} IS NOT NULL "
        f"OR {member('bill', 'completion_tokens')} IS NOT NULL",
        from_openai=_from_openai(),
        has_counts=has_counts("bill"),
        from_anthropic=_from_anthropic(),
        all_given=_all_details("input_token_details"),
        all_made=_all_details("output_token_details"),
    )
    chosen = CHOSEN.format(
        written_counts=has_counts("written"),
        own_counts=has_counts("own"),
        one_has_all=" AND ".join(
            f"{member('reported', key)} IS NOT DISTINCT FROM {member('found[1]', key)}"
            for key in ("input_tokens", "output_tokens")
        ),
        is_bare=" AND ".join(
            f"{given(member('found[1]', key))} IS NULL"
            for key in ("input_token_details", "output_token_details")
        ),
        summed=_summed(),
    )
    return {"found_usage": found, "reported_usage": reported, "used": chosen}


def has_counts(usage: str) -> str:
    """Whether a usage object holds a token count; it may hold a cost only."""
    asked, answered = given(member(usage, "input_tokens")), given(member(usage, "output_tokens"))
    return f"({asked} IS NOT NULL OR {answered} IS NOT NULL)"


def _providers() -> str:
    """Where a provider's own usage object may be, in the order in which they count."""
    lists = [f"[{node('answer', 'llm_output', 'token_usage')}, {node('answer', 'llm_output', 'usage')}]"]
    for place in (f"{_MESSAGES}.response_metadata", "$.generations[*][*].generation_info"):
        lists += [f"json_extract(answer, '{place}.{key}')" for key in ("token_usage", "usage")]
    joined = lists[0]
    for each in lists[1:]:
        joined = f"list_concat({joined}, {each})"
    return joined


def _added(values: str) -> str:
    """JSON of the sum of a list of counts, or of the value that is no count, so that it is flagged later."""
    odd = f"list_filter({values}, lambda v: v <> 'null' AND {count('v')} IS NULL)[1]"
    total = f"coalesce(list_sum(list_transform({values}, lambda v: {count('v')})), 0)"
    return f"coalesce({odd}, CAST(CAST({total} AS VARCHAR) AS JSON))"


def _from_openai() -> str:
    """A provider's usage object whose totals include the cache."""

    def of(*keys: str) -> str:
        return node("bill", *keys)

    asked, answered = "prompt_tokens_details", "completion_tokens_details"
    return f"""json_object('input_tokens', {of("prompt_tokens")}, 'output_tokens', {of("completion_tokens")},
      'total_tokens', {of("total_tokens")}, 'input_token_details', json_object(
        'cache_read', {of(asked, "cached_tokens")}, 'cache_creation', {of(asked, "cache_write_tokens")},
        'audio', {of(asked, "audio_tokens")}, 'image', {of(asked, "image_tokens")}),
      'output_token_details', json_object(
        'reasoning', {of(answered, "reasoning_tokens")}, 'audio', {of(answered, "audio_tokens")}))"""


def _from_anthropic() -> str:
    """A provider's usage object whose input leaves the cache out: input 12, read 4,000, written 500 -> 4,512."""
    asked = node("bill", "input_tokens")
    read, written = (node("bill", f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    whole = _added(f"list_filter([{asked}, {read}, {written}], lambda v: v IS NOT NULL)")
    lifetimes = ", ".join(
        f"'{key}', {node('bill', 'cache_creation', key)}"
        for key in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
    )
    # A merge drops what the patch has as null: lifetimes that are not there stay away.
    return f"""json_object('input_tokens', {whole}, 'output_tokens', {node("bill", "output_tokens")},
      'input_token_details', json_merge_patch(json_object('cache_read', {read}, 'cache_creation', {written}),
        json_object({lifetimes})))"""


def _all_details(key: str) -> str:
    """The details of all generations of a run, as one list of (key, value)."""
    return f"flatten(list_transform(found, lambda u: coalesce({entries(node('u', key))}, [])))"


def _summed() -> str:
    """The usage of several generations of one run, added up."""

    def total(key: str) -> str:
        values = f"list_transform(found, lambda u: {node('u', key)})"
        return _added(f"list_filter({values}, lambda v: v IS NOT NULL)")

    def total_details(side: str) -> str:
        values = f"list_transform(list_filter({side}, lambda e: e.key = k), lambda e: e.value)"
        one = f"CAST(to_json(k) AS VARCHAR) || ':' || CAST({_added(values)} AS VARCHAR)"
        keys = f"list_distinct(list_transform({side}, lambda e: e.key))"
        return f"CAST(chr(123) || array_to_string(list_transform({keys}, lambda k: {one}), ',') || chr(125) AS JSON)"

    unknown = f"len(list_filter(found, lambda u: {given(member('u', 'total_tokens'))} IS NULL)) > 0"
    return f"""json_object('input_tokens', {total("input_tokens")}, 'output_tokens', {total("output_tokens")},
      'total_tokens', CASE WHEN {unknown} THEN NULL ELSE {total("total_tokens")} END,
      'input_token_details', {total_details("all_given")}, 'output_token_details', {total_details("all_made")})"""
