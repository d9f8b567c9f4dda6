"""A ledger of made-up calls, shaped like real ones and written by the ledger's own writer.

90 days; 40 features and 6 % of traces untagged; 60 models, of which a feature uses six; 50,000 customers (Zipf);
2.6 calls a trace, which share feature, customer, project and mostly the model; UUIDv7 ids; prompt caches, reasoning,
and now and then a prompt over 200,000 tokens. Everything follows from hashes of (day, trace, call): the same rows
every time, and no Python object for any call.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench.models import MODELS, Model
from whyspend import registry
from whyspend.errors import LedgerError
from whyspend.ledger import Ledger
from whyspend.model import Batch, Engine
from whyspend.pricing import book

VERSION = "5"
"""Changes with anything below that changes a row."""

DIMENSIONS = ("feature", "env", "user_tier", "customer_id")
SOURCE = "prod"
DAYS = 90
LAST_DAY = date(2026, 11, 20)
FIRST_DAY = LAST_DAY - timedelta(days=DAYS - 1)
FEATURES = 40
MODELS_OF_A_FEATURE = 6
CUSTOMERS = 50_000
CALLS_OF_A_TRACE = (1, 1, 1, 2, 2, 3, 3, 4, 5, 4)
"""In turn: 2.6 on average."""

CALLS = """
WITH models(place, provider, model, answered, cached, writes, reasons, kind, flex, priced, in_rate, out_rate) AS
  (VALUES {models}),
traces AS (
  SELECT t, {calls_of_a_trace}[t % 10 + 1] AS calls, CAST({start} + 86399000000 * {u_start} AS BIGINT) AS began,
    CASE WHEN {u_tagged} >= 0.06 THEN CAST(floor({features} * pow({u_feature}, 1.5)) AS INTEGER) END AS feature_at,
    CAST(floor(exp({u_customer} * ln({customers}))) AS INTEGER) AS customer_at, {u_env} AS u_env,
    {u_main} AS u_main, {u_second} AS u_second
  FROM range({traces}) r(t)),
owned AS (
  SELECT *, coalesce(feature_at, CAST(floor(u_main * 997) AS INTEGER) % {features}) AS shape,
    {main_slot} AS main_slot,
    CAST(floor(u_second * {slots}) AS INTEGER) AS second_slot
  FROM traces),
single AS (
  SELECT *, unnest(range(calls)) AS c FROM owned),
timed AS (
  SELECT *, began + c * 2500000 + CAST({u_gap} * 2000000 AS BIGINT) AS started,
    (shape * 7 + 11 * CASE WHEN c = 0 OR {u_model} < 0.7 THEN main_slot ELSE second_slot END) % {model_count}
      AS model_at
  FROM single),
sized AS (
  SELECT timed.*, m.* EXCLUDE (place), {u_error} < 0.01 AS failed,
    CASE WHEN {u_long} < 0.001 THEN CAST(200000 + {u_size} * 400000 AS BIGINT)
      ELSE CAST(least(exp(7.4 + 1.1 * {normal}), 190000) AS BIGINT) END AS prompt,
    CASE WHEN kind = 'embedding' THEN 0
      ELSE CAST(least(exp(5.4 + 0.9 * {normal_out}), 32000) AS BIGINT) + 1 END AS completion,
    {u_cache} AS u_cache, {u_cached} AS u_cached, {u_think} AS u_think
  FROM timed JOIN models m ON m.place = timed.model_at),
counted AS (
  SELECT *,
    CASE WHEN u_cache < cached THEN CAST(floor(prompt * u_cached * 0.9 / 128) AS BIGINT) * 128 ELSE 0 END AS reads,
    CASE WHEN writes AND u_cache > 0.8 THEN CAST(floor(prompt * u_cached * 0.5) AS BIGINT) ELSE 0 END AS written,
    CASE WHEN reasons AND u_think < 0.7
      THEN CAST(floor(completion * (0.1 + 0.8 * u_think)) AS BIGINT) ELSE 0 END AS thought
  FROM sized)
