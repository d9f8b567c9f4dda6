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


START, END = "starting_at", "ending_at"
"""What a bucket of a page calls the bounds of its day."""


def of_result(day: date, result: Row, line: str) -> Iterator[Billed]:
    """Yield the lines of one result of a bucket.

    Raises:
        InputError: it cannot be read.
    """
    if "amount" in result:
        yield _cost(day, result, lines.money(result["amount"], result.get("currency"), line) * _CENTS)
    else:
        yield from _usage(day, result, line)


def of_row(row: Row, line: str) -> tuple[date, list[Billed]]:
    """The day and the line of a line of the console's CSV file."""
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
    written = row.get("cache_creation")
    parts = written.items() if isinstance(written, Mapping) else ()
    counts = {
        **{token_class: lines.tokens(row.get(field), line) or 0 for field, token_class in _COUNTED.items()},
        CACHE_WRITE: sum(lines.tokens(count, line) or 0 for name, count in parts if name.endswith("_tokens")),
    }
    return lines.counted(day, PROVIDER, model, counts)
