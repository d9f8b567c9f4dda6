"""Which columns of a table fold away on a phone: it shows what a row is and what it costs, the others on request."""

from collections.abc import Sequence, Set

from whyspend.formats import NUMBER_UNITS, is_change
from whyspend.model import TableColumn

ROOM = 55
"""Letters that stand beside each other on a phone, what is between columns among them."""

GAP = 2
SHORT = 12
"""Text that is longer goes on in the next line, so it takes no more."""

SENTENCE = 26


def folded(columns: Sequence[TableColumn], texts: Sequence[Sequence[str]]) -> frozenset[int]:
    """The places of the columns that a phone has no room for; none where all fit.

    What a row is called comes first, then the first dollars: they are always there. Then, as long as there is room:
    other names that fit, sentences, changes, shares, days, other dollars, counts, and what follows from other figures.

    Args:
        columns: as people see them.
        texts: the cells of each column.
    """
    widths = [_width(column, cells) for column, cells in zip(columns, texts, strict=True)]
    if sum(widths) <= ROOM or not columns:
        return frozenset()
    money = next((at for at, column in enumerate(columns) if column.unit == "usd"), 0)
    kept = {0, money}
    for at in sorted(range(len(columns)), key=lambda at: _importance(columns[at])):
        if at not in kept:
            if sum(widths[other] for other in (*kept, at)) <= ROOM:
                kept.add(at)
            elif _importance(columns[at]):
                break
    names = {columns[at].name for at in kept}
    return frozenset(at for at in range(len(columns)) if at not in kept or not _whole(columns[at], names))


def _whole(column: TableColumn, names: Set[str]) -> bool:
    """Whether what belongs to it is shown, too: one end of an interval alone would mislead."""
    end, _, rest = column.name.partition("_")
    other = {"low": "high", "high": "low"}.get(end)
    return other is None or f"{other}_{rest}" in names


def _importance(column: TableColumn) -> int:
    ranks = {"text": 0, "segment": 0, "id": 0, "sentence": 1, "place": 1, "date": 4, "usd": 5, "url": 9}
    if is_change(column):
        return 2
    if column.name == "share":
        return 3
    if column.name.startswith(("low_", "high_")):
        return 8
    return 7 if column.derived else ranks.get(column.unit, 6)


def _width(column: TableColumn, cells: Sequence[str]) -> int:
    heading = max(map(len, column.name.removesuffix("_usd").split("_")), default=0)
    widest = max(map(len, cells), default=0)
    if column.unit == "sentence":
        return GAP + min(widest, SENTENCE)
    if column.unit not in NUMBER_UNITS:
        widest = min(widest, SHORT)
    return GAP + max(heading, widest)
