"""What a call costs, against the prices of providers' own pages and of public test suites.

`tests/data/prices/quotes.csv` holds one call a row, with the page or test that its price comes from. Its dollars
are that price times the tokens, worked out by hand: none was read from this project's own table. `input` and
`output` are totals, the other counts parts of them. No dollars: the call must have no price, rather than a wrong one.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from whyspend.pricing.book import load
from whyspend.pricing.plan import of
from whyspend.pricing.quote import Asked, quote

CASES = Path(__file__).parents[1] / "data/prices/quotes.csv"
ROWS = list(csv.DictReader(CASES.read_text(encoding="utf-8").splitlines()))
TEXTS = ("case", "provider", "model", "at", "context", "cost_usd", "origin")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _asked(row: Mapping[str, str]) -> Asked:
    at = datetime.fromisoformat(row["at"]).replace(tzinfo=UTC)
    context = dict(part.split("=") for part in row["context"].split(";")) if row["context"] else {}
    counts = {name: int(value) for name, value in row.items() if name not in TEXTS and value}
    said = {
        "provider": row["provider"],
        "model": row["model"],
        "at": (at - EPOCH) // timedelta(microseconds=1),
        "context": context,
    }
    return msgspec.convert({**said, **counts}, Asked)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['provider']}: {row['case']}" for row in ROWS])
def test_a_call_costs_what_the_provider_says(row: Mapping[str, str]) -> None:
    answer = quote(of(load()), _asked(row))
    wanted = Decimal(row["cost_usd"]) if row["cost_usd"] else None
    assert answer.cost_usd == wanted, (answer.price, answer.cell, answer.reason, row["origin"])
    assert bool(answer.reason) == (wanted is None)


def test_every_case_has_an_origin_and_a_name_of_its_own() -> None:
    assert all(row["origin"] for row in ROWS)
    assert max(Counter((row["provider"], row["case"]) for row in ROWS).values()) == 1


def test_the_cases_are_of_many_kinds() -> None:
    assert len(ROWS) >= 90
    assert sum(1 for row in ROWS if not row["cost_usd"]) >= 15
    for count in (
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "reasoning",
        "audio_in",
        "image_out",
        "web_searches",
    ):
        assert any(row[count] for row in ROWS), count
