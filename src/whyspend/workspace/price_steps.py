"""The price of a model over time, as a picture."""

from datetime import date

from whyspend.model import Cell, Chart, TableColumn
from whyspend.pricing.book import ALL_DAYS, NO_TIER, Rate
from whyspend.pricing.quote import instant
from whyspend.workspace.price_history import History, own_buckets
from whyspend.workspace.price_words import quoted_rate

DRAWN = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
"""What is drawn where the model has a rate of its own for it: all are of a million tokens."""


def steps(history: History) -> Chart | None:
    """USD for a million tokens since when, of short prompts at any hour; None where nothing ever changed.

    The first row has no day where the price is taken to have always held.
    """
    plain = (cell for context, cell in history.cells if not context and _is_plain(cell))
    cells = sorted(plain, key=lambda cell: cell.valid_from)
    names = [bucket for bucket in DRAWN if any(bucket in own_buckets(cell) for cell in cells)]
    rows: list[tuple[Cell, ...]] = []
    for cell in cells:
        amounts = tuple(quoted_rate(cell, bucket) for bucket in names)
        if not rows or rows[-1][1:] != amounts:
            rows.append((_day(cell), *amounts))
    if len(rows) < 2 or not names:
        return None
    columns = (TableColumn("since", "date"), *(TableColumn(n.removesuffix("_tokens"), "rate") for n in names))
    return Chart("price_steps", f"{history.price}: USD per million tokens", columns, tuple(rows))


def _is_plain(cell: Rate) -> bool:
    """Whether it holds at any hour, and for short prompts."""
    whole_day = (cell.minute_from, cell.minute_to) == (0, 1440)
    return whole_day and cell.weekdays == ALL_DAYS and cell.tier_over == NO_TIER


def _day(cell: Rate) -> date | None:
    began = instant(cell.valid_from)
    return None if began is None else began.date()
