"""What did each feature (customer, model, day) cost?"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from whyspend.errors import UsageError
from whyspend.model import Cell, Table, TableColumn
from whyspend.money import usd
from whyspend.reports.report.lines import NONE, TOKENS, Lines
from whyspend.reports.report.pictures import pictures, time_of
from whyspend.spelling import OTHERS

ROWS = """
SELECT {keys} calls, requests, begun, unpriced_calls, calls_before,
  CAST(cost AS VARCHAR), CAST(cost_before AS VARCHAR), CAST(list_cost AS VARCHAR), {token_texts}
FROM (
  SELECT {keys}
    CAST(coalesce(sum(calls) FILTER (WHERE period = 0), 0) AS BIGINT) AS calls,
    CAST(coalesce(sum(requests) FILTER (WHERE period = 0), 0) AS BIGINT) AS requests,
    CAST(coalesce(sum(begun) FILTER (WHERE period = 0), 0) AS BIGINT) AS begun,
    CAST(coalesce(sum(calls - priced_calls) FILTER (WHERE period = 0), 0) AS BIGINT) AS unpriced_calls,
    CAST(coalesce(sum(calls) FILTER (WHERE period = 1), 0) AS BIGINT) AS calls_before,
    CAST(sum(cost) FILTER (WHERE period = 0) AS DECIMAL(38, 0)) AS cost,
    CAST(sum(cost) FILTER (WHERE period = 1) AS DECIMAL(38, 0)) AS cost_before,
    CAST(sum({list_cost}) FILTER (WHERE period = 0) AS DECIMAL(38, 0)) AS list_cost,
    {tokens}
  FROM answer
  {group}) sums
