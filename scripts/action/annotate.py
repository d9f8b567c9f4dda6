"""Annotate the run with the budgets that are over, or near it: annotate.py BUDGETS.json."""

import json
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

COMMANDS = {"over": ("error", "Over budget"), "warn": ("warning", "Near the budget")}
SHOWN = 10
"""GitHub shows so many annotations of a kind and step."""


def main() -> None:
    """Print one workflow command for each budget, the broken ones first."""
    rows = json.loads(Path(sys.argv[1]).read_bytes(), parse_float=Decimal)["rows"]
    for status in COMMANDS:
        for line in _annotations(status, [row for row in rows if row["status"] == status]):
            print(line)


def _annotations(status: str, rows: list[Mapping[str, Any]]) -> Iterator[str]:
    command, title = COMMANDS[status]
    shown = rows if len(rows) <= SHOWN else rows[: SHOWN - 1]
    for row in shown:
        yield f"::{command} title={title}::{_data(_said(row))}"
    if rest := len(rows) - len(shown):
        yield f"::{command} title={title}::and {rest} more. See: whyspend budgets"


def _said(row: Mapping[str, Any]) -> str:
    name = f"{row['budget']} ({row['value']})" if row.get("value") is not None else str(row["budget"])
    return f"{name}: {_used(row)}, {row['share'] * 100:.1f} %, {row['from']} to {row['to']}"


def _used(row: Mapping[str, Any]) -> str:
    for unit in ("tokens", "calls"):
        if row.get(f"limit_{unit}") is not None:
            return f"{row[unit]:,} of {row[f'limit_{unit}']:,} {unit}"
    return f"${row['spent_usd']:,.2f} of ${row['limit_usd']:,.2f}"


def _data(text: str) -> str:
    """A name may hold anything: it cannot end the command, nor act on a terminal."""
    safe = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text[:500])
    return safe.replace("%", "%25")


if __name__ == "__main__":
    main()
