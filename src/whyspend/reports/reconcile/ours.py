"""The ledger's side: its calls added up by all that a difference can come from, and single ones where asked."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from whyspend.errors import UsageError
from whyspend.model import USAGE_COLUMNS
from whyspend.reports.reconcile.sides import PICO, Amount, Group, Held, Place

GROUPS = """
SELECT {keys}, day_number, kind, is_estimated, {price_model}, {sample_rate}, asked, price_slot, calls, tokens,
  reported, is_reported, CAST(cost AS VARCHAR), CAST({listed} AS VARCHAR), {quantities}
FROM answer
"""
"""One row for each group of calls that are alike. Numbers of more than 18 digits come as text."""

SINGLE = """
SELECT call_id, {day} AS day_number, {keys}, prompt_total + completion_total, coalesce(reported_cost, 0)
FROM {calls} called WHERE kind = 'llm' AND day_number IN ({days})
"""

DAY_MICROS = 86_400_000_000

Other = Literal["langsmith", "recorded", "bill"]
"""What the ledger is compared with."""

FIGURES = ("part", "what", "tokens", "amount_usd")
"""Columns of the answer that no other answer has."""

THEIR_MODEL = "ls_model_name"
"""The metadata key under which LangSmith has the model."""


class Rows:
    """Which rows a comparison has, and where a call belongs: here, and as LangSmith groups it."""

    def __init__(self, data: Any, by: Sequence[str], *, grouped_there: bool) -> None:
        """Take the names to group by; `grouped_there`: LangSmith must be able to do it, too.

        Raises:
            UsageError: LangSmith groups by one metadata key at most, or the answer has a column of the name.
        """
        for name in by:
            if name in FIGURES:
                raise UsageError(
                    f"Cannot group by '{name}': the answer has a column of that name. "
                    f"If it is a metadata key, write metadata.{name}."
                )
        self.keys = [data.key(name) for name in dict.fromkeys(by)]
        self.here = [data.expression(key) for key in self.keys]
        self.there = list(self.here)
        values = [at for at, key in enumerate(self.keys) if key.name != "day"]
        self.path = ""
        """The metadata key that LangSmith groups by; empty: none."""
        self._data = data
        if not grouped_there or not values:
            return
        key = self.keys[values[0]]
        if len(values) > 1 or key.is_time or not self._is_metadata(key):
            raise UsageError(
                "LangSmith groups by day and by one of: model, a dimension, a metadata key. "
                "Give one of these as --by, or compare with --recorded costs, which can be grouped by anything."
            )
        self.path = THEIR_MODEL if key.name == "model" else key.name.removeprefix("metadata.")
        self.there[values[0]] = self._own(key)

    def placed(self, day: int, value: str | None) -> Place:
        """The row of one of LangSmith's figures."""
        return tuple(day if key.name == "day" else value for key in self.keys)

    def _is_metadata(self, key: Any) -> bool:
        return key.name in ("model", *self._data.dimensions) or key.expression not in ("", key.name)

    def _own(self, key: Any) -> str:
        """The value that the run itself carries: all that LangSmith can group by."""
        if key.name == "model":
            return "CASE WHEN kind = 'tool' THEN NULL ELSE nullif(model_requested, '') END"
        if key.name not in self._data.dimensions:
            return str(key.expression)
        engine = self._data.engine
        column, origin = engine.identifier(key.name), engine.identifier(f"{key.name}_from")
        return f"CASE WHEN {origin} = 'call' THEN {column} END"


def groups(data: Any, rows: Rows, other: Other) -> list[Group]:
    """All calls of the question, in groups that are alike; kept as the answer that trust and notes speak of.

    What only one kind of comparison needs is not read for the others: `price_model` is known against LangSmith, the
    `sample_rate` against a bill. Against recorded costs a group is of a week, not of a day.
    """
    named = {f"here_{at}": sql for at, sql in enumerate(rows.here)}
    named |= {f"there_{at}": sql for at, sql in enumerate(rows.there) if sql != rows.here[at]}
    keys = {
        **named,
        "day_number": data.expression(data.key("week" if other == "recorded" else "day")),
        "kind": "kind",
        "is_estimated": "usage_estimated",
        **({"price_model": "price_model_id"} if other == "langsmith" else {}),
        **({"sample_rate": "sample_rate"} if other == "bill" else {}),
        "is_counted": "CASE WHEN usage_source IS NULL THEN 0 ELSE 1 END",
        "is_reported": "CASE WHEN reported_cost IS NULL THEN 0 ELSE 1 END",
        "asked": "price_key",
    }
    measures = {
        "tokens": "prompt_total + completion_total",
        "reported": "coalesce(reported_cost, 0)",
    }
    plan = data.added_up_apart(keys, measures)
    used = [name for name in USAGE_COLUMNS if name in plan.buckets]
    sql = GROUPS.format(
        keys=", ".join(named) or "1",
        price_model="price_model" if other == "langsmith" else "NULL",
        sample_rate="sample_rate" if other == "bill" else "NULL",
        listed="list_cost" if plan.discounted else "cost",
        quantities=", ".join(f"u_{name}" for name in used) or "0",
    )
    prices = _Prices(plan.rows, data.prices.eras)
    return [_group(row, list(named), used, prices) for row in data.rows(sql)]


