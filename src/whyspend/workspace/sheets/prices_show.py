"""What does one model cost, since when, says who?"""

from collections.abc import Iterator, Sequence

from whyspend.errors import UsageError
from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Rows, Sheet
from whyspend.pricing.book import BUCKETS, Rate
from whyspend.pricing.quote import instant, unit_of
from whyspend.pricing.slots import LATENCY
from whyspend.workspace import Workspace
from whyspend.workspace.price_history import Cells, history, own_buckets
from whyspend.workspace.price_steps import steps
from whyspend.workspace.price_words import hours, quoted_rate, tier, tier_of, validity

ARGUMENT = ("model", "PROVIDER/MODEL")
"""The option that a command takes without its name, and how its help calls it."""

COLUMNS = (
    TableColumn("context", "word"),
    TableColumn("valid_from", "time"),
    TableColumn("valid_to", "time"),
    TableColumn("tier_over", "count"),
    TableColumn("tier_upto", "count"),
    TableColumn("hours_utc", "word"),
    TableColumn("bucket", "word"),
    TableColumn("rate_usd", "rate"),
    TableColumn("per", "count"),
    TableColumn("unit", "word"),
    TableColumn("source", "word"),
    TableColumn("basis", "word"),
    TableColumn("reference", "url"),
)

PER = "USD per million tokens, per search, per call."
LEFT_OUT = "A bucket that is not shown costs what it is a part of: reasoning as output, images as input."


def run(place: Workspace, *, model: str = "", all_: bool = False) -> Sheet:
    """Show all rates of a model over time: dates, context tiers, hours, ways of serving, source.

    A bucket that is not shown costs what the bucket that it is a part of costs: reasoning as output, images as input.

    Args:
        model: Its name, such as openai/gpt-4o.
        all_: Show combinations of contexts, too.
    """
    if not model:
        raise UsageError("There is no model. Example: whyspend prices show openai/gpt-4o.")
    found, identity = history(place, model, every=all_), place.prices.id
    origins = list(dict.fromkeys(map(_origin, (cell for _, cell in found.cells))))
    notes = [
        PER,
        *(f"[{number}] {', '.join(filter(None, each))}" for number, each in enumerate(origins, 1)),
        LEFT_OUT,
    ]
    if found.left_out:
        notes.append(f"Combinations of these contexts that are not shown: {found.left_out} (--all).")
    drawn = steps(found)
    return Sheet(
        "prices show",
        f"What does {found.price} cost?",
        Rows("rates", COLUMNS, tuple(row for context, cell in found.cells for row in _rates(context, cell))),
        about=f"{found.price} ({found.match})",
        facts={"price": found.price, "match": found.match, "price_book": identity},
        people=_side_by_side(found.cells, origins),
        charts=(drawn,) if drawn else (),
        notes=tuple(notes),
    )


Origin = tuple[str, str, str]
"""Source, basis and reference of a rate."""


def _origin(cell: Rate) -> Origin:
    return cell.source, cell.basis, cell.reference


def _rates(context: str, cell: Rate) -> Iterator[tuple[Cell, ...]]:
    when = (context or None, instant(cell.valid_from), instant(cell.valid_to), *tier_of(cell), hours(cell))
    origin = (cell.source, cell.basis, cell.reference or None)
    if not cell.rates:
        yield (*when, None, None, None, None, *origin)
    for bucket in own_buckets(cell):
        unit, per = unit_of(bucket)
        yield (*when, bucket, quoted_rate(cell, bucket), per, unit, *origin)


def _side_by_side(cells: Cells, origins: Sequence[Origin]) -> Rows:
    """A row for each time and way of serving, with the rates of all buckets side by side."""
    shown = {bucket for _, cell in cells for bucket in own_buckets(cell)}
    buckets = [bucket for bucket in (*BUCKETS, LATENCY) if bucket in shown]
    columns = (
        *(TableColumn(name, "word") for name in ("context", "valid", "for", "hours (UTC)")),
        *(TableColumn(bucket.removesuffix("_tokens"), "rate") for bucket in buckets),
        TableColumn("source", "word"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            context or None,
            validity(cell.valid_from, cell.valid_to),
            tier(*tier_of(cell)),
            hours(cell),
            *(quoted_rate(cell, bucket) for bucket in buckets),
            f"[{origins.index(_origin(cell)) + 1}]",
        )
        for context, cell in cells
    ]
    return Rows("rates", columns, tuple(rows))
