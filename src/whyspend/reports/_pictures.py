"""What the pictures of several reports share: names and their colours, and what is left out as one part."""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from whyspend.model import Cell, Chart, TableColumn

OTHERS = "(others)"
"""The part that adds up what has none of its own."""

PARTS, BARS = 7, 12
"""So many parts and bars have a name of their own: more cannot be told apart."""

_EXACT = Context(prec=100)


def name_of(data: Any, keys: Sequence[Any], own: Sequence[Any]) -> str:
    """The values of keys as one name: `rag-search / production`."""
    return " / ".join(str(data.label(key, value)) for key, value in zip(keys, own, strict=True))


def colors(data: Any, keys: Sequence[Any]) -> dict[str, int]:
    """The numbers of the colours of such names."""
    return {name_of(data, keys, own): number for own, number in data.colors(keys).items()}


Bar = tuple[str, Decimal | None, Decimal | None]
"""A name, its amount, and its amount before."""


def ranked(
    title: str,
    columns: Sequence[TableColumn],
    bars: Sequence[Bar],
    *,
    by: Sequence[str] = (),
    colors: Mapping[str, int] | None = None,
) -> tuple[Chart, ...]:
    """Bars in the order in which they come, those beyond the first dozen added up; nothing for no bars.

    Args:
        title: what is to be seen.
        columns: of the name, the amount and, where it is compared, of the amount before.
        bars: exact.
        by: the keys whose values the names are.
        colors: the numbers of the colours of the names.
    """
    if not bars:
        return ()
    shown = list(bars)
    if len(bars) > BARS:
        rest = bars[BARS - 1 :]
        shown = [*bars[: BARS - 1], (OTHERS, added(bar[1] for bar in rest), added(bar[2] for bar in rest))]
    rows: tuple[tuple[Cell, ...], ...] = tuple(bar[: len(columns)] for bar in shown)
    return (Chart("ranked_change", title, tuple(columns), rows, by=tuple(by), colors=colors or {}),)


def added(amounts: Any) -> Decimal | None:
    """The exact sum of what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    total = Decimal(0)
    for amount in known:
        total = _EXACT.add(total, amount)
    return total if known else None
