"""From the files of an export to runs, as SQL: what of their columns and their JSON is needed, in one shape.

Columns may be text or typed, nested or JSON, or not there at all: `export_fields` chooses them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whyspend.sources.langsmith_export.outputs import has_counts
from whyspend.sources.langsmith_export.words import (
    first,
    given,
    identifier,
    is_object,
    literal,
    member,
    name,
    pointer,
    short,
    tag,
    unquoted,
    valid,
)  # fmt: skip
from whyspend.wire.langsmith import CONTEXT_KEYS, USUAL_TERMS

REQUIRED = ("id", "run_type", "start_time")
"""Columns without which an export says nothing about costs."""

THREAD_KEYS = ("thread_id", "session_id", "conversation_id")
RELEASE_KEYS = ("revision_id", "LANGSMITH_REVISION_ID", "LANGCHAIN_REVISION_ID")
_TEXTS = ("name", "status", "error", "dotted_order", "parent_run_id", "thread_id", "price_model_id")
_NUMBERS = ("prompt_tokens", "completion_tokens", "total_tokens")
_COSTS = ("prompt_cost", "completion_cost", "total_cost")
_DETAILS = ("prompt_token_details", "completion_token_details")

SCAN = """
SELECT {wanted} AS wanted, {rank} AS rank, CAST("id" AS VARCHAR) AS id, lower(CAST("run_type" AS VARCHAR)) AS run_type,
  {start} AS start_time, {end} AS end_time, {no_end} AS no_end, {first} AS first_token_time,
  coalesce(nullif({trace}, ''), {parents}[1], CAST("id" AS VARCHAR)) AS trace_id, {session} AS session,
  {parents} AS parent_run_ids, {tags} AS tags, {extra} AS extra, {outputs} AS outputs, {plain}
FROM read_parquet([{files}], hive_partitioning = false, binary_as_string = true)
"""

ARRIVED = """
SELECT * FROM ({wanted})
UNION ALL
SELECT * FROM ({others}) WHERE trace_id IN (SELECT trace_id FROM ({wanted}))
"""
"""Of the files around, only what belongs to traces of the wanted ones."""

DECODED = """
SELECT row_number() OVER () AS n, * EXCLUDE (extra, parent_run_ids, dotted_order, parent_run_id),
  CASE WHEN parent_run_ids IS NOT NULL THEN parent_run_ids
    WHEN dotted_order <> '' THEN list_transform(string_split(dotted_order, '.')[:-2],
      lambda step: substr(step, strpos(step, 'Z') + 1))
    WHEN parent_run_id <> '' THEN CASE WHEN trace_id IN (id, parent_run_id) THEN [parent_run_id]
      ELSE [trace_id, parent_run_id] END
    ELSE [] END AS parents,
  CAST(json_extract({extra}, [{places}]) AS VARCHAR[]) AS found
FROM arrived
"""
"""`parents` is root first. Without the list of all, the trace's id still names the root."""

RUN = """
SELECT n, wanted, rank, id, trace_id, parents, session, run_type, status,
  CASE WHEN status = 'error' THEN {error_kind} END AS error_kind,
  status = 'pending' OR (end_time IS NULL AND status <> 'error' AND NOT no_end) AS pending,
  CASE WHEN start_time IS NOT NULL THEN start_time
    ELSE CAST(error('Run ' || id || ' of the export has no start_time that can be read.') AS TIMESTAMPTZ)
    END AS started_at, end_time, first_token_time,
  {name} AS name, price_model_id, tags, {numbers}, {details}, {costs},
  CASE WHEN {is_usage} THEN {usage} END AS written,
  CASE WHEN {is_usage} AND {has_counts} THEN NULL WHEN outputs IN ('{{}}', 'null') THEN NULL ELSE {outputs}
    END AS answer,
  CASE WHEN wanted AND {is_metadata} AND (run_type IN ('llm', 'embedding', 'tool', 'retriever') OR {is_usage})
    THEN {metadata} END AS metadata,
  {facts}
FROM (
  SELECT *, lower(coalesce(nullif(status_text, ''), CASE WHEN error <> '' THEN 'error' ELSE 'success' END)) AS status
  FROM decoded)
"""

