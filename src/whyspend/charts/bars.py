"""Pictures of bars: parts over time, ranks with their change, a waterfall, a histogram, shares."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from whyspend.charts import ink
from whyspend.charts.frame import (
    LINE,
    Drawn,
    amounts_at_left,
    amounts_below,
    legend,
    margin,
    moments_below,
)
from whyspend.charts.palette import class_of
from whyspend.charts.scales import Scale, axis_words, counts, dollars, edge, rounded_out, spelled
from whyspend.model import Cell, Chart
from whyspend.spelling import money, rounded_together

_PLOT = 230.0
_ROW = 30.0
_BELOW = 24.0

SMALL = 0.15
"""Of the highest amount: where all changes of a waterfall are within so much, its bars do not begin at 0."""


def stacked_time(chart: Chart, width: float) -> Drawn:
    """Bars of parts, one for each moment; what is below nothing hangs down."""
    names = [column.name for column in chart.columns[1:]]
    classes = [class_of(name, chart.colors) for name in names]
    head = legend(list(zip(names, classes, strict=True)) if len(names) > 1 else [], width)
    stacks = [[_float(cell) for cell in row[1:]] for row in chart.rows]
    ticks, low, high = rounded_out(
        min((sum(min(part, 0) for part in stack) for stack in stacks), default=0.0),
        max((sum(max(part, 0) for part in stack) for stack in stacks), default=0.0),
    )
    unit = chart.columns[-1].unit if names else "usd"  # days without any call have no part
    said = axis_words(ticks, unit)
    left = margin(said)
    scale = Scale(low, high, head.height + _PLOT, head.height + 6)
    step = (width - left) / max(len(chart.rows), 1)
    thick = min(step * 0.8, 72)
    parts = [head.body, amounts_at_left(ticks, said, scale, left, width)]
    for number, row in enumerate(chart.rows):
        x = left + step * number + (step - thick) / 2
        up = down = 0.0
        for name, class_, cell in zip(names, classes, row[1:], strict=True):
            amount = _float(cell)
            if not amount:
                continue
            base = up if amount > 0 else down
            y, end = sorted((scale.at(base), scale.at(base + amount)))
            edge = f"{class_} edge" if thick > 5 else class_
            when = str(row[0])
            parts.append(
                ink.bar(
                    x, y, thick, end - y, edge, f"{when}, {name}: {_said(cell, unit)}", name=name, at=when
                )
            )
            up, down = (up + amount, down) if amount > 0 else (up, down + amount)
    places = [left + step * (number + 0.5) for number in range(len(chart.rows))]
    parts.append(moments_below(_moments(chart), places, head.height + _PLOT, width - left))
    return Drawn(head.height + _PLOT + _BELOW, "".join(parts))


def _moments(chart: Chart) -> list[date | str]:
    return [row[0] if isinstance(row[0], date) else str(row[0]) for row in chart.rows]


def ranked_change(chart: Chart, width: float) -> Drawn:
    """A bar for each name, how much it is and how much more than before; a stroke stands where it was.

    Beside limits, each bar is drawn as the share of its own.
    """
    limited = len(chart.columns) > 2 and chart.columns[2].name.startswith("limit")
    words = [_beside(row, chart) for row in chart.rows]
    lanes = _lanes([str(row[0]) for row in chart.rows], width)
    pairs = [_shares_of_limit(row) if limited else _pair(row) for row in chart.rows]
    amounts = [amount for pair in pairs for amount in pair if amount is not None]
    low, high = min([*amounts, 0.0]), max([*amounts, 0.0])
    right = max((ink.wide(word) for word in words), default=0.0) + 10
    scale = Scale(low, high if high > low else low + 1, lanes.room, width - right)
    top = LINE + 2 if len(chart.columns) > 2 else 0
    end_of_all = top + lanes.height * len(words)
    parts = [ink.words(lanes.room, 12, f"| {_before(chart)}", class_="faint")] if top else []
    parts.append(ink.line(scale.at(0), top, scale.at(0), end_of_all, "axis"))
    for number, (row, word, (amount, was)) in enumerate(zip(chart.rows, words, pairs, strict=True)):
        y, name = top + lanes.height * number, str(row[0])
        parts.append(lanes.label(name, y))
        reach = scale.at(0)
        if amount is not None:
            x, reach = sorted((scale.at(0), scale.at(amount)))
            over = limited and was is not None and amount > was
            class_ = "up" if over else class_of(name, chart.colors) if chart.by or chart.colors else "n0"
            parts.append(lanes.bar(x, reach, y, class_, f"{name}: {word}", name=name))
        if was is not None:
            middle = y + lanes.height - _ROW
            parts.append(ink.line(scale.at(was), middle + 2, scale.at(was), middle + _ROW - 2, "mark"))
            reach = max(reach, scale.at(was))
        parts.append(ink.words(reach + 6, y + lanes.height - 11, word))
    return Drawn(end_of_all + 4, "".join(parts))


def _pair(row: Sequence[Cell]) -> tuple[float | None, float | None]:
    now, *before = row[1:3]
    return _known(now), _known(before[0]) if before else None


def _shares_of_limit(row: Sequence[Cell]) -> tuple[float | None, float | None]:
    used, limit = _pair(row)
    return (None, None) if used is None or not limit else (used / limit, 1.0)


def _known(cell: Cell) -> float | None:
    return None if cell is None else _float(cell)


@dataclass(frozen=True)
class _Lanes:
    """Rows with a name each: at the left where there is room for it, else above its bar."""

    room: float
    height: float
    width: float

    def label(self, name: str, y: float) -> str:
        room, line = (self.room, y + 19) if self.room else (self.width, y + 14)
        title = ink.element("title", ink.said(name))
        return ink.element("text", title, ink.said(ink.cut(name, room - 10)), x=0, y=line)

    def bar(self, x: float, end: float, y: float, class_: str, tip: str, **about: str | None) -> str:
        return ink.bar(x, y + self.height - _ROW + 5, end - x, _ROW - 10, class_, tip, **about)


def _lanes(names: Sequence[str], width: float) -> _Lanes:
    needed = max(map(ink.wide, names), default=0.0) + 12
    if needed <= width * 0.3:
        return _Lanes(needed, _ROW, width)
    return _Lanes(min(needed, width * 0.42), _ROW, width) if width >= 500 else _Lanes(0, _ROW + 16, width)


def _before(chart: Chart) -> str:
    return chart.columns[2].name.removesuffix("_usd").replace("_", " ")


def _beside(row: Sequence[Cell], chart: Chart) -> str:
    """`$5.00 (+$1.00)` beside what it was before; `$5.00 of $9.00` beside a limit.

    Where the chart has a column for the change, it is that one: the difference of rounded amounts may be another.
    """
    now = _said(row[1], chart.columns[1].unit)
    if len(chart.columns) < 3 or not isinstance(row[1], Decimal) or not isinstance(row[2], Decimal):
        return now
    if chart.columns[2].name.startswith("limit"):
        return f"{now} of {money(row[2])}"
    told = row[3] if len(row) > 3 else None
    change = told if isinstance(told, Decimal) else row[1] - row[2]
    return f"{now} ({money(change, signed=True)})" if change else f"{now} (no change)"


def waterfall(chart: Chart, width: float) -> Drawn:
    """From the first amount to the last, a bar for what each of the others adds or takes.

    Amounts of a column that adds up are rounded together, as those of the table below are; others each by itself.
    """
    first, *steps, last = chart.rows
    lanes = _lanes([str(row[0]) for row in chart.rows], width)
    ends = [_float(first[1])]
    for row in steps:
        ends.append(ends[-1] + _float(row[1]))
    changes = [row[1] for row in steps]
    if chart.columns[1].adds_up:
        changes = rounded_together(changes)
    words = [_said(first[1]), *(_said(change, signed=True) for change in changes), _said(last[1])]
    right = max(map(ink.wide, words)) + 10
    low, high = min([*ends, _float(last[1]), 0.0]), max([*ends, _float(last[1]), 0.0])
    if steps and low == 0 and high - min(ends) < SMALL * high:
        low = _cut_off(ends, high)
    scale = Scale(low, high if high > low else low + 1, lanes.room, width - right)
    base = max(low, 0.0)
    spans = [(base, ends[0]), *pairwise(ends), (base, _float(last[1]))]
    parts = []
    for number, (row, word, (start, end)) in enumerate(zip(chart.rows, words, spans, strict=True)):
        y, name = lanes.height * number, str(row[0])
        is_whole = number in (0, len(chart.rows) - 1)
        class_ = "total" if is_whole else "up" if end >= start else "down"
        x, until = sorted((scale.at(start), scale.at(end)))
        parts.append(lanes.label(name, y))
        parts.append(lanes.bar(x, until, y, class_, f"{name}: {word}", name=name, at=str(number)))
        parts.append(ink.words(until + 6, y + lanes.height - 11, word))
        if number + 1 < len(chart.rows):
            foot = y + lanes.height - 5
            parts.append(
                ink.line(scale.at(end), foot, scale.at(end), foot + lanes.height - _ROW + 10, "axis")
            )
    height = lanes.height * len(chart.rows) + 4
    if low > 0:
        parts.append(ink.words(lanes.room, height + 12, f"bars begin at {money(_tidy(low))}", class_="faint"))
        height += LINE
    return Drawn(height, "".join(parts))


def _cut_off(ends: Sequence[float], high: float) -> float:
    """Where bars begin that are long against what changes: half of the lowest change away from the lowest."""
    ticks, low, _ = rounded_out(max(min(ends) - (high - min(ends)) * 1.5, 0.0), high, 8)
    return low if len(ticks) > 1 else 0.0


def _tidy(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6)))


def histogram(chart: Chart, width: float) -> Drawn:
    """How many there are of each size; the bars are as wide as one another, whatever their span."""
    most = max((_float(row[2]) for row in chart.rows), default=0.0)
    ticks, low, high = rounded_out(0.0, most)
    said = counts(ticks)
    left, top = margin(said), LINE * (1 + len(chart.marks)) if chart.marks else 8.0
    scale = Scale(low, high, top + _PLOT - 40, top)
    edges = [_edge(cell) for cell in (*(row[0] for row in chart.rows), chart.rows[-1][1])]
    widest = max(map(ink.wide, edges))
    left = max(left, widest / 2)
    step = (width - left - max(24, widest / 2)) / max(len(chart.rows), 1)
    parts = [amounts_at_left(ticks, said, scale, left, width)]
    for number, row in enumerate(chart.rows):
        x, y = left + step * number, scale.at(_float(row[2]))
        tip = f"{_said(row[0])} to {_said(row[1])}: {_float(row[2]):,.0f} {chart.columns[2].name}"
        parts.append(ink.bar(x, y, step, scale.start - y, "n4 edge", tip, at=str(number)))
    every = max(1, math.ceil(max(64, widest + 8) / step))
    for number in range(0, len(edges), every):
        x = left + step * number
        parts.append(ink.words(x, scale.start + 16, edges[number], at="middle", class_="faint"))
    for number, (name, amount) in enumerate(chart.marks):
        x = left + step * _within(chart, float(amount))
        y = LINE * number + 12
        parts.append(ink.line(x, y + 4, x, scale.start, "mark"))
        word = f"{name} {money(amount)}"
        fits = x + 4 + ink.wide(word) <= width
        parts.append(ink.words(x + (4 if fits else -4), y + 2, word, at="start" if fits else "end"))
    return Drawn(scale.start + _BELOW, "".join(parts))


def _within(chart: Chart, amount: float) -> float:
    """The place of an amount, in bars."""
    for number, row in enumerate(chart.rows):
        start, end = _float(row[0]), _float(row[1])
        if amount <= end:
            return number + (max(amount - start, 0.0) / (end - start) if end > start else 0.5)
    return float(len(chart.rows))


def shares(chart: Chart, width: float) -> Drawn:
    """A whole bar for each name, of its parts."""
    names = [column.name for column in chart.columns[1:]]
    classes = [class_of(name, chart.colors) for name in names]
    head = legend(list(zip(names, classes, strict=True)), width)
    lanes = _lanes([str(row[0]) for row in chart.rows], width)
    bounds = [
        (sum(min(_float(c), 0) for c in row[1:]), sum(max(_float(c), 0) for c in row[1:]))
        for row in chart.rows
    ]
    ticks, low, high = rounded_out(min(low for low, _ in bounds), max(high for _, high in bounds))
    scale = Scale(low, high, lanes.room, width - 20)
    bottom = head.height + (lanes.height + 4) * len(chart.rows)
    parts = [head.body, amounts_below(ticks, dollars(ticks), scale, head.height, bottom)]
    for number, row in enumerate(chart.rows):
        y = head.height + (lanes.height + 4) * number
        parts.append(lanes.label(str(row[0]), y))
        up = down = 0.0
        whole = sum(max(_float(cell), 0) for cell in row[1:])
        for name, class_, cell in zip(names, classes, row[1:], strict=True):
            amount = _float(cell)
            if not amount:
                continue
            base = up if amount > 0 else down
            x, end = sorted((scale.at(base), scale.at(base + amount)))
            part = f" ({amount / whole:.1%})" if whole and amount > 0 else ""
            tip = f"{row[0]}, {name}: {_said(cell)}{part}"
            about = {"name": name, "at": str(row[0])}
            top = y + lanes.height - _ROW + 4
            parts.append(ink.bar(x, top, end - x, _ROW - 6, f"{class_} edge", tip, **about))
            up, down = (up + amount, down) if amount > 0 else (up, down + amount)
    return Drawn(bottom + _BELOW, "".join(parts))


def _edge(cell: Cell) -> str:
    return edge(cell) if isinstance(cell, Decimal) else ""


def _float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | Decimal) else 0.0


def _said(cell: Cell, unit: str = "usd", *, signed: bool = False) -> str:
    if isinstance(cell, Decimal) and unit == "usd":
        return money(cell, signed=signed)
    return spelled(cell, unit) if cell is None or isinstance(cell, int | Decimal) else str(cell)
