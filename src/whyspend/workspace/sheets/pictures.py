"""The pictures of sheets: bars of some rows, and calls day by day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from whyspend.model import Cell, Chart, TableColumn
from whyspend.reports._pictures import BARS, PARTS
from whyspend.spelling import OTHERS
from whyspend.workspace.coloring import NUMBERS

MOST_DAYS = 366


def named(provider: Cell, model: Cell, context: Cell) -> str:
    """A model as the name of a bar: `openai/gpt-4o`, `openai/gpt-4o service_tier=flex`."""
    name = "/".join(str(part) for part in (provider, model) if part) or "unknown"
    return f"{name} {context}" if context else name


def ranked(
    title: str, column: TableColumn, bars: Iterable[tuple[str, Decimal | int | None]]
) -> tuple[Chart, ...]:
    """Bars from the longest to the shortest; of many only the longest, which the title says; nothing for no bars."""
    rows = sorted(bars, key=lambda bar: -(bar[1] or 0))
    if not rows:
        return ()
    if len(rows) > BARS:
        title = f"{title} (the first {BARS} of {len(rows):,})"
    columns = (TableColumn("model", "word"), column)
    return (Chart("ranked_change", title, columns, tuple(rows[:BARS])),)


def by_day(calls: Mapping[tuple[date, str], int], today: date) -> tuple[Chart, ...]:
    """Calls of each day by source, up to today, so that days without any are seen; nothing for no calls.

    Args:
        calls: by day and source.
        today: where the days end, unless the last of them is more than a year ago.
    """
    if not calls:
        return ()
    days, sources = {day for day, _ in calls}, _largest_first(calls)
    end = max(days) if today - max(days) >= timedelta(MOST_DAYS) else max(today, max(days))
    start = max(min(days), end - timedelta(MOST_DAYS - 1))
    parts = sources if len(sources) <= PARTS + 1 else sources[:PARTS]
    rest = sources[len(parts) :]
    rows: list[tuple[Cell, ...]] = []
    for number in range((end - start).days + 1):
        day = start + timedelta(number)
        row = [calls.get((day, source), 0) for source in parts]
        rows.append((day, *row, *([sum(calls.get((day, source), 0) for source in rest)] if rest else [])))
    names = [*parts, *([OTHERS] if rest else [])]
    title = "Calls by day and source" + (f", the last {MOST_DAYS} days" if start > min(days) else "")
    columns = (TableColumn("day", "date"), *(TableColumn(name, "calls") for name in names))
    return (
        Chart("stacked_time", title, columns, tuple(rows), by=("source",), colors=_colors(calls, sources)),
    )


def _colors(calls: Mapping[tuple[date, str], int], sources: Sequence[str]) -> dict[str, int]:
    """As in every picture of the ledger (see coloring): the busiest have one each, in the order in which they came."""
    came = {source: min(day for day, other in calls if other == source) for source in sources[:NUMBERS]}
    return {source: number for number, source in enumerate(sorted(came, key=lambda each: (came[each], each)))}


def _largest_first(calls: Mapping[tuple[date, str], int]) -> Sequence[str]:
    sums: dict[str, int] = {}
    for (_, source), count in calls.items():
        sums[source] = sums.get(source, 0) + count
    return sorted(sums, key=lambda source: (-sums[source], source))
