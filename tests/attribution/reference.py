"""The rules of attribution once more, slowly and in plain Python, for the SQL to be compared with."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from whyspend.attribution import Rule
from whyspend.engines.duckdb import DuckDB

Row = Mapping[str, Any]

COLUMNS = (
    *("project", "name", "model_answered", "model_requested", "metadata", "tags"),
    *("feature", "feature_from", "env", "env_from"),
)
DIMENSIONS = ("feature", "env")


def attributed(
    row: Row, dimension: str, rules: Sequence[Rule], aliases: Mapping[str, Mapping[str, str]]
) -> tuple[str | None, str | None]:
    """The value of a dimension and where it came from."""
    value, origin = row.get(dimension), row.get(f"{dimension}_from")
    if value is None:
        value = next(
            (rule.set[dimension] for rule in rules if dimension in rule.set and holds(rule, row)), None
        )
        origin = None if value is None else "rule"
    return (None if value is None else aliases.get(dimension, {}).get(value, value)), origin


def holds(rule: Rule, row: Row) -> bool:
    return all(
        any(
            matches(text, subject)
            for text in ([wanted] if isinstance(wanted, str) else wanted)
            for subject in found
        )
        for found, wanted in ((subjects(name, row), wanted) for name, wanted in rule.when.items())
    )


def subjects(name: str, row: Row) -> list[str]:
    if name == "tags":
        return row.get("tags") or []
    if name == "model":
        found = (
            row.get("model_answered") if row.get("model_answered") is not None else row.get("model_requested")
        )
    elif name.startswith("metadata."):
        found = json.loads(row.get("metadata") or "{}").get(name.removeprefix("metadata."))
        found = found if found is None or isinstance(found, str) else json.dumps(found)
    else:
        found = row.get(name)
    return [] if found is None else [found]


def matches(text: str, subject: str) -> bool:
    if text.startswith("re:"):
        return re.search(text.removeprefix("re:"), subject) is not None
    glob = "".join({"*": "(?s:.*)", "?": "(?s:.)"}.get(sign, re.escape(sign)) for sign in text)
    return re.fullmatch(glob, subject) is not None


def on_duckdb(
    engine: DuckDB, expressions: Mapping[str, tuple[str, str]], rows: Sequence[Row]
) -> list[tuple[Any, ...]]:
    """What the SQL says about rows, in their order: value and origin of each dimension."""
    selected = ", ".join(f"{value}, {origin}" for value, origin in expressions.values())
    values = ", ".join(
        f"({index}, {', '.join(_literal(engine, row.get(column)) for column in COLUMNS)})"
        for index, row in enumerate(rows)
    )
    types = {"tags": "VARCHAR[]"}
    typed = ", ".join(f"CAST({column} AS {types.get(column, 'VARCHAR')}) AS {column}" for column in COLUMNS)
    table = f"(VALUES {values}) AS given(number, {', '.join(COLUMNS)})"
    return engine.rows(f"SELECT {selected} FROM (SELECT number, {typed} FROM {table}) ORDER BY number")


def _literal(engine: DuckDB, value: str | list[str] | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return engine.literal(value)
    return f"CAST([{', '.join(engine.literal(item) for item in value)}] AS VARCHAR[])"
