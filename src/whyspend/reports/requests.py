"""Which single requests (threads, customers) cost the most?"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any

from whyspend.errors import UsageError
from whyspend.model import Cell, Chart, Table, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import spans
from whyspend.spelling import money

OF_DAY = """
SELECT trace_id, {owner} AS owner, min(source) AS source, min(project) AS project, min(started) AS started,
  CAST(sum(calls) AS BIGINT) AS calls, CAST(sum(unpriced) AS BIGINT) AS unpriced, max(root) AS root,
  CAST(sum(input_tokens) AS DECIMAL(38, 0)) AS input_tokens,
  CAST(sum(output_tokens) AS DECIMAL(38, 0)) AS output_tokens,
  CAST(sum(cost) AS DECIMAL(38, 0)) AS cost
FROM (
  SELECT {columns}, 1 AS calls, CASE WHEN cost IS NULL THEN 1 ELSE 0 END AS unpriced FROM ({priced}) calls_of_day
  UNION ALL
  SELECT {columns}, calls, unpriced FROM of_later_days) pieces
GROUP BY {group}
"""
"""One row for each request (and owner) of a day: its calls of that day, and what later days have of it."""

OF_ROOT = "coalesce(max(CASE WHEN root = 1 THEN owner END), min(owner))"
"""A request has the owner of its first call, also where calls within it are another's; else of any."""

NOTHING = """
SELECT '' AS trace_id, '' AS owner, '' AS source, '' AS project, CAST(0 AS BIGINT) AS started,
  CAST(0 AS BIGINT) AS calls, CAST(0 AS BIGINT) AS unpriced, CAST(0 AS TINYINT) AS root,
  CAST(0 AS DECIMAL(38, 0)) AS input_tokens, CAST(0 AS DECIMAL(38, 0)) AS output_tokens,
  CAST(0 AS DECIMAL(38, 0)) AS cost
WHERE false
"""
"""The shape of OF_DAY, without a row."""

COLUMNS = "trace_id, owner, source, project, started, root, input_tokens, output_tokens, cost"

BEGAN_EARLIER = "SELECT * FROM of_day WHERE root = 0 AND trace_id IN (SELECT trace_id FROM {day_before})"

OF_REQUESTS = """
SELECT CAST(sum(calls) AS BIGINT), CAST(sum(unpriced) AS BIGINT), sum(cost) FROM ({finished}) GROUP BY trace_id
"""
"""The pieces of each request, by owner, as one again."""

DEAREST = """
SELECT owner, source, project, trace_id, started, calls, unpriced, input_tokens, output_tokens, cost
FROM {requests} ORDER BY cost DESC NULLS LAST, started, trace_id LIMIT {top}
"""

OWNERS = """
SELECT owner, CAST(count(*) AS BIGINT), CAST(sum(calls) AS BIGINT), CAST(sum(unpriced) AS BIGINT), sum(cost),
  {quantiles}, max(cost)
FROM costs GROUP BY owner ORDER BY sum(cost) DESC NULLS LAST, owner NULLS LAST {limit}
"""

WHOLE = """
SELECT CAST(count(*) AS BIGINT), CAST(coalesce(sum(calls), 0) AS BIGINT), CAST(coalesce(sum(unpriced), 0) AS BIGINT),
  sum(cost), {quantiles}, max(cost)
FROM {costs}
"""

_EXACT = Context(prec=100)

QUANTILES = {"p50_usd": "0.5", "p95_usd": "0.95", "p99_usd": "0.99"}


