"""Which months are closed, since when, and what do they come to?"""

from whyspend.ledger import prices as kept
from whyspend.model import TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.workspace import Workspace
from whyspend.workspace.sheets import question

COLUMNS = (
    TableColumn("month", "word"),
    TableColumn("closed_on", "date"),
    TableColumn("timezone", "word"),
    TableColumn("calls", "count"),
    TableColumn("unpriced", "count"),
    TableColumn("cost_usd", "usd"),
    TableColumn("price_book", "word"),
)


def run(place: Workspace) -> Sheet:
    """List the closed months: what their calls cost at the prices that they were closed with.

    What was booked for them since stands in `report`, on the day on which it was booked.
    """
    held = kept.read(place.ledger.root)
    rows = tuple(
        (month.month, month.on, month.timezone, month.calls, month.unpriced, month.usd, month.book.id)
        for month in (held.closed if held else ())
    )
    return Sheet(
        "prices closed",
        question("prices closed"),
        Rows("months", COLUMNS, rows),
        notes=() if rows else ("No month is closed yet. Close one: whyspend close 2026-10.",),
    )