ORDER BY {times} cost DESC NULLS LAST, cost_before DESC NULLS LAST, calls DESC {names}
"""
"""Each row of the answer, in the order of time and then dearest first, with what it cost in the window before.
Integers of more than 18 digits come as text, which reads five times as fast as a Decimal."""

MOST_DAYS_DRAWN = 92
MOST_ROWS_DRAWN = 100


REST = (OTHERS,)
"""The keys of the row that adds up what lies below the top N."""


def run(data: Any, *, by: tuple[str, ...] = ("feature",), top: int = 0) -> Table:
    """Cost by any dimensions, with calls, requests and tokens, and the change against the window before.

    Args:
        data: the ledger's view of the window (workspace.data.Data).
        by: Group by these: any dimension or metadata key, or model, provider, project, name, day, week, month, hour.
        top: Show only the dearest N rows and add up the rest; 0 shows all.
    """
    if top < 0:
        raise UsageError(f"--top {top} is less than 0. Give how many rows to show; 0 shows all.")
    keys = [data.key(name) for name in dict.fromkeys(by)]
    compared = not any(key.is_time for key in keys) and _reaches_back(data)
    data.added_up(keys, compare=compared, over=time_of(data, keys) if data.pictures else None)
    trust = data.trust()
    notes = [*data.missing_notes(), *data.price_notes(), *data.unpriced_notes()]
    lines, total = _lines(data, keys, compared, by_time=top == 0)
    for at, key in enumerate(keys):
        if lines.keys and all(own[at] is None for own in lines.keys):
            notes.extend(data.absent_notes(key))
    if data.overlap(keys) and sum(lines.requests) != total.requests[0]:
        notes.append(
            "Requests overlap: one that used several of these counts in each row, and once in the total."
        )
    if compared:
        notes.extend((*_partly(data), *data.change_notes()))
    charts = pictures(data, keys, lines, compared) if data.pictures else ()
    shown = lines
    if 0 < top < len(lines):
        shown = lines.part(slice(top)) + lines.part(slice(top, None)).added_up(REST)
        notes.append(f"The dearest {top} of {len(lines):,} rows are shown; (others) adds up the rest.")
    in_time = any(key.is_time for key in keys)
    series = _series(data, keys, shown.keys) if data.for_terminal and not in_time else {}
    columns = _columns(keys, compared, bool(series), data.discounted)
    cells = _labels(data, keys, shown.keys) | _figures(shown, total) | _drawn(shown.keys, series)
    whole = _figures(total, total) | ({"series": [series[None]]} if series else {})
    return Table(
        report="report",
        window=data.window,
        columns=columns,
        rows=tuple(zip(*(cells[column.name] for column in columns), strict=True)),
        total={column.name: whole[column.name][0] for column in columns if column.name in whole},
        trust=trust,
        notes=(*notes, *data.empty_notes(trust.calls)),
        charts=charts,
    )


def _reaches_back(data: Any) -> bool:
    """Whether the ledger holds anything of the window before: else all spend would look like growth."""
    held = data.held_since
    return held is not None and held < data.window.start


def _partly(data: Any) -> tuple[str, ...]:
    held = data.held_since
    if held is None or held <= data.earlier.start or held >= data.window.start:
        return ()
    return (f"The change is against a window that the ledger holds only since {held:%Y-%m-%d %H:%M} UTC.",)


def _lines(data: Any, keys: Sequence[Any], compared: bool, by_time: bool) -> tuple[Lines, Lines]:
    """All rows, in the order of time or dearest first, and the whole as one row."""
    names = [key.column for key in keys]
    found = data.rows(
        ROWS.format(
            keys="".join(f"{name}, " for name in names),
            list_cost="list_cost" if data.discounted else "cost",
            token_texts=", ".join(f"CAST({name} AS VARCHAR)" for name in TOKENS),
            tokens=", ".join(
                f"CAST(coalesce(sum({name}) FILTER (WHERE period = 0), 0) AS DECIMAL(38, 0)) AS {name}"
                for name in TOKENS
            ),
            group=f"GROUP BY {', '.join(names)}" if names else "",
            times="".join(f"{key.column}, " for key in keys if key.is_time and by_time),
            names="".join(f", {name} NULLS LAST" for name in names),
        )
    )
    lines, begun = _called(data, keys, found) if found else (NONE, 0)
    lines = _adjusted(data.adjusted(keys, compare=compared), keys, lines, by_time)
    everything = data.distinct_requests([])
    whole = everything.get((), 0) if everything else begun
    return lines, replace(lines.added_up(()), requests=[whole])


def _called(data: Any, keys: Sequence[Any], found: Sequence[tuple[Any, ...]]) -> tuple[Lines, int]:
    """The rows of calls, and how many requests began in them."""
    columns = list(zip(*found, strict=True))
    own = list(zip(*columns[: len(keys)], strict=True)) if keys else [()]
    calls, requests, begun, unpriced, calls_before, cost, before, listed, *tokens = columns[len(keys) :]
    if more := data.distinct_requests(keys):
        requests = tuple(count + more.get(row, 0) for row, count in zip(own, requests, strict=True))
    lines = Lines(
        keys=own,
        calls=calls,
        requests=requests,
        unpriced=unpriced,
        calls_before=calls_before,
        # Rows of the window before stay, at 0 calls and $0: a feature that is gone is an answer too.
        cost=list(map(_known, cost, calls)),
        before=list(map(_known, before, calls_before)),
        listed=list(map(_known, listed, calls)),
        tokens=[list(map(int, column)) for column in tokens],
    )
    return lines, sum(begun)


def _adjusted(booked: Sequence[Any], keys: Sequence[Any], lines: Lines, by_time: bool) -> Lines:
    """The rows of calls and, each a row of its own, the adjustments, in one order."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for each in booked:
        found.setdefault(each.keys, [0, 0])[each.period] += each.units
    if not found:
        return lines
    none, now, before = [0] * len(found), *map(list, zip(*found.values(), strict=True))
    lines += Lines(list(found), none, none, none, none, now, before, now, [none for _ in TOKENS])
    times = [at for at, key in enumerate(keys) if key.is_time and by_time]

    def place(row: int) -> tuple[Any, ...]:
        # As in ROWS; the order of rows that are equal in this stays.
        cost, earlier = lines.cost[row], lines.before[row]
        moments = tuple((isinstance(lines.keys[row][at], str), lines.keys[row][at]) for at in times)
        return moments, cost is None, -(cost or 0), earlier is None, -(earlier or 0)

    return lines.sorted(place)