def run(data: Any, *, by: tuple[str, ...] = ("trace",), top: int = 20) -> Table:
    """The dearest requests, threads, or values of any key, with the cost per request: p50, p95, p99, highest.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: `trace` for single requests, `thread` for conversations, or any dimension, metadata key, model, ...
        top: How many to show; 0 shows all.
    """
    if len(by) != 1:
        raise UsageError("requests takes one --by: trace, thread, or one key such as customer_id.")
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many rows to show; 0 shows all.")
    single = by[0] in ("trace", "trace_id")
    key = data.key(data.dimensions[0] if single else {"thread": "thread_id"}.get(by[0], by[0]))
    data.added_up([])
    trust, notes = data.trust(), data.unpriced_notes()
    _collect(data, key, single, top)
    whole = data.rows(WHOLE.format(quantiles=_quantiles(data), costs="costs" if single else "wholes"))[0]
    columns, rows = _single(data, key, top) if single else _owners(data, key, top)
    charts = _pictures(data, "costs" if single else "wholes", *whole[-2:]) if data.pictures else ()
    ((pieces, owners),) = data.rows("SELECT count(*), count(DISTINCT coalesce(owner, chr(0))) FROM costs")
    for name in ("costs", "wholes", "dearest", "of_day", "of_later_days"):
        data.engine.forget(name)
    count, calls, unpriced, cost, quantiles, highest = whole
    spread = _spread(quantiles, highest)
    total: dict[str, Cell] = {
        "calls": calls,
        "cost_usd": usd(cost) if count else Decimal(0),
        "unpriced_calls": unpriced,
    }
    if not single:
        total |= {"requests": count} | {c.name: usd(v) for c, v in zip(_SPREAD, spread, strict=True)}
    first = []
    if single and len(rows) < count:
        first.append(f"The dearest {len(rows):,} of {count:,} requests are shown; the total is of all.")
    if single and rows and rows[0]["url"]:
        first.append(f"The dearest: {rows[0]['url']}")
    if not single and len(rows) < owners:
        first.append(f"The dearest {top} of {owners:,} rows are shown; the total is of all.")
    if pieces > count:
        first.append("Requests overlap: one that has several of these counts with its part in each row.")
    if not single and rows and all(row["of"] is None for row in rows):
        first.extend(data.absent_notes(key))
    shown = tuple(
        tuple(row[column.name] for column in columns) for row in _with_share(rows, total["cost_usd"])
    )
    return Table(
        "requests",
        data.window,
        columns,
        shown,
        total,
        trust,
        (*first, *notes, *data.empty_notes(trust.calls)),
        headline=_spread_said(count, spread) if single and count else "",
        charts=charts,
    )


def _pictures(data: Any, requests: str, quantiles: Sequence[Any], highest: Any) -> tuple[Chart, ...]:
    """How many requests cost how much, with the quantiles."""
    if not highest:
        return ()
    ((lowest,),) = data.rows(f"SELECT min(cost) FROM {requests} WHERE cost > 0")
    edges = spans(int(lowest), int(highest))
    cases = " ".join(
        f"WHEN cost <= CAST('{edge}' AS DECIMAL(38, 0)) THEN {at}" for at, edge in enumerate(edges[1:])
    )
    found = data.rows(f"SELECT CASE {cases} END, count(*) FROM {requests} WHERE cost IS NOT NULL GROUP BY 1")
    counts = dict(found)
    rows = tuple((usd(start), usd(end), counts.get(at, 0)) for at, (start, end) in enumerate(pairwise(edges)))
    marks = tuple(
        (name.removesuffix("_usd"), amount)
        for name, units in zip(QUANTILES, quantiles, strict=True)
        if (amount := usd(units)) is not None
    )
    columns = (
        TableColumn("from_usd", "usd"),
        TableColumn("to_usd", "usd"),
        TableColumn("requests", "requests"),
    )
    return (Chart("histogram", "Cost of a request", columns, rows, marks),)


def _spread_said(count: int, spread: Sequence[Any]) -> str:
    """The cost of one request, for people."""
    said = ", ".join(
        f"{c.name.removesuffix('_usd')} {_dollars(v)}" for c, v in zip(_SPREAD, spread, strict=True)
    )
    return f"Cost per request over all {count:,} requests: {said}."


_SPREAD = tuple(TableColumn(name, "usd") for name in (*QUANTILES, "highest_usd"))


def _collect(data: Any, key: Any, single: bool, top: int) -> None:
    """Work day by day, last day first, so that memory holds one day's requests and one cost for each.

    A request that runs past midnight is carried to the day on which it began. One that began before the window
    counts with its part within it.
    """
    days = data.days()
    group = "trace_id" if single else "trace_id, owner"
    owner = OF_ROOT if single else "owner"
    data.engine.keep("of_later_days", NOTHING)
    data.engine.keep("costs", f"SELECT owner, calls, unpriced, cost FROM ({NOTHING})")
    data.engine.keep("wholes", f"SELECT calls, unpriced, cost FROM ({NOTHING})")
    data.engine.keep("dearest", DEAREST.format(requests=f"({NOTHING})", top=0))
    for at in range(len(days) - 1, -1, -1):
        priced = days[at].priced_calls(_columns(data, key))
        data.engine.keep("of_day", OF_DAY.format(columns=COLUMNS, owner=owner, group=group, priced=priced))
        data.engine.keep(
            "of_later_days",
            BEGAN_EARLIER.format(day_before=days[at - 1].traces())
            if at
            else "SELECT * FROM of_day WHERE false",
        )
        finished = (
            "SELECT * FROM of_day WHERE NOT (root = 0 AND trace_id IN (SELECT trace_id FROM of_later_days))"
        )
        data.engine.add("costs", f"SELECT owner, calls, unpriced, cost FROM ({finished})")
        if not single:
            data.engine.add("wholes", OF_REQUESTS.format(finished=finished))
        else:
            both = f"(SELECT * FROM dearest UNION ALL SELECT {', '.join(_LISTED)} FROM ({finished}))"
            limit = top or 9_223_372_036_854_775_807
            data.engine.keep("dearest", DEAREST.format(requests=both, top=limit))