SELECT
  {projects}[shape % 6 + 1] AS project,
  CASE WHEN shape % 10 = 0 AND c = 0 THEN {trace_id} ELSE {call_id} END AS call_id,
  {trace_id} AS trace_id,
  CASE WHEN shape % 10 = 0 AND c = 0 THEN NULL WHEN shape % 2 = 0 THEN {trace_id} ELSE {node_id} END AS parent_id,
  CASE WHEN shape % 3 = 0 THEN {thread_id} END AS thread_id,
  make_timestamptz(started) AS started_at,
  CAST(300 + completion * (6 + 10 * u_think) AS INTEGER) AS latency_ms,
  CASE WHEN shape % 2 = 1 AND kind = 'llm' THEN CAST(200 + prompt / 40 * u_think AS INTEGER) END AS first_token_ms,
  make_timestamptz({start} + 90000000000) AS ingested_at,
  kind,
  {names}[model_at % 4 + 1] AS name,
  'root_' || shape || ' / node_' || (c % 3) || ' / ' || {names}[model_at % 4 + 1] AS call_site,
  'root_' || shape AS root_name,
  'v2.' || {week} || '.' || (shape % 6) || '-g' || left(md5('{week}' || (shape % 6)), 7) AS release,
  CASE WHEN failed THEN 'error' ELSE 'success' END AS status,
  CASE WHEN failed THEN 'RateLimitError' END AS error_kind,
  provider, model AS model_requested, answered AS model_answered,
  CASE WHEN flex AND u_env > 0.97 THEN 'service_tier=flex' ELSE '' END AS price_context,
  CASE WHEN priced THEN substr(md5(model), 1, 8) || '-0000-4000-8000-' || substr(md5(model), 9, 12) END
    AS price_model_id,
  CASE WHEN failed THEN 0 ELSE prompt - reads - least(written, prompt - reads) END AS input_tokens,
  CASE WHEN failed THEN 0 ELSE reads END AS cache_read_tokens,
  CASE WHEN failed OR u_think > 0.9 THEN 0 ELSE least(written, prompt - reads) END AS cache_write_tokens,
  CASE WHEN failed OR u_think <= 0.9 THEN 0 ELSE least(written, prompt - reads) END AS cache_write_1h_tokens,
  CASE WHEN failed THEN 0 ELSE completion - thought END AS output_tokens,
  CASE WHEN failed THEN 0 ELSE thought END AS reasoning_tokens,
  CASE WHEN failed THEN 0 ELSE prompt END AS prompt_total,
  CASE WHEN failed THEN 0 ELSE completion END AS completion_total,
  CASE WHEN failed THEN NULL ELSE 'server' END AS usage_source,
  CAST(u_env < 0.005 AND NOT failed AS TINYINT) AS usage_estimated,
  CASE WHEN failed THEN 'missing' END AS usage_flag,
  CASE WHEN priced AND NOT failed THEN (prompt - reads) * in_rate + reads * (in_rate // 10) END AS reported_input_cost,
  CASE WHEN priced AND NOT failed THEN completion * out_rate END AS reported_output_cost,
  CASE WHEN priced AND NOT failed
    THEN (prompt - reads) * in_rate + reads * (in_rate // 10) + completion * out_rate END AS reported_cost,
  '{{"app":"' || {projects}[shape % 6 + 1] || '","prompt_version":"v' || (shape % 9 + {week})
    || '","region":"' || {regions}[customer_at % 4 + 1] || '","retrieved":' || CAST(floor(u_think * 12) AS INTEGER)
    || ',"team":"team-' || (shape % 7) || '"}}' AS metadata,
  CASE WHEN shape % 2 = 1 THEN ['seq:step:' || (c % 3 + 1)] END AS tags,
  CASE WHEN feature_at IS NOT NULL THEN {feature_names}[feature_at + 1] END AS feature,
  CASE WHEN feature_at IS NULL THEN NULL WHEN feature_at % 3 = 0 THEN 'root' ELSE 'call' END AS feature_from,
  CASE WHEN u_env < 0.88 THEN 'production' WHEN u_env < 0.97 THEN 'staging' ELSE 'dev' END AS env,
  'environment' AS env_from,
  {tiers}[customer_at * 7919 % 10 + 1] AS user_tier, 'call' AS user_tier_from,
  'cus_' || substr(md5('customer' || customer_at), 1, 14) AS customer_id, 'call' AS customer_id_from
FROM counted
"""


def ledger(folder: Path, rows: int, *, days: int = DAYS) -> Path:
    """The folder of a ledger of about so many calls, built where it is not there yet.

    Args:
        folder: where ledgers are kept.
        rows: calls over all days.
        days: how many, the last one being LAST_DAY.
    """
    root = folder / f"v{VERSION}-{rows}-{days}"
    if _readable(root):
        return root
    shutil.rmtree(root, ignore_errors=True)
    unfinished = root.with_name(root.name + ".building")
    shutil.rmtree(unfinished, ignore_errors=True)
    write(unfinished, rows // days, days)
    unfinished.rename(root)
    return root


def _readable(root: Path) -> bool:
    """Whether a ledger is there that was written with today's columns."""
    try:
        files = Ledger(root).snapshot().manifest.files
    except LedgerError:
        return False
    return bool(files) and files[0].dimensions == DIMENSIONS


def write(root: Path, rows_a_day: int, days: int) -> None:
    """Write the last days of the synthetic ledger."""
    engine: Engine = registry.load("engines", "duckdb").connect()
    writer = Ledger(root).writer(engine, SOURCE, DIMENSIONS)
    for day in last_days(days):
        writer.add(Batch(relation=calls(day, rows_a_day)))
        writer.commit({"upto:prod-chat": micros(day + timedelta(days=1))})


def last_days(days: int) -> Iterator[date]:
    """The last days of the ledger, oldest first."""
    return (LAST_DAY - timedelta(days=back) for back in range(days - 1, -1, -1))


def calls(day: date, rows: int) -> str:
    """A SELECT of about so many calls of a day, with the ledger's columns.

    Args:
        day: UTC.
        rows: how many.
    """
    texts = {
        "models": ", ".join(_model(at, model) for at, model in enumerate(MODELS)),
        "calls_of_a_trace": list(CALLS_OF_A_TRACE),
        "start": micros(day),
        "week": (day - FIRST_DAY).days // 7,
        "features": FEATURES,
        "customers": CUSTOMERS,
        "traces": round(rows * 10 / sum(CALLS_OF_A_TRACE)),
        "slots": MODELS_OF_A_FEATURE,
        "main_slot": _MOSTLY_ONE,
        "model_count": len(MODELS),
        "projects": ["prod-chat", "prod-agents", "search", "support", "nightly-eval", "internal-tools"],
        "regions": ["eu-west-1", "eu-central-1", "us-east-1", "ap-south-1"],
        "names": ["ChatOpenAI", "ChatAnthropic", "ChatModel", "llm-gateway"],
        "tiers": ["free"] * 6 + ["pro"] * 3 + ["enterprise"],
        "feature_names": [
            f"{noun}-{verb}" for noun in _NOUNS for verb in ("search", "draft", "agent", "review")
        ],
    }
    traced = [f"u_{name}" for name in ("start", "tagged", "feature", "customer", "env", "main", "second")]
    called = [f"u_{name}" for name in ("gap", "model", "error", "long", "size", "cache", "cached", "think")]
    texts |= {name: _uniform(f"'{day}', t, '{name}'") for name in traced}
    texts |= {name: _uniform(f"'{day}', t, c, '{name}'") for name in called}
    texts |= {
        "normal": _normal(f"'{day}', t, c, 'in'"),
        "normal_out": _normal(f"'{day}', t, c, 'out'"),
    }
    texts |= {
        "trace_id": _uuid7("began", f"'{day}trace' || t"),
        "call_id": _uuid7("started", f"'{day}call' || t || '/' || c"),
        "node_id": _uuid7("started - 3000", f"'{day}node' || t || '/' || c"),
        "thread_id": _uuid4(f"'{day}thread' || (customer_at % 5000) || '/' || shape || '/' || (t % 3)"),
    }
    return CALLS.format(**{name: _sql(value) for name, value in texts.items()})


def micros(day: date) -> int:
    """Microseconds since the epoch at which a UTC day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


_MOSTLY_ONE = """CASE WHEN u_main < 0.7 THEN 0 WHEN u_main < 0.85 THEN 1
      ELSE 2 + CAST(floor((u_main - 0.85) / 0.0376) AS INTEGER) END"""
_NOUNS = ("rag", "email", "ticket", "invoice", "contract", "code", "meeting", "sales", "report", "catalog")


def _model(at: int, model: Model) -> str:
    """A row of the models, with LangSmith's own price for most of them."""
    prices = book.load()
    match = prices.match(model.provider, model.name, "")
    rates = prices.rates(match.price)[-1].rates if match.price else {}
    priced = bool(rates) and at % 7 != 0
    cells = (
        at, model.provider, model.name, f"{model.name}-2026-05-01" if model.provider == "azure" else None,
        model.share_cached, model.writes_cache, model.reasons, model.kind, model.flex, priced,
        rates.get("input_tokens", 0), rates.get("output_tokens", 0),
    )  # fmt: skip
    return f"({', '.join(_cell(cell) for cell in cells)})"


def _cell(value: object) -> str:
    if value is None:
        return "CAST(NULL AS VARCHAR)"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _sql(value: object) -> str:
    return json.dumps(value).replace('"', "'") if isinstance(value, list) else str(value)


def _uniform(parts: str) -> str:
    """A number in [0, 1) that follows from values. Hashed twice: the hash of several values is a mere XOR of theirs."""
    return f"(CAST(hash(hash({parts})) >> 11 AS DOUBLE) / 9007199254740992)"


def _normal(parts: str) -> str:
    """A number of mean 0 and deviation 1 that follows from values (Box-Muller)."""
    return f"(sqrt(-2 * ln(1 - {_uniform(f'{parts}, 1')})) * cos(6.283185307 * {_uniform(f'{parts}, 2')}))"


def _uuid7(micros_sql: str, text: str) -> str:
    """A UUID of version 7, as the LangSmith SDKs make them: milliseconds, then 74 random bits."""
    time = f"lpad(lower(to_hex(({micros_sql}) // 1000)), 12, '0')"
    digits = f"md5({text})"
    return (
        f"(left({time}, 8) || '-' || right({time}, 4) || '-7' || substr({digits}, 1, 3) || '-' || "
        f"substr('89ab', CAST(ascii(substr({digits}, 4, 1)) % 4 + 1 AS BIGINT), 1) || substr({digits}, 5, 3) || '-' || "
        f"substr({digits}, 8, 12))"
    )


def _uuid4(text: str) -> str:
    digits = f"md5({text})"
    return (
        f"(substr({digits}, 1, 8) || '-' || substr({digits}, 9, 4) || '-4' || substr({digits}, 14, 3) || '-8' || "
        f"substr({digits}, 17, 3) || '-' || substr({digits}, 20, 12))"
    )
