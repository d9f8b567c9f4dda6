"""A bill in the FOCUS format, versions 1.0 to 1.4, as Azure, AWS, Google Cloud and others export it.

Of its rows those count that are about models: ServiceSubcategory `Generative AI`, else ServiceCategory `AI and Machine
Learning`, where the file says so. The money is BilledCost. The model is the column `x_Model`, else SkuId; the token
class is read from SkuMeter, else ChargeDescription. Taxes and credits have no model, and stay lines of their own.
"""

import re
from datetime import date, timedelta

from whyspend.errors import InputError
from whyspend.model import Billed
from whyspend.wire.bills import lines
from whyspend.wire.bills.lines import OTHER, Row

NEEDED = frozenset({"BilledCost", "BillingCurrency", "ChargePeriodStart"})

PROVIDERS = (
    ("microsoft", "azure"),
    ("azure", "azure"),
    ("amazon", "amazon_bedrock"),
    ("aws", "amazon_bedrock"),
    ("google", "google_vertexai"),
    ("anthropic", "anthropic"),
    ("openai", "openai"),
)
"""Part of a provider's name in lower case -> as runs name it. The first that fits counts."""


def of_row(row: Row, line: str) -> tuple[date, list[Billed]]:
    """The day of a row, and its line, or none if it is about no model.

    Raises:
        InputError: it cannot be read, or spans more than a day.
    """
    day = lines.day_of(row["ChargePeriodStart"], line)
    end = lines.text(row.get("ChargePeriodEnd"))
    if not _is_ai(row):
        return day, []
    if end and lines.day_of(end, line) > day + timedelta(days=1):
        raise InputError(f"{line} spans more than a day. Export the bill by day.")
    usage = (lines.text(row.get("ChargeCategory")) or "Usage") == "Usage"
    said = lines.text(row.get("SkuMeter")) or lines.text(row.get("ChargeDescription"))
    model = lines.text(row.get("x_Model")) or lines.text(row.get("x_model")) or lines.text(row.get("SkuId"))
    billed = Billed(
        day=day,
        provider=_provider(row),
        model=model if usage else None,
        token_class=(None if said is None else lines.class_of(said)) if usage else OTHER,
        usd=lines.money(row["BilledCost"], row["BillingCurrency"], line),
        tokens=_tokens(row, line),
    )
    return day, [billed]


def _is_ai(row: Row) -> bool:
    if (subcategory := lines.text(row.get("ServiceSubcategory"))) is not None:
        return subcategory == "Generative AI"
    category = lines.text(row.get("ServiceCategory"))
    return category is None or category == "AI and Machine Learning"


def _provider(row: Row) -> str:
    for column in ("ServiceProviderName", "ProviderName", "PublisherName", "ServiceName"):
        if said := lines.text(row.get(column)):
            found = said.lower()
            return next((name for part, name in PROVIDERS if part in found), found)
    return "unknown"


def _tokens(row: Row, line: str) -> int | None:
    """ConsumedQuantity, where its unit is tokens: `Tokens`, `1000 Tokens`, `1000000 Tokens`, `1K Tokens`."""
    unit = lines.text(row.get("ConsumedUnit")) or ""
    match = re.fullmatch(r"(?:(\d{1,9})([KM]?) )?Tokens?", unit, re.IGNORECASE)
    if not match:
        return None
    times = int(match[1] or 1) * {"": 1, "K": 1_000, "M": 1_000_000}[(match[2] or "").upper()]
    return lines.tokens(row.get("ConsumedQuantity"), line, times)