ONCE = """
SELECT *, run_type IN ('tool', 'retriever') AND id NOT IN (
    SELECT parent FROM (SELECT unnest(parents) AS parent FROM read_run) WHERE parent IS NOT NULL) AS leaf
FROM read_run WHERE n NOT IN (
  SELECT unnest(list_filter(numbers, lambda i: i <> best)) FROM (
    SELECT list(n) AS numbers, max_by(n, (coalesce(end_time, started_at), rank, coalesce(total_tokens, ''), n)) AS best
    FROM read_run GROUP BY id HAVING count(*) > 1))
"""
"""Exports that overlap hold a run twice: the version that ended last stands, else the one in
the newer files. `leaf`: what LangSmith says a tool run cost
is its own, for there is no run below it; of a chain that is never believed, for a filter may have left them out."""


@dataclass(frozen=True)
class Part:
    """Files that can be read as one, for they have one schema."""

    paths: Sequence[str]
    columns: Mapping[str, bool]
    """What they have: name -> whether it is nested."""
    session: str
    """The project's UUID where the folder says it; empty: the files do."""
    wanted: bool
    """Whether their calls are asked for, or only what these files say about others."""
    rank: int
    """Of two versions of a run, that in the files of the higher rank is the newer."""


@dataclass
class _Found:
    """The places in `extra` that are read. All in one go: so each document is parsed once."""

    places: list[str] = field(default_factory=list)

    def at(self, *keys: str) -> str:
        """SQL of the value at a place."""
        place = literal(pointer(*keys))
        if place not in self.places:
            self.places.append(place)
        return f"found[{self.places.index(place) + 1}]"

    def metadata(self, key: str) -> str:
        """SQL of the value of a metadata key."""
        return self.at("metadata", key)


def steps(parts: Sequence[Part], dimensions: Sequence[str]) -> dict[str, str]:
    """CTEs from files to `run`: each run once, of the wanted parts and of what their traces have in the others.

    Its columns hold `own_<i>` and `env_<i>` for the i-th dimension: from the run's metadata, and from the variables
    of its process.
    """
    found = _Found()
    run = _run(found, dimensions)  # finds out which places are read
    decoded = DECODED.format(extra=valid("extra"), places=", ".join(found.places))
    return {"arrived": _arrived(parts), "decoded": decoded, "read_run": run, "run": ONCE}


def _arrived(parts: Sequence[Part]) -> str:
    wanted = " UNION ALL ".join(_scan(part) for part in parts if part.wanted)
    others = " UNION ALL ".join(_scan(part) for part in parts if not part.wanted)
    return ARRIVED.format(wanted=wanted, others=others) if others else wanted


def _scan(part: Part) -> str:
    """The columns of the files in one shape: times as TIMESTAMPTZ, lists of text, and all else as text."""

    def text(column: str) -> str:
        if column not in part.columns:
            return "CAST(NULL AS VARCHAR)"
        quoted = identifier(column)
        return f"CAST({f'to_json({quoted})' if part.columns[column] else quoted} AS VARCHAR)"

    def moment(column: str) -> str:
        # Without a zone it means UTC, which is the zone of the engine.
        return f"TRY_CAST({text(column)} AS TIMESTAMPTZ)"

    def texts(column: str) -> str:
        document = f"CASE WHEN json_valid({text(column)}) THEN CAST({text(column)} AS JSON) END"
        return f"TRY_CAST({document} AS VARCHAR[])"

    plain = {column: column for column in (*_TEXTS, *_NUMBERS, *_COSTS, *_DETAILS)} | {
        "status": "status_text"
    }
    return SCAN.format(
        wanted="true" if part.wanted else "false",
        rank=part.rank,
        start=moment("start_time"),
        end=moment("end_time"),
        no_end="false" if "end_time" in part.columns else "true",
        first=moment("first_token_time"),
        trace=text("trace_id"),
        session=f"coalesce(nullif({text('session_id')}, ''), {literal(part.session)})",
        parents=texts("parent_run_ids"),
        tags=texts("tags"),
        extra=text("extra"),
        outputs=text("outputs"),
        plain=", ".join(f"{text(column)} AS {known_as}" for column, known_as in plain.items()),
        files=", ".join(literal(_exact(path)) for path in part.paths),
    )


