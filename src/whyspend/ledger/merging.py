"""Two versions of a call become one: the later replaces the earlier, an empty value never replaces a full one.

Example: held is model gpt-4o with 100 input tokens and the feature chat; a later version says model gpt-4o-mini,
no counts, no feature. Then the call has gpt-4o-mini, 100 input tokens and the feature chat. Had the later version
brought counts, all of its counts would stand, and none of the earlier ones: counts are never mixed.
"""

from collections.abc import Sequence

from whyspend.ledger.columns import columns_of
from whyspend.ledger.flags import PRICE_KEY
from whyspend.model import USAGE_COLUMNS, Engine

USAGE_GROUP = (
    *USAGE_COLUMNS, "prompt_total", "completion_total", "price_context", "usage_source", "usage_estimated",
    "usage_flag", "usage_raw",
)  # fmt: skip
"""Counted together, kept together: two versions of a call are never mixed within it."""

COMPUTED = ("price_key", "request_root", "model_root", "request_mixed", "ingested_at")
"""What the ledger works out itself: a difference in these alone is no new version."""

MERGED = """
SELECT {merged} FROM {incoming} i LEFT JOIN {old} o ON i.call_id = o.call_id
WHERE o.call_id IS NULL OR {differs}
"""

BEFORE = """
SELECT call_id, trace_id, call_id IN (SELECT call_id FROM {leaving}) AS leaves,
  call_id IN (SELECT call_id FROM dropped) AND call_id NOT IN {moving} AS removed
FROM {old} WHERE call_id IN (SELECT call_id FROM upserts UNION ALL SELECT call_id FROM {leaving})
"""

NOTHING_BEFORE = "SELECT '' AS call_id, '' AS trace_id, false AS leaves, false AS removed WHERE false"

KEPT = """
SELECT {columns} FROM {old} WHERE call_id NOT IN (SELECT call_id FROM before)
UNION ALL
SELECT {columns} FROM upserts
"""

FOLDED = """
WITH versions AS (
  SELECT *, count(*) OVER (PARTITION BY call_id) AS "how many"
  FROM (SELECT *, rowid AS "came as" FROM {incoming}))
SELECT {columns} FROM versions WHERE "how many" = 1
UNION ALL
SELECT {folded} FROM versions WHERE "how many" > 1 GROUP BY call_id
"""
"""Names with a space, for no dimension has one."""


def merged(incoming: str, old: str, dimensions: Sequence[str], engine: Engine) -> str:
    """SQL of the calls that are new, or that differ from what is held."""
    names = [name for name, _ in columns_of(dimensions, engine)]
    values = {name: _newer(name) for name in names}
    for dimension in dimensions:
        name, source = engine.identifier(dimension), engine.identifier(f"{dimension}_from")
        values[source] = f"CASE WHEN i.{name} IS NULL THEN o.{source} ELSE i.{source} END"
    rows = [f"{value} AS {name}" for name, value in values.items()]
    differs = " OR ".join(
        f"({value}) IS DISTINCT FROM o.{name}" for name, value in values.items() if name not in COMPUTED
    )
    select = MERGED.format(merged=", ".join(rows), incoming=incoming, old=old, differs=f"({differs})")
    return f"SELECT * REPLACE ({PRICE_KEY} AS price_key) FROM ({select})"


def folded(incoming: str, dimensions: Sequence[str], engine: Engine) -> str:
    """SQL of a kept table with the versions of each call made one, by the same rule, in their order of arrival."""
    names = [name for name, _ in columns_of(dimensions, engine)]
    values = {name: f'max_by({name}, "came as")' for name in names}  # passes over NULL
    # Of the versions with counts the last; where none has any, the last.
    group = "max_by({" + ", ".join(f"'{name}': {name}" for name in USAGE_GROUP) + '}, "came as")'
    counted = f"coalesce({group} FILTER (WHERE usage_source IS NOT NULL), {group})"
    values |= {name: f"({counted}).{name}" for name in USAGE_GROUP}
    for dimension in dimensions:
        name, source = engine.identifier(dimension), engine.identifier(f"{dimension}_from")
        values[source] = f'max_by({source}, "came as") FILTER (WHERE {name} IS NOT NULL)'
    return FOLDED.format(
        incoming=incoming,
        columns=", ".join(names),
        folded=", ".join(f"{value} AS {name}" for name, value in values.items()),
    )


def _newer(name: str) -> str:
    if name in USAGE_GROUP:
        return (
            f"CASE WHEN i.usage_source IS NULL AND o.usage_source IS NOT NULL THEN o.{name} ELSE i.{name} END"
        )
    return f"coalesce(i.{name}, o.{name})"
