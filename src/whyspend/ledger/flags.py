"""What the ledger works out itself about each call: its price key and whether it opens its request.

Requests are a SUM over calls, never a distinct count over all rows: the first call of a trace carries
request_root = 1. Example: a trace with calls at 10:00 (gpt-4o), 10:01 (gpt-4o-mini), 10:02 (gpt-4o) has
request_root 1, 0, 0 and model_root 1, 1, 0: one request in all; one that used gpt-4o, one that used gpt-4o-mini.
A trace that runs past midnight counts on the day it began: its calls of the next day carry 0.

Limits, so that no commit has to read the whole ledger: only the day before is looked at, so a trace that pauses for
a whole UTC day counts once more when it goes on; and request_mixed compares the calls of one UTC day.
"""

from collections.abc import Sequence

from whyspend.model import Engine

REPORTED = "(reported)"
"""The price key of calls that carry their own cost and are priced by it: tool runs."""

MODEL = "coalesce(model_answered, model_requested)"
"""The answered model beats the requested one where both are known."""

GROUPED_MODEL = f"CASE WHEN kind = 'tool' THEN '' ELSE coalesce({MODEL}, '') END"
"""What requests by model are counted by: a tool run is no request to a model, whatever it names."""

PRICE_KEY = f"""CASE WHEN kind = 'tool' THEN '{REPORTED}'
  ELSE replace(coalesce(provider, ''), '|', '/') || '|' || coalesce({MODEL}, '') || '|' ||
    replace(price_context, '|', '/') END"""
"""`provider|model|context`. The first and the last bar part it, for only the model may hold one."""

FLAGS = """
WITH opening AS (
  SELECT min({{'at': started_at, 'id': call_id}}).id AS call_id FROM {calls}
  WHERE trace_id NOT IN (SELECT trace_id FROM {before}) GROUP BY trace_id),
opening_model AS (
  SELECT min({{'at': started_at, 'id': call_id}}).id AS call_id FROM {calls}
  WHERE (trace_id, {model}) NOT IN (SELECT (trace_id, {model}) FROM {before})
  GROUP BY trace_id, {model}),
mixed AS (SELECT trace_id FROM {calls} GROUP BY trace_id HAVING {mixed})
SELECT call_id AS "flagged call",
  CAST(call_id IN (SELECT call_id FROM opening) AS TINYINT) AS "opens request",
  CAST(call_id IN (SELECT call_id FROM opening_model) AS TINYINT) AS "opens model",
  CAST(trace_id IN (SELECT trace_id FROM mixed) AS TINYINT) AS "is mixed"
FROM {calls}
"""

FLAGGED = """
SELECT {names} FROM (
  SELECT * REPLACE (
    "opens request" AS request_root, "opens model" AS model_root, "is mixed" AS request_mixed)
  FROM {calls} JOIN flags ON call_id = "flagged call")
"""
"""The flags are worked out of few columns and join the others once: to look up each flag for itself while all
columns pass by costs three times as much. Names with a space, for no dimension has one."""

TRACE_COLUMNS = "trace_id, kind, model_answered, model_requested"
"""What is looked at of the day before."""

NO_TRACES = "(SELECT '' AS trace_id, '' AS kind, '' AS model_answered, '' AS model_requested WHERE false)"


def traced(engine: Engine, calls: str, dimensions: Sequence[str]) -> str:
    """SQL of what the flags of these calls are worked out of: it is read several times, so it is kept first."""
    owners = ["project", *map(engine.identifier, dimensions)]
    return f"SELECT call_id, started_at, {TRACE_COLUMNS}, {', '.join(owners)} FROM {calls}"


def flags(engine: Engine, calls: str, before: str, dimensions: Sequence[str]) -> str:
    """SQL of the flags of one day's calls, to be kept as `flags`.

    Args:
        engine: whose identifiers to use.
        calls: a relation of `traced`: calls of one source and day, each once, with all others of their traces.
        before: a relation with the traces of the day before.
        dimensions: those that have columns.
    """
    owners = ["project", *(f"coalesce({engine.identifier(name)}, '')" for name in dimensions)]
    mixed = " OR ".join(f"min({owner}) <> max({owner})" for owner in owners)
    return FLAGS.format(calls=calls, before=before, model=GROUPED_MODEL, mixed=mixed)


def flagged(names: str, calls: str) -> str:
    """SQL of these columns of one day's calls with the flags that were kept."""
    return FLAGGED.format(names=names, calls=calls)
