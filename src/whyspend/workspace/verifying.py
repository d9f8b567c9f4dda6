"""The newest runs of a source, and what would be made of each: owner, usage, price. Nothing is stored."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from whyspend import registry
from whyspend.errors import UsageError
from whyspend.ledger import Ledger
from whyspend.model import USAGE_COLUMNS, Batch, Call, Table, TableColumn, Window
from whyspend.money import usd
from whyspend.pricing.plan import Basis
from whyspend.workspace import Workspace
from whyspend.workspace.data import Data

DAYS = "14d"
"""How far back a source looks."""

COLUMNS = tuple(TableColumn(name, "text") for name in ("run", "what", "value", "found_in"))

NONE = "untagged"


def verified(place: Workspace, name: str, limit: int) -> Table:
    """The newest runs of a source, each in a few rows: what arrived, then what whyspend makes of it.

    Raises:
        UsageError: the source has no newest runs to ask for.
    """
    source = place.config.source(name)
    newest = getattr(registry.load("sources", source.type), "newest", None)
    if newest is None:
        raise UsageError(
            f"The source {name!r} is of type {source.type}, which cannot be asked for its newest runs. Pull "
            "from it, and look at: whyspend requests."
        )
    arrived = newest(limit, source=name, dimensions=place.config.dimensions, **source.options)
    window = place.window(DAYS)
    # Priced and attributed by the views that every report asks, over a ledger that is gone a moment later.
    with TemporaryDirectory(prefix="whyspend-") as folder:
        data = _data(place, Path(folder), [each.call for each in arrived], name, window)
        made = _made(data)
        data.added_up([])
        trust, unpriced = data.trust(), data.unpriced_notes()
    rows = [
        (str(number), *cells)
        for number, each in enumerate(arrived, start=1)
        for cells in _of_run(place, each, made[each.call.call_id])
    ]
    nothing = () if arrived else ("No run that costs something ended in the last 14 days. Is tracing on?",)
    return Table(
        report="verify",
        window=window,
        columns=COLUMNS,
        rows=tuple(rows),
        total={},
        trust=trust,
        notes=(*nothing, *unpriced, "Nothing of this was stored. To bring calls in: whyspend pull."),
    )


def _data(place: Workspace, folder: Path, calls: Sequence[Call], name: str, window: Window) -> Data:
    ledger = Ledger(folder)
    writer = ledger.writer(place.engine, name, place.config.dimensions)
    writer.add(Batch(calls=calls))
    writer.commit()
    return Data(
        engine=place.engine,
        window=window,
        snapshot=ledger.snapshot(),
        attribution=place.attribution,
        prices=place.prices,
        basis=Basis(),
        rules=place.rules,
    )


def _made(data: Data) -> dict[str, tuple[Any, ...]]:
    """Of each call by its id: cost, reason, then value and origin of each dimension."""
    columns = {"call_id": "call_id"}
    assert data.rules is not None
    for at, (name, value) in enumerate(data.attribution.items()):
        columns |= {f"value_{at}": value, f"origin_{at}": data.rules.origin(name).expression}
    names = ", ".join(name for name in columns if name != "call_id")
    sql = f"SELECT call_id, cost, reason, {names} FROM ({data.priced_calls(columns)}) calls"
    return {row[0]: row[1:] for row in data.rows(sql)}


def _of_run(place: Workspace, each: Any, made: tuple[Any, ...]) -> Iterator[tuple[str, str, str]]:
    """(what, value, where it was found)."""
    call: Call = each.call
    began = f"{_instant(call.started_at)} UTC"
    link = f"{each.link}/r/{quote(call.trace_id)}" if each.link else ""
    yield "run", f"{call.name or 'unknown'} in {each.project}, {began}", call.call_id
    if link:
        yield "trace", link, ""
    for key in sorted(each.metadata):
        yield f"metadata {key}", each.metadata[key], "as it arrived"
    cost, reason, *owners = made
    for at, name in enumerate(place.config.dimensions):
        yield name, owners[at * 2] or NONE, owners[at * 2 + 1] or "nowhere"
    model = call.model_answered or call.model_requested or "unknown"
    yield "model", f"{call.provider or 'unknown'}/{model}", call.price_context
    for column in USAGE_COLUMNS:
        if count := getattr(call, column):
            yield column, f"{count:,}", "estimated" if call.usage_estimated else call.usage_source or ""
    if call.usage_flag:
        yield "usage", call.usage_flag, ""
    price = usd(None if cost is None else int(cost))
    yield "price", "unpriced" if price is None else _dollars(price), reason or "price book"


def _dollars(amount: Decimal) -> str:
    return f"${amount.normalize():f}"


def _instant(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