def _group(
    row: tuple[Any, ...],
    named: Sequence[str],
    used: Sequence[str],
    prices: "_Prices",
) -> Group:
    width = len(named) or 1
    values = dict(zip(named, row[:width], strict=False))
    day, kind, estimated, price_model, sample_rate, asked, slot, calls, tokens, *figures = row[width:]
    reported, costs, cost, listed, *counts = figures
    here = tuple(values[name] for name in named if name.startswith("here_"))
    there = tuple(values.get(f"there_{at}", value) for at, value in enumerate(here))
    rates, factor = prices.in_force(asked, slot)
    provider, model, context = prices.split(asked)
    return Group(
        day=day,
        here=here,
        there=there,
        kind=kind,
        estimated=bool(estimated),
        provider=provider,
        model=model,
        price_model=price_model,
        calls=int(calls),
        tokens=int(tokens),
        quantities={name: int(n) for name, n in zip(used, counts, strict=False) if n},
        ours=None if cost is None else int(cost),
        listed=None if listed is None else int(listed),
        reported=int(reported) * PICO if costs else None,
        rates=rates,
        standard=prices.standard(asked, day),
        factor=factor,
        sample_rate=sample_rate,
        tier=context,
    )


class _Prices:
    """What a unit costs, in 1e-24 dollars: for calls as they were priced, and in the standard tier."""

    def __init__(self, rows: Sequence[Any], eras: Sequence[Any]) -> None:
        self._rows = {(row.price_key, row.slot): row for row in rows}
        self._eras = eras
        self._in_force: dict[tuple[str, int], tuple[Mapping[str, int] | None, int]] = {}
        self._standard: dict[tuple[str, int], Mapping[str, int] | None] = {}

    def in_force(self, price_key: str, slot: int) -> tuple[Mapping[str, int] | None, int]:
        """The list price, None where there is none, and what discounts leave of it in parts of 1e12."""
        if (price_key, slot) not in self._in_force:
            row = self._rows[price_key, slot]
            rates = None if row.rates is None else {name: rate * PICO for name, rate in row.rates.items()}
            self._in_force[price_key, slot] = rates, row.factor
        return self._in_force[price_key, slot]

    @staticmethod
    def split(price_key: str) -> tuple[str | None, str | None, str]:
        """Provider, model and context: the first and the last bar part them."""
        provider, _, rest = price_key.partition("|")
        model, _, context = rest.rpartition("|")
        return provider or None, model or None, context

    def standard(self, price_key: str, day: int) -> Mapping[str, int] | None:
        """The standard tier of that day, for a short prompt; None: there is no other tier in play."""
        if price_key.endswith("|") or "|" not in price_key:
            return None
        if (price_key, day) not in self._standard:
            self._standard[price_key, day] = self._look_up(price_key, day * DAY_MICROS)
        return self._standard[price_key, day]

    def _look_up(self, price_key: str, moment: int) -> Mapping[str, int] | None:
        provider, model, context = self.split(price_key)
        book = next((era.book for era in self._eras if era.end > moment), self._eras[-1].book)
        price = book.match(provider, model, "").price
        if price is None or price == book.match(provider, model, context).price:
            return None
        cells = [
            cell for cell in book.rates(price) if cell.valid_from <= moment < cell.valid_to and cell.rates
        ]
        if not cells:
            return None
        lowest = min(cells, key=lambda cell: int(cell.tier_over))
        return {name: rate * PICO for name, rate in lowest.rates.items()}


def by_day_and_value(found: Collection[Group]) -> dict[tuple[int, Place], Amount]:
    """What the ledger recorded of LLM runs, as LangSmith's statistics are made up."""
    sums: dict[tuple[int, Place], Amount] = defaultdict(Amount)
    for group in found:
        if group.kind == "llm":
            sums[group.day, group.there] += group.amount
    return sums


def held(data: Any, rows: Rows, days: Collection[int]) -> dict[int, list[Held]]:
    """The single LLM calls of some days."""
    if not days:
        return {}
    sql = SINGLE.format(
        day=data.expression(data.key("day")),
        keys=", ".join(rows.there) or "1",
        calls=data.calls(),
        days=", ".join(map(str, sorted(days))),
    )
    found: dict[int, list[Held]] = defaultdict(list)
    for call_id, day, *values, tokens, reported in data.rows(sql):
        place = tuple(values) if rows.there else ()
        found[day].append(Held(call_id, day, place, Amount(1, int(tokens), int(reported) * PICO)))
    return found
