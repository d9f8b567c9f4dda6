"""Spend: calls with their cost, as SQL. Added up first and multiplied after, or call by call: the same integers."""

from collections.abc import Mapping, Sequence
from decimal import Context
from typing import Any

from arro3.core import Array, DataType, Table

from whyspend.model import Engine
from whyspend.pricing.plan import CALLS, PLACE, REPORTED, WHOLE, Plan, split
from whyspend.pricing.slots import LATENCY

RATES = "price_rates"
"""The name under which a plan's table is offered to the engine."""

SPEND = """
SELECT {names}, provider, model, calls, {measures}, {cost}, {priced_calls} AS priced_calls,
  {reason} AS reason
FROM (
  SELECT cells.*, {of_rates}, {list_price} AS list_price
  FROM ({cells}) cells LEFT JOIN {rates} r ON r.price_key = cells.price_key AND r.slot = cells.slot
) listed
"""
"""One row for each group of calls that share the keys and a price. cost: 1e-24 dollars, NULL where unknown."""

ADDED_UP = """
SELECT {keys}, price_key, {slot} AS slot, count(*) AS calls, {sums}
FROM (SELECT *, {place} FROM {calls}) placed WHERE {where}
GROUP BY {group}
"""
"""What such a group used, before it is multiplied."""

PRICED_CALLS = """
SELECT {names}, provider, model, {measures}, {cost}{parts}, {reason} AS reason
FROM (
  SELECT cells.*, {of_rates}, {list_price} AS list_price{list_parts}
  FROM (
    SELECT {keys}, price_key, {slot} AS slot, 1 AS calls, {columns}
    FROM (SELECT *, {place} FROM {calls}) placed WHERE {where}
  ) cells LEFT JOIN {rates} r ON r.price_key = cells.price_key AND r.slot = cells.slot
) listed
"""
"""One row a call."""

OF_RATES = "r.provider, r.model, r.priced, r.reason AS why, r.factor, r.by_count"

_EXACT = Context(prec=100)

ZERO_SUM = "CAST(0 AS BIGINT)"

PROMPT = (
    "input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens",
    "cache_read_audio_tokens", "input_image_tokens", "cache_read_image_tokens", "input_video_tokens",
)  # fmt: skip
COMPLETION = (
    "output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens", "output_video_tokens",
    "citation_tokens",
)  # fmt: skip
SHOWN: Mapping[str, tuple[str, ...]] = {
    "input_tokens": PROMPT,
    "cache_read_tokens": ("cache_read_tokens", "cache_read_audio_tokens", "cache_read_image_tokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_write_1h_tokens"),
    "output_tokens": COMPLETION,
    "reasoning_tokens": ("reasoning_tokens",),
}
"""The token columns of an answer: totals as a provider shows them, and parts of them, from the ledger's disjoint
quantities. 1,200 input of which 1,000 read from a cache: input_tokens 1,200, cache_read_tokens 1,000."""


def offer(plan: Plan, engine: Engine) -> None:
    """Make the plan's table readable as `price_rates`."""
    keys = [row.price_key for row in plan.rows]
    names = [split(key) for key in keys]
    ints = DataType.int64()
    columns: dict[str, Any] = {
        "price_key": Array(keys, DataType.utf8()),
        "provider": Array([provider for provider, _, _ in names], DataType.utf8()),
        "model": Array([model for _, model, _ in names], DataType.utf8()),
        "slot": Array([row.slot for row in plan.rows], DataType.int32()),
        "priced": Array([int(row.rates is not None) for row in plan.rows], ints),
        "reason": Array([row.reason for row in plan.rows], DataType.utf8()),
        "factor": Array([row.factor for row in plan.rows], ints),
        "by_count": Array([int(row.by_count) for row in plan.rows], ints),
    }
    for bucket in (*plan.buckets, CALLS):
        columns[f"rate_{bucket}"] = Array([(row.rates or {}).get(bucket, 0) for row in plan.rows], ints)
    engine.offer(RATES, Table.from_pydict(columns))


