"""OpenAI's bill: pages of its costs and usage API, and the CSV files of its dashboard, which have the same fields.

    {"object": "page", "data": [{"object": "bucket", "start_time": 1795219200, "end_time": 1795305600, "results": [
      {"object": "organization.costs.result", "amount": {"value": "0.8958740000000000", "currency": "usd"},
       "line_item": "gpt-4o-mini-2024-07-18, input", "quantity": 5972493.0, "quantity_unit": "tokens"}]}]}

A line item names model and token class: `gpt-4o-mini-2024-07-18, cached input`, `priority | gpt-5.6-sol, output, long
context`; or something else: `web search tool calls`. It is null unless the request grouped by it. Days are UTC.
Usage rows count tokens and have no money; there, input_tokens includes the cached ones.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from whyspend.errors import InputError
from whyspend.model import Billed
from whyspend.wire.bills import lines
from whyspend.wire.bills.lines import CACHE_WRITE, CACHED, INPUT, OTHER, OUTPUT, WEB_SEARCH, Row

PROVIDER = "openai"

TOKENS_IN_UNIT = {"tokens": 1, "token": 1, "1000_tokens": 1_000, "1000000_tokens": 1_000_000}
OTHER_UNITS = frozenset(
    ("requests", "calls", "images", "seconds", "minutes", "hours", "sessions", "characters", "gb_days", "gb_hours",
     "gigabyte_days", "searches", "units", "count")
)  # fmt: skip

COSTS_COLUMNS = frozenset({"start_time", "amount_value", "amount_currency"})
USAGE_COLUMNS = frozenset({"start_time", "num_model_requests", "input_tokens"})


START, END = "start_time", "end_time"
"""What a bucket of a page calls the bounds of its day."""


def of_result(day: date, result: Row, line: str) -> Iterator[Billed]:
    """Yield the lines of one result of a bucket.

    Raises:
        InputError: it cannot be read.
    """
    amount = result.get("amount")
    if isinstance(amount, Mapping):
        flat = {**result, "amount_value": amount.get("value"), "amount_currency": amount.get("currency")}
        yield _cost(day, flat, line)
    elif amount is not None:
        raise InputError(
            f"{line} has '{lines.shown(amount)}' where a value and its currency must be. Export the bill again."
        )
    else:
        yield from _usage(day, result, line)


def of_row(row: Row, line: str) -> tuple[date, list[Billed]]:
    """The day and the lines of a line of a CSV file. A day without charges is a line without an amount."""
    day = lines.whole_day(row[START], row.get(END), line)
    if "amount_value" not in row:
        return day, list(_usage(day, row, line))
    return day, [_cost(day, row, line)] if lines.text(row["amount_value"]) else []


def _cost(day: date, row: Row, line: str) -> Billed:
    item = lines.text(row.get("line_item"))
    model, token_class = (None, None) if item is None else _parted(item)
    return Billed(
        day=day,
        provider=PROVIDER,
        model=model,
        token_class=token_class,
        usd=lines.money(row["amount_value"], row.get("amount_currency"), line),
        tokens=_tokens(row, token_class, line),
    )


def _parted(item: str) -> tuple[str | None, str | None]:
    """Model and token class of a line item."""
    _, _, named = item.rpartition(" | ")
    model, comma, words = named.partition(", ")
    if comma:
        return model.strip() or None, lines.class_of(words)
    if re.fullmatch(r"[\w.:/-]+", named):
        return named, None
    return None, WEB_SEARCH if "web search" in named.lower() else OTHER


def _tokens(row: Row, token_class: str | None, line: str) -> int | None:
    unit = (lines.text(row.get("quantity_unit")) or "").lower().replace(" ", "_")
    if unit and unit not in TOKENS_IN_UNIT and unit not in OTHER_UNITS:
        raise lines.unknown_unit(unit, line, (*TOKENS_IN_UNIT, *sorted(OTHER_UNITS)))
    if unit in TOKENS_IN_UNIT:
        return lines.tokens(row.get("quantity"), line, TOKENS_IN_UNIT[unit])
    of_tokens = not unit and token_class in (INPUT, CACHED, CACHE_WRITE, OUTPUT)
    return lines.tokens(row.get("quantity"), line) if of_tokens else None


def _usage(day: date, row: Row, line: str) -> Iterator[Billed]:
    """1,200 input tokens of which 1,000 cached and 50 written to the cache: 150 input, 1,000 cached, 50 written."""
    model = lines.text(row.get("model"))
    read = lines.tokens(row.get("input_cached_tokens"), line) or 0
    written = lines.tokens(row.get("input_cache_write_tokens"), line) or 0
    whole = lines.tokens(row.get("input_tokens"), line) or 0
    uncached = lines.tokens(row.get("input_uncached_tokens"), line)
    counts = {
        INPUT: whole - read - written if uncached is None else uncached,
        CACHED: read,
        CACHE_WRITE: written,
        OUTPUT: lines.tokens(row.get("output_tokens"), line) or 0,
    }
    return lines.counted(day, PROVIDER, model, counts)
