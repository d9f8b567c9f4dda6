"""A few calls as a relation of ledger rows, a price book of a few models, and what the calls cost in two ways."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from whyspend.engines.duckdb import DuckDB
from whyspend.model import USAGE_COLUMNS
from whyspend.money import usd
from whyspend.pricing import view
from whyspend.pricing.book import HEADER, Book, load
from whyspend.pricing.plan import Basis, Plan, Prices, Span, Use, of, plan

DIMENSIONS = {"feature": "feature", "env": "env"}

CSV = {
    "providers": "provider,fallbacks\nacme,\n",
    "sources": "source,version\nby-hand,1\n",
    "unpriced": "provider,model,reason\nacme,quiet,acme keeps its price to itself\n",
}


def book(folder: Path, *rates: Mapping[str, Any]) -> Book:
    """A price book of models `acme/...`, from rows of rates.csv as dicts."""
    rows = [",".join(str(rate.get(column, "")) for column in HEADER) for rate in rates]
    (folder / "rates.csv").write_text("\n".join([",".join(HEADER), *rows]) + "\n")
    models = sorted(
        {str(rate["price"]).partition(";")[0].removeprefix("acme/") for rate in rates} | {"quiet"}
    )
    names = [f"acme,{model},{model},exact" for model in models]
    (folder / "names.csv").write_text("\n".join(["provider,name,model,kind", *names]) + "\n")
    for name, body in CSV.items():
        (folder / f"{name}.csv").write_text(body)
    return load(folder)


def rate(model: str, given: Any = 2_500_000, made: Any = 10_000_000, **others: Any) -> dict[str, Any]:
    return {
        "price": f"acme/{model}",
        "input_tokens": given,
        "output_tokens": made,
        "basis": "dated",
        **others,
    }


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _prompt(call: Mapping[str, Any]) -> int:
    return sum(call.get(name, 0) for name in USAGE_COLUMNS if name.startswith(("input", "cache")))


class Calls:
    """A few calls as a relation of ledger rows, and what they cost in two ways."""

    def __init__(self, engine: DuckDB, *calls: Mapping[str, Any]) -> None:
        self.engine = engine
        usual = {"model": "m", "when": "2026-11-10", "usage_source": "server"}
        self.calls: list[dict[str, Any]] = [{**usual, **call} for call in calls]
        self.relation = f"({' UNION ALL '.join(self._row(call) for call in self.calls)})"

    def _row(self, call: Mapping[str, Any]) -> str:
        texts = {
            "price_key": call.get("key", f"acme|{call['model']}|"),
            "usage_source": call["usage_source"],
            "name": call.get("name"),
            "feature": call.get("feature"),
            "env": call.get("env"),
        }
        cells = [f"CAST({call.get(name, 0)} AS BIGINT) AS {name}" for name in USAGE_COLUMNS]
        cells += [
            f"CAST({'NULL' if text is None else self.engine.literal(text)} AS VARCHAR) AS {name}"
            for name, text in texts.items()
        ]
        reported = call.get("reported_cost")
        cells += [
            f"CAST({_prompt(call)} AS BIGINT) AS prompt_total",
            f"CAST({call.get('latency_ms', 'NULL')} AS INTEGER) AS latency_ms",
            f"CAST({'NULL' if reported is None else reported} AS BIGINT) AS reported_cost",
            f"make_timestamptz({at(call['when'])}) AS started_at",
            f"DATE '{call['when'][:10]}' AS day",
        ]
        return f"SELECT {', '.join(cells)} FROM range({call.get('times', 1)})"

    def plan(self, prices: Book | Prices, since: str, until: str, basis: Basis) -> Plan:
        uses: dict[str, Use] = {}
        for call in self.calls:
            key = call.get("key", f"acme|{call['model']}|")
            held = uses.get(key, Use(frozenset(), 0))
            used = {name for name in USAGE_COLUMNS if call.get(name)}
            uses[key] = Use(held.quantities | used, max(held.prompt_max, _prompt(call)))
        no_usage = any(call["usage_source"] is None for call in self.calls)
        whole = prices if isinstance(prices, Prices) else of(prices)
        span = Span(at(since), at(until), uses, no_usage)
        made = plan(whole, span, basis, self.engine, DIMENSIONS)
        view.offer(made, self.engine)
        return made

    def cost(
        self,
        prices: Book | Prices,
        since: str = "2026-11-01",
        until: str = "2026-12-01",
        basis: Basis | None = None,
    ) -> tuple[Decimal | None, int, list[str]]:
        """Dollars, priced calls and reasons, added up first; the same call by call is checked on the way."""
        made = self.plan(prices, since, until, basis or Basis())
        groups = self.engine.rows(
            "SELECT sum(cost), sum(priced_calls), list(DISTINCT reason ORDER BY reason) "
            f"FROM ({view.spend(made, self.engine, self.relation, {})})"
        )
        ((cost, priced, reasons),) = groups
        singles = self.engine.rows(
            "SELECT sum(cost), count(cost) "
            f"FROM ({view.priced_calls(made, self.engine, self.relation, {'name': 'name'})})"
        )
        assert singles == [(cost, int(priced))]
        return usd(cost), int(priced), [reason for reason in reasons or () if reason]