_LISTED = (
    "owner", "source", "project", "trace_id", "started", "calls", "unpriced", "input_tokens", "output_tokens", "cost",
)  # fmt: skip


def _columns(data: Any, key: Any) -> dict[str, str]:
    return {
        "trace_id": "trace_id",
        # As text, whatever the key is: label() turns days and hours back.
        "owner": f"CAST({data.expression(key)} AS VARCHAR)",
        "source": "source",
        "project": "project",
        "started": data.engine.micros("started_at"),
        "root": "request_root",
    }


def _single(data: Any, key: Any, top: int) -> tuple[tuple[TableColumn, ...], list[dict[str, Cell]]]:
    columns = (
        TableColumn("trace_id", "text"),
        TableColumn("started_at", "date"),
        TableColumn(key.name, "text"),
        TableColumn("project", "text"),
        TableColumn("calls", "calls"),
        TableColumn("input_tokens", "tokens"),
        TableColumn("output_tokens", "tokens"),
        TableColumn("cost_usd", "usd"),
        TableColumn("share", "share", derived=True),
        TableColumn("unpriced_calls", "calls"),
        TableColumn("url", "url", derived=True),
    )
    rows: list[dict[str, Cell]] = []
    for owner, source, project, trace, started, calls, unpriced, given, made, cost in data.rows(
        "SELECT * FROM dearest"
    ):
        rows.append(
            {
                "trace_id": trace,
                "started_at": datetime.fromtimestamp(started / 1_000_000, UTC).replace(microsecond=0),
                key.name: data.label(key, owner),
                "project": project,
                "calls": calls,
                "input_tokens": int(given),
                "output_tokens": int(made),
                "cost_usd": usd(cost),
                "unpriced_calls": unpriced,
                "url": data.link(source, project, trace),
            }
        )
    return columns, rows


def _owners(data: Any, key: Any, top: int) -> tuple[tuple[TableColumn, ...], list[dict[str, Cell]]]:
    columns = (
        TableColumn(key.name, key.unit),
        TableColumn("requests", "requests"),
        TableColumn("calls", "calls"),
        TableColumn("cost_usd", "usd"),
        TableColumn("share", "share", derived=True),
        *_SPREAD,
        TableColumn("unpriced_calls", "calls"),
    )
    limit = f"LIMIT {top}" if top else ""
    rows: list[dict[str, Cell]] = []
    for owner, requests, calls, unpriced, cost, quantiles, highest in data.rows(
        OWNERS.format(quantiles=_quantiles(data), limit=limit)
    ):
        value = int(owner) if key.is_time and owner is not None else owner
        rows.append(
            {
                key.name: data.label(key, value),
                "of": value,
                "requests": requests,
                "calls": calls,
                "cost_usd": usd(cost),
                **{c.name: usd(value) for c, value in zip(_SPREAD, _spread(quantiles, highest), strict=True)},
                "unpriced_calls": unpriced,
            }
        )
    return columns, rows


def _with_share(rows: Sequence[dict[str, Cell]], whole: Cell) -> list[dict[str, Cell]]:
    return [row | {"share": _part(row["cost_usd"], whole)} for row in rows]


def _part(cost: Cell, whole: Cell) -> Decimal | None:
    return (
        round(cost / whole, 12)
        if isinstance(cost, Decimal) and isinstance(whole, Decimal) and whole
        else None
    )


def _quantiles(data: Any) -> str:
    quantiles: str = data.engine.quantiles("cost", tuple(QUANTILES.values()))
    return quantiles


def _spread(quantiles: Sequence[Any] | None, highest: Any) -> tuple[Any, ...]:
    """The amounts of _SPREAD; unknown where no cost is known."""
    return (*(quantiles or (None for _ in QUANTILES)), highest)


def _dollars(units: Any) -> str:
    return "unknown" if units is None else money(usd(units))
