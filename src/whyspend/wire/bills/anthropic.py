"""Anthropic's bill: pages of its cost and usage reports, and the CSV file of its console.

    {"data": [{"starting_at": "2026-11-21T00:00:00Z", "ending_at": "2026-11-22T00:00:00Z", "results": [
      {"currency": "USD", "amount": "123.45", "model": "claude-sonnet-4-20250514", "token_type":
       "uncached_input_tokens", "cost_type": "tokens", "description": "Claude Sonnet 4 Usage - Input Tokens"}]}]}

`amount` is a decimal text in CENTS: "123.45" is $1.2345. The console's file has dollars (`cost_usd`) and the display
names of models: `Claude Haiku 4.5`. In usage reports the input excludes what went through a cache.
Costs of the Priority Tier are in neither.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from whyspend.model import Billed
from whyspend.wire.bills import lines
from whyspend.wire.bills.lines import CACHE_WRITE, CACHED, INPUT, OTHER, OUTPUT, WEB_SEARCH, Row

PROVIDER = "anthropic"

COSTS_COLUMNS = frozenset({"usage_date_utc", "cost_usd"})

_CENTS = Decimal("0.01")

_COUNTED = {
    "uncached_input_tokens": INPUT,
    "cache_read_input_tokens": CACHED,
    "output_tokens": OUTPUT,
}


def is_bucket(bucket: Mapping[str, Any]) -> bool:
    """Whether a bucket of a page is one of Anthropic's."""
    return "starting_at" in bucket


def of_bucket(bucket: Mapping[str, Any], line: str) -> tuple[date, list[Billed]]:
    """The day of a bucket and its lines.

    Raises:
        InputError: it cannot be read.
    """
    day = lines.whole_day(bucket["starting_at"], bucket.get("ending_at"), line)
    found: list[Billed] = []
    for result in bucket.get("results") or ():
        if "amount" in result:
            usd = lines.money(result["amount"], result.get("currency"), line) * _CENTS
            found.append(_cost(day, result, usd))
        else:
            found.extend(_usage(day, result, line))
    return day, found


def of_row(row: Row, line: str) -> tuple[date, list[Billed]]:
    """The same of a line of the console's CSV file."""
    day = lines.day_of(row["usage_date_utc"], line)
    return day, [_cost(day, row, lines.money(row["cost_usd"], "USD", line))]


def _cost(day: date, row: Row, usd: Decimal) -> Billed:
    kind = lines.text(row.get("cost_type")) or ""
    said = lines.text(row.get("token_type")) or lines.text(row.get("description"))
    if "web_search" in kind:
        token_class: str | None = WEB_SEARCH
    elif kind and not kind.startswith("token"):
        token_class = OTHER
    else:
        token_class = None if said is None else lines.class_of(said)
    return Billed(day, PROVIDER, _model(lines.text(row.get("model"))), token_class, usd, None)


def _model(name: str | None) -> str | None:
    """`Claude Haiku 4.5` as the API names it: `claude-haiku-4-5`."""
    if name is None or not re.fullmatch(r"Claude [\w. ]+", name):
        return name
    return re.sub(r"[ .]+", "-", name.lower())


def _usage(day: date, row: Row, line: str) -> Iterator[Billed]:
    model = _model(lines.text(row.get("model")))
    for field, token_class in _COUNTED.items():
        if count := lines.tokens(row.get(field), line):
            yield Billed(day, PROVIDER, model, token_class, None, count)
    written = row.get("cache_creation")
    if isinstance(written, Mapping):
        counts = [
            lines.tokens(count, line) or 0 for name, count in written.items() if name.endswith("_tokens")
        ]
        if sum(counts):
            yield Billed(day, PROVIDER, model, CACHE_WRITE, None, sum(counts))
