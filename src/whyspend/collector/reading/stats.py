"""Runs added up, as LangSmith's statistics are: counts, tokens, costs, and how they spread."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from whyspend.collector.reading.asked import Grouping
from whyspend.collector.reading.fields import FIELDS, started
from whyspend.collector.reading.metadata import Metadata
from whyspend.collector.reading.runs import INPUT_DETAILS, OUTPUT_DETAILS, dollars
from whyspend.collector.reading.searching import Search
from whyspend.errors import UsageError, nearest
from whyspend.workspace.windows import instant

_DETAILS = (*INPUT_DETAILS, *OUTPUT_DETAILS)
_SPREAD = ("latency", "first_token", "prompt", "completion", "total", "cost")
_SHARES = {"p50": "0.5", "p99": "0.99"}
_SECONDS = 1_000

ADDED = """
SELECT part, count(*), count(cost), sum(cost), sum(prompt_cost), sum(completion_cost),
  CAST(sum(prompt) AS BIGINT), CAST(sum(completion) AS BIGINT), max(began),
  CAST(sum(failed) AS BIGINT), count(first_token), {sums}, {spread}
FROM {calls} wanted WHERE part IS NOT NULL GROUP BY part ORDER BY count(*) DESC, part LIMIT {most}
"""

Stats = dict[str, Any]

_ATTRIBUTES = ("name", "run_type", "tag", "metadata")


def added_up(search: Search) -> Stats:
    """All that are wanted, together."""
    return _added(search, "''", 1).get("", NOTHING)


def by_group(search: Search, grouping: Grouping) -> dict[str, Stats]:
    """The largest groups, most runs first; runs without what is grouped by are in none.

    Raises:
        UsageError: nothing that can be grouped by.
    """
    return _added(search, _part(search, grouping), grouping.max_groups)


def by_project(search: Search) -> dict[str, Stats]:
    """Each project, by name."""
    return _added(search, "project", 1_000_000)


def only(found: Stats, names: Any) -> Stats:
    """The figures that are asked for; None: all.

    Raises:
        UsageError: one that is not known.
    """
    if names is None:
        return found
    for name in names:
        if name not in found:
            raise UsageError(
                f"There is no figure {name[:40]} to select.{nearest(name, found)} There is: {', '.join(found)}."
            )
    return {name: found[name] for name in names}


def _part(search: Search, grouping: Grouping) -> str:
    engine, dimensions = search.place.engine, search.data.attribution
    if grouping.attribute not in _ATTRIBUTES:
        raise UsageError(f"group_by.attribute must be one of {', '.join(_ATTRIBUTES)}.")
    if grouping.attribute == "tag":
        return engine.each_item("tags")
    if grouping.attribute != "metadata":
        return FIELDS[grouping.attribute].sql
    if not grouping.path:
        raise UsageError("group_by.path must name the metadata key.")
    return f"CAST({Metadata(engine, dimensions).text(grouping.path)} AS VARCHAR)"


def _added(search: Search, part: str, most: int) -> dict[str, Stats]:
    search.where  # noqa: B018  what cannot be answered is refused by an empty ledger too
    days = list(search.days)
    if not days:
        return {}
    engine = search.place.engine
    counted = {name: FIELDS[f"{name}_tokens"].sql for name in ("prompt", "completion", "total")}
    cells = {
        "part": part,
        "began": started(engine),
        "latency": "latency_ms",
        "first_token": "first_token_ms",
        "failed": "CASE WHEN status = 'error' THEN 1 ELSE 0 END",
        **counted,
        **{f"of_{name}": name for name in _DETAILS},
    }
    rows = engine.rows(
        ADDED.format(
            calls=search.priced(search.of(days[0], days[-1]), cells),
            sums=", ".join(f"CAST(sum(of_{name}) AS BIGINT)" for name in _DETAILS),
            spread=", ".join(engine.quantiles(name, tuple(_SHARES.values())) for name in _SPREAD),
            most=most,
        )
    )
    return {row[0]: _of(row[1:]) for row in rows}


def _of(row: Any) -> Stats:
    """The figures of a row; None: of nothing."""
    rest = list(row or [0, 0, 0, 0, 0, 0, 0, None, 0, 0, *[0] * len(_DETAILS), *[None] * len(_SPREAD)])
    runs, priced, cost, prompt_cost, completion_cost, prompt, completion, last, failed, streamed = rest[:10]
    details = dict(zip(_DETAILS, rest[10 : 10 + len(_DETAILS)], strict=True))
    spread = {
        f"{name}_{share}": value
        for name, values in zip(_SPREAD, rest[10 + len(_DETAILS) :], strict=True)
        for share, value in zip(_SHARES, values or [None] * len(_SHARES), strict=True)
    }
    return {
        "run_count": runs,
        "unpriced_run_count": runs - priced,
        "latency_p50": _seconds(spread["latency_p50"]),
        "latency_p99": _seconds(spread["latency_p99"]),
        "first_token_p50": _seconds(spread["first_token_p50"]),
        "first_token_p99": _seconds(spread["first_token_p99"]),
        "total_tokens": (prompt or 0) + (completion or 0),
        "prompt_tokens": prompt or 0,
        "completion_tokens": completion or 0,
        "median_tokens": spread["total_p50"],
        "completion_tokens_p50": spread["completion_p50"],
        "prompt_tokens_p50": spread["prompt_p50"],
        "tokens_p99": spread["total_p99"],
        "completion_tokens_p99": spread["completion_p99"],
        "prompt_tokens_p99": spread["prompt_p99"],
        "last_run_start_time": None if last is None else instant(last).replace(tzinfo=None).isoformat(),
        "feedback_stats": {},
        "run_facets": [],
        "error_rate": failed / runs if runs else None,
        "streaming_rate": streamed / runs if runs else None,
        "total_cost": dollars(cost),
        "prompt_cost": dollars(prompt_cost),
        "completion_cost": dollars(completion_cost),
        "cost_p50": dollars(spread["cost_p50"]),
        "cost_p99": dollars(spread["cost_p99"]),
        "prompt_token_details": _named(details, INPUT_DETAILS),
        "completion_token_details": _named(details, OUTPUT_DETAILS),
    }


def _seconds(millis: int | None) -> Decimal | None:
    return None if millis is None else Decimal(millis) / _SECONDS


def _named(details: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {key: int(details[name]) for name, key in names.items() if details[name]}


NOTHING = _of(None)
"""The figures of no run."""