def spend(
    plan: Plan,
    engine: Engine,
    calls: str,
    keys: Mapping[str, str],
    *,
    where: str = "true",
    measures: Mapping[str, str] | None = None,
) -> str:
    """SQL of the calls added up by keys and price.

    Args:
        plan: the prices; its table must have been offered.
        engine: whose words to use.
        calls: a relation of ledger rows.
        keys: name -> expression over a ledger row.
        where: a condition on a ledger row.
        measures: more to add up beside the tokens: name -> expression over a ledger row.

    Columns: the keys, provider, model, calls, the measures, the columns of SHOWN, cost (whole 1e-24
    dollars, see `usd`; NULL where unknown), list_cost (before discounts; only where the plan has any), priced_calls,
    reason. Several rows may share the keys.
    """
    cells = added_up(plan, engine, calls, keys, where=where, measures=measures)
    return at_prices(plan, cells, [engine.identifier(name) for name in keys], list(measures or {}))


def added_up(
    plan: Plan,
    engine: Engine,
    calls: str,
    keys: Mapping[str, str],
    *,
    where: str = "true",
    measures: Mapping[str, str] | None = None,
) -> str:
    """SQL of what calls used, added up by the keys and all that decides a price; arguments as of `spend`.

    Columns: the keys, price_key, slot, calls, `q_<quantity>` for each of the plan's buckets, the measures; and, where
    the plan has such calls, q_uncounted (without counts), q_is_reported and q_reported (with a cost of their own, in
    pico-dollars).
    """
    named = {engine.identifier(name): expression for name, expression in keys.items()}
    sums = {
        name: f"CAST(sum({expression}) AS DECIMAL(38, 0))" for name, expression in _quantities(plan).items()
    }
    # A count is read off without looking at every value.
    sums |= {
        name: counted
        for name, counted in (
            ("q_uncounted", "count(*) - count(usage_source)"),
            ("q_is_reported", "count(reported_cost)"),
        )
        if name in sums
    }
    sums |= {name: f"sum({expression})" for name, expression in (measures or {}).items()}
    group = [_grouped(expression) for expression in (*named.values(), "price_key", plan.slot_by_place)]
    return ADDED_UP.format(
        keys=", ".join(f"{expression} AS {name}" for name, expression in named.items()) or "1 AS everything",
        slot=plan.slot_by_place,
        place=f"{plan.place} AS {PLACE}",
        sums=", ".join(f"{expression} AS {name}" for name, expression in sums.items()) or "0 AS nothing",
        calls=calls,
        where=where,
        group=", ".join(part for part in group if part),
    )


def at_prices(plan: Plan, cells: str, names: Sequence[str], measures: Sequence[str]) -> str:
    """SQL of what was added up (see `added_up`; any sums of its rows will do), with its cost.

    Args:
        plan: the prices; its table must have been offered.
        cells: SQL of rows with price_key, slot, calls and all `q_` columns of the plan.
        names: the columns of its keys, quoted where they need it.
        measures: more columns to pass on.
    """
    return SPEND.format(
        names=", ".join(names) or "1 AS everything",
        cells=cells,
        rates=RATES,
        measures=", ".join([*measures, *_shown(plan, ZERO_SUM)]),
        of_rates=OF_RATES,
        list_price=_list_price(plan),
        cost=_cost(plan),
        reason=_reason(plan),
        priced_calls=_priced_calls(plan),
    )