def _known(cost: str | None, calls: int) -> int | None:
    """No calls cost nothing; calls of which none has a price cost nobody knows how much."""
    return (None if calls else 0) if cost is None else int(cost)


def _columns(keys: Sequence[Any], compared: bool, drawn: bool, discounted: bool) -> tuple[TableColumn, ...]:
    return (
        *(TableColumn(key.name, key.unit) for key in keys),
        *((TableColumn("series", "series", derived=True),) if drawn else ()),
        TableColumn("calls", "calls"),
        TableColumn("requests", "requests"),
        *(TableColumn(name, "tokens") for name in TOKENS),
        *((TableColumn("list_cost_usd", "usd", derived=True),) if discounted else ()),
        TableColumn("cost_usd", "usd"),
        TableColumn("share", "share", derived=True),
        *((TableColumn("change_usd", "usd", derived=True),) if compared else ()),
        TableColumn("unpriced_calls", "calls"),
    )


def _labels(data: Any, keys: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> dict[str, Sequence[Cell]]:
    """The values of the keys as people read them, by column."""
    labels: dict[str, Sequence[Cell]] = {}
    for at, key in enumerate(keys):
        said: dict[Any, Cell] = {}  # a value comes in many rows
        column: list[Cell] = []
        for own in rows:
            if own is REST:
                column.append("" if at else REST[0])
                continue
            value = own[at]
            if value not in said:
                said[value] = data.label(key, value)
            column.append(said[value])
        labels[key.name] = column
    return labels


def _figures(lines: Lines, total: Lines) -> dict[str, Sequence[Cell]]:
    """What is known of each row, by column. A price that is unknown stays None."""
    (whole,) = total.cost
    return {
        "calls": lines.calls,
        "requests": lines.requests,
        **dict(zip(TOKENS, lines.tokens, strict=True)),
        "list_cost_usd": list(map(usd, lines.listed)),
        "cost_usd": list(map(usd, lines.cost)),
        "share": [None if cost is None or not whole else _ratio(cost, whole) for cost in lines.cost],
        "change_usd": [
            None if cost is None or before is None else usd(cost - before)
            for cost, before in zip(lines.cost, lines.before, strict=True)
        ],
        "unpriced_calls": lines.unpriced,
    }


def _drawn(
    rows: Sequence[tuple[Any, ...]], series: dict[Any, tuple[Decimal | None, ...]]
) -> dict[str, Sequence[Cell]]:
    return {"series": [None if own is REST else series.get(own) for own in rows]} if series else {}


def _series(
    data: Any, keys: Sequence[Any], shown: Sequence[tuple[Any, ...]]
) -> dict[Any, tuple[Decimal | None, ...]]:
    """Cost by day of each row, and of the whole under None; empty where there is nothing to draw."""
    days = (data.window.until - data.window.since).days + 1
    if not 2 <= days <= MOST_DAYS_DRAWN or len(shown) > MOST_ROWS_DRAWN:
        return {}
    day = data.key("day")
    data.added_up([*keys, day], compare=False)
    names = "".join(f"{key.column}, " for key in keys)
    first = data.day_number(data.window.since)
    found = data.rows(f"SELECT {names}{day.column}, sum(cost) FROM answer GROUP BY ALL")
    # A day without calls cost nothing; a day of which no call has a price cost nobody knows how much.
    drawn: dict[Any, list[Decimal | None]] = {own: [Decimal(0)] * days for own in shown if own is not REST}
    for *own, number, cost in found:
        if tuple(own) in drawn:
            drawn[tuple(own)][number - first] = usd(cost)
    drawn[None] = [Decimal(0)] * days
    for number, cost in data.rows(f"SELECT {day.column}, sum(cost) FROM answer GROUP BY ALL"):
        drawn[None][number - first] = usd(cost)
    return {own: tuple(values) for own, values in drawn.items()}


def _ratio(part: int, whole: int) -> Decimal:
    """A share of the whole, to 12 decimals."""
    return Decimal((part * 10**12 * 2 + whole) // (2 * whole)).scaleb(-12)
