"""The pictures of coverage: how the owners were found, the places that have none, and what rules and spellings move."""

from collections.abc import Iterable, Mapping, Sequence

from whyspend.model import Chart, TableColumn
from whyspend.money import usd
from whyspend.reports._pictures import BARS, Bar, ranked
from whyspend.reports.coverage.amounts import Amount
from whyspend.reports.coverage.split import ADJUSTMENT, BY_RULE, ORDER, UNTAGGED, Split
from whyspend.reports.coverage.suggest import Proposal
from whyspend.reports.coverage.variants import Variants

COLORS: Mapping[str, int] = {"tagged": 0, "inherited": 4, "environment": 2, "by rule": 1}


def pictures(dimension: str, parts: Split, places: Sequence[tuple[str, Amount]]) -> Iterable[Chart]:
    """Dollars by how an owner was found, a bar for each dimension; and the places of the dimension without one."""
    yield from _found("How owners were found", parts)
    bars: list[Bar] = [(name, usd(amount.cost), None) for name, amount in places]
    named = (TableColumn("place", "text"), TableColumn("cost_usd", "usd"))
    yield from ranked(f"Dollars without {dimension}, by place", named, bars, colors=_one_color(bars))


def with_rule(parts: Split, moved: Mapping[str, Amount]) -> Iterable[Chart]:
    """How owners are found now and with a rule, of each dimension that it moves calls of.

    Args:
        parts: as it is now.
        moved: by dimension that the rule sets, the calls that it gives an owner.
    """
    bars: dict[str, Mapping[str, Amount]] = {}
    for name, amount in moved.items():
        if amount.calls:
            bars |= {f"{name} now": parts[name], f"{name} with the rule": _moved(parts[name], amount)}
    yield from _found("How owners are found, now and with the rule", bars)


def _moved(own: Mapping[str, Amount], amount: Amount) -> Mapping[str, Amount]:
    left, ruled = own[UNTAGGED], own.get(BY_RULE, Amount())
    rest = Amount(left.calls - amount.calls, cost=_less(left.cost, amount.cost))
    return {**own, BY_RULE: ruled + amount, UNTAGGED: rest}


def _less(whole: int | None, part: int | None) -> int | None:
    return whole if whole is None or part is None else whole - part


def of_rules(proposals: Iterable[Proposal]) -> Iterable[Chart]:
    """The dollars that each of a dozen rules would settle by itself: one call may be settled by several."""
    bars: Sequence[Bar] = [
        (f"{at}. {each.value}", usd(each.amount.cost), None) for at, each in enumerate(proposals, start=1)
    ][:BARS]
    columns = (TableColumn("rule", "text"), TableColumn("cost_usd", "usd"))
    yield from ranked("Dollars that each rule would settle", columns, bars, colors=_one_color(bars))


def of_variants(found: Iterable[Variants]) -> Iterable[Chart]:
    """The dollars under each spelling, those beside one another that fold into the same value."""
    bars: Sequence[Bar] = [
        (
            f"{each.dimension}: {value}" + ("" if value == each.kept else f" -> {each.kept}"),
            usd(amount.cost),
            None,
        )
        for each in found
        for value, amount in each.spellings.items()
    ][:BARS]
    columns = (TableColumn("value", "text"), TableColumn("cost_usd", "usd"))
    yield from ranked("Dollars by spelling", columns, bars, colors=_one_color(bars))


def _found(title: str, parts: Split) -> Iterable[Chart]:
    owners = [owner for owner in (*ORDER, ADJUSTMENT) if any(owner in own for own in parts.values())]
    rows = tuple(
        (name, *(usd(own[owner].cost) if owner in own else None for owner in owners))
        for name, own in parts.items()
    )
    if owners:
        columns = (TableColumn("dimension", "text"), *(TableColumn(owner, "usd") for owner in owners))
        yield Chart("shares", title, columns, rows, colors=COLORS)


def _one_color(bars: Iterable[Bar]) -> Mapping[str, int]:
    return {name: 0 for name, *_ in bars}
