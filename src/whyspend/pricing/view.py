"""Spend: calls with their cost, as SQL. Added up first and multiplied after, or call by call: the same integers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arro3.core import Array, DataType, Table

from whyspend.model import Engine
from whyspend.pricing.plan import CALLS, REPORTED, Plan, split

RATES = "price_rates"
"""The name under which a plan's table is offered to the engine."""

SPEND = """
SELECT {names}, provider, model, calls, {measures}, {cost} AS cost, {priced_calls} AS priced_calls,
  {reason} AS reason
FROM (
  SELECT {keys}, price_key, {slot} AS slot, count(*) AS calls, {sums}
  FROM {calls} WHERE {where}
  GROUP BY {group}
) cells LEFT JOIN {rates} r ON r.price_key = cells.price_key AND r.slot = cells.slot
"""
"""One row for each group of calls that share the keys and a price. cost: pico-dollars, NULL where unknown."""

PRICED_CALLS = """
SELECT {names}, provider, model, {measures}, {cost} AS cost, {reason} AS reason
FROM (SELECT {keys}, price_key, {slot} AS slot, 1 AS calls, {columns} FROM {calls} WHERE {where}) cells
LEFT JOIN {rates} r ON r.price_key = cells.price_key AND r.slot = cells.slot
"""
"""One row a call."""

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

    Columns: the keys, provider, model, calls, the measures, the columns of SHOWN, cost (pico-dollars, NULL where
    unknown), priced_calls, reason. Several rows may share the keys.
    """
    named = {engine.identifier(name): expression for name, expression in keys.items()}
    sums = {
        name: f"CAST(sum({expression}) AS DECIMAL(38, 0))" for name, expression in _quantities(plan).items()
    }
    sums |= {name: f"sum({expression})" for name, expression in (measures or {}).items()}
    group = [_grouped(expression) for expression in (*named.values(), "price_key", plan.slot)]
    return SPEND.format(
        names=", ".join(named) or "1 AS everything",
        keys=", ".join(f"{expression} AS {name}" for name, expression in named.items()) or "1 AS everything",
        slot=plan.slot,
        sums=", ".join(f"{expression} AS {name}" for name, expression in sums.items()) or "0 AS nothing",
        calls=calls,
        where=where,
        group=", ".join(part for part in group if part),
        rates=RATES,
        measures=", ".join([*(measures or {}), *_shown(plan, ZERO_SUM)]),
        cost=_cost(plan),
        reason=_reason(plan),
        priced_calls=_priced_calls(plan),
    )


def priced_calls(
    plan: Plan, engine: Engine, calls: str, columns: Mapping[str, str], *, where: str = "true"
) -> str:
    """SQL of single calls with their cost: the given columns, provider, model, SHOWN, cost, reason."""
    named = {engine.identifier(name): expression for name, expression in columns.items()}
    quantities = _quantities(plan)
    return PRICED_CALLS.format(
        names=", ".join(named),
        keys=", ".join(f"{expression} AS {name}" for name, expression in named.items()),
        slot=plan.slot,
        columns=", ".join(f"{expression} AS {name}" for name, expression in quantities.items())
        or "0 AS nothing",
        calls=calls,
        where=where,
        rates=RATES,
        measures=", ".join(_shown(plan, ZERO_SUM)),
        cost=_cost(plan),
        reason=_reason(plan),
    )


def usd(pico: Decimal | int | None) -> Decimal | None:
    """Pico-dollars as dollars, with all digits."""
    return None if pico is None else Decimal(pico).scaleb(-12)


def _quantities(plan: Plan) -> dict[str, str]:
    """What is added up for cost: name -> expression over a ledger row."""
    names = {f"q_{bucket}": bucket for bucket in plan.buckets}
    if plan.basis.kind == "recorded" or plan.reported:
        names["q_reported"] = "coalesce(reported_cost, 0)"
        names["q_is_reported"] = "CASE WHEN reported_cost IS NULL THEN 0 ELSE 1 END"
    if plan.no_usage:
        names["q_uncounted"] = "CASE WHEN usage_source IS NULL THEN 1 ELSE 0 END"
    return names


def _cost(plan: Plan) -> str:
    """Pico-dollars of a group of calls: the sum of quantity times rate; NULL where a rate is unknown."""
    if plan.basis.kind == "recorded":
        return "CASE WHEN q_is_reported > 0 THEN q_reported END"
    terms = [f"q_{bucket} * CAST(r.rate_{bucket} AS DECIMAL(38, 0))" for bucket in plan.buckets]
    if plan.per_call:
        terms.append(f"({_counted(plan)}) * CAST(r.rate_{CALLS} AS DECIMAL(38, 0))")
    total = " + ".join(terms) or "CAST(0 AS DECIMAL(38, 0))"
    # A run that carries no cost has no price, not a price of 0.
    own = "CASE WHEN q_is_reported > 0 THEN q_reported END"
    reported = f"WHEN cells.price_key = '{REPORTED}' THEN {own} " if plan.reported else ""
    return f"CASE {reported}WHEN r.priced = 1 AND {_counted(plan)} > 0 THEN {total} END"


def _priced_calls(plan: Plan) -> str:
    if plan.basis.kind == "recorded":
        return "q_is_reported"
    reported = f"WHEN cells.price_key = '{REPORTED}' THEN q_is_reported " if plan.reported else ""
    return f"CASE {reported}WHEN r.priced = 1 THEN {_counted(plan)} ELSE 0 END"


def _counted(plan: Plan) -> str:
    """The calls of a group that have counts: those without have no price."""
    return "calls - q_uncounted" if plan.no_usage else "calls"


def _reason(plan: Plan) -> str:
    """Why calls of a group have no price; NULL where all have one."""
    if plan.basis.kind == "recorded":
        return "CASE WHEN q_is_reported < calls THEN 'the source recorded no cost' END"
    cases = []
    if plan.reported:
        own = f"cells.price_key = '{REPORTED}'"
        cases += [
            f"WHEN {own} AND q_is_reported < calls THEN 'the run carries no cost'",
            f"WHEN {own} THEN NULL",
        ]
    cases.append("WHEN r.priced = 0 THEN r.reason")
    if plan.no_usage:
        cases.append("WHEN q_uncounted > 0 THEN 'no token counts'")
    return f"CASE {' '.join(cases)} END"


def _shown(plan: Plan, zero: str) -> list[str]:
    return [
        f"{' + '.join(f'q_{part}' for part in parts if part in plan.buckets) or zero} AS {name}"
        for name, parts in SHOWN.items()
    ]


def _grouped(expression: str) -> str:
    """A constant cannot be grouped by: a number there would mean a column's position."""
    return "" if expression.isdigit() else expression
