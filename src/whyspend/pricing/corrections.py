"""What a published price list cannot say, or says wrongly: `data/corrections.csv`, read by the compiler.

Each row names a model, what is corrected, and the page that says so:
    peak_since DATE        the daily windows of a higher price did not exist before
    peak_price_since DATE  the listed price of the windows holds from then on; between the two it is unknown
    weekdays_since DATE    from then on, the windows hold from Monday to Friday only
    ends TIME              the listed price is old: from then on the price is unknown
    prompt_limit TOKENS    a higher tier exists above, at a price that is not listed: a cell without rates
    moved DATE DATE OLD NEW
                           the name meant one model until the first date, and means another since the second;
                           between the two nobody says which
    refused REASON         the name says too little to have a price
Dates and times are UTC.
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from whyspend.pricing.book import FAR_FUTURE, FAR_PAST, TOP_TIER

Correction = Mapping[str, str]
"""A row of the file: provider, model, kind, value, source."""


class Fixes(NamedTuple):
    """The corrections of one model; times in microseconds UTC."""

    peak_since: int = FAR_PAST
    peak_price_since: int = FAR_PAST
    weekdays_since: int = FAR_FUTURE
    ends: int = FAR_FUTURE
    prompt_limit: int = TOP_TIER


def read_corrections(path: Path) -> list[Correction]:
    """All rows of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fixes_of(rows: Iterable[Correction], provider: str, model: str) -> Fixes:
    """What the rows say of one model's prices."""
    mine = {row["kind"]: row["value"] for row in rows if (row["provider"], row["model"]) == (provider, model)}
    return Fixes(**{kind: _number(value) for kind, value in mine.items() if kind in Fixes._fields})


def _number(text: str) -> int:
    return int(text) if text.isdigit() else micros(datetime.fromisoformat(text))


def micros(moment: datetime) -> int:
    """A UTC instant without a zone, in microseconds since the epoch."""
    return (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