def priced_calls(
    plan: Plan,
    engine: Engine,
    calls: str,
    columns: Mapping[str, str],
    *,
    where: str = "true",
    parts: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """SQL of single calls with their cost: the given columns, provider, model, SHOWN, cost (and list_cost), reason.

    Args:
        plan: the prices; its table must have been offered.
        engine: whose words to use.
        calls: a relation of ledger rows.
        columns: name -> expression over a ledger row.
        where: a condition on a ledger row.
        parts: more columns: what these quantities cost of it, NULL where the cost is not known by quantity.
    """
    named = {engine.identifier(name): expression for name, expression in columns.items()}
    quantities, parts = _quantities(plan), parts or {}
    return PRICED_CALLS.format(
        names=", ".join(named),
        keys=", ".join(f"{expression} AS {name}" for name, expression in named.items()),
        slot=plan.slot_by_place,
        place=f"{plan.place} AS {PLACE}",
        columns=", ".join(f"{expression} AS {name}" for name, expression in quantities.items())
        or "0 AS nothing",
        calls=calls,
        where=where,
        rates=RATES,
        measures=", ".join(_shown(plan, ZERO_SUM)),
        of_rates=OF_RATES,
        list_price=_list_price(plan),
        cost=_cost(plan),
        list_parts="".join(f", {_list_part(plan, names)} AS list_{name}" for name, names in parts.items()),
        parts="".join(f", {_part(plan, name)} AS {name}" for name in parts),
        reason=_reason(plan),
    )


def _quantities(plan: Plan) -> dict[str, str]:
    """What is added up for cost: name -> expression over a ledger row."""
    names = {f"q_{bucket}": bucket for bucket in plan.buckets}
    if plan.basis.kind == "recorded" or plan.reported:
        names["q_reported"] = "coalesce(reported_cost, 0)"
        names["q_is_reported"] = "CASE WHEN reported_cost IS NULL THEN 0 ELSE 1 END"
    if plan.no_usage:
        names["q_uncounted"] = "CASE WHEN usage_source IS NULL THEN 1 ELSE 0 END"
    return names


def _list_price(plan: Plan) -> str:
    """Pico-dollars of a group of calls before discounts: the sum of quantity times rate."""
    if plan.basis.kind == "recorded":
        return _exactly("0")
    terms = [_term(bucket) for bucket in plan.buckets]
    if plan.per_call:
        terms.append(f"({_counted(plan)}) * {_exactly(f'r.rate_{CALLS}')}")
    return " + ".join(terms) or _exactly("0")


def _term(bucket: str) -> str:
    # Where a call's time is not known, it has no price by time, and a rate of 0 for it otherwise.
    quantity = f"coalesce(q_{bucket}, 0)" if bucket == LATENCY else f"q_{bucket}"
    return f"{quantity} * {_exactly(f'r.rate_{bucket}')}"


def _list_part(plan: Plan, quantities: Sequence[str]) -> str:
    """What some of the quantities add to the list price."""
    return " + ".join(_term(name) for name in quantities if name in plan.buckets) or _exactly("0")


def _part(plan: Plan, name: str) -> str:
    """1e-24 dollars of such a part."""
    if plan.basis.kind == "recorded":
        return _exactly("NULL")
    return f"CASE WHEN priced = 1 AND {_counted(plan)} > 0 THEN list_{name} * {_exactly('factor')} END"


def _cost(plan: Plan) -> str:
    """1e-24 dollars of a group of calls: its list price times the factor; NULL where a rate is unknown."""
    # A run that carries no cost has no price, not a price of 0.
    own = f"CASE WHEN q_is_reported > 0 THEN {_exactly('q_reported')} * {_exactly(str(WHOLE))} END"
    if plan.basis.kind == "recorded":
        return f"{own} AS cost"
    reported = f"WHEN price_key = '{REPORTED}' THEN {own} " if plan.reported else ""
    factors = {"cost": "factor", "list_cost": str(WHOLE)}
    return ", ".join(
        f"CASE {reported}WHEN priced = 1 AND {_counted(plan)} > 0 THEN list_price * {_exactly(factor)} END AS {name}"
        for name, factor in factors.items()
        if name == "cost" or plan.discounted
    )


def _exactly(expression: str) -> str:
    return f"CAST({expression} AS DECIMAL(38, 0))"


def _priced_calls(plan: Plan) -> str:
    if plan.basis.kind == "recorded":
        return "q_is_reported"
    reported = f"WHEN price_key = '{REPORTED}' THEN q_is_reported " if plan.reported else ""
    return f"CASE {reported}WHEN priced = 1 THEN {_counted(plan)} ELSE 0 END"


def _counted(plan: Plan) -> str:
    """The calls of a group that a price can be for: those without counts have none, if it is by counts."""
    return "calls - q_uncounted * by_count" if plan.no_usage else "calls"


def _reason(plan: Plan) -> str:
    """Why calls of a group have no price; NULL where all have one."""
    if plan.basis.kind == "recorded":
        return "CASE WHEN q_is_reported < calls THEN 'the source recorded no cost' END"
    cases = []
    if plan.reported:
        own = f"price_key = '{REPORTED}'"
        cases += [
            f"WHEN {own} AND q_is_reported < calls THEN 'the run carries no cost'",
            f"WHEN {own} THEN NULL",
        ]
    cases.append("WHEN priced = 0 THEN why")
    if plan.no_usage:
        cases.append("WHEN q_uncounted * by_count > 0 THEN 'no token counts'")
    return f"CASE {' '.join(cases)} END"


def _shown(plan: Plan, zero: str) -> list[str]:
    return [
        f"{' + '.join(f'q_{part}' for part in parts if part in plan.buckets) or zero} AS {name}"
        for name, parts in SHOWN.items()
    ]


def _grouped(expression: str) -> str:
    """A constant cannot be grouped by: a number there would mean a column's position."""
    return "" if expression.isdigit() else expression
