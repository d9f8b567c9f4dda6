"""Answers to write: one ordinary and ugly, and how tests have them written."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from whyspend import registry
from whyspend.model import Cell, Table, TableColumn, Trust, Window
from whyspend.model.sheet import Rows, Sheet

WINDOW = Window(
    since=date(2026, 11, 15),
    until=date(2026, 11, 21),
    timezone="Europe/Berlin",
    start=datetime(2026, 11, 14, 23, tzinfo=UTC),
    end=datetime(2026, 11, 21, 23, tzinfo=UTC),
)

TRUST = Trust(
    calls=17_263,
    priced=Decimal("0.98204"),
    tagged_usd=Decimal("0.94"),
    tagged_calls=Decimal("0.9121"),
    estimated=Decimal("0.003"),
    sampled=Decimal(0),
    complete_until=datetime(2026, 11, 21, 14, 0, tzinfo=UTC),
    price_book="genai-prices@0.2.3/3f9a",
)

NO_CALLS = Trust(0, None, None, None, None, None, None, "genai-prices@0.2.3/3f9a")

COLUMNS = (
    TableColumn("feature", "text"),
    TableColumn("env", "text"),
    TableColumn("user_tier", "text"),
    TableColumn("calls", "calls"),
    TableColumn("requests", "requests"),
    TableColumn("input_tokens", "tokens"),
    TableColumn("cache_read_tokens", "tokens"),
    TableColumn("cache_write_tokens", "tokens"),
    TableColumn("output_tokens", "tokens"),
    TableColumn("reasoning_tokens", "tokens"),
    TableColumn("cost_usd", "usd"),
    TableColumn("unpriced_calls", "calls"),
    TableColumn("share", "share", derived=True),
    TableColumn("change_usd", "usd", derived=True),
    TableColumn("daily", "series", derived=True),
)


def _series(*days: str | None) -> tuple[Decimal | None, ...]:
    return tuple(None if day is None else Decimal(day) for day in days)


# fmt: off
ROWS: tuple[tuple[Cell, ...], ...] = (
    ("rag-search", "production", "pro", 12_345, 4_100, 123_456_789, 98_765_432, 1_234_567, 2_345_678, 345_678,
     Decimal("1234.565000000001"), 0, Decimal("0.997134"), Decimal("210.5"),
     _series("10", "50", "0", "100", "0.000001", "99.9", "25")),
    ("=HYPERLINK(\"http://evil.example\",\"click\")", "a|b`c", "<img src=x onerror=alert(1)>", 4_000, 1_000,
     8_000_000, 0, 0, 90_000, 0, Decimal("3.5"), 0, Decimal("0.00282"), Decimal("-1.25"),
     _series("0", "0", "0", "0", "0", "0", "3.5")),
    ("\x1b[31mred\x1b[0m\u202eevil\x07", "日本語の機能🚀", "Zoë e\u0301", 900, 900, 70_000, 0, 0, 8_000, 0,
     Decimal("0.042000"), 0, Decimal("0.0000339"), Decimal(0),
     _series(None, None, "0", "0", "0", "0", "0.042")),
    ("a,b \"c\"\r\nd;=1+1", "@octocat [x](//evil)", "\ud800\x00", 10, 10, 1_000, 0, 0, 10, 0,
     Decimal("0.000000012500"), 0, Decimal("1E-11"), Decimal("0.0000000125"), _series(*["0"] * 7)),
    (None, None, None, 8, 8, 2_000, 0, 0, 300, 0, None, 8, None, None, _series(*[None] * 7)),
)
# fmt: on

TOTAL: dict[str, Cell] = {
    "calls": 17_263,
    "requests": 6_018,
    "input_tokens": 131_529_789,
    "cache_read_tokens": 98_765_432,
    "cache_write_tokens": 1_234_567,
    "output_tokens": 2_443_988,
    "reasoning_tokens": 345_678,
    "cost_usd": Decimal("1238.107000012501"),
    "unpriced_calls": 8,
    "change_usd": Decimal("209.2500000125"),
}

NOTES = (
    "8 calls of gpt-x|<b>new</b> have no price: `whyspend prices --unpriced` lists them.",
    "Requests of \x1b]8;;http://evil.example\x07@octocat are counted once.",
)

UGLY = Table("report", WINDOW, COLUMNS, ROWS, TOTAL, TRUST, NOTES)


EXPLAINED_COLUMNS = (
    TableColumn("#", "place"),
    TableColumn("driver", "text", told=True),
    TableColumn("segment", "segment", told=True),
    TableColumn("change_usd", "usd"),
    TableColumn("before", "number", told=True),
    TableColumn("after", "number", told=True),
    TableColumn("unit", "text", told=True),
    TableColumn("since", "time", told=True),
    TableColumn("why", "sentence"),
)

# fmt: off
EXPLAINED_ROWS: tuple[tuple[Cell, ...], ...] = (
    (1, "prompt_size", {"feature": "agent-copilot"}, Decimal("462.104000000001"), Decimal("5123.4071"),
     Decimal("9801.25"), "input tokens per call", datetime(2026, 11, 17, 13, tzinfo=UTC),
     "agent-copilot: prompts grew from 5.1k to 9.8k input tokens per call since Nov 17 14:00 (release 2.14), always"),
    (2, "requests", {"feature": "=search;x", "env": "日本語 50%\x1b[2J"}, Decimal("279.5"), 1_204, Decimal(1_630),
     "requests a day", None,
     "日本語の機能🚀 in \x1b[2J*staging*: more requests, 1,204 -> 1,630 a day (+35 %) | <b>@octocat</b> " + "x" * 120),
    (3, "cache_share", {"feature": "support-bot", "model": "gpt-4.1"}, Decimal("118.4"), Decimal("0.7134999"),
     Decimal("0.0629"), "of prompt tokens", datetime(2026, 11, 15, tzinfo=UTC),
     "support-bot on gpt-4.1: cache hits fell from 71 % to 6.3 % of prompt tokens; likely one cause with line 1"),
    (4, "list_price", {}, Decimal("-66"), None, None, None, None, "list price: gpt-4.1-mini -20 %"),
    (None, "other", {}, Decimal("-96.554"), None, None, None, None, "everything else (23 changes, none above $25)"),
)
# fmt: on

EXPLAINED = Table(
    "explain",
    WINDOW,
    EXPLAINED_COLUMNS,
    EXPLAINED_ROWS,
    {
        "before": Decimal("6987.1"),
        "after": Decimal("7684.550000000001"),
        "change": Decimal("697.450000000001"),
        "change_usd": Decimal("697.450000000001"),
    },
    TRUST,
    ("The parts add up to the change exactly.",),
    headline="$6,987.10 -> $7,684.55 (+$697.45, +10 %); $225.39 -> $256.15 a day.\n"
    "4 lines explain 92 % of what moved.",
    details={
        "cells": (
            {"feature": "agent-copilot", "driver": "prompt_size", "change_usd": Decimal("462.104000000001")},
            {"feature": "\x1b[31m</script>", "driver": None, "change_usd": Decimal("-0.0000000000004")},
        ),
        "none": (),
    },
)
"""An answer in sentences, as `explain` gives it, with names that are no better than those of UGLY."""


def answer(*rows: tuple[Cell, ...], **units: str) -> Table:
    """A table whose columns are `name=unit`; a name that ends in `_derived` is a derived column."""
    columns = tuple(TableColumn(name, unit, name.endswith("_derived")) for name, unit in units.items())
    return Table("report", WINDOW, columns, rows, {}, TRUST)


def written(name: str, table: Table, **options: Any) -> bytes:
    """The bytes of a table in a format."""
    out = io.BytesIO()
    write: Callable[..., None] = registry.load("formats", name).write
    write(table, out, **options)
    return out.getvalue()


def lines_of(name: str, table: Table, **options: Any) -> list[str]:
    """The lines of a table in a format, as text."""
    return written(name, table, **options).decode("utf-8").split("\n")


def written_sheet(name: str, sheet: Sheet, **options: Any) -> bytes:
    """The bytes of a sheet in a format."""
    out = io.BytesIO()
    write: Callable[..., None] = registry.load("formats", name).write_sheet
    write(sheet, out, **options)
    return out.getvalue()


SHEET = Sheet(
    "prices sample",
    "What does <b>it</b> cost?",
    Rows(
        "prices",
        (
            TableColumn("model", "word"),
            TableColumn("since", "date"),
            TableColumn("calls", "count"),
            TableColumn("rate_usd", "rate"),
            TableColumn("at_stake_usd", "about"),
            TableColumn("empty", "word"),
            TableColumn("reason", "sentence"),
            TableColumn("reference", "url"),
            TableColumn("toml", "word", derived=True, told=True),
        ),
        (
            (
                "gpt-4o",
                date(2024, 10, 2),
                12_345,
                Decimal("0.0375"),
                None,
                None,
                None,
                "https://example.com/a",
                None,
            ),
            (
                "=1+1|`x`\x1b[2J",
                None,
                1,
                None,
                Decimal("0.2517"),
                None,
                "no | *price* for @octocat",
                "no address",
                "a = 1",
            ),
            (None, None, None, Decimal("1250"), Decimal("1E-8"), None, "日本語の機能🚀", None, None),
        ),
    ),
    about="a\nledger",
    window=WINDOW,
    facts={"price_book": "genai-prices@0.2.3", "revision": 7, "where": ("env=a", "b!=c")},
    headline=("It is <i>dear</i>.", "# Two lines"),
    more=(
        Rows(
            "sizes",
            (TableColumn("column", "word"), TableColumn("bytes", "count")),
            (("call_id", 1_000),),
            "Sizes",
        ),
        Rows("days", (TableColumn("day", "date"),), ((date(2026, 11, 15),),), "Each day", is_long=True),
    ),
    notes=("USD per million tokens · [x](//evil)",),
    block='# For whyspend.toml:\n\n[[prices]]\nmodel = "```</pre>"\n',
)
"""What is no answer of a report, with names as hostile as any."""