def _exact(path: str) -> str:
    """A path in which nothing is a pattern."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def _run(found: _Found, dimensions: Sequence[str]) -> str:
    usage, metadata = found.metadata("usage_metadata"), found.at("metadata")
    facts = _facts(found) | _owners(found, dimensions)
    return RUN.format(
        error_kind=_error_kind(),
        name=short("name"),
        numbers=", ".join(
            f"CASE WHEN TRY_CAST({key} AS DOUBLE) IS NOT NULL THEN {key} END AS {key}" for key in _NUMBERS
        ),
        details=", ".join(
            f"CASE WHEN {is_object(key)} AND {key} <> '{{}}' THEN {key} END AS {key}" for key in _DETAILS
        ),
        costs=", ".join(_COSTS),
        is_usage=is_object(usage),
        usage=usage,
        has_counts=has_counts(usage),
        outputs=valid("outputs"),
        is_metadata=is_object(metadata),
        metadata=metadata,
        facts=", ".join(f"{sql} AS {key}" for key, sql in facts.items()),
    )


def _facts(found: _Found) -> dict[str, str]:
    """What the metadata says about the call, by column."""
    models = [found.metadata(key) for key in ("ls_model_name", "model", "model_name")]
    models += [found.at("invocation_params", key) for key in ("model", "model_name")]
    rate = found.metadata("ls_tracing_sample_rate")
    rate = f"TRY_CAST(coalesce({unquoted(rate)}, {rate}) AS DOUBLE)"
    # LangChain copies the parameters of the request into the metadata: what was asked for, not what was served.
    written = f"{found.metadata('_type')} IS NULL AND {found.metadata('ls_integration')} IS NULL"
    return {
        "thread": first("nullif(thread_id, '')", *(tag(found.metadata(key)) for key in THREAD_KEYS)),
        "release": first(*(tag(found.metadata(key)) for key in RELEASE_KEYS)),
        "node": name(found.metadata("langgraph_node")),
        "provider": name(found.metadata("ls_provider")),
        "model": first(*map(name, models)),
        "sample_rate": f"CASE WHEN {rate} > 0 AND {rate} <= 1 THEN {rate} END",
        "exclusive": _leaves_cache_out(found),
        **{
            f"term_{key}": f"CASE WHEN {written} THEN {_term(found.metadata(key))} END"
            for key in CONTEXT_KEYS
        },
    }


def _owners(found: _Found, dimensions: Sequence[str]) -> dict[str, str]:
    """The value of each dimension in the run's metadata, and in the variables of its process.

    SDKs copy `LANGSMITH_*` variables into the metadata, and `LANGCHAIN_METADATA` with JSON that none of them parses.
    """
    text = unquoted(found.metadata("LANGCHAIN_METADATA"))
    parsed = f"CASE WHEN len({text}) <= 10000 AND json_valid({text}) THEN {text} END"
    owners: dict[str, str] = {}
    for at, key in enumerate(dimensions):
        variable = "LANGSMITH_" + "".join(sign if sign.isalnum() else "_" for sign in key).upper()
        owners[f"own_{at}"] = tag(found.metadata(key))
        owners[f"env_{at}"] = first(tag(found.metadata(variable)), tag(member(parsed, key)))
    return owners


def _term(value: str) -> str:
    """A price term in lower case; NULL for the usual terms and for what cannot be one."""
    text = f"lower({unquoted(value)})"
    usual = ", ".join(map(literal, USUAL_TERMS))
    fits = f"len({text}) <= 32 AND regexp_full_match({text}, '[a-z0-9_-]*[a-z0-9][a-z0-9_-]*')"
    return f"CASE WHEN {fits} AND {text} NOT IN ({usual}) THEN {text} END"


def _leaves_cache_out(found: _Found) -> str:
    """Whether wrap_anthropic of langsmith-py before 0.7.14 wrote the usage: it left cached tokens out of the input."""
    version = unquoted(found.at("runtime", "sdk_version"))
    numbers = f"list_transform(string_split({version}, '.')[:3], lambda part: TRY_CAST(part AS INTEGER))"
    wrapped = [
        (found.metadata("ls_provider"), "anthropic"),
        (found.at("runtime", "sdk"), "langsmith-py"),
        (found.metadata("ls_method"), "traceable"),
    ]
    said = " AND ".join(f"{unquoted(value)} = '{text}'" for value, text in wrapped)
    plain = f"regexp_full_match({version}, '\\d{{1,5}}\\.\\d{{1,5}}\\.\\d{{1,5}}(\\..*)?')"
    wrapper = (
        f"{given(found.at('invocation_params'))} IS NULL"  # LangChain's own calls have them, and are right
    )
    return f"coalesce({said} AND {wrapper} AND {plain} AND {numbers} < [0, 7, 14], false)"


def _error_kind() -> str:
    """The class of an error: `openai.RateLimitError("...")` -> RateLimitError; never its message."""
    head = "trim(regexp_extract(ltrim(left(error, 200)), '^([^(:]*)[(:]', 1))"
    last = f"regexp_extract({head}, '([^.]*)$', 1)"
    return (
        f"CASE WHEN regexp_full_match({last}, '[A-Za-z_][A-Za-z0-9_]*') AND len({last}) <= 64 THEN {last} END"
    )
