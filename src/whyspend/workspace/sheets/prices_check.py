"""Do our rates agree with two other sources?"""

from collections.abc import Sequence

from whyspend.model import Cell, TableColumn
from whyspend.model.sheet import Fact, Rows, Sheet
from whyspend.pricing.check import Comparison, check
from whyspend.pricing.globs import is_same_provider
from whyspend.pricing.quote import dollars
from whyspend.workspace import Workspace
from whyspend.workspace.sheets import question

COLUMNS = (
    TableColumn("provider", "word"),
    TableColumn("model", "word"),
    TableColumn("context", "word"),
    TableColumn("over", "count"),
    TableColumn("bucket", "word"),
    TableColumn("ours", "rate"),
    TableColumn("theirs", "rate"),
    TableColumn("source", "word"),
    TableColumn("status", "word"),
    TableColumn("reason", "sentence"),
    TableColumn("reference", "url"),
)


def run(place: Workspace, *, provider: str = "", all_: bool = False) -> Sheet:
    """Compare our rates with two other price lists, and say why where they differ.

    As of the day on which the others were read: what changes later is no contradiction. Rates are in USD
    per million tokens. Exits with 1 when a difference has no explanation.

    Args:
        provider: Only models of this provider.
        all_: Show the rates that agree, too.
    """
    found = [
        each
        for each in check(place.prices.current.book)
        if not provider or is_same_provider(each.provider, provider)
    ]
    shown = [each for each in found if all_ or each.status != "agree"]
    return Sheet(
        "prices check",
        question("prices check"),
        Rows("rates", COLUMNS, tuple(map(_row, shown))),
        facts=_counts(found),
        notes=(*((f"Only models of {provider}.",) if provider else ()), _summary(found)),
    )


def _row(each: Comparison) -> tuple[Cell, ...]:
    return (
        each.provider,
        each.model,
        each.context or None,
        each.tier_over,
        each.bucket,
        None if each.ours is None else dollars(each.ours * 1_000_000),
        dollars(each.theirs * 1_000_000),
        each.source,
        each.status,
        each.reason or None,
        each.reference or None,
    )


def _counts(found: Sequence[Comparison]) -> dict[str, Fact]:
    statuses = [each.status for each in found]
    return {
        "sources": tuple(_sources(found)),
        "read": max((each.read for each in found), default=None),
        **{status: statuses.count(status) for status in ("agree", "explained", "unexplained")},
    }


def _summary(found: Sequence[Comparison]) -> str:
    agree = sum(1 for each in found if each.status == "agree")
    lost = sum(1 for each in found if each.status == "unexplained")
    differ = len(found) - agree
    if not found:
        return "No rate of ours is in another list."
    explained = "none differs" if not differ else f"{differ:,} differ, {_explained(differ, lost)}"
    read = max(each.read for each in found)
    return f"{agree:,} rates of {read} agree with {' and '.join(_sources(found))}; {explained}."


def _explained(differ: int, lost: int) -> str:
    return "all explained" if not lost else f"{lost:,} of them unexplained"


def _sources(found: Sequence[Comparison]) -> list[str]:
    return sorted({each.source for each in found})
