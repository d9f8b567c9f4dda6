"""How far are we from LangSmith's figure, and the provider's bill, and why?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from whyspend.model import Cell, Table, TableColumn
from whyspend.reports.reconcile import bill as bills
from whyspend.reports.reconcile import ours, shares, split
from whyspend.reports.reconcile.pictures import of_bill, of_walks
from whyspend.reports.reconcile.sides import DIGITS, Amount, Place
from whyspend.reports.reconcile.split import Walk
from whyspend.spelling import money

_EXACT = Context(prec=100)

THEIRS, OURS = "LangSmith", "whyspend"
RECORDED = "recorded by the source"


def run(data: Any, *, by: tuple[str, ...] = (), recorded: bool = False, tolerance: str = "5%") -> Table:
    """Compare with the figures of LangSmith, or of a bill (--bill, or a SOURCE of bills), and name every difference.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: Compare for each of these: day, and one of model, a dimension, a metadata key. Of a bill: day, provider,
            model, token_class. Default: the whole; of a bill all but the day.
        recorded: Compare with the costs that came with the runs; needs no network.
        tolerance: Exit with 1 if the two figures are further apart than this; for a bill, if untraced and overcounted
            dollars together are more, or its tokens where it has no dollars.
    """
    limit = shares.percent(tolerance)
    others = data.others
    if others is not None and others.bill is not None:
        answer = bills.answer(data, others.bill, by, limit, others.seller)
        return replace(answer, charts=of_bill(answer)) if data.pictures else answer
    asks = others is not None and others.langsmith is not None and not recorded
    found = narrowed(data, others)
    rows = ours.Rows(found, by, grouped_there=asks)
    groups = ours.groups(found, rows, "langsmith" if asks else "recorded")
    theirs = None
    held: Mapping[int, Sequence[Any]] = {}
    if asks:
        theirs = others.langsmith(rows.path, ours.by_day_and_value(groups), rows.placed)
        held = ours.held(found, rows, theirs.listed.keys())
    adjusted = _adjusted(data, rows)
    walks = split.walks(groups, held, theirs, adjusted, rows.placed)
    shown = {where: walk for where, walk in sorted(walks.items(), key=_in_order) if walk != Walk()}
    trust = data.trust()
    said = (*_verdict(list(shown.values()), limit), *(theirs.notes if theirs else ())) if shown else ()
    start = RECORDED if theirs is None else THEIRS
    answer = Table(
        report="reconcile",
        window=data.window,
        columns=(
            *(TableColumn(key.name, key.unit) for key in rows.keys),
            TableColumn("part", "text"),
            TableColumn("what", "text"),
            TableColumn("calls", "calls"),
            TableColumn("tokens", "tokens"),
            TableColumn("amount_usd", "usd"),
            TableColumn("share", "share", derived=True),
        ),
        rows=tuple(
            (*_labels(data, rows, where), *cells)
            for where, walk in shown.items()
            for cells in _lines(walk, start)
        ),
        total={},
        trust=trust,
        notes=(*said, *data.unpriced_notes(), *data.price_notes(), *data.empty_notes(trust.calls)),
    )
    names = [key.name for key in rows.keys]
    return replace(answer, charts=of_walks(answer, names, start, OURS)) if data.pictures else answer


def narrowed(data: Any, others: Any) -> Any:
    """The calls of the one source that is compared."""
    if others is None or not others.source:
        return data
    return data.narrowed(f"source = {data.engine.literal(others.source)}")


def is_outside(answer: Table, tolerance: Decimal) -> bool:
    """Whether the two figures of an answer are further apart than a share of the other side's."""
    if not answer.rows:
        return False
    at = {column.name: place for place, column in enumerate(answer.columns)}
    if "billed_usd" in at:
        return bills.is_outside(answer, tolerance)
    here, there = both(answer)
    return _EXACT.abs(_EXACT.subtract(here, there)) > _EXACT.multiply(_EXACT.abs(there), tolerance)


def both(answer: Table) -> tuple[Decimal, Decimal]:
    """Our figure and the other side's, of an answer that is not about a bill."""
    at = {column.name: place for place, column in enumerate(answer.columns)}
    here = there = Decimal(0)
    for row in answer.rows:
        amount = row[at["amount_usd"]]
        assert isinstance(amount, Decimal)
        if row[at["part"]] == OURS:
            here = _EXACT.add(here, amount)
        elif row[at["part"]] in (THEIRS, RECORDED):
            there = _EXACT.add(there, amount)
    return here, there


def _adjusted(data: Any, rows: ours.Rows) -> list[tuple[Place, int]]:
    """What is booked beside the calls; nothing where only one of several sources is asked about."""
    sources = {file.source for file in data.snapshot.manifest.files}
    if data.others is not None and data.others.source and len(sources) > 1:
        return []
    return [(each.keys, each.units) for each in data.adjusted(rows.keys) if each.period == 0]


def _in_order(item: tuple[Place, Walk]) -> tuple[tuple[bool, str], ...]:
    """Days first as numbers of one length, then names; those without one last."""
    return tuple((part is None, f"{part:09}" if isinstance(part, int) else part or "") for part in item[0])


def _lines(walk: Walk, start: str) -> list[tuple[Cell, ...]]:
    """LangSmith's figure, each part, ours; largest first where a part has several lines."""
    ranked = sorted(
        walk.parts.items(), key=lambda item: (split.ORDER.index(item[0][0]), -abs(item[1].units), item[0][1])
    )
    whole = walk.start.units
    return [
        _line(start, "", walk.start, whole),
        *(_line(name, what, amount, whole) for (name, what), amount in ranked),
        _line(OURS, "", walk.end, whole),
    ]


def _line(name: str, what: str, amount: Amount, whole: int) -> tuple[Cell, ...]:
    share = round(Decimal(amount.units) / Decimal(whole), 12) if whole else None
    return name, what, amount.calls, amount.tokens, usd(amount.units), share


def usd(units: int) -> Decimal:
    """Whole 1e-24 dollars as dollars, with all digits."""
    return Decimal(units).scaleb(-DIGITS, _EXACT).normalize(_EXACT)


def _labels(data: Any, rows: ours.Rows, where: Place) -> tuple[Cell, ...]:
    return tuple(data.label(key, value) for key, value in zip(rows.keys, where, strict=True))


def _verdict(walks: list[Walk], limit: Decimal) -> tuple[str, ...]:
    there, here = split.both(walks)
    gap = abs(here - there)
    said = "agrees with the other figure"
    if gap:
        share = f" ({shares.about(Decimal(gap) / abs(there))})" if there else ""
        said = f"is {money(usd(gap))}{share} {'above' if here > there else 'below'} the other figure"
    state = "outside" if gap > abs(there) * limit else "within"
    return (
        f"The ledger {said}: {state} the tolerance of {shares.said(limit)}.",
        "Each part is what leads from the first figure to the last; they add up to the difference exactly.",
    )
